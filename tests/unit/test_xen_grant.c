/* SPDX-License-Identifier: MIT */
/* Grants of others in a VM: map, unmap, copy; a process's arena and the guest's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/barevm.h"

#define OP(cmd, arg) barevm_op(b, __HYPERVISOR_grant_table_op, cmd, arg, sizeof(*(arg)))
#define WINDOW	     0x9000000ull /* where no RAM is */
#define REF(page)    gref_make(5, page)

static struct barevm *b;
static struct grant_entry_v1 *entries;
static uint8_t *arena;

static int setup(void **state)
{
	(void)state;
	b = barevm_open(1);
	arena = mmap(NULL, BAREVM_ARENA_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		     b->arena, 0);
	assert_ptr_not_equal(arena, MAP_FAILED);
	entries = (struct grant_entry_v1 *)arena;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(arena, BAREVM_ARENA_PAGES * 4096);
	barevm_close(b);
	return 0;
}

static void grant(unsigned page, unsigned flags, domid_t to)
{
	entries[page].domid = to;
	entries[page].frame = page;
	atomic_store(&entries[page].flags, (uint16_t)(GTF_permit_access | flags));
	memset(arena + page * 4096, 'a' + (int)page, 4096);
}

static int16_t map(struct gnttab_map_grant_ref *m)
{
	assert_int_equal(OP(GNTTABOP_map_grant_ref, m), 0);
	return m->status;
}

static int16_t unmap(uint32_t handle, uint64_t addr)
{
	struct gnttab_unmap_grant_ref u = { .handle = handle, .host_addr = addr };

	assert_int_equal(OP(GNTTABOP_unmap_grant_ref, &u), 0);
	return u.status;
}

static void test_map(void **state)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = WINDOW, .flags = GNTMAP_host_map, .ref = REF(2), .dom = 3
	};
	struct gnttab_map_grant_ref ro = { .host_addr = WINDOW + 4096,
					   .flags = GNTMAP_host_map | GNTMAP_readonly,
					   .ref = REF(2),
					   .dom = 3 };
	char *p;

	(void)state;
	grant(2, 0, BAREVM_DOMID);
	assert_int_equal(map(&m), GNTST_okay);
	assert_int_equal(entries[2].flags & (GTF_reading | GTF_writing),
			 GTF_reading | GTF_writing);
	p = gmem_ptr(&b->vm.mem, WINDOW, 4096);
	assert_int_equal(p[17], 'c');
	p[17] = 'X';
	assert_int_equal(arena[2 * 4096 + 17], 'X');
	/* once more, for reading; the marks go with the last of each kind */
	assert_int_equal(map(&ro), GNTST_okay);
	assert_null(gmem_ptr(&b->vm.mem, WINDOW + 4096, 1));
	assert_non_null(gmem_ptr_ro(&b->vm.mem, WINDOW + 4096, 1));
	assert_int_equal(unmap(m.handle, WINDOW + 4096), GNTST_bad_virt_addr);
	assert_int_equal(unmap(m.handle, WINDOW), GNTST_okay);
	assert_int_equal(entries[2].flags & (GTF_reading | GTF_writing), GTF_reading);
	assert_null(gmem_ptr_ro(&b->vm.mem, WINDOW, 1));
	assert_int_equal(unmap(m.handle, WINDOW), GNTST_bad_handle);
	assert_int_equal(unmap(ro.handle, 0), GNTST_okay);
	assert_int_equal(entries[2].flags & (GTF_reading | GTF_writing), 0);
	assert_int_equal(b->arena_opens, 1);
}

static void test_refused(void **state)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = WINDOW, .flags = GNTMAP_host_map, .ref = REF(2), .dom = 3
	};
	struct gnttab_map_grant_ref t;

	(void)state;
	assert_int_equal(map(&m), GNTST_permission_denied); /* not granted */
	grant(2, 0, BAREVM_DOMID + 1);
	assert_int_equal(map(&m), GNTST_permission_denied); /* to another */
	grant(2, GTF_readonly, BAREVM_DOMID);
	assert_int_equal(map(&m), GNTST_permission_denied); /* for reading */
	grant(2, 0, BAREVM_DOMID);
	entries[2].frame = BAREVM_ARENA_PAGES;
	assert_int_equal(map(&m), GNTST_bad_page); /* what is no page of it */
	entries[2].frame = 0;
	assert_int_equal(map(&m), GNTST_bad_page); /* the entries themselves */
	entries[2].frame = 2;
	t = m;
	t.ref = REF(BAREVM_ARENA_PAGES);
	assert_int_equal(map(&t), GNTST_bad_gntref);
	t.ref = gref_make(6, 2);
	assert_int_equal(map(&t), GNTST_bad_gntref);
	t = m;
	t.dom = DOMID_FIRST_RESERVED + 1;
	assert_int_equal(map(&t), GNTST_bad_domain);
	t = m;
	t.flags |= GNTMAP_device_map;
	assert_int_equal(map(&t), GNTST_general_error);
	t = m;
	t.host_addr = WINDOW + 8;
	assert_int_equal(map(&t), GNTST_bad_virt_addr);
	t.host_addr = GMEM_SPECIAL;
	assert_int_equal(map(&t), GNTST_bad_virt_addr);
	t.host_addr = UINT64_MAX & ~4095ull;
	assert_int_equal(map(&t), GNTST_bad_virt_addr);
	assert_int_equal(entries[2].flags & (GTF_reading | GTF_writing), 0);
	/* over what is mapped already */
	assert_int_equal(map(&m), GNTST_okay);
	t = m;
	assert_int_equal(map(&t), GNTST_bad_virt_addr);
	assert_int_equal(unmap(UINT32_MAX, 0), GNTST_bad_handle);
	assert_int_equal(unmap(1000, 0), GNTST_bad_handle);
}

