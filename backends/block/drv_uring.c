/* SPDX-License-Identifier: MIT */
/*
 * Raw files and block devices by io_uring, on the worker's own ring: no thread,
 * no copy, no system call of its own. Data goes straight into granted pages,
 * which are registered where the limit on locked memory allows it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "backends/block/drivers.h"
#include "backends/block/rawqueue.h"
#include "hv/base/log.h"

#define REGION_MAX (UINT64_C(1) << 30) /* what one registered buffer may be */
#define NOW_MAX	   65536u	       /* more is worth another thread */

struct uring_region {
	uintptr_t base;
	size_t len;
	int index;
};

struct uring_queue {
	struct rawqueue rq; /* first */
	struct uring_region *region;
	unsigned regions, last; /* last: where the last hit was */
};

/* A read or write on its way, in blkdrv_io.priv. */
struct uring_xfer {
	struct worker_op op; /* first */
	struct uring_queue *uq;
	struct rawxfer x;
};
_Static_assert(sizeof(struct uring_xfer) <= sizeof(((struct blkdrv_io *)0)->priv),
	       "a transfer fits into the I/O");

static struct blkdrv_io *uring_io(struct uring_xfer *u)
{
	return (struct blkdrv_io *)((char *)u - offsetof(struct blkdrv_io, priv));
}

/* The registered buffer that holds all of iov, or -1. */
static int uring_region_find(struct uring_queue *uq, const struct iovec *iov)
{
	for (unsigned n = 0, i = uq->last; n < uq->regions; n++) {
		const struct uring_region *r = &uq->region[i];
		uintptr_t off = (uintptr_t)iov->iov_base - r->base;

		if (off < r->len && iov->iov_len <= r->len - off) {
			uq->last = i;
			return r->index;
		}
		i = i + 1 < uq->regions ? i + 1 : 0;
	}
	return -1;
}

static int uring_send(struct uring_xfer *u)
{
	struct blkdrv_io *io = uring_io(u);
	struct uring_queue *uq = u->uq;
	bool write = io->op == BLKDRV_WRITE;
	struct rawpiece piece;
	struct io_uring_sqe *sqe;
	int err = rawxfer_next(&uq->rq, io, &u->x, &piece);
	int index;
	uint64_t at = io->offset + u->x.done;

	if (err)
		return err;
	sqe = worker_sqe(uq->rq.q.worker, &u->op);
	if (piece.iovcnt > 1) {
		io_uring_prep_rw(write ? IORING_OP_WRITEV : IORING_OP_READV, sqe, -1,
				 piece.iov, piece.iovcnt, at);
	} else {
		index = uring_region_find(uq, piece.iov);
		io_uring_prep_rw(write ? IORING_OP_WRITE : IORING_OP_READ, sqe, -1,
				 piece.iov->iov_base, u->x.asked, at);
		if (index >= 0) {
			sqe->opcode =
				write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
			sqe->buf_index = (uint16_t)index;
		}
	}
	rawqueue_sqe_file(&uq->rq, sqe);
	return 0;
}

static void uring_cqe(struct worker_op *op, int res, uint32_t flags)
{
	struct uring_xfer *u = (struct uring_xfer *)op;
	int ret = rawxfer_took(&u->uq->rq, uring_io(u), &u->x, res);

	(void)flags;
	/* no bounce buffer: one that had none came back short, and is not aligned
	 * any more */
	if (ret > 0 && uring_send(u))
		ret = -EIO;
	if (ret <= 0)
		blkdrv_done(uring_io(u), ret);
}

/*
 * A file in memory: io_uring would hand each operation to a kernel thread, as
 * tmpfs cannot promise not to wait (it may for swap), which costs many times
 * the copy. So it is done here and now.
 */
static void uring_now(struct rawqueue *rq, struct blkdrv_io *io)
{
	struct rawxfer x = { 0 };
	struct rawpiece piece;
	ssize_t n;
	int ret = 1;

	if (io->op == BLKDRV_READ &&
	    rawmap_read(&rq->file->map, io->offset, io->len, io->iov, io->iovcnt)) {
		blkdrv_done(io, 0);
		return;
	}
	while (ret > 0) {
		off_t at = (off_t)(io->offset + x.done);

		/* cannot fail: there are no bounce buffers to wait for */
		(void)rawxfer_next(rq, io, &x, &piece);
		if (io->op == BLKDRV_WRITE)
			n = pwritev(rq->file->fd, piece.iov, (int)piece.iovcnt, at);
		else
			n = preadv(rq->file->fd, piece.iov, (int)piece.iovcnt, at);
		ret = rawxfer_took(rq, io, &x, n < 0 ? -errno : (int)n);
	}
	blkdrv_done(io, ret);
}

