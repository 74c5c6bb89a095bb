/* SPDX-License-Identifier: MIT */
/*
 * A VM without KVM (barevm.h) beside two granters, a VM and a process, whose memory a
 * test sees: for GNTTABOP_map_grant_ref, unmap_grant_ref and copy.
 */
#ifndef TANDEM_TESTS_LIB_GRANTRIG_H
#define TANDEM_TESTS_LIB_GRANTRIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hv/kvm/xen_grant.h"
#include "tests/lib/barevm.h"

#define RIG_VM	       5 /* granters: a VM, a process, nobody */
#define RIG_PROC       6
#define RIG_NOBODY     99
#define RIG_VM_PAGES   64u
#define RIG_VM_LOW     48u
#define RIG_RW_ARENA   3u
#define RIG_RO_ARENA   4u
#define RIG_NO_ARENA   9u  /* somebody else's */
#define RIG_PROC_PAGES 17u /* the first has the entries */
#define RIG_BESIDE     0x40000000ull
#define RIG_BATCH      0x18000u

/* What there is of it. */
struct grantrig {
	struct barevm *b;
	int vm_ram, vm_table, rw, ro, ro_entries;
	uint8_t *ram, *arena[2]; /* the VM's; the process's, writable and read-only */
	struct grant_entry_v1 *table, *entries[2];
	unsigned gets, puts; /* how often the hypervisor was asked */
};
extern struct grantrig grantrig;

/* Of each test; the end checks that no mark is left in the table. */
int grantrig_setup(void **state);
int grantrig_teardown(void **state);

/* An entry for this VM. */
void grantrig_grant(struct grant_entry_v1 *e, uint32_t frame, unsigned flags);
/* One operation: what comes back, or its status. */
struct gnttab_map_grant_ref grantrig_map(domid_t dom, grant_ref_t ref, uint64_t addr,
					 unsigned flags);
int grantrig_map_status(domid_t dom, grant_ref_t ref, uint64_t addr, unsigned flags);
int grantrig_unmap(uint32_t handle, uint64_t addr);
int grantrig_copy(struct gnttab_copy c);

#define GRANTRIG_EACH(name) \
	cmocka_unit_test_setup_teardown(name, grantrig_setup, grantrig_teardown)

#endif
