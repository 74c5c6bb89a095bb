/* SPDX-License-Identifier: MIT */
/*
 * The share of a KVM that knows no Xen, done here: events as bits in shared memory and a
 * vector of the local APIC. There are no timers and no clock but the guest's own: what
 * guests that test the hypervisor need, not what Linux needs.
 */
#include <errno.h>

#include "hv/kvm/vm.h"
#include "hv/kvm/xen_evtchn.h"
#include "hv/kvm/xen_hw_irq.h"
#include "hv/kvm/xen_line.h"

static int accept_vm(struct vm *vm, uint64_t gfn)
{
	(void)vm;
	(void)gfn;
	return 0;
}

static int long_mode(struct vm *vm, bool on)
{
	(void)vm;
	(void)on;
	return 0;
}

static int accept_vcpu(struct vcpu *v, uint64_t gpa)
{
	(void)v;
	(void)gpa;
	return 0;
}

static int refuse_area(struct vcpu *v, uint64_t gpa)
{
	(void)v;
	(void)gpa;
	return -ENOSYS;
}

static int runstate_get(struct vcpu *v, struct vcpu_runstate_info *info)
{
	(void)v;
	(void)info;
	return -ENOSYS;
}

static int runstate_update_flag(struct vm *vm, bool on)
{
	(void)vm;
	(void)on;
	return -EINVAL;
}

/* An interrupt without an APIC cannot be raised from here. */
static int callback_vector(struct vm *vm, uint8_t vector)
{
	(void)vm;
	return vector ? -EOPNOTSUPP : 0;
}

static int upcall_vector(struct vcpu *v, uint8_t vector)
{
	(void)v;
	(void)vector;
	return 0;
}

static int port_bind(struct vm *vm, evtchn_port_t port, const struct xen_port *p,
		     bool update)
{
	(void)vm;
	(void)port;
	(void)p;
	(void)update;
	return 0;
}

static void port_unbind(struct vm *vm, evtchn_port_t port)
{
	(void)vm;
	(void)port;
}

static int port_listen(struct vm *vm, evtchn_port_t port, int fd)
{
	return xen_line_listen(vm, port, fd);
}

static void port_deaf(struct vm *vm, evtchn_port_t port, int fd)
{
	(void)port;
	xen_line_deaf(vm, fd);
}

static int port_moved(struct vm *vm)
{
	(void)vm;
	return 0;
}

static int raise_port(struct vm *vm, evtchn_port_t port, unsigned vcpu)
{
	struct vcpu *v = vm->vcpu[vcpu];

	return xen_evtchn_pend(vm, port, v) ? xen_hw_upcall(v) : 0;
}

static int timer_port(struct vcpu *v, evtchn_port_t port)
{
	(void)v;
	(void)port;
	return 0;
}

static int timer_set(struct vcpu *v, uint64_t ns)
{
	(void)v;
	return ns ? -ENOSYS : 0;
}

const struct xen_hw_ops xen_hw_user = {
	.translate = vcpu_translate,
	.shared_info = accept_vm,
	.long_mode = long_mode,
	.vcpu_info = accept_vcpu,
	.time_info = refuse_area,
	.runstate_area = refuse_area,
	.runstate_get = runstate_get,
	.runstate_update_flag = runstate_update_flag,
	.callback_vector = callback_vector,
	.upcall_vector = upcall_vector,
	.upcall = xen_hw_upcall,
	.vcpu_context = vcpu_context_set,
	.vcpu_up = vcpu_up,
	.vcpu_is_up = vcpu_is_up,
	.vcpu_nmi = vcpu_nmi,
	.port_bind = port_bind,
	.port_unbind = port_unbind,
	.port_listen = port_listen,
	.port_deaf = port_deaf,
	.port_moved = port_moved,
	.raise = raise_port,
	.timer_port = timer_port,
	.timer_set = timer_set,
};
