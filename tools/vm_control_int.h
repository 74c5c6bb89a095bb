/* SPDX-License-Identifier: MIT */
/* What the parts of a VM's control socket share: vm_control.c, vm_control_pc.c. */
#ifndef TANDEM_TOOLS_VM_CONTROL_INT_H
#define TANDEM_TOOLS_VM_CONTROL_INT_H

#include <pthread.h>

#include "tools/vm_control.h"
#include "tools/vmctl.h"

#define MAX_CLIENTS 16

struct client {
	struct vm_control *control;
	int fd; /* -1: free */
	bool waits;
	struct evsource *src;
};

/* One picture at a time, which a thread of its own makes. */
struct picture {
	bool runs;
	pthread_t thread;
	struct vm_pc *pc;
	int fd, err;
	int done_fd; /* -1: there was none yet */
	struct evsource *src;
	struct client *client; /* who waits for it; NULL: nobody any more */
};

struct vm_control {
	struct vm_control_config cfg;
	struct evsource *src;
	struct picture picture;
	struct client client[MAX_CLIENTS];
};

/* What an operation's handler returns besides 0 and -errno: the reply comes later. */
#define NO_REPLY 1

/* A peer that does not read its reply loses its connection. */
void vm_control_reply(struct client *cl, const struct vmctl_reply *reply);

/* vm_control_pc.c: operations of a PC. fds are closed by the caller. */
int op_picture(struct client *cl, const struct vmctl_call *call,
	       struct vmctl_reply *reply, const int *fds);
int op_text(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	    const int *fds);
int op_key(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	   const int *fds);
int op_power_button(struct client *cl, const struct vmctl_call *call,
		    struct vmctl_reply *reply, const int *fds);
int op_vnc(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	   const int *fds);
int op_insert(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	      const int *fds);
int op_eject(struct client *cl, const struct vmctl_call *call, struct vmctl_reply *reply,
	     const int *fds);

/* Waits for the one that is being made. */
void vm_control_picture_end(struct vm_control *c);

#endif
