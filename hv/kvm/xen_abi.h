/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls of a 64-bit x86 guest: numbers, commands and what their
 * arguments point to (Xen's public xen.h, memory.h, event_channel.h, vcpu.h,
 * sched.h, grant_table.h, version.h, hvm/hvm_op.h). Guest pointers are uint64_t:
 * virtual addresses of the guest, never dereferenced here.
 */
#ifndef TANDEM_HV_KVM_XEN_ABI_H
#define TANDEM_HV_KVM_XEN_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "ringproto/evtchn.h"
#include "ringproto/grant.h"

#define __HYPERVISOR_memory_op	      12
#define __HYPERVISOR_multicall	      13
#define __HYPERVISOR_set_timer_op     15
#define __HYPERVISOR_xen_version      17
#define __HYPERVISOR_console_io	      18
#define __HYPERVISOR_grant_table_op   20
#define __HYPERVISOR_vm_assist	      21
#define __HYPERVISOR_vcpu_op	      24
#define __HYPERVISOR_sched_op	      29
#define __HYPERVISOR_event_channel_op 32
#define __HYPERVISOR_physdev_op	      33
#define __HYPERVISOR_hvm_op	      34
#define XEN_NR_HYPERCALLS	      64

/* ------------------------------------------------------------- xen_version */

#define XENVER_version		   0
#define XENVER_extraversion	   1
#define XENVER_compile_info	   2
#define XENVER_capabilities	   3
#define XENVER_changeset	   4
#define XENVER_platform_parameters 5
#define XENVER_get_features	   6
#define XENVER_pagesize		   7
#define XENVER_guest_handle	   8
#define XENVER_commandline	   9
#define XENVER_build_id		   10

#define XENFEAT_writable_page_tables	   0
#define XENFEAT_writable_descriptor_tables 1
#define XENFEAT_auto_translated_physmap	   2
#define XENFEAT_supervisor_mode_kernel	   3
#define XENFEAT_pae_pgdir_above_4gb	   4
#define XENFEAT_hvm_callback_vector	   8
#define XENFEAT_hvm_safe_pvclock	   9
#define XENFEAT_memory_op_vnode_supported  13
#define XENFEAT_not_direct_mapped	   16

struct xen_feature_info {
	uint32_t submap_idx; /* in */
	uint32_t submap;     /* out */
};
struct xen_compile_info {
	char compiler[64], compile_by[16], compile_domain[32], compile_date[32];
};

/* --------------------------------------------------------------- memory_op */

#define XENMEM_increase_reservation	0
#define XENMEM_decrease_reservation	1
#define XENMEM_maximum_ram_page		2
#define XENMEM_current_reservation	3
#define XENMEM_maximum_reservation	4
#define XENMEM_machphys_mfn_list	5
#define XENMEM_populate_physmap		6
#define XENMEM_add_to_physmap		7
#define XENMEM_memory_map		9
#define XENMEM_machine_memory_map	10
#define XENMEM_exchange			11
#define XENMEM_machphys_mapping		12
#define XENMEM_set_memory_map		13
#define XENMEM_maximum_gpfn		14
#define XENMEM_remove_from_physmap	15
#define XENMEM_set_pod_target		16
#define XENMEM_get_pod_target		17
#define XENMEM_get_sharing_freed_pages	18
#define XENMEM_get_sharing_shared_pages 19
#define XENMEM_add_to_physmap_batch	23

#define XENMAPSPACE_shared_info	     0
#define XENMAPSPACE_grant_table	     1
#define XENMAPIDX_grant_table_status 0x80000000ul

