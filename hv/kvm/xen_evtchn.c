/* SPDX-License-Identifier: MIT */
/* Event channel ports: how they come and go, and what is behind them. */
#include "hv/kvm/xen_evtchn_int.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hv/kvm/xen_line.h"
#include "hv/kvm/xen_remote.h"

struct shared_info *xen_shared_info(struct vm *vm)
{
	if (vm->xen.shared_gfn == XEN_GFN_NONE)
		return NULL;
	return gmem_ptr(&vm->mem, vm->xen.shared_gfn << XEN_PAGE_SHIFT,
			sizeof(struct shared_info));
}

int xen_layout_latch(struct vcpu *v)
{
	struct xen_domain *x = &v->vm->xen;
	int err = 0;

	if (x->compat != v->compat)
		err = v->vm->hw->long_mode(v->vm, !v->compat);
	if (!err)
		x->compat = v->compat;
	return err;
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
	xen_line_update(vm);
}

/* ------------------------------------------------------------ bits in shared pages */

/* A port's word, of 32 bits for any guest: bits are numbered alike in either layout. */
struct port_bit {
	_Atomic uint32_t *word;
	uint32_t bit;
};

static struct port_bit port_bit(struct vm *vm, evtchn_port_t port, bool mask)
{
	uint8_t *s = (uint8_t *)xen_shared_info(vm);
	size_t at = !mask	     ? offsetof(struct shared_info, evtchn_pending)
		    : vm->xen.compat ? offsetof(struct shared_info32, evtchn_mask)
				     : offsetof(struct shared_info, evtchn_mask);

	if (!s || port >= xen_nr_ports(vm))
		return (struct port_bit){ NULL, 0 };
	at += port / 32 * sizeof(uint32_t);
	return (struct port_bit){ (_Atomic uint32_t *)(void *)(s + at), 1u << port % 32 };
}

static bool bit_clear(struct port_bit b)
{
	return b.word && atomic_fetch_and(b.word, ~b.bit) & b.bit;
}

bool xen_port_pending_clear(struct vm *vm, evtchn_port_t port)
{
	return bit_clear(port_bit(vm, port, false));
}

bool xen_port_mask_clear(struct vm *vm, evtchn_port_t port)
{
	return bit_clear(port_bit(vm, port, true));
}

/* The word of words. True: that bit was set. */
static bool selector_set(const struct vm *vm, struct vcpu_info *info, evtchn_port_t port)
{
	struct vcpu_info32 *info32 = (struct vcpu_info32 *)(void *)info;
	const uint32_t bit32 = 1u << port / 32 % 32;
	const uint64_t bit = 1ull << port / 64 % 64;

	if (vm->xen.compat)
		return atomic_fetch_or(&info32->evtchn_pending_sel, bit32) & bit32;
	return atomic_fetch_or(&info->evtchn_pending_sel, bit) & bit;
}

void xen_selector_fill(const struct vm *vm, struct vcpu_info *info)
{
	struct vcpu_info32 *info32 = (struct vcpu_info32 *)(void *)info;

	if (vm->xen.compat)
		atomic_store(&info32->evtchn_pending_sel, UINT32_MAX);
	else
		atomic_store(&info->evtchn_pending_sel, UINT64_MAX);
}

bool xen_evtchn_pend(struct vm *vm, evtchn_port_t port, struct vcpu *v)
{
	const struct port_bit pending = port_bit(vm, port, false),
			      mask = port_bit(vm, port, true);
	struct vcpu_info *info;

	if (!pending.word || v->xen.info_gpa == XEN_GFN_NONE)
		return false;
	info = gmem_ptr(&vm->mem, v->xen.info_gpa, sizeof(*info));
	if (!info)
		return false;
	/* the order is the ABI's: the bit, then whether it is masked, then the word of
	 * words, then the flag; the guest clears them the other way round */
	if (atomic_fetch_or(pending.word, pending.bit) & pending.bit ||
	    atomic_load(mask.word) & mask.bit)
		return false;
	if (selector_set(vm, info, port))
		return false;
	return !atomic_exchange(&info->evtchn_upcall_pending, 1);
}

/* ----------------------------------------------------------- ports come and go */

