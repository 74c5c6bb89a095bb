/* SPDX-License-Identifier: MIT */
/* Grants, of which this guest is both ends: mapped, written, copied; and misused. */
#include "tests/guest/guest.h"

#define BESIDE 0x8000000ull /* no RAM there */
#define REF    9u
#define REF_RO 10u

static struct grant_entry_v1 *table;
static domid_t self;

/* A fault in the store below goes on behind it. */
asm("on_fault: addq $8, %rsp\n"
    "addq $3, (%rsp)\n"
    "incl faults(%rip)\n"
    "iretq\n");
void on_fault(void);
uint32_t faults;

static void catch_faults(void)
{
	static struct {
		uint16_t low, selector, type, middle;
		uint32_t high, reserved;
	} idt[32];
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t at = (uint64_t)on_fault;

	idt[13].low = (uint16_t)at;
	idt[13].selector = 8;
	idt[13].type = 0x8e00; /* an interrupt gate */
	idt[13].middle = (uint16_t)(at >> 16);
	idt[13].high = (uint32_t)(at >> 32);
	asm volatile("lidt %0" : : "m"(idtr));
}

static void table_map(void)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_grant_table,
					.gpfn = gfn_of(scratch[0]) };

	CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a), 0);
	table = (struct grant_entry_v1 *)scratch[0];
}

static void grant(uint32_t ref, const void *page, unsigned flags)
{
	table[ref].domid = self;
	table[ref].frame = (uint32_t)gfn_of(page);
	table[ref].flags = (uint16_t)(GTF_permit_access | flags);
}

static struct gnttab_map_grant_ref map(uint32_t ref, uint64_t addr, uint32_t flags)
{
	struct gnttab_map_grant_ref m = {
		.host_addr = addr, .flags = flags, .ref = ref, .dom = self, .status = 77
	};

	CHECK_EQ(hypercall_op(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, &m),
		 0);
	return m;
}

static int unmap(uint32_t handle, uint64_t addr)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = addr,
					    .handle = handle,
					    .status = 77 };

	CHECK_EQ(hypercall_op(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &u),
		 0);
	return u.status;
}

static int copy(uint16_t from, uint16_t to, uint16_t len)
{
	struct gnttab_copy c = {
		.source = { .u.ref = REF, .domid = DOMID_SELF, .offset = from },
		.dest = { .u.gmfn = gfn_of(scratch[5]),
			  .domid = DOMID_SELF,
			  .offset = to },
		.len = len,
		.flags = GNTCOPY_source_gref,
		.status = 77,
	};

	CHECK_EQ(hypercall_op(__HYPERVISOR_grant_table_op, GNTTABOP_copy, &c), 0);
	return c.status;
}

/* What a page at an address is, as the CPU sees it, changes with map and unmap. */
static void check_map(void)
{
	volatile uint32_t *page = (uint32_t *)scratch[2];
	volatile uint32_t *over = (uint32_t *)scratch[3];
	volatile uint32_t *beside = (uint32_t *)BESIDE;
	struct gnttab_map_grant_ref m, n;

	*page = 4711;
	*over = 1111;
	m = map(REF, BESIDE, GNTMAP_host_map);
	CHECK_EQ(m.status, GNTST_okay);
	CHECK_EQ(*beside, 4711);
	*beside = 4712;
	CHECK_EQ(*page, 4712);
	n = map(REF, (uint64_t)scratch[3], GNTMAP_host_map);
	CHECK_EQ(n.status, GNTST_okay);
	CHECK_EQ(*over, 4712);
	CHECK_EQ(unmap(m.handle, BESIDE), GNTST_okay);
	CHECK_EQ(table[REF].flags, GTF_permit_access | GTF_reading | GTF_writing);
	CHECK_EQ(unmap(n.handle, (uint64_t)scratch[3]), GNTST_okay);
	CHECK_EQ(*over, 1111);
	CHECK_EQ(table[REF].flags, GTF_permit_access);
	for (int i = 0; i < 200; i++) {
		m = map(REF, BESIDE, GNTMAP_host_map);
		CHECK_EQ(m.status, GNTST_okay);
		CHECK_EQ(*beside, 4712);
		CHECK_EQ(unmap(m.handle, BESIDE), GNTST_okay);
	}
}

/* A store to what is mapped for reading is a fault, or nothing; it changes no byte. */
static void check_readonly(void)
{
	struct gnttab_map_grant_ref m =
		map(REF_RO, BESIDE, GNTMAP_host_map | GNTMAP_readonly);

	scratch[4][0] = 99;
	CHECK_EQ(m.status, GNTST_okay);
	CHECK_EQ(*(volatile uint8_t *)BESIDE, 99);
	asm volatile("movb $1, (%0)" : : "a"(BESIDE) : "memory");
	CHECK_EQ(*(volatile uint8_t *)BESIDE, 99);
	CHECK(faults <= 1);
	CHECK_EQ(unmap(m.handle, BESIDE), GNTST_okay);
	CHECK_EQ(map(REF_RO, BESIDE, GNTMAP_host_map).status, GNTST_general_error);
}

static void check_copy(void)
{
	scratch[2][10] = 'a';
	scratch[2][11] = 'b';
	CHECK_EQ(copy(10, 20, 2), GNTST_okay);
	CHECK_EQ(((volatile uint8_t *)scratch[5])[20], 'a');
	CHECK_EQ(((volatile uint8_t *)scratch[5])[21], 'b');
	CHECK_EQ(copy(0, 0, 4096), GNTST_okay);
	CHECK_EQ(copy(1, 0, 4096), GNTST_bad_copy_arg);
	CHECK_EQ(copy(0, 1, 4096), GNTST_bad_copy_arg);
	CHECK_EQ(copy(0, 0, 65535), GNTST_bad_copy_arg);
	CHECK_EQ(copy(65535, 65535, 65535), GNTST_bad_copy_arg);
	CHECK_EQ(table[REF].flags, GTF_permit_access);
}

static void check_hostile(void)
{
	static const uint64_t addrs[] = { ~0ull, 1ull << 46, 0xfee00000ull, 1ull << 63 };
	static const uint32_t refs[] = { 11, 32768, 1u << 20, ~0u };

	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(map(REF, addrs[i], GNTMAP_host_map).status, GNTST_general_error);
		CHECK(map(refs[i], BESIDE, GNTMAP_host_map).status < 0);
	}
	CHECK_EQ(map(REF, BESIDE, 0).status, GNTST_bad_gntref);
	CHECK_EQ(map(REF, BESIDE, ~0u).status, GNTST_general_error);
	/* not over the table itself, which then could not be found any more */
	CHECK_EQ(map(REF, (uint64_t)table, GNTMAP_host_map).status, GNTST_general_error);
	CHECK_EQ(unmap(~0u, BESIDE), GNTST_bad_handle);
	CHECK_EQ(unmap(0, BESIDE), GNTST_bad_handle);
	/* a frame that is no memory of the granter's */
	table[11].domid = self;
	table[11].frame = ~0u;
	table[11].flags = GTF_permit_access;
	CHECK_EQ(map(11, BESIDE, GNTMAP_host_map).status, GNTST_bad_page);
	CHECK_EQ(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, ~0ull, 1), -14);
	CHECK_EQ(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, BESIDE,
			   ~0ull),
		 -22);
}

void guest_main(void)
{
	self = (domid_t)cpuid(0x40000004).ecx;
	catch_faults();
	table_map();
	grant(REF, scratch[2], 0);
	grant(REF_RO, scratch[4], GTF_readonly);
	check_map();
	check_readonly();
	check_copy();
	check_hostile();
}
