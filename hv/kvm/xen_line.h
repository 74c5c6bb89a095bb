/* SPDX-License-Identifier: MIT */
/*
 * Events as a level of an interrupt line, for guests whose drivers ask for one
 * (HVM_PARAM_CALLBACK_IRQ with a GSI or a PCI device's pin): it is asserted for as long
 * as vcpu 0's flag says that something is pending.
 *
 * The guest clears that flag in its memory, unseen; KVM says when it has acknowledged the
 * interrupt (an irqfd with a resampler), and then the flag is looked at again. KVM
 * delivers no events then: those from other domains come over the owner's loop.
 *
 * All but open, close and route under vm->lock.
 */
#ifndef TANDEM_HV_KVM_XEN_LINE_H
#define TANDEM_HV_KVM_XEN_LINE_H

#include "hv/base/evloop.h"
#include "hv/kvm/vm.h"

/* Before the sandbox. Without it no guest gets such a line, and events from other domains
 * need KVM. */
int xen_line_open(struct vm *vm, struct evloop *loop);
/* After vm_join(). */
void xen_line_close(struct vm *vm);
/* The platform device's INTA# goes there now; 0: nowhere. Takes vm->lock. */
void xen_line_route(struct vm *vm, unsigned gsi);

/* What the guest asks for, HVM_PARAM_CALLBACK_IRQ's value. -EOPNOTSUPP: no such line */
int xen_line_set(struct vm *vm, uint64_t callback);
/* Are events delivered by it? */
bool xen_line_is_on(const struct vm *vm);
/* After an event, or a flag that was set. */
void xen_line_update(struct vm *vm);

/* A signal at fd raises the port. -EOPNOTSUPP: not open */
int xen_line_listen(struct vm *vm, evtchn_port_t port, int fd);
void xen_line_deaf(struct vm *vm, int fd);

#endif
