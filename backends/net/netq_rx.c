/* SPDX-License-Identifier: MIT */
/*
 * From the port to the guest: requests are taken off the RX ring as room, the
 * port puts the next packet into it (its first bytes into private memory), and
 * the requests that it took are answered in their order, so that each response
 * stands in its request's slot.
 *
 * How large the next packet is nobody knows before it is there: so there has to
 * be room for the largest. Where the packet may need extras the slots for them
 * are left out of the room beforehand.
 */
#include <errno.h>
#include <string.h>

#include "backends/net/netq.h"

#define RX_TAKE	 64		  /* requests that are taken at once */
#define RX_ROUND NETIF_RING_SLOTS /* and in a round: the guest may show more */

static struct netq_rxreq *rx_at(struct netq *q, uint32_t i)
{
	return &q->rxreq[i % NETQ_RX_AHEAD];
}

/* ------------------------------------------------------------------ requests */

static void rx_map(struct netq *q, uint32_t i)
{
	struct netq_rxreq *r = rx_at(q, i);

	r->addr = netq_map(q, r->gref, GNTTAB_WRITE, &r->mapped);
	i %= NETQ_RX_AHEAD;
	q->rxiov[i] = (struct iovec){ r->addr, NETIF_PAGE_SIZE };
	if (i < NETBUF_IOVS)
		q->rxiov[NETQ_RX_AHEAD + i] = q->rxiov[i];
}

static void rx_take(struct netq *q)
{
	uint32_t i = q->rx_tail++;
	struct netq_rxreq *r = rx_at(q, i);
	struct netif_rx_request req;

	ring_copy_request(&q->rx, &req, 0, sizeof(req));
	ring_back_consume(&q->rx);
	r->id = req.id;
	r->gref = req.gref;
	rx_map(q, i);
	if (r->addr)
		__builtin_prefetch(r->addr, 1);
}

static void rx_release(struct netq *q, struct netq_rxreq *r)
{
	void *addr = r->addr;

	if (r->mapped)
		gnttab_unmap_refs(q->mapper, &r->gref, 1, GNTTAB_WRITE, &addr);
	r->mapped = false;
}

static bool rx_takes_large(const struct netq *q)
{
	return q->cfg.sg && (q->cfg.guest.tso4 || q->cfg.guest.tso6);
}

void netq_rx_size(struct netq *q)
{
	uint32_t bytes = q->cfg.port->info.mtu + NETIF_ETH_HLEN + 4;

	q->rx_reserve = q->hash.algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_NONE;
	if (rx_takes_large(q)) {
		bytes = XEN_NETIF_MAX_TX_SIZE;
		q->rx_reserve++;
	}
	q->rx_need = q->cfg.sg ? (bytes + NETIF_PAGE_SIZE - 1) / NETIF_PAGE_SIZE : 1;
	if (q->rx_need > NETIF_PKT_SLOTS)
		q->rx_need = NETIF_PKT_SLOTS;
	q->rx_need += q->rx_reserve;
}

/* Answers the oldest request alone. */
static void rx_error(struct netq *q)
{
	struct netq_rxreq *r = rx_at(q, q->rx_head++);
	struct netif_rx_response rsp = { .id = r->id, .status = NETIF_RSP_ERROR };

	rx_release(q, r);
	memcpy(ring_back_next(&q->rx, sizeof(rsp)), &rsp, sizeof(rsp));
	netq_count(q, NETQ_RX_ERRORS, 1);
	worker_flush_later(q->worker, &q->client);
}

/*
 * Room for a packet in the oldest rx_need requests: 1; 0, the guest has none;
 * -EAGAIN, *left is used up: look in the next round; -EPROTO. A page that cannot
 * be written takes those before it along: there is no packet that would fit in
 * between.
 */
