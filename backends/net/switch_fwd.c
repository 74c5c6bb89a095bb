/* SPDX-License-Identifier: MIT */
/*
 * From a port to others, at once or into their inboxes: which VLAN, who is where,
 * who may see it.
 *
 * Only the first NETBUF_HDR bytes are looked at, which are private. A tag that
 * has to go or come costs a header of its own; the bytes behind it stay where
 * they are until the inbox copies them.
 */
#include <errno.h>
#include <string.h>

#include "backends/net/switch_int.h"
#include "ringproto/netframe.h"

#define TAG_LEN 4u
#define MAC_LEN 6u
#define TAG_VID 0x0fffu

/* A packet on its way, in the two forms in which ports want it. */
struct frame {
	struct switch_queue *from;
	struct worker *worker; /* this thread's */
	const struct netbuf *in;
	const struct netbuf *form[2]; /* untagged, tagged; NULL: not made yet */
	uint16_t vlan;
	uint16_t tci; /* of the tag that it came with; 0: none */
	bool tagged, hashed;
	uint32_t hash;
	struct netbuf made[2];
	uint8_t hdr[2][NETBUF_HDR + TAG_LEN];
};

/* ------------------------------------------------------------------ VLANs */

/* How the port has the VLAN: 0 untagged, 1 tagged, -1 not at all. */
static int port_form(const struct switch_port *port, uint16_t vlan)
{
	if (vlan == port->vlan)
		return 0;
	if (vlan && (port->trunk_all || port->trunk[vlan / 64] >> vlan % 64 & 1))
		return 1;
	return -1;
}

/* The packet without its tag, or with one of its VLAN (and its priority). */
static const struct netbuf *frame_make(struct frame *f, int tag)
{
	const uint8_t *from = f->in->iov[0].iov_base;
	uint32_t old = f->tagged ? TAG_LEN : 0, new = tag ? TAG_LEN : 0;
	size_t n = f->in->iov[0].iov_len - 2 * MAC_LEN - old;
	struct netbuf *b = &f->made[tag];
	uint8_t *to = f->hdr[tag];

	memcpy(to, from, 2 * MAC_LEN);
	if (tag) {
		netframe_put_be16(to + 2 * MAC_LEN, NETFRAME_TYPE_VLAN);
		netframe_put_be16(to + 2 * MAC_LEN + 2,
				  (f->tci & ~TAG_VID & 0xffffu) | f->vlan);
	}
	memcpy(to + 2 * MAC_LEN + new, from + 2 * MAC_LEN + old, n);
	b->meta = f->in->meta;
	b->len = f->in->len - old + new;
	b->iovcnt = f->in->iovcnt;
	memcpy(b->iov, f->in->iov, b->iovcnt * sizeof(b->iov[0]));
	b->iov[0] = (struct iovec){ to, 2 * MAC_LEN + new + n };
	f->form[tag] = b;
	return b;
}

/* Which VLAN it is in. False: in none that its port may send to. */
static bool frame_classify(struct frame *f, const struct netbuf *in)
{
	const struct switch_port *port = f->from->port;
	const uint8_t *hdr = in->iov[0].iov_base;

	f->in = in;
	f->form[0] = f->form[1] = NULL;
	f->hashed = false;
	f->tci = 0;
	f->tagged = netframe_be16(hdr + 2 * MAC_LEN) == NETFRAME_TYPE_VLAN;
	if (f->tagged && in->iov[0].iov_len < NETFRAME_ETH_HLEN + TAG_LEN)
		return false;
	if (f->tagged)
		f->tci = netframe_be16(hdr + NETFRAME_ETH_HLEN);
	if (!(f->tci & TAG_VID)) { /* or a priority alone */
		f->vlan = port->vlan;
		if (!f->tagged)
			f->form[0] = in;
		return f->vlan != SWITCH_VLAN_NONE;
	}
	f->vlan = f->tci & TAG_VID;
	f->form[1] = in;
	return f->vlan <= SWITCH_VLAN_MAX && port_form(port, f->vlan) == 1;
}

/* ---------------------------------------------------------------- delivery */

