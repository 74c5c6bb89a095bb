/* SPDX-License-Identifier: MIT */
/* Ports, between what they are and what a guest asks of them. Under vm->lock. */
#ifndef TANDEM_HV_KVM_XEN_EVTCHN_INT_H
#define TANDEM_HV_KVM_XEN_EVTCHN_INT_H

#include "hv/kvm/xen_evtchn.h"

/* The lowest closed port becomes `what`. -ENOSPC */
int xen_port_alloc(struct vm *vm, evtchn_port_t *port, struct xen_port what);
/* The same, and KVM is told of it; closed again if KVM refuses. */
int xen_port_open(struct vm *vm, struct xen_port what, evtchn_port_t *port);
/*
 * A port to another domain: for it to bind (remote_port 0), or bound to one of
 * its. -ESRCH: there is none to reach; what the hypervisor says.
 */
int xen_port_open_remote(struct vm *vm, domid_t remote, evtchn_port_t remote_port,
			 unsigned vcpu, evtchn_port_t *port);
/* -EINVAL: it is closed. */
int xen_port_close(struct vm *vm, evtchn_port_t port);

/* An open port; NULL: there is none of that number. */
struct xen_port *xen_port_get(struct vm *vm, evtchn_port_t port);
/* Are both its ends the guest's? */
bool xen_port_is_loop(const struct vm *vm, const struct xen_port *p);

#endif
