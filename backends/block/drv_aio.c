/* SPDX-License-Identifier: MIT */
/*
 * Raw files and block devices by Linux AIO: for comparison, and for kernels
 * whose administrators trust it more. It is asynchronous with O_DIRECT alone.
 *
 * A round's I/Os go out in one io_submit(). Completions are taken from the ring
 * that the kernel shares with us, without a system call. Before the worker
 * sleeps, its io_uring reads the eventfd that completions signal. Flush and
 * discard go through the io_uring at once.
 */
#include <errno.h>
#include <libaio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/block/drivers.h"
#include "backends/block/rawqueue.h"
#include "hv/base/log.h"

#define AIO_DEPTH	512
#define AIO_DEPTH_MIN	32
#define AIO_RING_MAGIC	0xa10a10a1u
#define AIO_RING_HEADER 32u

/* What the kernel shows at the address of a context (fs/aio.c). */
struct aio_ring {
	uint32_t id, nr;
	_Atomic uint32_t head, tail;
	uint32_t magic, compat_features, incompat_features, header_length;
	struct io_event events[];
};
_Static_assert(offsetof(struct aio_ring, events) == AIO_RING_HEADER,
	       "the kernel's ring header");

struct aio_slot {
	struct iocb cb; /* first */
	struct blkdrv_io *io;
	struct rawxfer x;
	struct rawpiece piece;
	struct aio_slot *next_free;
};

struct aio_queue {
	struct rawqueue rq; /* first */
	io_context_t ctx;
	struct aio_ring *ring;	  /* NULL: unknown layout, ask the kernel */
	unsigned depth, inflight; /* with the kernel */
	unsigned answered;	  /* ever; wraps */
	struct aio_slot *slots, *free;
	/* Prepared, not yet with the kernel. */
	struct iocb **batch;
	unsigned batched;
	/* The event before sleep; it may outlive the queue. */
	struct aio_event *event;
};

struct aio_event {
	struct worker_op op; /* first */
	int fd;
	uint64_t count;
	struct aio_queue *aq; /* NULL: it is gone */
	bool armed;
};

/* ------------------------------------------------------------------ submit */

static int aio_prepare(struct aio_queue *aq, struct aio_slot *s)
{
	struct blkdrv_io *io = s->io;
	int err = rawxfer_next(&aq->rq, io, &s->x, &s->piece);
	bool write = io->op == BLKDRV_WRITE;
	long long at = (long long)(io->offset + s->x.done);
	int fd = aq->rq.file->fd;

	if (err)
		return err;
	if (s->piece.iovcnt > 1)
		(write ? io_prep_pwritev : io_prep_preadv)(&s->cb, fd, s->piece.iov,
							   (int)s->piece.iovcnt, at);
	else
		(write ? io_prep_pwrite : io_prep_pread)(&s->cb, fd,
							 s->piece.iov->iov_base,
							 s->x.asked, at);
	io_set_eventfd(&s->cb, aq->event->fd);
	aq->batch[aq->batched++] = &s->cb;
	return 0;
}

static void aio_finish(struct aio_queue *aq, struct aio_slot *s, int result)
{
	struct blkdrv_io *io = s->io;

	s->next_free = aq->free;
	aq->free = s;
	aq->answered++;
	blkdrv_done(io, result);
}

/* The kernel does not take the first of the batch: that one failed. */
static void aio_refused(struct aio_queue *aq, int err)
{
	struct aio_slot *s = (struct aio_slot *)aq->batch[0];

	aq->batched--;
	memmove(aq->batch, aq->batch + 1, aq->batched * sizeof(*aq->batch));
	err = rawxfer_took(&aq->rq, s->io, &s->x, err);
	if (err > 0)
		err = -EIO;
	aio_finish(aq, s, err);
}

static void aio_kick(struct blkdrv_queue *q)
{
	struct aio_queue *aq = (struct aio_queue *)q;

	while (aq->batched) {
		int n = io_submit(aq->ctx, (long)aq->batched, aq->batch);

		if (n == -EINTR)
			continue;
		if (n > 0) {
			aq->inflight += (unsigned)n;
			aq->batched -= (unsigned)n;
			memmove(aq->batch, aq->batch + n,
				aq->batched * sizeof(*aq->batch));
		} else if (n == -EAGAIN && aq->inflight) {
			return; /* later: a completion makes room */
		} else {
			aio_refused(aq, n ? n : -EIO);
		}
	}
}

