/* SPDX-License-Identifier: MIT */
/*
 * What the guest's CPU says it is. A guest sees a named model that is the same
 * on every host of its vendor, less what this host's KVM cannot do, and Xen's leaves at
 * 0x40000000.
 */
#ifndef TANDEM_HV_KVM_CPUID_H
#define TANDEM_HV_KVM_CPUID_H

#include <linux/kvm.h>
#include <stddef.h>

#include "hv/kvm/vm.h"

#define CPUID_MAX_ENTRIES 256
#define CPUID_MODEL	  "tandem-1"
#define XEN_HYPERCALL_MSR 0x40000000u

/* A struct kvm_cpuid2 with room. */
struct cpuid_table {
	uint32_t nent, padding;
	struct kvm_cpuid_entry2 entry[CPUID_MAX_ENTRIES];
};
_Static_assert(offsetof(struct cpuid_table, entry) == sizeof(struct kvm_cpuid2), "kvm.h");

/* From what KVM supports to what vcpu `id` of `vcpus` shows. -E2BIG. */
int cpuid_policy(const struct cpuid_table *host, struct cpuid_table *guest, unsigned id,
		 unsigned vcpus, domid_t domid, bool xen);

/* Asks KVM, applies the policy, gives it to the vcpu. 0 or -errno */
int cpuid_setup(struct vcpu *v);

#endif
