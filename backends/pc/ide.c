/* SPDX-License-Identifier: MIT */
/* IDE: the function, its ports, and what all drives have in common. */
#include "backends/pc/ide_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMING	      0x40 /* IDETIM, a word a channel; SIDETIM behind */
#define TIMING_SIZE   5u
#define TIMING_DECODE 0x80u /* in the high byte: the channel's ports are there */
#define LATENCY	      0x0d

#define CMD_DEVICE_RESET 0x08
#define CMD_DIAGNOSTIC	 0x90

static const struct {
	uint16_t command, control;
	uint8_t line;
} ports[IDE_CHANNELS] = { { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 } };

/* ----------------------------------------------------------------- interrupts */

void ide_irq_update(struct ide_channel *ch)
{
	const bool level = ide_selected(ch)->intrq && !(ch->control & IDE_CTL_NIEN);

	if (level == ch->line)
		return;
	ch->line = level;
	if (level)
		ch->bm_status |= IDE_BM_INT;
	pcbus_irq(ch->ide->b, ports[ch->n].line, level);
}

void ide_intrq(struct ide_drive *d, bool level)
{
	d->intrq = level;
	ide_irq_update(d->ch);
}

void ide_good(struct ide_drive *d)
{
	d->error = 0;
	d->status = IDE_ST_DRDY | IDE_ST_DSC;
	ide_intrq(d, true);
}

void ide_bad(struct ide_drive *d, uint8_t error)
{
	d->error = error;
	d->status = IDE_ST_DRDY | IDE_ST_DSC | IDE_ST_ERR;
	ide_intrq(d, true);
}

/* --------------------------------------------------------------------- resets */

/* ATA/ATAPI-6, 9.12 */
void ide_signature(struct ide_drive *d)
{
	d->reg[IDE_NSECTOR] = 1;
	d->reg[IDE_LBA_LOW] = 1;
	d->reg[IDE_LBA_MID] = d->kind == IDE_CDROM ? 0x14 : 0;
	d->reg[IDE_LBA_HIGH] = d->kind == IDE_CDROM ? 0xeb : 0;
}

/* After a software reset, or the diagnostic. */
static void drives_reset(struct ide_channel *ch)
{
	for (unsigned i = 0; i < IDE_DRIVES; i++) {
		struct ide_drive *d = &ch->drive[i];

		memset(d->reg, 0, sizeof(d->reg));
		memset(d->before, 0, sizeof(d->before));
		ide_signature(d);
		d->intrq = false;
		d->error = 1; /* passed */
		d->status = d->kind == IDE_DISK ? IDE_ST_DRDY | IDE_ST_DSC : 0;
	}
	ide_irq_update(ch);
}

static void channel_reset(struct ide_channel *ch)
{
	ide_cancel(ch);
	ch->control = 0;
	ide_bm_reset(ch);
	for (unsigned i = 0; i < IDE_DRIVES; i++) {
		struct ide_drive *d = &ch->drive[i];

		d->kind = d->fitted;
		if (d->kind == IDE_DISK)
			ide_disk_power_on(d);
		else if (d->kind == IDE_CDROM)
			ide_cd_power_on(d);
	}
	drives_reset(ch);
}

void ide_fit(struct ide_drive *d, enum ide_kind kind)
{
	d->fitted = kind;
	channel_reset(d->ch);
}

/* ------------------------------------------------------------------ registers */

static bool channel_empty(const struct ide_channel *ch)
{
	return ch->drive[0].kind == IDE_NONE && ch->drive[1].kind == IDE_NONE;
}

static bool decoded(const struct ide_channel *ch)
{
	const uint8_t *config = ch->ide->pci.config;

	return config[PCI_COMMAND] & PCI_CMD_IO &&
	       config[TIMING + 2 * ch->n + 1] & TIMING_DECODE;
}

static uint8_t status_read(struct ide_channel *ch)
{
	const struct ide_drive *d = ide_selected(ch);

	if (d->kind == IDE_NONE)
		return 0;
	if (ch->control & IDE_CTL_SRST || ch->abandoned)
		return IDE_ST_BSY;
	return d->status;
}

