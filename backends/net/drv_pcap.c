/* SPDX-License-Identifier: MIT */
/*
 * "pcap": a port at whose other end stand files. A capture is replayed to the
 * guest, and what the guest sends is recorded; either, or both. One queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/drvopt.h"
#include "backends/net/drivers.h"
#include "backends/net/netport.h"
#include "backends/net/pcap_in.h"
#include "backends/net/pcap_out.h"
#include "hv/base/log.h"

#define PCAP_CHECK     (UINT64_C(16) << 20) /* bytes that open() reads */
#define PCAP_SKIP      64u		    /* runts that one look passes over */
#define PCAP_SPEED_MAX 1000000u

struct pcap_options {
	char write[1024]; /* "": nothing is recorded */
	uint64_t speed;	  /* 0: as rate says */
	uint64_t rate, loop;
};

struct pcap_port {
	struct netdrv drv; /* first */
	struct pcap_options opt;
	char *name; /* of the capture */
	struct pcap_in in;
	uint64_t passes; /* through the capture, this one included */
	bool any;	 /* this pass had a packet */
	netport_count replayed, replayed_bytes, cut;
	struct pcap_out out;
};

struct pcap_queue {
	struct netdrv_queue q; /* first */
	struct pcap_port *port;
	struct netport_pace pace;
	/* Original timing: packet time `first` was due at `start`. */
	bool timed;
	uint64_t first, start;
	struct netport_timer timer;
};

/* ----------------------------------------------------------------- options */

static int pcap_option(struct pcap_options *opt, const struct drvopt *o)
{
	if (!strcmp(o->key, "write") && o->value[0]) {
		strcpy(opt->write, o->value);
		return 0;
	}
	if (!strcmp(o->key, "speed"))
		return drvopt_u64(o, &opt->speed) || !opt->speed ||
				       opt->speed > PCAP_SPEED_MAX
			       ? -EINVAL
			       : 0;
	if (!strcmp(o->key, "rate")) {
		opt->speed = 0;
		return drvopt_u64(o, &opt->rate) || opt->rate > NETPORT_RATE_MAX ? -EINVAL
										 : 0;
	}
	return strcmp(o->key, "loop") ? -EINVAL : drvopt_u64(o, &opt->loop);
}

static int pcap_options(struct pcap_options *opt, const struct netdrv_params *p,
			char **why)
{
	const char *s = p->options;
	struct drvopt o;
	int ret;

	*opt = (struct pcap_options){ .speed = 1, .loop = 1 };
	while ((ret = drvopt_next(&s, &o)) > 0) {
		ret = pcap_option(opt, &o);
		if (ret)
			break;
	}
	if (ret) {
		*why = netdrv_why("options: '%s=%s' is not understood; want any of "
				  "write=FILE, loop=N (0: for ever), and speed=1..%u or "
				  "rate=PACKETS/s (0: as fast as they are taken)",
				  o.key, o.value, PCAP_SPEED_MAX);
		return -EINVAL;
	}
	if (p->target || opt->write[0])
		return 0;
	*why = netdrv_why("pcap: want a capture to replay as target, options write=FILE "
			  "to record, or both");
	return -EINVAL;
}

/* ------------------------------------------------------------------- files */

static int pcap_open_file(struct netdrv_params *p, const char *path, int flags,
			  struct stat *st, char **why)
{
	int fd, err;

