/* SPDX-License-Identifier: MIT */
/* vcpu_op, set_timer_op, vm_assist: a vcpu's areas and timers (vcpu.h). */
#include <errno.h>
#include <string.h>

#include "hv/kvm/xen_compat.h"
#include "hv/kvm/xen_evtchn.h"
#include "hv/kvm/xen_line.h"
#include "hv/kvm/xen_timer.h"

/* The info moves, once; every event that is pending is looked for again. */
static int64_t register_info(struct vcpu *v, struct vcpu *to, uint64_t va)
{
	struct vcpu_register_vcpu_info r;
	struct vcpu_info *new, *old = NULL;
	uint64_t gpa;
	int err;

	if (guest_copy_in(v, &r, va, sizeof(r)))
		return -EFAULT;
	if (to->xen.info_registered)
		return -EINVAL;
	if (r.offset % 8 || r.offset > XEN_PAGE_SIZE - sizeof(*new) ||
	    r.mfn >= 1ull << (GMEM_ADDR_BITS - XEN_PAGE_SHIFT))
		return -EINVAL;
	gpa = (r.mfn << XEN_PAGE_SHIFT) + r.offset;
	new = gmem_ptr(&v->vm->mem, gpa, sizeof(*new));
	if (!new)
		return -EINVAL;
	if (to->xen.info_gpa != XEN_GFN_NONE)
		old = gmem_ptr(&v->vm->mem, to->xen.info_gpa, sizeof(*old));
	if (old)
		memcpy(new, old, sizeof(*new));
	else
		memset(new, 0, sizeof(*new));
	err = xen_vcpu_info_set(to, gpa);
	if (err)
		return err;
	to->xen.info_registered = true;
	xen_selector_fill(v->vm, new);
	atomic_store(&new->evtchn_upcall_pending, 1);
	xen_line_update(v->vm);
	return v->vm->hw->upcall(to);
}

/* An area that the guest names by a pointer to its virtual address. */
static int64_t register_area(struct vcpu *v, struct vcpu *to, uint64_t va, size_t size,
			     int (*set)(struct vcpu *v, uint64_t gpa))
{
	uint64_t area, gpa, end;

	if (guest_word_in(v, &area, va, 0))
		return -EFAULT;
	if (guest_translate(v, area, &gpa) || guest_translate(v, area + size - 1, &end))
		return -EFAULT;
	/* in two pages that do not follow each other it cannot be */
	if (end != gpa + size - 1 || !gmem_ptr(&v->vm->mem, gpa, 1) ||
	    !gmem_ptr(&v->vm->mem, end, 1))
		return -EINVAL;
	return set(to, gpa);
}

static int64_t runstate_info(struct vcpu *v, struct vcpu *of, uint64_t va)
{
	struct vcpu_runstate_info info = { 0 };
	int err = v->vm->hw->runstate_get(of, &info);

	return err ? err : guest_struct_out(v, va, &info, FIELDS_runstate);
}

static int64_t singleshot(struct vcpu *v, uint64_t va)
{
	struct vcpu_set_singleshot_timer t;

	if (guest_struct_in(v, &t, va, FIELDS_singleshot))
		return -EFAULT;
	return v->vm->hw->timer_set(v, t.timeout_abs_ns);
}

static int64_t initialise(struct vcpu *v, struct vcpu *to, uint64_t va)
{
	struct vcpu_hvm_context c;
	int up, err;

	if (guest_copy_in(v, &c, va, sizeof(c)))
		return -EFAULT;
	up = v->vm->hw->vcpu_is_up(to);
	if (up < 0)
		return up;
	if (up || to->xen.initialised)
		return -EEXIST;
	err = v->vm->hw->vcpu_context(to, &c);
	to->xen.initialised = !err;
	return err;
}