int xen_port_alloc(struct vm *vm, evtchn_port_t *port, struct xen_port what)
{
	for (evtchn_port_t p = 1; p < xen_nr_ports(vm); p++)
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
struct xen_port *xen_port_get(struct vm *vm, evtchn_port_t port)
{
	if (!port || port >= vm->xen.nr_ports ||
	    vm->xen.port[port].state == EVTCHNSTAT_closed)
		return NULL;
	return &vm->xen.port[port];
}

bool xen_port_is_loop(const struct vm *vm, const struct xen_port *p)
{
	return p->state == EVTCHNSTAT_interdomain && p->notify_fd < 0 &&
	       p->remote == vm->xen.domid && p->remote_port;
}

/* The end of a channel to another domain. */
static void channel_close(struct vm *vm, evtchn_port_t port)
{
	struct xen_port *p = &vm->xen.port[port];

	vm->hw->port_deaf(vm, port, p->wait_fd);
	vm->xen.remote->close(vm->xen.remote_arg, port);
	close(p->wait_fd);
	close(p->notify_fd);
	p->wait_fd = p->notify_fd = -1;
}

int xen_port_close(struct vm *vm, evtchn_port_t port)
{
	struct xen_port *p = xen_port_get(vm, port);

	if (!p)
		return -EINVAL;
	vm->hw->port_unbind(vm, port);
	if (p->wait_fd >= 0)
		channel_close(vm, port);
	if (p->state == EVTCHNSTAT_virq) {
		struct vcpu *v = vm->vcpu[p->vcpu];

		v->xen.virq[p->virq] = 0;
		if (p->virq == VIRQ_TIMER)
			/* cannot fail: it was bound */
			(void)vm->hw->timer_port(v, 0);
	}
	if (xen_port_is_loop(vm, p) && p->remote_port != port) {
		struct xen_port *other = &vm->xen.port[p->remote_port];

		vm->hw->port_unbind(vm, p->remote_port);
		other->state = EVTCHNSTAT_unbound;
		other->remote_port = 0;
	}
	(void)xen_port_pending_clear(vm, port);
	*p = (struct xen_port){ .state = EVTCHNSTAT_closed,
				.notify_fd = -1,
				.wait_fd = -1 };
	return 0;
}

/* A port that KVM is told of; taken back if KVM refuses. */
int xen_port_open(struct vm *vm, struct xen_port what, evtchn_port_t *port)
{
	int err = xen_port_alloc(vm, port, what);

	if (err)
		return err;
	err = vm->hw->port_bind(vm, *port, &vm->xen.port[*port], false);
	if (err)
		vm->xen.port[*port].state = EVTCHNSTAT_closed;
	return err;
}

int xen_evtchn_device(struct vm *vm, domid_t remote, int notify_fd, evtchn_port_t *port)
{
	return xen_port_open(vm,
			     (struct xen_port){ .state = EVTCHNSTAT_interdomain,
						.remote = remote,
						.notify_fd = notify_fd,
						.wait_fd = -1 },
			     port);
}

void xen_remote_set(struct vm *vm, const struct xen_remote_ops *ops, void *arg)
{
	vm->xen.remote = ops;
	vm->xen.remote_arg = arg;
}

/* A port's channel to another domain: what KVM hears and where it sends. */
static int channel_open(struct vm *vm, evtchn_port_t port, const struct xen_channel *ch)
{
	struct xen_port *p = &vm->xen.port[port];
	int err;

	p->wait_fd = ch->wait;
	p->notify_fd = ch->notify;
	err = vm->hw->port_bind(vm, port, p, false);
	return err ? err : vm->hw->port_listen(vm, port, p->wait_fd);
}

/* A port to another domain: for it to bind (remote_port 0), or bound to one of its. */
int xen_port_open_remote(struct vm *vm, domid_t remote, evtchn_port_t remote_port,
			 unsigned vcpu, evtchn_port_t *port)
{
	const struct xen_remote_ops *ops = vm->xen.remote;
	struct xen_port what = { .state = remote_port ? EVTCHNSTAT_interdomain
						      : EVTCHNSTAT_unbound,
				 .vcpu = (uint16_t)vcpu,
				 .remote = remote,
				 .remote_port = remote_port,
				 .notify_fd = -1,
				 .wait_fd = -1 };
	struct xen_channel ch = { -1, -1 };
	int err;

	if (!ops)
		return -ESRCH;
	err = xen_port_alloc(vm, port, what);
	if (err)
		return err;
	err = remote_port ? ops->bind(vm->xen.remote_arg, remote, remote_port, *port, &ch)
			  : ops->alloc(vm->xen.remote_arg, remote, *port, &ch);
	if (err) {
		vm->xen.port[*port].state = EVTCHNSTAT_closed;
		return err;
	}
	err = channel_open(vm, *port, &ch);
	if (err)
		/* cannot fail: it has just been opened */
		(void)xen_port_close(vm, *port);
	return err;
}
