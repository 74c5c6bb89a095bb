/* SPDX-License-Identifier: MIT */
/*
 * How a command's data moves: by PIO through the channel's buffer, which is read ahead
 * and written behind within one command, or by DMA (ide_dma.c).
 */
#include <errno.h>
#include <string.h>

#include "backends/pc/ide_int.h"

static uint32_t min_u32(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

static struct ide_drive *owner(struct ide_channel *ch)
{
	return &ch->drive[ch->x.drive];
}

void ide_cancel(struct ide_channel *ch)
{
	struct ide_drive *d = owner(ch);

	ch->abandoned = ch->flight;
	if (ch->x.phase != IDE_IDLE)
		d->status &= (uint8_t) ~(IDE_ST_BSY | IDE_ST_DRQ);
	memset(&ch->x, 0, sizeof(ch->x));
}

void ide_end(struct ide_channel *ch)
{
	struct ide_drive *d = owner(ch);
	const bool told = ch->x.dma || ch->x.write || ch->x.verify;
	const bool packet = ch->x.packet;

	if (ch->x.dma)
		ide_dma_end(ch);
	memset(&ch->x, 0, sizeof(ch->x));
	if (packet)
		ide_cd_good(d);
	else if (!told) /* of its last block it told before that */
		d->status = IDE_ST_DRDY | IDE_ST_DSC;
	else
		ide_good(d);
}

/* -------------------------------------------------------------------- the medium */

void ide_failed(struct ide_channel *ch, int result)
{
	struct ide_drive *d = owner(ch);
	const struct ide_xfer x = ch->x;

	if (ch->x.dma)
		ide_dma_end(ch);
	memset(&ch->x, 0, sizeof(ch->x));
	if (x.packet)
		ide_cd_failed(d, &x, result);
	else
		ide_disk_failed(d, &x, result);
}

/* What came and went with it is accounted for. */
static void advance(struct ide_channel *ch)
{
	struct ide_xfer *x = &ch->x;
	const uint32_t n = ch->flight_units;

	x->lba += n;
	x->left -= n;
	if (ch->direct)
		return;
	if (!x->write) {
		x->filled = x->verify ? 0 : n * x->unit;
		x->at = 0;
		return;
	}
	ch->moved += n * x->unit;
	if (ch->moved == x->filled)
		x->filled = x->at = 0;
}

static void completed(struct pcdisk_io *io, int result)
{
	struct ide_channel *ch =
		(struct ide_channel *)((char *)io - offsetof(struct ide_channel, io));
	const bool flush = io->io.op == BLKDRV_FLUSH;

	ch->flight = false;
	if (ch->abandoned) {
		ch->abandoned = false;
		return;
	}
	if (result && !flush && ch->flight_units > 1) {
		/* up to the one that it is about, which the guest is told */
		ch->single = true;
		if (ch->direct)
			ch->prd = ch->prd_before;
	} else if (result) {
		ide_failed(ch, result);
		return;
	} else if (flush) {
		ch->x.flush = false;
	} else {
		advance(ch);
	}
	ide_run(ch);
}

void ide_submit(struct ide_channel *ch, enum blkdrv_op op, unsigned iovs, uint32_t units)
{
	struct ide_drive *d = owner(ch);
	struct ide_xfer *x = &ch->x;

	d->status = IDE_ST_BSY;
	if (x->phase != IDE_DMA)
		x->phase = IDE_MEDIUM;
	ch->flight_units = units;
	if (!d->disk) { /* taken out meanwhile */
		ide_failed(ch, -ENOMEDIUM);
		return;
	}
	memset(&ch->io, 0, sizeof(ch->io));
	ch->io.io.op = op;
	ch->io.io.offset = x->lba * x->unit;
	ch->io.io.len = (uint64_t)units * x->unit;
	ch->io.io.iov = ch->iov;
	ch->io.io.iovcnt = (uint16_t)iovs;
	ch->io.done = completed;
	ch->flight = true;
	d->disk->ops->submit(d->disk, &ch->io);
}

void ide_submit_buf(struct ide_channel *ch, enum blkdrv_op op, uint32_t units)
{
	ch->direct = false;
	if (ch->single)
		units = 1;
	ch->iov[0].iov_base = ch->buf + (op == BLKDRV_WRITE ? ch->moved : 0);
	ch->iov[0].iov_len = (size_t)units * ch->x.unit;
	ide_submit(ch, op, 1, units);
}

/* --------------------------------------------------------------------------- PIO */

/* The guest may move the next block. */
static void pio_ready(struct ide_channel *ch, bool tell)
{
	struct ide_drive *d = owner(ch);
	struct ide_xfer *x = &ch->x;

	x->phase = IDE_PIO;
	x->stop = x->at + min_u32(x->filled - x->at, x->block);
	if (x->packet) {
		d->reg[IDE_NSECTOR] = IDE_REASON_IN;
		d->reg[IDE_LBA_MID] = (uint8_t)(x->stop - x->at);
		d->reg[IDE_LBA_HIGH] = (uint8_t)((x->stop - x->at) >> 8);
	}
	d->status = IDE_ST_DRDY | IDE_ST_DSC | IDE_ST_DRQ;
	if (tell)
		ide_intrq(d, true);
}

static void pio_run(struct ide_channel *ch, bool tell)
{
	struct ide_xfer *x = &ch->x;
	const uint32_t n = min_u32(x->left, IDE_BUF / x->unit);

	if (x->at < x->filled) {
		pio_ready(ch, tell);
	} else if (x->write && x->filled) {
		/* all of it has come from the guest */
		if (x->phase == IDE_PIO)
			ch->moved = 0;
		ide_submit_buf(ch, BLKDRV_WRITE, (x->filled - ch->moved) / x->unit);
	} else if (!x->left) {
		ide_end(ch);
	} else if (x->write) {
		x->filled = n * x->unit;
		x->at = 0;
		pio_ready(ch, tell);
	} else {
		ide_submit_buf(ch, BLKDRV_READ, n);
	}
}

uint32_t ide_data_read(struct ide_drive *d, unsigned size)
{
	struct ide_channel *ch = d->ch;
	struct ide_xfer *x = &ch->x;
	uint32_t value = 0, n;

	if (x->phase != IDE_PIO || x->write || owner(ch) != d)
		return 0;
	n = min_u32(x->stop - x->at, size < sizeof(value) ? size : sizeof(value));
	memcpy(&value, ch->buf + x->at, n);
	x->at += n;
	if (x->at == x->stop) {
		if (x->at == x->filled)
			x->at = x->filled = 0;
		pio_run(ch, true);
	}
	return value;
}

void ide_data_write(struct ide_drive *d, unsigned size, uint32_t value)
{
	struct ide_channel *ch = d->ch;
	struct ide_xfer *x = &ch->x;
	uint32_t n;

	if ((x->phase != IDE_PIO && x->phase != IDE_CDB) || !x->write || owner(ch) != d)
		return;
	n = min_u32(x->stop - x->at, size < sizeof(value) ? size : sizeof(value));
	memcpy(ch->buf + x->at, &value, n);
	x->at += n;
	if (x->at != x->stop)
		return;
	if (x->phase == IDE_CDB)
		ide_cd_packet(d);
	else
		pio_run(ch, true);
}

/* ----------------------------------------------------------------------- commands */

void ide_run(struct ide_channel *ch)
{
	struct ide_xfer *x = &ch->x;

	if (x->flush && !x->left && !x->filled)
		ide_submit(ch, BLKDRV_FLUSH, 0, 0);
	else if (x->dma)
		ide_dma_run(ch);
	else
		pio_run(ch, true);
}

void ide_begin(struct ide_drive *d, const struct ide_xfer *what)
{
	struct ide_channel *ch = d->ch;
	struct ide_xfer *x = &ch->x;

	*x = *what;
	x->drive = (uint8_t)ide_index(d);
	x->phase = x->dma ? IDE_DMA : IDE_MEDIUM;
	ch->single = false;
	d->status = IDE_ST_BSY;
	/* no interrupt asks for the first block of a write */
	if (x->write && !x->dma)
		pio_run(ch, false);
	else
		ide_run(ch);
}
