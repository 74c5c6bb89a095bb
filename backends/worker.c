/* SPDX-License-Identifier: MIT */
/*
 * The worker's loop: reap, run, flush, submit; poll while that pays; sleep.
 *
 * Clients are active (looked at every round) or armed (an event will wake
 * them). A client that had nothing for a while is armed on its own, so that
 * quiet disks cost a busy worker nothing.
 */
#include "backends/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/worker_reg.h"
#include "hv/base/adapt.h"
#include "hv/base/sandbox.h"

#define WORKER_SQ_ENTRIES  512
#define WORKER_CQ_ENTRIES  4096
#define WORKER_IDLE_ROUNDS 512 /* without work, then armed */
#define WORKER_DEVICE_WAKE                                                          \
	10000		     /* ns that an interrupt costs beyond the device's time \
			      */
#define WORKER_DEVICE_POLL 4 /* waiting for a device: a quarter of the budget */

#define WORKER_BATCH	   8
#define WORKER_BATCH_FIRST 2 /* the kernel holds none of two back */

struct worker_call {
	void (*fn)(void *arg);
	void *arg;
	bool done;
	struct worker_call *next;
};

struct worker {
	struct io_uring ring;
	struct worker_reg reg;
	uint64_t now;
	int inflight;
	struct worker_client *active, *armed, *flush;
	uint64_t timer;		    /* the first wake_at of an armed client; 0: none */
	struct adapt guest, device; /* waiting for requests; for completions */
	bool held;		    /* SQEs that the sleep may send */
	bool stop;

	pthread_t thread;
	int cpu;
	int start_err;
	bool running;
	/* Calls from other threads. */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	_Atomic bool have_calls;
	struct worker_call *calls;
	int call_fd;
	struct worker_op call_op;
};

static _Thread_local struct worker *self;

struct worker *worker_self(void)
{
	return self;
}

uint64_t worker_now(const struct worker *w)
{
	return w->now;
}

struct worker_reg *worker_reg(struct worker *w)
{
	return &w->reg;
}

struct io_uring_sqe *worker_sqe(struct worker *w, struct worker_op *op)
{
	if (io_uring_sq_ready(&w->ring) >= worker_batch(w))
		(void)io_uring_submit(&w->ring);
	return worker_sqe_held(w, op);
}

void worker_inflight(struct worker *w, int delta)
{
	w->inflight += delta;
}

unsigned worker_batch(const struct worker *w)
{
	return w->inflight <= WORKER_BATCH ? WORKER_BATCH_FIRST : WORKER_BATCH;
}

/* ---------------------------------------------------------------- clients */

static void client_link(struct worker_client **head, struct worker_client *c)
{
	c->next = *head;
	c->pprev = head;
	if (c->next)
		c->next->pprev = &c->next;
	*head = c;
}

static void client_unlink(struct worker_client *c)
{
	*c->pprev = c->next;
	if (c->next)
		c->next->pprev = c->pprev;
}

void worker_client_add(struct worker *w, struct worker_client *c)
{
	c->active = true;
	c->idle_rounds = 0;
	client_link(&w->active, c);
}

void worker_client_remove(struct worker *w, struct worker_client *c)
{
	client_unlink(c);
	for (struct worker_client **p = &w->flush; *p; p = &(*p)->flush_next)
		if (*p == c) {
			*p = c->flush_next;
			break;
		}
	c->flushing = false;
}

void worker_client_wake(struct worker *w, struct worker_client *c)
{
	c->idle_rounds = 0;
	if (c->active)
		return;
	client_unlink(c);
	worker_client_add(w, c);
}

/* Armed, unless there is work after all. */
static bool client_arm(struct worker *w, struct worker_client *c)
{
	if (c->arm(c)) {
		c->idle_rounds = 0;
		return false;
	}
	client_unlink(c);
	c->active = false;
	client_link(&w->armed, c);
	if (c->wake_at && (!w->timer || c->wake_at < w->timer))
		w->timer = c->wake_at;
	return true;
}

void worker_flush_later(struct worker *w, struct worker_client *c)
{
	if (c->flushing)
		return;
	c->flushing = true;
	c->flush_next = w->flush;
	w->flush = c;
}

static void worker_flush(struct worker *w)
{
	struct worker_client *c;

	while ((c = w->flush)) {
		w->flush = c->flush_next;
		c->flushing = false;
		c->flush(c);
	}
}

