/* SPDX-License-Identifier: MIT */
/* Sending: room in granted pages, requests, answers. One lock a batch. */
#include <errno.h>
#include <string.h>

#include "frontends/net/netfront.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define SMALL	2048u /* bytes of room that begin somewhere in the page */
#define COLOURS 32u   /* at one of so many lines: pages share cache sets */
#define LINE	64u

/* ------------------------------------------------------------------ answers */

void net_queue_break(struct tandem_net_queue *q)
{
	q->running = false;
	front_break(&q->net->front);
}

/* Is it the answer to something that was sent? */
static inline bool answer_ok(struct tandem_net_queue *q,
			     const struct netif_tx_response *rsp)
{
	struct net_tx *t = &q->tx;

	if (unlikely(rsp->status == NETIF_RSP_NULL)) {
		/* of an extra: it has no id of its own */
		if (!t->extras)
			return false;
		t->extras--;
		return true;
	}
	if (unlikely(rsp->id >= NET_PAGES || t->pages.at[rsp->id] != PAGE_RING ||
		     rsp->status > NETIF_RSP_OKAY || rsp->status < NETIF_RSP_DROPPED))
		return false;
	net_page_give(&t->pages, rsp->id);
	if (unlikely(rsp->status == NETIF_RSP_ERROR))
		q->stats.tx_errors++;
	if (unlikely(rsp->status == NETIF_RSP_DROPPED))
		q->stats.tx_dropped++;
	return true;
}

/* Who sleeps for room in q, which several send through, may have some now. */
static void wake_senders(struct tandem_net_queue *q)
{
	struct tandem_net *net = q->net;

	for (unsigned i = 0; i < net->nr_queues; i++) {
		struct tandem_net_queue *o = &net->queues[i];

		if (atomic_load_explicit(&o->asleep, memory_order_seq_cst) &&
		    atomic_load_explicit(&o->to, memory_order_relaxed) == q)
			net_queue_wake(o);
	}
}

bool net_tx_reap(struct tandem_net_queue *q)
{
	int avail = ring_front_avail(&q->tx.ring);
	struct netif_tx_response rsp;

	if (!avail)
		return true;
	for (int i = 0; i < avail; i++) {
		ring_copy_response(&q->tx.ring, &rsp, sizeof(rsp));
		if (unlikely(!answer_ok(q, &rsp))) {
			avail = -EPROTO;
			break;
		}
	}
	if (unlikely(avail < 0)) {
		net_queue_break(q);
		return false;
	}
	if (unlikely(q->senders))
		wake_senders(q);
	return true;
}

void net_tx_push(struct tandem_net_queue *q)
{
	if (q->tx.ring.req_prod_pvt == q->tx.ring.req_prod_pub)
		return;
	if (ring_front_push(&q->tx.ring)) {
		q->stats.notifies++;
		evtchn_notify(q->tx.ch);
	} else {
		q->stats.notifies_saved++;
	}
}

void net_tx_forget(struct tandem_net_queue *q)
{
	for (unsigned i = 0; i < NET_PAGES; i++) {
		if (q->tx.pages.at[i] != PAGE_RING)
			continue;
		net_page_give(&q->tx.pages, (uint16_t)i);
		q->stats.tx_lost++;
	}
	q->tx.extras = 0;
}

/* --------------------------------------------------------------------- room */

/* The ring may have changed or gone, if the caller asks in a time without. */
static inline int ready_to_send(struct tandem_net_queue *q, uint32_t bytes)
{
	if (unlikely(!q->running))
		return tandem_net_error(q->net);
	if (unlikely(bytes - 1 >= XEN_NETIF_MAX_TX_SIZE))
		return bytes ? -EMSGSIZE : -EINVAL;
	if (unlikely(bytes > PLAT_PAGE_SIZE && !(q->active & TANDEM_NET_SG)))
		return -EMSGSIZE;
	return 1;
}

/* A page more, which joins the last iovec if it lies behind it. */
static inline void room_page(struct net_tx *t, struct tandem_net_pkt *p, uint32_t from,
			     uint32_t bytes)
{
	uint16_t page = t->pages.free[--t->pages.nr_free];
	uint8_t *at = t->pages.arena->pages + (size_t)page * PLAT_PAGE_SIZE + from;
	struct iovec *last = p->iovcnt ? &p->iov[p->iovcnt - 1u] : NULL;

	t->pages.at[page] = PAGE_OUT;
	p->ids_[p->nr_++] = page;
	if (last && (uint8_t *)last->iov_base + last->iov_len == at) {
		last->iov_len += bytes;
		return;
	}
	p->iov[p->iovcnt++] = (struct iovec){ at, bytes };
}