/* As many handles as there may be, then no more, and all of them again. */
static void test_many(void **state)
{
	struct gnttab_map_grant_ref m = { .flags = GNTMAP_host_map | GNTMAP_readonly,
					  .ref = REF(3),
					  .dom = 3 };
	unsigned n;

	(void)state;
	grant(3, 0, BAREVM_DOMID);
	for (n = 0; n < 3000; n++) {
		m.host_addr = WINDOW + n * 8192ull;
		assert_int_equal(map(&m), GNTST_okay);
		assert_int_equal(m.handle, n);
	}
	for (n = 0; n < 3000; n++)
		assert_int_equal(unmap(n, 0), GNTST_okay);
	assert_int_equal(entries[3].flags & GTF_reading, 0);
	assert_int_equal(map(&m), GNTST_okay);
}

static void test_copy(void **state)
{
	struct gnttab_copy c = { .source = { { .ref = REF(2) }, 3, 100 },
				 .dest = { { .gmfn = 0x40 }, DOMID_SELF, 200 },
				 .len = 50,
				 .flags = GNTCOPY_source_gref };

	(void)state;
	grant(2, GTF_readonly, BAREVM_DOMID);
	assert_int_equal(OP(GNTTABOP_copy, &c), 0);
	assert_int_equal(c.status, GNTST_okay);
	assert_memory_equal(gmem_ptr_ro(&b->vm.mem, 0x40000 + 199, 52), "\0ccc", 4);
	assert_int_equal(*(const char *)gmem_ptr_ro(&b->vm.mem, 0x40000 + 249, 1), 'c');
	assert_int_equal(*(const char *)gmem_ptr_ro(&b->vm.mem, 0x40000 + 250, 1), 0);
	assert_int_equal(entries[2].flags & (GTF_reading | GTF_writing), 0);
	/* the other way it is read-only, until it is not */
	c = (struct gnttab_copy){ .source = { { .gmfn = 0x40 }, DOMID_SELF, 0 },
				  .dest = { { .ref = REF(2) }, 3, 4090 },
				  .len = 6,
				  .flags = GNTCOPY_dest_gref };
	assert_int_equal(OP(GNTTABOP_copy, &c), 0);
	assert_int_equal(c.status, GNTST_permission_denied);
	grant(2, 0, BAREVM_DOMID);
	assert_int_equal(OP(GNTTABOP_copy, &c), 0);
	assert_int_equal(c.status, GNTST_okay);
	assert_memory_equal(arena + 2 * 4096 + 4089, "c\0\0\0\0\0\0", 7);
	c.len = 7;
	assert_int_equal(OP(GNTTABOP_copy, &c), 0);
	assert_int_equal(c.status, GNTST_bad_copy_arg);
	c.len = 6;
	c.source.domid = 3; /* a frame of another's without a grant */
	assert_int_equal(OP(GNTTABOP_copy, &c), 0);
	assert_int_equal(c.status, GNTST_permission_denied);
	c.source.domid = DOMID_SELF;
	c.source.u.gmfn = UINT64_MAX;
	assert_int_equal(OP(GNTTABOP_copy, &c), 0);
	assert_int_equal(c.status, GNTST_bad_page);
	assert_int_equal(entries[2].flags & (GTF_reading | GTF_writing), 0);
}

/* What a guest grants itself, from its own table. */
static void test_own(void **state)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.gpfn = 0x50,
					.space = XENMAPSPACE_grant_table };
	struct gnttab_map_grant_ref m = {
		.host_addr = WINDOW, .flags = GNTMAP_host_map, .ref = 9, .dom = DOMID_SELF
	};
	struct grant_entry_v1 *table;

	(void)state;
	assert_int_equal(barevm_op(b, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a,
				   sizeof(a)),
			 0);
	table = gmem_ptr(&b->vm.mem, 0x50000, 4096);
	table[9].domid = BAREVM_DOMID;
	table[9].frame = 0x60;
	table[9].flags = GTF_permit_access;
	assert_int_equal(gmem_write(&b->vm.mem, 0x60000, "mine", 4), 0);
	assert_int_equal(map(&m), GNTST_okay);
	assert_memory_equal(gmem_ptr(&b->vm.mem, WINDOW, 4), "mine", 4);
	assert_int_equal(table[9].flags & GTF_writing, GTF_writing);
	assert_int_equal(unmap(m.handle, 0), GNTST_okay);
	/* beyond its memory, and in the hole */
	table[9].frame = BAREVM_BYTES / 4096;
	assert_int_equal(map(&m), GNTST_bad_page);
	table[9].frame = 0x100000;
	assert_int_equal(map(&m), GNTST_bad_page);
}

/* The channel goes, and with it what is not used. */
static void test_idle(void **state)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = WINDOW, .flags = GNTMAP_host_map, .ref = REF(2), .dom = 3
	};
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 3 };

	(void)state;
	grant(2, 0, BAREVM_DOMID);
	assert_int_equal(map(&m), GNTST_okay);
	for (int used = 1; used >= 0; used--) {
		assert_int_equal(barevm_op(b, __HYPERVISOR_event_channel_op,
					   EVTCHNOP_alloc_unbound, &a, sizeof(a)),
				 0);
		assert_int_equal(barevm_op(b, __HYPERVISOR_event_channel_op,
					   EVTCHNOP_close, &a.port, sizeof(a.port)),
				 0);
		assert_int_equal(b->arena_closes, !used);
		if (used)
			assert_int_equal(unmap(m.handle, 0), GNTST_okay);
	}
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_map),	 EACH(test_refused), EACH(test_many),
		EACH(test_copy), EACH(test_own),     EACH(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
