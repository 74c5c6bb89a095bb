/* SPDX-License-Identifier: MIT */
/*
 * From the guest to the port: a batch of packets is taken off the ring, its
 * pages are found, its headers copied, what is left goes out by reference, and
 * all of it is answered. Each step over the whole batch, so that the cache
 * misses of one packet are waited for together with the others'.
 */
#include <errno.h>
#include <string.h>

#include "backends/net/netq.h"
#include "backends/net/netseg.h"

/* Frames that a round cuts out of large segments, not counting the last one's: a
 * ring full of them would be 20,000. */
#define TX_FRAMES 512u

/* The pages of a batch that are mapped for it alone. */
struct tx_maps {
	unsigned n;
	grant_ref_t ref[NETDRV_BATCH * NETIF_FATAL_SLOTS];
	void *addr[NETDRV_BATCH * NETIF_FATAL_SLOTS];
};

/* ------------------------------------------------------------------- taking */

static void tx_multicast(struct netq *q, struct netq_tx *t)
{
	bool add = t->p.mcast == XEN_NETIF_EXTRA_TYPE_MCAST_ADD;

	netq_count(q, NETQ_MULTICAST, 1);
	if (netguard_group(q->cfg.guard, t->p.mcast_addr, add))
		t->status = NETIF_RSP_ERROR;
}

/* Pays for the packet, or notes when it can be tried again. */
static bool tx_may_go(struct netq *q, const struct netif_pkt *p)
{
	uint64_t now = worker_now(q->worker), wait;

	if (!q->cfg.throttle)
		return true;
	wait = throttle_take(q->cfg.throttle, p->size, now);
	if (wait)
		q->client.wake_at = now + wait;
	return !wait;
}

/* Frames that it may become. */
static unsigned tx_frames(const struct netq *q, const struct netq_tx *t)
{
	return q->cut && t->p.meta.gso_type ? t->p.size / t->p.meta.gso_size : 0;
}

/* Fills txs[*n..]; 0 or -EPROTO. Ends early at a packet that has to wait, which is
 * `held` then. */
static int tx_take(struct netq *q, int avail, struct netq_tx *txs, unsigned *n)
{
	unsigned frames = 0;
	struct netq_tx *t;
	int err;

	for (; avail > 0 && *n < NETDRV_BATCH && frames < TX_FRAMES; ++*n) {
		t = &txs[*n];
		t->status = NETIF_RSP_OKAY;
		err = netif_tx_take(&q->tx, &avail, &t->p);
		if (err == -EPROTO)
			return err;
		if (err) {
			t->status = NETIF_RSP_ERROR;
		} else if (t->p.mcast) {
			tx_multicast(q, t);
		} else if (!tx_may_go(q, &t->p)) {
			netq_count(q, NETQ_TX_THROTTLED, 1);
			q->held_pkt = t->p;
			q->held = true;
			break;
		} else {
			frames += tx_frames(q, t);
		}
	}
	return 0;
}

/* ------------------------------------------------------------------ mapping */

static void tx_map_each(struct netq *q, struct netq_tx *t, struct tx_maps *m)
{
	for (unsigned i = 0; i < t->p.nr_slots; i++) {
		bool mapped;

		t->addr[i] = netq_map(q, t->p.slot[i].gref, GNTTAB_READ, &mapped);
		if (!t->addr[i]) {
			t->status = NETIF_RSP_ERROR;
			return;
		}
		if (mapped) {
			m->ref[m->n] = t->p.slot[i].gref;
			m->addr[m->n++] = t->addr[i];
		}
		__builtin_prefetch((uint8_t *)t->addr[i] + t->p.slot[i].offset);
	}
}

static bool tx_has_data(const struct netq_tx *t)
{
	return t->status == NETIF_RSP_OKAY && !t->p.mcast;
}

/* ----------------------------------------------------------------- building */

/* Copies the first bytes, wherever they lie, and points at the rest. */
static void tx_build(struct netq_tx *t)
{
	struct netbuf *b = &t->b;
	size_t hdr = 0;

	b->meta = t->p.meta;
	b->len = t->p.size;
	b->iovcnt = 1;
	for (unsigned i = 0; i < t->p.nr_slots; i++) {
		const struct netif_slot *s = &t->p.slot[i];
		uint8_t *data = (uint8_t *)t->addr[i] + s->offset;
		size_t n = NETBUF_HDR - hdr < s->size ? NETBUF_HDR - hdr : s->size;

		memcpy(t->hdr + hdr, data, n);
		hdr += n;
		if (n < s->size)
			b->iov[b->iovcnt++] = (struct iovec){ data + n, s->size - n };
	}
	b->iov[0] = (struct iovec){ t->hdr, hdr };
}

