/* SPDX-License-Identifier: MIT */
/* What a guest may take back of its memory, as memory/max in xenstore says. */
#ifndef TANDEM_TOOLS_VM_LIMIT_H
#define TANDEM_TOOLS_VM_LIMIT_H

#include "hv/base/evloop.h"
#include "hv/kvm/vm.h"

struct vm_limit;

/* sock: a stream that speaks xs_wire as the guest's domain; it stays the caller's. */
int vm_limit_open(struct vm_limit **limit, struct vm *vm, struct evloop *loop, int sock);
void vm_limit_close(struct vm_limit *limit);

#endif
