/* SPDX-License-Identifier: MIT */
/* The ISA bridge: interrupt routing, and registers that are only kept. */
#include "backends/pc/piix3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIRQ	  0x60
#define PIRQ_OFF  0x80
#define PIRQ_LINE 0x0f
#define LINES	  0xdef8u /* that a PIRQ may go to: 3 to 7, 9 to 12, 14, 15 */
#define MULTI	  0x80	  /* there are other functions */

struct piix3 {
	struct pcidev pci;
};

static struct piix3 *of(struct pcdev *d)
{
	return (struct piix3 *)d;
}

static void route(struct piix3 *b)
{
	for (unsigned i = 0; i < PCI_NR_PIRQS; i++) {
		const uint8_t reg = b->pci.config[PIRQ + i];
		const unsigned line = reg & PIRQ_LINE;

		pcibus_route(b->pci.pci, i,
			     !(reg & PIRQ_OFF) && LINES >> line & 1 ? line : 0);
	}
}

static void written(struct pcidev *d, unsigned at, unsigned size)
{
	if (at < PIRQ + PCI_NR_PIRQS && at + size > PIRQ)
		route(of(&d->dev));
}

static void piix3_reset(struct pcdev *d)
{
	struct piix3 *b = of(d);

	pci_reset(&b->pci);
	pci_word_set(&b->pci, PCI_COMMAND, PCI_CMD_IO | PCI_CMD_MEMORY | PCI_CMD_MASTER);
	memset(b->pci.config + PIRQ, PIRQ_OFF, PCI_NR_PIRQS);
	b->pci.config[0x4c] = 0x4d; /* I/O recovery */
	b->pci.config[0x4e] = 0x03; /* BIOS and keyboard are decoded */
	b->pci.config[0x4f] = 0;
	b->pci.config[0x69] = 0x02; /* top of memory for ISA masters */
	route(b);
}

static size_t piix3_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	return pci_save(&of(d)->pci, buf, max);
}

static int piix3_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	if (!len || pci_load(&of(d)->pci, buf, len) != len)
		return -EBADMSG;
	route(of(d));
	return 0;
}

static void piix3_destroy(struct pcdev *d)
{
	free(of(d));
}

struct piix3 *piix3_new(struct pcibus *p)
{
	static const struct pcdev_ops ops = { .name = "piix3",
					      .reset = piix3_reset,
					      .save = piix3_save,
					      .load = piix3_load,
					      .destroy = piix3_destroy };
	const struct pci_id id = { .vendor = 0x8086,
				   .device = 0x7000,
				   .class = 0x060100 };
	struct piix3 *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->pci.dev.ops = &ops;
	b->pci.written = written;
	if (pci_add(p, &b->pci, PIIX_SLOT, 0, &id)) {
		free(b);
		return NULL;
	}
	b->pci.config[PCI_HEADER] = MULTI;
	pci_word_set(&b->pci, PCI_STATUS, 0x0200);
	memset(b->pci.writable + PIRQ, PIRQ_OFF | PIRQ_LINE, PCI_NR_PIRQS);
	b->pci.writable[0x4c] = 0x7f;
	b->pci.writable[0x4e] = 0xff;
	b->pci.writable[0x4f] = 0x01;
	b->pci.writable[0x69] = 0xfe;
	piix3_reset(&b->pci.dev);
	return b;
}