static bool tx_may_pass(struct netq *q, struct netq_tx *t)
{
	if (!netguard_may_send(q->cfg.guard, t->hdr, t->b.iov[0].iov_len)) {
		netq_count(q, NETQ_TX_SPOOFED, 1);
		t->status = NETIF_RSP_ERROR;
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ sending */

/* Packets that are ready for the port, in order. */
struct tx_list {
	struct netbuf *b[NETDRV_BATCH];
	unsigned n;
};

/* Returns how many of them the port took. */
static unsigned tx_send(struct netq *q, struct tx_list *l)
{
	unsigned n = l->n, sent;
	uint64_t bytes = 0;

	if (!n)
		return 0;
	l->n = 0;
	sent = (unsigned)q->ops->send(q->pq, l->b, n);
	for (unsigned i = 0; i < sent; i++)
		bytes += l->b[i]->len;
	netq_count(q, NETQ_TX_PACKETS, sent);
	netq_count(q, NETQ_TX_BYTES, bytes);
	netq_count(q, NETQ_TX_NO_ROOM, n - sent);
	return sent;
}

static void tx_send_whole(struct netq *q, struct tx_list *l)
{
	unsigned n = l->n;

	for (unsigned i = tx_send(q, l); i < n; i++)
		((struct netq_tx *)l->b[i])->status = NETIF_RSP_DROPPED;
}

/* A large segment for a port that carries none: cut into frames. */
static void tx_send_cut(struct netq *q, struct netq_tx *t)
{
	struct netq_seg *seg = netq_scratch()->seg;
	struct tx_list l;
	struct netseg s;

	l.n = 0;
	if (netseg_start(&s, &t->b)) {
		t->status = NETIF_RSP_ERROR;
		return;
	}
	while (netseg_next(&s, &seg[l.n].b, seg[l.n].hdr)) {
		l.b[l.n] = &seg[l.n].b;
		if (++l.n == NETDRV_BATCH)
			tx_send(q, &l);
	}
	tx_send(q, &l);
}

/* Onto the list, or, if the port cannot carry it as it is, out in another form. */
static void tx_hand_over(struct netq *q, struct netq_tx *t, struct tx_list *l)
{
	const struct netdrv_caps *c = &q->cfg.port->info.send;
	const struct netif_meta *m = &t->b.meta;

	if (q->cap)
		netcap_packet(q->cap, &t->b, CAPRING_FROM_GUEST);
	if (m->gso_type)
		netq_count(q, NETQ_TX_GSO, 1);
	if ((m->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 && !c->tso4) ||
	    (m->gso_type == XEN_NETIF_GSO_TYPE_TCPV6 && !c->tso6)) {
		tx_send_whole(q, l); /* what came before goes before */
		tx_send_cut(q, t);
		return;
	}
	if (m->csum_blank && !m->gso_type && !(c->csum && c->csum6) &&
	    netseg_csum(&t->b)) {
		t->status = NETIF_RSP_ERROR;
		return;
	}
	l->b[l->n++] = &t->b;
}

/* ---------------------------------------------------------------- answering */

static void tx_respond(struct netq *q, uint16_t id, int16_t status)
{
	struct netif_tx_response rsp = { .id = id, .status = status };

	memcpy(ring_back_next(&q->tx, sizeof(rsp)), &rsp, sizeof(rsp));
}

static void tx_answer(struct netq *q, const struct netq_tx *t)
{
	if (t->status == NETIF_RSP_ERROR)
		netq_count(q, NETQ_TX_ERRORS, 1);
	tx_respond(q, t->p.slot[0].id, t->status);
	for (unsigned i = 0; i < t->p.nr_extras; i++)
		tx_respond(q, 0, NETIF_RSP_NULL);
	for (unsigned i = 1; i < t->p.nr_slots; i++)
		tx_respond(q, t->p.slot[i].id, t->status);
}

struct netq_scratch *netq_scratch(void)
{
	static _Thread_local struct netq_scratch scratch;

	return &scratch;
}

int netq_tx_run(struct netq *q)
{
	struct netq_tx *txs = netq_scratch()->tx;
	struct tx_list list;
	struct tx_maps maps;
	unsigned n = 0;
	int avail = ring_back_avail(&q->tx), err = avail < 0 ? avail : 0;

	if (avail > 0)
		netq_gauge(q, NETQ_TX_DEPTH, (uint64_t)avail);
	if (q->held) {
		if (!tx_may_go(q, &q->held_pkt))
			return err;
		txs[0].p = q->held_pkt;
		txs[0].status = NETIF_RSP_OKAY;
		q->held = false;
		n = 1;
	}
	if (!err)
		err = tx_take(q, avail, txs, &n);
	if (!n)
		return err;
	maps.n = list.n = 0;
	for (unsigned i = 0; i < n; i++)
		if (tx_has_data(&txs[i]))
			tx_map_each(q, &txs[i], &maps);
	for (unsigned i = 0; i < n; i++) {
		struct netq_tx *t = &txs[i];

		if (!tx_has_data(t))
			continue;
		tx_build(t);
		if (tx_may_pass(q, t))
			tx_hand_over(q, t, &list);
	}
	tx_send_whole(q, &list);
	if (maps.n)
		gnttab_unmap_refs(q->mapper, maps.ref, maps.n, GNTTAB_READ, maps.addr);
	for (unsigned i = 0; i < n; i++)
		tx_answer(q, &txs[i]);
	worker_flush_later(q->worker, &q->client);
	return err ? err : (int)n;
}
