/* SPDX-License-Identifier: MIT */
/* Others' grants mapped and unmapped, by every kind of granter, hostile ones too. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/grantrig.h"

static void test_map_vm(void **state)
{
	struct gnttab_map_grant_ref m, second;
	char *beside;

	(void)state;
	grantrig_grant(&grantrig.table[600], 3, 0);
	memcpy(grantrig.ram + 3 * XEN_PAGE_SIZE, "theirs", 7);
	m = grantrig_map(RIG_VM, 600, RIG_BESIDE, GNTMAP_host_map);
	assert_int_equal(m.status, GNTST_okay);
	assert_int_equal(m.dev_bus_addr, RIG_BESIDE);
	assert_int_equal(grantrig.table[600].flags,
			 GTF_permit_access | GTF_reading | GTF_writing);
	beside = gmem_ptr(&grantrig.b->vm.mem, RIG_BESIDE, XEN_PAGE_SIZE);
	assert_string_equal(beside, "theirs");
	strcpy(beside, "ours");
	assert_string_equal((char *)grantrig.ram + 3 * XEN_PAGE_SIZE, "ours");
	/* a second time elsewhere: the marks stay until both are gone */
	second = grantrig_map(RIG_VM, 600, RIG_BESIDE + XEN_PAGE_SIZE,
			      GNTMAP_host_map | GNTMAP_readonly);
	assert_int_equal(second.status, GNTST_okay);
	assert_null(gmem_ptr(&grantrig.b->vm.mem, RIG_BESIDE + XEN_PAGE_SIZE, 1));
	assert_non_null(gmem_ptr_ro(&grantrig.b->vm.mem, RIG_BESIDE + XEN_PAGE_SIZE, 1));
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE), GNTST_okay);
	assert_int_equal(grantrig.table[600].flags, GTF_permit_access | GTF_reading);
	assert_null(gmem_ptr_ro(&grantrig.b->vm.mem, RIG_BESIDE, 1));
	assert_int_equal(grantrig_unmap(second.handle, RIG_BESIDE + XEN_PAGE_SIZE),
			 GNTST_okay);
	assert_int_equal(grantrig.table[600].flags, GTF_permit_access);
	/* asked for once, given back when nothing was left */
	assert_int_equal(grantrig.gets, 1);
	assert_int_equal(grantrig.puts, 1);
}

/* A page of the guest's RAM comes back as it was; a balloon's hole, too. */
static void test_map_over_ram(void **state)
{
	uint64_t gfn = 0x80;
	struct xen_memory_reservation r = { .extent_start = RIG_BATCH,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	struct xen_remove_from_physmap rm = { .domid = DOMID_SELF, .gpfn = gfn };
	struct xen_add_to_physmap add = { .domid = DOMID_SELF,
					  .space = XENMAPSPACE_grant_table,
					  .gpfn = gfn };
	struct gnttab_map_grant_ref m;
	char *at = gmem_ptr(&grantrig.b->vm.mem, gfn * XEN_PAGE_SIZE, XEN_PAGE_SIZE);

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, GTF_readonly);
	memcpy(grantrig.ram + 3 * XEN_PAGE_SIZE, "theirs", 7);
	strcpy(at, "mine");
	m = grantrig_map(RIG_VM, 8, gfn * XEN_PAGE_SIZE,
			 GNTMAP_host_map | GNTMAP_readonly);
	assert_int_equal(m.status, GNTST_okay);
	assert_string_equal(at, "theirs");
	/* nothing else takes it away, and nothing comes over it */
	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_memory_op,
				   XENMEM_remove_from_physmap, &rm, sizeof(rm)),
			 -EINVAL);
	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_memory_op,
				   XENMEM_add_to_physmap, &add, sizeof(add)),
			 -EINVAL);
	memcpy(gmem_ptr(&grantrig.b->vm.mem, RIG_BATCH, 8), &gfn, 8);
	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_memory_op,
				   XENMEM_decrease_reservation, &r, sizeof(r)),
			 0);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, gfn * XEN_PAGE_SIZE,
					     GNTMAP_host_map | GNTMAP_readonly),
			 GNTST_general_error);
	assert_int_equal(grantrig_unmap(m.handle, gfn * XEN_PAGE_SIZE), GNTST_okay);
	assert_string_equal(at, "mine");
	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_memory_op,
				   XENMEM_decrease_reservation, &r, sizeof(r)),
			 1);
	m = grantrig_map(RIG_VM, 8, gfn * XEN_PAGE_SIZE,
			 GNTMAP_host_map | GNTMAP_readonly);
	assert_int_equal(m.status, GNTST_okay);
	assert_int_equal(grantrig_unmap(m.handle, gfn * XEN_PAGE_SIZE), GNTST_okay);
	assert_null(gmem_ptr_ro(&grantrig.b->vm.mem, gfn * XEN_PAGE_SIZE, 1));
	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_memory_op,
				   XENMEM_populate_physmap, &r, sizeof(r)),
			 1);
}

