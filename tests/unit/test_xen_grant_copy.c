/* SPDX-License-Identifier: MIT */
/* Copies from and to others' grants: bounds, rights, batches. */
#include <errno.h>
#include <string.h>

#include "tests/lib/grantrig.h"

static struct gnttab_copy copy_in(uint16_t from, uint16_t to, uint16_t len)
{
	return (struct gnttab_copy){
		.source = { .u.ref = 8, .domid = RIG_VM, .offset = from },
		.dest = { .u.gmfn = 0x80, .domid = DOMID_SELF, .offset = to },
		.len = len,
		.flags = GNTCOPY_source_gref,
	};
}

static void test_copy(void **state)
{
	char *mine = gmem_ptr(&grantrig.b->vm.mem, 0x80000, XEN_PAGE_SIZE);
	char *theirs = (char *)grantrig.ram + 3 * XEN_PAGE_SIZE;
	struct gnttab_copy c = copy_in(10, 20, 6);

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, GTF_readonly);
	strcpy(theirs + 10, "hello");
	assert_int_equal(grantrig_copy(c), GNTST_okay);
	assert_string_equal(mine + 20, "hello");
	assert_int_equal(grantrig.table[8].flags, GTF_permit_access | GTF_readonly);
	/* the other way: not into a page for reading, then into one for writing */
	c.flags = GNTCOPY_dest_gref;
	c.source.u.gmfn = 0x80;
	c.source.domid = DOMID_SELF;
	c.dest.u.ref = 8;
	c.dest.domid = RIG_VM;
	assert_int_equal(grantrig_copy(c), GNTST_general_error);
	grantrig_grant(&grantrig.table[8], 3, 0);
	assert_int_equal(grantrig_copy(c), GNTST_okay);
	assert_memory_equal(theirs + 20, mine + 10, 6);
	assert_int_equal(grantrig.table[8].flags, GTF_permit_access);
	assert_int_equal(grantrig.puts, grantrig.gets);
}

/* XSA-226 and its like: no byte beyond a page, whatever the numbers. */
static void test_copy_bounds(void **state)
{
	static const struct {
		uint16_t from, to, len;
		int status;
	} cases[] = {
		{ 0, 0, 4096, GNTST_okay },
		{ 0, 0, 4097, GNTST_bad_copy_arg },
		{ 1, 0, 4096, GNTST_bad_copy_arg },
		{ 0, 1, 4096, GNTST_bad_copy_arg },
		{ 4096, 4096, 0, GNTST_okay },
		{ 4095, 4095, 1, GNTST_okay },
		{ 4096, 0, 1, GNTST_bad_copy_arg },
		{ 65535, 0, 1, GNTST_bad_copy_arg },
		{ 0, 65535, 65535, GNTST_bad_copy_arg },
		{ 65535, 65535, 65535, GNTST_bad_copy_arg },
	};

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(grantrig_copy(copy_in(cases[i].from, cases[i].to,
						       cases[i].len)),
				 cases[i].status);
}

static void test_copy_refused(void **state)
{
	struct gnttab_copy c = copy_in(0, 0, 8);
	struct gnttab_map_grant_ref m;

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, 0);
	c.dest.domid = RIG_VM; /* another's page by its number */
	assert_int_equal(grantrig_copy(c), GNTST_permission_denied);
	c = copy_in(0, 0, 8);
	c.dest.u.gmfn = BAREVM_BYTES / XEN_PAGE_SIZE;
	assert_int_equal(grantrig_copy(c), GNTST_bad_page);
	c.dest.u.gmfn = UINT64_MAX;
	assert_int_equal(grantrig_copy(c), GNTST_bad_page);
	c = copy_in(0, 0, 8);
	c.source.domid = RIG_NOBODY;
	assert_int_equal(grantrig_copy(c), GNTST_bad_domain);
	/* a page of another's that is placed there is none of ours */
	m = grantrig_map(RIG_VM, 8, 0x80000, GNTMAP_host_map);
	assert_int_equal(m.status, GNTST_okay);
	assert_int_equal(grantrig_copy(copy_in(0, 0, 8)), GNTST_bad_page);
	/* a copy leaves the marks of what is mapped */
	c = copy_in(0, 0, 8);
	c.dest.u.gmfn = 0x81;
	assert_int_equal(grantrig_copy(c), GNTST_okay);
	assert_int_equal(grantrig.table[8].flags,
			 GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(grantrig_unmap(m.handle, 0x80000), GNTST_okay);
}

/* Each of a batch has its status; arguments that are no memory end it. */
static void test_batches(void **state)
{
	struct gnttab_copy *c = gmem_ptr(&grantrig.b->vm.mem, RIG_BATCH, 3 * sizeof(*c));

	(void)state;
	grantrig_grant(&grantrig.table[8], 3, 0);
	c[0] = copy_in(0, 0, 8);
	c[1] = copy_in(0, 0, 5000);
	c[2] = copy_in(8, 8, 8);
	c[2].status = 77;
	assert_int_equal(barevm_call(grantrig.b, 0, __HYPERVISOR_grant_table_op,
				     GNTTABOP_copy, RIG_BATCH, 3),
			 0);
	assert_int_equal(c[0].status, GNTST_okay);
	assert_int_equal(c[1].status, GNTST_bad_copy_arg);
	assert_int_equal(c[2].status, GNTST_okay);
	assert_int_equal(barevm_call(grantrig.b, 0, __HYPERVISOR_grant_table_op,
				     GNTTABOP_copy, BAREVM_BYTES - 8, 3),
			 -EFAULT);
	assert_int_equal(barevm_call(grantrig.b, 0, __HYPERVISOR_grant_table_op,
				     GNTTABOP_copy, RIG_BATCH, UINT32_MAX),
			 -EINVAL);
	assert_int_equal(barevm_call(grantrig.b, 0, __HYPERVISOR_grant_table_op,
				     GNTTABOP_unmap_grant_ref, UINT64_MAX, 1),
			 -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GRANTRIG_EACH(test_copy),
		GRANTRIG_EACH(test_copy_bounds),
		GRANTRIG_EACH(test_copy_refused),
		GRANTRIG_EACH(test_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
