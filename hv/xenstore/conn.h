/* SPDX-License-Identifier: MIT */
/*
 * One client: a stream socket with buffered, nonblocking I/O.
 *
 * A client that does not read is bounded: its requests wait while as much as
 * its quota is outstanding, and its events merge (watch.h).
 */
#ifndef TANDEM_HV_XENSTORE_CONN_H
#define TANDEM_HV_XENSTORE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/base/evloop.h"
#include "hv/xenstore/domain.h"
#include "ringproto/xs_wire.h"

struct xs_event;
struct xs_tx;
struct xs_watch;

#define XS_CONN_IN   8192	/* any message fits */
#define XS_DOM0_FULL (1u << 20) /* outstanding bytes at which dom0's clients wait */

struct xs_conn {
	struct xs_server *srv;
	struct xs_domain *dom;
	struct xs_conn *prev, *next;		 /* of the domain */
	struct xs_conn *dirty_prev, *dirty_next; /* of srv->dirty */
	bool dirty, dead;
	int fd;
	struct evsource *src;
	uint32_t interest; /* EPOLLIN, EPOLLOUT */
	struct xs_watch *watches;
	struct xs_tx *txs;
	uint32_t last_tx;
	struct xs_event *events;
	uint64_t outstanding; /* bytes of replies and events */
	char *out;
	size_t out_at, out_len, out_cap; /* out[out_at..out_len) waits */
	size_t in_len;
	char in[XS_CONN_IN];
};

/* Owns fd from now on, also on failure. 0, or -errno. */
int conn_new(struct xs_server *srv, int fd, struct xs_domain *dom);
/* Its watches and transactions end with it. */
void conn_free(struct xs_conn *conn);

/* It ends when the server settles. */
void conn_kill(struct xs_conn *conn);
/* It is written to when the server settles, or when the socket takes more. */
void conn_wants_write(struct xs_conn *conn);
bool conn_full(const struct xs_conn *conn);
void conn_charge(struct xs_conn *conn, size_t bytes);
void conn_uncharge(struct xs_conn *conn, size_t bytes);

/* Queues one message. */
void conn_send(struct xs_conn *conn, const struct xsd_sockmsg *hdr, const void *data,
	       size_t len);
/* Writes what the socket takes, and then sees what else the client had to say. */
void conn_flush(struct xs_conn *conn);

/* Carries out one request and queues its reply (ops.c). */
void ops_request(struct xs_conn *conn, const struct xsd_sockmsg *hdr, char *data);

#endif
