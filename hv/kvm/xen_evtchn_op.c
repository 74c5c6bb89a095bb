/* SPDX-License-Identifier: MIT */
/* event_channel_op: what a guest asks of its ports, 2-level ABI (event_channel.h). */
#include <errno.h>
#include <string.h>

#include "hv/base/evsignal.h"
#include "hv/kvm/hypercall.h"
#include "hv/kvm/xen_evtchn_int.h"
#include "hv/kvm/xen_remote.h"

static int64_t alloc_unbound(struct vcpu *v, uint64_t va)
{
	struct evtchn_alloc_unbound a;
	struct vm *vm = v->vm;
	int err;

	if (guest_copy_in(v, &a, va, sizeof(a)))
		return -EFAULT;
	if (!domid_is_self(v, a.dom))
		return -EPERM;
	if (a.remote_dom == DOMID_SELF)
		a.remote_dom = vm->xen.domid;
	if (a.remote_dom != vm->xen.domid)
		err = xen_port_open_remote(vm, a.remote_dom, 0, 0, &a.port);
	else
		err = xen_port_alloc(vm, &a.port,
				     (struct xen_port){ .state = EVTCHNSTAT_unbound,
							.remote = a.remote_dom,
							.notify_fd = -1,
							.wait_fd = -1 });
	if (err)
		return err;
	if (!guest_copy_out(v, va, &a, sizeof(a)))
		return 0;
	/* cannot fail: it has just been opened */
	(void)xen_port_close(vm, a.port);
	return -EFAULT;
}

/* Both ends are the guest's own. */
static int loop_bind(struct vm *vm, evtchn_port_t remote_port, unsigned vcpu,
		     evtchn_port_t *port)
{
	struct xen_port *other = xen_port_get(vm, remote_port);
	struct xen_port what = { .state = EVTCHNSTAT_interdomain,
				 .notify_fd = -1,
				 .wait_fd = -1,
				 .vcpu = (uint16_t)vcpu,
				 .remote = vm->xen.domid,
				 .remote_port = remote_port };
	int err;

	if (!other || other->state != EVTCHNSTAT_unbound ||
	    other->remote != vm->xen.domid)
		return -EINVAL;
	err = xen_port_open(vm, what, port);
	if (err)
		return err;
	other->state = EVTCHNSTAT_interdomain;
	other->remote_port = *port;
	err = vm->hw->port_bind(vm, remote_port, other, false);
	if (!err)
		return 0;
	/* cannot fail: it has just been opened; the other is unbound again */
	(void)xen_port_close(vm, *port);
	return err;
}

static int64_t bind_interdomain(struct vcpu *v, uint64_t va)
{
	struct evtchn_bind_interdomain b;
	int err;

	if (guest_copy_in(v, &b, va, sizeof(b)))
		return -EFAULT;
	if (domid_is_self(v, b.remote_dom))
		err = loop_bind(v->vm, b.remote_port, v->id, &b.local_port);
	else if (!b.remote_port || b.remote_port >= XEN_NR_PORTS)
		err = -EINVAL;
	else
		err = xen_port_open_remote(v->vm, b.remote_dom, b.remote_port, v->id,
					   &b.local_port);
	if (err)
		return err;
	if (guest_copy_out(v, va, &b, sizeof(b))) {
		/* cannot fail: it has just been opened */
		(void)xen_port_close(v->vm, b.local_port);
		return -EFAULT;
	}
	/* what was sent before the binding is not lost */
	xen_evtchn_raise(v->vm, b.local_port);
	return 0;
}

