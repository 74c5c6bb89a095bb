/* SPDX-License-Identifier: MIT */
/*
 * RTL8139C+: registers. Each access is one of a dword with some of its bytes enabled, as
 * on the PCI bus: `mask` has ones where they are.
 */
#include <string.h>

#include "backends/pc/rtl8139_int.h"

#define EE_MODE	  0xc0u
#define EE_CONFIG 0xc0u /* configuration registers may be written */
#define EE_PROG	  0x80u /* the wires are the guest's */
#define EE_CS	  0x08u
#define EE_SK	  0x04u
#define EE_DI	  0x02u

#define BMCR_RESET   0x8000u
#define BMCR_RESTART 0x0200u
#define BMSR	     0x782du /* 10 and 100, complete, link */
#define ANLPAR	     0x45e1u
#define ANER	     0x0001u
#define TPPOLL_HPQ   0x80u
#define TPPOLL_NPQ   0x40u
#define TPPOLL_SWINT 0x01u

/* ------------------------------------------------------------------------ reading */

static uint32_t bytes4(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/* TSAD (0x60): a bit a descriptor of each kind. */
static uint32_t read_tsad(const struct rtl_regs *r)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		v |= (uint32_t) !!(r->tsd[i] & TSD_OWN) << i;
		v |= (uint32_t) !!(r->tsd[i] & TSD_TABT) << (4 + i);
		v |= (uint32_t) !!(r->tsd[i] & TSD_TUN) << (8 + i);
		v |= (uint32_t) !!(r->tsd[i] & TSD_TOK) << (12 + i);
	}
	return v;
}

static uint32_t read_low(const struct rtl8139 *c, unsigned at)
{
	const struct rtl_regs *r = &c->r;
	const bool cp = r->cpcr & CPCR_TX;

	switch (at) {
	case 0x00:
		return bytes4(r->idr);
	case 0x04:
		return (uint32_t)(r->idr[4] | r->idr[5] << 8);
	case 0x08:
	case 0x0c:
		return bytes4(r->mar + (at - 0x08));
	case 0x10:
	case 0x14:
		return cp ? (uint32_t)(r->dtccr >> (at - 0x10) * 8)
			  : r->tsd[(at - 0x10) / 4];
	case 0x18:
	case 0x1c:
		return r->tsd[(at - 0x10) / 4];
	case 0x20:
	case 0x24:
	case 0x28:
	case 0x2c:
		return cp ? (uint32_t)(r->ring_tx[(at - 0x20) / 8] >> (at & 4) * 8)
			  : r->tsad[(at - 0x20) / 4];
	case 0x30:
		return r->rbstart;
	case 0x34:
		return r->erbcr | (uint32_t)r->ersr << 16 |
		       (uint32_t)(r->cr | (rtl_rx_is_empty(c) ? CR_BUFE : 0)) << 24;
	case 0x38:
		return r->capr | (uint32_t)r->cbr << 16;
	default:
		return r->imr | (uint32_t)r->isr << 16;
	}
}

static uint32_t read_high(const struct rtl8139 *c, unsigned at)
{
	const struct rtl_regs *r = &c->r;

	switch (at) {
	case 0x40:
		return r->tcr | TCR_VERSION;
	case 0x44:
		return r->rcr;
	case 0x48:
		return rtl_tctr_now(c);
	case 0x4c:
		return r->tally.missed;
	case 0x50:
		return r->ee_cr | (uint32_t)r->ee.dout | (uint32_t)r->config[0] << 8 |
		       (uint32_t)r->config[1] << 16 | (uint32_t)r->config[2] << 24;
	case 0x54:
		return r->timer_int;
	case 0x58: /* the media status first: link, 100 Mbit/s */
		return (uint32_t)r->config[3] << 8 | (uint32_t)r->config[4] << 16;
	case 0x5c:
		return r->mulint | 0x10u << 16;
	case 0x60:
		return read_tsad(r) | (uint32_t)r->bmcr << 16;
	case 0x64:
		return BMSR | (uint32_t)r->anar << 16;
	case 0x68:
		return ANLPAR | ANER << 16;
	case 0x74:
		return r->cscr;
	case 0xd8:
		return r->config[5];
	case 0xe0:
		return r->cpcr;
	case 0xe4:
	case 0xe8:
		return (uint32_t)(r->ring_rx >> (at - 0xe4) * 8);
	case 0xec:
		return r->threshold;
	default:
		return 0;
	}
}

