/* SPDX-License-Identifier: MIT */
/*
 * The way from a controller to a block driver and back: I/Os go to the worker over a list
 * and an eventfd, results come back over another pair.
 */
#include "backends/pc/pcdisk.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/worker.h"

struct disk {
	struct pcdisk d; /* first */
	struct blkdrv *dev;
	struct worker *worker;
	int kick_fd, done_fd;
	/* The worker's. */
	struct blkdrv_queue *q;
	struct worker_client client;
	struct worker_op kick_op, cancel_op;
	bool polled, cancelling, stopping;
	struct pcdisk_ios waiting;
	unsigned inflight;
	/* Both sides'. */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	_Atomic bool have_todo;
	/* Under the lock. */
	struct pcdisk_ios todo, finished;
	bool drained;
	bool ending; /* the board's lock */
};

static struct disk *disk_of(struct pcdisk *d)
{
	return (struct disk *)d;
}

int pcdisk_check(const struct pcdisk *d, const struct blkdrv_io *io)
{
	const struct blkdrv_info *info = &d->info;

	if (io->op == BLKDRV_FLUSH)
		return 0;
	if (io->op == BLKDRV_WRITE && info->readonly)
		return -EROFS;
	if (io->op != BLKDRV_READ && io->op != BLKDRV_WRITE)
		return -EINVAL;
	if (!io->len || io->offset > info->size || io->len > info->size - io->offset ||
	    (io->offset | io->len) % info->sector_size)
		return -EINVAL;
	return 0;
}

/* -------------------------------------------------------------- on the worker */

static void signal_fd(int fd)
{
	const uint64_t one = 1;

	/* cannot fail: the counter is far from full */
	(void)!write(fd, &one, sizeof(one));
}

/* With the lock. */
static void finish(struct disk *d, struct pcdisk_io *io)
{
	const bool first = STAILQ_EMPTY(&d->finished);

	STAILQ_INSERT_TAIL(&d->finished, io, entry);
	if (first)
		signal_fd(d->done_fd);
}

static void finish_as(struct disk *d, struct pcdisk_io *io, int result)
{
	io->result = result;
	pthread_mutex_lock(&d->lock);
	finish(d, io);
	pthread_mutex_unlock(&d->lock);
}

static void io_done(struct blkdrv_io *io, int result)
{
	struct pcdisk_io *p = (struct pcdisk_io *)io;
	struct disk *d = disk_of(p->disk);

	d->inflight--;
	worker_inflight(d->worker, -1);
	finish_as(d, p, result);
	worker_client_wake(d->worker, &d->client);
}

/* Takes over what was submitted. Nothing waits for the worker's thread while it does. */
static void take_todo(struct disk *d)
{
	if (!atomic_load_explicit(&d->have_todo, memory_order_relaxed))
		return;
	pthread_mutex_lock(&d->lock);
	atomic_store_explicit(&d->have_todo, false, memory_order_relaxed);
	STAILQ_CONCAT(&d->waiting, &d->todo);
	pthread_mutex_unlock(&d->lock);
}

static int start_waiting(struct disk *d)
{
	const struct blkdrv_ops *ops = d->dev->ops;
	struct pcdisk_io *io;
	int n = 0;

	while ((io = STAILQ_FIRST(&d->waiting))) {
		STAILQ_REMOVE_HEAD(&d->waiting, entry);
		n++;
		if (io->io.op == BLKDRV_FLUSH && !d->dev->info.flush) {
			finish_as(d, io, 0);
			continue;
		}
		memset(io->io.priv, 0, sizeof(io->io.priv));
		io->io.done = io_done;
		d->inflight++;
		worker_inflight(d->worker, 1);
		if (!ops->submit(d->q, &io->io))
			continue;
		/* no room: after the next completion */
		d->inflight--;
		worker_inflight(d->worker, -1);
		STAILQ_INSERT_HEAD(&d->waiting, io, entry);
		return n - 1;
	}
	return n;
}

/* pcdisk_free() waits for this. */
static void tell_drained(struct disk *d)
{
	if (!d->stopping || d->inflight || !STAILQ_EMPTY(&d->waiting) || d->polled ||
	    d->cancelling)
		return;
	pthread_mutex_lock(&d->lock);
	d->drained = true;
	pthread_cond_signal(&d->cond);
	pthread_mutex_unlock(&d->lock);
}

static int client_run(struct worker_client *c)
{
	struct disk *d = (struct disk *)((char *)c - offsetof(struct disk, client));
	const struct blkdrv_ops *ops = d->dev->ops;
	int n;

	take_todo(d);
	n = start_waiting(d);
	if (ops->kick)
		ops->kick(d->q);
	if (ops->poll && d->inflight)
		n += ops->poll(d->q);
	tell_drained(d);
	return n;
}

static int client_arm(struct worker_client *c)
{
	struct disk *d = (struct disk *)((char *)c - offsetof(struct disk, client));
	const struct blkdrv_ops *ops = d->dev->ops;

	if (ops->arm && d->inflight && ops->arm(d->q))
		return 1;
	return atomic_load_explicit(&d->have_todo, memory_order_relaxed);
}

static void client_flush(struct worker_client *c)
{
	(void)c; /* answers are not gathered */
}