static bool virq_is_global(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

static int64_t bind_virq(struct vcpu *v, uint64_t va)
{
	struct evtchn_bind_virq b;
	struct vm *vm = v->vm;
	struct vcpu *to;
	int err;

	if (guest_copy_in(v, &b, va, sizeof(b)))
		return -EFAULT;
	if (b.virq >= NR_VIRQS || (virq_is_global(b.virq) && b.vcpu))
		return -EINVAL;
	if (b.vcpu >= vm->nvcpus)
		return -ENOENT;
	to = vm->vcpu[b.vcpu];
	if (to->xen.virq[b.virq])
		return -EEXIST;
	err = xen_port_alloc(vm, &b.port,
			     (struct xen_port){ .state = EVTCHNSTAT_virq,
						.virq = (uint8_t)b.virq,
						.notify_fd = -1,
						.wait_fd = -1,
						.vcpu = (uint16_t)b.vcpu });
	if (err)
		return err;
	to->xen.virq[b.virq] = b.port;
	if (b.virq == VIRQ_TIMER)
		err = vm->hw->timer_port(to, b.port);
	if (!err && guest_copy_out(v, va, &b, sizeof(b)))
		err = -EFAULT;
	if (err)
		/* cannot fail: it has just been opened */
		(void)xen_port_close(vm, b.port);
	return err;
}

static int64_t bind_ipi(struct vcpu *v, uint64_t va)
{
	struct evtchn_bind_ipi b;
	int err;

	if (guest_copy_in(v, &b, va, sizeof(b)))
		return -EFAULT;
	if (b.vcpu >= v->vm->nvcpus)
		return -ENOENT;
	err = xen_port_open(v->vm,
			    (struct xen_port){ .state = EVTCHNSTAT_ipi,
					       .notify_fd = -1,
					       .wait_fd = -1,
					       .vcpu = (uint16_t)b.vcpu },
			    &b.port);
	if (err)
		return err;
	if (!guest_copy_out(v, va, &b, sizeof(b)))
		return 0;
	/* cannot fail: it has just been opened */
	(void)xen_port_close(v->vm, b.port);
	return -EFAULT;
}

static int64_t bind_vcpu(struct vcpu *v, uint64_t va)
{
	struct evtchn_bind_vcpu b;
	struct vm *vm = v->vm;
	struct xen_port *p;

	if (guest_copy_in(v, &b, va, sizeof(b)))
		return -EFAULT;
	p = xen_port_get(vm, b.port);
	if (b.vcpu >= vm->nvcpus)
		return -ENOENT;
	if (!p || p->state == EVTCHNSTAT_ipi ||
	    (p->state == EVTCHNSTAT_virq && !virq_is_global(p->virq)))
		return -EINVAL;
	p->vcpu = (uint16_t)b.vcpu;
	if (p->wait_fd >= 0)
		return vm->hw->port_moved(vm);
	/* KVM keeps the vcpu with the port that sends */
	if (xen_port_is_loop(vm, p))
		return vm->hw->port_bind(vm, p->remote_port,
					 &vm->xen.port[p->remote_port], true);
	return 0;
}

static int64_t port_send(struct vcpu *v, evtchn_port_t port)
{
	struct xen_port *p = xen_port_get(v->vm, port);

	if (!p)
		return -EINVAL;
	if (p->notify_fd >= 0) {
		evsignal_send(v->vm->xen.signal, p->notify_fd);
		return 0;
	}
	switch (p->state) {
	case EVTCHNSTAT_interdomain:
		xen_evtchn_raise(v->vm, p->remote_port);
		return 0;
	case EVTCHNSTAT_ipi:
		xen_evtchn_raise(v->vm, port);
		return 0;
	case EVTCHNSTAT_unbound:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Xen's own answer to a mask that went while an event was pending. */
static int64_t port_unmask(struct vcpu *v, evtchn_port_t port)
{
	if (!xen_port_get(v->vm, port))
		return -EINVAL;
	(void)xen_port_mask_clear(v->vm, port);
	/* whoever sets it between these two delivers it himself */
	if (xen_port_pending_clear(v->vm, port))
		xen_evtchn_raise(v->vm, port);
	return 0;
}

static int64_t port_status(struct vcpu *v, uint64_t va)
{
	struct evtchn_status s;
	const struct xen_port *p;

	if (guest_copy_in(v, &s, va, sizeof(s)))
		return -EFAULT;
	if (!domid_is_self(v, s.dom))
		return -EPERM;
	if (s.port >= XEN_NR_PORTS)
		return -EINVAL;
	p = &v->vm->xen.port[s.port];
	s.status = p->state;
	if (p->state != EVTCHNSTAT_closed && p->wait_fd >= 0)
		s.status = (uint32_t)v->vm->xen.remote->status(v->vm->xen.remote_arg,
							       s.port);
	s.vcpu = p->vcpu;
	memset(&s.u, 0, sizeof(s.u));
	if (p->state == EVTCHNSTAT_virq)
		s.u.virq = p->virq;
	if (s.status == EVTCHNSTAT_unbound)
		s.u.unbound.dom = p->remote;
	if (s.status == EVTCHNSTAT_interdomain) {
		s.u.interdomain.dom = p->remote;
		s.u.interdomain.port = p->remote_port;
	}
	return guest_copy_out(v, va, &s, sizeof(s));
}

/* All that the guest opened; its console and its xenstore stay. */
static int64_t ports_reset(struct vcpu *v, uint64_t va)
{
	domid_t domid;

	if (guest_copy_in(v, &domid, va, sizeof(domid)))
		return -EFAULT;
	if (!domid_is_self(v, domid))
		return -EPERM;
	for (evtchn_port_t p = 1; p < v->vm->xen.nr_ports; p++)
		if (v->vm->xen.port[p].state != EVTCHNSTAT_closed &&
		    (v->vm->xen.port[p].notify_fd < 0 || v->vm->xen.port[p].wait_fd >= 0))
			/* cannot fail: it is open */
			(void)xen_port_close(v->vm, p);
	return 0;
}

/* Those whose argument is a port alone. */
static int64_t port_op(struct vcpu *v, uint64_t cmd, uint64_t va)
{
	evtchn_port_t port;

	if (guest_copy_in(v, &port, va, sizeof(port)))
		return -EFAULT;
	switch (cmd) {
	case EVTCHNOP_close:
		return xen_port_close(v->vm, port);
	case EVTCHNOP_send:
		return port_send(v, port);
	default:
		return port_unmask(v, port);
	}
}

int64_t xen_event_channel_op(struct vcpu *v, const uint64_t arg[6])
{
	switch (arg[0]) {
	case EVTCHNOP_bind_interdomain:
		return bind_interdomain(v, arg[1]);
	case EVTCHNOP_bind_virq:
		return bind_virq(v, arg[1]);
	case EVTCHNOP_close:
	case EVTCHNOP_send:
	case EVTCHNOP_unmask:
		return port_op(v, arg[0], arg[1]);
	case EVTCHNOP_status:
		return port_status(v, arg[1]);
	case EVTCHNOP_alloc_unbound:
		return alloc_unbound(v, arg[1]);
	case EVTCHNOP_bind_ipi:
		return bind_ipi(v, arg[1]);
	case EVTCHNOP_bind_vcpu:
		return bind_vcpu(v, arg[1]);
	case EVTCHNOP_reset:
		return ports_reset(v, arg[1]);
	case EVTCHNOP_init_control:
	case EVTCHNOP_expand_array:
	case EVTCHNOP_set_priority:
		/* the FIFO ABI is refused: KVM delivers two levels, and every guest
		 * falls back to them */
		return -ENOSYS;
	case EVTCHNOP_bind_pirq:
		return -EINVAL; /* there are none */
	default:
		return guest_unknown(v, "unknown event_channel_op", arg[0]);
	}
}
