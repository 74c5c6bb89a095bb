/* SPDX-License-Identifier: MIT */
/* The PC's drives: disks, CD-ROMs and floppies on block drivers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/log.h"
#include "tools/disk_spec.h"
#include "tools/vm_pc_int.h"

#define HOLD_MS	     10000 /* for a disk that another machine has had */
#define HOLD_STEP_MS 20

_Static_assert(DISK_DRIVE_FLOPPY == VM_PC_FLOPPY && DISK_DRIVE_NONE == VM_PC_DRIVES,
	       "drives are numbered alike");

/* A driver's files. */
static int files_open(struct vm_pc_drive *d)
{
	int err = d->ops->open_files ? d->ops->open_files(&d->params) : 0;

	if (err)
		log_err("%s: %s", d->params.target, strerror(-err));
	return err;
}

static int drive_take(struct vm_pc *pc, struct disk_spec *s, const char *text)
{
	const unsigned unit = disk_drive(s->devid);
	struct vm_pc_drive *d;

	if (unit == DISK_DRIVE_NONE)
		return 0;
	d = &pc->drive[unit];
	if (d->there) {
		log_err("--disk '%s': that drive is there already", text);
		return -EEXIST;
	}
	*d = (struct vm_pc_drive){
		.pc = pc, .unit = unit, .there = true, .cdrom = s->cdrom
	};
	if (s->format == DISK_FORMAT_EMPTY)
		return 0;
	d->ops = blkdrv_find(s->driver);
	d->target = s->target;
	d->options = s->options;
	s->target = s->options = NULL;
	d->params =
		(struct blkdrv_params){ .driver = s->driver,
					.target = d->target,
					.options = d->options,
					.readonly = !s->readwrite || unit >= VM_PC_FLOPPY,
					.direct = s->direct != DISK_NO,
					.sector_size = s->sector_size };
	if (!d->ops) {
		log_err("--disk '%s': no driver '%s'", text, s->driver);
		return -ENOENT;
	}
	return files_open(d);
}

int vm_pc_media_open(struct vm_pc *pc)
{
	int err = 0;

	for (unsigned i = 0; i < pc->o->ndisks && !err; i++) {
		cleanup_free char *why = NULL;
		struct disk_spec s;

		err = disk_spec_parse(1, &pc->o->disk[i], &s, &why);
		if (err) {
			log_err("--disk '%s': %s", pc->o->disk[i],
				why ? why : strerror(-err));
			break;
		}
		err = drive_take(pc, &s, pc->o->disk[i]);
		disk_spec_clear(&s);
	}
	return err;
}

/* ------------------------------------------------------------------ within the sandbox
 */

static void on_done(void *arg, uint32_t events)
{
	struct vm_pc_drive *d = arg;

	(void)events;
	vm_pc_lock(d->pc);
	if (d->disk)
		pcdisk_complete(d->disk);
	vm_pc_unlock(d->pc);
}

static void medium_close(struct vm_pc_drive *d)
{
	if (d->src)
		evloop_del(d->src);
	d->src = NULL;
	if (d->dev)
		d->dev->ops->close(d->dev);
	d->dev = NULL;
	free(d->target);
	free(d->options);
	d->target = d->options = NULL;
}

/* The drive's medium, ready for I/O. Errors are said. */
static int medium_open(struct vm_pc_drive *d)
{
	cleanup_free char *why = NULL;
	int err = d->ops->open(&d->params, &d->dev, &why);

	if (err) {
		for (int i = 0; i < d->params.nfds; i++)
			close(d->params.fds[i]);
		d->params.nfds = 0;
		log_err("%s", why ? why : strerror(-err));
		return err;
	}
	d->params.nfds = 0;
	d->dev->ops = d->ops;
	err = pcdisk_new(d->pc->worker, d->dev, &d->disk);
	if (!err)
		err = evloop_add(d->pc->loop, pcdisk_fd(d->disk), EPOLLIN, on_done, d,
				 &d->src);
	if (err)
		log_err("%s: %s", d->params.target, strerror(-err));
	return err;
}

static const char *serial_of(unsigned unit)
{
	static const char *const serials[] = { "TANDEM-HDA", "TANDEM-HDB", "TANDEM-HDC",
					       "TANDEM-HDD" };

	return serials[unit];
}

static int drive_attach(struct vm_pc_drive *d)
{
	const struct pcmachine *m = &d->pc->machine;
	int err;

	if (d->unit >= VM_PC_FLOPPY)
		err = floppy_attach(m->floppy, d->unit - VM_PC_FLOPPY, d->disk);
	else if (d->cdrom)
		err = ide_attach_cdrom(m->ide, d->unit, d->disk);
	else
		err = ide_attach_disk(m->ide, d->unit, d->disk, serial_of(d->unit));
	if (err)
		log_err("%s: not for this drive: %s",
			d->params.target ? d->params.target : "empty", strerror(-err));
	return err;
}

