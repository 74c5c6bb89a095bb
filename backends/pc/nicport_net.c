/* SPDX-License-Identifier: MIT */
/* A card's port on a network driver: the worker's side. */
#include "backends/pc/nicport_net.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/net/fdwait.h"
#include "backends/net/netinbox.h"
#include "backends/net/netport.h"
#include "backends/net/netseg.h"

#define OUT_BYTES   (2u << 20)
#define OUT_PACKETS 4096u
/* Room that the largest segment may take, if the card cuts it. */
#define OUT_FREE_BYTES	 (512u << 10)
#define OUT_FREE_PACKETS 2048u
#define BATCH		 16u /* frames from the driver at once */
/* A frame with a tag; in front of it, as in front of what is sent, there is room for one
 * more (netvlan.h). */
#define TAG_ROOM  16u
#define ROOM(mtu) ((TAG_ROOM + (size_t)(mtu) + 18u + NETBUF_HDR + 15u) & ~(size_t)15)

struct nicnet {
	struct nicport port; /* first */
	struct nicnet_config cfg;
	struct worker_client client;
	struct netdrv_client news;  /* of the driver and the inbox */
	struct netdrv_client woken; /* of `wake` */
	struct netdrv_queue *q;
	struct netinbox *out;
	int err; /* of start() */
	/* The batch; under the board's lock. The worker fills it while it is empty:
	 * then nobody else looks at it. */
	struct batch_frame {
		uint32_t len;
		bool validated;
	} frame[BATCH];
	unsigned at, n;
	uint8_t *room; /* ROOM() each */
	size_t room_one;
	/* The board's thread to the worker: the batch is empty, take more. */
	int wake_fd;
	struct fdwait *wake;
	_Atomic bool asleep; /* the worker wants to be told */
	netport_count tx_packets, tx_bytes, tx_errors, tx_dropped;
	netport_count rx_packets, rx_bytes, rx_dropped;
	/* Packets for the driver, and their first bytes. */
	struct netbuf pkt[NETDRV_BATCH];
	uint8_t hdr[NETDRV_BATCH][TAG_ROOM + NETBUF_HDR];
};

static struct nicnet *of_port(struct nicport *p)
{
	return (struct nicnet *)p;
}

static struct nicnet *of_client(struct worker_client *c)
{
	return (struct nicnet *)((char *)c - offsetof(struct nicnet, client));
}

/* ------------------------------------------------------------- the card's side */

static void net_send(struct nicport *p, const struct netbuf *b)
{
	struct nicnet *n = of_port(p);

	/* counts what it drops */
	(void)netinbox_put(n->out, b);
}

static bool net_may_send(struct nicport *p)
{
	uint32_t packets;
	size_t bytes;

	netinbox_depth(of_port(p)->out, &packets, &bytes);
	return packets <= OUT_PACKETS - OUT_FREE_PACKETS &&
	       bytes <= OUT_BYTES - OUT_FREE_BYTES;
}

static bool net_peek(struct nicport *p, struct nicframe *f)
{
	const struct nicnet *n = of_port(p);

	if (n->at == n->n)
		return false;
	f->data = n->room + n->at * n->room_one + TAG_ROOM;
	f->len = n->frame[n->at].len;
	f->validated = n->frame[n->at].validated;
	return true;
}

static void net_pop(struct nicport *p)
{
	struct nicnet *n = of_port(p);
	const uint64_t one = 1;

	netport_add(&n->rx_packets, 1);
	netport_add(&n->rx_bytes, n->frame[n->at].len);
	if (++n->at == n->n && atomic_exchange(&n->asleep, false))
		/* cannot fail: the counter is far from full */
		(void)!write(n->wake_fd, &one, sizeof(one));
}

static const struct nicport_ops net_ops = { net_send, net_may_send, net_peek, net_pop };

/* ------------------------------------------------------------------ to the driver */

static unsigned out_send(struct nicnet *n, struct netbuf *const *pkts, unsigned count)
{
	unsigned sent = (unsigned)n->cfg.dev->ops->send(n->q, pkts, count);
	uint64_t bytes = 0;

	for (unsigned i = 0; i < sent; i++)
		bytes += pkts[i]->len;
	netport_add(&n->tx_packets, sent);
	netport_add(&n->tx_bytes, bytes);
	return sent;
}

