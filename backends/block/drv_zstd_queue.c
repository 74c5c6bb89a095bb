/* SPDX-License-Identifier: MIT */
/*
 * The zstd driver's data path.
 *
 * A read is cut into pieces: of the overlay, read by the worker's io_uring into
 * place, and of frames. A frame in the cache is copied at once, one that is not
 * is loaded by a pool thread, which copies from it and posts the piece back. So
 * guest memory is only ever copied to, from a frame that was checked.
 * Writes, discards and flushes are the pool's, as they may block.
 */
#include "backends/block/drv_zstd.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One io_uring read of the overlay takes at most this. */
#define READ_MAX (UINT64_C(1) << 30)

/* An I/O's state, in its priv. */
struct zstd_req {
	uint64_t next; /* bytes issued */
	/* Up to here it comes from the base: asked once a stretch, as frames may
	 * end within a sector. */
	uint64_t base_until;
	size_t iov_skip;
	struct blkdrv_io *stalled_next;
	unsigned iov_index;
	unsigned busy; /* segs out */
	int result;
	bool stalled;
};
_Static_assert(sizeof(struct zstd_req) <= sizeof(((struct blkdrv_io *)0)->priv),
	       "a request fits into the I/O");

static struct zstd_req *req_of(struct blkdrv_io *io)
{
	return (struct zstd_req *)io->priv;
}

static struct zstd_seg *seg_of_op(struct worker_op *op)
{
	return (struct zstd_seg *)((char *)op - offsetof(struct zstd_seg, op));
}

/* ------------------------------------------------------------ guest memory */

/* Moves the position (index, skip) by len. */
static void iov_advance(const struct blkdrv_io *io, unsigned *index, size_t *skip,
			uint64_t len)
{
	while (len) {
		size_t n = io->iov[*index].iov_len - *skip;

		if (n > len) {
			*skip += len;
			return;
		}
		len -= n;
		*skip = 0;
		++*index;
	}
}

/* -------------------------------------------------------------------- segs */

static struct zstd_seg *seg_get(struct zstd_queue *q, struct blkdrv_io *io)
{
	struct zstd_seg *seg = q->free;

	if (!seg)
		return NULL;
	q->free = seg->next;
	seg->io = io;
	seg->claim.len = 0;
	seg->go = NULL;
	req_of(io)->busy++;
	return seg;
}

static void seg_granted(struct rangelock_claim *claim)
{
	zstd_seg_post((struct zstd_seg *)((char *)claim -
					  offsetof(struct zstd_seg, claim)),
		      0);
}

/* Calls go() when nothing stands against the seg's I/O on [off, off + len). */
static void seg_claim(struct zstd_queue *q, struct zstd_seg *seg, uint64_t off,
		      uint64_t len,
		      void (*go)(struct zstd_queue *q, struct zstd_seg *seg))
{
	seg->claim = (struct rangelock_claim){ .off = off,
					       .len = len,
					       .write = seg->io->op != BLKDRV_READ,
					       .granted = seg_granted };
	seg->go = go;
	q->in_pool++;
	if (!rangelock_take(&zstd_dev_of(q)->locks, &seg->claim))
		return;
	q->in_pool--;
	seg->go = NULL;
	go(q, seg);
}

static void seg_to_pool(struct zstd_queue *q, struct zstd_seg *seg,
			void (*run)(struct ztask *task, struct zdec *dec))
{
	seg->task.run = run;
	q->in_pool++;
	zpool_submit(zstd_dev_of(q)->pool, &seg->task, ZPOOL_SOON);
}

static void stall(struct zstd_queue *q, struct blkdrv_io *io)
{
	req_of(io)->stalled = true;
	req_of(io)->stalled_next = NULL;
	*q->stalled_tail = io;
	q->stalled_tail = &req_of(io)->stalled_next;
}

static void io_continue(struct zstd_queue *q, struct blkdrv_io *io);

/* A seg has done its part: its I/O may be complete, another go on. */
static void seg_finish(struct zstd_queue *q, struct zstd_seg *seg)
{
	struct blkdrv_io *io = seg->io;
	struct zstd_req *r = req_of(io);

	if (seg->result && !r->result)
		r->result = seg->result;
	if (seg->claim.len)
		rangelock_give(&zstd_dev_of(q)->locks, &seg->claim);
	seg->next = q->free;
	q->free = seg;
	if (--r->busy == 0 && !r->stalled)
		blkdrv_done(io, r->result);
	while (q->free && q->stalled) {
		io = q->stalled;
		q->stalled = req_of(io)->stalled_next;
		if (!q->stalled)
			q->stalled_tail = &q->stalled;
		req_of(io)->stalled = false;
		io_continue(q, io);
	}
}

/* ------------------------------------------------------------------- reads */

