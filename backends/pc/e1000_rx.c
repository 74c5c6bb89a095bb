/* SPDX-License-Identifier: MIT */
/* 82540EM: filters, and the receive ring. */
#include <string.h>

#include "backends/pc/e1000_int.h"
#include "ringproto/netframe.h"

#define FRAME_SHORT 1522u /* with FCS: the largest unless LPE says otherwise */
#define FRAME_LONG  16384u
#define TAG_LEN	    4u
#define TAG_AT	    12u

#define STATUS_DD    0x01u
#define STATUS_EOP   0x02u
#define STATUS_IXSM  0x04u
#define STATUS_VP    0x08u
#define STATUS_TCPCS 0x20u
#define STATUS_IPCS  0x40u
#define STATUS_PIF   0x80u
#define ERROR_TCPE   0x20u
#define ERROR_IPE    0x40u

/* ----------------------------------------------------------------------- filters */

static bool is_exact(const struct e1000_regs *r, const uint8_t *dst)
{
	for (unsigned i = 0; i < E1000_RA; i += 2)
		if (r->ra[i + 1] & RAH_AV && !(r->ra[i + 1] & 3u << 16) &&
		    !memcmp(&r->ra[i], dst, 4) && !memcmp(&r->ra[i + 1], dst + 4, 2))
			return true;
	return false;
}

/* Twelve bits of the address's last two bytes, by RCTL's offset. */
static bool is_hashed(const struct e1000_regs *r, const uint8_t *dst)
{
	static const uint8_t shift[4] = { 4, 3, 2, 0 };
	const unsigned hash =
		(unsigned)(dst[5] << 8 | dst[4]) >> shift[r->rctl >> 12 & 3] & 0xfff;

	return r->mta[hash / 32] >> hash % 32 & 1;
}

/* *pif: it passed, but may be another's all the same. */
static bool wanted(const struct e1000_regs *r, const uint8_t *dst, bool *pif)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	*pif = false;
	if (!memcmp(dst, broadcast, 6) && r->rctl & RCTL_BAM)
		return true;
	if (is_exact(r, dst))
		return true;
	if (!(dst[0] & 1))
		return r->rctl & RCTL_UPE;
	*pif = is_hashed(r, dst);
	return *pif || r->rctl & RCTL_MPE;
}

static bool is_tagged(const struct e1000_regs *r, const struct nicframe *f)
{
	return netframe_be16(f->data + TAG_AT) == (r->vet & 0xffff);
}

static bool vlan_wanted(const struct e1000_regs *r, const struct nicframe *f)
{
	const unsigned tci = netframe_be16(f->data + TAG_AT + 2), vid = tci & 0xfff;

	if (!(r->rctl & RCTL_VFE) || !is_tagged(r, f))
		return true;
	if (r->rctl & RCTL_CFIEN && !(tci & 0x1000) != !(r->rctl & RCTL_CFI))
		return false;
	return r->vfta[vid / 32] >> vid % 32 & 1;
}

/* ------------------------------------------------------------------------ the ring */

static uint32_t buffer_size(uint32_t rctl)
{
	const uint32_t size = 2048u >> (rctl >> 16 & 3);

	/* sixteen times as much, but that the first of those there is not */
	if (!(rctl & RCTL_BSEX))
		return size;
	return size == 2048 ? FRAME_LONG : size * 16;
}

/* What its descriptors say of a frame. */
struct verdict {
	uint16_t csum, vlan;
	uint8_t status, errors;
};

/* IP's and TCP's or UDP's, as RXCSUM asks for. */
static void look_at_sums(const struct e1000_regs *r, const struct nicframe *f,
			 struct verdict *v)
{
	const struct nicsum s = nic_sum(f);
	const bool ip = r->rxcsum & RXCSUM_IPOFL && s.ip4;
	const bool l4 = r->rxcsum & RXCSUM_TUOFL && (s.tcp || s.udp) && !s.l4_none;
	const uint32_t from = r->rxcsum & 0xff;
	struct netsum sum = { 0 };

	if (from < f->len)
		netsum_add(&sum, f->data + from, f->len - from);
	v->csum = (uint16_t)~netsum_end(&sum);
	if (ip)
		v->status |= STATUS_IPCS;
	if (l4)
		v->status |= STATUS_TCPCS;
	if (!ip && !l4)
		v->status |= STATUS_IXSM;
	if (ip && s.ip_bad)
		v->errors |= ERROR_IPE;
	if (l4 && s.l4_bad)
		v->errors |= ERROR_TCPE;
}

