/* SPDX-License-Identifier: MIT */
/* 82077AA: commands and results. */
#include <errno.h>
#include <string.h>

#include "backends/pc/floppy_int.h"

enum {
	CMD_SPECIFY = 0x03,
	CMD_SENSE_DRIVE = 0x04,
	CMD_WRITE = 0x05,
	CMD_READ = 0x06,
	CMD_RECALIBRATE = 0x07,
	CMD_SENSE_INTERRUPT = 0x08,
	CMD_WRITE_DELETED = 0x09,
	CMD_READ_ID = 0x0a,
	CMD_FORMAT = 0x0d,
	CMD_DUMPREG = 0x0e,
	CMD_SEEK = 0x0f,
	CMD_VERSION = 0x10,
	CMD_PERPENDICULAR = 0x12,
	CMD_CONFIGURE = 0x13,
	CMD_LOCK = 0x14,
	CMD_VERIFY = 0x16,
};

#define CMD_MASK   0x1fu
#define MT	   0x80u /* of a command: both heads; LOCK: set */
#define RELATIVE   0x80u /* of SEEK */
#define INWARD	   0x40u
#define HEAD	   0x04u /* of a command's second byte */
#define VERSION	   0x90u
#define NO_DMA	   0x01u /* of SPECIFY's second byte */
#define IMPLIED	   0x40u /* of CONFIGURE: seeks by themselves */
#define SIZE_512   2u
#define CYLINDERS  80u
#define DMA_NUMBER 2u

#define ST0_ABNORMAL 0x40u
#define ST0_INVALID  0x80u
#define ST0_SEEK_END 0x20u
#define ST0_CHECK    0x10u
#define ST1_END	     0x80u /* of the cylinder */
#define ST1_CRC	     0x20u
#define ST1_OVERRUN  0x10u
#define ST1_NO_DATA  0x04u
#define ST1_PROTECT  0x02u
#define ST1_NO_MARK  0x01u
#define ST2_CRC	     0x20u
#define ST2_CYLINDER 0x10u
#define ST3_PROTECT  0x40u
#define ST3_READY    0x20u
#define ST3_TRACK_0  0x10u
#define ST3_TWO	     0x08u

unsigned floppy_command_len(uint8_t first)
{
	/* what may stand above a command's number: MT, MFM, SK; or options of its own */
	static const struct {
		uint8_t command, options, len;
	} table[] = {
		{ CMD_SPECIFY, 0, 3 },
		{ CMD_SENSE_DRIVE, 0, 2 },
		{ CMD_WRITE, 0xc0, 9 },
		{ CMD_READ, 0xe0, 9 },
		{ CMD_RECALIBRATE, 0, 2 },
		{ CMD_SENSE_INTERRUPT, 0, 1 },
		{ CMD_WRITE_DELETED, 0xc0, 9 },
		{ CMD_READ_ID, 0x40, 2 },
		{ CMD_FORMAT, 0x40, 6 },
		{ CMD_DUMPREG, 0, 1 },
		{ CMD_SEEK, RELATIVE | INWARD, 3 },
		{ CMD_VERSION, 0, 1 },
		{ CMD_PERPENDICULAR, 0, 2 },
		{ CMD_CONFIGURE, 0, 4 },
		{ CMD_LOCK, MT, 1 },
		{ CMD_VERIFY, 0xe0, 9 },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].command == (first & CMD_MASK))
			return first & ~CMD_MASK & ~table[i].options ? 0 : table[i].len;
	return 0;
}

/* ------------------------------------------------------------------------ results */

static void no_result(struct floppy *f)
{
	f->phase = FLOPPY_COMMAND;
	f->nr_params = f->nr_results = f->at = 0;
	f->data_at = f->data_len = 0;
}

static void result(struct floppy *f, const uint8_t *bytes, unsigned n)
{
	memcpy(f->result, bytes, n);
	f->phase = FLOPPY_RESULT;
	f->data_at = f->data_len = 0;
	f->nr_params = f->at = 0;
	f->nr_results = (uint8_t)n;
}

static void result_one(struct floppy *f, uint8_t byte)
{
	result(f, &byte, 1);
}