static uint8_t reg_read(struct ide_channel *ch, unsigned reg)
{
	struct ide_drive *d = ide_selected(ch);
	uint8_t status;

	if (d->kind == IDE_NONE)
		return 0;
	switch (reg) {
	case IDE_COMMAND:
		status = status_read(ch);
		ide_intrq(d, false);
		return status;
	case IDE_FEATURES:
		return d->error;
	case IDE_DEVICE:
		return d->reg[reg] | 0xa0;
	default:
		return ch->control & IDE_CTL_HOB ? d->before[reg] : d->reg[reg];
	}
}

static void command(struct ide_channel *ch, uint8_t code)
{
	struct ide_drive *d = ide_selected(ch);

	if (channel_empty(ch) || (d->kind == IDE_NONE && code != CMD_DIAGNOSTIC))
		return;
	/* the other one may still want data moved: not any more */
	ide_cancel(ch);
	ide_intrq(d, false);
	d->error = 0;
	if (code == CMD_DIAGNOSTIC) {
		drives_reset(ch);
		ide_intrq(&ch->drive[0], true);
	} else if (d->kind == IDE_CDROM) {
		ide_cd_command(d, code);
	} else {
		ide_disk_command(d, code);
	}
}

static void reg_write(struct ide_channel *ch, unsigned reg, uint8_t value)
{
	ch->control &= (uint8_t)~IDE_CTL_HOB;
	/* a drive that is busy takes nothing, but for one command */
	if ((ch->flight || status_read(ch) & IDE_ST_BSY) &&
	    (reg != IDE_COMMAND || value != CMD_DEVICE_RESET ||
	     ide_selected(ch)->kind != IDE_CDROM || ch->control & IDE_CTL_SRST))
		return;
	if (reg == IDE_COMMAND) {
		command(ch, value);
		return;
	}
	for (unsigned i = 0; i < IDE_DRIVES; i++) {
		ch->drive[i].before[reg] = ch->drive[i].reg[reg];
		ch->drive[i].reg[reg] = value;
	}
	if (reg == IDE_DEVICE)
		ide_irq_update(ch);
}

static uint64_t command_read(void *arg, uint64_t at, unsigned size)
{
	struct ide_channel *ch = arg;
	uint64_t value = 0;

	if (!decoded(ch) || channel_empty(ch))
		return UINT64_MAX;
	if (at == IDE_DATA)
		return ide_data_read(ide_selected(ch), size);
	for (unsigned i = 0; i < size && at + i < IDE_NR_REGS; i++)
		value |= (uint64_t)reg_read(ch, (unsigned)at + i) << (8 * i);
	return value;
}

static void command_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct ide_channel *ch = arg;

	if (!decoded(ch))
		return;
	if (at == IDE_DATA) {
		ide_data_write(ide_selected(ch), size, (uint32_t)value);
		return;
	}
	for (unsigned i = 0; i < size && at + i < IDE_NR_REGS; i++)
		reg_write(ch, (unsigned)at + i, (uint8_t)(value >> (8 * i)));
}

static uint64_t control_read(void *arg, uint64_t at, unsigned size)
{
	struct ide_channel *ch = arg;

	(void)at;
	(void)size;
	return decoded(ch) && !channel_empty(ch) ? status_read(ch) : UINT64_MAX;
}

static void control_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct ide_channel *ch = arg;
	const uint8_t before = ch->control;

	(void)at;
	(void)size;
	if (!decoded(ch))
		return;
	ch->control = value & (IDE_CTL_HOB | IDE_CTL_SRST | IDE_CTL_NIEN);
	if (ch->control & ~before & IDE_CTL_SRST)
		ide_cancel(ch);
	if (before & ~ch->control & IDE_CTL_SRST)
		drives_reset(ch);
	ide_irq_update(ch);
}

/* --------------------------------------------------------------- the function */

static void ide_written(struct pcidev *d, unsigned at, unsigned size)
{
	struct ide *ide = (struct ide *)d;

	(void)size;
	/* it may be bus master now */
	for (unsigned i = 0; at <= PCI_COMMAND && i < IDE_CHANNELS; i++)
		ide_dma_run(&ide->ch[i]);
}

static void ide_reset(struct pcdev *dev)
{
	struct ide *ide = (struct ide *)dev;

	pci_reset(&ide->pci);
	memset(ide->pci.config + TIMING, 0, TIMING_SIZE);
	ide->pci.config[LATENCY] = 0;
	for (unsigned i = 0; i < IDE_CHANNELS; i++)
		channel_reset(&ide->ch[i]);
}

