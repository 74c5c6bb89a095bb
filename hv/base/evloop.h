/* SPDX-License-Identifier: MIT */
/*
 * An event loop for control paths: level-triggered descriptors (epoll), one
 * thread. A handler may remove any source, itself included; a removed source's
 * handler is not called again.
 */
#ifndef TANDEM_HV_BASE_EVLOOP_H
#define TANDEM_HV_BASE_EVLOOP_H

#include <stdint.h>

struct evloop;
struct evsource;

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP... as epoll reports them. */
typedef void evloop_fn(void *arg, uint32_t events);

struct evloop *evloop_new(void);       /* NULL: out of memory or descriptors */
void evloop_free(struct evloop *loop); /* its sources end; descriptors stay open */

/* Watches fd, which stays the caller's. -errno as epoll_ctl. */
int evloop_add(struct evloop *loop, int fd, uint32_t events, evloop_fn *fn, void *arg,
	       struct evsource **src);
int evloop_mod(struct evsource *src, uint32_t events);
void evloop_del(struct evsource *src);

/* Dispatches until evloop_stop(). Returns what was given to it, or -errno. */
int evloop_run(struct evloop *loop);
/* One round; waits at most timeout_ms (-1: for ever). 0 or -errno. */
int evloop_once(struct evloop *loop, int timeout_ms);
void evloop_stop(struct evloop *loop, int status);

#endif