static unsigned unit_of(const struct floppy *f)
{
	return f->param[1] & 3u;
}

/* Of a command that reads or would have written: where it stands, and the line. */
static void result_place(struct floppy *f, uint8_t st0, uint8_t st1, uint8_t st2)
{
	const struct floppy_place *p = &f->place;
	const uint8_t bytes[] = {
		(uint8_t)(st0 | unit_of(f) | (p->head ? HEAD : 0)),
		st1,
		st2,
		p->cylinder,
		p->head,
		p->sector,
		SIZE_512,
	};

	result(f, bytes, sizeof(bytes));
	floppy_irq(f, true);
}

static void fail(struct floppy *f, uint8_t st1, uint8_t st2)
{
	result_place(f, ST0_ABNORMAL, st1, st2);
}

/* -------------------------------------------------------------------------- reading */

/* The next sector. False: it was the last that the command can reach. */
static bool step(struct floppy_place *p)
{
	if (p->sector < p->last) {
		p->sector++;
		return true;
	}
	p->sector = 1;
	if (p->both && !p->head) {
		p->head = 1;
		return true;
	}
	if (p->both)
		p->head = 0;
	p->cylinder++;
	return false;
}

/* Sectors that are left, this one counted. */
static unsigned sectors_left(const struct floppy_place *p)
{
	return p->last - p->sector + 1u + (p->both && !p->head ? p->last : 0u);
}

/* Those of the cylinder are in buf: to the host, as far as it wants. */
static void give(struct floppy *f)
{
	const uint32_t len = sectors_left(&f->place) * FLOPPY_SECTOR;
	bool tc = false, more = true;

	if (f->place.verify) {
		while (step(&f->place))
			;
		result_place(f, 0, 0, 0);
		return;
	}
	if (f->specify[1] & NO_DMA) {
		f->phase = FLOPPY_DATA;
		f->nr_params = 0;
		f->data_at = 0;
		f->data_len = len;
		floppy_irq(f, true);
		return;
	}
	for (uint32_t at = 0; at < len && !tc && more; at += FLOPPY_SECTOR) {
		size_t n = 0;

		if (f->dor & FLOPPY_DOR_GATE)
			n = isadma_move(f->dma, DMA_NUMBER, f->buf + at, FLOPPY_SECTOR,
					true, &tc);
		if (!tc && n < FLOPPY_SECTOR) {
			fail(f, ST1_OVERRUN, 0);
			return;
		}
		more = step(&f->place);
	}
	if (tc)
		result_place(f, 0, 0, 0);
	else
		fail(f, ST1_END, 0);
}

static void read_start(struct floppy *f);

static void completed(struct pcdisk_io *io, int err)
{
	struct floppy *f = (struct floppy *)((char *)io - offsetof(struct floppy, io));

	f->flight = false;
	if (f->abandoned) {
		/* a reset came between; perhaps another command, that waits for buf */
		f->abandoned = false;
		if (f->phase == FLOPPY_EXECUTE)
			read_start(f);
	} else if (err) {
		fail(f, ST1_CRC, ST2_CRC);
	} else {
		give(f);
	}
}

/* All that the command can reach into buf: half of a cylinder or a whole one. */
static void read_start(struct floppy *f)
{
	const struct floppy_place *p = &f->place;
	const struct floppy_drive *d = floppy_drive(f, unit_of(f));
	uint64_t at, len = sectors_left(p) * FLOPPY_SECTOR;

	if (f->abandoned)
		return;				    /* completed() comes back to it */
	if (!d || !d->medium || p->last > d->spt) { /* taken out, or another */
		fail(f, ST1_NO_MARK, 0);
		return;
	}
	at = ((p->cylinder * 2ull + p->head) * d->spt + p->sector - 1) * FLOPPY_SECTOR;
	memset(f->buf, 0, sizeof(f->buf));
	/* a track that ends early leaves out what is behind it */
	if (at >= d->medium->info.size) {
		give(f);
		return;
	}
	if (len > d->medium->info.size - at)
		len = (d->medium->info.size - at) & ~(uint64_t)(FLOPPY_SECTOR - 1);
	f->iov = (struct iovec){ f->buf, len };
	memset(&f->io, 0, sizeof(f->io));
	f->io.io.op = BLKDRV_READ;
	f->io.io.offset = at;
	f->io.io.len = len;
	f->io.io.iov = &f->iov;
	f->io.io.iovcnt = 1;
	f->io.done = completed;
	f->flight = true;
	d->medium->ops->submit(d->medium, &f->io);
}

