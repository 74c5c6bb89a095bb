/* SPDX-License-Identifier: MIT */
/* 82540EM: the function, its interrupts and their moderation, its state. */
#include "backends/pc/e1000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/e1000_int.h"
#include "ringproto/netframe.h"

#define BAR_MMIO (128u << 10)
#define BAR_PIO	 64u
#define DELAY_NS 1024u
#define ITR_NS	 256u

static struct e1000 *of(struct pcdev *d)
{
	return (struct e1000 *)d;
}

/* ------------------------------------------------------------------- interrupts */

/* Not before as much time has passed since the last as ITR says. */
void e1000_irq_update(struct e1000 *c)
{
	const uint64_t now = pcbus_now(c->bus);

	if (!(c->r.icr & c->r.ims)) {
		pctimer_stop(c->bus, &c->throttle);
		pci_irq(&c->pci, false);
		return;
	}
	if (c->pci.intx)
		return;
	if (now < c->next_irq) {
		if (!c->throttle.at)
			pctimer_set(c->bus, &c->throttle, c->next_irq);
		return;
	}
	c->next_irq = now + (uint64_t)(c->r.itr & 0xffff) * ITR_NS;
	pci_irq(&c->pci, true);
}

static void throttle_fire(void *arg)
{
	e1000_irq_update(arg);
}

void e1000_raise(struct e1000 *c, uint32_t icr)
{
	c->r.icr |= icr;
	e1000_irq_update(c);
}

void e1000_delay_end(struct e1000 *c, struct e1000_delay *d)
{
	pctimer_stop(c->bus, &d->timer);
	d->until = 0;
	e1000_raise(c, d == &c->rx_delay ? ICR_RXT0 : ICR_TXDW);
}

void e1000_raise_later(struct e1000 *c, struct e1000_delay *d, uint32_t delay,
		       uint32_t most)
{
	const uint64_t now = pcbus_now(c->bus);
	uint64_t at = now + (uint64_t)delay * DELAY_NS;

	if (!delay) {
		e1000_delay_end(c, d);
		return;
	}
	if (most && !d->until)
		d->until = now + (uint64_t)most * DELAY_NS;
	if (d->until && at > d->until)
		at = d->until;
	pctimer_set(c->bus, &d->timer, at);
}

static void rx_delay_fire(void *arg)
{
	struct e1000 *c = arg;

	e1000_delay_end(c, &c->rx_delay);
}

static void tx_delay_fire(void *arg)
{
	struct e1000 *c = arg;

	e1000_delay_end(c, &c->tx_delay);
}

static void again_fire(void *arg)
{
	e1000_tx_run(arg);
}

/* ------------------------------------------------------------------- statistics */

static void count64(struct e1000 *c, enum e1000_stat s, uint64_t n)
{
	uint64_t v = c->r.stat[s] | (uint64_t)c->r.stat[s + 1] << 32;

	v += n;
	c->r.stat[s] = (uint32_t)v;
	c->r.stat[s + 1] = (uint32_t)(v >> 32);
}

/* Sizes count the FCS: 64, 127, 255, 511, 1023, more. */
static unsigned size_class(uint32_t size)
{
	static const uint16_t most[5] = { 64, 127, 255, 511, 1023 };
	unsigned k = 0;

	while (k < 5 && size > most[k])
		k++;
	return k;
}

void e1000_count_frames(struct e1000 *c, bool tx, const uint8_t *dst, uint32_t size,
			uint32_t n, uint64_t bytes)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const unsigned k = size_class(size + NIC_FCS);

	bytes += (uint64_t)n * NIC_FCS;
	e1000_count(c, tx ? STAT_GPTC : STAT_GPRC, n);
	e1000_count(c, tx ? STAT_TPT : STAT_TPR, n);
	e1000_count(c, (tx ? STAT_PTC64 : STAT_PRC64) + k, n);
	count64(c, tx ? STAT_GOTC : STAT_GORC, bytes);
	count64(c, tx ? STAT_TOT : STAT_TOR, bytes);
	if (!memcmp(dst, broadcast, 6))
		e1000_count(c, tx ? STAT_BPTC : STAT_BPRC, n);
	else if (dst[0] & 1)
		e1000_count(c, tx ? STAT_MPTC : STAT_MPRC, n);
}

/* ------------------------------------------------------------------------ resets */

