/* SPDX-License-Identifier: MIT */
/*
 * A disk or medium behind an emulated controller: a block driver's queue
 * (backends/block/blkdrv.h) on a worker's thread.
 *
 * All functions are called under the board's lock, and so is done(): from
 * pcdisk_complete(), which whoever owns the disk calls when its pcdisk_fd() is readable.
 *
 * A controller gives it to submit() and forgets about threads; a test's disk
 * (tests/lib/fakedisk.h) completes when the test says so.
 */
#ifndef TANDEM_BACKENDS_PC_PCDISK_H
#define TANDEM_BACKENDS_PC_PCDISK_H

#include <sys/queue.h>

#include "backends/block/blkdrv.h"

struct pcdisk;

/*
 * One I/O, the controller's until submit(), the disk's until done(). Of io: op (READ,
 * WRITE, FLUSH), offset, len, iov, iovcnt; the entries of iov[] are changed. Memory that
 * they point at stays where it is until done(), though the guest may write to it.
 */
struct pcdisk_io {
	struct blkdrv_io io;				/* first */
	void (*done)(struct pcdisk_io *io, int result); /* 0 or -errno */
	/* The disk's. */
	struct pcdisk *disk;
	int result;
	STAILQ_ENTRY(pcdisk_io) entry;
};
STAILQ_HEAD(pcdisk_ios, pcdisk_io);

struct pcdisk_ops {
	/* Starts one. done() comes later, never from within. */
	void (*submit)(struct pcdisk *d, struct pcdisk_io *io);
};

struct pcdisk { /* first member of an implementation's own struct */
	const struct pcdisk_ops *ops;
	struct blkdrv_info info;
};

/* What submit() looks at first: 0, or the result that it is to have. */
int pcdisk_check(const struct pcdisk *d, const struct blkdrv_io *io);

/* ------------------------------------------------------------ the real one */

/* A queue of dev, which stays the caller's, on that worker. -errno. */
int pcdisk_new(struct worker *w, struct blkdrv *dev, struct pcdisk **d);
/* Waits for what is in flight, completes it (done() is called), ends the queue. Before
 * the controller ends, as its I/Os are the controller's memory. NULL is allowed. */
void pcdisk_free(struct pcdisk *d);
/* Readable when there is something to complete. */
int pcdisk_fd(const struct pcdisk *d);
void pcdisk_complete(struct pcdisk *d);

#endif