static void seek_to(struct floppy_drive *d, uint8_t cylinder)
{
	d->cylinder = cylinder;
	d->changed = !d->medium;
}

/* READ DATA, VERIFY, and the ways in which they cannot begin. */
static void read_data(struct floppy *f)
{
	const uint8_t *p = f->param;
	struct floppy_drive *d = floppy_drive(f, unit_of(f));
	const uint8_t head = !!(p[1] & HEAD);

	f->place = (struct floppy_place){ .cylinder = p[2],
					  .head = p[3] & 1,
					  .sector = p[4],
					  .last = p[6],
					  .both = p[0] & MT,
					  .verify = (p[0] & CMD_MASK) == CMD_VERIFY };
	if (!d || !d->medium) {
		fail(f, ST1_NO_MARK, 0);
		return;
	}
	if (f->configure[0] & IMPLIED && p[2] < CYLINDERS)
		seek_to(d, p[2]);
	if (p[2] != d->cylinder) {
		fail(f, ST1_NO_DATA, ST2_CYLINDER);
		return;
	}
	/* from the end of the track on there are no sectors to be found */
	if (f->place.last > d->spt)
		f->place.last = d->spt;
	if (p[5] != SIZE_512 || p[3] != head || !p[4] || p[4] > f->place.last ||
	    p[2] >= CYLINDERS) {
		fail(f, ST1_NO_DATA, 0);
		return;
	}
	f->phase = FLOPPY_EXECUTE;
	read_start(f);
}

uint8_t floppy_data_byte(struct floppy *f)
{
	const uint8_t byte = f->buf[f->data_at++];

	/* a sector's end; after the last one's nobody says that it is enough */
	if (f->data_at % FLOPPY_SECTOR == 0 && !step(&f->place))
		fail(f, ST1_END, 0);
	return byte;
}

/* Nothing is written here. */
static void refuse_write(struct floppy *f)
{
	const struct floppy_drive *d = floppy_drive(f, unit_of(f));
	const uint8_t *p = f->param;

	f->place = (struct floppy_place){ .cylinder = p[2],
					  .head = !!(p[1] & HEAD),
					  .sector = p[4] };
	fail(f, d && d->medium ? ST1_PROTECT : ST1_NO_MARK, 0);
}

static void read_id(struct floppy *f)
{
	const struct floppy_drive *d = floppy_drive(f, unit_of(f));

	f->place = (struct floppy_place){ .cylinder = d ? d->cylinder : 0,
					  .head = !!(f->param[1] & HEAD),
					  .sector = 1 };
	if (d && d->medium && d->cylinder < CYLINDERS)
		result_place(f, 0, 0, 0);
	else
		fail(f, ST1_NO_MARK, 0);
}

/* -------------------------------------------------------------------------- heads */

static void seek_over(struct floppy *f, uint8_t st0)
{
	const unsigned unit = unit_of(f);

	f->st0[unit] = (uint8_t)(st0 | unit | (f->param[1] & HEAD));
	f->pending |= (uint8_t)(1u << unit);
	no_result(f);
	floppy_irq(f, true);
}

static void recalibrate(struct floppy *f)
{
	struct floppy_drive *d = floppy_drive(f, unit_of(f));

	f->param[1] &= 3;
	if (d)
		seek_to(d, 0);
	/* without a drive track 0 does not come */
	seek_over(f, d ? ST0_SEEK_END : ST0_ABNORMAL | ST0_SEEK_END | ST0_CHECK);
}

static void seek(struct floppy *f)
{
	struct floppy_drive *d = floppy_drive(f, unit_of(f));
	unsigned to = f->param[2];

	if (d && f->param[0] & RELATIVE) {
		if (f->param[0] & INWARD)
			to = d->cylinder + to > 0xff ? 0xff : d->cylinder + to;
		else
			to = d->cylinder > to ? d->cylinder - to : 0;
	}
	if (d)
		seek_to(d, (uint8_t)to);
	seek_over(f, ST0_SEEK_END);
}

