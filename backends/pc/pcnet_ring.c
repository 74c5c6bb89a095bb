/* SPDX-License-Identifier: MIT */
/* PCnet: both rings of descriptors, in the three styles. */
#include <string.h>

#include "backends/pc/pcnet_int.h"
#include "ringproto/netframe.h"

/* Of flags: as styles 2 and 3 have them; style 0 has the upper byte alone. */
#define DESC_OWN   (1u << 31)
#define DESC_ERR   (1u << 30)
#define TX_ADD_FCS (1u << 29)
#define TX_LTINT   (1u << 28)
#define DESC_STP   (1u << 25)
#define DESC_ENP   (1u << 24)
#define RX_PAM	   (1u << 22)
#define RX_LAFM	   (1u << 21)
#define RX_BAM	   (1u << 20)
#define DESC_KEPT  0x0300ffffu /* STP, ENP, and what is no status */
#define RX_KEPT	   0x0000ffffu
#define TX_UFLO	   (1u << 30) /* of misc */

#define CLOCK_MHZ   33u
#define POLL_CLOCKS 0x10000u
#define POLL_MAX    4u /* so often is the interval doubled where nothing is found */
#define FRAME_LONG  1522u

struct pcn_desc {
	uint32_t addr, flags, misc;
};

static unsigned style(const struct pcnet *c)
{
	return c->r.bcr[BCR_STYLE] & 0xff;
}

static uint32_t desc_at(const struct pcnet *c, uint32_t ring, uint32_t i)
{
	return ring + i * (pcn_is_32(c) ? 16 : 8);
}

/* False: no memory. */
static bool desc_read(struct pcnet *c, uint32_t ring, uint32_t i, struct pcn_desc *d)
{
	const uint32_t at = desc_at(c, ring, i);
	uint32_t dw[3];
	uint16_t w[4];

	if (!pcn_is_32(c)) {
		if (pcbus_read(c->bus, at, w, sizeof(w)))
			return false;
		d->addr = w[0] | (w[1] & 0xffu) << 16 | pcn_upper(c);
		d->flags = (w[1] & 0xff00u) << 16 | w[2];
		d->misc = (uint32_t)w[3] << 16;
		return true;
	}
	if (pcbus_read(c->bus, at, dw, sizeof(dw)))
		return false;
	d->addr = style(c) == 3 ? dw[2] : dw[0];
	d->flags = dw[1];
	d->misc = style(c) == 3 ? dw[0] : dw[2];
	return true;
}

/* Its status, the owner last. 16 bits of misc: the upper ones of a transmit descriptor,
 * the lower ones (a length) of a receive descriptor. */
static void desc_write(struct pcnet *c, uint32_t ring, uint32_t i,
		       const struct pcn_desc *d, bool tx)
{
	const uint32_t at = desc_at(c, ring, i);
	const uint16_t misc = (uint16_t)(tx ? d->misc >> 16 : d->misc);
	const uint8_t flags = (uint8_t)(d->flags >> 24);

	if (!pcn_is_32(c)) {
		(void)pcbus_write(c->bus, at + 6, &misc, sizeof(misc));
		(void)pcbus_write(c->bus, at + 3, &flags, sizeof(flags));
		return;
	}
	(void)pcbus_write(c->bus, style(c) == 3 ? at : at + 8, &d->misc, 4);
	(void)pcbus_write(c->bus, at + 4, &d->flags, 4);
}

/* The complement of twelve bits; 0 is all of them. */
static uint32_t desc_bytes(const struct pcn_desc *d)
{
	return 4096u - (d->flags & 0xfff);
}

struct chain {
	struct pcn_desc d[PCN_CHAIN];
	uint32_t index[PCN_CHAIN];
	unsigned n;
};

static uint32_t next_of(uint32_t i, uint32_t length)
{
	return i + 1 >= length ? 0 : i + 1;
}

static bool may_run(const struct pcnet *c, unsigned on)
{
	return c->r.csr[0] & on && !(c->r.csr[5] & CSR5_SPND) && pci_is_master(&c->pci);
}

/* ---------------------------------------------------------------------- sending */

enum chain_is { CHAIN_NONE, CHAIN_WHOLE, CHAIN_BAD };

/* A frame's descriptors. One without a start is skipped, one without an end is none. */
static enum chain_is tx_chain(struct pcnet *c, struct chain *ch)
{
	const uint32_t length = pcn_length(c, 78);
	const unsigned most = length < PCN_CHAIN ? length : PCN_CHAIN;
	uint32_t i = c->r.tx_at < length ? c->r.tx_at : 0;

