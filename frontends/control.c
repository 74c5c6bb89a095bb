/* SPDX-License-Identifier: MIT */
/*
 * The control thread: waits for xenstore, for a channel that broke or died and
 * for time to pass, and lets step.c decide. It paces itself, so that a backend
 * that storms it gets no more than its share of a CPU.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "frontends/blkfront.h"
#include "hv/base/cleanup.h"

#define NS_A_MS		UINT64_C(1000000)
#define DRAIN_TICK_MS	5
#define WINDOW_NS	(100 * NS_A_MS)
#define ROUNDS_A_WINDOW 100 /* more are put off to the next */
#define ATTEMPTS_NS	(1000 * NS_A_MS)
#define ATTEMPTS_FREE	16 /* connects in that time without a pause */
#define ATTEMPT_MS	100

void disk_poke(struct tandem_disk *d)
{
	const uint64_t one = 1;

	/* cannot fail: the counter is nowhere near its end */
	(void)!write(d->ctl, &one, sizeof(one));
}

/* How long the next look at xenstore may wait; -1: until something happens. */
static int disk_timeout(const struct tandem_disk *d)
{
	uint64_t end, now = adapt_clock();

	switch (d->phase) {
	case DISK_DRAIN:
		return DRAIN_TICK_MS;
	case DISK_LOST:
	case DISK_PUBLISHED:
		if (d->failing)
			return -1;
		end = d->phase_since +
		      NS_A_MS * (d->opened ? d->opts.reconnect_ms : d->opts.connect_ms);
		return now >= end ? 0 : (int)((end - now) / NS_A_MS + 1);
	case DISK_CONNECTED:
	case DISK_DEAD:
		break;
	}
	return -1;
}

/* Waits for xenstore, the control eventfd, or the death of an event channel. */
static void disk_wait(struct tandem_disk *d, int timeout)
{
	struct pollfd fds[2 + BLKFRONT_MAX_CHANNELS];
	struct channel *of[2 + BLKFRONT_MAX_CHANNELS];
	uint64_t count;
	nfds_t n = 2;

	fds[0] = (struct pollfd){ .fd = d->ctl, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = d->phase == DISK_DEAD ? -1 : xenstore_fd(d->plat),
				  .events = POLLIN };
	for (unsigned i = 0; d->phase == DISK_CONNECTED && i < d->nr_channels; i++) {
		struct channel *ch = &d->channels[i];

		if (atomic_load(&ch->evtchn_dead))
			continue;
		of[n] = ch;
		fds[n++] = (struct pollfd){ .fd = ch->evtchn->fd };
	}
	if (poll(fds, n, timeout) <= 0)
		return;
	if (fds[0].revents)
		/* cannot fail but for "nothing there", which is fine */
		(void)!read(d->ctl, &count, sizeof(count));
	for (nfds_t i = 2; i < n; i++) {
		if (!fds[i].revents)
			continue;
		qlock_lock(&of[i]->lock);
		channel_ack(of[i]);
		channel_wake(of[i]);
		qlock_unlock(&of[i]->lock);
	}
}

/* Sleeps, unless the disk is being closed. */
static void disk_nap(struct tandem_disk *d, unsigned ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000,
				     .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (!atomic_load(&d->stop))
		nanosleep(&ts, NULL);
}

struct pace {
	uint64_t window, attempts_from;
	unsigned rounds;
};

static void pace(struct tandem_disk *d, struct pace *p)
{
	uint64_t now = adapt_clock();

	if (now - p->window > WINDOW_NS) {
		p->window = now;
		p->rounds = 0;
	}
	if (++p->rounds > ROUNDS_A_WINDOW)
		disk_nap(d, (unsigned)((p->window + WINDOW_NS - now) / NS_A_MS + 1));
	if (now - p->attempts_from > ATTEMPTS_NS) {
		p->attempts_from = now;
		d->attempts = 0;
	}
	if (d->attempts > ATTEMPTS_FREE)
		disk_nap(d, ATTEMPT_MS);
}

/* One round. -errno: the device is lost for good. */
static int disk_round(struct tandem_disk *d)
{
	int err = xenbus_drain_events(&d->xb);

	if (err < 0)
		return xenbus_fail(&d->xb, err, "the hypervisor is gone: %s",
				   strerror(-err));
	if (atomic_load_explicit(&d->broken, memory_order_acquire))
		return xenbus_fail(&d->xb, -EPROTO,
				   "%s: the backend broke the ring protocol", d->xb.path);
	return disk_step(d);
}

static void *disk_thread(void *arg)
{
	struct tandem_disk *d = arg;
	struct pace p = { 0 };
	int err;

	while (!atomic_load(&d->stop)) {
		err = d->phase == DISK_DEAD ? 0 : disk_round(d);
		if (err)
			disk_die(d, err);
		if (disk_timeout(d) == 0) {
			d->failing = true;
			disk_set_state(d, CH_FAILING, -EIO);
		}
		disk_wait(d, disk_timeout(d));
		pace(d, &p);
	}
	return NULL;
}

/* The time to connect is over: why, as far as can be told. */
static int no_backend(struct tandem_disk *d)
{
	cleanup_free char *error = xenbus_backend_error(&d->xb);
	enum xenbus_state be = XenbusStateUnknown;

	/* cannot fail in a way that matters: only for the message */
	(void)xenbus_backend_state(&d->xb, &be);
	if (error && be >= XenbusStateClosing)
		return xenbus_fail(&d->xb, -EIO, "the backend does not serve %s: %.300s",
				   d->xb.path, error);
	return xenbus_fail(&d->xb, -ETIMEDOUT,
			   "no backend answers in domain %u (%s is %s): is "
			   "tandem-blkback running there?",
			   d->xb.backend_id, d->xb.backend, xenbus_state_name(be));
}

int disk_start(struct tandem_disk *d)
{
	struct pace p = { 0 };
	int err;

	d->phase_since = adapt_clock();
	for (;;) {
		err = disk_round(d);
		if (err || d->phase == DISK_CONNECTED)
			break;
		if (disk_timeout(d) == 0)
			return no_backend(d);
		disk_wait(d, disk_timeout(d));
		pace(d, &p);
	}
	if (!err && pthread_create(&d->thread, NULL, disk_thread, d))
		err = xenbus_fail(&d->xb, -EAGAIN, "no thread can be started");
	d->thread_runs = !err;
	return err;
}

void disk_stop(struct tandem_disk *d)
{
	if (!d->thread_runs)
		return;
	atomic_store(&d->stop, true);
	disk_poke(d);
	pthread_join(d->thread, NULL);
	d->thread_runs = false;
}