static int uring_submit(struct blkdrv_queue *q, struct blkdrv_io *io)
{
	struct uring_xfer *u = (struct uring_xfer *)io->priv;
	struct rawqueue *rq = (struct rawqueue *)q;

	if (io->op == BLKDRV_FLUSH || io->op == BLKDRV_DISCARD) {
		rawqueue_aux(rq, io);
		return 0;
	}
	if (io->len <= NOW_MAX && rq->file->in_memory && !rq->bounce) {
		uring_now(rq, io);
		return 0;
	}
	u->op.fn = uring_cqe;
	u->uq = (struct uring_queue *)q;
	return uring_send(u);
}

/* ------------------------------------------------------------------ memory */

static void uring_tell_unfixed(struct uring_queue *uq, int err)
{
	struct rawfile *f = uq->rq.file;

	__atomic_store_n(&f->drv.info.fixed, false, __ATOMIC_RELAXED);
	if (err == -EFAULT) /* memory that is only to be read: no loss to speak of */
		return;
	if (__atomic_exchange_n(&f->told_unfixed, true, __ATOMIC_RELAXED))
		return;
	log_warn("%s: guest memory cannot be registered with io_uring (%s): it works, "
		 "somewhat slower%s",
		 f->name, strerror(-err),
		 err == -ENOMEM ? "; raise the limit on locked memory (ulimit -l)" : "");
}

static int uring_region_add(struct uring_queue *uq, uintptr_t base, size_t len)
{
	struct uring_region *grown =
		realloc(uq->region, (uq->regions + 1) * sizeof(*grown));
	int index;

	if (!grown)
		return -ENOMEM;
	uq->region = grown;
	index = worker_buf_get(uq->rq.q.worker, (void *)base, len);
	if (index < 0)
		return index;
	grown[uq->regions++] = (struct uring_region){ base, len, index };
	return 0;
}

static void uring_mem_add(struct blkdrv_queue *q, void *base, size_t len)
{
	struct uring_queue *uq = (struct uring_queue *)q;
	uintptr_t at = (uintptr_t)base;

	if (!uq->rq.file->want_fixed)
		return;
	while (len) {
		size_t n = len < REGION_MAX ? len : REGION_MAX;
		int err = uring_region_add(uq, at, n);

		if (err) {
			uring_tell_unfixed(uq, err);
			return;
		}
		at += n;
		len -= n;
	}
}

static void uring_mem_remove(struct blkdrv_queue *q, void *base, size_t len)
{
	struct uring_queue *uq = (struct uring_queue *)q;
	unsigned kept = 0;

	for (unsigned i = 0; i < uq->regions; i++) {
		struct uring_region r = uq->region[i];

		if (r.base - (uintptr_t)base < len)
			worker_buf_put(q->worker, r.index);
		else
			uq->region[kept++] = r;
	}
	uq->regions = kept;
	uq->last = 0;
}

/* ---------------------------------------------------------- start and stop */

static int uring_queue_start(struct blkdrv *dev, struct worker *w,
			     struct blkdrv_queue **q)
{
	struct uring_queue *uq = calloc(1, sizeof(*uq));
	int err;

	if (!uq)
		return -ENOMEM;
	err = rawqueue_init(&uq->rq, dev, w);
	if (err) {
		free(uq);
		return err;
	}
	*q = &uq->rq.q;
	return 0;
}

static void uring_queue_stop(struct blkdrv_queue *q)
{
	struct uring_queue *uq = (struct uring_queue *)q;

	for (unsigned i = 0; i < uq->regions; i++)
		worker_buf_put(q->worker, uq->region[i].index);
	rawqueue_exit(&uq->rq);
	free(uq->region);
	free(uq);
}

static int uring_open(const struct blkdrv_params *p, struct blkdrv **dev, char **why)
{
	struct rawfile *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	err = rawfile_open(f, p, why);
	if (err) {
		free(f);
		return err;
	}
	f->drv.ops = &drv_uring;
	f->drv.info.fixed = f->want_fixed;
	*dev = &f->drv;
	return 0;
}

static void uring_close(struct blkdrv *dev)
{
	rawfile_close((struct rawfile *)dev);
	free(dev);
}

const struct blkdrv_ops drv_uring = {
	.name = "uring",
	.summary = "a raw file or block device, by io_uring",
	.open_files = rawfile_open_files,
	.open = uring_open,
	.close = uring_close,
	.let_go = rawfile_let_go,
	.hold = rawfile_hold,
	.refresh = rawfile_refresh,
	.queue_start = uring_queue_start,
	.queue_stop = uring_queue_stop,
	.submit = uring_submit,
	.mem_add = uring_mem_add,
	.mem_remove = uring_mem_remove,
};