static void test_map_process(void **state)
{
	struct gnttab_map_grant_ref m, ro;

	(void)state;
	grantrig_grant(&grantrig.entries[0][5], 5, 0);
	grantrig_grant(&grantrig.entries[1][6], 6, GTF_readonly);
	memcpy(grantrig.arena[0] + 5 * XEN_PAGE_SIZE, "five", 5);
	memcpy(grantrig.arena[1] + 6 * XEN_PAGE_SIZE, "six", 4);
	m = grantrig_map(RIG_PROC, gref_make(RIG_RW_ARENA, 5), RIG_BESIDE,
			 GNTMAP_host_map);
	assert_int_equal(m.status, GNTST_okay);
	assert_string_equal((char *)gmem_ptr(&grantrig.b->vm.mem, RIG_BESIDE, 5), "five");
	assert_int_equal(grantrig_map_status(RIG_PROC, gref_make(RIG_RO_ARENA, 6),
					     RIG_BESIDE + XEN_PAGE_SIZE, GNTMAP_host_map),
			 GNTST_general_error);
	ro = grantrig_map(RIG_PROC, gref_make(RIG_RO_ARENA, 6),
			  RIG_BESIDE + XEN_PAGE_SIZE, GNTMAP_host_map | GNTMAP_readonly);
	assert_int_equal(ro.status, GNTST_okay);
	assert_string_equal((const char *)gmem_ptr_ro(&grantrig.b->vm.mem,
						      RIG_BESIDE + XEN_PAGE_SIZE, 5),
			    "six");
	/* entries' own pages, those behind the end, arenas that are not there or not ours
	 */
	assert_int_equal(grantrig_map_status(RIG_PROC, gref_make(RIG_RW_ARENA, 0),
					     RIG_BESIDE + 2 * XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_bad_gntref);
	assert_int_equal(grantrig_map_status(RIG_PROC,
					     gref_make(RIG_RW_ARENA, RIG_PROC_PAGES),
					     RIG_BESIDE + 2 * XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_bad_gntref);
	assert_int_equal(grantrig_map_status(RIG_PROC, gref_make(8, 1),
					     RIG_BESIDE + 2 * XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_bad_gntref);
	assert_int_equal(grantrig_map_status(RIG_PROC, gref_make(9, 1),
					     RIG_BESIDE + 2 * XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_general_error);
	/* a frame that names the entries' page */
	grantrig_grant(&grantrig.entries[0][7], 0, 0);
	assert_int_equal(grantrig_map_status(RIG_PROC, gref_make(RIG_RW_ARENA, 7),
					     RIG_BESIDE + 2 * XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_bad_page);
	/* both arenas stay while one is in use */
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE), GNTST_okay);
	assert_int_equal(grantrig.puts, 0);
	assert_int_equal(grantrig_unmap(ro.handle, RIG_BESIDE + XEN_PAGE_SIZE),
			 GNTST_okay);
	assert_int_equal(grantrig.puts, 2);
}

/* The guest's own grants: without any hypervisor beside it. */
static void test_map_own(void **state)
{
	struct gnttab_map_grant_ref m;
	struct grant_entry_v1 e = { .flags = GTF_permit_access,
				    .domid = BAREVM_DOMID,
				    .frame = 0x90 };
	struct xen_add_to_physmap add = { .domid = DOMID_SELF,
					  .space = XENMAPSPACE_grant_table,
					  .gpfn = RIG_BESIDE >> 12 };

	(void)state;
	xen_remote_set(&grantrig.b->vm, NULL, NULL);
	assert_int_equal(barevm_op(grantrig.b, __HYPERVISOR_memory_op,
				   XENMEM_add_to_physmap, &add, sizeof(add)),
			 0);
	assert_int_equal(gmem_write(&grantrig.b->vm.mem, RIG_BESIDE + 9 * 8, &e,
				    sizeof(e)),
			 0);
	assert_int_equal(gmem_write(&grantrig.b->vm.mem, 0x90000, "own", 4), 0);
	m = grantrig_map(BAREVM_DOMID, 9, RIG_BESIDE + XEN_PAGE_SIZE, GNTMAP_host_map);
	assert_int_equal(m.status, GNTST_okay);
	assert_string_equal((char *)gmem_ptr(&grantrig.b->vm.mem,
					     RIG_BESIDE + XEN_PAGE_SIZE, 4),
			    "own");
	assert_int_equal(grantrig_map_status(RIG_VM, 9, RIG_BESIDE + 2 * XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_bad_domain);
	assert_int_equal(grantrig_map_status(DOMID_SELF, 9,
					     RIG_BESIDE + 2 * XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_bad_domain);
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE + XEN_PAGE_SIZE),
			 GNTST_okay);
}

static void test_map_refused(void **state)
{
	const unsigned host = GNTMAP_host_map;
	uint32_t frame;

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, 0);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, 0), GNTST_bad_gntref);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE,
					     GNTMAP_device_map | host),
			 GNTST_general_error);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, host | 1u << 5),
			 GNTST_general_error);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, UINT64_MAX, host),
			 GNTST_general_error);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, GMEM_SPECIAL, host),
			 GNTST_general_error);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, 0xfee00000, host),
			 GNTST_general_error);
	assert_int_equal(grantrig_map_status(RIG_NOBODY, 8, RIG_BESIDE, host),
			 GNTST_bad_domain);
	assert_int_equal(grantrig_map_status(RIG_VM, 1024, RIG_BESIDE, host),
			 GNTST_bad_gntref);
	assert_int_equal(grantrig_map_status(RIG_VM, UINT32_MAX, RIG_BESIDE, host),
			 GNTST_bad_gntref);
	barevm_shared_info(grantrig.b);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, BAREVM_INFO, host),
			 GNTST_general_error);
	/* not granted, not to us, transitive, a part of a page, for reading */
	grantrig.table[8].flags = GTF_invalid;
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, host),
			 GNTST_general_error);
	grantrig_grant(&grantrig.table[8], 3, 0);
	grantrig.table[8].domid = BAREVM_DOMID + 1;
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, host),
			 GNTST_general_error);
	grantrig_grant(&grantrig.table[8], 3, GTF_transitive);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, host),
			 GNTST_general_error);
	grantrig_grant(&grantrig.table[8], 3, GTF_sub_page);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, host),
			 GNTST_general_error);
	grantrig_grant(&grantrig.table[8], 3, GTF_readonly);
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, host),
			 GNTST_general_error);
	/* frames at the edges of what the granter has */
	for (unsigned i = 0; i < 4; i++) {
		frame = (const uint32_t[]){ RIG_VM_LOW, 0xfffff,
					    0x100000 + RIG_VM_PAGES - RIG_VM_LOW,
					    UINT32_MAX }[i];
		grantrig_grant(&grantrig.table[8], frame, 0);
		assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE, host),
				 GNTST_bad_page);
	}
	assert_int_equal(grantrig.table[8].flags, GTF_permit_access);
	/* nothing of these took a handle or a page */
	assert_null(gmem_ptr_ro(&grantrig.b->vm.mem, RIG_BESIDE, 1));
	assert_int_equal(grantrig_unmap(0, RIG_BESIDE), GNTST_bad_handle);
}

