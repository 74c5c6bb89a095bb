/* SPDX-License-Identifier: MIT */
/* Bytes between a VM's console, its log and its viewers. */
#include "tools/vm_console.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tools/bounded_log.h"
#include "tools/vmctl_client.h"

#define MAX_VIEWERS 8
#define HISTORY	    16384u
#define LOG_MAX	    (1u << 20)
#define LOG_RATE    (256u << 10) /* bytes a second */
#define PAUSE_NS    100000000
#define TYPED_MAX   256
#define END_MAX	    (64u << 10) /* that is taken when the VM has ended */

struct viewer {
	struct vm_console *con;
	int fd; /* -1: free */
	struct evsource *src;
};

struct vm_console {
	struct evloop *loop;
	struct bounded_log log;
	domid_t domid;
	int vm, listener, timer; /* vm, listener: -1 between two VMs */
	struct evsource *vm_src, *listen_src, *timer_src;
	bool slowed;
	char history[HISTORY];
	size_t written; /* to it, in all */
	char typed[TYPED_MAX];
	size_t ntyped; /* that the VM has not taken yet */
	struct viewer viewer[MAX_VIEWERS];
};

static void source_end(struct evsource **src)
{
	if (*src)
		evloop_del(*src);
	*src = NULL;
}

static void fd_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void viewer_end(struct viewer *v)
{
	source_end(&v->src);
	fd_end(&v->fd);
}

/* ------------------------------------------------------------- from the guest */

static void history_add(struct vm_console *c, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		c->history[c->written++ % HISTORY] = s[i];
}

/* What a viewer has no room for now, it misses. One that has gone may have typed
 * before: its end is seen there. */
