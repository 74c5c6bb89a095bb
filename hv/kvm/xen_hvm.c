/* SPDX-License-Identifier: MIT */
/* hvm_op: parameters and upcall vectors (hvm/hvm_op.h, hvm/params.h). */
#include <errno.h>

#include "hv/kvm/hypercall.h"
#include "hv/kvm/xen_evtchn.h"
#include "hv/kvm/xen_line.h"

#define CALLBACK_TYPE_SHIFT 56

static int64_t set_param(struct vcpu *v, uint64_t va)
{
	struct xen_hvm_param p;
	uint8_t vector = 0;
	int err;

	if (guest_copy_in(v, &p, va, sizeof(p)))
		return -EFAULT;
	if (!domid_is_self(v, p.domid))
		return -EPERM;
	if (p.index >= HVM_NR_PARAMS)
		return -EINVAL;
	if (p.index != HVM_PARAM_CALLBACK_IRQ)
		return -EPERM; /* the others are the toolstack's */
	if (p.value >> CALLBACK_TYPE_SHIFT == HVM_PARAM_CALLBACK_TYPE_VECTOR) {
		vector = (uint8_t)p.value;
		if (vector < 16)
			return -EINVAL;
	}
	err = xen_layout_latch(v);
	if (!err)
		err = xen_line_set(v->vm, p.value);
	if (!err)
		err = v->vm->hw->callback_vector(v->vm, vector);
	if (!err)
		v->vm->xen.param[p.index] = p.value;
	return err;
}

static int64_t get_param(struct vcpu *v, uint64_t va)
{
	struct xen_hvm_param p;

	if (guest_copy_in(v, &p, va, sizeof(p)))
		return -EFAULT;
	if (!domid_is_self(v, p.domid))
		return -EPERM;
	if (p.index >= HVM_NR_PARAMS)
		return -EINVAL;
	p.value = v->vm->xen.param[p.index];
	return guest_copy_out(v, va, &p, sizeof(p));
}

static int64_t upcall_vector(struct vcpu *v, uint64_t va)
{
	struct xen_hvm_evtchn_upcall_vector u;
	struct vcpu *to;
	int err;

	if (guest_copy_in(v, &u, va, sizeof(u)))
		return -EFAULT;
	if (u.vector < 16)
		return -EINVAL;
	if (u.vcpu >= v->vm->nvcpus)
		return -ENOENT;
	to = v->vm->vcpu[u.vcpu];
	err = v->vm->hw->upcall_vector(to, u.vector);
	if (err)
		return err;
	to->xen.upcall_vector = u.vector;
	/* instead of a line that it asked for before */
	err = xen_line_set(v->vm, v->vm->xen.param[HVM_PARAM_CALLBACK_IRQ]);
	if (err)
		return err;
	/* events that came before are not told again */
	return v->vm->hw->upcall(to);
}

int64_t xen_hvm_op(struct vcpu *v, const uint64_t arg[6])
{
	switch (arg[0]) {
	case HVMOP_set_param:
		return set_param(v, arg[1]);
	case HVMOP_get_param:
		return get_param(v, arg[1]);
	case HVMOP_set_evtchn_upcall_vector:
		return upcall_vector(v, arg[1]);
	case HVMOP_pagetable_dying:
		return -ENOSYS; /* shadow paging's */
	case HVMOP_flush_tlbs:
		return arg[1] ? -EINVAL : 0; /* KVM's paging keeps them true */
	default:
		return guest_unknown(v, "unknown hvm_op", arg[0]);
	}
}
