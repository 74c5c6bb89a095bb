/* SPDX-License-Identifier: MIT */
/* PCI bus 0: configuration accesses, base address registers, interrupt pins. */
#include "backends/pc/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_PORT 0xcf8
#define DATA_PORT    0xcfc
#define ENABLE	     (1u << 31)
#define RESET_CPU    4u
#define BAR_IO	     1u
#define NR_LINES     16u
#define IO_END	     0x10000u

struct pcibus {
	struct pcdev dev; /* its own registers */
	struct pcbus *b;
	uint32_t address;
	struct pcidev *fn[PCI_NR_DEVFNS];
	uint8_t line[PCI_NR_PIRQS];
	unsigned asserted[PCI_NR_PIRQS]; /* functions that do */
};

/* ------------------------------------------------------------ interrupt pins */

static void line_update(struct pcibus *p, unsigned line)
{
	bool level = false;

	if (!line)
		return;
	for (unsigned i = 0; i < PCI_NR_PIRQS; i++)
		level |= p->line[i] == line && p->asserted[i];
	pcbus_irq(p->b, line, level);
}

static unsigned pirq_of(const struct pcidev *d)
{
	return (d->devfn / 8 + d->config[PCI_PIN] - 2u) % PCI_NR_PIRQS;
}

void pci_irq(struct pcidev *d, bool level)
{
	const unsigned pin = d->config[PCI_PIN], pirq = pirq_of(d);

	level = level && !(pci_word(d, PCI_COMMAND) & PCI_CMD_INTX);
	if (!pin || d->intx == level)
		return;
	d->intx = level;
	d->pci->asserted[pirq] += level ? 1u : -1u;
	line_update(d->pci, d->pci->line[pirq]);
}

void pcibus_route(struct pcibus *p, unsigned pirq, unsigned line)
{
	const unsigned before = p->line[pirq];

	p->line[pirq] = line < NR_LINES ? (uint8_t)line : 0;
	if (before != p->line[pirq]) {
		line_update(p, before);
		line_update(p, p->line[pirq]);
		for (unsigned i = 0; i < PCI_NR_DEVFNS; i++)
			if (p->fn[i] && p->fn[i]->routed && pirq_of(p->fn[i]) == pirq)
				p->fn[i]->routed(p->fn[i], p->line[pirq]);
	}
}

/* ------------------------------------------------------ base address registers */

static void bar_unmap(struct pcidev *d, struct pcibar *bar)
{
	if (!bar->mapped)
		return;
	bar->mapped = false;
	if (bar->io)
		pcbus_pio_unmap(d->pci->b, (uint16_t)bar->at);
	else
		pcbus_mmio_unmap(d->pci->b, bar->at);
}

/* Where it should be now, by the register and the command's bits. */
static bool bar_wanted(const struct pcidev *d, unsigned n, uint64_t *at)
{
	const struct pcibar *bar = &d->bar[n];
	const uint32_t value = pci_dword(d, PCI_BAR0 + 4 * n) & ~(bar->size - 1);

	*at = value;
	if (!bar->size || !value ||
	    !(d->config[PCI_COMMAND] & (bar->io ? PCI_CMD_IO : PCI_CMD_MEMORY)))
		return false;
	/* all ones is how a guest asks for the size */
	return bar->io ? (uint64_t)value + bar->size <= IO_END
		       : (uint64_t)value + bar->size < 1ull << 32;
}

static void bars_update(struct pcidev *d)
{
	for (unsigned n = 0; n < PCI_NR_BARS; n++) {
		struct pcibar *bar = &d->bar[n];
		uint64_t at;
		bool wanted = bar_wanted(d, n, &at);

		if (bar->mapped && wanted && bar->at == at)
			continue;
		bar_unmap(d, bar);
		if (!wanted)
			continue;
		bar->at = at;
		/* where something else is already, that stays */
		bar->mapped =
			!(bar->io ? pcbus_pio_map(d->pci->b, (uint16_t)at,
						  (uint16_t)bar->size, bar->ops, bar->arg)
				  : pcbus_mmio_map(d->pci->b, at, bar->size, bar->ops,
						   bar->arg));
	}
}

void pci_bar_set(struct pcidev *d, unsigned n, bool io, uint32_t size,
		 const struct io_ops *ops, void *arg)
{
	const unsigned at = PCI_BAR0 + 4 * n;

	d->bar[n] = (struct pcibar){ .size = size, .io = io, .ops = ops, .arg = arg };
	for (unsigned i = 0; i < 4; i++)
		d->writable[at + i] = (uint8_t)(~(size - 1) >> (8 * i));
	pci_dword_set(d, at, io ? BAR_IO : 0);
}

/* ---------------------------------------------------------------- configuration */

static void config_write(struct pcidev *d, unsigned at, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size && at + i < PCI_CONFIG_SIZE; i++) {
		const uint8_t byte = (uint8_t)(value >> (8 * i));
		const uint8_t mask = d->writable[at + i];
		uint8_t *c = &d->config[at + i];

		*c = (uint8_t)((*c & ~mask) | (byte & mask));
		*c &= (uint8_t) ~(byte & d->clear[at + i]);
	}
	bars_update(d);
	if (pci_word(d, PCI_COMMAND) & PCI_CMD_INTX)
		pci_irq(d, false);
	if (d->written)
		d->written(d, at, size);
}

static struct pcidev *addressed(const struct pcibus *p)
{
	if (!(p->address & ENABLE) || p->address >> 16 & 0xff)
		return NULL;
	return p->fn[p->address >> 8 & 0xff];
}

