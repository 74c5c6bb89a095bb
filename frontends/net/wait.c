/* SPDX-License-Identifier: MIT */
/*
 * Waiting on a queue: by polling, asleep, from an event loop.
 *
 * The rule that keeps a sleeper going: while he sleeps, the rings that he waits
 * on are armed and have nothing for him, or a descriptor that he sleeps on is
 * readable. Whoever takes what he counted on (the control thread, a queue that
 * sends for him) wakes him through `wake`.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "frontends/net/netfront.h"

#define LOOKS_A_CLOCK 16  /* looks at the rings between two at the clock */
#define ROOM_READY    32u /* slots: less is not worth a wake-up */
#define IDLE_EVENTS   8	  /* in a row: the backend storms us */
#define STORM_NS      1000000

void net_queue_wake(struct tandem_net_queue *q)
{
	const uint64_t one = 1;

	/* cannot fail: the counter is nowhere near its end */
	(void)!write(q->wake, &one, sizeof(one));
}

static void drain_wake(struct tandem_net_queue *q)
{
	uint64_t n;

	/* cannot fail but for "nothing there", which is fine */
	(void)!read(q->wake, &n, sizeof(n));
}

void net_queue_ack(struct tandem_net_queue *q, struct evtchn *ch)
{
	if (!ch || atomic_load(&q->cut) || evtchn_ack(ch) != -EPIPE)
		return;
	atomic_store(&q->cut, true);
	front_poke(&q->net->front);
}

/* ----------------------------------------------------------------- is there? */

static bool room_there(struct tandem_net_queue *q)
{
	if (!q->running)
		return false;
	if (net_tx_slots(q) < ROOM_READY && !net_tx_reap(q))
		return false;
	/* little room is all that will be when nothing is in flight */
	return net_tx_slots(q) >= ROOM_READY ||
	       (net_tx_slots(q) > 1 && ring_front_free(&q->tx.ring) == NETIF_RING_SLOTS);
}

int tandem_net_look(struct tandem_net_queue *q, unsigned want)
{
	unsigned changes = tandem_net_changes(q->net), bits = 0;

	if (changes != q->seen || tandem_net_error(q->net)) {
		q->seen = changes;
		bits |= TANDEM_NET_CHANGED;
	}
	if (want & TANDEM_NET_RX) {
		qlock_lock(&q->lock);
		if (q->running && ring_front_avail(&q->rx.ring))
			bits |= TANDEM_NET_RX;
		qlock_unlock(&q->lock);
	}
	if (want & TANDEM_NET_TX) {
		struct tandem_net_queue *to = net_sender_lock(q);

		if (room_there(to))
			bits |= TANDEM_NET_TX;
		qlock_unlock(&to->lock);
	}
	return (int)bits;
}

/*
 * For room: an event when half of what is in flight is answered, so that the backend
 * has the other half to go on with, and wakes us once for both.
 */
static void arm_room(struct tandem_net_queue *q)
{
	struct tandem_net_queue *to = net_sender_lock(q);
	struct ring_front *f = &to->tx.ring;
	uint32_t half;

	/* what was answered before this arming brings no event, and may be less than
	 * the look calls room */
	do {
		half = (f->req_prod_pub - f->rsp_cons + 1) / 2;
		half += !half;
	} while (to->running && ring_front_arm_nth(f, half) >= (int)half &&
		 net_tx_reap(to));
	qlock_unlock(&to->lock);
}

/* Asks for events. What is there already. */
static int queue_arm(struct tandem_net_queue *q, unsigned want)
{
	/* before the looks: whoever changes something later wakes us */
	atomic_store_explicit(&q->asleep, true, memory_order_seq_cst);
	if (want & TANDEM_NET_RX) {
		qlock_lock(&q->lock);
		if (q->running)
			(void)ring_front_arm(&q->rx.ring); /* the look says it again */
		qlock_unlock(&q->lock);
	}
	if (want & TANDEM_NET_TX)
		arm_room(q);
	return tandem_net_look(q, want);
}

/* -------------------------------------------------------------------- asleep */

/* The descriptors that q sleeps on: its own channels, its sender's. */
struct sleep_fds {
	struct pollfd fd[3];
};

