/* SPDX-License-Identifier: MIT */
/* tandem-vm's side of the control protocol (vmctl.h). */
#ifndef TANDEM_TOOLS_VM_CONTROL_H
#define TANDEM_TOOLS_VM_CONTROL_H

#include "hv/base/evloop.h"
#include "hv/kvm/vm.h"
#include "tools/vm_pc.h"

struct vm_control;

struct vm_control_config {
	struct vm *vm;
	struct vm_pc *pc; /* NULL: PVH */
	struct evloop *loop;
	int listener;		/* listens already, and is the control's from now on */
	void (*end)(void *arg); /* somebody wants the process to end */
	void *arg;
};

/* Serves connections that come to the listener. -errno */
int vm_control_open(struct vm_control **control, const struct vm_control_config *cfg);
/* The guest has stopped: who waits for it is told. */
void vm_control_stopped(struct vm_control *c);
/* NULL is allowed. Before vm_pc_close() and vm_destroy(). */
void vm_control_close(struct vm_control *c);

#endif
