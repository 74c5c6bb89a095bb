/* SPDX-License-Identifier: MIT */
/*
 * A driver around another one that fails and delays on purpose, for tests:
 * options say which of its I/Os (fault_plan.c). Errors come without the inner
 * driver being asked; a torn write lets it write only some of the sectors
 * first. With log=FILE everything but reads is written down (fault_log.c). Delays are
 * timeouts of the worker's io_uring, and come before the answer, when the inner driver
 * has done its work.
 */
#include "backends/block/drv_fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/block/drivers.h"
#include "backends/worker.h"

#define FAULT_DEPTH 512

struct fault {
	struct blkdrv drv; /* first */
	struct blkdrv *inner;
	struct fault_plan plan;
	struct fault_counts counts;
	int log_fd; /* -1: none */
	_Atomic uint64_t log_id;
};

struct fault_io {
	struct blkdrv_io io; /* the inner driver's; first */
	struct worker_op timer;
	struct __kernel_timespec ts;
	struct blkdrv_io *outer;
	struct fault_queue *fq;
	struct fault_fate fate;
	int result;
	uint64_t log_id;
	struct fault_io *next; /* free, or waiting for the inner driver's room */
};

struct fault_queue {
	struct blkdrv_queue q; /* first */
	struct fault *dev;
	const struct blkdrv_ops *ops; /* the inner driver's */
	struct blkdrv_queue *inner;
	struct fault_io *pool, *free;
	struct fault_io *waiting, **tail;
};

/* --------------------------------------------------------------------- I/O */

static void fault_answer(struct fault_io *f)
{
	struct fault_queue *fq = f->fq;
	struct blkdrv_io *outer = f->outer;
	int result = f->result;

	f->next = fq->free;
	fq->free = f;
	blkdrv_done(outer, result);
}

static void fault_timer(struct worker_op *op, int res, uint32_t flags)
{
	(void)res; /* -ETIME: it is over */
	(void)flags;
	fault_answer((struct fault_io *)((char *)op - offsetof(struct fault_io, timer)));
}

static void fault_answer_in_time(struct fault_io *f)
{
	if (!f->fate.delay_ns) {
		fault_answer(f);
		return;
	}
	f->timer.fn = fault_timer;
	f->ts.tv_sec = (long long)(f->fate.delay_ns / 1000000000u);
	f->ts.tv_nsec = (long long)(f->fate.delay_ns % 1000000000u);
	io_uring_prep_timeout(worker_sqe(f->fq->q.worker, &f->timer), &f->ts, 0, 0);
}

/* Sends what waits, until the inner driver has no room. How many went. */
static int fault_push(struct fault_queue *fq)
{
	int n = 0;

	while (fq->waiting) {
		struct fault_io *f = fq->waiting;

		fq->waiting = f->next;
		if (!fq->waiting)
			fq->tail = &fq->waiting;
		if (!f->log_id && fq->dev->log_fd >= 0 && f->io.op != BLKDRV_READ) {
			f->log_id = atomic_fetch_add(&fq->dev->log_id, 1) + 1;
			fault_log(fq->dev->log_fd, FAULT_LOG_BEGIN, &f->io, f->log_id, 0);
		}
		if (fq->ops->submit(fq->inner, &f->io)) {
			f->next = fq->waiting;
			fq->waiting = f;
			if (!f->next)
				fq->tail = &f->next;
			break;
		}
		n++;
	}
	return n;
}

static void fault_inner_done(struct blkdrv_io *io, int result)
{
	struct fault_io *f = (struct fault_io *)io;

	if (f->log_id)
		fault_log(f->fq->dev->log_fd, FAULT_LOG_END, io, f->log_id, result);
	f->result = f->fate.error ? f->fate.error : result;
	fault_answer_in_time(f);
}

/* Leaves of a write what shall reach the inner driver. */
static void fault_tear(struct blkdrv_io *io, uint64_t len)
{
	uint64_t left = len;
	uint16_t n = 0;

	io->len = len;
	for (; left; n++) {
		if (io->iov[n].iov_len > left)
			io->iov[n].iov_len = left;
		left -= io->iov[n].iov_len;
	}
	io->iovcnt = n;
}

