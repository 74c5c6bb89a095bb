/* SPDX-License-Identifier: MIT */
/* 82540EM: registers, all of 32 bits, in memory and by an address and its data. */
#include <stddef.h>

#include "backends/pc/e1000_int.h"

/* Where the chip's larger tables stand. */
#define REG_STATS 0x4000u
#define REG_MTA	  0x5200u
#define REG_RA	  0x5400u
#define REG_VFTA  0x5600u

#define STATUS	     0x00000283u /* 1000 Mbit/s, link, full duplex */
#define FPD	     (1u << 31)	 /* of RDTR and TIDV: what is put off comes now */
#define CTRL_ADDRESS 0x0000u
#define IO_SPACE     0x20000u

/* Registers that only hold what is written. */
static const struct plain {
	uint16_t at, field;
	uint32_t mask;
} plain[] = {
#define PLAIN(at, field, mask)                               \
	{                                                    \
		at, offsetof(struct e1000_regs, field), mask \
	}
	PLAIN(0x0018, ctrl_ext, 0x00ffffff),
	PLAIN(0x0028, fcal, UINT32_MAX),
	PLAIN(0x002c, fcah, 0xffff),
	PLAIN(0x0030, fct, 0xffff),
	PLAIN(0x0038, vet, 0xffff),
	PLAIN(0x00c4, itr, 0xffff),
	PLAIN(0x0170, fcttv, 0xffff),
	PLAIN(0x0178, txcw, UINT32_MAX),
	PLAIN(0x0410, tipg, 0x3fffffff),
	PLAIN(0x0458, ait, 0xffff),
	PLAIN(0x0e00, ledctl, UINT32_MAX),
	PLAIN(0x1000, pba, UINT32_MAX),
	PLAIN(0x2160, fcrtl, 0x8000fff8),
	PLAIN(0x2168, fcrth, 0x8000fff8),
	PLAIN(0x2820, rdtr, 0xffff),
	PLAIN(0x2828, rxdctl, 0x013f3f3f),
	PLAIN(0x282c, radv, 0xffff),
	PLAIN(0x2c00, rsrpd, 0xfff),
	PLAIN(0x3820, tidv, 0xffff),
	PLAIN(0x3828, txdctl, 0xff3f3f3f),
	PLAIN(0x382c, tadv, 0xffff),
	PLAIN(0x3830, tspmt, UINT32_MAX),
	PLAIN(0x5000, rxcsum, 0x7ff),
	PLAIN(0x5800, wuc, 0xf),
	PLAIN(0x5808, wufc, 0x000f80ff),
	PLAIN(0x5820, manc, UINT32_MAX),
	/* the rings */
	PLAIN(0x2800, rx.bal, ~15u),
	PLAIN(0x2804, rx.bah, UINT32_MAX),
	PLAIN(0x2808, rx.len, 0xfff80),
	PLAIN(0x2810, rx.head, 0xffff),
	PLAIN(0x2818, rx.tail, 0xffff),
	PLAIN(0x3800, tx.bal, ~15u),
	PLAIN(0x3804, tx.bah, UINT32_MAX),
	PLAIN(0x3808, tx.len, 0xfff80),
	PLAIN(0x3810, tx.head, 0xffff),
	PLAIN(0x3818, tx.tail, 0xffff),
#undef PLAIN
};

/* Places from before the 82543, where some drivers still go. */
static uint32_t alias(uint32_t at)
{
	if (at >= 0x110 && at <= 0x128)
		return 0x2800 + (at - 0x110);
	if (at >= 0x420 && at <= 0x438)
		return 0x3800 + (at - 0x420);
	if (at >= 0x200 && at < 0x400)
		return REG_MTA + (at - 0x200);
	if (at >= 0x040 && at < 0x0c0)
		return REG_RA + (at - 0x040);
	if (at >= 0x600 && at < 0x800)
		return REG_VFTA + (at - 0x600);
	return at == 0x108 ? 0x2820 : at == 0x440 ? 0x3820 : at == 0x004 ? 0 : at;
}

/* The word of a table, or NULL. */
static uint32_t *table_at(struct e1000_regs *r, uint32_t at)
{
	if (at >= REG_MTA && at < REG_MTA + sizeof(r->mta))
		return &r->mta[(at - REG_MTA) / 4];
	if (at >= REG_RA && at < REG_RA + sizeof(r->ra))
		return &r->ra[(at - REG_RA) / 4];
	if (at >= REG_VFTA && at < REG_VFTA + sizeof(r->vfta))
		return &r->vfta[(at - REG_VFTA) / 4];
	return NULL;
}

static const struct plain *plain_at(uint32_t at)
{
	for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].at == at)
			return &plain[i];
	return NULL;
}

static uint32_t *field(struct e1000_regs *r, const struct plain *p)
{
	return (uint32_t *)(void *)((uint8_t *)r + p->field);
}

/* ------------------------------------------------------------------------ reading */

/* Reading clears; of the two words of octets, reading the upper one. */
static uint32_t stat_read(struct e1000_regs *r, unsigned i)
{
	const uint32_t v = r->stat[i];
	const bool low =
		i == STAT_GORC || i == STAT_GOTC || i == STAT_TOR || i == STAT_TOT;
	const bool high = i == STAT_GORC + 1 || i == STAT_GOTC + 1 || i == STAT_TOR + 1 ||
			  i == STAT_TOT + 1;

	if (!low)
		r->stat[i] = 0;
	if (high)
		r->stat[i - 1] = 0;
	return v;
}