static void overlay_read_done(struct worker_op *op, int res, uint32_t flags)
{
	struct zstd_seg *seg = seg_of_op(op);

	(void)flags;
	if (res >= 0 && (uint64_t)res == seg->len) {
		seg->result = 0;
		seg_finish(seg->q, seg);
	} else {
		seg_to_pool(seg->q, seg, zstd_seg_pread);
	}
}

static void overlay_read(struct zstd_queue *q, struct zstd_seg *seg)
{
	const struct overlay *ov = zstd_dev_of(q)->overlay;
	struct io_uring_sqe *sqe = worker_sqe(q->q.worker, &seg->op);
	const struct blkdrv_io *io = seg->io;
	const struct iovec *v = &io->iov[seg->iov_index];
	uint64_t at = overlay_data_off(ov) + seg->off;

	seg->op.fn = overlay_read_done;
	if (seg->len > v->iov_len - seg->iov_skip)
		io_uring_prep_rw(IORING_OP_READV, sqe, overlay_fd(ov), io->iov,
				 io->iovcnt, at);
	else
		io_uring_prep_rw(IORING_OP_READ, sqe, overlay_fd(ov),
				 (char *)v->iov_base + seg->iov_skip, (unsigned)seg->len,
				 at);
}

/* Starts reading run bytes of the overlay, as many as go at once. How many; 0:
 * no seg is free. */
static uint64_t overlay_piece(struct zstd_queue *q, struct blkdrv_io *io, uint64_t run)
{
	struct zstd_req *r = req_of(io);
	const struct iovec *v = &io->iov[r->iov_index];
	bool whole = run == io->len && io->iovcnt <= IOV_MAX && run <= READ_MAX;
	struct zstd_seg *seg = seg_get(q, io);

	if (!seg)
		return 0;
	if (!whole && run > v->iov_len - r->iov_skip)
		run = v->iov_len - r->iov_skip;
	if (!whole && run > READ_MAX)
		run = READ_MAX;
	seg->off = io->offset + r->next;
	seg->len = run;
	seg->iov_index = r->iov_index;
	seg->iov_skip = r->iov_skip;
	seg_claim(q, seg, seg->off, run, overlay_read);
	return run;
}

/* A reader that goes from frame to frame will want the next ones. */
static void read_ahead(struct zstd_queue *q, uint32_t index)
{
	struct zstd_dev *d = zstd_dev_of(q);
	bool sequential = index == q->last_frame + 1;
	uint32_t i;

	if (index == q->last_frame)
		return;
	q->last_frame = index;
	for (i = 1; sequential && i <= d->readahead; i++)
		if (i < d->image.table.live - index)
			zcache_ahead(d->cache, index + i);
}

/* Copies up to run bytes of the frame there, or waits for it. How many; 0: no
 * seg is free. */
static uint64_t frame_piece(struct zstd_queue *q, struct blkdrv_io *io, uint64_t run)
{
	struct zstd_dev *d = zstd_dev_of(q);
	const struct seektable *t = &d->image.table;
	struct zstd_req *r = req_of(io);
	uint64_t off = io->offset + r->next;
	uint32_t index;
	struct seekplace place;
	struct zframe *f;
	struct zstd_seg *seg;
	int err;

	if (off >= t->size) {
		zstd_iov_copy(io, r->iov_index, r->iov_skip, NULL, run);
		return run;
	}
	index = seektable_find(t, off);
	place = seektable_place(t, index);
	if (run > place.off + place.len - off)
		run = place.off + place.len - off;
	f = zcache_hit(d->cache, index);
	if (f) {
		zstd_iov_copy(io, r->iov_index, r->iov_skip,
			      zframe_data(f) + (off - place.off), run);
		zcache_put(f);
		read_ahead(q, index);
		return run;
	}
	seg = seg_get(q, io);
	if (!seg)
		return 0;
	seg->len = run;
	seg->in_frame = off - place.off;
	seg->iov_index = r->iov_index;
	seg->iov_skip = r->iov_skip;
	seg->wait.fn = zstd_frame_came;
	q->in_pool++;
	err = zcache_wait(d->cache, index, &seg->wait);
	if (err)
		zstd_seg_post(seg, err);
	read_ahead(q, index);
	return run;
}

/* Issues the next piece. How many bytes; 0: no seg is free. */
static uint64_t read_piece(struct zstd_queue *q, struct blkdrv_io *io)
{
	const struct overlay *ov = zstd_dev_of(q)->overlay;
	struct zstd_req *r = req_of(io);
	uint64_t run = io->len - r->next;
	bool present = false;

	if (r->next == r->base_until) {
		if (ov)
			run = overlay_run(ov, io->offset + r->next, run, &present);
		if (present) {
			run = overlay_piece(q, io, run);
			r->base_until += run;
			return run;
		}
		r->base_until += run;
	}
	return frame_piece(q, io, r->base_until - r->next);
}

