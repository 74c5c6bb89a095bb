/* SPDX-License-Identifier: MIT */
/* Reservations and vcpus up and down: what a guest gives back, and gets again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "ringproto/grant.h"
#include "tests/lib/barevm.h"

#define OP(family, cmd, arg) barevm_op(b, __HYPERVISOR_##family, cmd, arg, sizeof(*(arg)))
#define LIST		     0x18000u /* a guest's arrays */
#define PAGES		     (BAREVM_BYTES / 4096)

static struct barevm *b;
static uint64_t *gfn; /* the list, as the guest writes it */

static int setup(void **state)
{
	(void)state;
	b = barevm_open(2);
	gfn = gmem_ptr(&b->vm.mem, LIST, 8 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	barevm_close(b);
	return 0;
}

/* A call for n extents of that order, from the list's start. */
static int64_t call(unsigned cmd, uint64_t n, unsigned order)
{
	struct xen_memory_reservation r = { .extent_start = LIST,
					    .nr_extents = n,
					    .extent_order = order,
					    .domid = DOMID_SELF };

	return OP(memory_op, cmd, &r);
}

static int64_t ask(unsigned cmd)
{
	domid_t self = DOMID_SELF;

	return OP(memory_op, cmd, &self);
}

static void test_down_and_up(void **state)
{
	uint64_t before;

	(void)state;
	/* the list's and the arguments' pages are there from now on */
	gfn[0] = (uint64_t)ask(XENMEM_current_reservation);
	before = gmem_resident(&b->vm.mem);
	memset(gmem_ptr(&b->vm.mem, 0x100000, 0x2000), 1, 0x2000);
	assert_int_equal(gmem_resident(&b->vm.mem), before + 0x2000);
	gfn[0] = 0x100;
	gfn[1] = 0x101;
	gfn[2] = PAGES; /* not RAM */
	assert_int_equal(call(XENMEM_decrease_reservation, 3, 0), 2);
	assert_int_equal(gmem_resident(&b->vm.mem), before);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES - 2);
	assert_null(gmem_ptr(&b->vm.mem, 0x100000, 1));
	assert_int_equal(call(XENMEM_decrease_reservation, 3, 0), 0);
	assert_int_equal(call(XENMEM_populate_physmap, 3, 0), 2);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES);
	assert_int_equal(*(uint8_t *)gmem_ptr(&b->vm.mem, 0x100000, 1), 0);
	/* what is there is not given twice */
	assert_int_equal(call(XENMEM_increase_reservation, 1, 0), 0);
	/* not the page that KVM writes */
	barevm_shared_info(b);
	gfn[0] = BAREVM_INFO >> 12;
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 0), 0);
	gfn[0] = 0x101;
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 0), 1);
	assert_int_equal(call(XENMEM_increase_reservation, 1, 0), 1);
}

/* An extent goes as a whole or not at all. */
static void test_extents(void **state)
{
	const struct gmem *m = &b->vm.mem;

	(void)state;
	gfn[0] = 0x200;
	gfn[1] = 0x201;
	assert_int_equal(call(XENMEM_decrease_reservation, 2, 9), 1);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES - 512);
	assert_null(gmem_ptr(m, 0x3ff000, 1));
	assert_non_null(gmem_ptr(m, 0x1ff000, 1));
	gfn[0] = 0x2ff;
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 1);
	gfn[0] = 0x200;
	assert_int_equal(call(XENMEM_populate_physmap, 1, 9), 0);
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 9), 0);
	assert_int_equal(call(XENMEM_populate_physmap, 1, 4), 1);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES - 512 + 1 + 16);
	gfn[0] = 0x3f8; /* half of it lies behind RAM */
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 4), 0);
}

