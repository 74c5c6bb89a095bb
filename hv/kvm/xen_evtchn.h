/* SPDX-License-Identifier: MIT */
/* Event channels of a VM, 2-level ABI. All under vm->lock. */
#ifndef TANDEM_HV_KVM_XEN_EVTCHN_H
#define TANDEM_HV_KVM_XEN_EVTCHN_H

#include "hv/kvm/vm.h"

/*
 * A port whose other end is a device of this process: the guest's sends arrive at
 * notify_fd, an eventfd that stays the caller's and must outlive the VM. -ENOSPC
 */
int xen_evtchn_device(struct vm *vm, domid_t remote, int notify_fd, evtchn_port_t *port);

/* An event for the guest; nothing, if it has closed that port. */
void xen_evtchn_raise(struct vm *vm, evtchn_port_t port);

/* The guest's shared info page; NULL: it has none yet. Of a guest of 32 bits (xen.compat)
 * it is a struct shared_info32. */
struct shared_info *xen_shared_info(struct vm *vm);
/*
 * The pages that are shared get the layout of this caller, as Xen does when a guest sets
 * them or its callback up.
 */
int xen_layout_latch(struct vcpu *v);

/* How many ports there can be. */
static inline evtchn_port_t xen_nr_ports(const struct vm *vm)
{
	return vm->xen.compat ? XEN_NR_PORTS32 : XEN_NR_PORTS;
}
/* A port's bits in the shared info page: true, it was set. False without a page. */
bool xen_port_pending_clear(struct vm *vm, evtchn_port_t port);
bool xen_port_mask_clear(struct vm *vm, evtchn_port_t port);
/* All words may have something pending. */
void xen_selector_fill(const struct vm *vm, struct vcpu_info *info);

/* It lies at gfn no more: what was placed for it goes. XEN_GFN_NONE is nowhere. */
void xen_shared_info_unplace(struct vm *vm, uint64_t gfn);

/*
 * Sets the bits that make a port pending, where KVM does not. True: the vcpu is to
 * be told.
 */
bool xen_evtchn_pend(struct vm *vm, evtchn_port_t port, struct vcpu *v);

/* A vcpu's info lies at gpa from now on. */
int xen_vcpu_info_set(struct vcpu *v, uint64_t gpa);

#endif
