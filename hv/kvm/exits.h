/* SPDX-License-Identifier: MIT */
/* Why a vcpu left the guest for this process. What the kernel does itself is no such
 * exit. */
#ifndef TANDEM_HV_KVM_EXITS_H
#define TANDEM_HV_KVM_EXITS_H

enum vm_exit {
	VM_EXIT_SEND,	/* EVTCHNOP_send */
	VM_EXIT_UNMASK, /* EVTCHNOP_unmask */
	VM_EXIT_EVTCHN, /* event_channel_op otherwise */
	VM_EXIT_GNTTAB, /* grant_table_op */
	VM_EXIT_MEMORY, /* memory_op */
	VM_EXIT_VCPU,	/* vcpu_op, set_timer_op */
	VM_EXIT_SCHED,	/* sched_op */
	VM_EXIT_HCALL,	/* any other hypercall; a multicall is one */
	VM_EXIT_PIO,
	VM_EXIT_MMIO,
	VM_EXIT_MSR,
	VM_EXIT_HALT,
	VM_EXIT_KICK, /* this process wanted the vcpu out */
	VM_EXIT_OTHER,
	VM_NR_EXITS,
};

/* One word, as programs print it. */
static inline const char *vm_exit_name(enum vm_exit why)
{
	static const char *const names[VM_NR_EXITS] = {
		[VM_EXIT_SEND] = "send",     [VM_EXIT_UNMASK] = "unmask",
		[VM_EXIT_EVTCHN] = "evtchn", [VM_EXIT_GNTTAB] = "gnttab",
		[VM_EXIT_MEMORY] = "memory", [VM_EXIT_VCPU] = "vcpu",
		[VM_EXIT_SCHED] = "sched",   [VM_EXIT_HCALL] = "hcall",
		[VM_EXIT_PIO] = "pio",	     [VM_EXIT_MMIO] = "mmio",
		[VM_EXIT_MSR] = "msr",	     [VM_EXIT_HALT] = "halt",
		[VM_EXIT_KICK] = "kick",     [VM_EXIT_OTHER] = "other",
	};

	return names[why];
}

#endif
