/* SPDX-License-Identifier: MIT */
/* Receiving: pages posted ahead, packets taken, pages given back. */
#include <errno.h>

#include "frontends/net/netfront.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define MAX_FRAME (XEN_NETIF_MAX_TX_SIZE + NETIF_ETH_HLEN + 4u) /* with a tag */

void net_rx_post(struct tandem_net_queue *q)
{
	struct net_rx *r = &q->rx;
	uint32_t room = ring_front_free(&r->ring);

	for (; room && r->pages.nr_free; room--) {
		uint16_t page = r->pages.free[--r->pages.nr_free];
		/* a response stands in its request's slot: the slot is the id */
		uint16_t slot = (uint16_t)(r->ring.req_prod_pvt % NET_PAGES);
		struct netif_rx_request *req = ring_front_next(&r->ring);

		r->pages.at[page] = PAGE_RING;
		r->page[slot] = page;
		*req = (struct netif_rx_request){ .id = slot,
						  .gref = r->pages.arena->refs[page] };
	}
}

void net_rx_push(struct tandem_net_queue *q)
{
	if (q->rx.ring.req_prod_pvt == q->rx.ring.req_prod_pub)
		return;
	if (ring_front_push(&q->rx.ring)) {
		q->stats.notifies++;
		evtchn_notify(q->rx.ch);
	} else {
		q->stats.notifies_saved++;
	}
}

void net_rx_forget(struct tandem_net_queue *q)
{
	for (unsigned i = 0; i < NET_PAGES; i++)
		if (q->rx.pages.at[i] == PAGE_RING)
			net_page_give(&q->rx.pages, (uint16_t)i);
}

/* ------------------------------------------------------------------- taking */

/* Of the slots [from, to), the pages that no packet took. */
static void give_slots(struct net_rx *r, ring_idx_t from, ring_idx_t to)
{
	for (; from != to; from++) {
		uint16_t page = r->page[from % NET_PAGES];

		if (r->pages.at[page] == PAGE_RING)
			net_page_give(&r->pages, page);
	}
}

/* Did we say that it may come like this? */
static inline bool wanted(unsigned active, const struct netif_pkt *w)
{
	if (unlikely(w->meta.csum_blank &&
		     !(active & (TANDEM_NET_CSUM | TANDEM_NET_CSUM6))))
		return false;
	if (unlikely(w->nr_slots > 1 && !(active & TANDEM_NET_SG)))
		return false;
	if (likely(!w->meta.gso_type))
		return true;
	return active & (w->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? TANDEM_NET_TSO4
								      : TANDEM_NET_TSO6);
}

static inline void take(struct tandem_net_queue *q, const struct netif_pkt *w,
			struct tandem_net_pkt *p)
{
	struct net_rx *r = &q->rx;

	p->len = w->size;
	p->gso_size = w->meta.gso_size;
	p->gso_type = w->meta.gso_type;
	p->csum_blank = w->meta.csum_blank;
	p->data_validated = w->meta.data_validated;
	p->hash_type = w->meta.hash_type;
	p->hash_alg = w->meta.hash_alg;
	p->hash = w->meta.hash;
	p->owner_ = q;
	p->nr_ = 0;
	for (unsigned i = 0; i < w->nr_slots; i++) {
		const struct netif_slot *s = &w->slot[i];
		uint16_t page = r->page[s->id];

		if (unlikely(!s->size))
			continue;
		r->pages.at[page] = PAGE_OUT;
		p->ids_[p->nr_] = page;
		p->iov[p->nr_++] =
			(struct iovec){ r->pages.arena->pages +
						(size_t)page * PLAT_PAGE_SIZE + s->offset,
					s->size };
	}
	p->iovcnt = p->nr_;
	q->stats.rx_packets++;
	q->stats.rx_bytes += w->size;
}

/* One chain of responses. 1: a packet; 0: it was none; -EPROTO. */
static inline int take_one(struct tandem_net_queue *q, int *avail,
			   struct tandem_net_pkt *p)
{
	struct net_rx *r = &q->rx;
	ring_idx_t from = r->ring.rsp_cons;
	struct netif_pkt wire;
	int err = netif_rx_take(&r->ring, avail, &wire);

	if (unlikely(err == -EPROTO))
		return err;
	if (unlikely(err || wire.size > MAX_FRAME)) {
		q->stats.rx_bad++;
		err = -EINVAL;
	} else if (unlikely(!wanted(q->active_rx, &wire))) {
		q->stats.rx_unwanted++;
		err = -EINVAL;
	} else {
		take(q, &wire, p);
	}
	/* extras' slots, those of no packet, those without a byte */
	if (unlikely(err || r->ring.rsp_cons - from != p->nr_))
		give_slots(r, from, r->ring.rsp_cons);
	return !err;
}

int tandem_net_recv(struct tandem_net_queue *q, struct tandem_net_pkt *pkts, unsigned n)
{
	int avail, ret = 0;
	unsigned got = 0;

	qlock_lock(&q->lock);
	if (unlikely(!q->running)) {
		ret = tandem_net_error(q->net);
		goto out;
	}
	avail = ring_front_avail(&q->rx.ring);
	while (avail > 0 && got < n) {
		ret = take_one(q, &avail, &pkts[got]);
		if (unlikely(ret < 0))
			break;
		got += (unsigned)ret;
	}
	if (unlikely(avail < 0 || ret < 0))
		net_queue_break(q);
	else if (unlikely(q->rx.pages.nr_free)) {
		net_rx_post(q);
		net_rx_push(q);
	}
	ret = (int)got;
out:
	qlock_unlock(&q->lock);
	return ret;
}

void tandem_net_done(struct tandem_net_queue *q, struct tandem_net_pkt *pkts, unsigned n)
{
	struct net_pages *pages = &q->rx.pages;

	qlock_lock(&q->lock);
	for (unsigned i = 0; i < n; i++) {
		struct tandem_net_pkt *p = &pkts[i];

		if (unlikely(p->owner_ != q))
			continue;
		for (unsigned k = p->nr_; k--;)
			net_page_give(pages, p->ids_[k]);
		p->nr_ = 0;
		p->owner_ = NULL;
	}
	if (likely(q->running)) {
		net_rx_post(q);
		net_rx_push(q);
	}
	qlock_unlock(&q->lock);
}