/* Packets of a flow go to the same queue: its addresses and ports, mixed. */
static uint32_t frame_hash(struct frame *f)
{
	const uint8_t *hdr = f->in->iov[0].iov_base;
	struct netframe nf;
	uint64_t h = 0, w;
	size_t at = 0, n = 2 * MAC_LEN;

	if (f->in->meta.hash_alg)
		return f->in->meta.hash;
	/* cannot fail: there is an Ethernet header */
	(void)netframe_parse(hdr, f->in->iov[0].iov_len, &nf);
	if (nf.kind == NETFRAME_IPV4) {
		at = nf.l3 + 12u;
		n = 8;
	} else if (nf.kind == NETFRAME_IPV6) {
		at = nf.l3 + 8u;
		n = 32;
	}
	for (size_t i = 0; i + 4 <= n; i += 4) {
		w = 0;
		memcpy(&w, hdr + at + i, 4);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	if (nf.csum) { /* TCP or UDP: their ports */
		w = 0;
		memcpy(&w, hdr + nf.l4, 4);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
	}
	return (uint32_t)(h >> 32);
}

static struct switch_queue *frame_queue(struct frame *f, struct switch_port *port)
{
	uint32_t n = atomic_load_explicit(&port->started, memory_order_relaxed);

	if (n <= 1)
		return &port->queue[0];
	if (!f->hashed) {
		f->hash = frame_hash(f);
		f->hashed = true;
	}
	return &port->queue[f->hash % n];
}

/* To the guest at once if this worker serves it, else into the inbox. */
static bool frame_put(struct frame *f, struct switch_port *port, const struct netbuf *b)
{
	struct switch_queue *to = frame_queue(f, port);
	struct worker *w = atomic_load_explicit(&to->worker, memory_order_relaxed);

	return (w && w == f->worker && switch_hand_over(to, b)) ||
	       !netinbox_put(to->box, b);
}

/* SWITCH_COUNTS, or why not. */
static enum switch_count frame_deliver(struct frame *f, struct switch_port *port)
{
	int tag = port_form(port, f->vlan);
	const struct netbuf *b;

	if (tag < 0)
		return SWC_DROP_VLAN;
	if (f->from->port->isolated && port->isolated)
		return SWC_DROP_ISOLATED;
	b = f->form[tag];
	if (!b)
		b = frame_make(f, tag);
	if (!b->meta.gso_type &&
	    b->len > port->mtu + NETFRAME_ETH_HLEN + (tag ? TAG_LEN : 0))
		return SWC_DROP_MTU;
	if (b->len > NETPORT_MAX)
		return SWC_DROP_MTU;
	return frame_put(f, port, b) ? SWITCH_COUNTS : SWC_DROP_FULL;
}

/* To all that may see it: to be left out is no loss, except for want of room. */
static void frame_flood(struct frame *f)
{
	struct netswitch *sw = f->from->port->sw;
	uint32_t n = atomic_load_explicit(&sw->nports, memory_order_acquire);

	switch_count(f->from, SWC_FLOODED, 1);
	for (uint32_t i = 0; i < n; i++) {
		struct switch_port *port =
			atomic_load_explicit(&sw->port[i], memory_order_acquire);
		enum switch_count why;

		if (!port || port == f->from->port)
			continue;
		why = frame_deliver(f, port);
		if (why == SWITCH_COUNTS)
			switch_count(f->from, SWC_COPIES, 1);
		else if (why != SWC_DROP_VLAN && why != SWC_DROP_ISOLATED)
			switch_count(f->from, why, 1);
	}
}

/* 01:80:c2:00:00:0x: between a port and its switch, never beyond. */
static bool mac_reserved(const uint8_t *mac)
{
	static const uint8_t prefix[] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	return !memcmp(mac, prefix, sizeof(prefix)) && mac[5] < 0x10;
}

static void frame_forward(struct frame *f, const struct netbuf *in, uint32_t ms)
{
	struct switch_queue *q = f->from;
	const uint8_t *dst = in->iov[0].iov_base, *src = dst + MAC_LEN;
	struct netswitch *sw = q->port->sw;
	struct switch_port *to;
	enum switch_count what = SWC_FORWARDED;
	uint64_t key;

	if (!frame_classify(f, in)) {
		switch_count(q, SWC_DROP_VLAN, 1);
		return;
	}
	key = switch_mac_key(f->vlan, src);
	if (!(src[0] & 1) && key << 16)
		switch_mac_learn(q, key, ms);
	if (mac_reserved(dst)) {
		switch_count(q, SWC_DROP_RESERVED, 1);
		return;
	}
	to = dst[0] & 1 ? NULL : switch_mac_lookup(sw, switch_mac_key(f->vlan, dst), ms);
	if (!to) {
		frame_flood(f);
		return;
	}
	if (to == q->port)
		what = SWC_DROP_LOCAL;
	else
		what = frame_deliver(f, to);
	switch_count(q, what == SWITCH_COUNTS ? SWC_FORWARDED : what, 1);
}

/* ----------------------------------------------------------------- the call */

static void switch_enter(struct switch_queue *q)
{
	uint32_t s = atomic_load_explicit(&q->section, memory_order_relaxed);

	atomic_store_explicit(&q->section, s + 1, memory_order_relaxed);
	/* full: pairs with the fence in switch_wait_senders() */
	atomic_thread_fence(memory_order_seq_cst);
}

static void switch_leave(struct switch_queue *q)
{
	uint32_t s = atomic_load_explicit(&q->section, memory_order_relaxed);

	/* release: pairs with the acquires in switch_wait_senders() */
	atomic_store_explicit(&q->section, s + 1, memory_order_release);
}

void switch_forward(struct switch_queue *q, struct netbuf *const *pkts, unsigned n,
		    uint64_t now)
{
	struct netswitch *sw = q->port->sw;
	uint32_t ms = switch_ms(now);
	uint64_t bytes = 0;
	struct frame f;

	f.from = q;
	f.worker = worker_self();
	switch_enter(q);
	for (unsigned i = 0; i < n; i++) {
		bytes += pkts[i]->len;
		frame_forward(&f, pkts[i], ms);
	}
	if ((int32_t)(ms - atomic_load_explicit(&sw->aged_at, memory_order_relaxed)) >=
	    (int32_t)SWITCH_AGE_MS)
		switch_mac_age(q, ms);
	switch_leave(q);
	switch_count(q, SWC_IN, n);
	switch_count(q, SWC_IN_BYTES, bytes);
}