static int rx_room(struct netq *q, int *left)
{
	int avail;

	while (q->rx_tail - q->rx_head < q->rx_need) {
		avail = ring_back_avail(&q->rx);
		if (avail <= 0)
			return avail;
		if (!*left)
			return -EAGAIN;
		if (avail > RX_TAKE)
			avail = RX_TAKE;
		for (; avail && *left && q->rx_tail - q->rx_head < NETQ_RX_AHEAD;
		     avail--, --*left) {
			rx_take(q);
			if (rx_at(q, q->rx_tail - 1)->addr)
				continue;
			while (q->rx_head != q->rx_tail)
				rx_error(q);
		}
	}
	return 1;
}

void netq_rx_remap(struct netq *q)
{
	uint32_t bad = q->rx_head;

	for (uint32_t i = q->rx_head; i != q->rx_tail; i++) {
		struct netq_rxreq *r = rx_at(q, i);

		if (r->mapped)
			continue;
		rx_map(q, i);
		if (!r->addr)
			bad = i + 1;
	}
	while (q->rx_head != bad)
		rx_error(q);
}

/* ------------------------------------------------------------------- packets */

/* The room as iovecs: private header, the first page behind it, the others. */
static void rx_offer(struct netq *q, struct netbuf *b)
{
	uint8_t *first = rx_at(q, q->rx_head)->addr;
	uint32_t from = 1 + q->rx_reserve;

	b->meta = (struct netif_meta){ 0 };
	b->len = 0;
	b->iov[0] = (struct iovec){ q->rx_hdr, NETBUF_HDR };
	b->iov[1] = (struct iovec){ first + NETBUF_HDR, NETIF_PAGE_SIZE - NETBUF_HDR };
	b->iovcnt = (uint16_t)(2 + q->rx_need - from);
	memcpy(&b->iov[2], &q->rxiov[(q->rx_head + from) % NETQ_RX_AHEAD],
	       (q->rx_need - from) * sizeof(b->iov[0]));
}

/* Moves the pages behind the first `by` requests forward: extras less than
 * were left room for. */
static void rx_close_gap(struct netq *q, uint32_t slots, uint32_t from, uint32_t to)
{
	for (uint32_t i = 1; i < slots; i++)
		memcpy(rx_at(q, q->rx_head + to + i)->addr,
		       rx_at(q, q->rx_head + from + i)->addr, NETIF_PAGE_SIZE);
}

/* The private bytes, 14 to NETBUF_HDR of them, to where they belong. Copies of fixed
 * lengths, two that overlap: of a length that it does not know the compiler makes
 * a loop of the CPU's, which takes longer to begin than this. */
static void rx_copy_hdr(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n >= 64) {
		memcpy(to, from, 64);
		memcpy(to + n - 64, from + n - 64, 64);
	} else if (n >= 32) {
		memcpy(to, from, 32);
		memcpy(to + n - 32, from + n - 32, 32);
	} else {
		memcpy(to, from, 8);
		memcpy(to + 8, from + 8, n - 8 < 8 ? n - 8 : 8);
		if (n > 16)
			memcpy(to + 16, from + 16, n - 16);
	}
}

/* A packet of several slots, or with extras. */
static void rx_put_many(struct netq *q, const struct netbuf *b, uint32_t slots)
{
	uint32_t len = b->len, extras;
	struct netif_pkt p;

	p.meta = b->meta;
	if (q->hash.algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE)
		p.meta.hash_alg = 0; /* there is no slot for it */
	p.size = len;
	p.nr_slots = (uint16_t)slots;
	extras = netif_pkt_ring_slots(&p) - slots;
	if (slots > 1 && extras < q->rx_reserve)
		rx_close_gap(q, slots, q->rx_reserve, extras);
	for (uint32_t i = 0; i < slots; i++) {
		p.slot[i].id = rx_at(q, q->rx_head + (i ? i + extras : 0))->id;
		p.slot[i].offset = 0;
		p.slot[i].size =
			(uint16_t)(len < NETIF_PAGE_SIZE ? len : NETIF_PAGE_SIZE);
		len -= p.slot[i].size;
	}
	for (uint32_t i = 0; i < slots + extras; i++)
		if (rx_at(q, q->rx_head + i)->mapped)
			rx_release(q, rx_at(q, q->rx_head + i));
	q->rx_head += slots + extras;
	netif_rx_put(&q->rx, &p);
	if (b->meta.gso_type)
		netq_count(q, NETQ_RX_GSO, 1);
}

