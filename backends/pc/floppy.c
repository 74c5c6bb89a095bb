/* SPDX-License-Identifier: MIT */
/* 82077AA: registers, media, saved states. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/floppy_int.h"

#define LINE 6

#define PORT_BASE   0x3f0
#define PORT_CHANGE 0x3f7

/* From the base on. */
enum { REG_DOR = 2, REG_TDR = 3, REG_STATUS = 4, REG_DATA = 5, NR_REGS = 6 };

#define MSR_READY  0x80u
#define MSR_READ   0x40u
#define MSR_NO_DMA 0x20u
#define MSR_BUSY   0x10u

#define DSR_RESET      0x80u
#define ST0_POLLED     0xc0u
#define ST0_SEEK_END   0x20u
#define DIR_CHANGED    0x80u
#define PERP_DRIVES    0x3cu
#define CYLINDERS      80u
#define CONFIGURE_NONE 0

/* ---------------------------------------------------------------------- registers */

static void line_update(const struct floppy *f)
{
	const uint8_t both = FLOPPY_DOR_ENABLE | FLOPPY_DOR_GATE;

	pcbus_irq(f->b, LINE, f->irq && (f->dor & both) == both);
}

void floppy_irq(struct floppy *f, bool level)
{
	f->irq = level;
	line_update(f);
}

/* Software reset, of which an interrupt and four answers to SENSE INTERRUPT tell. */
static void chip_reset(struct floppy *f)
{
	floppy_cancel(f);
	if (!f->lock)
		f->configure[0] = f->configure[1] = CONFIGURE_NONE;
	f->perpendicular &= PERP_DRIVES;
	f->pending = (1u << FLOPPY_UNITS) - 1;
	for (unsigned i = 0; i < FLOPPY_UNITS; i++)
		f->st0[i] = (uint8_t)(ST0_POLLED | i);
	floppy_irq(f, true);
}

static void dor_write(struct floppy *f, uint8_t value)
{
	const uint8_t before = f->dor;

	f->dor = value;
	if (before & ~value & FLOPPY_DOR_ENABLE) {
		floppy_cancel(f);
		f->irq = false;
	}
	if (~before & value & FLOPPY_DOR_ENABLE)
		chip_reset(f);
	line_update(f);
}

static uint8_t status_read(const struct floppy *f)
{
	static const uint8_t phases[FLOPPY_PHASES] = {
		[FLOPPY_COMMAND] = MSR_READY,
		[FLOPPY_EXECUTE] = MSR_BUSY,
		[FLOPPY_DATA] = MSR_READY | MSR_READ | MSR_NO_DMA | MSR_BUSY,
		[FLOPPY_RESULT] = MSR_READY | MSR_READ | MSR_BUSY,
	};
	uint8_t status;

	if (!(f->dor & FLOPPY_DOR_ENABLE))
		return 0;
	status = phases[f->phase];
	if (f->nr_params)
		status |= MSR_BUSY;
	/* drives whose seek is still to be asked for */
	for (unsigned i = 0; i < FLOPPY_UNITS; i++)
		if (f->pending & 1u << i && f->st0[i] & ST0_SEEK_END)
			status |= (uint8_t)(1u << i);
	return status;
}

static uint8_t data_read(struct floppy *f)
{
	uint8_t byte;

	if (f->phase == FLOPPY_DATA)
		return floppy_data_byte(f);
	if (f->phase != FLOPPY_RESULT)
		return 0;
	if (!f->at)
		floppy_irq(f, false);
	byte = f->result[f->at++];
	if (f->at == f->nr_results) {
		f->phase = FLOPPY_COMMAND;
		f->nr_results = f->at = 0;
	}
	return byte;
}

static uint64_t floppy_read(void *arg, uint64_t at, unsigned size)
{
	struct floppy *f = arg;

	if (size != 1)
		return UINT64_MAX;
	switch (at) {
	case REG_DOR:
		return f->dor;
	case REG_TDR:
		return f->tdr;
	case REG_STATUS:
		return status_read(f);
	case REG_DATA:
		return data_read(f);
	default: /* status A and B: not in AT mode */
		return UINT64_MAX;
	}
}

static void floppy_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct floppy *f = arg;

	if (size != 1)
		return;
	switch (at) {
	case REG_DOR:
		dor_write(f, (uint8_t)value);
		break;
	case REG_TDR:
		f->tdr = value & 3;
		break;
	case REG_STATUS: /* data rate select: any rate is the medium's */
		if (value & DSR_RESET && f->dor & FLOPPY_DOR_ENABLE)
			chip_reset(f);
		break;
	case REG_DATA:
		if (f->phase == FLOPPY_COMMAND && f->dor & FLOPPY_DOR_ENABLE)
			floppy_command_byte(f, (uint8_t)value);
		break;
	default:
		break;
	}
}