struct xen_memory_reservation {
	uint64_t extent_start; /* guest pointer to gfns */
	uint64_t nr_extents;
	uint32_t extent_order;
	uint32_t mem_flags;
	domid_t domid;
};
struct xen_add_to_physmap {
	domid_t domid;
	uint16_t size;
	uint32_t space;
	uint64_t idx;
	uint64_t gpfn;
};
struct xen_add_to_physmap_batch {
	domid_t domid;
	uint16_t space;
	uint16_t size;
	uint16_t u;
	uint64_t idxs, gpfns, errs; /* guest pointers */
};
struct xen_remove_from_physmap {
	domid_t domid;
	uint64_t gpfn;
};
struct xen_memory_map {
	uint32_t nr_entries;
	uint64_t buffer; /* guest pointer to e820 entries */
};
struct xen_e820 { /* packed in the guest: 20 bytes */
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

_Static_assert(sizeof(struct xen_memory_reservation) == 32, "memory.h");
_Static_assert(offsetof(struct xen_memory_reservation, domid) == 24, "memory.h");
_Static_assert(sizeof(struct xen_add_to_physmap) == 24, "memory.h");
_Static_assert(sizeof(struct xen_add_to_physmap_batch) == 32, "memory.h");
_Static_assert(sizeof(struct xen_remove_from_physmap) == 16, "memory.h");
_Static_assert(sizeof(struct xen_memory_map) == 16, "memory.h");
_Static_assert(sizeof(struct xen_e820) == 20, "e820");

/* -------------------------------------------------------- event_channel_op */

#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_bind_virq	  1
#define EVTCHNOP_bind_pirq	  2
#define EVTCHNOP_close		  3
#define EVTCHNOP_send		  4
#define EVTCHNOP_status		  5
#define EVTCHNOP_alloc_unbound	  6
#define EVTCHNOP_bind_ipi	  7
#define EVTCHNOP_bind_vcpu	  8
#define EVTCHNOP_unmask		  9
#define EVTCHNOP_reset		  10
#define EVTCHNOP_init_control	  11
#define EVTCHNOP_expand_array	  12
#define EVTCHNOP_set_priority	  13

#define EVTCHNSTAT_pirq 3
#define EVTCHNSTAT_virq 4
#define EVTCHNSTAT_ipi	5

#define VIRQ_TIMER    0
#define VIRQ_DEBUG    1
#define VIRQ_XENOPROF 7
#define VIRQ_XENPMU   13
#define NR_VIRQS      24

struct evtchn_alloc_unbound {
	domid_t dom, remote_dom;
	evtchn_port_t port;
};
struct evtchn_bind_interdomain {
	domid_t remote_dom;
	evtchn_port_t remote_port;
	evtchn_port_t local_port;
};
struct evtchn_bind_virq {
	uint32_t virq, vcpu;
	evtchn_port_t port;
};
struct evtchn_bind_ipi {
	uint32_t vcpu;
	evtchn_port_t port;
};
struct evtchn_bind_vcpu {
	evtchn_port_t port;
	uint32_t vcpu;
};
struct evtchn_status {
	domid_t dom;
	evtchn_port_t port;
	uint32_t status, vcpu;
	union {
		struct {
			domid_t dom;
		} unbound;
		struct {
			domid_t dom;
			evtchn_port_t port;
		} interdomain;
		uint32_t pirq, virq;
	} u;
};
_Static_assert(sizeof(struct evtchn_alloc_unbound) == 8, "event_channel.h");
_Static_assert(sizeof(struct evtchn_bind_interdomain) == 12, "event_channel.h");
_Static_assert(sizeof(struct evtchn_status) == 24, "event_channel.h");

/* ----------------------------------------------------------------- vcpu_op */

#define VCPUOP_initialise		      0
#define VCPUOP_up			      1
#define VCPUOP_down			      2
#define VCPUOP_is_up			      3
#define VCPUOP_get_runstate_info	      4
#define VCPUOP_register_runstate_memory_area  5
#define VCPUOP_set_periodic_timer	      6
#define VCPUOP_stop_periodic_timer	      7
#define VCPUOP_set_singleshot_timer	      8
#define VCPUOP_stop_singleshot_timer	      9
#define VCPUOP_register_vcpu_info	      10
#define VCPUOP_send_nmi			      11
#define VCPUOP_register_vcpu_time_memory_area 13

#define VCPU_SSHOTTMR_future 1u

struct vcpu_runstate_info {
	int32_t state;
	uint64_t state_entry_time;
	uint64_t time[4];
};
struct vcpu_set_periodic_timer {
	uint64_t period_ns;
};
struct vcpu_set_singleshot_timer {
	uint64_t timeout_abs_ns;
	uint32_t flags;
};
/* VCPUOP_initialise (hvm/hvm_vcpu.h) */
struct vcpu_hvm_x86_32 {
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags;
	uint32_t cr0, cr3, cr4, pad1;
	uint64_t efer;
	uint32_t cs_base, ds_base, ss_base, es_base, tr_base;
	uint32_t cs_limit, ds_limit, ss_limit, es_limit, tr_limit;
	uint16_t cs_ar, ds_ar, ss_ar, es_ar, tr_ar, pad2[3];
};
struct vcpu_hvm_x86_64 {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, rip, rflags;
	uint64_t cr0, cr3, cr4, efer;
};
struct vcpu_hvm_context {
	uint32_t mode, pad;
	union {
		struct vcpu_hvm_x86_32 x86_32;
		struct vcpu_hvm_x86_64 x86_64;
	} cpu_regs;
};
struct vcpu_register_vcpu_info {
	uint64_t mfn;
	uint32_t offset;
	uint32_t rsvd;
};
_Static_assert(sizeof(struct vcpu_runstate_info) == 48, "vcpu.h");
_Static_assert(sizeof(struct vcpu_set_singleshot_timer) == 16, "vcpu.h");
_Static_assert(sizeof(struct vcpu_register_vcpu_info) == 16, "vcpu.h");

/* ---------------------------------------------------------------- sched_op */

#define SCHEDOP_yield	      0
#define SCHEDOP_block	      1
#define SCHEDOP_shutdown      2
#define SCHEDOP_poll	      3
#define SCHEDOP_shutdown_code 5
#define SCHEDOP_watchdog      6
#define SCHEDOP_pin_override  7

#define SHUTDOWN_poweroff   0
#define SHUTDOWN_reboot	    1
#define SHUTDOWN_suspend    2
#define SHUTDOWN_crash	    3
#define SHUTDOWN_watchdog   4
#define SHUTDOWN_soft_reset 5
#define SHUTDOWN_MAX	    5

struct sched_poll {
	uint64_t ports; /* guest pointer */
	uint32_t nr_ports;
	uint64_t timeout;
};
struct sched_watchdog {
	uint32_t id, timeout;
};
_Static_assert(sizeof(struct sched_poll) == 24, "sched.h");

/* ---------------------------------------------------------- grant_table_op */

#define GNTTABOP_map_grant_ref	   0
#define GNTTABOP_unmap_grant_ref   1
#define GNTTABOP_setup_table	   2
#define GNTTABOP_copy		   5
#define GNTTABOP_query_size	   6
#define GNTTABOP_unmap_and_replace 7
#define GNTTABOP_set_version	   8
#define GNTTABOP_get_status_frames 9
#define GNTTABOP_get_version	   10
#define GNTTABOP_swap_grant_ref	   11
#define GNTTABOP_cache_flush	   12

#define GNTMAP_device_map   (1u << 0)
#define GNTMAP_host_map	    (1u << 1)
#define GNTMAP_readonly	    (1u << 2)
#define GNTCOPY_source_gref 1u
#define GNTCOPY_dest_gref   2u

struct gnttab_map_grant_ref {
	uint64_t host_addr;
	uint32_t flags;
	grant_ref_t ref;
	domid_t dom;
	int16_t status;
	uint32_t handle;
	uint64_t dev_bus_addr;
};
struct gnttab_unmap_grant_ref {
	uint64_t host_addr;
	uint64_t dev_bus_addr;
	uint32_t handle;
	int16_t status;
};
struct gnttab_setup_table {
	domid_t dom;
	uint32_t nr_frames;
	int16_t status;
	uint64_t frame_list; /* guest pointer */
};
struct gnttab_copy_ptr {
	union {
		grant_ref_t ref;
		uint64_t gmfn;
	} u;
	domid_t domid;
	uint16_t offset;
};
struct gnttab_copy {
	struct gnttab_copy_ptr source, dest;
	uint16_t len;
	uint16_t flags;
	int16_t status;
};
struct gnttab_query_size {
	domid_t dom;
	uint32_t nr_frames, max_nr_frames;
	int16_t status;
};
struct gnttab_get_version {
	domid_t dom;
	uint16_t pad;
	uint32_t version;
};
struct gnttab_swap_grant_ref {
	grant_ref_t ref_a, ref_b;
	int16_t status;
};
_Static_assert(sizeof(struct gnttab_map_grant_ref) == 32, "grant_table.h");
_Static_assert(sizeof(struct gnttab_unmap_grant_ref) == 24, "grant_table.h");
_Static_assert(sizeof(struct gnttab_setup_table) == 24, "grant_table.h");
_Static_assert(sizeof(struct gnttab_copy) == 40, "grant_table.h");
_Static_assert(sizeof(struct gnttab_query_size) == 16, "grant_table.h");

/* ------------------------------------------------------------------ others */

#define HVMOP_set_param		       0
#define HVMOP_get_param		       1
#define HVMOP_flush_tlbs	       5
#define HVMOP_pagetable_dying	       9
#define HVMOP_set_evtchn_upcall_vector 23

#define HVM_PARAM_CALLBACK_IRQ		 0
#define HVM_PARAM_STORE_PFN		 1
#define HVM_PARAM_STORE_EVTCHN		 2
#define HVM_PARAM_CONSOLE_PFN		 17
#define HVM_PARAM_CONSOLE_EVTCHN	 18
#define HVM_NR_PARAMS			 39
#define HVM_PARAM_CALLBACK_TYPE_GSI	 0
#define HVM_PARAM_CALLBACK_TYPE_PCI_INTX 1
#define HVM_PARAM_CALLBACK_TYPE_VECTOR	 2

struct xen_hvm_param {
	domid_t domid;
	uint32_t index;
	uint64_t value;
};
struct xen_hvm_evtchn_upcall_vector {
	uint32_t vcpu;
	uint8_t vector;
};
_Static_assert(sizeof(struct xen_hvm_param) == 16, "hvm_op.h");
_Static_assert(sizeof(struct xen_hvm_evtchn_upcall_vector) == 8, "hvm_op.h");

#define CONSOLEIO_write 0
#define CONSOLEIO_read	1

#define VMASST_CMD_enable		 0
#define VMASST_CMD_disable		 1
#define VMASST_TYPE_runstate_update_flag 5

#define PHYSDEVOP_irq_status_query 5
#define PHYSDEVOP_eoi		   12

struct multicall_entry {
	uint64_t op;
	int64_t result;
	uint64_t args[6];
};
_Static_assert(sizeof(struct multicall_entry) == 64, "xen.h");

#endif