uint64_t rtl_reg_read(void *arg, uint64_t at, unsigned size)
{
	const unsigned reg = (unsigned)at & ~3u, shift = ((unsigned)at & 3) * 8;

	if (size > 4 || (at & 3) + size > 4)
		return UINT32_MAX;
	return (reg < 0x40 ? read_low(arg, reg) : read_high(arg, reg)) >> shift;
}

/* ------------------------------------------------------------------------ writing */

static void set_masked(uint32_t *reg, uint32_t v, uint32_t mask)
{
	*reg = (*reg & ~mask) | (v & mask);
}

static void set_word(uint16_t *reg, uint32_t v, uint32_t mask)
{
	*reg = (uint16_t)((*reg & ~mask) | (v & mask));
}

static void set_byte(uint8_t *reg, uint32_t v, uint32_t mask)
{
	*reg = (uint8_t)((*reg & ~mask) | (v & mask));
}

/* Half of a 64-bit register. */
static void set_half(uint64_t *reg, bool high, uint32_t v, uint32_t mask)
{
	const unsigned shift = high ? 32 : 0;

	*reg = (*reg & ~((uint64_t)mask << shift)) | (uint64_t)(v & mask) << shift;
}

static void set_bytes(uint8_t *p, unsigned n, uint32_t v, uint32_t mask)
{
	for (unsigned i = 0; i < n; i++)
		if (mask >> 8 * i & 1)
			p[i] = (uint8_t)(v >> 8 * i);
}

static void write_tsd(struct rtl8139 *c, unsigned at, uint32_t v, uint32_t mask)
{
	uint32_t *tsd = &c->r.tsd[(at - 0x10) / 4];

	if (!(c->r.cpcr & CPCR_TX)) {
		set_masked(tsd, v, mask & TSD_WRITABLE);
		if (!(*tsd & TSD_OWN)) {
			*tsd &= TSD_WRITABLE;
			rtl_tx_run(c);
		}
	} else if (at <= 0x14) {
		set_half(&c->r.dtccr, at == 0x14, v, mask);
		if (at == 0x10 && c->r.dtccr & DTCCR_CMD)
			rtl_cp_dump(c);
	}
}

/* C+: a ring's address; its next descriptor is the first then. */
static void write_tsad(struct rtl8139 *c, unsigned at, uint32_t v, uint32_t mask)
{
	const unsigned queue = (at - 0x20) / 8;

	if (c->r.cpcr & CPCR_TX) {
		set_half(&c->r.ring_tx[queue], at & 4, v, at & 4 ? mask : mask & ~255u);
		c->r.tx_index[queue] = 0;
	} else {
		set_masked(&c->r.tsad[(at - 0x20) / 4], v, mask);
	}
}

static void write_command(struct rtl8139 *c, uint32_t v)
{
	const uint8_t before = c->r.cr;

	if (v & CR_RST) {
		rtl_soft_reset(c);
		return;
	}
	c->r.cr = v & (CR_RE | CR_TE);
	if (c->r.cr & ~before & CR_TE)
		rtl_tx_run(c);
	nicport_run(c->port);
}

static void write_low(struct rtl8139 *c, unsigned at, uint32_t v, uint32_t mask)
{
	struct rtl_regs *r = &c->r;

	switch (at) {
	case 0x00:
		set_bytes(r->idr, 4, v, mask);
		break;
	case 0x04:
		set_bytes(r->idr + 4, 2, v, mask);
		break;
	case 0x08:
	case 0x0c:
		set_bytes(r->mar + (at - 0x08), 4, v, mask);
		break;
	case 0x10:
	case 0x14:
	case 0x18:
	case 0x1c:
		write_tsd(c, at, v, mask);
		break;
	case 0x20:
	case 0x24:
	case 0x28:
	case 0x2c:
		write_tsad(c, at, v, mask);
		break;
	case 0x30:
		set_masked(&r->rbstart, v, mask);
		break;
	case 0x34:
		r->ersr &= (uint8_t) ~(v >> 16 & mask >> 16);
		if (mask >> 24)
			write_command(c, v >> 24);
		break;
	case 0x38:
		set_word(&r->capr, v, mask & 0xffff);
		if (mask & 0xffff)
			nicport_run(c->port);
		break;
	default:
		set_word(&r->imr, v, mask & ISR_ALL);
		r->isr &= (uint16_t) ~((v & mask) >> 16);
		rtl_raise(c, 0);
		/* C+: who has dealt with it may have given descriptors back */
		if (r->cpcr & CPCR_RX)
			nicport_run(c->port);
	}
}