static uint64_t change_read(void *arg, uint64_t at, unsigned size)
{
	struct floppy *f = arg;
	const struct floppy_drive *d = floppy_drive(f, f->dor & FLOPPY_DOR_UNIT);

	(void)at;
	(void)size;
	return d && d->changed ? DIR_CHANGED : 0;
}

/* -------------------------------------------------------------------------- media */

/* Sectors a track of the smallest that holds it; 0: none does. */
static uint8_t geometry(const struct pcdisk *medium)
{
	static const uint8_t spt[] = { 9, 15, 18, FLOPPY_SPT_MAX };
	const uint64_t size = medium->info.size;

	if (medium->info.sector_size != FLOPPY_SECTOR || size < FLOPPY_SECTOR)
		return 0;
	for (unsigned i = 0; i < sizeof(spt); i++)
		if (size <= CYLINDERS * 2ull * spt[i] * FLOPPY_SECTOR)
			return spt[i];
	return 0;
}

int floppy_insert(struct floppy *f, unsigned unit, struct pcdisk *medium)
{
	struct floppy_drive *d = floppy_drive(f, unit);
	const uint8_t spt = geometry(medium);

	if (!d)
		return -ENODEV;
	if (d->medium)
		return -EEXIST;
	if (!spt)
		return -EINVAL;
	d->medium = medium;
	d->spt = spt;
	d->changed = true;
	return 0;
}

int floppy_eject(struct floppy *f, unsigned unit)
{
	struct floppy_drive *d = floppy_drive(f, unit);

	if (!d)
		return -ENODEV;
	/* what is in flight from it still ends */
	d->medium = NULL;
	d->changed = true;
	return 0;
}

int floppy_attach(struct floppy *f, unsigned unit, struct pcdisk *medium)
{
	if (medium && !geometry(medium))
		return -EINVAL;
	f->drive[unit].fitted = true;
	f->drive[unit].changed = true;
	return medium ? floppy_insert(f, unit, medium) : 0;
}

/* -------------------------------------------------------------------------- state */

struct state {
	struct {
		uint8_t changed, cylinder;
	} drive[FLOPPY_DRIVES];
	uint8_t dor, tdr, irq, phase;
	uint8_t param[FLOPPY_PARAMS], result[FLOPPY_RESULTS];
	uint8_t nr_params, nr_results, at, pending, st0[FLOPPY_UNITS];
	uint8_t specify[2], configure[2], perpendicular, lock;
	uint8_t cylinder, head, sector, last, both, zero[2];
	uint32_t data_at, data_len;
};
_Static_assert(sizeof(struct state) == 56, "no padding");

static void floppy_reset(struct pcdev *dev)
{
	struct floppy *f = (struct floppy *)dev;

	floppy_cancel(f);
	f->dor = f->tdr = 0;
	f->specify[0] = f->specify[1] = 0;
	f->configure[0] = f->configure[1] = CONFIGURE_NONE;
	f->perpendicular = 0;
	f->lock = false;
	memset(f->param, 0, sizeof(f->param));
	memset(f->result, 0, sizeof(f->result));
	memset(f->st0, 0, sizeof(f->st0));
	for (unsigned i = 0; i < FLOPPY_DRIVES; i++) {
		f->drive[i].cylinder = 0;
		f->drive[i].changed = true;
	}
	floppy_irq(f, false);
}

static size_t floppy_save(struct pcdev *dev, uint8_t *buf, size_t max)
{
	const struct floppy *f = (const struct floppy *)dev;
	struct state s = {
		.dor = f->dor,
		.tdr = f->tdr,
		.irq = f->irq,
		.phase = (uint8_t)f->phase,
		.nr_params = f->nr_params,
		.nr_results = f->nr_results,
		.at = f->at,
		.pending = f->pending,
		.perpendicular = f->perpendicular,
		.lock = f->lock,
		.cylinder = f->place.cylinder,
		.head = f->place.head,
		.sector = f->place.sector,
		.last = f->place.last,
		.both = f->place.both,
		.data_at = f->data_at,
		.data_len = f->data_len,
	};

	if (max < sizeof(s) + f->data_len)
		return 0;
	for (unsigned i = 0; i < FLOPPY_DRIVES; i++) {
		s.drive[i].changed = f->drive[i].changed;
		s.drive[i].cylinder = f->drive[i].cylinder;
	}
	memcpy(s.param, f->param, sizeof(s.param));
	memcpy(s.result, f->result, sizeof(s.result));
	memcpy(s.st0, f->st0, sizeof(s.st0));
	memcpy(s.specify, f->specify, sizeof(s.specify));
	memcpy(s.configure, f->configure, sizeof(s.configure));
	memcpy(buf, &s, sizeof(s));
	memcpy(buf + sizeof(s), f->buf, f->data_len);
	return sizeof(s) + f->data_len;
}

