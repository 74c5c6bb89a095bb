/* SPDX-License-Identifier: MIT */
/* CPUID leaves, start info, xen_version, and calls that there are not. */
#include "tests/guest/guest.h"

static void check_start_info(void)
{
	const struct hvm_memmap_table_entry *e =
		(const struct hvm_memmap_table_entry *)guest_info->memmap_paddr;
	const char *rsdp = (const char *)guest_info->rsdp_paddr;
	uint64_t ram = 0;

	CHECK_EQ(guest_info->version, 1);
	CHECK_EQ(guest_info->nr_modules, 0);
	for (unsigned i = 0; i < guest_info->memmap_entries; i++)
		if (e[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
			ram += e[i].size;
	CHECK_EQ(ram, (16u << 20) - 0x60000);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(rsdp[i], "RSD PTR "[i]);
}

static void check_cpuid(void)
{
	struct regs r = cpuid(0x40000000);

	CHECK_EQ(r.ebx, 0x566e6558);
	CHECK_EQ(r.ecx, 0x65584d4d);
	CHECK_EQ(r.edx, 0x4d4d566e);
	CHECK(r.eax >= 0x40000004);
	CHECK_EQ(cpuid(0x40000001).eax, 4 << 16 | 17);
	CHECK_EQ(cpuid(0x40000002).eax, 1);
	CHECK_EQ(cpuid(0x40000004).ebx, 0);
	CHECK(cpuid(1).ecx & 1u << 31);
}

void guest_main(void)
{
	struct xen_feature_info f = { .submap_idx = 0 };
	uint8_t *at_end = scratch[1] - 4; /* across two pages */

	check_start_info();
	check_cpuid();
	CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 4 << 16 | 17);
	CHECK_EQ(hypercall_op(__HYPERVISOR_xen_version, XENVER_get_features, &f), 0);
	CHECK(f.submap & 1u << XENFEAT_hvm_callback_vector);
	CHECK(f.submap & 1u << XENFEAT_auto_translated_physmap);
	CHECK_EQ(hypercall_op(__HYPERVISOR_xen_version, XENVER_extraversion, at_end), 0);
	CHECK_EQ(at_end[0], '.');
	CHECK_EQ(at_end[4], 'd');
	CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_pagesize, 0, 0), 4096);
	CHECK_EQ(hypercall(__HYPERVISOR_xen_version, 99, 0, 0), -38);
	CHECK_EQ(hypercall(63, 0, 0, 0), -38);
	CHECK_EQ(hypercall(1000, 0, 0, 0), -38);
	/* where there is no memory, or no mapping */
	CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, 0x80000000, 0),
		 -14);
	CHECK_EQ(hypercall(__HYPERVISOR_xen_version, XENVER_extraversion, 1ull << 40, 0),
		 -14);
}
