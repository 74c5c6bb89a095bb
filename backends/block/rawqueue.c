/* SPDX-License-Identifier: MIT */
/*
 * Queues of raw files: start, stop, flush and discard.
 *
 * Discard: a file gets a hole. A block device is asked through io_uring's
 * device command where the kernel has it (6.12), through BLKDISCARD on a thread
 * of its own otherwise, as is BLKSECDISCARD: either can take seconds.
 */
#include "backends/block/rawqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "backends/block/offload.h"
#include "backends/block/rawbounce.h"

/* linux/blkdev.h of Linux 6.12: start in addr, length in addr3 */
#ifndef BLOCK_URING_CMD_DISCARD
#define BLOCK_URING_CMD_DISCARD _IO(0x12, 0)
#endif

#define AUX_RETRIES_MAX 100

/* A flush or discard on its way, in blkdrv_io.priv. */
struct rawaux {
	struct worker_op op; /* first */
	struct rawqueue *rq;
	struct offload_job job;
	unsigned retries;
};
_Static_assert(sizeof(struct rawaux) <= sizeof(((struct blkdrv_io *)0)->priv),
	       "an auxiliary operation fits into the I/O");

static struct blkdrv_io *rawaux_io(struct rawaux *a)
{
	return (struct blkdrv_io *)((char *)a - offsetof(struct blkdrv_io, priv));
}

static struct rawaux *rawaux_of_job(struct offload_job *job)
{
	return (struct rawaux *)((char *)job - offsetof(struct rawaux, job));
}

/* ------------------------------------------------- block devices, blocking */

static int rawaux_ioctl(struct offload_job *job)
{
	struct rawaux *a = rawaux_of_job(job);
	struct blkdrv_io *io = rawaux_io(a);
	uint64_t range[2] = { io->offset, io->len };
	int ret;

	do
		ret = ioctl(a->rq->file->fd, io->secure ? BLKSECDISCARD : BLKDISCARD,
			    range);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static void rawaux_ioctl_done(struct offload_job *job)
{
	blkdrv_done(rawaux_io(rawaux_of_job(job)), job->result);
}

static void rawaux_offload(struct rawaux *a)
{
	int err;

	a->job.call = rawaux_ioctl;
	a->job.done = rawaux_ioctl_done;
	err = offload_submit(a->rq->offload, &a->job);
	if (err)
		blkdrv_done(rawaux_io(a), err);
}

/* ---------------------------------------------------------------- io_uring */

static void rawaux_send(struct rawaux *a)
{
	struct blkdrv_io *io = rawaux_io(a);
	struct rawqueue *rq = a->rq;
	struct io_uring_sqe *sqe = worker_sqe(rq->q.worker, &a->op);

	if (io->op == BLKDRV_FLUSH) {
		io_uring_prep_fsync(sqe, -1, IORING_FSYNC_DATASYNC);
	} else if (rq->file->blockdev) {
		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, -1, NULL, 0, 0);
		sqe->cmd_op = BLOCK_URING_CMD_DISCARD;
		sqe->addr = io->offset;
		sqe->addr3 = io->len;
	} else {
		io_uring_prep_fallocate(sqe, -1,
					FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					(off_t)io->offset, (off_t)io->len);
	}
	rawqueue_sqe_file(rq, sqe);
}

static bool rawaux_unknown(int res)
{
	return res == -EOPNOTSUPP || res == -ENOTTY || res == -EINVAL;
}

static void rawaux_cqe(struct worker_op *op, int res, uint32_t flags)
{
	struct rawaux *a = (struct rawaux *)op;
	struct blkdrv_io *io = rawaux_io(a);
	struct rawfile *file = a->rq->file;

	(void)flags;
	if ((res == -EINTR || res == -EAGAIN) && a->retries++ < AUX_RETRIES_MAX) {
		rawaux_send(a);
	} else if (io->op == BLKDRV_DISCARD && file->blockdev && rawaux_unknown(res)) {
		__atomic_store_n(&file->no_uring_discard, true, __ATOMIC_RELAXED);
		rawaux_offload(a);
	} else {
		blkdrv_done(io, res > 0 ? 0 : res);
	}
}

void rawqueue_aux(struct rawqueue *rq, struct blkdrv_io *io)
{
	struct rawaux *a = (struct rawaux *)io->priv;
	bool thread = io->op == BLKDRV_DISCARD && rq->file->blockdev &&
		      (io->secure ||
		       __atomic_load_n(&rq->file->no_uring_discard, __ATOMIC_RELAXED));

	if (io->op == BLKDRV_DISCARD)
		rawmap_stop(&rq->file->map);
	a->op.fn = rawaux_cqe;
	a->rq = rq;
	if (thread)
		rawaux_offload(a);
	else
		rawaux_send(a);
}

/* ---------------------------------------------------------- start and stop */

int rawqueue_init(struct rawqueue *rq, struct blkdrv *dev, struct worker *w)
{
	struct rawfile *f = (struct rawfile *)dev;

	rq->q.dev = dev;
	rq->q.worker = w;
	rq->file = f;
	if (f->mem_align > 512 || f->off_align > 512) {
		rq->bounce = rawbounce_new(f->mem_align, f->off_align);
		if (!rq->bounce)
			return -ENOMEM;
	}
	if (f->blockdev && dev->info.discard) {
		rq->offload = offload_new(w);
		if (!rq->offload) {
			rawbounce_free(rq->bounce);
			return -ENOMEM;
		}
	}
	rq->file_index = worker_file_get(w, f->fd);
	return 0;
}

void rawqueue_exit(struct rawqueue *rq)
{
	worker_file_put(rq->q.worker, rq->file_index);
	offload_free(rq->offload);
	rawbounce_free(rq->bounce);
}
