/* SPDX-License-Identifier: MIT */
/*
 * A xenstore client on a stream socket: one request at a time; watch events that
 * arrive meanwhile wait in a queue, in bounded memory. One thread.
 *
 * Bounds: of each watch at most XS_EVENTS_PER_WATCH different paths wait. Beyond
 * that they are forgotten in favour of one event with the watch's own path, which
 * says "something here changed". The same path does not wait twice. So a peer
 * that rewrites a watched node endlessly costs nothing (XSA-349), and who
 * listens still sees an event after the last change.
 */
#ifndef TANDEM_HV_PLAT_PROC_XS_H
#define TANDEM_HV_PLAT_PROC_XS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ringproto/xs_wire.h"

#define XS_EVENTS_PER_WATCH 64u

struct xs_event;
struct xs_watch;

struct proc_xs {
	int sock, wait_fd, wake; /* wait_fd: epoll over sock and wake */
	bool dead, woken;
	uint32_t req_id;
	STAILQ_HEAD(xs_event_queue, xs_event) events;
	LIST_HEAD(xs_watch_list, xs_watch) watches;
	size_t in_len; /* of the message that is coming in */
	union {
		struct xsd_sockmsg hdr;
		char buf[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	} in;
};

void proc_xs_init(struct proc_xs *xs);
/* Takes the socket, also on error. */
int proc_xs_open(struct proc_xs *xs, int sock);
void proc_xs_close(struct proc_xs *xs);
static inline bool proc_xs_is_open(const struct proc_xs *xs)
{
	return xs->sock >= 0;
}

/* plat_ops.h, xs_request. Blocks until the reply is there; -ENOTCONN. */
int proc_xs_call(struct proc_xs *xs, uint32_t type, uint32_t tx, const void *payload,
		 size_t len, char **reply, size_t *reply_len);
/* plat.h, xenstore_next_event(). */
int proc_xs_next(struct proc_xs *xs, char **path, char **token);

/* proc_xsq.c: the queue. A new watch, or one that ended with its events. */
int xsq_watch(struct proc_xs *xs, const char *path, const char *token);
void xsq_unwatch(struct proc_xs *xs, const char *path, const char *token);
/* An event's payload came in. 0, -ENOMEM, or -EPROTO. */
int xsq_put(struct proc_xs *xs, const char *payload, size_t len);
/* The oldest event, or -EAGAIN. */
int xsq_take(struct proc_xs *xs, char **path, char **token);
void xsq_end(struct proc_xs *xs);

#endif
