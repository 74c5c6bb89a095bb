/* SPDX-License-Identifier: MIT */
/*
 * Taking completions: without waiting, by polling, asleep, from an event loop.
 *
 * Several threads may wait on one queue, and several queues may share a
 * channel. The rule that keeps all of them going: while somebody sleeps, the
 * ring is armed and empty, or a descriptor that he sleeps on is readable.
 * Going to sleep arms the ring; whoever took something that the sleepers
 * counted on (responses, an event, a wake-up) wakes them when he leaves.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "frontends/blkfront.h"

#define LOOKS_A_CLOCK 16 /* looks at the ring between two at the clock */

static unsigned take_done(struct tandem_queue *q, struct tandem_io **done, unsigned max)
{
	unsigned n = 0;

	while (q->done && n < max) {
		done[n] = q->done;
		q->done = done[n++]->next_;
	}
	if (!q->done)
		q->done_tail = &q->done;
	q->inflight -= n;
	return n;
}

static inline unsigned queue_take(struct channel *ch, struct tandem_queue *q,
				  struct tandem_io **done, unsigned max)
{
	unsigned n = q->done ? take_done(q, done, max) : 0;

	n += channel_reap(ch, q, done + n, max - n);
	if (__builtin_expect(channel_has_waiting(ch), 0))
		channel_pump(ch);
	return n;
}

static void queue_disarm(struct channel *ch, struct tandem_queue *q)
{
	if (!q->armed)
		return;
	q->armed = false;
	ch->sleepers--;
}

static void drain_wake(struct tandem_queue *q)
{
	uint64_t n;

	/* cannot fail but for "nothing there", which is fine */
	(void)!read(q->wake, &n, sizeof(n));
}

void channel_ack(struct channel *ch)
{
	if (!ch->evtchn || ch->evtchn_dead || evtchn_ack(ch->evtchn) != -EPIPE)
		return;
	ch->evtchn_dead = true;
	front_poke(&ch->disk->front);
}

int tandem_poll(struct tandem_queue *q, struct tandem_io **done, unsigned max)
{
	struct channel *ch = queue_lock(q);
	ring_idx_t before = ch->ring.rsp_cons;
	unsigned n;

	if (__builtin_expect(q->armed, 0)) {
		queue_disarm(ch, q);
		drain_wake(q);
		before--; /* an armed queue's wake-up may have been for others */
	}
	n = queue_take(ch, q, done, max);
	if (before != ch->ring.rsp_cons)
		channel_wake(ch);
	qlock_unlock(&ch->lock);
	return (int)n;
}

/* Polls while that pays. False: sleep now. */
static bool queue_spin(struct channel *ch, struct tandem_queue *q, uint64_t deadline)
{
	uint64_t now;

	if (!channel_runs(ch) || q->adapt.max_ns == ADAPT_NEVER)
		return false;
	now = clock_ns();
	adapt_idle(&q->adapt, now);
	do {
		for (unsigned i = 0; i < LOOKS_A_CLOCK; i++) {
			if (ring_front_avail(&ch->ring))
				return true;
			adapt_relax();
		}
		if (qlock_contended(&ch->lock)) {
			qlock_step_aside(&ch->lock);
			/* first whether this lock still guards the queue */
			if (atomic_load_explicit(&q->ch, memory_order_relaxed) != ch ||
			    q->done || !q->inflight || !channel_runs(ch))
				return true;
		}
		now = clock_ns();
	} while (now < deadline && adapt_spin(&q->adapt, now));
	return false;
}