/* What the phase needs. */
static bool phase_ok(const struct state *s)
{
	const uint32_t rest =
		(s->last - s->sector + 1u + (s->both && !s->head ? s->last : 0u)) *
		FLOPPY_SECTOR;

	switch (s->phase) {
	case FLOPPY_COMMAND:
		return !s->nr_results && !s->at && !s->data_len && !s->data_at &&
		       (!s->nr_params || s->nr_params < floppy_command_len(s->param[0]));
	case FLOPPY_RESULT:
		return !s->nr_params && s->at < s->nr_results &&
		       s->nr_results <= FLOPPY_RESULTS && !s->data_len && !s->data_at;
	case FLOPPY_DATA:
		return !s->nr_params && !s->nr_results && !s->at &&
		       s->data_at < s->data_len && s->data_len <= FLOPPY_BUF &&
		       s->sector && s->sector <= s->last && s->last <= FLOPPY_SPT_MAX &&
		       rest - s->data_at % FLOPPY_SECTOR == s->data_len - s->data_at;
	default: /* nothing is in flight */
		return false;
	}
}

static bool state_ok(const struct floppy *f, const struct state *s)
{
	for (unsigned i = 0; i < FLOPPY_DRIVES; i++)
		if (s->drive[i].changed > 1 ||
		    (!f->drive[i].fitted && s->drive[i].cylinder))
			return false;
	return s->irq <= 1 && s->lock <= 1 && s->head <= 1 && s->both <= 1 &&
	       s->tdr <= 3 && s->pending < 1u << FLOPPY_UNITS && phase_ok(s);
}

static int floppy_load(struct pcdev *dev, const uint8_t *buf, size_t len)
{
	struct floppy *f = (struct floppy *)dev;
	struct state s;

	if (len < sizeof(s))
		return -EBADMSG;
	memcpy(&s, buf, sizeof(s));
	if (!state_ok(f, &s) || len - sizeof(s) != s.data_len)
		return -EBADMSG;
	for (unsigned i = 0; i < FLOPPY_DRIVES; i++) {
		f->drive[i].changed = s.drive[i].changed;
		f->drive[i].cylinder = s.drive[i].cylinder;
	}
	f->dor = s.dor;
	f->tdr = s.tdr;
	f->phase = s.phase;
	memcpy(f->param, s.param, sizeof(f->param));
	memcpy(f->result, s.result, sizeof(f->result));
	f->nr_params = s.nr_params;
	f->nr_results = s.nr_results;
	f->at = s.at;
	f->pending = s.pending;
	memcpy(f->st0, s.st0, sizeof(f->st0));
	memcpy(f->specify, s.specify, sizeof(f->specify));
	memcpy(f->configure, s.configure, sizeof(f->configure));
	f->perpendicular = s.perpendicular;
	f->lock = s.lock;
	f->place = (struct floppy_place){ .cylinder = s.cylinder,
					  .head = s.head,
					  .sector = s.sector,
					  .last = s.last,
					  .both = s.both };
	f->data_at = s.data_at;
	f->data_len = s.data_len;
	memcpy(f->buf, buf + sizeof(s), s.data_len);
	floppy_irq(f, s.irq);
	return 0;
}

static bool floppy_quiesce(struct pcdev *dev)
{
	return !((const struct floppy *)dev)->flight;
}

static void floppy_destroy(struct pcdev *dev)
{
	free(dev);
}

static const struct pcdev_ops floppy_ops = {
	.name = "82077",
	.reset = floppy_reset,
	.save = floppy_save,
	.load = floppy_load,
	.quiesce = floppy_quiesce,
	.destroy = floppy_destroy,
};

struct floppy *floppy_new(struct pcbus *b, struct isadma *dma)
{
	static const struct io_ops ops = { floppy_read, floppy_write };
	/* writes choose a data rate: any is the medium's */
	static const struct io_ops change_ops = { .read = change_read };
	struct floppy *f = aligned_alloc(_Alignof(struct floppy), sizeof(*f));

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->dev.ops = &floppy_ops;
	f->b = b;
	f->dma = dma;
	if (pcbus_pio_map(b, PORT_BASE, NR_REGS, &ops, f))
		goto free_floppy;
	if (pcbus_pio_map(b, PORT_CHANGE, 1, &change_ops, f))
		goto unmap_base;
	floppy_reset(&f->dev);
	pcbus_add(b, &f->dev);
	return f;
unmap_base:
	pcbus_pio_unmap(b, PORT_BASE);
free_floppy:
	free(f);
	return NULL;
}
