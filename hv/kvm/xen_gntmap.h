/* SPDX-License-Identifier: MIT */
/* The grant table operations that use other domains' pages, one argument each. */
#ifndef TANDEM_HV_KVM_XEN_GNTMAP_H
#define TANDEM_HV_KVM_XEN_GNTMAP_H

#include "hv/kvm/vm.h"

int64_t gnttab_map(struct vcpu *v, uint64_t va);
int64_t gnttab_unmap(struct vcpu *v, uint64_t va);
int64_t gnttab_copy_one(struct vcpu *v, uint64_t va);

#endif
