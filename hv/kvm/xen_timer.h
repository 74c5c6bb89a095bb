/* SPDX-License-Identifier: MIT */
/*
 * What a guest's time needs of this process: the watchdogs of SCHEDOP_watchdog and
 * periodic timers. One-shot timers are KVM's.
 */
#ifndef TANDEM_HV_KVM_XEN_TIMER_H
#define TANDEM_HV_KVM_XEN_TIMER_H

#include "hv/base/evloop.h"
#include "hv/kvm/vm.h"

#define XEN_WATCHDOGS 2u

/* Timers on the owner's loop. Before vm_start(). Without them they are -ENOSYS. */
int xen_timers_open(struct vm *vm, struct evloop *loop);
/* After vm_join(). */
void xen_timers_close(struct vm *vm);

/* The hypercalls' part, under vm->lock. */
int64_t xen_watchdog(struct vm *vm, uint32_t id, uint32_t seconds);
int64_t xen_periodic(struct vcpu *v, uint64_t ns); /* 0: none */
void xen_timers_stop(struct vm *vm);		   /* none runs any more */

#endif