static inline void room_new(struct tandem_net_queue *q, struct tandem_net_pkt *p,
			    uint32_t bytes)
{
	uint32_t next = q->tx.pages.free[q->tx.pages.nr_free - 1];
	uint32_t from = bytes <= SMALL ? next % COLOURS * LINE : 0;

	p->owner_ = q;
	p->nr_ = 0;
	p->iovcnt = 0;
	while (bytes) {
		uint32_t n = bytes < PLAT_PAGE_SIZE ? bytes : PLAT_PAGE_SIZE;

		room_page(&q->tx, p, from, n);
		bytes -= n;
		from = 0;
	}
	q->tx.promised += p->nr_ + 1u;
}

int tandem_net_room(struct tandem_net_queue *mine, struct tandem_net_pkt *pkts,
		    unsigned n, uint32_t bytes)
{
	struct tandem_net_queue *q = net_sender_lock(mine);
	uint32_t pages = (bytes + PLAT_PAGE_SIZE - 1) / PLAT_PAGE_SIZE;
	int ret = ready_to_send(q, bytes);
	unsigned i = 0;

	if (unlikely(ret <= 0))
		goto out;
	if (net_tx_slots(q) < n * (pages + 1) && !net_tx_reap(q))
		goto none;
	for (; i < n && net_tx_slots(q) > pages && q->tx.pages.nr_free >= pages; i++)
		room_new(q, &pkts[i], bytes);
none:
	ret = (int)i;
out:
	qlock_unlock(&q->lock);
	return ret;
}

/* ------------------------------------------------------------------- commit */

/* May it be sent like this? */
static inline bool offload_ok(unsigned active, const struct tandem_net_pkt *p)
{
	const unsigned csum = TANDEM_NET_CSUM | TANDEM_NET_CSUM6;

	if (p->csum_blank && !(active & csum))
		return false;
	if (likely(!p->gso_type))
		return true;
	return p->gso_size &&
	       ((p->gso_type == TANDEM_NET_GSO_TCPV4 && active & TANDEM_NET_TSO4) ||
		(p->gso_type == TANDEM_NET_GSO_TCPV6 && active & TANDEM_NET_TSO6));
}

/* A packet of one slot, which most are. */
static inline void put_one(struct tandem_net_queue *q, const struct tandem_net_pkt *p)
{
	struct netif_tx_request *req = ring_front_next(&q->tx.ring);

	*req = (struct netif_tx_request){
		.gref = q->tx.pages.arena->refs[p->ids_[0]],
		.offset = (uint16_t)((uintptr_t)p->iov[0].iov_base % PLAT_PAGE_SIZE),
		.flags = p->csum_blank ? NETTXF_csum_blank | NETTXF_data_validated : 0,
		.id = p->ids_[0],
		.size = (uint16_t)p->len,
	};
}

static void put_many(struct tandem_net_queue *q, const struct tandem_net_pkt *p)
{
	struct netif_pkt wire = {
		.meta = { .csum_blank = p->csum_blank,
			  .data_validated = p->csum_blank,
			  .gso_type = p->gso_type,
			  .gso_size = p->gso_size },
		.size = p->len,
	};
	uint32_t left = p->len;
	/* only the first page's room may begin elsewhere */
	uint32_t from = (uint32_t)((uintptr_t)p->iov[0].iov_base % PLAT_PAGE_SIZE);

	for (unsigned i = 0; left; i++) {
		uint32_t n = PLAT_PAGE_SIZE - from < left ? PLAT_PAGE_SIZE - from : left;

		wire.slot[wire.nr_slots++] = (struct netif_slot){
			.gref = q->tx.pages.arena->refs[p->ids_[i]],
			.id = p->ids_[i],
			.offset = (uint16_t)from,
			.size = (uint16_t)n,
		};
		left -= n;
		from = 0;
	}
	netif_tx_put(&q->tx.ring, &wire);
	q->tx.extras += p->gso_type ? 1 : 0;
}

static inline uint32_t room_bytes(const struct tandem_net_pkt *p)
{
	uint32_t bytes = 0;

	for (unsigned i = 0; i < p->iovcnt; i++)
		bytes += (uint32_t)p->iov[i].iov_len;
	return bytes;
}