static void viewer_show(const struct viewer *v, const char *s, size_t n)
{
	if (v->fd >= 0)
		(void)send(v->fd, s, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void out(struct vm_console *c, const char *s, size_t n)
{
	bounded_log_write(&c->log, s, n);
	history_add(c, s, n);
	for (unsigned i = 0; i < MAX_VIEWERS; i++)
		viewer_show(&c->viewer[i], s, n);
}

static uint32_t vm_events(const struct vm_console *c)
{
	return (c->slowed ? 0 : EPOLLIN) | (c->ntyped ? EPOLLOUT : 0);
}

static void slow_down(struct vm_console *c, bool on)
{
	const struct itimerspec t = { .it_value = { .tv_nsec = PAUSE_NS } };

	c->slowed = on;
	/* cannot fail: both exist */
	if (on)
		(void)timerfd_settime(c->timer, 0, &t, NULL);
	if (c->vm_src)
		(void)evloop_mod(c->vm_src, vm_events(c));
}

static void on_timer(void *arg, uint32_t events)
{
	struct vm_console *c = arg;
	uint64_t n;

	(void)events;
	/* cannot fail in a way that matters: it only ticks */
	(void)!read(c->timer, &n, sizeof(n));
	slow_down(c, false);
}

/* ---------------------------------------------------------------- to the guest */

static void viewers_watch(struct vm_console *c, bool on)
{
	for (unsigned i = 0; i < MAX_VIEWERS; i++)
		if (c->viewer[i].src)
			(void)evloop_mod(c->viewer[i].src, on ? EPOLLIN : 0);
}

/* While the guest does not read, nobody's typing is. */
static void typed_flush(struct vm_console *c)
{
	bool waited = c->ntyped > 0;

	while (c->ntyped && c->vm >= 0) {
		ssize_t n = send(c->vm, c->typed, c->ntyped, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			n = (ssize_t)c->ntyped; /* it has ended */
		c->ntyped -= (size_t)n;
		memmove(c->typed, c->typed + n, c->ntyped);
	}
	if (!waited)
		return;
	viewers_watch(c, !c->ntyped);
	if (c->vm_src)
		(void)evloop_mod(c->vm_src, vm_events(c));
}

static void on_typed(void *arg, uint32_t events)
{
	struct viewer *v = arg;
	struct vm_console *c = v->con;
	ssize_t n = recv(v->fd, c->typed, sizeof(c->typed), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		viewer_end(v);
		return;
	}
	c->ntyped = c->vm >= 0 ? (size_t)n : 0;
	typed_flush(c);
}

static void on_vm(void *arg, uint32_t events)
{
	struct vm_console *c = arg;
	char buf[4096];
	ssize_t n;
	size_t room = bounded_log_allowance(&c->log, sizeof(buf));

	if (events & EPOLLOUT)
		typed_flush(c);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	if (!room) {
		slow_down(c, true);
		return;
	}
	n = recv(c->vm, buf, room, MSG_DONTWAIT);
	if (n > 0)
		out(c, buf, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		source_end(&c->vm_src);
}

/* ------------------------------------------------------------------- viewers */

static void history_show(const struct viewer *v)
{
	const struct vm_console *c = v->con;
	size_t n = c->written < HISTORY ? c->written : HISTORY;
	size_t from = (c->written - n) % HISTORY;
	size_t first = n < HISTORY - from ? n : HISTORY - from;

	if (first)
		viewer_show(v, c->history + from, first);
	if (n > first)
		viewer_show(v, c->history, n - first);
}

static void on_viewer(void *arg, uint32_t events)
{
	struct vm_console *c = arg;
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	for (unsigned i = 0; fd >= 0 && i < MAX_VIEWERS; i++) {
		struct viewer *v = &c->viewer[i];

		if (v->fd >= 0)
			continue;
		v->fd = fd;
		if (evloop_add(c->loop, fd, c->ntyped ? 0 : EPOLLIN, on_typed, v,
			       &v->src))
			viewer_end(v);
		else
			history_show(v);
		return;
	}
	fd_end(&fd); /* too many */
}

/* ---------------------------------------------------------------------- life */

int vm_console_open(struct vm_console **con, struct evloop *loop, const char *name)
{
	struct vm_console *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->vm = c->listener = c->log.fd = -1;
	for (unsigned i = 0; i < MAX_VIEWERS; i++) {
		c->viewer[i].con = c;
		c->viewer[i].fd = -1;
	}
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = c->timer < 0
		      ? -errno
		      : evloop_add(loop, c->timer, EPOLLIN, on_timer, c, &c->timer_src);
	if (!err)
		err = bounded_log_open(&c->log, name, ".console", LOG_MAX, LOG_RATE);
	if (err)
		vm_console_close(c);
	else
		*con = c;
	return err;
}

int vm_console_start(struct vm_console *c, domid_t domid, int *vm_end)
{
	int pair[2], err;

	c->domid = domid;
	c->listener = vmctl_listen(domid, VM_CONSOLE_SOCKET, SOCK_STREAM);
	if (c->listener < 0)
		return c->listener;
	err = evloop_add(c->loop, c->listener, EPOLLIN, on_viewer, c, &c->listen_src);
	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	c->vm = pair[0];
	*vm_end = pair[1];
	return evloop_add(c->loop, c->vm, vm_events(c), on_vm, c, &c->vm_src);
}

void vm_console_stop(struct vm_console *c)
{
	char buf[4096];
	ssize_t n;

	for (size_t all = 0; c->vm >= 0 && all < END_MAX; all += (size_t)n) {
		n = recv(c->vm, buf, sizeof(buf), MSG_DONTWAIT);
		if (n <= 0)
			break;
		out(c, buf, (size_t)n);
	}
	if (c->ntyped) {
		c->ntyped = 0;
		viewers_watch(c, true);
	}
	source_end(&c->vm_src);
	fd_end(&c->vm);
	source_end(&c->listen_src);
	if (c->listener >= 0)
		vmctl_unlink(c->domid, VM_CONSOLE_SOCKET);
	fd_end(&c->listener);
}

void vm_console_close(struct vm_console *c)
{
	if (!c)
		return;
	vm_console_stop(c);
	for (unsigned i = 0; i < MAX_VIEWERS; i++)
		viewer_end(&c->viewer[i]);
	source_end(&c->timer_src);
	fd_end(&c->timer);
	bounded_log_close(&c->log);
	free(c);
}
