/* SPDX-License-Identifier: MIT */
/* What the files of the control server share. */
#ifndef TANDEM_HV_PROC_SERVER_INT_H
#define TANDEM_HV_PROC_SERVER_INT_H

#include <sys/types.h>

#include "hv/proc/hvcall.h"
#include "hv/proc/server.h"

struct claim {
	struct conn *owner;
	LIST_ENTRY(claim) link;
	char path[HVCALL_PATH_MAX];
};

/* A connection: a domain's, for ever. */
struct conn {
	struct client client; /* first: conn_of() */
	struct hvserver *srv;
	int fd;
	struct evsource *src;
	bool hello; /* said */
	pid_t pid;  /* by this process; 0: by one that is not seen from here */
	uint32_t xs_connections; /* handed out, ever */
	uint32_t nr_claims;
	LIST_HEAD(claim_list, claim) claims;
};

struct hvserver {
	struct evloop *loop;
	struct xs_server *xs;
	struct registry *reg;
	int listen_fd, spare_fd; /* spare: to accept and drop when out of descriptors */
	struct evsource *listen_src;
};

/* What a handler answers with; fds are closed when they are sent. What came with
 * the call is in `came`, closed afterwards where a handler does not set it to -1. */
struct answer {
	int came[HVCALL_VM_FDS];
	int ncame;
	struct hvreply reply;
	int fds[HVCALL_MAX_FDS];
	int nfds;
};

static inline struct conn *conn_of(struct client *c)
{
	return (struct conn *)c;
}

/* Ends a connection and frees it. */
void conn_end(struct conn *c);
/*
 * Ends the connections of c's domain, but for c, whose process is dead already. So
 * a killed backend's successor never finds the marks of its predecessor in the
 * entries, and a VM's none of its memory.
 */
void conns_sweep(struct conn *c);
/* calls.c: checks and does what the packet asks. -EPROTO: malformed. */
int conn_call(struct conn *c, const struct hvcall *call, struct answer *ans);

/* claims.c */
int claim_take(struct conn *c, const char *path);
int claim_drop(struct conn *c, const char *path);
/* Writes Closed for each claim. */
void claims_end(struct conn *c);

/* vm.c */
int call_vm_memory(struct conn *c, const struct hvcall *call, struct answer *ans);
/* registry.vm_serves; arg: the server */
bool vm_serves(void *arg, domid_t vm, domid_t peer);
/* vm_end.c: each device that it serves or uses gets the state Closed. */
void vm_devices_closed(struct xs_server *xs, domid_t vm);
/* The client ends: if it runs a VM, xenstore is told. */
void vm_client_end(struct conn *c);

#endif
