/* SPDX-License-Identifier: MIT */
/*
 * Out of a port's inbox, in a form that the port can carry: checksums are filled
 * in and large segments cut here, by the worker of whom they are for. An inbox's
 * memory is private, so that nothing changes meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "backends/net/switch_int.h"
#include "ringproto/netframe.h"

enum take_need { TAKE_AS_IS, TAKE_SUM, TAKE_CUT };

static enum take_need take_need(const struct netdrv_caps *caps, const struct netbuf *b)
{
	struct netframe f;
	bool v6, csum;

	if (!b->meta.gso_type && !b->meta.csum_blank)
		return TAKE_AS_IS;
	/* cannot fail: there is an Ethernet header */
	(void)netframe_parse(b->iov[0].iov_base, b->iov[0].iov_len, &f);
	v6 = f.ethertype == NETFRAME_TYPE_IPV6;
	csum = v6 ? caps->csum6 : caps->csum;
	if (!b->meta.gso_type)
		return csum ? TAKE_AS_IS : TAKE_SUM;
	if (b->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV4)
		return csum && caps->tso4 ? TAKE_AS_IS : TAKE_CUT;
	return csum && caps->tso6 ? TAKE_AS_IS : TAKE_CUT;
}

/* The next frame of what is being cut. False: that was all. */
static bool take_cut(struct switch_queue *q, struct netbuf *b, uint8_t *hdr)
{
	bool more;

	if (!q->cut.going)
		return false;
	more = netseg_next(&q->cut.seg, b, hdr) == 1;
	if (!more || !q->cut.seg.cut.left) {
		q->cut.going = false;
		q->viewed++;
	}
	return more;
}

bool switch_next(struct switch_queue *q, struct netbuf *b, uint8_t hdr[NETBUF_HDR])
{
	while (!take_cut(q, b, hdr)) {
		enum take_need need;

		if (!netinbox_peek(q->box, q->viewed, b))
			return false;
		need = take_need(&q->port->caps, b);
		if (need == TAKE_CUT) {
			q->cut.pkt = *b;
			q->cut.going = !netseg_start(&q->cut.seg, &q->cut.pkt);
			if (q->cut.going) {
				switch_count(q, SWC_CUT, 1);
				continue;
			}
		} else if (need == TAKE_AS_IS || !netseg_csum(b)) {
			switch_count(q, SWC_SUMMED, need == TAKE_SUM);
			q->viewed++;
			return true;
		}
		q->viewed++;
		switch_count(q, SWC_DROP_OFFLOAD, 1);
	}
	return true;
}

void switch_done(struct switch_queue *q, uint32_t packets, uint64_t bytes)
{
	switch_count(q, SWC_OUT, packets);
	switch_count(q, SWC_OUT_BYTES, bytes);
	netinbox_skip(q->box, q->viewed);
	q->viewed = 0;
}

/* Nothing of it is looked at that a guest could change meanwhile: what is beyond the
 * header is copied as it is. */
bool switch_hand_over(struct switch_queue *q, const struct netbuf *b)
{
	if (!q->client->take || q->cut.going || !netinbox_empty(q->box) ||
	    take_need(&q->port->caps, b) != TAKE_AS_IS || !q->client->take(q->client, b))
		return false;
	switch_count(q, SWC_OUT, 1);
	switch_count(q, SWC_OUT_BYTES, b->len);
	return true;
}

int switch_take(struct switch_queue *q, struct netbuf *b)
{
	uint8_t hdr[NETBUF_HDR];
	struct netbuf next;
	bool fits;

	if (!switch_next(q, &next, hdr)) {
		switch_done(q, 0, 0); /* what was dropped */
		return 0;
	}
	fits = next.len <= netbuf_iov_bytes(b);
	if (fits) {
		b->meta = next.meta;
		b->len = next.len;
		netbuf_scatter(&next, 0, b->iov);
	} else {
		switch_count(q, SWC_DROP_ROOM, 1);
	}
	switch_done(q, fits, fits ? next.len : 0);
	return fits ? 1 : -EMSGSIZE;
}

int switch_arm(struct switch_queue *q)
{
	return q->cut.going ? 1 : netinbox_arm(q->box);
}

uint64_t switch_lost(const struct switch_queue *q)
{
	return netinbox_dropped_all(q->box) + netport_get(&q->count[SWC_DROP_OFFLOAD]) +
	       netport_get(&q->count[SWC_DROP_ROOM]);
}

/* ---------------------------------------------------------- start and stop */

int switch_queue_start(struct switch_port *port, uint32_t index, struct worker *w,
		       struct netdrv_client *client, struct switch_queue **out)
{
	struct switch_queue *q;
	int err;

	if (index >= port->nqueues)
		return -EINVAL;
	q = &port->queue[index];
	if (atomic_load_explicit(&q->worker, memory_order_relaxed))
		return -EBUSY;
	err = netinbox_start(q->box, w, client);
	if (err)
		return err;
	q->client = client;
	atomic_store_explicit(&q->worker, w, memory_order_relaxed);
	q->viewed = 0;
	q->cut.going = false;
	atomic_fetch_add_explicit(&port->started, 1, memory_order_relaxed);
	*out = q;
	return 0;
}

void switch_queue_stop(struct switch_queue *q)
{
	atomic_fetch_sub_explicit(&q->port->started, 1, memory_order_relaxed);
	atomic_store_explicit(&q->worker, NULL, memory_order_relaxed);
	netinbox_stop(q->box);
}
