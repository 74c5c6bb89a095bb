/* SPDX-License-Identifier: MIT */
/*
 * tandem-netfront: packets between one queue of the vif and one of the tap. What
 * comes out of the tap is read straight into granted pages (large UDP packets:
 * netfront_uso.h); for what goes in see netfront_write.h.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hv/base/adapt.h"
#include "hv/base/log.h"
#include "ringproto/vnet.h"
#include "tools/netfront_prog.h"
#include "tools/netfront_uso.h"
#include "tools/netfront_write.h"

#define BATCH	   64u
#define KICK	   16u /* packets that wait for others of their batch, at most */
#define DONE	   32u /* pages go back as soon as so many are done with */
#define TAGS	   8u  /* of VLANs, beyond the MTU */
#define GSO_ROOM   65535u
#define LOOKS_READ 16 /* looks at the rings between two at the tap */

struct bridge {
	struct netfront_thread *t;
	struct tandem_net_queue *q;
	int tap;
	struct tapw *writer;
	uint32_t room;	/* bytes that a packet from the tap may have */
	uint32_t asked; /* bytes that pkt has room for */
	bool no_room, gone;
	bool has_pkt;		   /* pkt is room */
	struct tandem_net_pkt pkt; /* for the next packet from the tap */
	struct tandem_net_pkt rx[BATCH];
	struct adapt adapt;
	struct uso uso;
};

/* ---------------------------------------------------------------- tap to vif */

/* Room for the next packet; after a large one of UDP for a frame (netfront_uso.h). */
static bool take_room(struct bridge *b)
{
	uint32_t bytes = b->uso.expected ? b->uso.frame : b->room;

	if (!b->has_pkt) {
		b->has_pkt = tandem_net_room(b->q, &b->pkt, 1, bytes) == 1;
		b->asked = bytes;
	}
	return b->has_pkt;
}

/* Reads one packet into b->pkt, or into b->uso, which is busy then. 1; 0: there is none,
 * -errno: it was not one. */
static int tap_read(struct bridge *b)
{
	struct iovec iov[TANDEM_NET_IOVS + 2];
	struct vnet_hdr v;
	ssize_t n;

	iov[0] = (struct iovec){ &v, sizeof(v) };
	memcpy(iov + 1, b->pkt.iov, b->pkt.iovcnt * sizeof(*iov));
	iov[b->pkt.iovcnt + 1] = uso_rest(&b->uso, b->asked);
	n = readv(b->tap, iov, b->pkt.iovcnt + 2);
	if (n < 0 && errno == EBADFD)
		b->gone = true; /* somebody deleted it */
	if (n < 0)
		return errno == EAGAIN || errno == EBADFD ? 0 : -EMSGSIZE;
	if (n < (ssize_t)(sizeof(v) + NETIF_ETH_HLEN) ||
	    n > (ssize_t)(sizeof(v) + b->room))
		return -EMSGSIZE;
	b->pkt.len = (uint32_t)n - (uint32_t)sizeof(v);
	if (b->pkt.len > b->asked || vnet_is_uso(&v))
		return uso_take(&b->uso, &v, &b->pkt, b->asked, b->pkt.len) ? -EMSGSIZE
									    : 1;
	return uso_meta(&b->uso, &v, &b->pkt) ? -EMSGSIZE : 1;
}

static unsigned tap_to_vif(struct bridge *b)
{
	unsigned n = 0, shown = 0;

	for (; n < BATCH; n++) {
		int err;

		b->no_room = !uso_send(&b->uso, b->q) || !take_room(b);
		if (b->no_room)
			break;
		err = tap_read(b);
		if (!err)
			break;
		if (err < 0 || uso_busy(&b->uso)) {
			b->t->drops += err < 0;
			continue; /* its room is as good as it was */
		}
		b->has_pkt = false;
		(void)tandem_net_commit(b->q, &b->pkt, 1); /* it counts */
		if (n - shown >= KICK) {
			tandem_net_kick(b->q);
			shown = n;
		}
	}
	if (n > shown)
		tandem_net_kick(b->q);
	return n;
}

/* ---------------------------------------------------------------- vif to tap */

_Static_assert(BATCH <= TAPW_BATCH, "what is received is written");

