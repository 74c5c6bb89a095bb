/* SPDX-License-Identifier: MIT */
/* The client's side of a VM's control protocol (vmctl.h). */
#ifndef TANDEM_TOOLS_VMCTL_CLIENT_H
#define TANDEM_TOOLS_VMCTL_CLIENT_H

#include <stddef.h>
#include <sys/un.h>

#include "ringproto/grant.h"
#include "tools/vmctl.h"

/* The address of a file in VMCTL_DIR: "DOMID" + suffix. -ENAMETOOLONG */
int vmctl_address(domid_t domid, const char *suffix, struct sockaddr_un *addr);
/* A socket that listens there, of the type, in place of a dead one. -errno */
int vmctl_listen(domid_t domid, const char *suffix, int type);
void vmctl_unlink(domid_t domid, const char *suffix);

/* A connection to the VM's process; -ENOENT or -ECONNREFUSED: it has none. */
int vmctl_connect(domid_t domid, const char *suffix, int type);

/* Sends a request, with fds if there are some. 0 or -errno; -EPIPE: as below. */
int vmctl_send(int fd, struct vmctl_call *call, const int *fds, int nfds);
/* A reply: 0, its status, -EPIPE the process has ended, -ETIMEDOUT, -EPROTO. */
int vmctl_receive(int fd, struct vmctl_reply *reply, int timeout_ms);
/* Both. timeout_ms -1: for ever. */
int vmctl_call(int fd, struct vmctl_call *call, struct vmctl_reply *reply,
	       int timeout_ms);

#endif
