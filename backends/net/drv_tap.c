/* SPDX-License-Identifier: MIT */
/*
 * "tap": a tap interface, alone or as a port of a Linux bridge. Large segments
 * and blank checksums pass both ways as they are; large UDP packets, which netif
 * does not know, are cut on their way to the guest (vnetport.h).
 *
 * A batch is written by one io_uring_enter(): a tap takes a packet while its
 * write is submitted, or not at all. That costs 0.8 us a packet in batches of 16
 * where a writev() each costs 1.2, and pays from two on. Reads are one readv() each,
 * straight into the guest's pages.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backends/drvopt.h"
#include "backends/net/drivers.h"
#include "backends/net/fdwait.h"
#include "backends/net/netport.h"
#include "backends/net/vnetport.h"
#include "hv/base/log.h"
#include "hv/base/tap.h"

struct tap_queue {
	struct netdrv_queue q; /* first */
	struct fdwait *wait;
	netport_count *refused;
	int fd, file; /* file: as registered with the worker, or -1 */
	bool detach;  /* the kernel is to leave it alone once it has stopped */
	bool gone;    /* somebody deleted the interface */
	struct vnetport_out out[NETDRV_BATCH];
	struct vnetport_in in;
};

struct tap_port {
	struct netdrv drv; /* first */
	struct netdrv_caps guest;
	char name[NETDRV_NAME_MAX];
	int fds[NETDRV_MAX_FDS];
	netport_count refused[NETDRV_MAX_FDS];
};

_Static_assert(NETDRV_MAX_FDS <= TAP_MAX_QUEUES, "a descriptor a queue");
_Static_assert(NETDRV_NAME_MAX == IFACE_NAME_MAX, "the kernel's");
_Static_assert(NETDRV_BATCH <= WORKER_HELD, "a batch in one submission");

/* ------------------------------------------------------------ before the sandbox */

/* As Xen's scripts do: of all addresses the last that a bridge takes as its own. */
static const uint8_t bridged_mac[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };

static int tap_join(struct netdrv_params *p, char **why)
{
	int err = iface_set_mac(p->made, bridged_mac);

	if (!err)
		err = iface_join_bridge(p->bridge, p->made);
	if (err == -ENODEV || err == -ENAMETOOLONG)
		*why = netdrv_why("bridge=%s: there is no such bridge", p->bridge);
	else if (err == -EOPNOTSUPP)
		*why = netdrv_why("bridge=%s: this interface is not a bridge", p->bridge);
	else if (err == -EBUSY)
		*why = netdrv_why("bridge=%s: %s is a port of another bridge", p->bridge,
				  p->made);
	else if (err)
		*why = netdrv_why("bridge=%s: %s cannot join it: %s", p->bridge, p->made,
				  strerror(-err));
	return err;
}

static int tap_configure(struct netdrv_params *p, char **why)
{
	uint32_t mtu = p->mtu;
	int err = 0;

	if (!mtu && p->bridge && iface_is_bridge(p->bridge))
		(void)iface_mtu(p->bridge, &mtu); /* cannot fail: it is there */
	if (mtu)
		err = iface_set_mtu(p->made, mtu);
	if (err) {
		*why = netdrv_why("mtu=%u: %s: %s", mtu, p->made, strerror(-err));
		return err;
	}
	if (p->bridge)
		err = tap_join(p, why);
	if (err)
		return err;
	err = iface_set_up(p->made);
	if (!err)
		err = iface_mtu(p->made, &p->found_mtu);
	if (err)
		*why = netdrv_why("vifname=%s: %s", p->made, strerror(-err));
	return err;
}

/* "tap:NAME", or the vif's name. */
static const char *tap_name(const struct netdrv_params *p)
{
	return p->target ? p->target : p->ifname;
}