/* True: the packet is on the ring. Its room is used up either way. */
static inline bool commit_one(struct tandem_net_queue *q, struct tandem_net_pkt *p)
{
	uint32_t used = 0;
	bool sent = false;

	q->tx.promised -= p->nr_ + 1u;
	if (unlikely(!p->len)) {
		/* given back */
	} else if (unlikely(!q->running)) {
		q->stats.tx_lost++;
	} else if (unlikely(p->len < NETIF_ETH_HLEN || p->len > room_bytes(p) ||
			    !offload_ok(q->active, p))) {
		q->stats.tx_refused++;
	} else {
		sent = true;
		used = (p->len +
			(uint32_t)((uintptr_t)p->iov[0].iov_base % PLAT_PAGE_SIZE) +
			PLAT_PAGE_SIZE - 1) /
		       PLAT_PAGE_SIZE;
		if (likely(used == 1 && !p->gso_type))
			put_one(q, p);
		else
			put_many(q, p);
		q->stats.tx_packets++;
		q->stats.tx_bytes += p->len;
	}
	for (unsigned i = 0; i < used; i++)
		q->tx.pages.at[p->ids_[i]] = PAGE_RING;
	/* the last ones were taken last: back onto the stack as they came */
	for (unsigned i = p->nr_; i-- > used;)
		net_page_give(&q->tx.pages, p->ids_[i]);
	p->nr_ = 0;
	p->owner_ = NULL;
	return sent;
}

static void commit_end(struct tandem_net_queue *q)
{
	if (!q)
		return;
	/* what was room, and was not needed, is others' */
	if (unlikely(q->senders))
		wake_senders(q);
	qlock_unlock(&q->lock);
}

int tandem_net_commit(struct tandem_net_queue *mine, struct tandem_net_pkt *pkts,
		      unsigned n)
{
	struct tandem_net_queue *q = NULL;
	int sent = 0;

	(void)mine; /* room knows its queue, also after a reconnect with fewer */
	for (unsigned i = 0; i < n; i++) {
		if (unlikely(!pkts[i].owner_))
			continue;
		if (unlikely(pkts[i].owner_ != q)) {
			commit_end(q);
			q = pkts[i].owner_;
			qlock_lock(&q->lock);
		}
		sent += commit_one(q, &pkts[i]);
	}
	commit_end(q);
	return sent;
}

void tandem_net_kick(struct tandem_net_queue *mine)
{
	struct tandem_net_queue *q = net_sender_lock(mine);

	if (likely(q->running))
		net_tx_push(q);
	qlock_unlock(&q->lock);
}

/* --------------------------------------------------------------- the rest */

static void copy_in(struct tandem_net_pkt *p, const struct iovec *iov, unsigned cnt)
{
	size_t at = 0;
	unsigned to = 0;

	for (unsigned i = 0; i < cnt; i++) {
		size_t off = 0;

		while (off < iov[i].iov_len) {
			size_t room = p->iov[to].iov_len - at;
			size_t n = iov[i].iov_len - off;

			n = n < room ? n : room;
			memcpy((uint8_t *)p->iov[to].iov_base + at,
			       (const uint8_t *)iov[i].iov_base + off, n);
			off += n;
			at += n;
			if (at == p->iov[to].iov_len) {
				to++;
				at = 0;
			}
		}
	}
}

int tandem_net_send(struct tandem_net_queue *q, const struct iovec *iov, unsigned cnt,
		    const struct tandem_net_pkt *meta)
{
	struct tandem_net_pkt p;
	size_t len = 0;
	int n;

	for (unsigned i = 0; i < cnt; i++)
		len += iov[i].iov_len;
	if (len < NETIF_ETH_HLEN)
		return -EINVAL;
	if (len > XEN_NETIF_MAX_TX_SIZE)
		return -EMSGSIZE;
	n = tandem_net_room(q, &p, 1, (uint32_t)len);
	if (n <= 0)
		return n ? n : -EAGAIN;
	p.len = (uint32_t)len;
	p.gso_type = meta ? meta->gso_type : 0;
	p.gso_size = meta ? meta->gso_size : 0;
	p.csum_blank = meta && meta->csum_blank;
	copy_in(&p, iov, cnt);
	return tandem_net_commit(q, &p, 1) ? 0 : -EOPNOTSUPP;
}

/* A request without data, which still needs an id that is free (netif.h,
 * "Extra info": dummy transmit requests). */
int net_tx_mcast(struct tandem_net_queue *q, const uint8_t addr[6], bool add)
{
	struct netif_extra_info x = { .type = add ? XEN_NETIF_EXTRA_TYPE_MCAST_ADD
						  : XEN_NETIF_EXTRA_TYPE_MCAST_DEL };
	struct netif_tx_request req = { .flags = NETTXF_extra_info };
	struct net_tx *t = &q->tx;

	if (!net_tx_reap(q) || net_tx_slots(q) < 2 || !t->pages.nr_free)
		return -EAGAIN;
	req.id = t->pages.free[--t->pages.nr_free];
	t->pages.at[req.id] = PAGE_RING;
	memcpy(x.u.mcast.addr, addr, sizeof(x.u.mcast.addr));
	memcpy(ring_front_next(&t->ring), &req, sizeof(req));
	memcpy(ring_front_next(&t->ring), &x, sizeof(x));
	t->extras++;
	net_tx_push(q);
	return 0;
}