/* A large segment for a driver that carries none. */
static void out_send_cut(struct nicnet *n, const struct netbuf *b)
{
	struct netbuf *list[NETDRV_BATCH];
	struct netseg s;
	unsigned count = 0, sent;
	bool more;

	if (netseg_start(&s, b)) {
		netport_add(&n->tx_errors, 1);
		return;
	}
	do {
		list[count] = &n->pkt[count];
		more = netseg_next(&s, list[count], n->hdr[count] + TAG_ROOM);
		count += more;
		if (!count || (more && count < NETDRV_BATCH))
			continue;
		sent = out_send(n, list, count);
		netport_add(&n->tx_dropped, count - sent);
		count = 0;
	} while (more);
}

static bool out_must_cut(const struct nicnet *n, const struct netbuf *b)
{
	const struct netdrv_caps *c = &n->cfg.dev->info.send;

	return (b->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV4 && !c->tso4) ||
	       (b->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV6 && !c->tso6);
}

/* A batch from the inbox; what the driver has no room for now stays there. */
static unsigned out_run(struct nicnet *n)
{
	struct netbuf *list[NETDRV_BATCH], b;
	unsigned count = 0, sent = 0;

	while (count < NETDRV_BATCH && netinbox_peek(n->out, count, &b)) {
		uint8_t *hdr = n->hdr[count] + TAG_ROOM;

		if (out_must_cut(n, &b)) {
			if (count)
				break;
			out_send_cut(n, &b);
			netinbox_skip(n->out, 1);
			return 1;
		}
		memcpy(hdr, b.iov[0].iov_base, b.iov[0].iov_len);
		b.iov[0].iov_base = hdr;
		b.vlan = 0;
		n->pkt[count] = b;
		list[count] = &n->pkt[count];
		count++;
	}
	if (count)
		sent = out_send(n, list, count);
	netinbox_skip(n->out, sent);
	return sent;
}

/* ---------------------------------------------------------------- from the driver */

/* The next frame into a place of the batch. As recv(). */
static int in_take(struct nicnet *n, unsigned i)
{
	uint8_t *room = n->room + i * n->room_one + TAG_ROOM;
	struct netbuf b = { .iovcnt = 2 };
	int ret;

	b.iov[0] = (struct iovec){ room, NETBUF_HDR };
	b.iov[1] =
		(struct iovec){ room + NETBUF_HDR, n->room_one - NETBUF_HDR - TAG_ROOM };
	ret = n->cfg.dev->ops->recv(n->q, &b);
	if (ret <= 0)
		return ret;
	if (b.len < NETIF_ETH_HLEN || b.meta.gso_type || b.meta.csum_blank)
		return -EMSGSIZE; /* the driver was told that the guest has none */
	if (b.len < NIC_FRAME_MIN) {
		memset(room + b.len, 0, NIC_FRAME_MIN - b.len);
		b.len = NIC_FRAME_MIN;
	}
	n->frame[i].len = b.len;
	n->frame[i].validated = b.meta.data_validated;
	return 1;
}

/* Is the batch empty? Then the worker may fill it. */
static bool in_is_empty(struct nicnet *n)
{
	bool empty;

	n->cfg.lock(n->cfg.lock_arg);
	empty = n->at == n->n;
	n->cfg.unlock(n->cfg.lock_arg);
	return empty;
}

static unsigned in_run(struct nicnet *n)
{
	unsigned count = 0, work = 0;
	int ret = 1;

	if (n->cfg.dev->info.no_recv || !in_is_empty(n))
		return 0;
	while (count < BATCH && work < 2 * BATCH) {
		ret = in_take(n, count);
		if (!ret)
			break;
		work++;
		count += ret > 0;
	}
	if (n->q->drops != netport_get(&n->rx_dropped))
		netport_add(&n->rx_dropped, n->q->drops - netport_get(&n->rx_dropped));
	if (!count)
		return work;
	n->cfg.lock(n->cfg.lock_arg);
	n->at = 0;
	n->n = count;
	nicport_run(&n->port);
	n->cfg.unlock(n->cfg.lock_arg);
	return work;
}

/* ------------------------------------------------------------ the worker's client */

static int run(struct worker_client *c)
{
	struct nicnet *n = of_client(c);

	return (int)(out_run(n) + in_run(n));
}

static int arm(struct worker_client *c)
{
	struct nicnet *n = of_client(c);
	bool want;

	/* first asked for, then looked at: net_pop() does it the other way round */
	atomic_store(&n->asleep, true);
	want = in_is_empty(n);
	if (want)
		atomic_store(&n->asleep, false);
	if (netinbox_arm(n->out))
		return 1;
	if (n->cfg.dev->ops->arm)
		return n->cfg.dev->ops->arm(n->q, want && !n->cfg.dev->info.no_recv);
	return 0;
}