static int tap_open_files(struct netdrv_params *p, char **why)
{
	unsigned n = p->queues < 1 ? 1 : p->queues;
	int err;

	if (n > NETDRV_MAX_FDS)
		n = NETDRV_MAX_FDS;
	err = tap_open(tap_name(p), n, p->fds, p->made);
	if (err) {
		*why = netdrv_why("%s=%s: %s", p->target ? "tap" : "vifname",
				  tap_name(p) ? tap_name(p) : "", tap_strerror(err));
		return err;
	}
	p->nfds = (int)n;
	err = tap_configure(p, why);
	while (err && p->nfds)
		close(p->fds[--p->nfds]);
	return err;
}

/* --------------------------------------------------------------------- device */

/* Does the kernel choose this queue for packets? Only those that somebody reads. */
static int tap_attach(int fd, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	return ioctl(fd, TUNSETQUEUE, &ifr) < 0 ? -errno : 0;
}

static int tap_options(const struct netdrv_params *p, bool *uso, char **why)
{
	const char *at = p->options;
	struct drvopt o;
	int ret;

	while ((ret = drvopt_next(&at, &o)) > 0) {
		*uso = strcmp(o.value, "off") != 0;
		if (strcmp(o.key, "uso") || (*uso && strcmp(o.value, "on")))
			break;
	}
	if (!ret)
		return 0;
	*why = netdrv_why("options=%s: want uso=on or uso=off", p->options);
	return -EINVAL;
}

static int tap_port_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	bool uso = true;
	struct tap_port *t;
	int err = 0;

	if (tap_options(p, &uso, why) || p->nfds < 1 || p->nfds > NETDRV_MAX_FDS)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	/* the first stays: what the guest takes is set by it */
	for (int i = 1; i < p->nfds && !err; i++)
		err = tap_attach(p->fds[i], false);
	if (err) {
		*why = netdrv_why("vifname=%.15s: %s", p->made, strerror(-err));
		free(t);
		return err;
	}
	memcpy(t->name, p->made, sizeof(t->name));
	t->name[sizeof(t->name) - 1] = '\0';
	memcpy(t->fds, p->fds, sizeof(t->fds));
	t->drv.ops = &drv_tap;
	t->drv.info = (struct netdrv_info){
		.send = { .csum = true, .csum6 = true, .tso4 = true, .tso6 = true },
		.mtu = p->found_mtu,
		.max_queues = (uint32_t)p->nfds,
		.uso = uso && tap_has_uso(p->fds[0]),
	};
	*dev = &t->drv;
	return 0;
}

static void tap_port_close(struct netdrv *dev)
{
	struct tap_port *t = (struct tap_port *)dev;

	for (uint32_t i = 0; i < dev->info.max_queues; i++)
		close(t->fds[i]);
	free(t);
}

/* The kernel knows one flag for checksums over IPv4 and IPv6: what the guest does
 * not take of it is filled in here (vnetport.h). A guest that takes none of either
 * is better off with large UDP packets that the kernel cuts, and sums. */
static int tap_set_guest(struct netdrv *dev, const struct netdrv_caps *caps)
{
	struct tap_port *t = (struct tap_port *)dev;
	const bool csum = caps->csum || caps->csum6;

	t->guest = *caps;
	return tap_set_offload(t->fds[0], csum, caps->csum && caps->tso4,
			       caps->csum6 && caps->tso6, csum && dev->info.uso);
}

static void tap_stats(struct netdrv *dev, char *buf, size_t len)
{
	struct tap_port *t = (struct tap_port *)dev;
	uint64_t refused = 0;

	for (uint32_t i = 0; i < dev->info.max_queues; i++)
		refused += netport_get(&t->refused[i]);
	snprintf(buf, len, "\"interface\":\"%s\",\"refused\":%" PRIu64, t->name, refused);
}

/* ---------------------------------------------------------------------- queues */

static int tap_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			   struct netdrv_client *client, struct netdrv_queue **q)
{
	struct tap_port *t = (struct tap_port *)dev;
	struct tap_queue *tq = calloc(1, sizeof(*tq));
	int err = -ENOMEM;

	if (!tq)
		return err;
	tq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	tq->fd = t->fds[index];
	tq->refused = &t->refused[index];
	tq->wait = fdwait_new(w, tq->fd, client);
	if (!tq->wait)
		goto free_queue;
	if (index) {
		err = tap_attach(tq->fd, true);
		if (err)
			goto free_wait;
		tq->detach = true;
	}
	tq->file = worker_file_get(w, tq->fd); /* without it works, too */
	*q = &tq->q;
	return 0;
free_wait:
	fdwait_free(tq->wait);
free_queue:
	free(tq);
	return err;
}