/* What is wrong with a call ends its list. */
static void test_wrong_calls(void **state)
{
	struct xen_memory_reservation r = { .extent_start = LIST,
					    .nr_extents = 1,
					    .domid = 3 };

	(void)state;
	gfn[0] = 0x100;
	assert_int_equal(OP(memory_op, XENMEM_decrease_reservation, &r), 0);
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 10), 0);
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 31), 0);
	assert_int_equal(call(XENMEM_decrease_reservation, 1, UINT32_MAX), 0);
	gfn[0] = UINT64_MAX;
	assert_int_equal(call(XENMEM_decrease_reservation, UINT64_MAX, 0), 0);
	gfn[0] = UINT64_MAX << 9;
	assert_int_equal(call(XENMEM_populate_physmap, UINT64_MAX, 9), 0);
	r.domid = DOMID_SELF;
	r.extent_start = UINT64_MAX - 3;
	assert_int_equal(OP(memory_op, XENMEM_decrease_reservation, &r), 0);
	assert_int_equal(barevm_call(b, 0, __HYPERVISOR_memory_op,
				     XENMEM_decrease_reservation, UINT64_MAX, 0),
			 0);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES);
	/* as many as one call may do */
	r.extent_start = LIST;
	r.nr_extents = UINT64_MAX;
	for (unsigned i = 0; i < 400; i++)
		gfn[i] = 0x100 + i;
	gfn[400] = 0;
	gfn[401] = 0;
	assert_int_equal(OP(memory_op, XENMEM_decrease_reservation, &r), 401);
}

/* A call that is made again goes on where it was. */
static void test_continued(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		gfn[i] = 0x100 + i;
	assert_int_equal(call(XENMEM_decrease_reservation | 2 << 6, 4, 0), 4);
	assert_non_null(gmem_ptr(&b->vm.mem, 0x101000, 1));
	assert_null(gmem_ptr(&b->vm.mem, 0x102000, 1));
	assert_int_equal(call(XENMEM_decrease_reservation | 9 << 6, 4, 0), 9);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES - 2);
}

static void test_limit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		gfn[i] = 0x100 + i;
	assert_int_equal(call(XENMEM_decrease_reservation, 8, 0), 8);
	b->vm.xen.max_pages = PAGES - 5;
	assert_int_equal(ask(XENMEM_maximum_reservation), PAGES - 5);
	assert_int_equal(call(XENMEM_populate_physmap, 8, 0), 3);
	gfn[0] = 0x100 + 3;
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 0);
	b->vm.xen.max_pages = PAGES;
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 1);
	/* less than it has: it keeps that, and gets no more */
	b->vm.xen.max_pages = 1;
	gfn[0] = 0x180;
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 0), 1);
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 0);
}

/* The first frame of the table, as a backend has it. */
static struct grant_entry_v1 *table(void)
{
	struct grant_entry_v1 *t = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
					b->vm.xen.gnttab_fd, 0);

	assert_ptr_not_equal(t, MAP_FAILED);
	return t;
}

/* Pages that a backend uses: its memory stays, until its mark goes. */
static void test_granted(void **state)
{
	struct grant_entry_v1 *t = table();
	char *page = gmem_ptr(&b->vm.mem, 0x110000, 4096);
	struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = 0x113 };

	(void)state;
	strcpy(page, "in flight");
	t[3].frame = 0x110;
	atomic_store(&t[3].flags, GTF_permit_access | GTF_reading);
	t[500].frame = 0x113;
	atomic_store(&t[500].flags, GTF_permit_access | GTF_reading | GTF_writing);
	t[7].frame = 0x111; /* granted, but nobody uses it */
	atomic_store(&t[7].flags, GTF_permit_access);
	gfn[0] = 0x110;
	assert_int_equal(call(XENMEM_decrease_reservation, 1, 2), 1);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES - 4);
	assert_null(gmem_ptr(&b->vm.mem, 0x110000, 1));
	assert_string_equal(page, "in flight");
	/* back while it is used: no; those beside it: yes */
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 0);
	gfn[0] = 0x111;
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 1);
	assert_string_equal(page, "in flight");
	atomic_store(&t[3].flags, GTF_permit_access);
	gfn[0] = 0x110;
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 1);
	assert_string_equal(page, "");
	atomic_store(&t[500].flags, 0);
	gfn[0] = 0x113;
	assert_int_equal(call(XENMEM_populate_physmap, 1, 0), 1);
	/* the same by the other call */
	atomic_store(&t[500].flags, GTF_reading);
	strcpy(page + 0x3000, "still");
	assert_int_equal(OP(memory_op, XENMEM_remove_from_physmap, &r), 0);
	assert_string_equal(page + 0x3000, "still");
	assert_int_equal(OP(memory_op, XENMEM_remove_from_physmap, &r), -ENOENT);
	munmap(t, 4096);
}