static void test_high_frames(void **state)
{
	struct gnttab_map_grant_ref m;

	(void)state;
	grantrig_grant(&grantrig.table[8], 0x100000, 0);
	memcpy(grantrig.ram + RIG_VM_LOW * XEN_PAGE_SIZE, "high", 5);
	m = grantrig_map(RIG_VM, 8, RIG_BESIDE, GNTMAP_host_map);
	assert_int_equal(m.status, GNTST_okay);
	assert_string_equal((char *)gmem_ptr(&grantrig.b->vm.mem, RIG_BESIDE, 5), "high");
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE), GNTST_okay);
}

/* XSA-500: an entry that changes while it is in use changes nothing for its mapper. */
static void test_entry_changes(void **state)
{
	struct gnttab_map_grant_ref m;

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, 0);
	memcpy(grantrig.ram + 3 * XEN_PAGE_SIZE, "three", 6);
	m = grantrig_map(RIG_VM, 8, RIG_BESIDE, GNTMAP_host_map | GNTMAP_readonly);
	assert_int_equal(m.status, GNTST_okay);
	grantrig.table[8].frame = 4;
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE + XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_bad_page);
	grantrig.table[8].flags = GTF_invalid;
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE + XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_general_error);
	assert_string_equal((const char *)gmem_ptr_ro(&grantrig.b->vm.mem, RIG_BESIDE, 6),
			    "three");
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE), GNTST_okay);
	assert_int_equal(grantrig.table[8].flags, GTF_invalid);
}

