/* SPDX-License-Identifier: MIT */
/*
 * The xenstore server: a tree of values with permissions, transactions and
 * watches, served over xs_wire (ringproto/xs_wire.h) to stream sockets.
 * Semantics: Xen's docs/misc/xenstore.txt. One thread, on the caller's loop.
 */
#ifndef TANDEM_HV_XENSTORE_XENSTORE_H
#define TANDEM_HV_XENSTORE_XENSTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/base/evloop.h"
#include "ringproto/grant.h"

struct xs_server;

/*
 * Bounds for each unprivileged domain (dom0 has none). What dom0 makes for a
 * domain carries quota along, so that a driver domain needs no other bounds:
 * domain.h.
 */
struct xs_quota {
	uint32_t nodes;	    /* owned nodes */
	uint32_t node_size; /* bytes of a node's value, names and perms */
	uint32_t watches;
	uint32_t transactions; /* open at a time */
	uint32_t perms;	       /* entries of a node's permission list */
	uint32_t path_len;     /* bytes */
	uint32_t memory;       /* bytes of all a domain makes the server keep */
	uint32_t outstanding;  /* bytes of replies and events not yet taken */
};
extern const struct xs_quota xs_quota_default;

struct xs_server *xs_server_new(struct evloop *loop, const struct xs_quota *quota);
void xs_server_free(struct xs_server *srv);

/* Accepts dom0 connections on a listening stream socket, which it owns now. */
int xs_server_listen(struct xs_server *srv, int listen_fd);
/* Serves `fd` (stream socket, owned from now on) as domain `domid`. */
int xs_server_connect(struct xs_server *srv, int fd, domid_t domid);

/*
 * A domain comes: its directory /local/domain/<domid> is made, owned by it,
 * with `name` and `domid` keys that only dom0 writes, and
 * @introduceDomain fires. A domain goes: its connections, watches and
 * transactions end, nodes it owned go to dom0, permissions that named it are
 * dropped, its directory is removed, @releaseDomain fires. -EEXIST, -ENOENT.
 */
int xs_server_introduce(struct xs_server *srv, domid_t domid, const char *name);
int xs_server_release(struct xs_server *srv, domid_t domid);
/*
 * The same in steps, for a domain that is built before it runs, as Xen's are: its
 * directory, while IS_DOMAIN_INTRODUCED says no and nobody can connect as it;
 * then the rest of xs_server_introduce(); and the news that it runs no more, which
 * is @releaseDomain, while its directory stays.
 */
int xs_server_name(struct xs_server *srv, domid_t domid, const char *name);
int xs_server_start(struct xs_server *srv, domid_t domid);
void xs_server_stopped(struct xs_server *srv, domid_t domid);

/* The toolstack's own writes, with dom0's rights; watches fire. */
int xs_server_write(struct xs_server *srv, const char *path, const char *value);
/* NULL, or the value, valid until the next change. */
const char *xs_server_read(struct xs_server *srv, const char *path);
/* The same, if that domain may read it. */
const char *xs_server_read_as(struct xs_server *srv, domid_t domid, const char *path);
/*
 * Calls fn with each child's name until it returns true, and returns whether it
 * did. fn changes nothing here.
 */
bool xs_server_any_child(struct xs_server *srv, const char *path,
			 bool (*fn)(void *arg, const char *name), void *arg);

#endif