/* As in Xen: when the last one is down, the domain has ended. */
static int64_t power_off(struct vcpu *v, struct vcpu *to)
{
	struct vm *vm = v->vm;
	int err;

	to->xen.initialised = true; /* it goes on where it was */
	err = vm->hw->vcpu_up(to, false);
	for (unsigned i = 0; i < vm->nvcpus && !err; i++)
		if (vm->hw->vcpu_is_up(vm->vcpu[i]))
			return 0;
	if (!err)
		vm_stop(vm, SHUTDOWN_poweroff);
	return err;
}

/* Up, down, and whether: of one that the guest has brought up in any way. */
static int64_t power(struct vcpu *v, struct vcpu *to, uint64_t cmd)
{
	const struct xen_hw_ops *hw = v->vm->hw;
	int up = hw->vcpu_is_up(to);

	if (up < 0 || cmd == VCPUOP_is_up)
		return up;
	if (cmd == VCPUOP_down)
		return power_off(v, to);
	if (up)
		return 0;
	return to->xen.initialised ? hw->vcpu_up(to, true) : -EINVAL;
}

static int64_t set_periodic(struct vcpu *v, uint64_t va)
{
	struct vcpu_set_periodic_timer p;

	if (guest_copy_in(v, &p, va, sizeof(p)))
		return -EFAULT;
	return p.period_ns ? xen_periodic(v, p.period_ns) : -EINVAL;
}

/* Timers are set by their own vcpu alone. */
static int64_t timer_op(struct vcpu *v, struct vcpu *to, const uint64_t arg[6])
{
	if (to != v)
		return -EINVAL;
	switch (arg[0]) {
	case VCPUOP_set_singleshot_timer:
		return singleshot(v, arg[2]);
	case VCPUOP_stop_singleshot_timer:
		return v->vm->hw->timer_set(v, 0);
	case VCPUOP_set_periodic_timer:
		return set_periodic(v, arg[2]);
	default:
		return -ENOSYS;
	}
}

int64_t xen_vcpu_op(struct vcpu *v, const uint64_t arg[6])
{
	struct vm *vm = v->vm;
	struct vcpu *to;

	if (arg[1] >= vm->nvcpus)
		return -ENOENT;
	to = vm->vcpu[arg[1]];
	switch (arg[0]) {
	case VCPUOP_initialise:
		return initialise(v, to, arg[2]);
	case VCPUOP_up:
	case VCPUOP_down:
	case VCPUOP_is_up:
		return power(v, to, arg[0]);
	case VCPUOP_send_nmi:
		return vm->hw->vcpu_nmi(to);
	case VCPUOP_get_runstate_info:
		return runstate_info(v, to, arg[2]);
	case VCPUOP_register_runstate_memory_area:
		return register_area(v, to, arg[2], guest_struct_size(v, FIELDS_runstate),
				     vm->hw->runstate_area);
	case VCPUOP_register_vcpu_time_memory_area:
		return register_area(v, to, arg[2], sizeof(struct vcpu_time_info),
				     vm->hw->time_info);
	case VCPUOP_register_vcpu_info:
		return register_info(v, to, arg[2]);
	case VCPUOP_stop_periodic_timer:
		return xen_periodic(to, 0); /* a guest that wakes up asks for all vcpus */
	case VCPUOP_set_periodic_timer:
	case VCPUOP_set_singleshot_timer:
	case VCPUOP_stop_singleshot_timer:
		return timer_op(v, to, arg);
	default:
		return guest_unknown(v, "unknown vcpu_op", arg[0]);
	}
}

int64_t xen_set_timer_op(struct vcpu *v, const uint64_t arg[6])
{
	/* a time of 64 bits, in two of 32 */
	return v->vm->hw->timer_set(v, v->compat ? arg[0] | arg[1] << 32 : arg[0]);
}

int64_t xen_vm_assist(struct vcpu *v, const uint64_t arg[6])
{
	const bool on = arg[0] == VMASST_CMD_enable;

	if (arg[0] > VMASST_CMD_disable)
		return -ENOSYS;
	if (arg[1] != VMASST_TYPE_runstate_update_flag)
		return -EINVAL;
	v->vm->xen.runstate_update = on;
	return v->vm->hw->runstate_update_flag(v->vm, on);
}