/* Sleeps until something happens. False: the deadline has passed. */
static bool queue_sleep(struct channel **chp, struct tandem_queue *q, uint64_t deadline)
{
	struct pollfd fds[2] = { { .fd = q->wake, .events = POLLIN },
				 { .fd = -1, .events = POLLIN } };
	struct channel *ch = *chp;
	struct timespec left;
	uint64_t now = clock_ns();

	if (now >= deadline)
		return false;
	if (channel_runs(ch)) {
		channel_push(ch);
		if (ring_front_arm(&ch->ring))
			return true;
		if (!ch->evtchn_dead)
			fds[1].fd = ch->evtchn->fd;
	}
	left.tv_sec = (time_t)((deadline - now) / 1000000000u);
	left.tv_nsec = (long)((deadline - now) % 1000000000u);
	q->sleepers++;
	ch->sleepers++;
	qlock_unlock(&ch->lock);
	/* an error is a wake-up like any other */
	(void)ppoll(fds, 2, deadline == UINT64_MAX ? NULL : &left, NULL);
	*chp = ch = queue_lock(q);
	q->sleepers--;
	ch->sleepers--;
	if (fds[0].revents)
		drain_wake(q);
	if (fds[1].revents && ch->evtchn && ch->evtchn->fd == fds[1].fd)
		channel_ack(ch);
	return true;
}

static void queue_worked(struct tandem_queue *q)
{
	if (q->adapt.slept)
		adapt_work(&q->adapt, clock_ns());
	q->adapt.idle_since = 0;
}

int tandem_wait(struct tandem_queue *q, struct tandem_io **done, unsigned min,
		unsigned max, int64_t timeout_us)
{
	struct channel *ch = queue_lock(q);
	ring_idx_t before = ch->ring.rsp_cons;
	uint64_t deadline = UINT64_MAX;
	bool slept = false;
	unsigned n;

	if (timeout_us >= 0)
		deadline = clock_ns() + (uint64_t)timeout_us * 1000;
	queue_disarm(ch, q);
	if (channel_runs(ch))
		channel_push(ch);
	n = queue_take(ch, q, done, max);
	while (n < min && q->inflight) {
		if (!queue_spin(ch, q, deadline)) {
			slept = true;
			if (!queue_sleep(&ch, q, deadline))
				break;
		} else if (atomic_load_explicit(&q->ch, memory_order_relaxed) != ch) {
			qlock_unlock(&ch->lock);
			ch = queue_lock(q);
		}
		n += queue_take(ch, q, done + n, max - n);
	}
	if (q->adapt.idle_since)
		queue_worked(q);
	if (slept || before != ch->ring.rsp_cons)
		channel_wake(ch);
	qlock_unlock(&ch->lock);
	return (int)n;
}

/* -------------------------------------------------------------- event loops */

void queue_watch(struct tandem_queue *q, struct evtchn *old, struct evtchn *now)
{
	struct epoll_event ev = { .events = EPOLLIN };

	if (q->epoll < 0)
		return;
	/* cannot fail in a way that matters: a descriptor that is not there is
	 * what DEL is for, and without memory for ADD the wake-up fd remains */
	if (old)
		(void)epoll_ctl(q->epoll, EPOLL_CTL_DEL, old->fd, NULL);
	if (now)
		(void)epoll_ctl(q->epoll, EPOLL_CTL_ADD, now->fd, &ev);
}

int tandem_queue_fd(struct tandem_queue *q)
{
	struct channel *ch = queue_lock(q);
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = q->epoll;

	if (fd >= 0)
		goto out;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, q->wake, &ev)) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		fd = -errno;
		goto out;
	}
	q->epoll = fd;
	queue_watch(q, NULL, ch->evtchn);
out:
	qlock_unlock(&ch->lock);
	return fd;
}

int tandem_queue_arm(struct tandem_queue *q)
{
	struct channel *ch = queue_lock(q);
	int some = 1;

	drain_wake(q);
	channel_ack(ch);
	if (q->done)
		goto out;
	if (channel_runs(ch)) {
		channel_push(ch);
		if (ring_front_arm(&ch->ring))
			goto out;
	}
	if (!q->armed) {
		q->armed = true;
		ch->sleepers++;
	}
	some = 0;
out:
	if (some || ch->sleepers > 1)
		channel_wake(ch);
	qlock_unlock(&ch->lock);
	return some;
}