static int fault_submit(struct blkdrv_queue *q, struct blkdrv_io *io)
{
	struct fault_queue *fq = (struct fault_queue *)q;
	struct fault_io *f = fq->free;

	if (!f)
		return -EAGAIN;
	fq->free = f->next;
	f->fq = fq;
	f->outer = io;
	f->io = (struct blkdrv_io){ .op = io->op,
				    .secure = io->secure,
				    .iovcnt = io->iovcnt,
				    .offset = io->offset,
				    .len = io->len,
				    .iov = io->iov,
				    .done = fault_inner_done };
	f->fate = fault_plan_next(&fq->dev->plan, &fq->dev->counts, io,
				  fq->dev->drv.info.sector_size);
	f->result = f->fate.error;
	f->log_id = 0;
	if (f->fate.torn_len)
		fault_tear(&f->io, f->fate.torn_len);
	if (f->fate.error && !f->fate.torn_len) {
		fault_answer_in_time(f);
		return 0;
	}
	f->next = NULL;
	*fq->tail = f;
	fq->tail = &f->next;
	(void)fault_push(fq);
	return 0;
}

static void fault_kick(struct blkdrv_queue *q)
{
	struct fault_queue *fq = (struct fault_queue *)q;

	if (fq->ops->kick)
		fq->ops->kick(fq->inner);
}

static int fault_poll(struct blkdrv_queue *q)
{
	struct fault_queue *fq = (struct fault_queue *)q;
	int n = fq->ops->poll ? fq->ops->poll(fq->inner) : 0;
	int pushed = fault_push(fq);

	if (pushed && fq->ops->kick)
		fq->ops->kick(fq->inner);
	return n + pushed;
}

static int fault_arm(struct blkdrv_queue *q)
{
	struct fault_queue *fq = (struct fault_queue *)q;

	if (fault_push(fq))
		return 1;
	return fq->ops->arm ? fq->ops->arm(fq->inner) : 0;
}

static void fault_mem_add(struct blkdrv_queue *q, void *base, size_t len)
{
	struct fault_queue *fq = (struct fault_queue *)q;

	if (fq->ops->mem_add)
		fq->ops->mem_add(fq->inner, base, len);
}

static void fault_mem_remove(struct blkdrv_queue *q, void *base, size_t len)
{
	struct fault_queue *fq = (struct fault_queue *)q;

	if (fq->ops->mem_remove)
		fq->ops->mem_remove(fq->inner, base, len);
}

/* ---------------------------------------------------------- start and stop */

static int fault_queue_start(struct blkdrv *dev, struct worker *w,
			     struct blkdrv_queue **q)
{
	struct fault *fault = (struct fault *)dev;
	struct fault_queue *fq = calloc(1, sizeof(*fq));
	int err = -ENOMEM;

	if (!fq)
		return -ENOMEM;
	fq->q.dev = dev;
	fq->q.worker = w;
	fq->dev = fault;
	fq->ops = fault->inner->ops;
	fq->tail = &fq->waiting;
	fq->pool = aligned_alloc(64, FAULT_DEPTH * sizeof(*fq->pool));
	if (!fq->pool)
		goto free;
	for (int i = FAULT_DEPTH; i-- > 0;) {
		fq->pool[i].next = fq->free;
		fq->free = &fq->pool[i];
	}
	err = fq->ops->queue_start(fault->inner, w, &fq->inner);
	if (err)
		goto free;
	*q = &fq->q;
	return 0;
free:
	free(fq->pool);
	free(fq);
	return err;
}

static void fault_queue_stop(struct blkdrv_queue *q)
{
	struct fault_queue *fq = (struct fault_queue *)q;

	fq->ops->queue_stop(fq->inner);
	free(fq->pool);
	free(fq);
}

/*
 * Parameters of the inner driver; strings stand in plan. A file is named by the
 * disk's own target alone, which is what the opener holds against --allow.
 */
static const struct blkdrv_ops *fault_inner(const struct fault_plan *plan,
					    const struct blkdrv_params *p,
					    struct blkdrv_params *inner)
{
	const struct blkdrv_ops *ops = blkdrv_find(plan->inner);

	*inner = *p;
	inner->driver = plan->inner;
	inner->options = NULL;
	if (plan->target[0] && ops && !ops->open_files)
		inner->target = plan->target;
	return ops;
}