/* The control register's: all but the EEPROM's words. */
void e1000_soft_reset(struct e1000 *c)
{
	struct e1000_regs *r = &c->r;
	struct eeprom93 ee = r->ee;

	pctimer_stop(c->bus, &c->rx_delay.timer);
	pctimer_stop(c->bus, &c->tx_delay.timer);
	pctimer_stop(c->bus, &c->again);
	c->rx_delay.until = c->tx_delay.until = c->next_irq = 0;
	memset(r, 0, sizeof(*r));
	eeprom93_reset(&ee);
	r->ee = ee;
	r->ctrl = 0x00000a01;
	r->pba = 0x00100030;
	r->ledctl = 0x07068302;
	r->vet = NETFRAME_TYPE_VLAN;
	r->mdic = 1u << 28;
	memcpy(r->ra, ee.word, 6);
	r->ra[1] |= RAH_AV;
	e1000_phy_reset(c);
	e1000_irq_update(c);
	nicport_run(c->port); /* what waits is lost */
}

static void reset(struct pcdev *d)
{
	pci_reset(&of(d)->pci);
	e1000_soft_reset(of(d));
}

/* ---------------------------------------------------------------------- its state */

/* Interrupts that were put off come now: too early harms nobody. */
static size_t save(struct pcdev *d, uint8_t *buf, size_t max)
{
	struct e1000 *c = of(d);
	size_t n;

	if (c->rx_delay.timer.at)
		e1000_delay_end(c, &c->rx_delay);
	if (c->tx_delay.timer.at)
		e1000_delay_end(c, &c->tx_delay);
	c->next_irq = 0;
	e1000_irq_update(c);
	n = pci_save(&c->pci, buf, max);
	if (!n || max - n < sizeof(c->r))
		return 0;
	memcpy(buf + n, &c->r, sizeof(c->r));
	return n + sizeof(c->r);
}

static bool ring_is_good(const struct e1000_ring *r)
{
	return !(r->bal & 15) && !(r->len & 127) && r->len < 1u << 20 &&
	       r->head <= 0xffff && r->tail <= 0xffff;
}

static int load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct e1000 *c = of(d);
	struct e1000_regs r;

	if (len != PCI_CONFIG_SIZE + 1 + sizeof(r))
		return -EBADMSG;
	memcpy(&r, buf + len - sizeof(r), sizeof(r));
	if (!eeprom93_check(&r.ee) || !ring_is_good(&r.rx) || !ring_is_good(&r.tx) ||
	    r.icr & ~ICR_ALL || r.ims & ~ICR_ALL || !pci_load(&c->pci, buf, len))
		return -EBADMSG;
	c->r = r;
	c->rx_delay.until = c->tx_delay.until = c->next_irq = 0;
	pctimer_stop(c->bus, &c->rx_delay.timer);
	pctimer_stop(c->bus, &c->tx_delay.timer);
	pctimer_set(c->bus, &c->again, pcbus_now(c->bus) + NIC_AGAIN);
	e1000_irq_update(c);
	return 0;
}

static void destroy(struct pcdev *d)
{
	struct e1000 *c = of(d);

	pctimer_stop(c->bus, &c->rx_delay.timer);
	pctimer_stop(c->bus, &c->tx_delay.timer);
	pctimer_stop(c->bus, &c->throttle);
	pctimer_stop(c->bus, &c->again);
	nicport_detach(c->port);
	free(c);
}

static const struct pcdev_ops dev_ops = {
	.name = "e1000", .reset = reset, .save = save, .load = load, .destroy = destroy
};
static const struct nicport_card card_ops = { e1000_receive, e1000_missed };

struct pcidev *e1000_pci(struct e1000 *c)
{
	return &c->pci;
}

struct e1000 *e1000_new(struct pcbus *b, struct pcibus *p, unsigned slot,
			struct nicport *port, const uint8_t mac[6])
{
	static const struct pci_id id = { .vendor = 0x8086,
					  .device = 0x100e,
					  .class = 0x020000,
					  .revision = 0x02,
					  .subvendor = 0x8086,
					  .subsystem = 0x001e,
					  .pin = 1 };
	struct e1000 *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->bus = b;
	c->port = port;
	c->rx_delay.timer = (struct pctimer){ .fire = rx_delay_fire, .arg = c };
	c->tx_delay.timer = (struct pctimer){ .fire = tx_delay_fire, .arg = c };
	c->throttle = (struct pctimer){ .fire = throttle_fire, .arg = c };
	c->again = (struct pctimer){ .fire = again_fire, .arg = c };
	c->pci.dev.ops = &dev_ops;
	e1000_eeprom_fill(&c->r.ee, mac);
	if (pci_add(p, &c->pci, slot, 0, &id)) {
		free(c);
		return NULL;
	}
	pci_bar_set(&c->pci, 0, false, BAR_MMIO, &e1000_mmio, c);
	pci_bar_set(&c->pci, 1, true, BAR_PIO, &e1000_pio, c);
	nicport_attach(port, b, &card_ops, c);
	reset(&c->pci.dev);
	return c;
}
