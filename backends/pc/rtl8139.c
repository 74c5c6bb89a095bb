/* SPDX-License-Identifier: MIT */
/* RTL8139C+: the function, its resets and its state. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/rtl8139_int.h"

#define NR_REGS 256u

#define CSCR_DEFAULT   0x04c8u
#define CONFIG1_MAPPED 0x0cu

#define PCI_MHZ	   33u
#define CACHE_LINE 0x0cu /* of the configuration: its size */

static struct rtl8139 *of(struct pcdev *d)
{
	return (struct rtl8139 *)d;
}

/* ------------------------------------------------------------------- the counter */

uint32_t rtl_tctr_now(const struct rtl8139 *c)
{
	return (uint32_t)((pcbus_now(rtl_bus(c)) - c->tctr_since) * PCI_MHZ / 1000);
}

static uint64_t tctr_ns(uint64_t ticks)
{
	return (ticks * 1000 + PCI_MHZ - 1) / PCI_MHZ;
}

/* When the counter is what TimerInt says; it goes round in 130 s. */
void rtl_timer_update(struct rtl8139 *c)
{
	const uint32_t left = c->r.timer_int - rtl_tctr_now(c);

	if (!c->r.timer_int)
		pctimer_stop(rtl_bus(c), &c->timer);
	else
		pctimer_set(rtl_bus(c), &c->timer,
			    pcbus_now(rtl_bus(c)) + tctr_ns(left ? left : 1ull << 32));
}

static void timer_fire(void *arg)
{
	struct rtl8139 *c = arg;

	rtl_raise(c, ISR_TIMER);
	rtl_timer_update(c);
}

static void again_fire(void *arg)
{
	rtl_tx_run(arg);
}

/* ------------------------------------------------------------------------- resets */

/* The command register's: addresses, filters and configuration stay. */
void rtl_soft_reset(struct rtl8139 *c)
{
	struct rtl_regs *r = &c->r;

	for (unsigned i = 0; i < 4; i++) {
		r->tsd[i] = TSD_OWN;
		r->tsad[i] = 0;
	}
	memset(r->ring_tx, 0, sizeof(r->ring_tx));
	memset(r->tx_index, 0, sizeof(r->tx_index));
	r->ring_rx = r->dtccr = 0;
	r->tx_at = r->rx_index = r->polled = r->cr = r->ersr = 0;
	r->cbr = r->erbcr = r->imr = r->isr = r->cpcr = r->mulint = 0;
	r->capr = 0xfff0;
	r->tcr = r->rcr = r->timer_int = 0;
	pctimer_stop(rtl_bus(c), &c->timer);
	pctimer_stop(rtl_bus(c), &c->again);
	rtl_raise(c, 0);
}

static void reset(struct pcdev *d)
{
	struct rtl8139 *c = of(d);
	struct eeprom93 ee = c->r.ee;

	pci_reset(&c->pci);
	c->pci.config[CACHE_LINE] = 0;
	memset(&c->r, 0, sizeof(c->r));
	eeprom93_reset(&ee);
	c->r.ee = ee;
	for (unsigned i = 0; i < 6; i++)
		c->r.idr[i] = (uint8_t)(ee.word[7 + i / 2] >> (8 * (i % 2)));
	c->r.bmcr = BMCR_DEFAULT;
	c->r.anar = ANAR_DEFAULT;
	c->r.cscr = CSCR_DEFAULT;
	c->r.config[1] = CONFIG1_MAPPED;
	c->tctr_since = pcbus_now(rtl_bus(c));
	rtl_soft_reset(c);
}

/* ---------------------------------------------------------------------- its state */

static size_t save(struct pcdev *d, uint8_t *buf, size_t max)
{
	struct rtl8139 *c = of(d);
	const size_t n = pci_save(&c->pci, buf, max);

	if (!n || max - n < sizeof(c->r))
		return 0;
	c->r.tctr = rtl_tctr_now(c);
	memcpy(buf + n, &c->r, sizeof(c->r));
	return n + sizeof(c->r);
}

