/* SPDX-License-Identifier: MIT */
/* What the verbs on VMs share: cmd_life.c, cmd_list.c, cmd_top.c, cmd_console.c. */
#ifndef TANDEM_TOOLS_CMD_VM_H
#define TANDEM_TOOLS_CMD_VM_H

#include "hv/kvm/exits.h"
#include "tools/cli.h"

/* A thread as /proc shows it. */
struct task {
	char state;
	unsigned cpu;
	double seconds; /* that it has run */
};

/* -ESRCH */
int task_read(long tid, struct task *t);

/* A VM as its process shows it. */
struct vm_look {
	bool pc;		       /* hvm, not pvh */
	bool paused, stopped, running; /* running: a vcpu is on a CPU */
	int reason;		       /* SHUTDOWN_*, if stopped */
	unsigned vcpus;		       /* online */
	uint64_t memory;	       /* bytes that the guest has */
	uint64_t resident;	       /* bytes of the host's memory that hold them */
	double seconds;		       /* that its vcpus have run */
	uint64_t exits[VM_NR_EXITS];   /* of all its vcpus */
};

struct vcpu_look {
	bool online;
	double seconds;
	long tid;
};

/* A connection to the VM's process. -ENOENT, -ECONNREFUSED: the domain has none. */
int vm_connect(domid_t domid);
/* Over it; waits a second at most. -errno */
int vm_look(int fd, struct vm_look *l);
/* -ENOENT: no such vcpu. */
int vcpu_look(int fd, unsigned id, struct vcpu_look *l);
/* How often that vcpu left the guest. -ENOENT */
int vcpu_exits(int fd, unsigned id, uint64_t exits[VM_NR_EXITS]);
/* The six letters of xl list: rbpscd, a dash for what it is not. */
const char *vm_state_text(const struct vm_look *l, char text[7]);

/* A VM by name or id, and a connection to it. 0, or 2 after saying why not. */
int cli_find_vm(struct cli *c, const char *name, struct cli_domain *dom, int *fd);

/* The terminal on the domain's console until ^], or until it ends. 0 or 2 */
int console_attach(struct cli *c, const char *name);
/* The verbs vcpu-list, dmesg and console. */
int cli_dmesg(struct cli *c);
int cli_vcpu_list(struct cli *c);
int cli_console(struct cli *c);

#endif