static void flush(struct worker_client *c)
{
	(void)c;
}

static void on_news(struct netdrv_client *c)
{
	struct nicnet *n = (struct nicnet *)((char *)c - offsetof(struct nicnet, news));

	worker_client_wake(n->cfg.worker, &n->client);
}

static void on_woken(struct netdrv_client *c)
{
	struct nicnet *n = (struct nicnet *)((char *)c - offsetof(struct nicnet, woken));
	uint64_t count;

	/* cannot fail in a way that matters: the event is merged or gone */
	(void)!read(n->wake_fd, &count, sizeof(count));
	fdwait_arm(n->wake, true, false);
	worker_client_wake(n->cfg.worker, &n->client);
}

/* --------------------------------------------------------------- start and stop */

static void start(void *arg)
{
	struct nicnet *n = arg;
	struct worker *w = n->cfg.worker;

	n->wake = fdwait_new(w, n->wake_fd, &n->woken);
	if (!n->wake) {
		n->err = -ENOMEM;
		return;
	}
	n->err = netinbox_start(n->out, w, &n->news);
	if (n->err)
		goto free_wake;
	n->err = n->cfg.dev->ops->queue_start(n->cfg.dev, 0, w, &n->news, &n->q);
	if (n->err)
		goto stop_inbox;
	fdwait_arm(n->wake, true, false);
	worker_client_add(w, &n->client);
	return;
stop_inbox:
	netinbox_stop(n->out);
free_wake:
	fdwait_free(n->wake);
}

static void stop(void *arg)
{
	struct nicnet *n = arg;

	worker_client_remove(n->cfg.worker, &n->client);
	n->cfg.dev->ops->queue_stop(n->q);
	netinbox_stop(n->out);
	fdwait_free(n->wake);
}

/* What the card's guest takes: frames, their checksums filled in. */
static int tell_driver(struct netdrv *dev)
{
	const struct netdrv_caps none = { 0 };

	return dev->ops->set_guest ? dev->ops->set_guest(dev, &none) : 0;
}

int nicnet_new(const struct nicnet_config *cfg, struct nicnet **out)
{
	struct nicnet *n = calloc(1, sizeof(*n));
	int err = -ENOMEM;

	if (!n)
		return err;
	n->cfg = *cfg;
	n->port.ops = &net_ops;
	n->port.tso4 = n->port.tso6 = true; /* the worker cuts them */
	n->client = (struct worker_client){ .run = run, .arm = arm, .flush = flush };
	n->news.ready = on_news;
	n->woken.ready = on_woken;
	n->room_one = ROOM(cfg->dev->info.mtu);
	n->room = malloc(BATCH * n->room_one);
	if (!n->room)
		goto free_net;
	err = netinbox_new(&n->out, OUT_BYTES, OUT_PACKETS);
	if (err)
		goto free_room;
	n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->wake_fd < 0) {
		err = -errno;
		goto free_inbox;
	}
	err = tell_driver(cfg->dev);
	if (err)
		goto close_wake;
	worker_call(cfg->worker, start, n);
	err = n->err;
	if (err)
		goto close_wake;
	*out = n;
	return 0;
close_wake:
	close(n->wake_fd);
free_inbox:
	netinbox_free(n->out);
free_room:
	free(n->room);
free_net:
	free(n);
	return err;
}

struct nicport *nicnet_port(struct nicnet *n)
{
	return &n->port;
}

void nicnet_counts(struct nicnet *n, struct nicnet_counts *c)
{
	*c = (struct nicnet_counts){
		.tx_packets = netport_get(&n->tx_packets),
		.tx_bytes = netport_get(&n->tx_bytes),
		.tx_errors = netport_get(&n->tx_errors),
		.tx_dropped = netport_get(&n->tx_dropped) + netinbox_dropped_all(n->out),
		.rx_packets = netport_get(&n->rx_packets),
		.rx_bytes = netport_get(&n->rx_bytes),
		.rx_dropped = netport_get(&n->rx_dropped),
	};
}

void nicnet_free(struct nicnet *n)
{
	if (!n)
		return;
	worker_call(n->cfg.worker, stop, n);
	close(n->wake_fd);
	netinbox_free(n->out);
	free(n->room);
	free(n);
}