/* Marks without end, as a guest can write them: a bound, and pages that stay its own. */
static void test_granted_all(void **state)
{
	struct grant_entry_v1 *t = table();
	int64_t done;

	(void)state;
	for (unsigned i = 0; i < 512; i++) {
		t[i].frame = 0x100 + i;
		atomic_store(&t[i].flags, GTF_writing);
		gfn[i] = 0x100 + i;
	}
	done = call(XENMEM_decrease_reservation, 512, 0);
	assert_int_equal(done, XEN_MAX_KEPT);
	assert_non_null(gmem_ptr(&b->vm.mem, (uint64_t)(0x100 + done) << 12, 1));
	for (unsigned i = 0; i < 512; i++)
		atomic_store(&t[i].flags, 0);
	assert_int_equal(call(XENMEM_populate_physmap, (uint64_t)done, 0), done);
	assert_int_equal(ask(XENMEM_current_reservation), PAGES);
	munmap(t, 4096);
}

static void test_questions(void **state)
{
	static const unsigned others[] = { XENMEM_machine_memory_map,
					   XENMEM_set_memory_map, XENMEM_set_pod_target,
					   XENMEM_get_pod_target };
	static const unsigned absent[] = {
		XENMEM_machphys_mfn_list,	 XENMEM_exchange,
		XENMEM_machphys_mapping,	 XENMEM_get_sharing_freed_pages,
		XENMEM_get_sharing_shared_pages, 63
	};
	domid_t other = 3;

	(void)state;
	assert_int_equal(ask(XENMEM_current_reservation), PAGES);
	assert_int_equal(ask(XENMEM_maximum_reservation), PAGES);
	assert_int_equal(ask(XENMEM_maximum_gpfn), (1 << 20) - 1);
	assert_int_equal(ask(XENMEM_maximum_ram_page), (1 << 20) - 1);
	assert_int_equal(OP(memory_op, XENMEM_current_reservation, &other), -ESRCH);
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(ask(others[i]), -EPERM);
	for (unsigned i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		assert_int_equal(ask(absent[i]), -ENOSYS);
}

static int64_t vcpu_op(uint64_t cmd, uint64_t vcpu)
{
	return barevm_call(b, 0, __HYPERVISOR_vcpu_op, cmd, vcpu, 0);
}

static void test_vcpus(void **state)
{
	(void)state;
	assert_false(b->up[1]);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 0), 1);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), -EINVAL);
	assert_int_equal(vcpu_op(VCPUOP_up, 2), -ENOENT);
	b->up[1] = true;
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 1);
	assert_int_equal(vcpu_op(VCPUOP_down, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 0);
	assert_int_equal(vm_stop_reason(&b->vm), -1);
	assert_int_equal(vcpu_op(VCPUOP_up, 1), 0);
	assert_int_equal(vcpu_op(VCPUOP_is_up, 1), 1);
	/* the last one ends the domain */
	assert_int_equal(vcpu_op(VCPUOP_down, 0), 0);
	assert_int_equal(vm_stop_reason(&b->vm), -1);
	assert_int_equal(vcpu_op(VCPUOP_down, 1), 0);
	assert_int_equal(vm_stop_reason(&b->vm), SHUTDOWN_poweroff);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_down_and_up), EACH(test_extents),   EACH(test_wrong_calls),
		EACH(test_continued),	EACH(test_limit),     EACH(test_granted),
		EACH(test_granted_all), EACH(test_questions), EACH(test_vcpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
