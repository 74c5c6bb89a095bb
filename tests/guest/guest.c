/* SPDX-License-Identifier: MIT */
/* What every microguest is linked with that Xen starts. */
#include "tests/guest/guest.h"

const struct hvm_start_info *guest_info;
static uint8_t info_page[XEN_PAGE_SIZE] __attribute__((aligned(4096)));
static bool by_port, amd;

int64_t hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	register uint64_t r10 asm("r10") = 0;
	register uint64_t r8 asm("r8") = 0;

	if (by_port)
		asm volatile("out %%eax, $0xf4"
			     : "+a"(nr), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			     :
			     : "memory", "r9", "r11", "rcx");
	else if (amd)
		asm volatile("vmmcall"
			     : "+a"(nr), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			     :
			     : "memory", "r9", "r11", "rcx");
	else
		asm volatile("vmcall"
			     : "+a"(nr), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			     :
			     : "memory", "r9", "r11", "rcx");
	return (int64_t)nr;
}

static bool registered;

void shared_info_again(void)
{
	registered = false;
	(void)shared_info();
}

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

/* The command line's first letter says how to call: p, by the port. */
void guest_start(const struct hvm_start_info *info);
void guest_start(const struct hvm_start_info *info)
{
	guest_info = info;
	by_port = *(const char *)info->cmdline_paddr == 'p';
	amd = cpuid(0).ebx == 0x68747541;
	CHECK(info->magic == XEN_HVM_START_MAGIC_VALUE);
	guest_main();
	guest_end(SHUTDOWN_poweroff);
}
