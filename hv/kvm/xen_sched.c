/* SPDX-License-Identifier: MIT */
/* sched_op: yield, block, poll, shutdown (sched.h). */
#include <errno.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "hv/kvm/xen_compat.h"
#include "hv/kvm/xen_timer.h"

#define POLL_MAX_PORTS 128

/* Until an interrupt: KVM halts the vcpu as `hlt` does. */
static int64_t block(struct vcpu *v)
{
	struct kvm_mp_state halted = { .mp_state = KVM_MP_STATE_HALTED };

	return ioctl(v->fd, KVM_SET_MP_STATE, &halted) < 0 ? -errno : 0;
}

/*
 * Where KVM serves poll itself this is not reached. Otherwise: the guest must look
 * itself anyhow, as a wake-up may be spurious; this one is.
 */
static int64_t poll_ports(struct vcpu *v, uint64_t va)
{
	struct sched_poll p;

	if (guest_struct_in(v, &p, va, FIELDS_sched_poll))
		return -EFAULT;
	if (p.nr_ports > POLL_MAX_PORTS)
		return -EINVAL;
	/* cannot fail */
	(void)sched_yield();
	return 0;
}

static int64_t shut_down(struct vcpu *v, uint64_t va)
{
	uint32_t reason;

	if (guest_copy_in(v, &reason, va, sizeof(reason)))
		return -EFAULT;
	if (reason > SHUTDOWN_MAX)
		return -EINVAL;
	if (reason == SHUTDOWN_suspend)
		v->vm->suspender = v->id;
	vm_stop(v->vm, (int)reason);
	return 0; /* what a guest that was suspended gets, if nobody says otherwise */
}

static int64_t watchdog(struct vcpu *v, uint64_t va)
{
	struct sched_watchdog w;

	if (guest_copy_in(v, &w, va, sizeof(w)))
		return -EFAULT;
	return xen_watchdog(v->vm, w.id, w.timeout);
}

int64_t xen_sched_op(struct vcpu *v, const uint64_t arg[6])
{
	switch (arg[0]) {
	case SCHEDOP_yield:
		/* cannot fail */
		(void)sched_yield();
		return 0;
	case SCHEDOP_block:
		return block(v);
	case SCHEDOP_poll:
		return poll_ports(v, arg[1]);
	case SCHEDOP_watchdog:
		return watchdog(v, arg[1]);
	case SCHEDOP_shutdown:
		return shut_down(v, arg[1]);
	default:
		return guest_unknown(v, "unknown sched_op", arg[0]);
	}
}