static bool ide_quiesce(struct pcdev *dev)
{
	const struct ide *ide = (const struct ide *)dev;

	return !ide->ch[0].flight && !ide->ch[1].flight;
}

static void ide_destroy(struct pcdev *dev)
{
	free(dev);
}

static const struct pcdev_ops ide_ops = {
	.name = "piix3-ide",
	.reset = ide_reset,
	.save = ide_save,
	.load = ide_load,
	.quiesce = ide_quiesce,
	.destroy = ide_destroy,
};

int ide_attach_disk(struct ide *ide, unsigned unit, struct pcdisk *disk,
		    const char *serial)
{
	struct ide_drive *d = ide_unit(ide, unit);

	if (d->fitted != IDE_NONE)
		return -EEXIST;
	if (disk->info.sector_size != IDE_SECTOR || disk->info.size < IDE_SECTOR)
		return -EINVAL;
	d->disk = disk;
	/* cannot be cut: longer ones are not what the caller promised */
	strncpy(d->serial, serial, IDE_SERIAL);
	ide_disk_init(d);
	ide_fit(d, IDE_DISK);
	return 0;
}

void ide_unplug_disks(struct ide *ide, unsigned first)
{
	for (unsigned i = first; i < IDE_UNITS; i++) {
		struct ide_drive *d = ide_unit(ide, i);

		if (d->kind != IDE_DISK)
			continue;
		if (d->ch->x.drive == ide_index(d))
			ide_cancel(d->ch);
		d->kind = IDE_NONE;
		ide_intrq(d, false);
	}
}

static void ports_unmap(struct ide *ide, unsigned channels)
{
	for (unsigned i = 0; i < channels; i++) {
		pcbus_pio_unmap(ide->b, ports[i].command);
		pcbus_pio_unmap(ide->b, ports[i].control);
	}
}

static int ports_map(struct ide *ide)
{
	static const struct io_ops command_ops = { command_read, command_write };
	static const struct io_ops control_ops = { control_read, control_write };
	unsigned i;

	for (i = 0; i < IDE_CHANNELS; i++) {
		if (pcbus_pio_map(ide->b, ports[i].command, IDE_NR_REGS, &command_ops,
				  &ide->ch[i]))
			break;
		if (pcbus_pio_map(ide->b, ports[i].control, 1, &control_ops,
				  &ide->ch[i])) {
			pcbus_pio_unmap(ide->b, ports[i].command);
			break;
		}
	}
	if (i == IDE_CHANNELS)
		return 0;
	ports_unmap(ide, i);
	return -EEXIST;
}

static void channels_init(struct ide *ide)
{
	for (unsigned i = 0; i < IDE_CHANNELS; i++) {
		ide->ch[i].ide = ide;
		ide->ch[i].n = i;
		for (unsigned k = 0; k < IDE_DRIVES; k++)
			ide->ch[i].drive[k].ch = &ide->ch[i];
	}
}

struct ide *ide_new(struct pcbus *b, struct pcibus *p, unsigned slot, unsigned function)
{
	static const struct pci_id id = { .vendor = 0x8086,
					  .device = 0x7010,
					  .class = 0x010180 };
	/* its buffers are aligned for O_DIRECT */
	struct ide *ide = aligned_alloc(_Alignof(struct ide), sizeof(*ide));

	if (!ide)
		return NULL;
	memset(ide, 0, sizeof(*ide));
	ide->pci.dev.ops = &ide_ops;
	ide->pci.written = ide_written;
	ide->b = b;
	channels_init(ide);
	memset(ide->pci.writable + TIMING, 0xff, TIMING_SIZE);
	ide->pci.writable[LATENCY] = 0xf0;
	pci_word_set(&ide->pci, PCI_STATUS, 0x280); /* fast back to back, medium DEVSEL */
	if (ports_map(ide))
		goto free_ide;
	if (pci_add(p, &ide->pci, slot, function, &id))
		goto unmap_ports;
	pci_bar_set(&ide->pci, 4, true, 16, &ide_bm_ops, ide);
	ide_reset(&ide->pci.dev);
	return ide;
unmap_ports:
	ports_unmap(ide, IDE_CHANNELS);
free_ide:
	free(ide);
	return NULL;
}