static void poll_kicks(struct disk *d)
{
	io_uring_prep_poll_multishot(worker_sqe(d->worker, &d->kick_op), d->kick_fd,
				     POLLIN);
	d->polled = true;
}

static void kicked(struct worker_op *op, int res, uint32_t flags)
{
	struct disk *d = (struct disk *)((char *)op - offsetof(struct disk, kick_op));
	uint64_t n;

	(void)res;
	/* cannot fail in a way that matters: the event is merged or gone */
	(void)!read(d->kick_fd, &n, sizeof(n));
	if (!(flags & IORING_CQE_F_MORE)) {
		d->polled = false;
		if (!d->stopping)
			poll_kicks(d);
	}
	worker_client_wake(d->worker, &d->client);
	tell_drained(d);
}

static void cancelled(struct worker_op *op, int res, uint32_t flags)
{
	struct disk *d = (struct disk *)((char *)op - offsetof(struct disk, cancel_op));

	(void)res;
	(void)flags;
	d->cancelling = false;
	tell_drained(d);
}

struct start {
	struct disk *d;
	int err;
};

static void start_call(void *arg)
{
	struct start *s = arg;
	struct disk *d = s->d;

	s->err = d->dev->ops->queue_start(d->dev, d->worker, &d->q);
	if (s->err)
		return;
	poll_kicks(d);
	worker_client_add(d->worker, &d->client);
}

static void stop_call(void *arg)
{
	struct disk *d = arg;

	take_todo(d);
	d->stopping = true;
	if (d->polled) {
		d->cancelling = true;
		io_uring_prep_cancel(worker_sqe(d->worker, &d->cancel_op), &d->kick_op,
				     0);
	}
	worker_client_wake(d->worker, &d->client);
}

static void end_call(void *arg)
{
	struct disk *d = arg;

	worker_client_remove(d->worker, &d->client);
	d->dev->ops->queue_stop(d->q);
}

/* --------------------------------------------------------- under the board's lock */

static void disk_submit(struct pcdisk *disk, struct pcdisk_io *io)
{
	struct disk *d = disk_of(disk);
	bool kick = false;

	io->disk = disk;
	io->result = d->ending ? -ENODEV : pcdisk_check(disk, &io->io);
	pthread_mutex_lock(&d->lock);
	if (io->result) {
		finish(d, io);
	} else {
		kick = STAILQ_EMPTY(&d->todo);
		STAILQ_INSERT_TAIL(&d->todo, io, entry);
		atomic_store_explicit(&d->have_todo, true, memory_order_relaxed);
	}
	pthread_mutex_unlock(&d->lock);
	if (kick)
		signal_fd(d->kick_fd);
}

int pcdisk_fd(const struct pcdisk *disk)
{
	return ((const struct disk *)disk)->done_fd;
}

void pcdisk_complete(struct pcdisk *disk)
{
	struct disk *d = disk_of(disk);
	struct pcdisk_ios ios = STAILQ_HEAD_INITIALIZER(ios);
	struct pcdisk_io *io;
	uint64_t n;

	/* before the list is taken: what is finished after it makes a new event */
	(void)!read(d->done_fd, &n, sizeof(n));
	pthread_mutex_lock(&d->lock);
	STAILQ_CONCAT(&ios, &d->finished);
	pthread_mutex_unlock(&d->lock);
	while ((io = STAILQ_FIRST(&ios))) {
		STAILQ_REMOVE_HEAD(&ios, entry);
		io->done(io, io->result);
	}
}

static const struct pcdisk_ops disk_ops = { .submit = disk_submit };

static void disk_release(struct disk *d)
{
	if (d->kick_fd >= 0)
		close(d->kick_fd);
	if (d->done_fd >= 0)
		close(d->done_fd);
	pthread_cond_destroy(&d->cond);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

int pcdisk_new(struct worker *w, struct blkdrv *dev, struct pcdisk **out)
{
	struct disk *d = calloc(1, sizeof(*d));
	struct start s = { .d = d };

	if (!d)
		return -ENOMEM;
	d->d.ops = &disk_ops;
	d->d.info = dev->info;
	d->dev = dev;
	d->worker = w;
	d->client = (struct worker_client){ .run = client_run,
					    .arm = client_arm,
					    .flush = client_flush };
	d->kick_op.fn = kicked;
	d->cancel_op.fn = cancelled;
	STAILQ_INIT(&d->waiting);
	STAILQ_INIT(&d->todo);
	STAILQ_INIT(&d->finished);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->cond, NULL);
	d->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->kick_fd < 0 || d->done_fd < 0)
		s.err = -EMFILE;
	else
		worker_call(w, start_call, &s);
	if (s.err)
		disk_release(d);
	else
		*out = &d->d;
	return s.err;
}

void pcdisk_free(struct pcdisk *disk)
{
	struct disk *d = disk_of(disk);

	if (!d)
		return;
	d->ending = true;
	worker_call(d->worker, stop_call, d);
	pthread_mutex_lock(&d->lock);
	while (!d->drained)
		pthread_cond_wait(&d->cond, &d->lock);
	pthread_mutex_unlock(&d->lock);
	worker_call(d->worker, end_call, d);
	/* a controller that goes on in done() gets an error, and gives up */
	while (!STAILQ_EMPTY(&d->finished))
		pcdisk_complete(disk);
	disk_release(d);
}
