/* SPDX-License-Identifier: MIT */
/* RTL8139C+: rings of descriptors, checksums, large sends, tags, the tally dump. */
#include <string.h>

#include "backends/pc/rtl8139_int.h"
#include "ringproto/netframe.h"

#define DESC_OWN (1u << 31)
#define DESC_EOR (1u << 30)
#define DESC_FS	 (1u << 29)
#define DESC_LS	 (1u << 28)

#define TX_LGSEN (1u << 27)
#define TX_TES	 (1u << 23)
#define TX_IPCS	 (1u << 18)
#define TX_UDPCS (1u << 17)
#define TX_TCPCS (1u << 16)
#define TX_LEN	 0xffffu
#define TX_MSS	 0x7ffu
#define TX_TAGC	 (1u << 17)

#define RX_SIZE	   0x1ff8u
#define RX_PID_TCP (1u << 16)
#define RX_PID_UDP (2u << 16)
#define RX_PID_IP  (3u << 16)
#define RX_IPF	   (1u << 15)
#define RX_UDPF	   (1u << 14)
#define RX_TCPF	   (1u << 13)
#define RX_TAVA	   (1u << 16)

#define TAG_LEN 4u
#define TAG_AT	12u

struct cp_desc {
	uint32_t opts, vlan;
	uint64_t addr;
};

static uint64_t desc_at(uint64_t ring, unsigned index)
{
	return ring + index * sizeof(struct cp_desc);
}

static unsigned desc_next(const struct cp_desc *d, unsigned index)
{
	return d->opts & DESC_EOR ? 0 : (index + 1) % RTL_RING;
}

/* The first dword alone: the rest is the guest's. */
static void desc_status(struct rtl8139 *c, uint64_t ring, unsigned index, uint32_t opts)
{
	(void)pcbus_write(rtl_bus(c), desc_at(ring, index), &opts, sizeof(opts));
}

/* ---------------------------------------------------------------------- sending */

/* A frame's descriptors. */
struct chain {
	struct cp_desc d[RTL_RING];
	uint8_t index[RTL_RING];
	unsigned n;
	bool whole; /* else the last one's owner is the guest */
};

/* A ring has no more descriptors than a chain has room for. */
static void chain_read(struct rtl8139 *c, unsigned queue, struct chain *ch)
{
	const uint64_t ring = c->r.ring_tx[queue];
	unsigned i = c->r.tx_index[queue];

	ch->whole = false;
	for (ch->n = 0; ch->n < RTL_RING;) {
		struct cp_desc *d = &ch->d[ch->n];

		if (pcbus_read(rtl_bus(c), desc_at(ring, i), d, sizeof(*d)))
			d->opts = 0; /* no memory: nobody's */
		if (!(d->opts & DESC_OWN))
			return;
		ch->index[ch->n++] = (uint8_t)i;
		if (d->opts & DESC_LS)
			break;
		i = desc_next(d, i);
	}
	ch->whole = true; /* or never will be */
}

/* Its bytes in c->tx; 0: they cannot be. */
static uint32_t chain_gather(struct rtl8139 *c, const struct chain *ch)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < ch->n; i++) {
		const uint32_t n = ch->d[i].opts & TX_LEN;

		if (n > sizeof(c->tx) - TAG_LEN - len ||
		    (n && pcbus_read(rtl_bus(c), ch->d[i].addr, c->tx + len, n)))
			return 0;
		len += n;
	}
	return len;
}

static uint32_t tag_insert(uint8_t *frame, uint32_t len, uint32_t vlan)
{
	memmove(frame + TAG_AT + TAG_LEN, frame + TAG_AT, len - TAG_AT);
	netframe_put_be16(frame + TAG_AT, NETFRAME_TYPE_VLAN);
	frame[TAG_AT + 2] = (uint8_t)vlan; /* the field has them swapped */
	frame[TAG_AT + 3] = (uint8_t)(vlan >> 8);
	return len + TAG_LEN;
}

static bool chain_send(struct rtl8139 *c, const struct chain *ch)
{
	const uint32_t opts = ch->d[0].opts;
	uint32_t len = chain_gather(c, ch);

	if (len < NETFRAME_ETH_HLEN || !(opts & DESC_FS) ||
	    !(ch->d[ch->n - 1].opts & DESC_LS))
		return false;
	if (ch->d[0].vlan & TX_TAGC)
		len = tag_insert(c->tx, len, ch->d[0].vlan);
	if (opts & TX_LGSEN)
		return !nicport_send_large(c->port, c->tx, len, opts >> 16 & TX_MSS);
	if (opts & TX_IPCS)
		nic_sum_ip(c->tx, len);
	if (opts & TX_TCPCS)
		nic_sum_l4(c->tx, len, NETFRAME_PROTO_TCP);
	else if (opts & TX_UDPCS)
		nic_sum_l4(c->tx, len, NETFRAME_PROTO_UDP);
	rtl_tx_frame(c, len);
	return true;
}

static void chain_done(struct rtl8139 *c, unsigned queue, const struct chain *ch, bool ok)
{
	const uint32_t keep = DESC_EOR | DESC_FS | DESC_LS;
	const struct cp_desc *last = &ch->d[ch->n - 1];

	for (unsigned i = 0; i < ch->n; i++)
		desc_status(c, c->r.ring_tx[queue], ch->index[i],
			    (ch->d[i].opts & keep) | (ok ? 0 : TX_TES));
	c->r.tx_index[queue] = (uint8_t)desc_next(last, ch->index[ch->n - 1]);
	c->r.tally.tx_ok += ok;
	c->r.tally.tx_err += !ok;
	rtl_raise(c, ok ? ISR_TOK : ISR_TER);
}

