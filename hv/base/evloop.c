/* SPDX-License-Identifier: MIT */
/* The control paths' event loop, on epoll. */
#include "hv/base/evloop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct evsource {
	struct evloop *loop;
	evloop_fn *fn;
	void *arg;
	int fd;
	bool dead;
	struct evsource *next; /* in loop->all, or in loop->dead */
	struct evsource **pprev;
};

struct evloop {
	int epfd;
	bool stop, dispatching;
	int status;
	struct evsource *all;
	struct evsource *dead; /* freed after the round that removed them */
};

static void evsource_link(struct evsource **head, struct evsource *s)
{
	s->next = *head;
	s->pprev = head;
	if (s->next)
		s->next->pprev = &s->next;
	*head = s;
}

static void evsource_unlink(struct evsource *s)
{
	*s->pprev = s->next;
	if (s->next)
		s->next->pprev = s->pprev;
}

static void evloop_reap(struct evloop *loop)
{
	while (loop->dead) {
		struct evsource *s = loop->dead;

		evsource_unlink(s);
		free(s);
	}
}

struct evloop *evloop_new(void)
{
	struct evloop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void evloop_free(struct evloop *loop)
{
	if (!loop)
		return;
	while (loop->all)
		evloop_del(loop->all);
	evloop_reap(loop);
	close(loop->epfd);
	free(loop);
}

int evloop_add(struct evloop *loop, int fd, uint32_t events, evloop_fn *fn, void *arg,
	       struct evsource **src)
{
	struct evsource *s = calloc(1, sizeof(*s));
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->fn = fn;
	s->arg = arg;
	s->fd = fd;
	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(s);
		return -errno;
	}
	evsource_link(&loop->all, s);
	if (src)
		*src = s;
	return 0;
}

int evloop_mod(struct evsource *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(s->loop->epfd, EPOLL_CTL_MOD, s->fd, &ev) < 0 ? -errno : 0;
}

void evloop_del(struct evsource *s)
{
	if (!s || s->dead)
		return;
	/* cannot fail: the descriptor was added and is still open, or epoll
	 * forgot it when it was closed */
	(void)epoll_ctl(s->loop->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	s->dead = true;
	evsource_unlink(s);
	evsource_link(&s->loop->dead, s);
	if (!s->loop->dispatching)
		evloop_reap(s->loop);
}

int evloop_once(struct evloop *loop, int timeout_ms)
{
	struct epoll_event ev[64];
	int n = epoll_wait(loop->epfd, ev, 64, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	loop->dispatching = true;
	for (int i = 0; i < n; i++) {
		struct evsource *s = ev[i].data.ptr;

		if (!s->dead)
			s->fn(s->arg, ev[i].events);
	}
	loop->dispatching = false;
	evloop_reap(loop);
	return 0;
}

int evloop_run(struct evloop *loop)
{
	int err = 0;

	loop->stop = false;
	while (!loop->stop && !err)
		err = evloop_once(loop, -1);
	return err ? err : loop->status;
}

void evloop_stop(struct evloop *loop, int status)
{
	loop->stop = true;
	loop->status = status;
}