/* 0x50: the EEPROM's wires, and CONFIG0 to 2. */
static void write_eeprom(struct rtl8139 *c, uint32_t v, uint32_t mask)
{
	struct rtl_regs *r = &c->r;

	if ((r->ee_cr & EE_MODE) == EE_CONFIG) {
		set_byte(&r->config[1], v >> 16, mask >> 16 & 0xf3);
		set_byte(&r->config[2], v >> 24, mask >> 24);
	}
	if (!(mask & 0xff))
		return;
	r->ee_cr = v & (EE_MODE | EE_CS | EE_SK | EE_DI);
	if ((v & EE_MODE) == EE_PROG)
		eeprom93_set(&r->ee, v & EE_CS, v & EE_SK, v & EE_DI);
	else
		eeprom93_set(&r->ee, false, false, false);
}

static void write_phy(struct rtl8139 *c, uint32_t v, uint32_t mask)
{
	set_word(&c->r.bmcr, v >> 16, mask >> 16);
	if (c->r.bmcr & BMCR_RESET)
		c->r.bmcr = BMCR_DEFAULT;
	c->r.bmcr &= (uint16_t)~BMCR_RESTART; /* done at once */
}

/* CONFIG5, and TPPoll beside it. */
static void write_poll(struct rtl8139 *c, uint32_t v, uint32_t mask)
{
	const uint32_t poll = (v & mask) >> 8;

	if ((c->r.ee_cr & EE_MODE) == EE_CONFIG)
		set_byte(&c->r.config[5], v, mask & 0xff);
	if (poll & TPPOLL_SWINT)
		rtl_raise(c, ISR_SWINT);
	c->r.polled |=
		(uint8_t)((poll & TPPOLL_NPQ ? 1 : 0) | (poll & TPPOLL_HPQ ? 2 : 0));
	if (poll & (TPPOLL_NPQ | TPPOLL_HPQ))
		rtl_tx_run(c);
}

static void write_high(struct rtl8139 *c, unsigned at, uint32_t v, uint32_t mask)
{
	struct rtl_regs *r = &c->r;

	switch (at) {
	case 0x40:
		set_masked(&r->tcr, v, mask & TCR_WRITABLE);
		break;
	case 0x44:
		set_masked(&r->rcr, v, mask & RCR_WRITABLE);
		break;
	case 0x48:
		c->tctr_since = pcbus_now(rtl_bus(c));
		rtl_timer_update(c);
		break;
	case 0x4c:
		r->tally.missed = 0;
		break;
	case 0x50:
		write_eeprom(c, v, mask);
		break;
	case 0x54:
		set_masked(&r->timer_int, v, mask);
		rtl_timer_update(c);
		break;
	case 0x58:
		if ((r->ee_cr & EE_MODE) != EE_CONFIG)
			break;
		set_byte(&r->config[3], v >> 8, mask >> 8 & 0xff);
		set_byte(&r->config[4], v >> 16, mask >> 16 & 0xff);
		break;
	case 0x5c:
		set_word(&r->mulint, v, mask & 0xffff);
		break;
	case 0x60:
		write_phy(c, v, mask);
		break;
	case 0x64:
		set_word(&r->anar, v >> 16, mask >> 16);
		break;
	case 0x74:
		set_word(&r->cscr, v, mask & 0x0bff);
		break;
	case 0xd8:
		write_poll(c, v, mask);
		break;
	case 0xe0:
		set_word(&r->cpcr, v, mask & CPCR_WRITABLE);
		break;
	case 0xe4:
	case 0xe8:
		set_half(&r->ring_rx, at == 0xe8, v, at == 0xe8 ? mask : mask & ~255u);
		r->rx_index = 0;
		break;
	case 0xec:
		set_byte(&r->threshold, v, mask & 0xff);
		break;
	default:
		break;
	}
}

void rtl_reg_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	const unsigned reg = (unsigned)at & ~3u, shift = ((unsigned)at & 3) * 8;
	const uint32_t mask = (uint32_t)((1ull << 8 * (size & 7)) - 1) << shift;
	const uint32_t v = (uint32_t)value << shift;

	if (size > 4 || (at & 3) + size > 4)
		return;
	if (reg < 0x40)
		write_low(arg, reg, v, mask);
	else
		write_high(arg, reg, v, mask);
}