static bool regs_are_good(const struct rtl_regs *r)
{
	static const uint8_t none[sizeof(r->pad)];

	return eeprom93_check(&r->ee) && r->tx_at < 4 && r->rx_index < RTL_RING &&
	       r->tx_index[0] < RTL_RING && r->tx_index[1] < RTL_RING && r->polled < 4 &&
	       !(r->cr & ~(CR_RE | CR_TE)) && !(r->isr & ~ISR_ALL) &&
	       !(r->imr & ~ISR_ALL) && !(r->tcr & ~TCR_WRITABLE) &&
	       !(r->rcr & ~RCR_WRITABLE) && !(r->cpcr & ~CPCR_WRITABLE) &&
	       r->tally.missed <= 0xffffff && !memcmp(r->pad, none, sizeof(r->pad));
}

static int load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct rtl8139 *c = of(d);
	struct rtl_regs r;
	size_t n;

	if (len != PCI_CONFIG_SIZE + 1 + sizeof(r))
		return -EBADMSG;
	memcpy(&r, buf + len - sizeof(r), sizeof(r));
	n = regs_are_good(&r) ? pci_load(&c->pci, buf, len) : 0;
	if (!n)
		return -EBADMSG;
	c->r = r;
	c->tctr_since = pcbus_now(rtl_bus(c)) - tctr_ns(r.tctr);
	rtl_timer_update(c);
	/* a ring that was not at its end */
	pctimer_set(rtl_bus(c), &c->again, pcbus_now(rtl_bus(c)) + NIC_AGAIN);
	rtl_raise(c, 0);
	return 0;
}

static void destroy(struct pcdev *d)
{
	struct rtl8139 *c = of(d);

	pctimer_stop(rtl_bus(c), &c->timer);
	pctimer_stop(rtl_bus(c), &c->again);
	nicport_detach(c->port);
	free(c);
}

static const struct pcdev_ops dev_ops = {
	.name = "rtl8139", .reset = reset, .save = save, .load = load, .destroy = destroy
};
static const struct nicport_card card_ops = { rtl_receive, rtl_missed };

static void eeprom_fill(struct eeprom93 *e, const uint8_t mac[6])
{
	e->word[0] = 0x8129;
	e->word[1] = 0x10ec;
	e->word[2] = 0x8139;
	e->word[3] = 0x10ec;
	e->word[4] = 0x8139;
	for (unsigned i = 0; i < 6; i++)
		e->word[7 + i / 2] |= (uint16_t)(mac[i] << (8 * (i % 2)));
}

struct pcidev *rtl8139_pci(struct rtl8139 *c)
{
	return &c->pci;
}

struct rtl8139 *rtl8139_new(struct pcbus *b, struct pcibus *p, unsigned slot,
			    struct nicport *port, const uint8_t mac[6])
{
	static const struct io_ops io = { rtl_reg_read, rtl_reg_write };
	static const struct pci_id id = { .vendor = 0x10ec,
					  .device = 0x8139,
					  .class = 0x020000,
					  .revision = 0x20,
					  .subvendor = 0x10ec,
					  .subsystem = 0x8139,
					  .pin = 1 };
	struct rtl8139 *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->bus = b;
	c->port = port;
	c->timer = (struct pctimer){ .fire = timer_fire, .arg = c };
	c->again = (struct pctimer){ .fire = again_fire, .arg = c };
	c->pci.dev.ops = &dev_ops;
	eeprom_fill(&c->r.ee, mac);
	if (pci_add(p, &c->pci, slot, 0, &id)) {
		free(c);
		return NULL;
	}
	/* the C+ may write and invalidate: its drivers say how long a line is, and look
	 */
	c->pci.writable[CACHE_LINE] = 0xff;
	c->pci.writable[PCI_COMMAND] |= PCI_CMD_INVALIDATE;
	pci_bar_set(&c->pci, 0, true, NR_REGS, &io, c);
	pci_bar_set(&c->pci, 1, false, NR_REGS, &io, c);
	reset(&c->pci.dev);
	nicport_attach(port, b, &card_ops, c);
	return c;
}
