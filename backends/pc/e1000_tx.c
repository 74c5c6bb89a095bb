/* SPDX-License-Identifier: MIT */
/*
 * 82540EM: the transmit ring. A packet is taken when all its descriptors are there;
 * contexts in front of it are taken one by one.
 */
#include <string.h>

#include "backends/pc/e1000_int.h"
#include "ringproto/netframe.h"

#define CHAIN	256u /* descriptors of a packet, at most */
#define TURN	256u /* and of a turn, about, where a page counts as one, too */
#define PAGE	4096u
#define TAG_LEN 4u
#define TAG_AT	12u

/* Of the command byte of all kinds. */
#define CMD_EOP	     (1u << 24)
#define CMD_IC	     (1u << 26) /* legacy */
#define CMD_TSE	     (1u << 26) /* data, context */
#define CMD_RS	     (1u << 27)
#define CMD_RPS	     (1u << 28)
#define CMD_DEXT     (1u << 29)
#define CMD_VLE	     (1u << 30)
#define CMD_IDE	     (1u << 31)
#define DTYP	     (15u << 20)
#define DTYP_CONTEXT 0u
#define TUCMD_TCP    (1u << 24)

#define POPTS_IXSM (1u << 8)
#define POPTS_TXSM (1u << 9)
#define STA_DD	   1u

struct tx_desc {
	uint64_t addr;
	uint32_t cmd, opts;
};

struct packet {
	struct tx_desc d[CHAIN];
	unsigned n;
	bool whole; /* it has an end */
};

static bool is_context(const struct tx_desc *d)
{
	return d->cmd & CMD_DEXT && (d->cmd & DTYP) == DTYP_CONTEXT;
}

static uint32_t desc_bytes(const struct tx_desc *d)
{
	return d->cmd & (d->cmd & CMD_DEXT ? 0xfffffu : 0xffffu);
}

/* --------------------------------------------------------------------- what is sent */

/* The ones' complement sum of [from, to] (0: to the end), put in at `at`. */
static void put_sum(uint8_t *p, uint32_t len, uint32_t from, uint32_t at, uint32_t to,
		    bool udp)
{
	const uint32_t end = to && to < len ? to + 1 : len;
	struct netsum sum = { 0 };
	uint16_t csum;

	if (from >= end || at + 2 > len)
		return;
	netsum_add(&sum, p + from, end - from);
	csum = netsum_end(&sum);
	if (!csum && udp)
		csum = 0xffff;
	memcpy(p + at, &csum, sizeof(csum));
}

static void sum_by_context(struct e1000 *c, const struct e1000_context *x, uint32_t opts,
			   uint32_t len)
{
	if (opts & POPTS_IXSM)
		put_sum(c->tx, len, x->ip & 0xff, x->ip >> 8 & 0xff, x->ip >> 16, false);
	if (opts & POPTS_TXSM)
		put_sum(c->tx, len, x->tu & 0xff, x->tu >> 8 & 0xff, x->tu >> 16,
			!(x->cmd & TUCMD_TCP));
}

static uint32_t tag_insert(struct e1000 *c, uint32_t len, uint32_t tci)
{
	uint8_t *p = c->tx;

	memmove(p + TAG_AT + TAG_LEN, p + TAG_AT, len - TAG_AT);
	netframe_put_be16(p + TAG_AT, c->r.vet);
	netframe_put_be16(p + TAG_AT + 2, tci);
	return len + TAG_LEN;
}

static void send_large(struct e1000 *c, const struct e1000_context *x, uint32_t len,
		       bool tagged)
{
	const uint32_t mss = x->mss >> 16;
	const uint32_t hdr = (x->mss >> 8 & 0xff) + (tagged ? TAG_LEN : 0);
	const uint32_t all = hdr + (x->cmd & 0xfffff);
	uint8_t dst[6];
	uint32_t n;

	/* behind the payload that the context tells of there is nothing */
	if (all < len)
		len = all;
	memcpy(dst, c->tx, sizeof(dst));
	if (len <= hdr || e1000_loops(c) ||
	    nicport_send_large(c->port, c->tx, len, mss)) {
		e1000_count(c, STAT_TSCTFC, 1);
		return;
	}
	n = (len - hdr + mss - 1) / mss;
	e1000_count(c, STAT_TSCTC, 1);
	e1000_count_frames(c, true, dst, n > 1 ? hdr + mss : len, n,
			   len + (uint64_t)(n - 1) * hdr);
}

static void send_frame(struct e1000 *c, uint32_t len)
{
	if (c->r.tctl & TCTL_PSP || e1000_loops(c))
		for (; len < NIC_FRAME_MIN; len++)
			c->tx[len] = 0;
	e1000_count_frames(c, true, c->tx, len, 1, len);
	if (e1000_loops(c))
		e1000_loop(c, &(struct nicframe){ .data = c->tx, .len = len });
	else
		nicport_send(c->port, c->tx, len);
}