static void tap_queue_stop(struct netdrv_queue *q)
{
	struct tap_queue *tq = (struct tap_queue *)q;

	if (tq->file >= 0)
		worker_file_put(q->worker, tq->file);
	if (tq->detach)
		(void)tap_attach(tq->fd, false); /* fails if the tap is gone */
	fdwait_free(tq->wait);
	free(tq);
}

static void tap_count_refused(struct tap_queue *tq, unsigned more)
{
	more += (unsigned)tq->wait->failures;
	tq->wait->failures = 0;
	if (more)
		netport_add(tq->refused, more);
}

/* One alone is written sooner without the ring. */
static int tap_send_one(struct tap_queue *tq, const struct netbuf *b)
{
	struct vnetport_out *o = tq->out;
	bool bad = vnetport_out(o, b) || writev(tq->fd, o->iov, o->iovcnt) < 0;

	tap_count_refused(tq, bad);
	return 1;
}

static int tap_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct tap_queue *tq = (struct tap_queue *)q;
	unsigned held = 0, bad = 0;

	if (n == 1)
		return tap_send_one(tq, pkts[0]);
	for (unsigned i = 0; i < n; i++) {
		struct vnetport_out *o = &tq->out[held];
		struct io_uring_sqe *sqe;

		if (vnetport_out(o, pkts[i])) {
			bad++;
			continue;
		}
		held++;
		sqe = worker_sqe_held(q->worker, &tq->wait->failed);
		io_uring_prep_writev(sqe, tq->file >= 0 ? tq->file : tq->fd, o->iov,
				     (unsigned)o->iovcnt, 0);
		sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
		if (tq->file >= 0)
			sqe->flags |= IOSQE_FIXED_FILE;
	}
	if (held)
		bad += worker_send_held(q->worker, held);
	tap_count_refused(tq, bad);
	return (int)n;
}

static int tap_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct tap_queue *tq = (struct tap_queue *)q;
	struct tap_port *t = (struct tap_port *)q->dev;
	struct iovec iov[VNETPORT_IOVS];
	ssize_t n;
	int ret;

	if (vnetport_cutting(&tq->in)) {
		ret = vnetport_next(&tq->in, b, &t->guest);
		q->drops += ret < 0;
		return ret;
	}
	n = readv(tq->fd, iov, vnetport_room(&tq->in, b, iov));
	/* these two took a packet */
	if (n < 0 && errno != EINVAL && errno != EFAULT) {
		if (errno == EBADFD && !tq->gone) {
			tq->gone = true;
			log_warn("%s: this tap is gone: somebody deleted it", t->name);
		}
		return 0;
	}
	if (n >= 0)
		vnetport_gather(&tq->in, b, (size_t)n);
	ret = n < 0 ? -EMSGSIZE : vnetport_took(&tq->in, b, (size_t)n, &t->guest);
	q->drops += ret < 0;
	return ret;
}

static int tap_arm(struct netdrv_queue *q, bool want_recv)
{
	struct tap_queue *tq = (struct tap_queue *)q;

	if (want_recv && vnetport_cutting(&tq->in))
		return 1;
	fdwait_arm(tq->wait, want_recv && !tq->gone, false);
	return 0;
}

const struct netdrv_ops drv_tap = {
	.name = "tap",
	.summary = "a tap interface, alone or in a Linux bridge",
	.open_files = tap_open_files,
	.open = tap_port_open,
	.close = tap_port_close,
	.set_guest = tap_set_guest,
	.queue_start = tap_queue_start,
	.queue_stop = tap_queue_stop,
	.send = tap_send,
	.recv = tap_recv,
	.arm = tap_arm,
	.stats = tap_stats,
};
