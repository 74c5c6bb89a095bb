/* SPDX-License-Identifier: MIT */
/* The table of hypercalls, and the only ways to a guest's pointers. */
#include "hv/kvm/hypercall.h"

#include <errno.h>
#include <string.h>

#include "hv/base/log.h"
#include "hv/kvm/xen_compat.h"

static const struct {
	const char *name;
	hypercall_fn *fn;
} table[XEN_NR_HYPERCALLS] = {
	[__HYPERVISOR_memory_op] = { "memory_op", xen_memory_op },
	[__HYPERVISOR_multicall] = { "multicall", xen_multicall },
	[__HYPERVISOR_set_timer_op] = { "set_timer_op", xen_set_timer_op },
	[__HYPERVISOR_xen_version] = { "xen_version", xen_version },
	[__HYPERVISOR_console_io] = { "console_io", xen_console_io },
	[__HYPERVISOR_grant_table_op] = { "grant_table_op", xen_grant_table_op },
	[__HYPERVISOR_vm_assist] = { "vm_assist", xen_vm_assist },
	[__HYPERVISOR_vcpu_op] = { "vcpu_op", xen_vcpu_op },
	[__HYPERVISOR_sched_op] = { "sched_op", xen_sched_op },
	[__HYPERVISOR_event_channel_op] = { "event_channel_op", xen_event_channel_op },
	[__HYPERVISOR_physdev_op] = { "physdev_op", xen_physdev_op },
	[__HYPERVISOR_hvm_op] = { "hvm_op", xen_hvm_op },
};

/* Which exit a call is. */
static enum vm_exit exit_of(uint64_t nr, uint64_t cmd)
{
	switch (nr) {
	case __HYPERVISOR_event_channel_op:
		if (cmd == EVTCHNOP_send)
			return VM_EXIT_SEND;
		return cmd == EVTCHNOP_unmask ? VM_EXIT_UNMASK : VM_EXIT_EVTCHN;
	case __HYPERVISOR_grant_table_op:
		return VM_EXIT_GNTTAB;
	case __HYPERVISOR_memory_op:
		return VM_EXIT_MEMORY;
	case __HYPERVISOR_vcpu_op:
	case __HYPERVISOR_set_timer_op:
		return VM_EXIT_VCPU;
	case __HYPERVISOR_sched_op:
		return VM_EXIT_SCHED;
	default:
		return VM_EXIT_HCALL;
	}
}

void guest_complaint(struct vcpu *v, const char *what, uint64_t op)
{
	log_limited(&v->vm->log_budget, LOG_WARN, "%s: vcpu %u: %s %llu", v->vm->name,
		    v->id, what, (unsigned long long)op);
}

int64_t guest_unknown(struct vcpu *v, const char *call, uint64_t cmd)
{
	guest_complaint(v, call, cmd);
	return -ENOSYS;
}

int64_t hypercall(struct vcpu *v, uint64_t nr, const uint64_t arg[6], unsigned cpl,
		  bool longmode)
{
	int64_t ret;

	vcpu_count_exit(v, exit_of(nr, arg[0]));
	if (cpl)
		return -EPERM;
	pthread_mutex_lock(&v->vm->lock);
	if (nr < XEN_NR_HYPERCALLS)
		v->vm->xen.calls[nr]++;
	v->compat = !longmode;
	if (nr >= XEN_NR_HYPERCALLS || !table[nr].fn) {
		guest_complaint(v, "unknown hypercall", nr);
		ret = -ENOSYS;
	} else {
		ret = table[nr].fn(v, arg);
		if (ret < 0)
			log_dbg("%s: vcpu %u: %s %llu: %lld", v->vm->name, v->id,
				table[nr].name, (unsigned long long)arg[0],
				(long long)ret);
	}
	pthread_mutex_unlock(&v->vm->lock);
	return ret;
}

/* Each entry like a call of its own; a wrong one does not end the list. */
int64_t xen_multicall(struct vcpu *v, const uint64_t arg[6])
{
	struct multicall_entry e;

	if (arg[1] > 64)
		return -EINVAL;
	for (uint64_t i = 0; i < arg[1]; i++) {
		uint64_t va = arg[0] + i * guest_struct_size(v, FIELDS_multicall);

		if (guest_struct_in(v, &e, va, FIELDS_multicall))
			return -EFAULT;
		e.result = -ENOSYS;
		if (e.op < XEN_NR_HYPERCALLS && e.op != __HYPERVISOR_multicall &&
		    table[e.op].fn)
			e.result = table[e.op].fn(v, e.args);
		if (guest_word_out(v, va, 1, (uint64_t)e.result))
			return -EFAULT;
	}
	return 0;
}

/* --------------------------------------------------------- guest's pointers */

int guest_translate(struct vcpu *v, uint64_t va, uint64_t *gpa)
{
	return v->vm->hw->translate(v, va, gpa);
}

/* Page by page; out: to the guest. */
static int guest_copy(struct vcpu *v, uint8_t *buf, uint64_t va, size_t len, bool out)
{
	while (len) {
		size_t n = XEN_PAGE_SIZE - (va & (XEN_PAGE_SIZE - 1));
		uint64_t gpa = 0;

		if (n > len)
			n = len;
		if (guest_translate(v, va, &gpa))
			return -EFAULT;
		if (out) {
			if (gmem_write(&v->vm->mem, gpa, buf, n))
				return -EFAULT;
		} else {
			const void *p = gmem_ptr_ro(&v->vm->mem, gpa, n);

			if (!p)
				return -EFAULT;
			memcpy(buf, p, n);
		}
		buf += n;
		va += n;
		len -= n;
	}
	return 0;
}

int guest_copy_in(struct vcpu *v, void *dst, uint64_t va, size_t len)
{
	return guest_copy(v, dst, va, len, false);
}

int guest_copy_out(struct vcpu *v, uint64_t va, const void *src, size_t len)
{
	return guest_copy(v, (uint8_t *)(uintptr_t)src, va, len, true);
}
