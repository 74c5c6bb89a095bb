/* SPDX-License-Identifier: MIT */
/* event_channel_op: ports of a VM, 2-level ABI (event_channel.h). */
#include "hv/kvm/xen_evtchn.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hv/kvm/hypercall.h"

struct shared_info *xen_shared_info(struct vm *vm)
{
	if (vm->xen.shared_gfn == XEN_GFN_NONE)
		return NULL;
	return gmem_ptr(&vm->mem, vm->xen.shared_gfn << XEN_PAGE_SHIFT,
			sizeof(struct shared_info));
}

int xen_vcpu_info_set(struct vcpu *v, uint64_t gpa)
{
	int err = v->vm->hw->vcpu_info(v, gpa);

	if (!err)
		v->xen.info_gpa = gpa;
	return err;
}

void xen_evtchn_raise(struct vm *vm, evtchn_port_t port)
{
	if (port < XEN_NR_PORTS && vm->xen.port[port].state != EVTCHNSTAT_closed)
		/* cannot fail for a port that is open: at worst it is pending */
		(void)vm->hw->raise(vm, port, vm->xen.port[port].vcpu);
}

/* ----------------------------------------------------------- ports come and go */

static int port_alloc(struct vm *vm, evtchn_port_t *port, struct xen_port what)
{
	for (evtchn_port_t p = 1; p < XEN_NR_PORTS; p++)
		if (vm->xen.port[p].state == EVTCHNSTAT_closed) {
			vm->xen.port[p] = what;
			if (p >= vm->xen.nr_ports)
				vm->xen.nr_ports = p + 1;
			*port = p;
			return 0;
		}
	return -ENOSPC;
}

/* An open port; NULL: there is none of that number. */
static struct xen_port *port_get(struct vm *vm, evtchn_port_t port)
{
	if (!port || port >= vm->xen.nr_ports ||
	    vm->xen.port[port].state == EVTCHNSTAT_closed)
		return NULL;
	return &vm->xen.port[port];
}

static void pending_clear(struct vm *vm, evtchn_port_t port)
{
	struct shared_info *s = xen_shared_info(vm);

	if (s)
		atomic_fetch_and(&s->evtchn_pending[port / 64], ~(1ull << (port % 64)));
}

static bool port_is_loop(const struct vm *vm, const struct xen_port *p)
{
	return p->state == EVTCHNSTAT_interdomain && p->notify_fd < 0 &&
	       p->remote == vm->xen.domid;
}

static int port_close(struct vm *vm, evtchn_port_t port)
{
	struct xen_port *p = port_get(vm, port);

	if (!p)
		return -EINVAL;
	vm->hw->port_unbind(vm, port);
	if (p->state == EVTCHNSTAT_virq) {
		struct vcpu *v = vm->vcpu[p->vcpu];

		v->xen.virq[p->virq] = 0;
		if (p->virq == VIRQ_TIMER)
			/* cannot fail: it was bound */
			(void)vm->hw->timer_port(v, 0);
	}
	if (port_is_loop(vm, p) && p->remote_port != port) {
		struct xen_port *other = &vm->xen.port[p->remote_port];

		vm->hw->port_unbind(vm, p->remote_port);
		other->state = EVTCHNSTAT_unbound;
		other->remote_port = 0;
	}
	pending_clear(vm, port);
	*p = (struct xen_port){ .state = EVTCHNSTAT_closed };
	return 0;
}

/* A port that KVM is told of; taken back if KVM refuses. */
static int port_open(struct vm *vm, struct xen_port what, evtchn_port_t *port)
{
	int err = port_alloc(vm, port, what);

	if (err)
		return err;
	err = vm->hw->port_bind(vm, *port, &vm->xen.port[*port], false);
	if (err)
		vm->xen.port[*port].state = EVTCHNSTAT_closed;
	return err;
}

int xen_evtchn_device(struct vm *vm, domid_t remote, int notify_fd, evtchn_port_t *port)
{
	return port_open(vm,
			 (struct xen_port){ .state = EVTCHNSTAT_interdomain,
					    .remote = remote,
					    .notify_fd = notify_fd },
			 port);
}

/* ----------------------------------------------------------------- operations */

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
	err = port_alloc(vm, &a.port,
			 (struct xen_port){ .state = EVTCHNSTAT_unbound,
					    .remote = a.remote_dom,
					    .notify_fd = -1 });
	if (err)
		return err;
	if (!guest_copy_out(v, va, &a, sizeof(a)))
		return 0;
	/* cannot fail: it has just been opened */
	(void)port_close(vm, a.port);
	return -EFAULT;
}