static void sleep_on(struct tandem_net_queue *q, unsigned want, struct sleep_fds *s)
{
	struct tandem_net_queue *to;

	for (unsigned i = 0; i < 3; i++)
		s->fd[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	s->fd[0].fd = q->wake;
	qlock_lock(&q->lock);
	q->stats.sleeps++;
	/* stormed: a time-out instead */
	if (q->idle_events > IDLE_EVENTS)
		want = 0;
	else if (q->running && !q->cut)
		s->fd[1].fd = q->rx.ch->fd;
	qlock_unlock(&q->lock);
	if (!(want & TANDEM_NET_TX))
		return;
	to = net_sender_lock(q);
	if (to->running && !to->cut && to->tx.ch->fd != s->fd[1].fd)
		s->fd[2].fd = to->tx.ch->fd;
	qlock_unlock(&to->lock);
}

static void woken_by(struct tandem_net_queue *q, const struct sleep_fds *s)
{
	struct tandem_net_queue *to;

	if (s->fd[0].revents)
		drain_wake(q);
	if (s->fd[1].revents) {
		qlock_lock(&q->lock);
		if (q->rx.ch && q->rx.ch->fd == s->fd[1].fd)
			net_queue_ack(q, q->rx.ch);
		qlock_unlock(&q->lock);
	}
	if (s->fd[2].revents) {
		to = net_sender_lock(q);
		if (to->tx.ch && to->tx.ch->fd == s->fd[2].fd)
			net_queue_ack(to, to->tx.ch);
		qlock_unlock(&to->lock);
	}
}

/* Sleeps until something happens or the deadline comes. */
static void queue_sleep(struct tandem_net_queue *q, unsigned want, uint64_t deadline)
{
	uint64_t now = clock_ns(), left = now < deadline ? deadline - now : 0;
	struct sleep_fds s;
	struct timespec ts;
	int n;

	sleep_on(q, want, &s);
	if (q->idle_events > IDLE_EVENTS && left > STORM_NS)
		left = STORM_NS;
	ts = (struct timespec){ .tv_sec = (time_t)(left / 1000000000u),
				.tv_nsec = (long)(left % 1000000000u) };
	/* an error is a wake-up like any other */
	n = ppoll(s.fd, 3, deadline == UINT64_MAX && left > STORM_NS ? NULL : &ts, NULL);
	if (n > 0)
		woken_by(q, &s);
	if (n <= 0)
		q->idle_events = 0;
	else
		q->idle_events++;
}

/* Polls while that pays. What was found. */
static int queue_spin(struct tandem_net_queue *q, unsigned want, uint64_t deadline)
{
	uint64_t now;
	int bits;

	if (q->adapt.max_ns == ADAPT_NEVER)
		return 0;
	now = clock_ns();
	adapt_idle(&q->adapt, now);
	do {
		for (unsigned i = 0; i < LOOKS_A_CLOCK; i++) {
			bits = tandem_net_look(q, want);
			if (bits)
				return bits;
			adapt_relax();
		}
		now = clock_ns();
	} while (now < deadline && adapt_spin(&q->adapt, now));
	return 0;
}

int tandem_net_wait(struct tandem_net_queue *q, unsigned want, int64_t timeout_us)
{
	uint64_t deadline = UINT64_MAX;
	int bits;

	tandem_net_kick(q);
	bits = tandem_net_look(q, want);
	if (bits)
		return bits;
	if (timeout_us >= 0)
		deadline = clock_ns() + (uint64_t)timeout_us * 1000;
	while (!(bits = queue_spin(q, want, deadline)) && clock_ns() < deadline) {
		bits = queue_arm(q, want);
		if (bits)
			break;
		queue_sleep(q, want, deadline);
		bits = tandem_net_look(q, want);
		if (bits)
			break;
	}
	atomic_store_explicit(&q->asleep, q->armed, memory_order_relaxed);
	if (bits)
		q->idle_events = 0;
	if (q->adapt.idle_since)
		adapt_work(&q->adapt, clock_ns());
	return bits;
}

/* -------------------------------------------------------------- event loops */

static void watch(struct tandem_net_queue *q, struct evtchn *ch, bool on)
{
	struct epoll_event ev = { .events = EPOLLIN };

	/* cannot fail in a way that matters: a descriptor that is not there is
	 * what DEL is for, and without memory for ADD the wake-up fd remains */
	if (ch)
		(void)epoll_ctl(q->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, ch->fd,
				&ev);
}

void net_queue_watch(struct tandem_net_queue *q, bool on)
{
	struct tandem_net_queue *to = atomic_load(&q->to);

	if (q->epoll < 0)
		return;
	watch(q, q->rx.ch, on);
	if (to->tx.ch != q->rx.ch)
		watch(q, to->tx.ch, on);
}

int tandem_net_fd(struct tandem_net_queue *q)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd;

	if (q->epoll >= 0)
		return q->epoll;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, q->wake, &ev)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	/* the control thread holds all locks when it points queues elsewhere */
	qlock_lock(&q->lock);
	q->epoll = fd;
	if (q->net->up)
		net_queue_watch(q, true);
	qlock_unlock(&q->lock);
	return fd;
}

/* Takes the events that made the descriptor readable. */
static void take_events(struct tandem_net_queue *q)
{
	struct tandem_net_queue *to = net_sender_lock(q);

	net_queue_ack(to, to->tx.ch);
	qlock_unlock(&to->lock);
	qlock_lock(&q->lock);
	if (to != q || q->rx.ch != q->tx.ch)
		net_queue_ack(q, q->rx.ch);
	qlock_unlock(&q->lock);
	drain_wake(q);
}

int tandem_net_arm(struct tandem_net_queue *q, unsigned want)
{
	int bits;

	tandem_net_kick(q);
	bits = tandem_net_look(q, want);
	q->armed = false;
	if (!bits) {
		take_events(q);
		bits = queue_arm(q, want);
		q->armed = !bits;
	}
	atomic_store_explicit(&q->asleep, q->armed, memory_order_relaxed);
	return bits;
}