/* hdr: bytes that stand in b's first iovec, and not in the guest's page yet. */
static void rx_deliver(struct netq *q, const struct netbuf *b, size_t hdr)
{
	struct netq_rxreq *r = rx_at(q, q->rx_head);

	if (q->cap)
		netcap_packet(q->cap, b, CAPRING_TO_GUEST);
	rx_copy_hdr(r->addr, b->iov[0].iov_base, hdr);
	if (b->len <= NETIF_PAGE_SIZE && !b->meta.gso_type && !b->meta.hash_alg) {
		if (r->mapped)
			rx_release(q, r);
		q->rx_head++;
		netif_rx_put_one(&q->rx, &b->meta, r->id, (uint16_t)b->len);
	} else {
		rx_put_many(q, b, (b->len + NETIF_PAGE_SIZE - 1) / NETIF_PAGE_SIZE);
	}
	netq_count(q, NETQ_RX_PACKETS, 1);
	netq_count(q, NETQ_RX_BYTES, b->len);
}

/* Room becomes a packet: the iovecs add up to its length. */
static void trim_iov(struct netbuf *b)
{
	size_t left = b->len;
	uint16_t i = 0;

	for (; left; i++) {
		if (b->iov[i].iov_len > left)
			b->iov[i].iov_len = left;
		left -= b->iov[i].iov_len;
	}
	b->iovcnt = i;
}

/* The packet is another queue's: it goes there. */
static bool rx_steer(struct netq *q, struct netbuf *b, size_t hdr)
{
	uint32_t to;

	if (q->hash.algorithm == XEN_NETIF_CTRL_HASH_ALGORITHM_NONE ||
	    !nethash_steer(&q->hash, b->iov[0].iov_base, hdr, q->cfg.nr_queues, &to,
			   &b->meta) ||
	    !q->cfg.inbox || to == q->cfg.index)
		return false;
	trim_iov(b);
	if (netinbox_put(q->cfg.inbox[to], b))
		netq_count(q, NETQ_RX_STEER_DROPS, 1);
	return true;
}

/* own: from this queue's inbox, where another queue put it. */
static void rx_packet(struct netq *q, struct netbuf *b, bool own)
{
	size_t hdr = b->len < NETBUF_HDR ? b->len : NETBUF_HDR;

	/* whoever sent it may have given it one; a store of one byte each time would
	 * make the next load of the whole wait */
	if (!own && b->meta.hash_alg)
		b->meta.hash_alg = 0;
	/* a large segment's extra needs the room that was left for it */
	if (b->len < NETIF_ETH_HLEN || (b->meta.gso_type && !rx_takes_large(q)))
		netq_count(q, NETQ_RX_ERRORS, 1);
	else if (!netguard_wants(q->cfg.guard, b->iov[0].iov_base, hdr))
		netq_count(q, NETQ_RX_FILTERED, 1);
	else if (own || !rx_steer(q, b, hdr))
		rx_deliver(q, b, hdr);
}

/*
 * The next packet, the nth of this round, from an inbox (*own) or from the port, as
 * recv(). Half of a round is the port's, whatever is replayed.
 */
static int rx_next(struct netq *q, struct netbuf *b, bool *own, int n)
{
	bool replay = q->replay && n < (int)NETDRV_BATCH / 2;
	int got = q->cfg.inbox ? netinbox_take(q->cfg.inbox[q->cfg.index], b) : 0;

	if (!got && replay)
		got = netinbox_take(q->replay, b);
	*own = got != 0;
	if (!got && !q->pq->dev->info.no_recv)
		got = q->ops->recv(q->pq, b);
	if (!got && q->replay && !replay) {
		got = netinbox_take(q->replay, b);
		*own = got != 0;
	}
	if (got < 0 && *own)
		netq_count(q, NETQ_RX_PORT_LOST, 1);
	return got;
}