/* Both ends are the guest's own. */
static int loop_bind(struct vm *vm, evtchn_port_t remote_port, unsigned vcpu,
		     evtchn_port_t *port)
{
	struct xen_port *other = port_get(vm, remote_port);
	struct xen_port what = { .state = EVTCHNSTAT_interdomain,
				 .notify_fd = -1,
				 .vcpu = (uint16_t)vcpu,
				 .remote = vm->xen.domid,
				 .remote_port = remote_port };
	int err;

	if (!other || other->state != EVTCHNSTAT_unbound ||
	    other->remote != vm->xen.domid)
		return -EINVAL;
	err = port_open(vm, what, port);
	if (err)
		return err;
	other->state = EVTCHNSTAT_interdomain;
	other->remote_port = *port;
	err = vm->hw->port_bind(vm, remote_port, other, false);
	if (!err)
		return 0;
	/* cannot fail: it has just been opened; the other is unbound again */
	(void)port_close(vm, *port);
	return err;
}

static int64_t bind_interdomain(struct vcpu *v, uint64_t va)
{
	struct evtchn_bind_interdomain b;
	int err;

	if (guest_copy_in(v, &b, va, sizeof(b)))
		return -EFAULT;
	if (!domid_is_self(v, b.remote_dom))
		return -ESRCH;
	err = loop_bind(v->vm, b.remote_port, v->id, &b.local_port);
	if (err)
		return err;
	if (guest_copy_out(v, va, &b, sizeof(b))) {
		/* cannot fail: it has just been opened */
		(void)port_close(v->vm, b.local_port);
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
	err = port_alloc(vm, &b.port,
			 (struct xen_port){ .state = EVTCHNSTAT_virq,
					    .virq = (uint8_t)b.virq,
					    .notify_fd = -1,
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
		(void)port_close(vm, b.port);
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
	err = port_open(v->vm,
			(struct xen_port){ .state = EVTCHNSTAT_ipi,
					   .notify_fd = -1,
					   .vcpu = (uint16_t)b.vcpu },
			&b.port);
	if (err)
		return err;
	if (!guest_copy_out(v, va, &b, sizeof(b)))
		return 0;
	/* cannot fail: it has just been opened */
	(void)port_close(v->vm, b.port);
	return -EFAULT;
}

static int64_t bind_vcpu(struct vcpu *v, uint64_t va)
{
	struct evtchn_bind_vcpu b;
	struct vm *vm = v->vm;
	struct xen_port *p;

	if (guest_copy_in(v, &b, va, sizeof(b)))
		return -EFAULT;
	p = port_get(vm, b.port);
	if (b.vcpu >= vm->nvcpus)
		return -ENOENT;
	if (!p || p->state == EVTCHNSTAT_ipi ||
	    (p->state == EVTCHNSTAT_virq && !virq_is_global(p->virq)))
		return -EINVAL;
	p->vcpu = (uint16_t)b.vcpu;
	/* KVM keeps the vcpu with the port that sends */
	if (port_is_loop(vm, p))
		return vm->hw->port_bind(vm, p->remote_port,
					 &vm->xen.port[p->remote_port], true);
	return 0;
}

static int64_t port_send(struct vcpu *v, evtchn_port_t port)
{
	struct xen_port *p = port_get(v->vm, port);
	const uint64_t one = 1;

	if (!p)
		return -EINVAL;
	switch (p->state) {
	case EVTCHNSTAT_interdomain:
		if (p->notify_fd < 0)
			xen_evtchn_raise(v->vm, p->remote_port);
		else
			/* cannot fail in a way that matters: a full counter wakes */
			(void)!write(p->notify_fd, &one, sizeof(one));
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
	struct shared_info *s = xen_shared_info(v->vm);
	const uint64_t bit = 1ull << (port % 64);

	if (!port_get(v->vm, port))
		return -EINVAL;
	if (!s)
		return 0;
	atomic_fetch_and(&s->evtchn_mask[port / 64], ~bit);
	/* whoever sets it between these two delivers it himself */
	if (atomic_fetch_and(&s->evtchn_pending[port / 64], ~bit) & bit)
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
	s.vcpu = p->vcpu;
	memset(&s.u, 0, sizeof(s.u));
	if (p->state == EVTCHNSTAT_virq)
		s.u.virq = p->virq;
	if (p->state == EVTCHNSTAT_unbound)
		s.u.unbound.dom = p->remote;
	if (p->state == EVTCHNSTAT_interdomain) {
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
		    v->vm->xen.port[p].notify_fd < 0)
			/* cannot fail: it is open */
			(void)port_close(v->vm, p);
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
		return port_close(v->vm, port);
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
	default:
		/* the FIFO ABI's are refused: KVM delivers two levels, and every guest
		 * falls back to them */
		return -ENOSYS;
	}
}
