/* SPDX-License-Identifier: MIT */
/* Pages of RAM to the host and back, at a guest's call. Under vm->lock. */
#ifndef TANDEM_HV_KVM_XEN_BALLOON_H
#define TANDEM_HV_KVM_XEN_BALLOON_H

#include "hv/kvm/vm.h"

/*
 * The reservation at the guest's pointer va, from extent `from` on. Returns the
 * number of extents that are done. Drops the lock now and then.
 */
int64_t xen_reservation(struct vcpu *v, uint64_t va, uint64_t from, bool populate);

/* One page of RAM, which the guest takes out of its physmap. -ENOENT: no RAM there */
int xen_page_give_back(struct vm *vm, uint64_t gfn);

#endif
