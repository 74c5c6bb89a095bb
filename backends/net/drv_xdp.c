/* SPDX-License-Identifier: MIT */
/*
 * "xdp": an interface, whole, by AF_XDP: the host's stack sees nothing of what it
 * receives. One queue, no offloads: packets are copied to and from frames that
 * the kernel shares. Where a peer leaves checksums blank (a veth pair) its
 * offloads must be off.
 *
 * The rings' arithmetic is libxdp's; they are the kernel's memory, not a guest's.
 * The descriptors were made before the sandbox (xdp_setup.c); here they are
 * mapped.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "backends/net/drivers.h"
#include "backends/net/fdwait.h"
#include "backends/net/netport.h"
#include "backends/net/xdp.h"

#define XDP_RETRY_NS 100000u /* frames that are under way: look again */
#define XDP_KICKS    8	     /* the kernel sends some tens a call */

enum { FILL, COMP, RX, TX, NR_RINGS };

struct xdp_port {
	struct netdrv drv; /* first */
	char name[NETDRV_NAME_MAX];
	int fds[XDP_NR_FDS];
	uint8_t *area;
	void *map[NR_RINGS];
	size_t map_len[NR_RINGS];
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons comp, rx;
	uint64_t free[XDP_RING]; /* frames to send with */
	unsigned nfree;
	netport_count refused;
};

struct xdp_queue {
	struct netdrv_queue q; /* first */
	struct netport_timer timer;
	struct fdwait *wait;
};

/* --------------------------------------------------------------------- device */

/* Both kinds of rings have the same members. */
static void ring_to_put(struct xsk_ring_prod *r, void *map,
			const struct xdp_ring_offset *off)
{
	*r = (struct xsk_ring_prod){ .cached_cons = XDP_RING,
				     .mask = XDP_RING - 1,
				     .size = XDP_RING,
				     .producer = (void *)((char *)map + off->producer),
				     .consumer = (void *)((char *)map + off->consumer),
				     .ring = (char *)map + off->desc,
				     .flags = (void *)((char *)map + off->flags) };
}

static void ring_to_take(struct xsk_ring_cons *r, void *map,
			 const struct xdp_ring_offset *off)
{
	*r = (struct xsk_ring_cons){ .mask = XDP_RING - 1,
				     .size = XDP_RING,
				     .producer = (void *)((char *)map + off->producer),
				     .consumer = (void *)((char *)map + off->consumer),
				     .ring = (char *)map + off->desc,
				     .flags = (void *)((char *)map + off->flags) };
}

static int ring_map(struct xdp_port *port, int ring, const struct xdp_ring_offset *off,
		    size_t slot, uint64_t at)
{
	size_t len = off->desc + XDP_RING * slot;
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 port->fds[XDP_FD_SOCKET], (off_t)at);

	if (map == MAP_FAILED)
		return -errno;
	port->map[ring] = map;
	port->map_len[ring] = len;
	return 0;
}