static int fault_open_files(struct blkdrv_params *p)
{
	struct blkdrv_params inner;
	const struct blkdrv_ops *ops;
	struct fault_plan plan;
	char *why = NULL;
	int err = fault_plan_parse(&plan, p->options, &why);

	free(why);
	if (err)
		return 0; /* open says what is wrong */
	ops = fault_inner(&plan, p, &inner);
	err = ops && ops->open_files ? ops->open_files(&inner) : 0;
	if (!err && plan.log[0])
		err = fault_log_open(&plan, &inner);
	for (int i = 0; err && i < inner.nfds; i++)
		close(inner.fds[i]);
	if (!err) {
		memcpy(p->fds, inner.fds, sizeof(p->fds));
		p->nfds = inner.nfds;
	}
	return err;
}

/* The log is the last of the descriptors, or opened here where there are none. */
static int fault_take_log(struct fault *fault, const struct blkdrv_params *p,
			  struct blkdrv_params *inner, char **why)
{
	int err = 0;

	fault->log_fd = -1;
	if (!fault->plan.log[0])
		return 0;
	if (!p->nfds)
		err = fault_log_open(&fault->plan, inner);
	if (err) {
		*why = blkdrv_why("options: log=%s: %s", fault->plan.log, strerror(-err));
		return err;
	}
	fault->log_fd = inner->fds[--inner->nfds];
	return 0;
}

static int fault_open(const struct blkdrv_params *p, struct blkdrv **dev, char **why)
{
	struct fault *fault = calloc(1, sizeof(*fault));
	struct blkdrv_params inner;
	const struct blkdrv_ops *ops;
	int err;

	if (!fault)
		return -ENOMEM;
	err = fault_plan_parse(&fault->plan, p->options, why);
	if (err)
		goto free;
	ops = fault_inner(&fault->plan, p, &inner);
	if (!ops) {
		err = -ENOENT;
		*why = blkdrv_why("options: inner=%s: no such driver", fault->plan.inner);
		goto free;
	}
	err = fault_take_log(fault, p, &inner, why);
	if (err)
		goto free;
	err = ops->open(&inner, &fault->inner, why);
	if (err)
		goto close_log;
	fault->inner->ops = ops;
	fault->drv.ops = &drv_fault;
	fault->drv.info = fault->inner->info;
	if (fault->log_fd >= 0)
		fault_log(fault->log_fd, FAULT_LOG_OPEN, NULL, 0, 0);
	*dev = &fault->drv;
	return 0;
close_log:
	if (!p->nfds && fault->log_fd >= 0)
		close(fault->log_fd);
free:
	free(fault);
	return err;
}

static void fault_close(struct blkdrv *dev)
{
	struct fault *fault = (struct fault *)dev;

	fault->inner->ops->close(fault->inner);
	if (fault->log_fd >= 0)
		close(fault->log_fd);
	free(fault);
}

static int fault_refresh(struct blkdrv *dev)
{
	struct fault *fault = (struct fault *)dev;
	int err = 0;

	if (fault->inner->ops->refresh)
		err = fault->inner->ops->refresh(fault->inner);
	dev->info.size = fault->inner->info.size;
	return err;
}

static int fault_let_go(struct blkdrv *dev)
{
	const struct fault *fault = (const struct fault *)dev;

	return fault->inner->ops->let_go ? fault->inner->ops->let_go(fault->inner) : 0;
}

static int fault_hold(struct blkdrv *dev)
{
	const struct fault *fault = (const struct fault *)dev;

	return fault->inner->ops->hold ? fault->inner->ops->hold(fault->inner) : 0;
}

const struct blkdrv_ops drv_fault = {
	.name = "fault",
	.summary = "fails and delays another driver's I/O, for tests",
	.open_files = fault_open_files,
	.open = fault_open,
	.close = fault_close,
	.let_go = fault_let_go,
	.hold = fault_hold,
	.refresh = fault_refresh,
	.queue_start = fault_queue_start,
	.queue_stop = fault_queue_stop,
	.submit = fault_submit,
	.kick = fault_kick,
	.poll = fault_poll,
	.arm = fault_arm,
	.mem_add = fault_mem_add,
	.mem_remove = fault_mem_remove,
};
