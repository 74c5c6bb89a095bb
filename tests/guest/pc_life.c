/* SPDX-License-Identifier: MIT */
/* guest_life.c as a PC's firmware: Xen by its hypercall page, and a shared info page. */
#include "tests/guest/pc.h"

static uint8_t info_page[XEN_PAGE_SIZE] __attribute__((aligned(4096)));
static bool registered;

/* what that guest does is the same here, behind some steps */
void life_main(void);
#define guest_main life_main
#include "tests/guest/guest_life.c"
#undef guest_main

struct shared_info *shared_info(void)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_shared_info,
					.gpfn = gfn_of(info_page) };

	if (!registered)
		CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a),
			 0);
	registered = true;
	return (struct shared_info *)info_page;
}

void shared_info_again(void)
{
	registered = false;
	(void)shared_info();
}

void pc_interrupt(void)
{
}

void guest_main(void)
{
	(void)xen_find();
	life_main();
}
