/* SPDX-License-Identifier: MIT */
/*
 * Memory that a guest and the hypervisor share (Xen's public xen.h, io/console.h,
 * arch-x86/hvm/start_info.h), for guests of 64 bits and, where it differs, of 32. The
 * guest writes all of it at any moment: read each word once, and check it.
 */
#ifndef TANDEM_HV_KVM_XEN_SHARED_H
#define TANDEM_HV_KVM_XEN_SHARED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define XEN_PAGE_SHIFT	     12
#define XEN_PAGE_SIZE	     4096u
#define XEN_LEGACY_MAX_VCPUS 32

struct vcpu_time_info {
	uint32_t version, pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags, pad1[2];
};
struct vcpu_info {
	_Atomic uint8_t evtchn_upcall_pending;
	uint8_t evtchn_upcall_mask;
	_Atomic uint64_t evtchn_pending_sel;
	uint64_t arch[2];
	struct vcpu_time_info time;
};
struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	_Atomic uint64_t evtchn_pending[64];
	_Atomic uint64_t evtchn_mask[64];
	uint32_t wc_version, wc_sec, wc_nsec, wc_sec_hi;
	uint64_t arch[6];
};
/* The same of a guest of 32 bits. What is the same there: the flag, the time, and where
 * the pending bits begin. */
struct vcpu_info32 {
	uint8_t evtchn_upcall_pending;
	uint8_t evtchn_upcall_mask;
	_Atomic uint32_t evtchn_pending_sel;
	uint32_t arch[6];
	struct vcpu_time_info time;
};
struct shared_info32 {
	struct vcpu_info32 vcpu_info[XEN_LEGACY_MAX_VCPUS];
	_Atomic uint32_t evtchn_pending[32];
	_Atomic uint32_t evtchn_mask[32];
	uint32_t wc_version, wc_sec, wc_nsec;
	uint32_t arch[12];
};
_Static_assert(sizeof(struct vcpu_info32) == 64, "xen.h");
_Static_assert(offsetof(struct vcpu_info32, evtchn_pending_sel) == 4, "xen.h");
_Static_assert(offsetof(struct vcpu_info32, time) == 32, "xen.h");
_Static_assert(offsetof(struct shared_info32, evtchn_pending) == 2048, "xen.h");
_Static_assert(offsetof(struct shared_info32, evtchn_mask) == 2176, "xen.h");
_Static_assert(offsetof(struct shared_info32, wc_version) == 2304, "xen.h");
_Static_assert(sizeof(struct vcpu_time_info) == 32, "xen.h");
_Static_assert(sizeof(struct vcpu_info) == 64, "xen.h");
_Static_assert(offsetof(struct vcpu_info, evtchn_pending_sel) == 8, "xen.h");
_Static_assert(offsetof(struct shared_info, evtchn_pending) == 2048, "xen.h");
_Static_assert(offsetof(struct shared_info, wc_version) == 3072, "xen.h");
_Static_assert(sizeof(struct shared_info) <= XEN_PAGE_SIZE, "xen.h");

/* The console page: `in` is what the guest reads. */
struct xencons_interface {
	char in[1024];
	char out[2048];
	uint32_t in_cons, in_prod;
	uint32_t out_cons, out_prod;
};
_Static_assert(sizeof(struct xencons_interface) == 3088, "io/console.h");

/* PVH: what %ebx points to at the entry. */
#define XEN_HVM_START_MAGIC_VALUE 0x336ec578u
#define XEN_ELFNOTE_PHYS32_ENTRY  18

struct hvm_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
	uint64_t memmap_paddr; /* from version 1 */
	uint32_t memmap_entries, reserved;
};
struct hvm_modlist_entry {
	uint64_t paddr, size, cmdline_paddr, reserved;
};
#define XEN_HVM_MEMMAP_TYPE_RAM	     1
#define XEN_HVM_MEMMAP_TYPE_RESERVED 2
struct hvm_memmap_table_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "start_info.h");
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "start_info.h");
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "start_info.h");

#endif
