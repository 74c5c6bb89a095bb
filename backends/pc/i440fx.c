/* SPDX-License-Identifier: MIT */
/* The host bridge: configuration registers, and who hears of PAM's. */
#include "backends/pc/i440fx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAM0	   0x59
#define PAM_BYTES  7u
#define PAM_READ   1u
#define PAM_WRITE  2u
#define SMRAM	   0x72
#define SMRAM_BASE 0x02 /* at 0xa0000 */

struct i440fx {
	struct pcidev pci;
	i440fx_pam *pam;
	void *arg;
	uint8_t told[I440FX_SEGMENTS];
};

static struct i440fx *of(struct pcdev *d)
{
	return (struct i440fx *)d;
}

/* Segment 0 is PAM0's high half, the others follow in halves, low ones first. */
static uint8_t attributes(const struct i440fx *h, unsigned segment)
{
	const unsigned half = segment + 1;
	const uint8_t reg = h->pci.config[PAM0 + half / 2];

	return (half % 2 ? reg >> 4 : reg) & (PAM_READ | PAM_WRITE);
}

static void pam_update(struct i440fx *h)
{
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++) {
		const uint8_t now = attributes(h, i);

		if (now == h->told[i])
			continue;
		h->told[i] = now;
		h->pam(h->arg, i, now & PAM_READ, now & PAM_WRITE);
	}
}

static void written(struct pcidev *d, unsigned at, unsigned size)
{
	if (at < PAM0 + PAM_BYTES && at + size > PAM0)
		pam_update(of(&d->dev));
}

static void i440fx_reset(struct pcdev *d)
{
	struct i440fx *h = of(d);

	pci_reset(&h->pci);
	pci_word_set(&h->pci, PCI_COMMAND, PCI_CMD_MEMORY | PCI_CMD_MASTER);
	memset(h->pci.config + PAM0, 0, PAM_BYTES);
	h->pci.config[SMRAM] = SMRAM_BASE;
	pam_update(h);
}

static size_t i440fx_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	return pci_save(&of(d)->pci, buf, max);
}

static int i440fx_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	if (!len || pci_load(&of(d)->pci, buf, len) != len)
		return -EBADMSG;
	pam_update(of(d));
	return 0;
}

static void i440fx_destroy(struct pcdev *d)
{
	free(of(d));
}

struct i440fx *i440fx_new(struct pcibus *p, i440fx_pam *pam, void *arg)
{
	static const struct pcdev_ops ops = { .name = "i440fx",
					      .reset = i440fx_reset,
					      .save = i440fx_save,
					      .load = i440fx_load,
					      .destroy = i440fx_destroy };
	const struct pci_id id = { .vendor = 0x8086,
				   .device = 0x1237,
				   .class = 0x060000,
				   .revision = 2,
				   .subvendor = 0x1af4,
				   .subsystem = 0x1100 };
	struct i440fx *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->pam = pam;
	h->arg = arg;
	h->pci.dev.ops = &ops;
	h->pci.written = written;
	if (pci_add(p, &h->pci, 0, 0, &id)) {
		free(h);
		return NULL;
	}
	h->pci.writable[PAM0] = 0x30;
	memset(h->pci.writable + PAM0 + 1, 0x33, PAM_BYTES - 1);
	h->pci.writable[SMRAM] = 0x78;
	pci_word_set(&h->pci, PCI_STATUS, 0x0280);
	i440fx_reset(&h->pci.dev);
	return h;
}