int vm_pc_media_start(struct vm_pc *pc)
{
	int err = 0;

	for (unsigned i = 0; i < VM_PC_DRIVES && !err; i++) {
		struct vm_pc_drive *d = &pc->drive[i];

		if (!d->there)
			continue;
		err = d->ops ? medium_open(d) : 0;
		vm_pc_lock(pc);
		if (!err)
			err = drive_attach(d);
		vm_pc_unlock(pc);
	}
	return err;
}

int vm_pc_media_let_go(void *arg)
{
	struct vm_pc *pc = arg;
	int err = 0;

	pc->gone = true;
	for (unsigned i = 0; i < VM_PC_DRIVES && !err; i++) {
		struct blkdrv *dev = pc->drive[i].dev;

		err = dev && dev->ops->let_go ? dev->ops->let_go(dev) : 0;
	}
	return err;
}

/* Again. Who had it meanwhile may take a moment to end. */
static int medium_hold(struct vm_pc_drive *d)
{
	int err = 0;

	for (int ms = 0; ms < HOLD_MS; ms += HOLD_STEP_MS) {
		err = d->dev && d->dev->ops->hold ? d->dev->ops->hold(d->dev) : 0;
		if (err != -EBUSY)
			break;
		usleep(HOLD_STEP_MS * 1000);
	}
	if (err)
		log_err("%s: %s", d->params.target,
			err == -EBUSY ? "another machine has it" : strerror(-err));
	return err;
}

int vm_pc_media_hold(void *arg)
{
	struct vm_pc *pc = arg;
	int err = 0;

	if (!pc->has_media) {
		pc->has_media = true;
		return vm_pc_media_start(pc);
	}
	for (unsigned i = 0; pc->gone && i < VM_PC_DRIVES && !err; i++)
		err = medium_hold(&pc->drive[i]);
	pc->gone = pc->gone && err;
	return err;
}

void vm_pc_media_stop(struct vm_pc *pc)
{
	for (unsigned i = 0; i < VM_PC_DRIVES; i++) {
		pcdisk_free(pc->drive[i].disk);
		pc->drive[i].disk = NULL;
	}
}

void vm_pc_media_close(struct vm_pc *pc)
{
	for (unsigned i = 0; i < VM_PC_DRIVES; i++) {
		struct vm_pc_drive *d = &pc->drive[i];

		for (int k = 0; k < d->params.nfds; k++)
			close(d->params.fds[k]);
		medium_close(d);
	}
}

/* ---------------------------------------------------------------------- other media */

static int medium_insert(struct vm_pc_drive *d)
{
	const struct pcmachine *m = &d->pc->machine;
	int err;

	vm_pc_lock(d->pc);
	err = d->unit >= VM_PC_FLOPPY
		      ? floppy_insert(m->floppy, d->unit - VM_PC_FLOPPY, d->disk)
		      : ide_insert(m->ide, d->unit, d->disk);
	vm_pc_unlock(d->pc);
	return err;
}

/* It has been taken out of the drive. */
static void medium_end(struct vm_pc_drive *d)
{
	vm_pc_lock(d->pc);
	pcdisk_free(d->disk);
	d->disk = NULL;
	vm_pc_unlock(d->pc);
	medium_close(d);
}

/* Then its media are as its state has them. */
static bool is_saved(const struct vm_pc *pc)
{
	return vm_stop_reason(pc->board->vm) >= 0;
}

int vm_pc_insert(struct vm_pc *pc, unsigned drive, const int fds[2])
{
	struct vm_pc_drive *d = &pc->drive[drive];
	int err = -ENODEV;

	if (drive < VM_PC_DRIVES && d->there && (d->cdrom || drive >= VM_PC_FLOPPY))
		err = d->disk ? -EEXIST : is_saved(pc) ? -EBUSY : 0;
	if (err) {
		close(fds[0]);
		close(fds[1]);
		return err;
	}
	d->ops = blkdrv_find("uring");
	d->target = strdup("the new medium");
	d->params = (struct blkdrv_params){ .driver = "uring",
					    .target = d->target,
					    .readonly = true,
					    .nfds = 2,
					    .fds = { fds[0], fds[1] } };
	err = d->target ? medium_open(d) : -ENOMEM;
	if (!err)
		err = medium_insert(d);
	if (err)
		medium_end(d);
	return err;
}

int vm_pc_eject(struct vm_pc *pc, unsigned drive, bool force)
{
	struct vm_pc_drive *d = &pc->drive[drive];
	int err;

	if (drive >= VM_PC_DRIVES || !d->there || (!d->cdrom && drive < VM_PC_FLOPPY))
		return -ENODEV;
	if (is_saved(pc))
		return -EBUSY;
	vm_pc_lock(pc);
	err = drive >= VM_PC_FLOPPY
		      ? floppy_eject(pc->machine.floppy, drive - VM_PC_FLOPPY)
		      : ide_eject(pc->machine.ide, drive, force);
	vm_pc_unlock(pc);
	if (!err)
		medium_end(d);
	return err;
}
