/* SPDX-License-Identifier: MIT */
/* The client's side of the control protocol: what programs use to ask tandem-hvd. */
#ifndef TANDEM_HV_PROC_HVCLIENT_H
#define TANDEM_HV_PROC_HVCLIENT_H

#include <stddef.h>

#include "hv/proc/hvcall.h"
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

/* A connection as domain `domid`; or, if `name` is not NULL, as that one. */
int hvclient_domain_connect(int sock, domid_t domid, const char *name, int *conn);

/* Copies a name or a path into call->str. -ENAMETOOLONG */
int hvclient_str(struct hvcall *call, const char *str);

#endif
