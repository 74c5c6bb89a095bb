/* SPDX-License-Identifier: MIT */
/* PCnet-PCI II: the function, its two ways to be accessed, and its state. */
#include "backends/pc/pcnet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/pcnet_int.h"

#define NR_REGS	 32u
#define RAP_MASK 0x7fu

static struct pcnet *of(struct pcdev *d)
{
	return (struct pcnet *)d;
}

/* ----------------------------------------------------------------------- accesses */

enum port { PORT_NONE, PORT_RDP, PORT_RAP, PORT_RESET, PORT_BDP };

/* Behind the PROM there are four registers: each two bytes, or four. */
static enum port port_at(const struct pcnet *c, uint64_t at, unsigned size)
{
	const unsigned width = c->r.dwio ? 4 : 2;

	if (size != width || (at - PCN_PROM) % width || at - PCN_PROM >= 4ull * width)
		return PORT_NONE;
	return PORT_RDP + (unsigned)(at - PCN_PROM) / width;
}

static uint64_t reg_read(void *arg, uint64_t at, unsigned size)
{
	struct pcnet *c = arg;
	uint64_t v = 0;

	if (at + size <= PCN_PROM) {
		memcpy(&v, c->r.prom + at, size);
		return v;
	}
	switch (at < PCN_PROM ? PORT_NONE : port_at(c, at, size)) {
	case PORT_RDP:
		return pcn_csr_read(c, c->r.rap);
	case PORT_RAP:
		return c->r.rap;
	case PORT_RESET:
		pcn_soft_reset(c);
		return 0;
	case PORT_BDP:
		return pcn_bcr_read(c, c->r.rap);
	default:
		return UINT64_MAX;
	}
}

static void reg_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct pcnet *c = arg;

	if (at + size <= PCN_PROM) {
		if (c->r.bcr[BCR_MISC] & BCR2_APROMWE)
			memcpy(c->r.prom + at, &value, size);
		return;
	}
	if (at == PCN_PROM && size == 4)
		c->r.dwio = 1; /* until the next hardware reset */
	switch (at < PCN_PROM ? PORT_NONE : port_at(c, at, size)) {
	case PORT_RDP:
		pcn_csr_write(c, c->r.rap, (uint16_t)value);
		break;
	case PORT_RAP:
		c->r.rap = value & RAP_MASK;
		break;
	case PORT_BDP:
		pcn_bcr_write(c, c->r.rap, (uint16_t)value);
		break;
	default:
		break;
	}
}

/* ---------------------------------------------------------------------- its state */

void pcn_prom_to_address(struct pcnet *c)
{
	memcpy(&c->r.csr[12], c->r.prom, 6);
}

static void reset(struct pcdev *d)
{
	pci_reset(&of(d)->pci);
	pcn_hard_reset(of(d));
}

static size_t save(struct pcdev *d, uint8_t *buf, size_t max)
{
	struct pcnet *c = of(d);
	const size_t n = pci_save(&c->pci, buf, max);

	if (!n || max - n < sizeof(c->r))
		return 0;
	memcpy(buf + n, &c->r, sizeof(c->r));
	return n + sizeof(c->r);
}

static bool regs_are_good(const struct pcn_regs *r)
{
	static const uint8_t none[sizeof(r->pad)];
	const unsigned style = r->bcr[BCR_STYLE];

	return eeprom93_check(&r->ee) && r->rap <= RAP_MASK && r->dwio <= 1 &&
	       (style == BCR20_CSRPCNET ||
		style == (BCR20_CSRPCNET | BCR20_SSIZE32 | 2) ||
		style == (BCR20_CSRPCNET | BCR20_SSIZE32 | 3)) &&
	       r->rx_at < 0x10000 && r->tx_at < 0x10000 &&
	       !(r->bcr[BCR_BURST] & BCR18_DWIO) && !memcmp(r->pad, none, sizeof(r->pad));
}

static int load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct pcnet *c = of(d);
	struct pcn_regs r;

	if (len != PCI_CONFIG_SIZE + 1 + sizeof(r))
		return -EBADMSG;
	memcpy(&r, buf + len - sizeof(r), sizeof(r));
	if (!regs_are_good(&r) || !pci_load(&c->pci, buf, len))
		return -EBADMSG;
	c->r = r;
	c->idle = 0;
	pcn_tx_again(c);
	pcn_raise(c, 0, 0);
	return 0;
}

static void destroy(struct pcdev *d)
{
	struct pcnet *c = of(d);

	pctimer_stop(c->bus, &c->poll);
	nicport_detach(c->port);
	free(c);
}

static const struct pcdev_ops dev_ops = {
	.name = "pcnet", .reset = reset, .save = save, .load = load, .destroy = destroy
};
static const struct nicport_card card_ops = { pcn_receive, pcn_missed };

/* The PROM's bytes, as the EEPROM holds them: address, hardware, sum, "WW". */
static void eeprom_fill(struct eeprom93 *e, const uint8_t mac[6])
{
	uint8_t prom[PCN_PROM] = { [9] = 0x11, [14] = 'W', [15] = 'W' };
	unsigned sum = 0;

	memcpy(prom, mac, 6);
	for (unsigned i = 0; i < PCN_PROM; i++)
		sum += prom[i];
	prom[12] = (uint8_t)sum;
	prom[13] = (uint8_t)(sum >> 8);
	memcpy(e->word, prom, sizeof(prom));
}

static void poll_fire(void *arg)
{
	pcn_tx_run(arg);
}

struct pcidev *pcnet_pci(struct pcnet *c)
{
	return &c->pci;
}

struct pcnet *pcnet_new(struct pcbus *b, struct pcibus *p, unsigned slot,
			struct nicport *port, const uint8_t mac[6])
{
	static const struct io_ops io = { reg_read, reg_write };
	static const struct pci_id id = { .vendor = 0x1022,
					  .device = 0x2000,
					  .class = 0x020000,
					  .revision = 0x16,
					  .pin = 1 };
	struct pcnet *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->bus = b;
	c->port = port;
	c->poll = (struct pctimer){ .fire = poll_fire, .arg = c };
	c->pci.dev.ops = &dev_ops;
	eeprom_fill(&c->r.ee, mac);
	if (pci_add(p, &c->pci, slot, 0, &id)) {
		free(c);
		return NULL;
	}
	c->pci.config[0x3e] = 0x06; /* MIN_GNT, MAX_LAT */
	c->pci.config[0x3f] = 0xff;
	pci_bar_set(&c->pci, 0, true, NR_REGS, &io, c);
	pci_bar_set(&c->pci, 1, false, NR_REGS, &io, c);
	nicport_attach(port, b, &card_ops, c);
	reset(&c->pci.dev);
	return c;
}
