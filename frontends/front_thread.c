/* SPDX-License-Identifier: MIT */
/*
 * The control thread: waits for xenstore, for a ring that broke or a channel
 * that died and for time to pass, and lets front_step.c decide. It paces
 * itself, so that a backend that storms it gets no more than its share of a CPU.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frontends/front.h"
#include "hv/base/adapt.h"
#include "hv/base/cleanup.h"

#define NS_A_MS		UINT64_C(1000000)
#define DRAIN_TICK_MS	5
#define WINDOW_NS	(100 * NS_A_MS)
#define ROUNDS_A_WINDOW 100 /* more are put off to the next */
#define ATTEMPTS_NS	(1000 * NS_A_MS)
#define ATTEMPTS_FREE	16 /* connects in that time without a pause */
#define ATTEMPT_MS	100

void front_poke(struct front *f)
{
	const uint64_t one = 1;

	/* cannot fail: the counter is nowhere near its end */
	(void)!write(f->ctl, &one, sizeof(one));
}

void front_break(struct front *f)
{
	atomic_store_explicit(&f->broken, true, memory_order_release);
	front_poke(f);
}

/* How long the next look at xenstore may wait; -1: until something happens. */
static int front_timeout(const struct front *f)
{
	uint64_t end, now = clock_ns();
	unsigned ms = f->opened ? f->reconnect_ms : f->connect_ms;

	switch (f->phase) {
	case FRONT_DRAIN:
		return DRAIN_TICK_MS;
	case FRONT_LOST:
	case FRONT_PUBLISHED:
		if (f->failing || !ms)
			return -1;
		end = f->phase_since + NS_A_MS * ms;
		return now >= end ? 0 : (int)((end - now) / NS_A_MS + 1);
	case FRONT_CONNECTED:
	case FRONT_DEAD:
		break;
	}
	return -1;
}

/* Waits for xenstore, the control eventfd, or what the kind waits for. */
static void front_wait(struct front *f, int timeout)
{
	struct pollfd fds[2 + FRONT_MAX_FDS];
	uint64_t count;
	unsigned n = 0;

	fds[0] = (struct pollfd){ .fd = f->ctl, .events = POLLIN };
	fds[1] =
		(struct pollfd){ .fd = f->phase == FRONT_DEAD ? -1 : xenstore_fd(f->plat),
				 .events = POLLIN };
	if (f->phase == FRONT_CONNECTED)
		n = f->ops->fds(f, fds + 2);
	if (poll(fds, 2 + n, timeout) <= 0)
		return;
	if (fds[0].revents)
		/* cannot fail but for "nothing there", which is fine */
		(void)!read(f->ctl, &count, sizeof(count));
	if (n)
		f->ops->woken(f, fds + 2, n);
}

/* Sleeps, unless the device is being closed. */
static void front_nap(struct front *f, unsigned ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000,
				     .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (!atomic_load(&f->stop))
		nanosleep(&ts, NULL);
}

struct pace {
	uint64_t window, attempts_from;
	unsigned rounds;
};

static void pace(struct front *f, struct pace *p)
{
	uint64_t now = clock_ns();

	if (now - p->window > WINDOW_NS) {
		p->window = now;
		p->rounds = 0;
	}
	if (++p->rounds > ROUNDS_A_WINDOW)
		front_nap(f, (unsigned)((p->window + WINDOW_NS - now) / NS_A_MS + 1));
	if (now - p->attempts_from > ATTEMPTS_NS) {
		p->attempts_from = now;
		f->attempts = 0;
	}
	if (f->attempts > ATTEMPTS_FREE)
		front_nap(f, ATTEMPT_MS);
}

int front_round(struct front *f)
{
	int err = xenbus_drain_events(&f->xb);

	if (err < 0)
		return xenbus_fail(&f->xb, err, "the hypervisor is gone: %s",
				   strerror(-err));
	if (atomic_load_explicit(&f->broken, memory_order_acquire))
		return xenbus_fail(&f->xb, -EPROTO,
				   "%s: the backend broke the ring protocol", f->xb.path);
	return front_step(f);
}

static void *front_thread(void *arg)
{
	struct front *f = arg;
	struct pace p = { 0 };
	int err;

	while (!atomic_load(&f->stop)) {
		err = f->phase == FRONT_DEAD ? 0 : front_round(f);
		if (err)
			front_die(f, err);
		if (front_timeout(f) == 0) {
			f->failing = true;
			f->ops->overdue(f);
		}
		front_wait(f, front_timeout(f));
		pace(f, &p);
	}
	return NULL;
}

/* The time to connect is over: why, as far as can be told. */
static int no_backend(struct front *f)
{
	cleanup_free char *error = xenbus_backend_error(&f->xb);
	enum xenbus_state be = XenbusStateUnknown;

	/* cannot fail in a way that matters: only for the message */
	(void)xenbus_backend_state(&f->xb, &be);
	if (error && be >= XenbusStateClosing)
		return xenbus_fail(&f->xb, -EIO, "the backend does not serve %s: %.300s",
				   f->xb.path, error);
	return xenbus_fail(&f->xb, -ETIMEDOUT,
			   "no backend answers in domain %u (%s is %s): is "
			   "%s running there?",
			   f->xb.backend_id, f->xb.backend, xenbus_state_name(be),
			   f->ops->server);
}

int front_start(struct front *f)
{
	struct pace p = { 0 };
	int err;

	f->phase_since = clock_ns();
	for (;;) {
		err = front_round(f);
		if (err || f->phase == FRONT_CONNECTED)
			break;
		if (front_timeout(f) == 0)
			return no_backend(f);
		front_wait(f, front_timeout(f));
		pace(f, &p);
	}
	if (!err && f->ops->opened)
		err = f->ops->opened(f);
	if (!err && pthread_create(&f->thread, NULL, front_thread, f))
		err = xenbus_fail(&f->xb, -EAGAIN, "no thread can be started");
	f->thread_runs = !err;
	return err;
}

void front_stop(struct front *f)
{
	if (!f->thread_runs)
		return;
	atomic_store(&f->stop, true);
	front_poke(f);
	pthread_join(f->thread, NULL);
	f->thread_runs = false;
}
