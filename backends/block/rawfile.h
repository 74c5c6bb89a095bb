/* SPDX-License-Identifier: MIT */
/*
 * Raw files and block devices: what the drivers "uring" and "aio" share of a
 * device. Opening, size, alignment, the image's lock.
 *
 * The lock. A writer has the image alone, readers share it; whoever comes
 * second is refused. There are two open file description locks:
 *   - one on the description that all I/O goes through. An operation in flight
 *     keeps that description, even when the process was killed, so whoever gets
 *     this lock knows that no write of a dead predecessor can still land on top
 *     of the ones it replays;
 *   - one on a second description without I/O ("alive"), which the kernel drops
 *     the moment its process ends.
 * So a second user of a living backend is refused at once, and the successor of
 * a killed one waits until the last of its I/O is through.
 */
#ifndef TANDEM_BACKENDS_BLOCK_RAWFILE_H
#define TANDEM_BACKENDS_BLOCK_RAWFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/block/blkdrv.h"
#include "backends/block/rawmap.h"

struct rawfile {
	struct blkdrv drv; /* first */
	char *name;
	int fd;	      /* I/O, and its lock */
	int alive_fd; /* the other lock */
	bool blockdev;
	bool in_memory; /* a file on tmpfs or ramfs */
	struct rawmap map;
	/* What O_DIRECT asks of memory and of offsets and lengths; 1 without. */
	uint32_t mem_align, off_align;
	bool want_fixed; /* option "fixed" */
	/* Written by queues, once; __atomic. */
	bool no_uring_discard; /* IORING_OP_URING_CMD cannot do it here */
	bool told_unfixed;
};

/* blkdrv_ops.open_files: p->fds gets the description for I/O and "alive"; of a
 * block device also sysfs's discard_granularity and discard_alignment. */
int rawfile_open_files(struct blkdrv_params *p);

/*
 * The common part of blkdrv_ops.open for f, zeroed by the caller. Without
 * descriptors in p it opens them itself. On error f owns nothing.
 */
int rawfile_open(struct rawfile *f, const struct blkdrv_params *p, char **why);
void rawfile_close(struct rawfile *f);
int rawfile_refresh(struct blkdrv *dev);
int rawfile_let_go(struct blkdrv *dev);
int rawfile_hold(struct blkdrv *dev);

/* rawfile_caps.c: size, blocks, alignment and discard of an open f into
 * f->drv.info. p->fds as rawfile_open_files() gave them. */
int rawfile_caps(struct rawfile *f, const struct blkdrv_params *p, char **why);

#endif