static int rings_map(struct xdp_port *port)
{
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	int err = 0;

	if (getsockopt(port->fds[XDP_FD_SOCKET], SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) <
	    0)
		return -errno;
	if (len != sizeof(off)) /* before Linux 5.4 */
		return -EOPNOTSUPP;
	err = ring_map(port, FILL, &off.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	if (!err)
		err = ring_map(port, COMP, &off.cr, sizeof(uint64_t),
			       XDP_UMEM_PGOFF_COMPLETION_RING);
	if (!err)
		err = ring_map(port, RX, &off.rx, sizeof(struct xdp_desc),
			       XDP_PGOFF_RX_RING);
	if (!err)
		err = ring_map(port, TX, &off.tx, sizeof(struct xdp_desc),
			       XDP_PGOFF_TX_RING);
	if (err)
		return err;
	ring_to_put(&port->fill, port->map[FILL], &off.fr);
	ring_to_take(&port->comp, port->map[COMP], &off.cr);
	ring_to_take(&port->rx, port->map[RX], &off.rx);
	ring_to_put(&port->tx, port->map[TX], &off.tx);
	return 0;
}

/* The first half of the frames is for what comes, the others for what goes. */
static void frames_init(struct xdp_port *port)
{
	uint32_t at = 0;

	/* cannot fail: the ring is new and as large */
	(void)xsk_ring_prod__reserve(&port->fill, XDP_RING, &at);
	for (uint32_t i = 0; i < XDP_RING; i++)
		*xsk_ring_prod__fill_addr(&port->fill, at + i) = (uint64_t)i * XDP_FRAME;
	xsk_ring_prod__submit(&port->fill, XDP_RING);
	for (uint32_t i = 0; i < XDP_RING; i++)
		port->free[port->nfree++] = (uint64_t)(XDP_RING + i) * XDP_FRAME;
}

static void port_unmap(struct xdp_port *port)
{
	if (port->area)
		munmap(port->area, XDP_AREA);
	for (int i = 0; i < NR_RINGS; i++)
		if (port->map[i])
			munmap(port->map[i], port->map_len[i]);
}

static int port_map(struct xdp_port *port)
{
	void *area = mmap(NULL, XDP_AREA, PROT_READ | PROT_WRITE, MAP_SHARED,
			  port->fds[XDP_FD_MEMORY], 0);

	if (area == MAP_FAILED)
		return -errno;
	port->area = area;
	return rings_map(port);
}

static int xdp_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	struct xdp_port *port;
	int err;

	if (p->nfds != XDP_NR_FDS || !p->target)
		return -EINVAL;
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	snprintf(port->name, sizeof(port->name), "%s", p->target);
	memcpy(port->fds, p->fds, sizeof(port->fds));
	err = port_map(port);
	if (err) {
		*why = netdrv_why("target=%s: the rings of its socket: %s", p->target,
				  strerror(-err));
		port_unmap(port);
		free(port);
		return err;
	}
	frames_init(port);
	port->drv.ops = &drv_xdp;
	port->drv.info = (struct netdrv_info){
		.mtu = p->mtu ? p->mtu : p->found_mtu,
		.max_queues = 1,
	};
	*dev = &port->drv;
	return 0;
}

static void xdp_close(struct netdrv *dev)
{
	struct xdp_port *port = (struct xdp_port *)dev;

	port_unmap(port);
	for (int i = 0; i < XDP_NR_FDS; i++)
		close(port->fds[i]);
	free(port);
}

static void xdp_stats(struct netdrv *dev, char *buf, size_t len)
{
	struct xdp_port *port = (struct xdp_port *)dev;
	struct xdp_statistics st = { 0 };
	socklen_t size = sizeof(st);

	/* cannot fail: the socket is ours */
	(void)getsockopt(port->fds[XDP_FD_SOCKET], SOL_XDP, XDP_STATISTICS, &st, &size);
	snprintf(buf, len,
		 "\"interface\":\"%s\",\"refused\":%" PRIu64 ",\"lost\":%" PRIu64,
		 port->name, netport_get(&port->refused),
		 (uint64_t)(st.rx_dropped + st.rx_ring_full +
			    st.rx_fill_ring_empty_descs));
}

/* ---------------------------------------------------------------------- queues */

static struct xdp_port *port_of(struct netdrv_queue *q)
{
	return (struct xdp_port *)q->dev;
}

static void xdp_retry(struct netport_timer *t)
{
	struct xdp_queue *xq =
		(struct xdp_queue *)((char *)t - offsetof(struct xdp_queue, timer));

	xq->q.client->ready(xq->q.client);
}

static int xdp_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			   struct netdrv_client *client, struct netdrv_queue **q)
{
	struct xdp_queue *xq = calloc(1, sizeof(*xq));

	(void)index;
	if (!xq)
		return -ENOMEM;
	xq->wait = fdwait_new(w, ((struct xdp_port *)dev)->fds[XDP_FD_SOCKET], client);
	if (!xq->wait) {
		free(xq);
		return -ENOMEM;
	}
	xq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	netport_timer_start(&xq->timer, w, xdp_retry);
	*q = &xq->q;
	return 0;
}