static uint32_t icr_read(struct e1000 *c)
{
	const uint32_t v = c->r.icr;

	c->r.icr = 0;
	e1000_irq_update(c);
	return v;
}

static uint32_t read32(struct e1000 *c, uint32_t at)
{
	struct e1000_regs *r = &c->r;
	const struct plain *p;
	const uint32_t *t;

	switch (at) {
	case CTRL_ADDRESS:
		return r->ctrl;
	case 0x0008:
		return STATUS;
	case 0x0010:
		return e1000_eecd_read(c);
	case 0x0014:
		return r->eerd;
	case 0x0020:
		return r->mdic;
	case 0x00c0:
		return icr_read(c);
	case 0x00d0:
		return r->ims;
	case 0x0100:
		return r->rctl;
	case 0x0400:
		return r->tctl;
	case 0x5810:
		return r->wus;
	default:
		break;
	}
	if (at >= REG_STATS && at < REG_STATS + sizeof(r->stat))
		return stat_read(r, (at - REG_STATS) / 4);
	t = table_at(r, at);
	if (t)
		return *t;
	p = plain_at(at);
	return p ? *field(r, p) : 0;
}

/* ------------------------------------------------------------------------ writing */

static void ctrl_write(struct e1000 *c, uint32_t v)
{
	const bool up = v & CTRL_SLU && !(c->r.ctrl & CTRL_SLU);

	if (v & CTRL_RST) {
		e1000_soft_reset(c);
		return;
	}
	c->r.ctrl = v & ~(CTRL_RST | CTRL_PHY_RST);
	if (v & CTRL_PHY_RST)
		e1000_phy_reset(c);
	if (up || v & CTRL_PHY_RST)
		e1000_raise(c, ICR_LSC);
}

static void ims_write(struct e1000 *c, uint32_t v)
{
	c->r.ims = v & ICR_ALL;
	e1000_irq_update(c);
}

/* What a write begins. */
static void written(struct e1000 *c, uint32_t at, uint32_t v)
{
	switch (at) {
	case 0x2818:
		nicport_run(c->port);
		break;
	case 0x3818:
		e1000_tx_run(c);
		break;
	case 0x2820:
		if (v & FPD && c->rx_delay.timer.at)
			e1000_delay_end(c, &c->rx_delay);
		break;
	case 0x3820:
		if (v & FPD && c->tx_delay.timer.at)
			e1000_delay_end(c, &c->tx_delay);
		break;
	default:
		break;
	}
}

static void write_other(struct e1000 *c, uint32_t at, uint32_t v)
{
	const struct plain *p = plain_at(at);
	uint32_t *t = table_at(&c->r, at);

	if (t)
		*t = v;
	if (!p)
		return;
	*field(&c->r, p) = v & p->mask;
	written(c, at, v);
}

static void write32(struct e1000 *c, uint32_t at, uint32_t v)
{
	switch (at) {
	case CTRL_ADDRESS:
		ctrl_write(c, v);
		break;
	case 0x0010:
		e1000_eecd_write(c, v);
		break;
	case 0x0014:
		e1000_eerd_write(c, v);
		break;
	case 0x0020:
		e1000_mdic_write(c, v);
		break;
	case 0x00c0:
		c->r.icr &= ~v;
		e1000_irq_update(c);
		break;
	case 0x00c8:
		e1000_raise(c, v & ICR_ALL);
		break;
	case 0x00d0:
		ims_write(c, c->r.ims | v);
		break;
	case 0x00d8:
		ims_write(c, c->r.ims & ~v);
		break;
	case 0x0100:
		c->r.rctl = v;
		nicport_run(c->port);
		break;
	case 0x0400:
		c->r.tctl = v;
		e1000_tx_run(c);
		break;
	case 0x5810:
		c->r.wus &= ~v;
		break;
	default:
		write_other(c, at, v);
	}
}

/* ----------------------------------------------------------------------- accesses */

/* Smaller reads are parts; of writes there are only whole ones. */
static uint64_t mmio_read(void *arg, uint64_t at, unsigned size)
{
	const unsigned shift = ((unsigned)at & 3) * 8;

	if (size > 4 || (at & 3) + size > 4)
		return UINT64_MAX;
	return read32(arg, alias((uint32_t)at & ~3u)) >> shift;
}

static void mmio_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	if (size == 4 && !(at & 3))
		write32(arg, alias((uint32_t)at), (uint32_t)value);
}

static uint64_t pio_read(void *arg, uint64_t at, unsigned size)
{
	struct e1000 *c = arg;

	if (size != 4 || (at != 0 && at != 4))
		return UINT64_MAX;
	if (at == 0)
		return c->r.io_addr;
	return c->r.io_addr < IO_SPACE ? mmio_read(c, c->r.io_addr & ~3u, 4) : 0;
}

static void pio_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct e1000 *c = arg;

	if (size != 4)
		return;
	if (at == 0)
		c->r.io_addr = (uint32_t)value;
	else if (at == 4 && c->r.io_addr < IO_SPACE)
		mmio_write(c, c->r.io_addr & ~3u, 4, value);
}

const struct io_ops e1000_mmio = { mmio_read, mmio_write };
const struct io_ops e1000_pio = { pio_read, pio_write };