bool netq_rx_take(struct netq *q, const struct netbuf *from)
{
	size_t hdr = from->len < NETBUF_HDR ? from->len : NETBUF_HDR;
	int left = RX_TAKE;
	struct netbuf b;

	/* a peer that breaks the protocol here does so in its own round, too */
	if (q->stalled || rx_room(q, &left) <= 0 ||
	    from->len > (q->rx_need - q->rx_reserve) * NETIF_PAGE_SIZE)
		return false;
	q->starving = false;
	rx_offer(q, &b);
	b.meta = from->meta;
	b.len = from->len;
	if (from->iov[0].iov_len == hdr)
		b.iov[0].iov_base = from->iov[0].iov_base;
	else
		netbuf_copy(from, 0, q->rx_hdr, hdr);
	b.iov[0].iov_len = hdr;
	netbuf_scatter(from, hdr, &b.iov[1]);
	rx_packet(q, &b, false);
	worker_flush_later(q->worker, &q->client);
	return true;
}

/* ------------------------------------------------------------- without room */

/* The guest has not taken anything for so long that it is as if unplugged. */
static int rx_discard(struct netq *q)
{
	static _Thread_local uint8_t scratch[NETBUF_IOVS * NETIF_PAGE_SIZE];
	struct netbuf b = { .iovcnt = 2 };
	bool own;
	int n = 0;

	b.iov[0] = (struct iovec){ q->rx_hdr, NETBUF_HDR };
	b.iov[1] = (struct iovec){ scratch, sizeof(scratch) };
	while (n < (int)NETDRV_BATCH && rx_next(q, &b, &own, n))
		n++;
	netq_count(q, NETQ_RX_STALLED, (uint64_t)n);
	return n;
}

static void rx_set_stalled(struct netq *q, bool on)
{
	if (atomic_exchange(&q->stalled, on) != on)
		q->cfg.news(q->cfg.arg);
}

static int rx_starve(struct netq *q)
{
	uint64_t now = worker_now(q->worker);

	if (!q->starving) {
		q->starving = true;
		q->starving_since = now;
		netq_count(q, NETQ_RX_WAITED, 1);
	}
	if (now - q->starving_since >= q->cfg.stall_ns)
		rx_set_stalled(q, true);
	else if (!q->client.wake_at ||
		 q->client.wake_at > q->starving_since + q->cfg.stall_ns)
		q->client.wake_at = q->starving_since + q->cfg.stall_ns;
	return q->stalled ? rx_discard(q) : 0;
}

void netq_rx_unstall(struct netq *q)
{
	q->starving = false;
	rx_set_stalled(q, false);
}

/* Requests that are left for the next round. */
static void rx_note_depth(struct netq *q)
{
	int avail = ring_back_avail(&q->rx);

	if (avail >= 0)
		netq_gauge(q, NETQ_RX_DEPTH, (uint64_t)avail + (q->rx_tail - q->rx_head));
}

int netq_rx_run(struct netq *q)
{
	struct netbuf b;
	int room = 1, got, n = 0, left = RX_ROUND;
	bool own;

	if (q->pq->dev->info.no_recv && !q->cfg.inbox && !q->replay)
		return 0;
	while (n < (int)NETDRV_BATCH) {
		room = rx_room(q, &left);
		if (room <= 0)
			break;
		q->starving = false;
		if (q->stalled)
			rx_set_stalled(q, false);
		rx_offer(q, &b);
		got = rx_next(q, &b, &own, n);
		if (!got)
			break;
		n++;
		if (got > 0)
			rx_packet(q, &b, own);
	}
	if (q->pq->drops != q->port_drops) {
		netq_count(q, NETQ_RX_PORT_LOST, q->pq->drops - q->port_drops);
		q->port_drops = q->pq->drops;
	}
	if (n) {
		worker_flush_later(q->worker, &q->client);
		rx_note_depth(q);
	}
	if (room == -EAGAIN)
		return n + 1;
	if (room < 0)
		return room;
	return room ? n : n + rx_starve(q);
}

void netq_rx_drop(struct netq *q)
{
	while (q->rx_head != q->rx_tail)
		rx_release(q, rx_at(q, q->rx_head++));
}
