/* SPDX-License-Identifier: MIT */
/*
 * A serial port's other end. What the guest sends waits in a ring until the loop writes
 * it; what comes in waits in another until the receiver has room.
 */
#include "tools/vm_serial.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SENT_MAX 4096u
#define IN_MAX	 64u

struct vm_serial {
	struct evloop *loop;
	pthread_mutex_t *lock;
	struct uart_peer peer;
	struct uart *uart;
	int in, out, news; /* in, out -1: ended */
	struct evsource *in_src, *out_src, *news_src;
	/* Under the lock. */
	uint8_t sent[SENT_MAX];
	unsigned first, nsent;
	/* The loop's. */
	uint8_t got[IN_MAX];
	size_t at, ngot;
};

static void news(struct vm_serial *s)
{
	const uint64_t one = 1;

	/* cannot fail: the counter is far from full */
	(void)!write(s->news, &one, sizeof(one));
}

/* From within the guest's accesses, with the lock. */
static bool send(void *arg, uint8_t byte)
{
	struct vm_serial *s = arg;

	if (s->out < 0)
		return true; /* nobody listens */
	if (s->nsent == SENT_MAX)
		return false;
	s->sent[(s->first + s->nsent++) % SENT_MAX] = byte;
	if (s->nsent == 1)
		news(s);
	return true;
}

static void wants(void *arg)
{
	news(arg);
}

static bool ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) > 0;
}

static void stop_watching(struct evsource **src)
{
	if (*src)
		evloop_del(*src);
	*src = NULL;
}

/* True: some is left, and `out` has no room. */
static bool flush_out(struct vm_serial *s)
{
	bool wait = false;

	pthread_mutex_lock(s->lock);
	while (s->nsent && !wait) {
		const unsigned run =
			s->first + s->nsent > SENT_MAX ? SENT_MAX - s->first : s->nsent;
		ssize_t n = -1;

		wait = s->out >= 0 && !ready(s->out, POLLOUT);
		if (wait)
			break;
		if (s->out >= 0)
			n = write(s->out, s->sent + s->first, run);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			wait = errno == EAGAIN;
			continue;
		}
		if (n < 0) { /* nobody listens any more */
			s->out = -1;
			n = (ssize_t)run;
		}
		s->first = (s->first + (unsigned)n) % SENT_MAX;
		s->nsent -= (unsigned)n;
	}
	if (s->uart && s->nsent < SENT_MAX)
		uart_ready(s->uart);
	pthread_mutex_unlock(s->lock);
	return wait;
}

/* True: the receiver has room for more than there is. */
static bool fill_in(struct vm_serial *s)
{
	while (s->in >= 0) {
		ssize_t n;

		pthread_mutex_lock(s->lock);
		s->at += uart_receive(s->uart, s->got + s->at, s->ngot - s->at);
		pthread_mutex_unlock(s->lock);
		if (s->at < s->ngot)
			return false;
		s->at = s->ngot = 0;
		if (!ready(s->in, POLLIN))
			return true;
		n = read(s->in, s->got, sizeof(s->got));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n > 0)
			s->ngot = (size_t)n;
		else
			s->in = -1;
	}
	return false;
}

static void on_ready(void *arg, uint32_t events);

/* Watched only while something is waited for. -EPERM: a file, which is always ready. */
static void watch(struct vm_serial *s, int fd, struct evsource **src, uint32_t events)
{
	if (!events || fd < 0)
		stop_watching(src);
	else if (!*src && evloop_add(s->loop, fd, events, on_ready, s, src))
		*src = NULL; /* or there is no memory: the next byte tries again */
}

static void shovel(struct vm_serial *s)
{
	const bool full = flush_out(s), more = s->uart && fill_in(s);

	watch(s, s->out, &s->out_src, full ? EPOLLOUT : 0);
	watch(s, s->in, &s->in_src, more ? EPOLLIN : 0);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	shovel(arg);
}

static void on_news(void *arg, uint32_t events)
{
	struct vm_serial *s = arg;
	uint64_t n;

	(void)events;
	/* cannot fail in a way that matters: it may have been read already */
	(void)!read(s->news, &n, sizeof(n));
	shovel(s);
}

int vm_serial_open(struct vm_serial **serial, struct evloop *loop, pthread_mutex_t *lock,
		   int in, int out)
{
	struct vm_serial *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->lock = lock;
	s->in = in;
	s->out = out;
	s->peer = (struct uart_peer){ .send = send, .wants = wants, .arg = s };
	s->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = s->news < 0 ? -errno
			  : evloop_add(loop, s->news, EPOLLIN, on_news, s, &s->news_src);
	if (err)
		vm_serial_close(s);
	else
		*serial = s;
	return err;
}

const struct uart_peer *vm_serial_peer(struct vm_serial *s)
{
	return &s->peer;
}

void vm_serial_start(struct vm_serial *s, struct uart *u)
{
	s->uart = u;
	news(s);
}

void vm_serial_close(struct vm_serial *s)
{
	if (!s)
		return;
	s->uart = NULL;
	(void)flush_out(s); /* what finds no room now is lost */
	stop_watching(&s->in_src);
	stop_watching(&s->out_src);
	stop_watching(&s->news_src);
	if (s->news >= 0)
		close(s->news);
	free(s);
}