	for (ch->n = 0; ch->n < most; i = next_of(i, length)) {
		struct pcn_desc *d = &ch->d[ch->n];

		if (!desc_read(c, pcn_pair(c, 30), i, d)) {
			pcn_raise(c, CSR0_MERR, 0);
			return CHAIN_NONE;
		}
		if (!(d->flags & DESC_OWN))
			return CHAIN_NONE;
		ch->index[ch->n++] = i;
		if (!(ch->d[0].flags & DESC_STP))
			return CHAIN_BAD;
		if (d->flags & DESC_ENP)
			return CHAIN_WHOLE;
	}
	return CHAIN_BAD;
}

/* Its bytes in c->tx; 0: they cannot be. */
static uint32_t tx_gather(struct pcnet *c, const struct chain *ch)
{
	uint32_t len = 0;

	for (unsigned i = 0; i < ch->n; i++) {
		const uint32_t n = desc_bytes(&ch->d[i]);

		if (n > sizeof(c->tx) - len)
			return 0;
		if (pcbus_read(c->bus, ch->d[i].addr, c->tx + len, n)) {
			pcn_raise(c, CSR0_MERR, 0);
			return 0;
		}
		len += n;
	}
	return len;
}

static void tx_send(struct pcnet *c, uint32_t len, uint32_t flags)
{
	/* a frame that brings its own FCS */
	if (c->r.csr[15] & MODE_DXMTFCS && !(flags & TX_ADD_FCS) && len > NIC_FCS)
		len -= NIC_FCS;
	if (len + NIC_FCS > FRAME_LONG)
		pcn_raise(c, CSR0_BABL, 0);
	if (c->r.csr[4] & CSR4_APAD || c->r.csr[15] & MODE_LOOP)
		for (; len < NIC_FRAME_MIN; len++)
			c->tx[len] = 0;
	if (!(c->r.csr[15] & MODE_LOOP)) {
		nicport_send(c->port, c->tx, len);
		return;
	}
	c->r.csr[15] &= (uint16_t)~MODE_LOOP; /* this one is not the cable's */
	(void)pcn_receive(c, &(struct nicframe){ .data = c->tx, .len = len });
	c->r.csr[15] |= MODE_LOOP;
}

static void tx_done(struct pcnet *c, struct chain *ch, bool sent)
{
	const uint32_t last = ch->d[ch->n - 1].flags;
	const bool tells = !(c->r.csr[5] & CSR5_LTINTEN) || last & TX_LTINT;

	for (unsigned i = 0; i < ch->n; i++) {
		struct pcn_desc *d = &ch->d[i];

		d->flags = (d->flags & DESC_KEPT) | (sent ? 0 : DESC_ERR);
		d->misc = sent ? 0 : TX_UFLO;
		desc_write(c, pcn_pair(c, 30), ch->index[i], d, true);
	}
	c->r.tx_at = next_of(ch->index[ch->n - 1], pcn_length(c, 78));
	if (sent && (c->r.csr[5] & CSR5_TOKINTD || !tells))
		pcn_raise(c, 0, CSR4_TXSTRT);
	else
		pcn_raise(c, CSR0_TINT, sent ? CSR4_TXSTRT : 0);
}

void pcn_tx_again(struct pcnet *c)
{
	if (!c->poll.at || c->poll.at > pcbus_now(c->bus) + NIC_AGAIN)
		pctimer_set(c->bus, &c->poll, pcbus_now(c->bus) + NIC_AGAIN);
}

/* Nobody need tell the card of a frame: it looks, if not so often where none is. */
static void tx_poll_later(struct pcnet *c)
{
	const uint64_t clocks = POLL_CLOCKS - c->r.csr[47];
	const uint64_t ns = clocks * 1000 / CLOCK_MHZ;

	if (c->r.csr[4] & CSR4_DPOLL) {
		pctimer_stop(c->bus, &c->poll);
		return;
	}
	pctimer_set(c->bus, &c->poll,
		    pcbus_now(c->bus) + ((ns > NIC_RETRY ? ns : NIC_RETRY) << c->idle));
	if (c->idle < POLL_MAX)
		c->idle++;
}

void pcn_tx_run(struct pcnet *c)
{
	struct chain ch;

	if (!may_run(c, CSR0_TXON))
		return;
	for (unsigned n = 0; n < PCN_CHAIN; n += ch.n) {
		uint32_t len = 0;

		if (!nicport_may_send(c->port))
			break;
		switch (tx_chain(c, &ch)) {
		case CHAIN_NONE:
			tx_poll_later(c);
			return;
		case CHAIN_WHOLE:
			len = tx_gather(c, &ch);
			if (len >= NETFRAME_ETH_HLEN)
				tx_send(c, len, ch.d[0].flags);
			break;
		case CHAIN_BAD:
			break;
		}
		c->idle = 0;
		tx_done(c, &ch, len >= NETFRAME_ETH_HLEN);
	}
	pcn_tx_again(c);
}