static int aio_submit(struct blkdrv_queue *q, struct blkdrv_io *io)
{
	struct aio_queue *aq = (struct aio_queue *)q;
	struct aio_slot *s = aq->free;
	int err;

	if (io->op == BLKDRV_FLUSH || io->op == BLKDRV_DISCARD) {
		rawqueue_aux(&aq->rq, io);
		return 0;
	}
	if (!s)
		return -EAGAIN;
	s->io = io;
	s->x = (struct rawxfer){ 0 };
	err = aio_prepare(aq, s);
	if (err)
		return err;
	aq->free = s->next_free;
	if (aq->batched >= worker_batch(q->worker))
		aio_kick(q);
	return 0;
}

/* ------------------------------------------------------------- completions */

static void aio_complete(struct aio_queue *aq, const struct io_event *ev)
{
	struct aio_slot *s = (struct aio_slot *)ev->obj;
	int ret = rawxfer_took(&aq->rq, s->io, &s->x, (int)(long)ev->res);

	aq->inflight--;
	/* no bounce buffer: one that had none came back short, and is not aligned
	 * any more */
	if (ret > 0 && aio_prepare(aq, s))
		ret = -EIO;
	if (ret <= 0)
		aio_finish(aq, s, ret);
}

static int aio_reap_ring(struct aio_queue *aq)
{
	struct aio_ring *ring = aq->ring;
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	int n = 0;

	for (;; n++) {
		struct io_event ev;

		/* acquire: pairs with the kernel's barrier between the event
		 * and the new tail */
		if (head == atomic_load_explicit(&ring->tail, memory_order_acquire))
			break;
		ev = ring->events[head];
		head = head + 1 < ring->nr ? head + 1 : 0;
		/* release: the slot is the kernel's once it sees the new head */
		atomic_store_explicit(&ring->head, head, memory_order_release);
		aio_complete(aq, &ev);
	}
	return n;
}

static int aio_reap_call(struct aio_queue *aq)
{
	struct timespec none = { 0 };
	struct io_event ev[64];
	int n, total = 0;

	do {
		n = io_getevents(aq->ctx, 0, 64, ev, &none);
		for (int i = 0; i < n; i++)
			aio_complete(aq, &ev[i]);
		total += n > 0 ? n : 0;
	} while (n == 64);
	return total;
}

static int aio_poll(struct blkdrv_queue *q)
{
	struct aio_queue *aq = (struct aio_queue *)q;
	int n;

	if (!aq->inflight)
		return 0;
	n = aq->ring ? aio_reap_ring(aq) : aio_reap_call(aq);
	if (n && aq->batched)
		aio_kick(q); /* pieces that go on */
	return n;
}

static void aio_event_arm(struct aio_event *e)
{
	if (e->armed)
		return;
	e->armed = true;
	io_uring_prep_read(worker_sqe(e->aq->rq.q.worker, &e->op), e->fd, &e->count,
			   sizeof(e->count), 0);
}

static void aio_event_cqe(struct worker_op *op, int res, uint32_t flags)
{
	struct aio_event *e = (struct aio_event *)op;

	(void)res;
	(void)flags;
	e->armed = false;
	if (e->aq) {
		unsigned before = e->aq->answered;

		/* what is answered wakes blkback; if nothing was (an event of
		 * old, a piece of an I/O) it sleeps on, and so does this */
		aio_poll(&e->aq->rq.q);
		if (e->aq->inflight && e->aq->answered == before)
			aio_event_arm(e);
		return;
	}
	close(e->fd);
	free(e);
}

static int aio_arm(struct blkdrv_queue *q)
{
	struct aio_queue *aq = (struct aio_queue *)q;

	if (aq->batched) {
		aio_kick(q);
		if (!aq->inflight)
			return 1; /* none was taken: all are answered */
	}
	if (!aq->inflight)
		return 0;
	aio_event_arm(aq->event);
	/* what completes from now on signals; what has is taken here */
	return aio_poll(q);
}

