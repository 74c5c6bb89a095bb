/* SPDX-License-Identifier: MIT */
/* The server's state, and what its parts do for each other. */
#ifndef TANDEM_HV_XENSTORE_SERVER_H
#define TANDEM_HV_XENSTORE_SERVER_H

#include "hv/xenstore/domain.h"
#include "hv/xenstore/tree.h"
#include "hv/xenstore/xenstore.h"

struct xs_event;
struct xs_watch;
struct xs_wpath;

struct xs_server {
	struct evloop *loop;
	struct xs_quota quota;
	struct xs_tree tree;
	struct xs_domain *domains; /* by id */
	struct xs_domain *dom0;
	uint32_t next_epoch;
	struct xs_watch *watches; /* by connection, path and token */
	struct xs_wpath *wpaths;  /* by path */
	struct xs_event *events;  /* pending, by watch and path */
	struct xs_conn *dirty;	  /* have something to send, or are to end */
	int listen_fd;
	struct evsource *listen_src;
	bool listen_off; /* out of descriptors: until one is closed */
};

/* domain_release(): all of xs_server_release() but its directory. */
int domain_introduce(struct xs_server *srv, domid_t domid);
int domain_release(struct xs_server *srv, domid_t domid);

/* Sends what is to be sent and ends what is to end. After every dispatch. */
void server_settle(struct xs_server *srv);

/*
 * The tree's consistency: links, table, and all charges counted anew. NULL, or
 * what is wrong. Looks at everything: for tests and CONTROL "check".
 */
const char *xs_check(struct xs_server *srv);

#endif
