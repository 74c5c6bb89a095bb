/* SPDX-License-Identifier: MIT */
/* A host's side of an IDE controller. */
#include "tests/lib/idehost.h"

#include <stdlib.h>
#include <string.h>

#define DRQ	 0x08
#define BSY	 0x80
#define PRD_LAST (1u << 31)

void idehost_open(struct idehost *h)
{
	memset(h, 0, sizeof(*h));
	h->f = fakepc_open(true);
	h->ide = ide_new(&h->f->bus, h->f->pci, IDEHOST_SLOT, 1);
	if (!h->ide)
		abort();
	fakepc_pci_out(h->f, IDEHOST_SLOT, 1, PCI_BAR0 + 16, 4, IDEHOST_BM);
	fakepc_pci_out(h->f, IDEHOST_SLOT, 1, 0x40, 4, 0x80008000u);
	fakepc_pci_out(h->f, IDEHOST_SLOT, 1, PCI_COMMAND, 2,
		       PCI_CMD_IO | PCI_CMD_MASTER);
}

void idehost_close(struct idehost *h)
{
	fakepc_close(h->f);
	for (unsigned i = 0; i < IDE_UNITS; i++)
		if (h->disk[i])
			fakedisk_close(h->disk[i]);
}

void idehost_settle(struct idehost *h)
{
	unsigned n;

	do {
		n = 0;
		for (unsigned i = 0; i < IDE_UNITS; i++)
			n += h->disk[i] ? fakedisk_run(h->disk[i]) : 0;
	} while (n);
}

uint16_t idehost_base(unsigned unit)
{
	return unit < 2 ? 0x1f0 : 0x170;
}

uint8_t idehost_in(struct idehost *h, unsigned unit, unsigned reg)
{
	return (uint8_t)fakepc_in(h->f, (uint16_t)(idehost_base(unit) + reg), 1);
}

void idehost_out(struct idehost *h, unsigned unit, unsigned reg, uint8_t value)
{
	fakepc_out(h->f, (uint16_t)(idehost_base(unit) + reg), 1, value);
}

uint8_t idehost_alt(struct idehost *h, unsigned unit)
{
	return (uint8_t)fakepc_in(h->f, (uint16_t)(idehost_base(unit) + 0x206), 1);
}

void idehost_control(struct idehost *h, unsigned unit, uint8_t value)
{
	fakepc_out(h->f, (uint16_t)(idehost_base(unit) + 0x206), 1, value);
}

bool idehost_irq(struct idehost *h, unsigned unit)
{
	return h->f->line[unit < 2 ? 14 : 15];
}

static uint8_t device(unsigned unit)
{
	return (uint8_t)(0xe0 | (unit & 1) << 4);
}

void idehost_command(struct idehost *h, unsigned unit, uint8_t command, uint32_t lba,
		     unsigned n)
{
	idehost_out(h, unit, 6, (uint8_t)(device(unit) | (lba >> 24 & 0xf)));
	idehost_out(h, unit, 2, (uint8_t)n);
	for (unsigned i = 0; i < 3; i++)
		idehost_out(h, unit, 3 + i, (uint8_t)(lba >> (8 * i)));
	idehost_out(h, unit, 7, command);
}

void idehost_command_ext(struct idehost *h, unsigned unit, uint8_t command, uint64_t lba,
			 unsigned n)
{
	idehost_out(h, unit, 6, device(unit));
	idehost_out(h, unit, 2, (uint8_t)(n >> 8));
	idehost_out(h, unit, 2, (uint8_t)n);
	for (unsigned i = 0; i < 3; i++) {
		idehost_out(h, unit, 3 + i, (uint8_t)(lba >> (24 + 8 * i)));
		idehost_out(h, unit, 3 + i, (uint8_t)(lba >> (8 * i)));
	}
	idehost_out(h, unit, 7, command);
}

size_t idehost_pio_in(struct idehost *h, unsigned unit, void *buf, size_t len)
{
	uint8_t *p = buf;
	size_t done = 0;

	while (done < len) {
		uint16_t v;

		idehost_settle(h);
		if ((idehost_alt(h, unit) & (DRQ | BSY)) != DRQ)
			break;
		v = (uint16_t)fakepc_in(h->f, idehost_base(unit), 2);
		memcpy(p + done, &v, len - done < 2 ? 1 : 2);
		done += len - done < 2 ? 1 : 2;
	}
	return done;
}

size_t idehost_pio_out(struct idehost *h, unsigned unit, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t done = 0;

	for (; done < len; done += 2) {
		uint16_t v;

		idehost_settle(h);
		if ((idehost_alt(h, unit) & (DRQ | BSY)) != DRQ)
			break;
		memcpy(&v, p + done, 2);
		fakepc_out(h->f, idehost_base(unit), 2, v);
	}
	idehost_settle(h);
	return done;
}

static uint16_t bm_port(unsigned unit, unsigned reg)
{
	return (uint16_t)(IDEHOST_BM + (unit < 2 ? 0 : 8) + reg);
}

uint32_t idehost_bm_in(struct idehost *h, unsigned unit, unsigned reg, unsigned size)
{
	return fakepc_in(h->f, bm_port(unit, reg), size);
}

void idehost_bm_out(struct idehost *h, unsigned unit, unsigned reg, unsigned size,
		    uint32_t value)
{
	fakepc_out(h->f, bm_port(unit, reg), size, value);
}

void idehost_table(struct idehost *h, unsigned unit, const struct idehost_prd *prd,
		   unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const uint32_t entry[2] = {
			prd[i].addr, (prd[i].count & 0xffff) | (i + 1 == n ? PRD_LAST : 0)
		};

		memcpy(h->f->ram + IDEHOST_TABLE + 8 * i, entry, sizeof(entry));
	}
	idehost_bm_out(h, unit, 4, 4, IDEHOST_TABLE);
}

void idehost_start(struct idehost *h, unsigned unit, bool in)
{
	idehost_bm_out(h, unit, 2, 1, 0x06);
	idehost_bm_out(h, unit, 0, 1, in ? 9 : 1);
}
