/* SPDX-License-Identifier: MIT */
/* The client's side of the control protocol: what programs use to ask tandem-hvd. */
#ifndef TANDEM_HV_PROC_HVCLIENT_H
#define TANDEM_HV_PROC_HVCLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "hv/proc/hvcall.h"
#include "ringproto/evtchn.h"
#include "ringproto/grant.h"

/*
 * Connects to hv.sock in directory `dir` (NULL: hv/base/statedir.h) and says
 * hello: a descriptor with dom0's rights, or -errno: -ENOENT, -ECONNREFUSED no
 * hypervisor there, -EACCES, -EPROTO other version. `path`, if not NULL, gets
 * the socket's path, for the line that the person sees.
 */
int hvclient_connect(const char *dir, char *path, size_t size);

/* Says hello on a connection that was handed over: who it is. name: HVCALL_NAME_MAX */
int hvclient_hello(int sock, domid_t *domid, char *name);

/*
 * One call. 0 or what the reply's status says; -ENOTCONN the hypervisor is
 * gone. fds: room for HVCALL_MAX_FDS, *nfds is set to what came (NULL: none
 * wanted). One thread at a time.
 */
int hvclient_call(int sock, struct hvcall *call, struct hvreply *reply, int *fds,
		  int *nfds);

/* The same with nsend descriptors, which stay the caller's. */
int hvclient_call_with(int sock, struct hvcall *call, const int *send, int nsend,
		       struct hvreply *reply, int *fds, int *nfds);

/* A connection as domain `domid`; or, if `name` is not NULL, as that one. */
int hvclient_domain_connect(int sock, domid_t domid, const char *name, int *conn);

/* ------------------------------------------------ memory (hvclient_mem.c) */

/* Another domain's arena, or its memory if it is a VM, as HVCALL_ARENA_MAP gives it. */
struct hvclient_arena {
	bool vm, readonly;
	uint32_t pages;	      /* of data; the entries' own included, if they are in it */
	uint32_t low_pages;   /* vm: of them below the hole */
	uint32_t entry_pages; /* that hold the entries: from data's start, or... */
	int data, entries;    /* ...of a descriptor of their own (else -1) */
};

/* What a reply to HVCALL_ARENA_MAP says. Takes the descriptors, on errors too
 * (-EPROTO: it is no such reply). */
int hvclient_arena_parse(const struct hvreply *reply, int *fds, int nfds,
			 struct hvclient_arena *a);
/* The call; the descriptors are the caller's to close, at any time. */
int hvclient_arena_map(int sock, domid_t granter, uint32_t id, struct hvclient_arena *a);
int hvclient_arena_unmap(int sock, domid_t granter, uint32_t id);
/* This VM's memory. The descriptors stay the caller's. */
int hvclient_vm_memory(int sock, int ram, uint32_t pages, uint32_t low_pages, int table);

/* ---------------------------------------- event channels (hvclient_evtchn.c) */

/* A port and its descriptors; keep is -1 where there are eventfds. */
struct hvclient_port {
	evtchn_port_t port;
	bool eventfd;
	int wait, notify, keep;
};

int hvclient_port_parse(const struct hvreply *reply, int *fds, int nfds,
			struct hvclient_port *p);
/* want: the port's own number, or 0. The descriptors are the caller's to close. */
int hvclient_evtchn_alloc(int sock, domid_t remote, evtchn_port_t want,
			  struct hvclient_port *p);
int hvclient_evtchn_bind(int sock, domid_t remote, evtchn_port_t remote_port,
			 evtchn_port_t want, struct hvclient_port *p);
int hvclient_evtchn_close(int sock, evtchn_port_t port);
/* EVTCHNSTAT_*, or -errno. */
int hvclient_evtchn_status(int sock, evtchn_port_t port, domid_t *remote);

/* A stream socket that speaks xs_wire as this domain, or -errno. */
int hvclient_xenstore(int sock);

/* Copies a name or a path into call->str. -ENAMETOOLONG */
int hvclient_str(struct hvcall *call, const char *str);

#endif
