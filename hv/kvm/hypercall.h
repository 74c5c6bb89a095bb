/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: number -> handler. A handler runs on its vcpu's thread under
 * vm->lock, reads and writes what guest pointers point to by the functions
 * below, and returns what the guest gets.
 */
#ifndef TANDEM_HV_KVM_HYPERCALL_H
#define TANDEM_HV_KVM_HYPERCALL_H

#include "hv/kvm/vm.h"

typedef int64_t hypercall_fn(struct vcpu *v, const uint64_t arg[6]);

/* cpl: the caller's privilege level. -ENOSYS: no such call. */
int64_t hypercall(struct vcpu *v, uint64_t nr, const uint64_t arg[6], unsigned cpl,
		  bool longmode);

/*
 * The page that a guest asks for by an MSR, where it calls by a port: writes to MSRs that
 * KVM does not know become exits; one is carried out, or is a general protection fault.
 */
int hypercall_page_enable(struct vm *vm);
bool hypercall_page_write(struct vcpu *v, uint32_t msr, uint64_t value);

/* len bytes at the guest's virtual address. -EFAULT, and then some may be copied. */
int guest_copy_in(struct vcpu *v, void *dst, uint64_t va, size_t len);
int guest_copy_out(struct vcpu *v, uint64_t va, const void *src, size_t len);
/* The physical address of a virtual one. -EFAULT */
int guest_translate(struct vcpu *v, uint64_t va, uint64_t *gpa);

/* One line that a guest causes; after some, no more. */
void guest_complaint(struct vcpu *v, const char *what, uint64_t op);

/*
 * A command that is not known: a line, and -ENOSYS. What is known and refused, as the
 * ABI allows, is -ENOSYS without a line.
 */
int64_t guest_unknown(struct vcpu *v, const char *call, uint64_t cmd);

/* A domain that a guest names: itself? */
static inline bool domid_is_self(const struct vcpu *v, domid_t domid)
{
	return domid == DOMID_SELF || domid == v->vm->xen.domid;
}

hypercall_fn xen_memory_op, xen_multicall, xen_set_timer_op, xen_version, xen_console_io,
	xen_grant_table_op, xen_vm_assist, xen_vcpu_op, xen_sched_op,
	xen_event_channel_op, xen_physdev_op, xen_hvm_op;

#endif