static void write_back(struct e1000 *c, uint64_t at, const struct verdict *v,
		       uint32_t len, bool last)
{
	uint8_t d[8];
	const uint16_t bytes = (uint16_t)len;

	memcpy(d, &bytes, 2);
	memcpy(d + 2, &v->csum, 2);
	d[4] = (uint8_t)(STATUS_DD | (last ? v->status | STATUS_EOP : 0));
	d[5] = last ? v->errors : 0;
	memcpy(d + 6, &v->vlan, 2);
	(void)pcbus_write(c->bus, at + 8, d, sizeof(d));
}

/* len bytes (the FCS with them) into as many buffers as that takes: they are there. */
static void ring_put(struct e1000 *c, const uint8_t *data, uint32_t len,
		     const struct verdict *v)
{
	const uint32_t size = buffer_size(c->r.rctl);

	for (uint32_t at = 0; at < len; at += size) {
		const uint64_t desc = e1000_ring_at(&c->r.rx, c->r.rx.head);
		const uint32_t n = len - at < size ? len - at : size;
		uint64_t addr;

		/* a null buffer takes nothing */
		if (!pcbus_read(c->bus, desc, &addr, sizeof(addr)) && addr)
			(void)pcbus_write(c->bus, addr, data + at, n);
		write_back(c, desc, v, n, at + n == len);
		c->r.rx.head = e1000_ring_next(&c->r.rx, c->r.rx.head);
	}
}

static void rx_interrupt(struct e1000 *c)
{
	const uint32_t n = e1000_ring_size(&c->r.rx);
	const unsigned fraction = 1 + (c->r.rctl >> 8 & 3);

	if (e1000_ring_used(&c->r.rx) <= n >> fraction)
		e1000_raise(c, ICR_RXDMT0);
	e1000_raise_later(c, &c->rx_delay, c->r.rdtr & 0xffff, c->r.radv & 0xffff);
}

/* The frame as it goes to memory: without its tag, with its FCS, as is asked for. */
static uint32_t prepare(struct e1000 *c, const struct nicframe *f, uint8_t *out,
			struct verdict *v)
{
	uint32_t len = f->len, fcs;

	if (c->r.ctrl & CTRL_VME && is_tagged(&c->r, f)) {
		v->status |= STATUS_VP;
		v->vlan = netframe_be16(f->data + TAG_AT + 2);
		len -= TAG_LEN;
		memcpy(out, f->data, TAG_AT);
		memcpy(out + TAG_AT, f->data + TAG_AT + TAG_LEN, len - TAG_AT);
	} else {
		memcpy(out, f->data, len);
	}
	if (c->r.rctl & RCTL_SECRC)
		return len;
	fcs = nic_fcs(out, len);
	memcpy(out + len, &fcs, sizeof(fcs));
	return len + NIC_FCS;
}

static bool receive(struct e1000 *c, const struct nicframe *f)
{
	uint8_t frame[FRAME_LONG + NIC_FCS];
	struct verdict v = { 0 };
	uint32_t len;
	bool pif;

	if (!(c->r.rctl & RCTL_EN) || !pci_is_master(&c->pci))
		return true;
	if (f->len + NIC_FCS > (c->r.rctl & RCTL_LPE ? FRAME_LONG : FRAME_SHORT)) {
		e1000_count(c, STAT_ROC, 1);
		return true;
	}
	if (!wanted(&c->r, f->data, &pif) || !vlan_wanted(&c->r, f))
		return true;
	v.status = pif ? STATUS_PIF : 0;
	len = prepare(c, f, frame, &v);
	if ((uint64_t)e1000_ring_used(&c->r.rx) * buffer_size(c->r.rctl) < len)
		return false;
	look_at_sums(&c->r, f, &v);
	ring_put(c, frame, len, &v);
	e1000_count_frames(c, false, f->data, f->len, 1, f->len);
	rx_interrupt(c);
	return true;
}

bool e1000_loops(const struct e1000 *c)
{
	return c->r.rctl & RCTL_LOOP || e1000_phy_loops(c);
}

/* While it speaks to itself the cable is not heard. */
bool e1000_receive(void *card, const struct nicframe *f)
{
	struct e1000 *c = card;

	return e1000_loops(c) || receive(c, f);
}

void e1000_loop(struct e1000 *c, const struct nicframe *f)
{
	if (!receive(c, f))
		e1000_missed(c);
}

void e1000_missed(void *card)
{
	struct e1000 *c = card;

	e1000_count(c, STAT_MPC, 1);
	e1000_count(c, STAT_RNBC, 1);
	e1000_raise(c, ICR_RXO);
}