bool rtl_cp_tx(struct rtl8139 *c, unsigned queue)
{
	struct chain ch;

	for (unsigned n = 0; n < RTL_RING; n += ch.n) {
		if (!nicport_may_send(c->port))
			return true;
		chain_read(c, queue, &ch);
		if (!ch.whole) {
			c->r.polled &= (uint8_t) ~(1u << queue);
			rtl_raise(c, ISR_TDU);
			return false;
		}
		chain_done(c, queue, &ch, chain_send(c, &ch));
	}
	return true;
}

/* -------------------------------------------------------------------- receiving */

static uint32_t rx_checksum(const struct nicframe *f)
{
	const struct nicsum s = nic_sum(f);

	if (!s.ip4)
		return 0;
	return (s.tcp	? RX_PID_TCP
		: s.udp ? RX_PID_UDP
			: RX_PID_IP) |
	       (s.ip_bad ? RX_IPF : 0) | (s.tcp && s.l4_bad ? RX_TCPF : 0) |
	       (s.udp && s.l4_bad ? RX_UDPF : 0);
}

/* Buffers for `need` bytes. False: not enough of them. */
static bool rx_buffers(struct rtl8139 *c, uint32_t need, struct chain *ch)
{
	unsigned i = c->r.rx_index;
	uint32_t room = 0;

	for (ch->n = 0; room < need && ch->n < RTL_RING;) {
		struct cp_desc *d = &ch->d[ch->n];

		if (pcbus_read(rtl_bus(c), desc_at(c->r.ring_rx, i), d, sizeof(*d)) ||
		    !(d->opts & DESC_OWN))
			return false;
		ch->index[ch->n++] = (uint8_t)i;
		room += d->opts & RX_SIZE;
		i = desc_next(d, i);
	}
	return room >= need;
}

/* The frame and its FCS, into the buffers. */
static void rx_put(struct rtl8139 *c, const struct chain *ch, const uint8_t *data,
		   uint32_t len, uint32_t flags, uint32_t vlan)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < ch->n; i++) {
		const uint32_t size = ch->d[i].opts & RX_SIZE;
		const uint32_t n = len - at < size ? len - at : size;
		const bool last = i + 1 == ch->n;
		const uint64_t at_desc = desc_at(c->r.ring_rx, ch->index[i]);

		(void)pcbus_write(rtl_bus(c), ch->d[i].addr, data + at, n);
		at += n;
		(void)pcbus_write(rtl_bus(c), at_desc + 4, &vlan, sizeof(vlan));
		desc_status(c, c->r.ring_rx, ch->index[i],
			    (ch->d[i].opts & DESC_EOR) | (i ? 0 : DESC_FS) |
				    (last ? DESC_LS | len : n) | flags);
	}
	c->r.rx_index = (uint8_t)desc_next(&ch->d[ch->n - 1], ch->index[ch->n - 1]);
}

bool rtl_cp_receive(struct rtl8139 *c, const struct nicframe *f, uint32_t flags)
{
	uint8_t frame[2048];
	uint32_t len = f->len, vlan = 0, fcs;
	struct chain ch;

	if (c->r.cpcr & CPCR_VLAN &&
	    netframe_be16(f->data + TAG_AT) == NETFRAME_TYPE_VLAN) {
		vlan = RX_TAVA | f->data[TAG_AT + 2] | (uint32_t)f->data[TAG_AT + 3] << 8;
		memcpy(frame, f->data, TAG_AT);
		len -= TAG_LEN;
		memcpy(frame + TAG_AT, f->data + TAG_AT + TAG_LEN, len - TAG_AT);
	} else {
		memcpy(frame, f->data, len);
	}
	if (!rx_buffers(c, len + NIC_FCS, &ch))
		return false;
	if (c->r.cpcr & CPCR_CHECKSUM)
		flags |= rx_checksum(f);
	fcs = nic_fcs(frame, len);
	memcpy(frame + len, &fcs, sizeof(fcs));
	rx_put(c, &ch, frame, len + NIC_FCS, flags, vlan);
	return true;
}

/* ------------------------------------------------------------------- statistics */

void rtl_cp_dump(struct rtl8139 *c)
{
	const struct rtl_tally *t = &c->r.tally;
	const uint16_t missed = (uint16_t)t->missed, abort = (uint16_t)t->tx_abort;
	uint8_t dump[64] = { 0 };

	memcpy(dump, &t->tx_ok, 8);
	memcpy(dump + 8, &t->rx_ok, 8);
	memcpy(dump + 16, &t->tx_err, 8);
	memcpy(dump + 24, &t->rx_err, 4);
	memcpy(dump + 28, &missed, 2);
	memcpy(dump + 40, &t->rx_ok_phys, 8);
	memcpy(dump + 48, &t->rx_ok_bcast, 8);
	memcpy(dump + 56, &t->rx_ok_mcast, 4);
	memcpy(dump + 60, &abort, 2);
	if (pci_is_master(&c->pci))
		(void)pcbus_write(rtl_bus(c), c->r.dtccr & ~63ull, dump, sizeof(dump));
	c->r.dtccr &= ~(uint64_t)DTCCR_CMD;
}