static int worker_run_clients(struct worker *w)
{
	struct worker_client *c, *next;
	int total = 0, n;

	for (c = w->active; c; c = next) {
		n = c->run(c);
		next = c->next;
		total += n;
		if (n)
			c->idle_rounds = 0;
		else if (++c->idle_rounds >= WORKER_IDLE_ROUNDS && total &&
			 w->guest.max_ns != ADAPT_ALWAYS)
			client_arm(w, c);
	}
	return total;
}

/* Armed clients whose time has come are active again. */
static void worker_timers(struct worker *w)
{
	struct worker_client *c, *next;

	w->timer = 0;
	for (c = w->armed; c; c = next) {
		next = c->next;
		if (!c->wake_at)
			continue;
		if (c->wake_at <= w->now)
			worker_client_wake(w, c);
		else if (!w->timer || c->wake_at < w->timer)
			w->timer = c->wake_at;
	}
}

/* ------------------------------------------------------------------ calls */

static void worker_run_calls(struct worker *w)
{
	struct worker_call *c;

	pthread_mutex_lock(&w->lock);
	atomic_store_explicit(&w->have_calls, false, memory_order_relaxed);
	while ((c = w->calls)) {
		w->calls = c->next;
		pthread_mutex_unlock(&w->lock);
		c->fn(c->arg);
		pthread_mutex_lock(&w->lock);
		c->done = true;
		pthread_cond_broadcast(&w->cond);
	}
	pthread_mutex_unlock(&w->lock);
}

void worker_call(struct worker *w, void (*fn)(void *arg), void *arg)
{
	struct worker_call c = { .fn = fn, .arg = arg };
	struct worker_call **tail;
	uint64_t one = 1;

	pthread_mutex_lock(&w->lock);
	for (tail = &w->calls; *tail; tail = &(*tail)->next)
		;
	*tail = &c;
	atomic_store_explicit(&w->have_calls, true, memory_order_relaxed);
	/* cannot fail: the counter is far from full */
	(void)!write(w->call_fd, &one, sizeof(one));
	while (!c.done)
		pthread_cond_wait(&w->cond, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void worker_call_event(struct worker_op *op, int res, uint32_t flags)
{
	struct worker *w =
		(struct worker *)((char *)op - offsetof(struct worker, call_op));
	uint64_t n;

	(void)res;
	/* cannot fail in a way that matters: the event is merged or gone */
	(void)!read(w->call_fd, &n, sizeof(n));
	if (!(flags & IORING_CQE_F_MORE))
		io_uring_prep_poll_multishot(worker_sqe(w, op), w->call_fd, POLLIN);
}

static void worker_stop_call(void *arg)
{
	((struct worker *)arg)->stop = true;
}

/* ------------------------------------------------------------------- loop */

static int worker_reap(struct worker *w)
{
	struct io_uring_cqe *cqe[64];
	unsigned n, total = 0;

	while ((n = io_uring_peek_batch_cqe(&w->ring, cqe, 64)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			struct worker_op *op = io_uring_cqe_get_data(cqe[i]);

			if (op)
				op->fn(op, cqe[i]->res, cqe[i]->flags);
		}
		io_uring_cq_advance(&w->ring, n);
		total += n;
		if (n < 64)
			break;
	}
	return (int)total;
}

static void worker_sleep(struct worker *w)
{
	struct worker_client *c, *next;
	struct __kernel_timespec ts;
	struct io_uring_cqe *cqe;

	for (c = w->active; c; c = next) {
		next = c->next;
		client_arm(w, c);
	}
	worker_flush(w);
	worker_timers(w);
	if (w->active) {
		(void)io_uring_submit(&w->ring); /* nothing is held back for a sleep */
		return;
	}
	ts.tv_sec = (long long)((w->timer - w->now) / 1000000000u);
	ts.tv_nsec = (long long)((w->timer - w->now) % 1000000000u);
	/* an error is a time-out, a signal, or told by the CQEs */
	(void)io_uring_submit_and_wait_timeout(&w->ring, &cqe, 1, w->timer ? &ts : NULL,
					       NULL);
}

/*
 * Sends what the rounds made. Where polling for a device does not pay, it is
 * held back while nothing more comes: the sleep then sends it, in one system
 * call for both.
 */
static void worker_submit(struct worker *w, int work)
{
	if (!io_uring_sq_ready(&w->ring)) {
		w->held = false;
	} else if (!w->device.budget_ns && (!w->held || !work)) {
		w->held = true;
	} else {
		w->held = false;
		(void)io_uring_submit(&w->ring);
	}
}

static void worker_loop(struct worker *w)
{
	for (;;) {
		struct adapt *a;
		int work;

		w->now = clock_ns();
		if (atomic_load_explicit(&w->have_calls, memory_order_relaxed))
			worker_run_calls(w);
		if (w->stop) /* the call's event may be merged with an earlier one */
			break;
		if (w->timer && w->timer <= w->now)
			worker_timers(w);
		work = worker_reap(w);
		work += worker_run_clients(w);
		worker_flush(w);
		worker_submit(w, work);
		if (work) {
			adapt_work(&w->guest, w->now);
			adapt_work(&w->device, w->now);
			continue;
		}
		a = w->inflight ? &w->device : &w->guest;
		adapt_idle(a, w->now);
		if (adapt_spin(a, w->now)) {
			adapt_relax();
			continue;
		}
		worker_sleep(w);
	}
}

/* ---------------------------------------------------------- start and stop */

/* Not enabled yet: what the ring may do is settled by its own thread. */
static int worker_ring_init(struct worker *w)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG,
		.cq_entries = WORKER_CQ_ENTRIES,
	};
	int err = io_uring_queue_init_params(WORKER_SQ_ENTRIES, &w->ring, &p);

	if (err == -EINVAL) { /* before Linux 6.1 */
		memset(&p, 0, sizeof(p));
		p.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
		p.cq_entries = WORKER_CQ_ENTRIES;
		err = io_uring_queue_init_params(WORKER_SQ_ENTRIES, &w->ring, &p);
	}
	return err;
}

