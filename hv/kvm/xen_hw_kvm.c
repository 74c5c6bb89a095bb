/* SPDX-License-Identifier: MIT */
/* The share that KVM's own Xen support does (KVM_CAP_XEN_HVM with EVTCHN_SEND). */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv/kvm/vm.h"
#include "hv/kvm/xen_hw_irq.h"
#include "hv/kvm/xen_line.h"

/* Newer than Debian 12's headers (Linux 6.3). */
#ifndef KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG
#define KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG 5
#endif
#define PRIO KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL

static int vm_attr(struct vm *vm, const struct kvm_xen_hvm_attr *a)
{
	return ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, a) < 0 ? -errno : 0;
}

/* The vcpu may be another's: it must be out of the guest for this. */
static int vcpu_attr(struct vcpu *v, const struct kvm_xen_vcpu_attr *a)
{
	vcpu_expel(v);
	return ioctl(v->fd, KVM_XEN_VCPU_SET_ATTR, a) < 0 ? -errno : 0;
}

static int vcpu_gpa(struct vcpu *v, uint16_t type, uint64_t gpa)
{
	return vcpu_attr(v, &(struct kvm_xen_vcpu_attr){ .type = type, .u.gpa = gpa });
}

static int shared_info(struct vm *vm, uint64_t gfn)
{
	return vm_attr(vm,
		       &(struct kvm_xen_hvm_attr){ .type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
						   .u.shared_info.gfn = gfn });
}

static int long_mode(struct vm *vm, bool on)
{
	return vm_attr(vm,
		       &(struct kvm_xen_hvm_attr){ .type = KVM_XEN_ATTR_TYPE_LONG_MODE,
						   .u.long_mode = on });
}

static int vcpu_info(struct vcpu *v, uint64_t gpa)
{
	return vcpu_gpa(v, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, gpa);
}

static int time_info(struct vcpu *v, uint64_t gpa)
{
	return vcpu_gpa(v, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, gpa);
}

static int runstate_area(struct vcpu *v, uint64_t gpa)
{
	return vcpu_gpa(v, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, gpa);
}

static int runstate_get(struct vcpu *v, struct vcpu_runstate_info *info)
{
	struct kvm_xen_vcpu_attr a = { .type = KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA };

	vcpu_expel(v);
	if (ioctl(v->fd, KVM_XEN_VCPU_GET_ATTR, &a) < 0)
		return -errno;
	*info = (struct vcpu_runstate_info){
		.state = (int32_t)a.u.runstate.state,
		.state_entry_time = a.u.runstate.state_entry_time,
		.time = { a.u.runstate.time_running, a.u.runstate.time_runnable,
			  a.u.runstate.time_blocked, a.u.runstate.time_offline },
	};
	return 0;
}

static int runstate_update_flag(struct vm *vm, bool on)
{
	struct kvm_xen_hvm_attr a = { .type = KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG };

	/* a bool at the union's start */
	memcpy(&a.u, &(uint8_t){ on }, 1);
	return vm_attr(vm, &a);
}

static int callback_vector(struct vm *vm, uint8_t vector)
{
	return vm_attr(vm, &(struct kvm_xen_hvm_attr){
				   .type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR,
				   .u.vector = vector });
}

static int upcall_vector(struct vcpu *v, uint8_t vector)
{
	return vcpu_attr(v, &(struct kvm_xen_vcpu_attr){
				    .type = KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR,
				    .u.vector = vector });
}

static int port_bind(struct vm *vm, evtchn_port_t port, const struct xen_port *p,
		     bool update)
{
	struct kvm_xen_hvm_attr a = { .type = KVM_XEN_ATTR_TYPE_EVTCHN };

	/* what the guest sends itself, this process is to see */
	if (p->notify_fd < 0 && xen_line_is_on(vm))
		return 0;
	a.u.evtchn.send_port = port;
	a.u.evtchn.flags = update ? KVM_XEN_EVTCHN_UPDATE : 0;
	a.u.evtchn.type = p->state;
	if (p->state == EVTCHNSTAT_ipi) {
		a.u.evtchn.deliver.port.port = port;
		a.u.evtchn.deliver.port.vcpu = p->vcpu;
		a.u.evtchn.deliver.port.priority = PRIO;
	} else if (p->notify_fd >= 0) {
		/* one that nobody has bound yet is no different for KVM */
		a.u.evtchn.type = EVTCHNSTAT_interdomain;
		a.u.evtchn.deliver.eventfd.fd = p->notify_fd;
	} else if (p->state != EVTCHNSTAT_interdomain) {
		return 0; /* the guest does not send on it */
	} else {
		a.u.evtchn.deliver.port.port = p->remote_port;
		a.u.evtchn.deliver.port.vcpu = vm->xen.port[p->remote_port].vcpu;
		a.u.evtchn.deliver.port.priority = PRIO;
	}
	return vm_attr(vm, &a);
}

static void port_unbind(struct vm *vm, evtchn_port_t port)
{
	struct kvm_xen_hvm_attr a = { .type = KVM_XEN_ATTR_TYPE_EVTCHN };

	a.u.evtchn.send_port = port;
	a.u.evtchn.flags = KVM_XEN_EVTCHN_DEASSIGN;
	/* cannot fail in a way that matters: -ENOENT, it was not bound */
	(void)vm_attr(vm, &a);
}

static int port_listen(struct vm *vm, evtchn_port_t port, int fd)
{
	return xen_line_is_on(vm) ? xen_line_listen(vm, port, fd)
				  : xen_hw_irq_add(vm, port, fd);
}

static void port_deaf(struct vm *vm, evtchn_port_t port, int fd)
{
	if (xen_line_is_on(vm))
		xen_line_deaf(vm, fd);
	else
		xen_hw_irq_del(vm, port, fd);
}

static int raise_port(struct vm *vm, evtchn_port_t port, unsigned vcpu)
{
	struct kvm_irq_routing_xen_evtchn e = { .port = port,
						.vcpu = vcpu,
						.priority = PRIO };

	return ioctl(vm->fd, KVM_XEN_HVM_EVTCHN_SEND, &e) < 0 ? -errno : 0;
}

static int timer_port(struct vcpu *v, evtchn_port_t port)
{
	struct kvm_xen_vcpu_attr a = { .type = KVM_XEN_VCPU_ATTR_TYPE_TIMER };

	a.u.timer.port = port;
	a.u.timer.priority = PRIO;
	return vcpu_attr(v, &a);
}

/* KVM serves it, but for a guest without VIRQ_TIMER, which would not hear of it. */
static int timer_set(struct vcpu *v, uint64_t ns)
{
	(void)v;
	(void)ns;
	return 0;
}

const struct xen_hw_ops xen_hw_kvm = {
	.translate = vcpu_translate,
	.shared_info = shared_info,
	.long_mode = long_mode,
	.vcpu_info = vcpu_info,
	.time_info = time_info,
	.runstate_area = runstate_area,
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
	.port_moved = xen_hw_irq_moved,
	.raise = raise_port,
	.timer_port = timer_port,
	.timer_set = timer_set,
};
