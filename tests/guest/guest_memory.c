/* SPDX-License-Identifier: MIT */
/* The physmap: shared info, grant frames over RAM and beside it, ballooning. */
#include "tests/guest/guest.h"

#define BESIDE 0x8000000ull /* no RAM there */

static int64_t add(uint32_t space, uint64_t idx, uint64_t gfn)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = gfn
	};

	return hypercall_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a);
}

static void check_frames(void)
{
	volatile uint32_t *beside = (uint32_t *)BESIDE;
	volatile uint32_t *over = (uint32_t *)scratch[2];
	struct xen_remove_from_physmap r = { .domid = DOMID_SELF,
					     .gpfn = gfn_of(scratch[2]) };

	*over = 1111;
	CHECK_EQ(add(XENMAPSPACE_grant_table, 0, BESIDE >> 12), 0);
	*beside = 4711;
	/* the same frame over RAM: what was in it comes along */
	CHECK_EQ(add(XENMAPSPACE_grant_table, 0, gfn_of(scratch[2])), 0);
	CHECK_EQ(*over, 4711);
	*over = 4712;
	CHECK_EQ(add(XENMAPSPACE_grant_table, 0, BESIDE >> 12), 0);
	CHECK_EQ(*beside, 4712);
	CHECK_EQ(*over, 1111);
	CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, &r), 0);
	CHECK_EQ(add(XENMAPSPACE_grant_table, 64, BESIDE >> 12), -22);
	CHECK_EQ(add(XENMAPSPACE_grant_table, 1, ~0ull), -22);
	CHECK_EQ(add(77, 0, 5), -38);
}

static void check_balloon(void)
{
	uint64_t gfn = gfn_of(scratch[4]);
	struct xen_memory_reservation r = { .extent_start = (uint64_t)&gfn,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	domid_t self = DOMID_SELF;
	int64_t before =
		hypercall_op(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self);

	scratch[4][0] = 9;
	CHECK_EQ(before, 4095); /* one went above */
	CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r),
		 1);
	CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_current_reservation, &self),
		 before - 1);
	CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r), 1);
	CHECK_EQ(((volatile uint8_t *)scratch[4])[0], 0);
}

void guest_main(void)
{
	struct shared_info *s = shared_info();

	s->evtchn_mask[0] = 123;
	CHECK_EQ(add(XENMAPSPACE_shared_info, 0, gfn_of(scratch[5])), 0);
	CHECK_EQ(((struct shared_info *)scratch[5])->evtchn_mask[0], 123);
	check_frames();
	/* the table that was removed above is in no place now; it can have one again */
	CHECK_EQ(add(XENMAPSPACE_grant_table, 0, gfn_of(scratch[2])), 0);
	check_balloon();
}