/* Its bytes in c->tx; 0: they cannot be. */
static uint32_t gather(struct e1000 *c, const struct packet *p)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < p->n; i++) {
		const uint32_t n = is_context(&p->d[i]) ? 0 : desc_bytes(&p->d[i]);

		if (n > sizeof(c->tx) - TAG_LEN - len ||
		    (n && pcbus_read(c->bus, p->d[i].addr, c->tx + len, n)))
			return 0;
		len += n;
	}
	return len;
}

/* Returns how many bytes were in it. */
static uint32_t send_packet(struct e1000 *c, const struct packet *p)
{
	const struct tx_desc *first = &p->d[0], *last = &p->d[p->n - 1];
	const bool data = first->cmd & CMD_DEXT, large = data && first->cmd & CMD_TSE;
	const struct e1000_context *x = &c->r.context[large];
	const bool tagged = last->cmd & CMD_VLE && c->r.ctrl & CTRL_VME;
	const uint32_t bytes = gather(c, p);
	uint32_t len = bytes;

	if (len < NETFRAME_ETH_HLEN)
		return len;
	if (data && !large)
		sum_by_context(c, x, first->opts, len);
	else if (!data && last->cmd & CMD_IC)
		put_sum(c->tx, len, last->opts >> 8 & 0xff, last->cmd >> 16 & 0xff, 0,
			false);
	if (tagged)
		len = tag_insert(c, len, last->opts >> 16);
	if (large)
		send_large(c, x, len, tagged);
	else
		send_frame(c, len);
	return bytes;
}

/* -------------------------------------------------------------------------- the ring */

/* A descriptor is done: the head goes on, and what it asks for is told. */
static void desc_done(struct e1000 *c, const struct tx_desc *d)
{
	const uint8_t sta = (uint8_t)(d->opts | STA_DD);

	if (d->cmd & (CMD_RS | CMD_RPS)) {
		(void)pcbus_write(c->bus, e1000_ring_at(&c->r.tx, c->r.tx.head) + 12,
				  &sta, sizeof(sta));
		e1000_raise_later(c, &c->tx_delay,
				  d->cmd & CMD_IDE ? c->r.tidv & 0xffff : 0,
				  c->r.tadv & 0xffff);
	}
	c->r.tx.head = e1000_ring_next(&c->r.tx, c->r.tx.head);
}

/* The packet at the head. False: not all of it is there. */
static bool packet_read(struct e1000 *c, struct packet *p)
{
	const uint32_t used = e1000_ring_used(&c->r.tx);
	uint32_t i = c->r.tx.head;

	p->whole = false;
	for (p->n = 0; p->n < used && p->n < CHAIN; i = e1000_ring_next(&c->r.tx, i)) {
		struct tx_desc *d = &p->d[p->n++];

		/* what is no memory has all ones: the end of a packet of nothing */
		(void)pcbus_read(c->bus, e1000_ring_at(&c->r.tx, i), d, sizeof(*d));
		if (is_context(d) ? p->n == 1 : (d->cmd & CMD_EOP) != 0) {
			p->whole = true;
			return true;
		}
	}
	/* so long that it never will be? */
	return p->n == CHAIN;
}

static void take_context(struct e1000 *c, const struct tx_desc *d)
{
	c->r.context[!!(d->cmd & CMD_TSE)] =
		(struct e1000_context){ .ip = (uint32_t)d->addr,
					.tu = (uint32_t)(d->addr >> 32),
					.cmd = d->cmd,
					.mss = d->opts };
}

static void ring_ends(struct e1000 *c, uint32_t before)
{
	const uint32_t low = (c->r.txdctl >> 25) * 8;
	const uint32_t used = e1000_ring_used(&c->r.tx);

	if (!used)
		e1000_raise(c, ICR_TXQE);
	if (low && used <= low && before > low)
		e1000_raise(c, ICR_TXLOW);
}

void e1000_tx_run(struct e1000 *c)
{
	const uint32_t before = e1000_ring_used(&c->r.tx);
	struct packet p;

	if (!(c->r.tctl & TCTL_EN) || !pci_is_master(&c->pci) || !before)
		return;
	for (unsigned n = 0; n < TURN; n += p.n) {
		if (!nicport_may_send(c->port))
			break;
		if (!packet_read(c, &p)) {
			ring_ends(c, before);
			return;
		}
		if (is_context(&p.d[0]))
			take_context(c, &p.d[0]);
		else if (p.whole)
			n += send_packet(c, &p) / PAGE;
		for (unsigned i = 0; i < p.n; i++)
			desc_done(c, &p.d[i]);
	}
	ring_ends(c, before);
	if (!c->again.at)
		pctimer_set(c->bus, &c->again, pcbus_now(c->bus) + NIC_AGAIN);
}