static int worker_thread_init(struct worker *w)
{
	cpu_set_t set;
	int err = sandbox_uring_restrict(w->ring.ring_fd);

	if (err)
		return err;
	worker_reg_init(&w->reg, &w->ring);
	w->call_op.fn = worker_call_event;
	io_uring_prep_poll_multishot(worker_sqe(w, &w->call_op), w->call_fd, POLLIN);
	if (w->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(w->cpu, &set);
		/* a wish only: the CPU may not be ours */
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
	return 0;
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	int err = worker_thread_init(w);

	self = w;
	pthread_mutex_lock(&w->lock);
	w->start_err = err;
	pthread_cond_broadcast(&w->cond);
	pthread_mutex_unlock(&w->lock);
	if (err)
		return NULL;
	worker_loop(w);
	/* what has ended by now is told to its owner, who may free it then; the
	 * kernel shows what was cancelled only to those who look again */
	(void)io_uring_submit(&w->ring);
	while (worker_reap(w))
		;
	worker_reg_exit(&w->reg);
	return NULL;
}

int worker_new(struct worker **out, uint64_t poll_ns, int cpu)
{
	struct worker *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	adapt_init(&w->guest, poll_ns);
	adapt_init(&w->device,
		   poll_ns == ADAPT_ALWAYS ? poll_ns : poll_ns / WORKER_DEVICE_POLL);
	w->device.wake_ns = WORKER_DEVICE_WAKE;
	w->cpu = cpu;
	w->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->call_fd < 0) {
		err = -errno;
		goto free_worker;
	}
	err = worker_ring_init(w);
	if (err)
		goto close_fd;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->cond, NULL);
	*out = w;
	return 0;
close_fd:
	close(w->call_fd);
free_worker:
	free(w);
	return err;
}

int worker_run(struct worker *w)
{
	int err;

	w->start_err = 1;
	err = -pthread_create(&w->thread, NULL, worker_thread, w);
	if (err)
		return err;
	pthread_mutex_lock(&w->lock);
	while (w->start_err > 0)
		pthread_cond_wait(&w->cond, &w->lock);
	err = w->start_err;
	pthread_mutex_unlock(&w->lock);
	if (err)
		pthread_join(w->thread, NULL);
	w->running = !err;
	return err;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->running) {
		worker_call(w, worker_stop_call, w);
		pthread_join(w->thread, NULL);
	}
	io_uring_queue_exit(&w->ring);
	pthread_cond_destroy(&w->cond);
	pthread_mutex_destroy(&w->lock);
	close(w->call_fd);
	free(w);
}