static void sense_interrupt(struct floppy *f)
{
	const struct floppy_drive *d;
	unsigned unit = 0;
	uint8_t bytes[2];

	floppy_irq(f, false);
	if (!f->pending) {
		result_one(f, ST0_INVALID);
		return;
	}
	while (!(f->pending & 1u << unit))
		unit++;
	f->pending &= (uint8_t) ~(1u << unit);
	d = floppy_drive(f, unit);
	bytes[0] = f->st0[unit];
	bytes[1] = d ? d->cylinder : 0;
	result(f, bytes, sizeof(bytes));
	/* another seek has its own; the four of a reset have one */
	for (unit = 0; unit < FLOPPY_UNITS; unit++)
		if (f->pending & 1u << unit && f->st0[unit] & ST0_SEEK_END)
			floppy_irq(f, true);
}

static void sense_drive(struct floppy *f)
{
	const struct floppy_drive *d = floppy_drive(f, unit_of(f));
	uint8_t st3 = (uint8_t)(ST3_READY | ST3_TWO | (f->param[1] & (HEAD | 3u)));

	if (d && !d->cylinder)
		st3 |= ST3_TRACK_0;
	if (d && d->medium)
		st3 |= ST3_PROTECT;
	result_one(f, st3);
}

/* ----------------------------------------------------------------------- the rest */

static void dump_registers(struct floppy *f)
{
	uint8_t bytes[FLOPPY_RESULTS] = {
		[4] = f->specify[0],   [5] = f->specify[1],
		[6] = f->place.last,   [7] = (uint8_t)(f->lock << 7 | f->perpendicular),
		[8] = f->configure[0], [9] = f->configure[1],
	};

	for (unsigned i = 0; i < FLOPPY_DRIVES; i++)
		bytes[i] = f->drive[i].cylinder;
	result(f, bytes, sizeof(bytes));
}

static void execute(struct floppy *f)
{
	const uint8_t *p = f->param;

	switch (p[0] & CMD_MASK) {
	case CMD_READ:
	case CMD_VERIFY:
		read_data(f);
		break;
	case CMD_WRITE:
	case CMD_WRITE_DELETED:
	case CMD_FORMAT:
		refuse_write(f);
		break;
	case CMD_READ_ID:
		read_id(f);
		break;
	case CMD_RECALIBRATE:
		recalibrate(f);
		break;
	case CMD_SEEK:
		seek(f);
		break;
	case CMD_SENSE_INTERRUPT:
		sense_interrupt(f);
		break;
	case CMD_SENSE_DRIVE:
		sense_drive(f);
		break;
	case CMD_SPECIFY:
		memcpy(f->specify, p + 1, sizeof(f->specify));
		no_result(f);
		break;
	case CMD_CONFIGURE:
		memcpy(f->configure, p + 2, sizeof(f->configure));
		no_result(f);
		break;
	case CMD_PERPENDICULAR:
		/* the drives' bits count when it is set with the overwrite bit */
		f->perpendicular =
			p[1] & 0x80 ? p[1] & 0x3f
				    : (uint8_t)((f->perpendicular & 0x3c) | (p[1] & 3));
		no_result(f);
		break;
	case CMD_LOCK:
		f->lock = p[0] & MT;
		result_one(f, (uint8_t)(f->lock << 4));
		break;
	case CMD_VERSION:
		result_one(f, VERSION);
		break;
	default: /* CMD_DUMPREG */
		dump_registers(f);
	}
}

void floppy_command_byte(struct floppy *f, uint8_t byte)
{
	if (!f->nr_params && !floppy_command_len(byte)) {
		result_one(f, ST0_INVALID);
		return;
	}
	f->param[f->nr_params++] = byte;
	if (f->nr_params == floppy_command_len(f->param[0]))
		execute(f);
}

void floppy_cancel(struct floppy *f)
{
	f->abandoned = f->flight;
	f->pending = 0;
	memset(&f->place, 0, sizeof(f->place));
	no_result(f);
}