static void xdp_queue_stop(struct netdrv_queue *q)
{
	struct xdp_queue *xq = (struct xdp_queue *)q;

	netport_timer_stop(&xq->timer);
	fdwait_free(xq->wait);
	free(xq);
}

/* ------------------------------------------------------------------------ send */

/* Frames that were sent. */
static void take_back(struct xdp_port *port)
{
	uint32_t at, n = xsk_ring_cons__peek(&port->comp, XDP_RING - port->nfree, &at);

	for (uint32_t i = 0; i < n; i++)
		port->free[port->nfree++] =
			*xsk_ring_cons__comp_addr(&port->comp, at + i);
	if (n)
		xsk_ring_cons__release(&port->comp, n);
}

/* The kernel sends while it is called; what it leaves, the next call sends. */
static void kick(struct xdp_port *port)
{
	for (int i = 0; i < XDP_KICKS && xsk_ring_prod__needs_wakeup(&port->tx); i++) {
		if (__atomic_load_n(port->tx.consumer, __ATOMIC_ACQUIRE) ==
		    port->tx.cached_prod)
			return;
		if (sendto(port->fds[XDP_FD_SOCKET], NULL, 0, MSG_DONTWAIT, NULL, 0) <
			    0 &&
		    errno != EAGAIN)
			return; /* no room behind it: completions come first */
	}
}

static int xdp_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct xdp_queue *xq = (struct xdp_queue *)q;
	struct xdp_port *port = port_of(q);
	unsigned i, put = 0;
	uint32_t at;

	if (port->nfree < n)
		take_back(port);
	for (i = 0; i < n; i++) {
		struct xdp_desc *desc;

		if (pkts[i]->len > XDP_FRAME) {
			netport_add(&port->refused, 1);
			continue;
		}
		if (!port->nfree || !xsk_ring_prod__reserve(&port->tx, 1, &at))
			break;
		desc = xsk_ring_prod__tx_desc(&port->tx, at);
		desc->addr = port->free[--port->nfree];
		desc->len = pkts[i]->len;
		desc->options = 0;
		netbuf_copy(pkts[i], 0, port->area + desc->addr, desc->len);
		put++;
	}
	if (put)
		xsk_ring_prod__submit(&port->tx, put);
	if (i < n)
		netport_timer_at(&xq->timer, worker_now(q->worker) + XDP_RETRY_NS);
	kick(port);
	return (int)i;
}

/* ------------------------------------------------------------------------ recv */

static int xdp_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct xdp_port *port = port_of(q);
	const struct xdp_desc *desc;
	uint32_t at, fill = 0;
	int ret = 1;

	if (!xsk_ring_cons__peek(&port->rx, 1, &at))
		return 0;
	desc = xsk_ring_cons__rx_desc(&port->rx, at);
	b->len = desc->len;
	b->meta = (struct netif_meta){ 0 };
	if (desc->len < NETIF_ETH_HLEN || desc->len > netbuf_iov_bytes(b)) {
		q->drops++;
		ret = -EMSGSIZE;
	} else {
		netbuf_fill(b, port->area + desc->addr, desc->len);
	}
	/* cannot fail: there are as many slots as frames */
	(void)xsk_ring_prod__reserve(&port->fill, 1, &fill);
	*xsk_ring_prod__fill_addr(&port->fill, fill) = desc->addr / XDP_FRAME * XDP_FRAME;
	xsk_ring_cons__release(&port->rx, 1);
	xsk_ring_prod__submit(&port->fill, 1);
	return ret;
}

static int xdp_arm(struct netdrv_queue *q, bool want_recv)
{
	/* the poll also tells the kernel of frames to fill, and sends */
	fdwait_arm(((struct xdp_queue *)q)->wait, want_recv, false);
	return 0;
}

const struct netdrv_ops drv_xdp = {
	.name = "xdp",
	.summary = "an interface, whole (AF_XDP)",
	.open_files = xdp_open_files,
	.open = xdp_open,
	.close = xdp_close,
	.queue_start = xdp_queue_start,
	.queue_stop = xdp_queue_stop,
	.send = xdp_send,
	.recv = xdp_recv,
	.arm = xdp_arm,
	.stats = xdp_stats,
};
