/* SPDX-License-Identifier: MIT */
/* tandem-vm's side of the control protocol (vmctl.h). */
#ifndef TANDEM_TOOLS_VM_CONTROL_H
#define TANDEM_TOOLS_VM_CONTROL_H

#include "hv/base/evloop.h"
#include "hv/kvm/vm.h"

struct vm_control;

/*
 * Serves connections that come to `listener`, which listens already and is the
 * control's from now on. end(arg): somebody wants the process to end. -errno
 */
int vm_control_open(struct vm_control **control, struct vm *vm, struct evloop *loop,
		    int listener, void (*end)(void *arg), void *arg);
/* The guest has stopped: who waits for it is told. */
void vm_control_stopped(struct vm_control *c);
/* NULL is allowed. Before vm_destroy(). */
void vm_control_close(struct vm_control *c);

#endif