/* A dword at 0xcf8 is the address, the byte at 0xcf9 the PIIX3's reset control. */
static uint64_t address_read(void *arg, uint64_t at, unsigned size)
{
	const struct pcibus *p = arg;

	return at == 0 && size == 4 ? p->address : UINT32_MAX;
}

static void address_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct pcibus *p = arg;

	if (at == 0 && size == 4)
		p->address = (uint32_t)value & (ENABLE | 0xfffffc);
	else if (at == 1 && size == 1 && value & RESET_CPU)
		p->b->ops->reset(p->b);
}

static uint64_t data_read(void *arg, uint64_t at, unsigned size)
{
	const struct pcibus *p = arg;
	const struct pcidev *d = addressed(p);
	const unsigned reg = (p->address & 0xfc) + (unsigned)at;
	uint32_t value = 0;

	if (!d || size > 4 || at + size > 4)
		return UINT32_MAX;
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)d->config[reg + i] << (8 * i);
	return value;
}

static void data_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	const struct pcibus *p = arg;
	struct pcidev *d = addressed(p);

	if (d && size <= 4 && at + size <= 4)
		config_write(d, (p->address & 0xfc) + (unsigned)at, size,
			     (uint32_t)value);
}

/* ------------------------------------------------------------------- functions */

int pci_add(struct pcibus *p, struct pcidev *d, unsigned slot, unsigned function,
	    const struct pci_id *id)
{
	const unsigned devfn = slot * 8 + function;

	if (p->fn[devfn])
		return -EEXIST;
	d->pci = p;
	d->devfn = (uint8_t)devfn;
	pci_word_set(d, PCI_VENDOR, id->vendor);
	pci_word_set(d, PCI_DEVICE, id->device);
	pci_dword_set(d, PCI_REVISION, id->class << 8 | id->revision);
	pci_word_set(d, PCI_SUBVENDOR, id->subvendor);
	pci_word_set(d, PCI_SUBSYSTEM, id->subsystem);
	d->config[PCI_PIN] = id->pin;
	d->writable[PCI_LINE] = 0xff;
	d->writable[PCI_COMMAND] |= PCI_CMD_IO | PCI_CMD_MEMORY | PCI_CMD_MASTER;
	d->writable[PCI_COMMAND + 1] |= PCI_CMD_INTX >> 8;
	p->fn[devfn] = d;
	pcbus_add(p->b, &d->dev);
	return 0;
}

struct pcidev *pci_find(const struct pcibus *p, unsigned slot, unsigned function)
{
	return p->fn[slot * 8 + function];
}

void pci_remove(struct pcidev *d)
{
	pci_irq(d, false);
	for (unsigned n = 0; n < PCI_NR_BARS; n++)
		bar_unmap(d, &d->bar[n]);
	d->pci->fn[d->devfn] = NULL;
}

void pci_reset(struct pcidev *d)
{
	pci_irq(d, false);
	pci_word_set(d, PCI_COMMAND, 0);
	for (unsigned n = 0; n < PCI_NR_BARS; n++)
		if (d->bar[n].size)
			pci_dword_set(d, PCI_BAR0 + 4 * n, d->bar[n].io ? BAR_IO : 0);
	d->config[PCI_LINE] = 0;
	bars_update(d);
}

size_t pci_save(const struct pcidev *d, uint8_t *buf, size_t max)
{
	if (max < PCI_CONFIG_SIZE + 1)
		return 0;
	memcpy(buf, d->config, PCI_CONFIG_SIZE);
	buf[PCI_CONFIG_SIZE] = d->intx;
	return PCI_CONFIG_SIZE + 1;
}

size_t pci_load(struct pcidev *d, const uint8_t *buf, size_t len)
{
	if (len < PCI_CONFIG_SIZE + 1 || memcmp(buf, d->config, 4) != 0 ||
	    buf[PCI_CONFIG_SIZE] > 1)
		return 0;
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
		d->config[i] = (uint8_t)((d->config[i] & ~d->writable[i]) |
					 (buf[i] & d->writable[i]));
	bars_update(d);
	pci_irq(d, buf[PCI_CONFIG_SIZE]);
	return PCI_CONFIG_SIZE + 1;
}

/* ------------------------------------------------------------------ the bus itself */

static struct pcibus *of(struct pcdev *d)
{
	return (struct pcibus *)d;
}

static void bus_reset(struct pcdev *d)
{
	of(d)->address = 0;
}

static size_t bus_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	const uint32_t address = of(d)->address;

	if (max < sizeof(address))
		return 0;
	memcpy(buf, &address, sizeof(address));
	return sizeof(address);
}

static int bus_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	uint32_t address;

	if (len != sizeof(address))
		return -EBADMSG;
	memcpy(&address, buf, sizeof(address));
	of(d)->address = address & (ENABLE | 0xfffffc);
	return 0;
}

static const struct pcdev_ops bus_ops = {
	.name = "pci", .reset = bus_reset, .save = bus_save, .load = bus_load
};

struct pcibus *pcibus_new(struct pcbus *b)
{
	static const struct io_ops address_ops = { address_read, address_write };
	static const struct io_ops data_ops = { data_read, data_write };
	struct pcibus *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->dev.ops = &bus_ops;
	p->b = b;
	if (pcbus_pio_map(b, ADDRESS_PORT, 4, &address_ops, p))
		goto free_bus;
	if (pcbus_pio_map(b, DATA_PORT, 4, &data_ops, p))
		goto unmap_address;
	pcbus_add(b, &p->dev);
	return p;
unmap_address:
	pcbus_pio_unmap(b, ADDRESS_PORT);
free_bus:
	free(p);
	return NULL;
}

void pcibus_free(struct pcibus *p)
{
	free(p);
}