static unsigned vif_to_tap(struct bridge *b)
{
	int n = tandem_net_recv(b->q, b->rx, BATCH), from = 0;
	unsigned iovs = 0;

	for (int i = 0; i < n; i++) {
		tapw_put(b->writer, &b->rx[i]);
		iovs += b->rx[i].iovcnt;
		if (iovs < DONE && i + 1 < n)
			continue;
		b->t->drops += tapw_send(b->writer);
		tandem_net_done(b->q, &b->rx[from], (unsigned)(i + 1 - from));
		from = i + 1;
		iovs = 0;
	}
	/* somebody deleted it */
	b->gone |= tapw_gone(b->writer);
	return n > 0 ? (unsigned)n : 0;
}

/* ------------------------------------------------------------------ the loop */

/* Room that is not needed now is of use to queues that share the ring. */
static void give_room(struct bridge *b)
{
	if (!b->has_pkt)
		return;
	b->pkt.len = 0;
	(void)tandem_net_commit(b->q, &b->pkt, 1);
	b->has_pkt = false;
}

/* The vif changed: offloads, room, or it is gone. */
static void changed(struct bridge *b)
{
	struct netfront_prog *p = b->t->p;
	struct tandem_net_info i;
	unsigned tso = TANDEM_NET_TSO4 | TANDEM_NET_TSO6;
	uint32_t frame;

	if (tandem_net_error(p->net)) {
		b->gone = true;
		return;
	}
	if (!b->t->index)
		(void)bridge_setup(p); /* it said what is wrong */
	tandem_net_get_info(p->net, &i);
	frame = i.mtu + NETIF_ETH_HLEN + TAGS;
	b->room = i.tx.active & tso || bridge_uso(p, &i) ? GSO_ROOM : frame;
	b->uso.frame = frame;
	b->uso.csum = i.tx.active & TANDEM_NET_CSUM;
	b->uso.csum6 = i.tx.active & TANDEM_NET_CSUM6;
	give_room(b);
}

static void bridge_sleep(struct bridge *b)
{
	unsigned want = TANDEM_NET_RX | (b->no_room ? TANDEM_NET_TX : 0);
	struct pollfd fds[3] = {
		{ .fd = tandem_net_fd(b->q), .events = POLLIN },
		{ .fd = b->t->p->stop_fd, .events = POLLIN },
		{ .fd = b->no_room ? -1 : b->tap, .events = POLLIN },
	};
	int bits;

	give_room(b);
	bits = tandem_net_arm(b->q, want);
	if (bits & TANDEM_NET_CHANGED)
		changed(b);
	else if (!bits)
		/* an error is a wake-up like any other */
		(void)poll(fds, 3, -1);
}

/* Polls both sides while that pays. False: sleep. */
static bool bridge_spin(struct bridge *b)
{
	unsigned want = TANDEM_NET_RX | (b->no_room ? TANDEM_NET_TX : 0);

	adapt_idle(&b->adapt, clock_ns());
	for (unsigned i = 0; i < LOOKS_READ; i++) {
		int bits = tandem_net_look(b->q, want);

		if (bits & TANDEM_NET_CHANGED)
			changed(b);
		if (bits)
			return true;
		adapt_relax();
	}
	return adapt_spin(&b->adapt, clock_ns());
}

static void bridge_loop(struct bridge *b)
{
	struct netfront_prog *p = b->t->p;

	while (!atomic_load_explicit(&p->stop, memory_order_relaxed) && !b->gone) {
		unsigned n = vif_to_tap(b) + tap_to_vif(b);

		if (n) {
			if (b->adapt.idle_since)
				adapt_work(&b->adapt, clock_ns());
			continue;
		}
		if (b->adapt.max_ns == ADAPT_NEVER || !bridge_spin(b))
			bridge_sleep(b);
	}
}

void bridge_run(struct netfront_thread *t)
{
	struct netfront_prog *p = t->p;
	struct bridge b = {
		.t = t, .q = t->q, .tap = p->fds[t->index], .writer = p->writers[t->index]
	};
	unsigned us = p->opts.poll_us;
	int fd = tandem_net_fd(t->q);

	adapt_init(&b.adapt, us == TANDEM_NET_POLL_NEVER    ? ADAPT_NEVER
			     : us == TANDEM_NET_POLL_ALWAYS ? ADAPT_ALWAYS
							    : us * UINT64_C(1000));
	if (fd < 0) {
		log_err("queue %u: %s", t->index, strerror(-fd));
		atomic_store(&p->err, fd);
		return;
	}
	changed(&b);
	bridge_loop(&b);
	if (b.gone)
		atomic_store(&p->err, tandem_net_error(p->net) ? tandem_net_error(p->net)
							       : -ENODEV);
	give_room(&b);
}
