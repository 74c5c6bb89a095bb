/* SPDX-License-Identifier: MIT */
/* Interrupts by KVM: eventfds that raise event channel ports; upcalls. Under vm->lock. */
#ifndef TANDEM_HV_KVM_XEN_HW_IRQ_H
#define TANDEM_HV_KVM_XEN_HW_IRQ_H

#include "hv/kvm/vm.h"

/* KVM's routes from interrupt lines, and from ports, as they are to be. */
int xen_hw_irq_routes(struct vm *vm);
/* From now on a signal at fd raises the port. -ENOSPC, or KVM's. */
int xen_hw_irq_add(struct vm *vm, evtchn_port_t port, int fd);
void xen_hw_irq_del(struct vm *vm, evtchn_port_t port, int fd);
/* A port has another vcpu. */
int xen_hw_irq_moved(struct vm *vm);
/* The vcpu's vector of its local APIC; none: nothing. */
int xen_hw_upcall(struct vcpu *v);

#endif