static void test_handles(void **state)
{
	struct gnttab_map_grant_ref m;

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, 0);
	m = grantrig_map(RIG_VM, 8, RIG_BESIDE, GNTMAP_host_map);
	assert_int_equal(grantrig_unmap(m.handle + 1, RIG_BESIDE), GNTST_bad_handle);
	assert_int_equal(grantrig_unmap(UINT32_MAX, RIG_BESIDE), GNTST_bad_handle);
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE + XEN_PAGE_SIZE),
			 GNTST_general_error);
	assert_int_equal(grantrig_unmap(m.handle, 0),
			 GNTST_okay); /* nothing was asked for */
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE), GNTST_okay);
	assert_int_equal(grantrig_unmap(m.handle, RIG_BESIDE), GNTST_bad_handle);
}

/* A guest that maps all that it can: it is told, and others' maps go on. */
static void test_maptrack_ends(void **state)
{
	uint32_t *handle = calloc(XEN_MAPTRACK_MAX, sizeof(*handle));

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, 0);
	for (uint32_t i = 0; i < XEN_MAPTRACK_MAX; i++) {
		struct gnttab_map_grant_ref m =
			grantrig_map(RIG_VM, 8,
				     RIG_BESIDE + (uint64_t)i * 2 * XEN_PAGE_SIZE,
				     GNTMAP_host_map);

		assert_int_equal(m.status, GNTST_okay);
		handle[i] = m.handle;
	}
	assert_int_equal(grantrig_map_status(RIG_VM, 8, RIG_BESIDE + XEN_PAGE_SIZE,
					     GNTMAP_host_map),
			 GNTST_no_device_space);
	for (uint32_t i = 0; i < XEN_MAPTRACK_MAX; i++)
		assert_int_equal(grantrig_unmap(handle[i],
						RIG_BESIDE +
							(uint64_t)i * 2 * XEN_PAGE_SIZE),
				 GNTST_okay);
	assert_int_equal(grantrig.table[8].flags, GTF_permit_access);
	free(handle);
}

/* A guest that names what it was not given must not busy the hypervisor. */
static void test_misses_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		(void)grantrig_map_status(RIG_PROC, gref_make(9, i), RIG_BESIDE,
					  GNTMAP_host_map);
	assert_in_range(grantrig.gets, 1, 1000);
}

/* The end of a guest that has things mapped: teardown() looks for marks. */
static void test_end_with_maps(void **state)
{
	(void)state;
	for (unsigned i = 8; i < 40; i++) {
		grantrig_grant(&grantrig.table[i], i, 0);
		assert_int_equal(grantrig_map_status(RIG_VM, i,
						     RIG_BESIDE + i * XEN_PAGE_SIZE,
						     GNTMAP_host_map),
				 GNTST_okay);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GRANTRIG_EACH(test_map_vm),	   GRANTRIG_EACH(test_map_over_ram),
		GRANTRIG_EACH(test_map_process),   GRANTRIG_EACH(test_map_own),
		GRANTRIG_EACH(test_map_refused),   GRANTRIG_EACH(test_high_frames),
		GRANTRIG_EACH(test_entry_changes), GRANTRIG_EACH(test_handles),
		GRANTRIG_EACH(test_maptrack_ends), GRANTRIG_EACH(test_misses_bounded),
		GRANTRIG_EACH(test_end_with_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
