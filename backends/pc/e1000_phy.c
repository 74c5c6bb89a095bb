/* SPDX-License-Identifier: MIT */
/* 82540EM: the EEPROM by its wires and by EERD, the PHY by MDIC. */
#include <string.h>

#include "backends/pc/e1000_int.h"

#define EECD_SK	  0x001u
#define EECD_CS	  0x002u
#define EECD_DI	  0x004u
#define EECD_DO	  0x008u
#define EECD_FWE  0x030u
#define EECD_REQ  0x040u
#define EECD_GNT  0x080u
#define EECD_PRES 0x100u

#define EERD_START 0x01u
#define EERD_DONE  0x10u

#define MDIC_WRITE (1u << 26)
#define MDIC_READ  (2u << 26)
#define MDIC_OP	   (3u << 26)
#define MDIC_READY (1u << 28)
#define MDIC_INT   (1u << 29)
#define MDIC_ERROR (1u << 30)
#define PHY_ADDR   1u

#define EEPROM_SUM 0xbabau

enum { PHY_CTRL = 0, PHY_STATUS = 1, PHY_ISR = 19 };
#define PHY_CTRL_RESET	 0x8000u
#define PHY_CTRL_LOOP	 0x4000u
#define PHY_CTRL_RESTART 0x0200u
#define PHY_CTRL_DEFAULT 0x1140u

/* ---------------------------------------------------------------------- EEPROM */

void e1000_eeprom_fill(struct eeprom93 *e, const uint8_t mac[6])
{
	uint16_t sum = EEPROM_SUM;

	memcpy(e->word, mac, 6);
	e->word[0x05] = 0xffff;
	e->word[0x0a] = 0x400b; /* signature; IDs are loaded */
	e->word[0x0b] = 0x001e;
	e->word[0x0c] = 0x8086;
	e->word[0x0d] = 0x100e;
	e->word[0x0e] = 0x8086;
	e->word[0x0f] = 0x3040; /* pause frames */
	for (unsigned i = 0; i < EEPROM93_WORDS - 1; i++)
		sum = (uint16_t)(sum - e->word[i]);
	e->word[EEPROM93_WORDS - 1] = sum;
}

uint32_t e1000_eecd_read(const struct e1000 *c)
{
	return c->r.eecd | EECD_PRES | (c->r.eecd & EECD_REQ ? EECD_GNT : 0) |
	       (c->r.ee.dout ? EECD_DO : 0);
}

void e1000_eecd_write(struct e1000 *c, uint32_t v)
{
	c->r.eecd = v & (EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ);
	eeprom93_set(&c->r.ee, v & EECD_CS, v & EECD_SK, v & EECD_DI);
}

void e1000_eerd_write(struct e1000 *c, uint32_t v)
{
	const unsigned addr = v >> 8 & 0xff;

	c->r.eerd = v & 0xff00;
	if (v & EERD_START)
		c->r.eerd |= EERD_DONE | (uint32_t)c->r.ee.word[addr % EEPROM93_WORDS]
						 << 16;
}

/* ------------------------------------------------------------------------- PHY */

void e1000_phy_reset(struct e1000 *c)
{
	static const uint16_t defaults[E1000_PHY] = {
		[PHY_CTRL] = PHY_CTRL_DEFAULT,
		[PHY_STATUS] = 0x796d, /* all speeds, complete, link */
		[2] = 0x0141,	       /* M88E1011 */
		[3] = 0x0c20,
		[4] = 0x0de1,
		[5] = 0x4de1,
		[6] = 0x000d,
		[9] = 0x0300,
		[10] = 0x3c00,
		[15] = 0x3000,
		[16] = 0x0078,
		[17] = 0xac00, /* 1000 Mbit/s, full, resolved, link */
		[20] = 0x0d60,
	};

	memcpy(c->r.phy, defaults, sizeof(defaults));
}

bool e1000_phy_loops(const struct e1000 *c)
{
	return c->r.phy[PHY_CTRL] & PHY_CTRL_LOOP;
}

static void phy_write(struct e1000 *c, unsigned reg, uint16_t v)
{
	/* those that the guest may not change */
	const uint32_t fixed = 1u << PHY_STATUS | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 |
			       1u << 10 | 1u << 15 | 1u << 17 | 1u << PHY_ISR | 1u << 21;

	if (fixed >> reg & 1)
		return;
	if (reg == PHY_CTRL && v & PHY_CTRL_RESET) {
		e1000_phy_reset(c);
		e1000_raise(c, ICR_LSC);
		return;
	}
	c->r.phy[reg] = v;
	if (reg == PHY_CTRL && v & PHY_CTRL_RESTART) { /* it is done at once */
		c->r.phy[reg] &= (uint16_t)~PHY_CTRL_RESTART;
		e1000_raise(c, ICR_LSC);
	}
}

void e1000_mdic_write(struct e1000 *c, uint32_t v)
{
	const unsigned reg = v >> 16 & 31, addr = v >> 21 & 31, op = v & MDIC_OP;

	c->r.mdic = (v & ~(MDIC_ERROR | 1u << 31)) | MDIC_READY;
	if (addr != PHY_ADDR || (op != MDIC_READ && op != MDIC_WRITE))
		c->r.mdic |= MDIC_ERROR;
	else if (op == MDIC_READ)
		c->r.mdic = (c->r.mdic & ~0xffffu) | c->r.phy[reg];
	else
		phy_write(c, reg, (uint16_t)v);
	if (v & MDIC_INT)
		e1000_raise(c, ICR_MDAC);
}