static void read_continue(struct zstd_queue *q, struct blkdrv_io *io)
{
	struct zstd_req *r = req_of(io);

	while (r->next < io->len && !r->result) {
		uint64_t run = read_piece(q, io);

		if (!run) {
			stall(q, io);
			return;
		}
		iov_advance(io, &r->iov_index, &r->iov_skip, run);
		r->next += run;
	}
	if (!r->busy)
		blkdrv_done(io, r->result);
}

/* ------------------------------------------------------------------ blkdrv */

static void change(struct zstd_queue *q, struct zstd_seg *seg)
{
	seg_to_pool(q, seg, zstd_seg_change);
}

static void io_continue(struct zstd_queue *q, struct blkdrv_io *io)
{
	struct zstd_seg *seg;

	if (io->op == BLKDRV_READ) {
		read_continue(q, io);
		return;
	}
	seg = seg_get(q, io);
	if (!seg) {
		stall(q, io);
	} else if (io->op == BLKDRV_FLUSH) {
		q->in_pool++;
		zstd_flush_kick(zstd_dev_of(q), seg);
	} else {
		seg_claim(q, seg, io->offset, io->len, change);
	}
}

int zstd_submit(struct blkdrv_queue *bq, struct blkdrv_io *io)
{
	struct zstd_queue *q = (struct zstd_queue *)bq;

	if (io->op != BLKDRV_READ && zstd_dev_of(q)->drv.info.readonly)
		blkdrv_done(io, io->op == BLKDRV_FLUSH ? 0 : -EROFS);
	else
		io_continue(q, io);
	return 0;
}

static int take_done(struct zstd_queue *q)
{
	/* acquire: what the pool threads copied */
	struct zstd_seg *seg = atomic_exchange(&q->done, NULL), *next;
	int n = 0;

	for (; seg; seg = next, n++) {
		void (*go)(struct zstd_queue * q, struct zstd_seg * seg) = seg->go;

		next = seg->next;
		q->in_pool--;
		seg->go = NULL;
		if (go)
			go(q, seg);
		else
			seg_finish(q, seg);
	}
	return n;
}

/*
 * While the eventfd is being read, completions are taken there alone: that read
 * ends because something was posted, so none is left behind when the last I/O
 * is done and the queue may go.
 */
int zstd_poll(struct blkdrv_queue *bq)
{
	struct zstd_queue *q = (struct zstd_queue *)bq;

	if (q->reading || !atomic_load_explicit(&q->done, memory_order_relaxed))
		return 0;
	return take_done(q);
}

int zstd_arm(struct blkdrv_queue *bq)
{
	struct zstd_queue *q = (struct zstd_queue *)bq;

	if (q->reading || !q->in_pool)
		return 0;
	atomic_store(&q->armed, true);
	/* seq_cst: pairs with zstd_seg_post(). If it was first, nobody may be left
	 * who would write the eventfd. */
	if (atomic_load(&q->done) && atomic_exchange(&q->armed, false))
		return 1;
	q->reading = true;
	io_uring_prep_read(worker_sqe(q->q.worker, &q->wake), q->evfd, &q->event,
			   sizeof(q->event), 0);
	return 0;
}

static void woken(struct worker_op *op, int res, uint32_t flags)
{
	struct zstd_queue *q =
		(struct zstd_queue *)((char *)op - offsetof(struct zstd_queue, wake));

	(void)res;
	(void)flags;
	do {
		q->reading = false;
		take_done(q);
	} while (zstd_arm(&q->q));
}

int zstd_queue_start(struct blkdrv *dev, struct worker *w, struct blkdrv_queue **out)
{
	struct zstd_queue *q = aligned_alloc(64, sizeof(*q));
	unsigned i;

	if (!q)
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	q->q = (struct blkdrv_queue){ .dev = dev, .worker = w };
	q->wake.fn = woken;
	q->last_frame = UINT32_MAX - 1;
	q->stalled_tail = &q->stalled;
	for (i = 0; i < ZSTD_SEGS; i++) {
		q->seg[i].q = q;
		q->seg[i].next = q->free;
		q->free = &q->seg[i];
	}
	/* blocking: an io_uring read of a nonblocking one would not wait */
	q->evfd = eventfd(0, EFD_CLOEXEC);
	if (q->evfd < 0) {
		free(q);
		return -EMFILE;
	}
	*out = &q->q;
	return 0;
}

void zstd_queue_stop(struct blkdrv_queue *bq)
{
	struct zstd_queue *q = (struct zstd_queue *)bq;

	/* All is done, but who posted the last may still look whether to wake. */
	while (atomic_load_explicit(&q->posting, memory_order_acquire))
		sched_yield();
	close(q->evfd);
	free(q);
}