/* ---------------------------------------------------------- start and stop */

static int aio_setup(struct aio_queue *aq)
{
	int err;

	for (aq->depth = AIO_DEPTH; aq->depth >= AIO_DEPTH_MIN; aq->depth /= 2) {
		err = io_setup((int)aq->depth, &aq->ctx);
		if (err != -EAGAIN && err != -ENOMEM)
			break;
	}
	if (err == -EAGAIN)
		log_warn("aio: no contexts are left: raise /proc/sys/fs/aio-max-nr");
	if (err)
		return err;
	aq->ring = (struct aio_ring *)aq->ctx;
	if (aq->ring->magic != AIO_RING_MAGIC || aq->ring->incompat_features ||
	    aq->ring->header_length != AIO_RING_HEADER)
		aq->ring = NULL;
	return 0;
}

static struct aio_event *aio_event_new(struct aio_queue *aq)
{
	struct aio_event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->op.fn = aio_event_cqe;
	e->aq = aq;
	/* blocking: an io_uring read of a nonblocking one would not wait */
	e->fd = eventfd(0, EFD_CLOEXEC);
	if (e->fd >= 0)
		return e;
	free(e);
	return NULL;
}

static void aio_event_drop(struct aio_event *e)
{
	uint64_t one = 1;

	e->aq = NULL;
	if (e->armed)
		/* cannot fail: the counter is far from full. The read ends,
		 * and its end frees. */
		(void)!write(e->fd, &one, sizeof(one));
	else
		aio_event_cqe(&e->op, 0, 0);
}

static int aio_alloc(struct aio_queue *aq)
{
	aq->slots = calloc(aq->depth, sizeof(*aq->slots));
	aq->batch = calloc(aq->depth, sizeof(struct iocb *));
	aq->event = aio_event_new(aq);
	if (!aq->slots || !aq->batch || !aq->event)
		return -ENOMEM;
	for (unsigned i = aq->depth; i-- > 0;) {
		aq->slots[i].next_free = aq->free;
		aq->free = &aq->slots[i];
	}
	return 0;
}

static void aio_free(struct aio_queue *aq)
{
	if (aq->ctx)
		io_destroy(aq->ctx);
	if (aq->event)
		aio_event_drop(aq->event);
	free(aq->batch);
	free(aq->slots);
	free(aq);
}

static int aio_queue_start(struct blkdrv *dev, struct worker *w, struct blkdrv_queue **q)
{
	struct aio_queue *aq = calloc(1, sizeof(*aq));
	int err;

	if (!aq)
		return -ENOMEM;
	err = aio_setup(aq);
	if (!err)
		err = aio_alloc(aq);
	if (!err)
		err = rawqueue_init(&aq->rq, dev, w);
	if (err) {
		aio_free(aq);
		return err;
	}
	*q = &aq->rq.q;
	return 0;
}

static void aio_queue_stop(struct blkdrv_queue *q)
{
	struct aio_queue *aq = (struct aio_queue *)q;

	rawqueue_exit(&aq->rq);
	aio_free(aq);
}

static int aio_open(const struct blkdrv_params *p, struct blkdrv **dev, char **why)
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
	if (!f->drv.info.direct)
		log_warn("%s: aio without direct I/O waits for each operation in turn: "
			 "the driver uring does not",
			 f->name);
	f->drv.ops = &drv_aio;
	*dev = &f->drv;
	return 0;
}

static void aio_close(struct blkdrv *dev)
{
	rawfile_close((struct rawfile *)dev);
	free(dev);
}

const struct blkdrv_ops drv_aio = {
	.name = "aio",
	.summary = "a raw file or block device, by Linux AIO",
	.open_files = rawfile_open_files,
	.open = aio_open,
	.close = aio_close,
	.let_go = rawfile_let_go,
	.hold = rawfile_hold,
	.refresh = rawfile_refresh,
	.queue_start = aio_queue_start,
	.queue_stop = aio_queue_stop,
	.submit = aio_submit,
	.kick = aio_kick,
	.poll = aio_poll,
	.arm = aio_arm,
};
