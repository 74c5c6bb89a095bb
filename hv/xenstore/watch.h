/* SPDX-License-Identifier: MIT */
/*
 * Watches and the events they have pending.
 *
 * Identical pending events are one. When a client's backlog is full, further
 * events of a watch are one on the watched path itself, which says "something
 * here changed": bounded, and nothing is lost silently.
 */
#ifndef TANDEM_HV_XENSTORE_WATCH_H
#define TANDEM_HV_XENSTORE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "hv/xenstore/body.h"
#include "hv/xenstore/hash.h"
#include "hv/xenstore/path.h"

struct xs_conn;
struct xs_node;
struct xs_server;

/* An event of the longest path fits into a message. */
#define XS_TOKEN_MAX (XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2)

struct xs_watch {
	struct xs_conn *conn;
	struct xs_wpath *at;
	struct xs_watch *prev, *next;	    /* of the connection */
	struct xs_watch *at_prev, *at_next; /* of the path */
	const char *token;
	size_t charged;
	size_t strip; /* bytes of an event's path that the client did not say */
	uint32_t pending;
	bool collapsed; /* the event on the watched path stands for all to come */
	UT_hash_handle hh;
	char key[]; /* struct xs_conn *, path, NUL, token, NUL */
};

struct xs_event {
	struct xs_event *prev, *next; /* of the connection, oldest first */
	struct xs_watch *watch;
	size_t size; /* of the message */
	UT_hash_handle hh;
	char key[]; /* struct xs_watch *, path, NUL */
};

/* 0, -EEXIST, -E2BIG (quota, or a token too long), -ENOMEM. Does not fire. */
int watch_add(struct xs_server *srv, struct xs_conn *conn, const struct xs_path *path,
	      const char *token, struct xs_watch **out);
/* 0 or -ENOENT. Its pending events are dropped. */
int watch_remove(struct xs_server *srv, struct xs_conn *conn, const struct xs_path *path,
		 const char *token);
void watch_remove_all(struct xs_server *srv, struct xs_conn *conn);
/* Fires one watch with its own path: once after it was set. */
void watch_fire_first(struct xs_server *srv, struct xs_watch *w);

/*
 * A change of the node at path. It is told to those who may read it: by its
 * body now, or before; or by the parent's, which is given when the node came or
 * went. Each may be NULL. `exact`: only watches on that very path.
 */
struct xs_change {
	const char *path;
	size_t len;
	const struct xs_body *now, *before, *parent;
	bool exact;
};
void watch_fire(struct xs_server *srv, const struct xs_change *c);
void watch_fire_special(struct xs_server *srv, const char *name);

/* The oldest event as wire bytes (header and payload) into buf; its length. */
size_t event_take(struct xs_server *srv, struct xs_conn *conn, char *buf, size_t size);

static inline const char *event_path(const struct xs_event *e)
{
	return e->key + sizeof(struct xs_watch *);
}

/* Bytes as they are charged. */
size_t event_cost(const struct xs_event *e);

#endif