	if (p->may_open && !p->may_open(p, path)) {
		*why = netdrv_why("%s: this file may not be opened here", path);
		return -EACCES;
	}
	/* NONBLOCK: a pipe must not hold up who opens */
	fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, st)) {
		err = -errno;
		*why = netdrv_why("%s: %s", path, strerror(-err));
	} else if (!S_ISREG(st->st_mode)) {
		err = -EINVAL;
		*why = netdrv_why("%s: want a regular file", path);
	} else {
		p->fds[p->nfds++] = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* The capture first, then the recording; neither is the other. */
static int pcap_open_files(struct netdrv_params *p, char **why)
{
	struct stat in = { 0 }, out;
	struct pcap_options opt;
	int err = pcap_options(&opt, p, why);

	if (!err && p->target)
		err = pcap_open_file(p, p->target, O_RDONLY, &in, why);
	if (!err && opt.write[0])
		err = pcap_open_file(p, opt.write, O_WRONLY | O_CREAT | O_NOFOLLOW, &out,
				     why);
	if (!err && opt.write[0] && p->target && in.st_ino == out.st_ino &&
	    in.st_dev == out.st_dev) {
		*why = netdrv_why("options: write=%s: is the capture that is replayed",
				  opt.write);
		err = -EINVAL;
	}
	if (!err && opt.write[0] && ftruncate(p->fds[p->nfds - 1], 0)) {
		err = -errno;
		*why = netdrv_why("%s: %s", opt.write, strerror(-err));
	}
	while (err && p->nfds)
		close(p->fds[--p->nfds]);
	return err;
}

static int pcap_start_in(struct pcap_port *port, const struct netdrv_params *p, int fd,
			 char **why)
{
	char err[PCAP_ERRBUF_SIZE];
	int ret;

	port->name = strdup(p->target);
	if (!port->name)
		return -ENOMEM;
	port->in.fd = fd;
	port->passes = 1;
	ret = pcap_in_check(&port->in, PCAP_CHECK, err);
	if (ret)
		*why = netdrv_why("%s: %s; want a whole pcap or pcapng file of Ethernet "
				  "packets",
				  p->target, err);
	return ret;
}

/* ---------------------------------------------------------- start and stop */

static void pcap_port_close(struct netdrv *dev)
{
	struct pcap_port *port = (struct pcap_port *)dev;

	pcap_in_close(&port->in);
	if (port->in.fd >= 0)
		close(port->in.fd);
	pcap_out_close(&port->out);
	free(port->name);
	free(port);
}

static int pcap_port_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	struct pcap_port *port = calloc(1, sizeof(*port));
	int err, want;

	if (!port)
		return -ENOMEM;
	port->in.fd = -1;
	port->out.name = port->opt.write;
	port->drv.ops = &drv_pcap;
	port->drv.info = (struct netdrv_info){
		.send = { .csum = true, .csum6 = true, .tso4 = true, .tso6 = true },
		.mtu = p->mtu ? p->mtu : NETPORT_MTU,
		.max_queues = 1,
		.no_recv = !p->target,
	};
	err = pcap_options(&port->opt, p, why);
	want = (p->target ? 1 : 0) + (port->opt.write[0] ? 1 : 0);
	if (!err && p->nfds != want) {
		*why = netdrv_why("pcap: its files were not opened");
		err = -EBADF;
	}
	if (!err && p->target)
		err = pcap_start_in(port, p, p->fds[0], why);
	if (!err && port->opt.write[0])
		err = pcap_out_open(&port->out, p->fds[p->nfds - 1]);
	if (err) {
		port->in.fd = -1; /* stays the caller's */
		pcap_port_close(&port->drv);
		return err;
	}
	if (port->opt.write[0])
		close(p->fds[p->nfds - 1]);
	*dev = &port->drv;
	return 0;
}

static void pcap_timer(struct netport_timer *t)
{
	struct pcap_queue *pq =
		(struct pcap_queue *)((char *)t - offsetof(struct pcap_queue, timer));

	pq->q.client->ready(pq->q.client);
}

static int pcap_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			    struct netdrv_client *client, struct netdrv_queue **q)
{
	struct pcap_queue *pq = calloc(1, sizeof(*pq));

	(void)index;
	if (!pq)
		return -ENOMEM;
	pq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	pq->port = (struct pcap_port *)dev;
	netport_pace_start(&pq->pace, pq->port->opt.rate, worker_now(w));
	netport_timer_start(&pq->timer, w, pcap_timer);
	*q = &pq->q;
	return 0;
}

static void pcap_queue_stop(struct netdrv_queue *q)
{
	struct pcap_queue *pq = (struct pcap_queue *)q;

	pcap_out_flush(&pq->port->out);
	netport_timer_stop(&pq->timer);
	free(pq);
}

/* ------------------------------------------------------------------ replay */

/* At the end of a pass, or of what can be read. */
static void pcap_pass_ended(struct pcap_queue *pq, int ret, char *err)
{
	struct pcap_port *port = pq->port;
	bool again =
		!ret && port->any && (!port->opt.loop || port->passes < port->opt.loop);

	pcap_in_close(&port->in);
	port->any = pq->timed = false;
	port->passes++;
	if (again)
		ret = pcap_in_open(&port->in, err);
	if (ret < 0)
		log_warn("%s: %s; the replay ends here", port->name, err);
}