/* -------------------------------------------------------------------- receiving */

/* How it is addressed to us, as a descriptor says it; 0: it is not; ENP alone: it is
 * taken all the same. */
static uint32_t wanted(const struct pcnet *c, const uint8_t *dst)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const uint16_t mode = c->r.csr[15];
	const unsigned bit = nic_crc_le(dst) >> 26;
	const uint32_t other = mode & MODE_PROM ? DESC_ENP : 0;

	if (!memcmp(dst, broadcast, 6))
		return mode & MODE_DRCVBC ? other : RX_BAM;
	if (dst[0] & 1)
		return c->r.csr[8 + bit / 16] >> bit % 16 & 1 ? RX_LAFM : other;
	for (unsigned i = 0; i < 6; i++)
		if (dst[i] != (uint8_t)(c->r.csr[12 + i / 2] >> 8 * (i % 2)))
			return other;
	return mode & MODE_DRCVPA ? other : RX_PAM;
}

/* Descriptors with room for len bytes. False: they are not ours yet. */
static bool rx_chain(struct pcnet *c, uint32_t len, struct chain *ch)
{
	const uint32_t length = pcn_length(c, 76);
	const unsigned most = length < PCN_CHAIN ? length : PCN_CHAIN;
	uint32_t i = c->r.rx_at < length ? c->r.rx_at : 0, room = 0;

	for (ch->n = 0; room < len && ch->n < most; i = next_of(i, length)) {
		struct pcn_desc *d = &ch->d[ch->n];

		if (!desc_read(c, pcn_pair(c, 24), i, d)) {
			pcn_raise(c, CSR0_MERR, 0);
			return false;
		}
		if (!(d->flags & DESC_OWN))
			return false;
		ch->index[ch->n++] = i;
		room += desc_bytes(d);
	}
	return room >= len;
}

/* The bytes of a frame, then of its FCS: as if in one piece. */
static void rx_bytes(struct pcnet *c, uint32_t to, const struct nicframe *f, uint32_t fcs,
		     uint32_t at, uint32_t n)
{
	const uint32_t left = at < f->len ? f->len - at : 0;
	const uint32_t data = n < left ? n : left;

	(void)pcbus_write(c->bus, to, f->data + (at < f->len ? at : f->len), data);
	if (n > data)
		(void)pcbus_write(c->bus, to + data,
				  (const uint8_t *)&fcs + (at + data - f->len), n - data);
}

static void rx_put(struct pcnet *c, struct chain *ch, const struct nicframe *f,
		   uint32_t len, uint32_t how)
{
	const uint32_t fcs = nic_fcs(f->data, f->len);
	uint32_t at = 0;

	for (unsigned i = 0; i < ch->n; i++) {
		struct pcn_desc *d = &ch->d[i];
		const uint32_t room = desc_bytes(d);
		const uint32_t n = len - at < room ? len - at : room;
		const bool last = i + 1 == ch->n;

		rx_bytes(c, d->addr, f, fcs, at, n);
		at += n;
		d->flags = (d->flags & RX_KEPT) | (i ? 0 : DESC_STP) |
			   (last ? DESC_ENP | how : 0);
		d->misc = last ? len : 0;
		desc_write(c, pcn_pair(c, 24), ch->index[i], d, false);
	}
	c->r.rx_at = next_of(ch->index[ch->n - 1], pcn_length(c, 76));
}

/* What goes to the guest of it: a padded frame's padding and FCS may be left out. */
static uint32_t rx_length(const struct pcnet *c, const struct nicframe *f)
{
	const uint32_t says = netframe_be16(f->data + 12);

	if (c->r.csr[4] & CSR4_ASTRP && says < NIC_FRAME_MIN - NETFRAME_ETH_HLEN)
		return NETFRAME_ETH_HLEN + says;
	return f->len + NIC_FCS;
}

bool pcn_receive(void *card, const struct nicframe *f)
{
	struct pcnet *c = card;
	uint32_t how, len;
	struct chain ch;

	/* what it sends to itself comes without the mode's bit */
	if (!may_run(c, CSR0_RXON) || c->r.csr[15] & MODE_LOOP)
		return true;
	how = wanted(c, f->data);
	if (!how || f->len + NIC_FCS > 4095)
		return true;
	len = rx_length(c, f);
	if (!rx_chain(c, len, &ch))
		return false;
	rx_put(c, &ch, f, len, how);
	pcn_raise(c, CSR0_RINT, 0);
	return true;
}

void pcn_missed(void *card)
{
	struct pcnet *c = card;

	pcn_raise(c, CSR0_MISS, ++c->r.csr[112] ? 0 : CSR4_MFCO);
}