/* The next packet stands in port->in. False: there is none now. */
static bool pcap_peek(struct pcap_queue *pq)
{
	struct pcap_port *port = pq->port;
	char err[PCAP_ERRBUF_SIZE];
	int ret;

	for (unsigned i = 0; port->in.p && i < PCAP_SKIP; i++) {
		ret = pcap_in_next(&port->in, err);
		if (ret <= 0) {
			pcap_pass_ended(pq, ret, err);
			continue;
		}
		if (port->in.len >= NETIF_ETH_HLEN)
			return true;
		port->in.have = false;
		pq->q.drops++;
	}
	return false;
}

/* When the packet that was peeked at is due; at once, where the capture's clock
 * was set back. */
static uint64_t pcap_due(struct pcap_queue *pq)
{
	const struct pcap_in *in = &pq->port->in;

	if (!pq->port->opt.speed)
		return pq->pace.rate ? pq->pace.due : 0;
	if (!pq->timed) {
		pq->timed = true;
		pq->first = in->time;
		pq->start = worker_now(pq->q.worker);
	}
	if (in->time <= pq->first)
		return pq->start;
	return pq->start + (in->time - pq->first) / pq->port->opt.speed;
}

static int pcap_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct pcap_queue *pq = (struct pcap_queue *)q;
	struct pcap_port *port = pq->port;
	struct pcap_in *in = &port->in;

	if (!pcap_peek(pq) || pcap_due(pq) > worker_now(q->worker))
		return 0;
	/* cannot fail: it is due */
	(void)netport_pace_take(&pq->pace, worker_now(q->worker));
	in->have = false;
	port->any = true;
	if (in->len > NETPORT_MAX || in->len > netbuf_iov_bytes(b)) {
		q->drops++;
		return -EMSGSIZE;
	}
	b->len = in->len;
	b->meta = (struct netif_meta){ 0 };
	netbuf_fill(b, in->data, in->len);
	netport_add(&port->replayed, 1);
	netport_add(&port->replayed_bytes, in->len);
	netport_add(&port->cut, in->cut);
	return 1;
}

/* Whoever sleeps leaves the recording whole. */
static int pcap_arm(struct netdrv_queue *q, bool want_recv)
{
	struct pcap_queue *pq = (struct pcap_queue *)q;
	uint64_t due;

	pcap_out_flush(&pq->port->out);
	if (!want_recv)
		return 0;
	if (!pcap_peek(pq))
		return pq->port->in.p != NULL;
	due = pcap_due(pq);
	if (due <= worker_now(q->worker))
		return 1;
	netport_timer_at(&pq->timer, due);
	return 0;
}

static int pcap_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct pcap_port *port = ((struct pcap_queue *)q)->port;

	if (port->out.file)
		pcap_out_put(&port->out, pkts, n);
	return (int)n;
}

static void pcap_port_stats(struct netdrv *dev, char *buf, size_t len)
{
	const struct pcap_port *port = (struct pcap_port *)dev;

	snprintf(buf, len,
		 "\"replayed\":%" PRIu64 ",\"replayed-bytes\":%" PRIu64
		 ",\"replayed-cut\":%" PRIu64 ",\"recorded\":%" PRIu64
		 ",\"recorded-bytes\":%" PRIu64 ",\"record-lost\":%" PRIu64,
		 netport_get(&port->replayed), netport_get(&port->replayed_bytes),
		 netport_get(&port->cut), netport_get(&port->out.packets),
		 netport_get(&port->out.bytes), netport_get(&port->out.lost));
}

const struct netdrv_ops drv_pcap = {
	.name = "pcap",
	.summary = "replays the capture that target names, records to write=FILE",
	.open_files = pcap_open_files,
	.open = pcap_port_open,
	.close = pcap_port_close,
	.queue_start = pcap_queue_start,
	.queue_stop = pcap_queue_stop,
	.send = pcap_send,
	.recv = pcap_recv,
	.arm = pcap_arm,
	.stats = pcap_port_stats,
};
