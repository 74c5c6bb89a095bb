/* SPDX-License-Identifier: MIT */
/* ACPI tables as a guest walks them, and the CPU model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/kvm/acpi.h"
#include "hv/kvm/cpuid.h"

#define GPA  0xfeff8000ull
#define SIZE 4096u

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

static uint64_t get(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

/* A table by its address: inside, its own length inside, its sum zero. */
static const uint8_t *table(const uint8_t *buf, int len, uint64_t gpa, const char *name)
{
	const uint8_t *t = buf + (gpa - GPA);

	assert_true(gpa >= GPA && gpa + 36 <= GPA + (uint64_t)len);
	assert_memory_equal(t, name, 4);
	assert_true(gpa + get(t + 4, 4) <= GPA + (uint64_t)len);
	assert_int_equal(sum(t, get(t + 4, 4)), 0);
	return t;
}

static void test_tables(void **state)
{
	uint8_t buf[SIZE];

	(void)state;
	for (unsigned vcpus = 1; vcpus <= VM_MAX_VCPUS; vcpus++) {
		int len = acpi_build(buf, sizeof(buf), GPA, vcpus);
		const uint8_t *xsdt, *fadt, *dsdt, *madt;

		assert_true(len > 0 && len <= (int)SIZE);
		assert_memory_equal(buf, "RSD PTR ", 8);
		assert_int_equal(sum(buf, 20), 0);
		assert_int_equal(sum(buf, 36), 0);
		xsdt = table(buf, len, get(buf + 24, 8), "XSDT");
		assert_int_equal(get(xsdt + 4, 4), 36 + 16);
		fadt = table(buf, len, get(xsdt + 36, 8), "FACP");
		madt = table(buf, len, get(xsdt + 44, 8), "APIC");
		dsdt = table(buf, len, get(fadt + 140, 8), "DSDT");
		assert_int_equal(get(fadt + 40, 4), get(fadt + 140, 8));
		assert_true(get(fadt + 112, 4) & 1u << 20); /* hardware reduced */
		assert_int_equal(get(fadt + 244 + 4, 8), ACPI_SLEEP_PORT);
		assert_int_equal(get(dsdt + 4, 4), 36 + 16);
		assert_int_equal(get(madt + 4, 4), 44 + 8 * vcpus);
		for (unsigned i = 0; i < vcpus; i++) {
			const uint8_t *l = madt + 44 + 8 * i;

			assert_int_equal(l[0], 0);
			assert_int_equal(l[1], 8);
			assert_int_equal(l[3], i);
			assert_int_equal(l[4], 1);
		}
	}
	assert_int_equal(acpi_build(buf, 200, GPA, 1), -ENOSPC);
	assert_int_equal(acpi_build(buf, SIZE, UINT32_MAX, 1), -ENOSPC);
}

static const struct kvm_cpuid_entry2 *find(const struct cpuid_table *t, uint32_t fn,
					   uint32_t index)
{
	for (unsigned i = 0; i < t->nent; i++)
		if (t->entry[i].function == fn && t->entry[i].index == index)
			return &t->entry[i];
	return NULL;
}

/* A host that can do everything, one that can do nothing. */
static void host_fill(struct cpuid_table *t, uint32_t bits)
{
	static const uint32_t leaves[][2] = {
		{ 0, 0 },	   { 1, 0 },	      { 4, 0 },
		{ 7, 0 },	   { 7, 1 },	      { 0xa, 0 },
		{ 0xd, 0 },	   { 0xd, 1 },	      { 0xd, 2 },
		{ 0xd, 9 },	   { 0x12, 0 },	      { 0x14, 0 },
		{ 0x40000000, 0 }, { 0x40000001, 0 }, { 0x80000000, 0 },
		{ 0x80000001, 0 }, { 0x80000007, 0 }, { 0x80000008, 0 },
		{ 0x8000000a, 0 }, { 0x8000001f, 0 },
	};

	t->nent = sizeof(leaves) / sizeof(leaves[0]);
	for (unsigned i = 0; i < t->nent; i++)
		t->entry[i] = (struct kvm_cpuid_entry2){ .function = leaves[i][0],
							 .index = leaves[i][1],
							 .eax = bits,
							 .ebx = bits,
							 .ecx = bits,
							 .edx = bits };
}

static void test_cpuid(void **state)
{
	struct cpuid_table *host = calloc(1, sizeof(*host)), *g = calloc(1, sizeof(*g));
	const struct kvm_cpuid_entry2 *e;

	(void)state;
	host_fill(host, UINT32_MAX);
	assert_int_equal(cpuid_policy(host, g, 3, 4, 42, true), 0);
	/* none but the model's: no AVX-512, no TSX, no SVM or VMX, no PMU, no SGX */
	e = find(g, 7, 0);
	assert_int_equal(e->ebx & (1u << 16 | 1u << 4 | 1u << 11), 0);
	assert_int_equal(e->eax, 0);
	assert_int_equal(find(g, 1, 0)->ecx & 1u << 5, 0);
	assert_int_equal(find(g, 0x80000001, 0)->ecx & 1u << 2, 0);
	assert_null(find(g, 0xa, 0));
	assert_null(find(g, 0x12, 0));
	assert_null(find(g, 0x8000000a, 0));
	assert_null(find(g, 0x8000001f, 0));
	assert_null(find(g, 0xd, 9));
	assert_int_equal(find(g, 0xd, 0)->eax, 7);
	/* itself */
	assert_int_equal(find(g, 1, 0)->ebx >> 24, 3);
	assert_int_equal(find(g, 0xb, 1)->ebx, 4);
	assert_int_equal(find(g, 0xb, 0)->edx, 3);
	/* a host's own hypervisor leaves are Xen's now */
	e = find(g, 0x40000000, 0);
	assert_memory_equal(&e->ebx, "XenVMMXenVMM", 12);
	assert_int_equal(find(g, 0x40000001, 0)->eax, 4u << 16 | 17);
	assert_int_equal(find(g, 0x40000004, 0)->eax, 1u << 3 | 1u << 4 | 1u << 6);
	assert_int_equal(find(g, 0x40000004, 0)->ebx, 3);
	assert_int_equal(find(g, 0x40000004, 0)->ecx, 42);
	/* what the host lacks is not shown; but that there is a hypervisor */
	host_fill(host, 0);
	assert_int_equal(cpuid_policy(host, g, 0, 1, 1, true), 0);
	assert_int_equal(find(g, 1, 0)->ecx, 1u << 31);
	assert_int_equal(find(g, 1, 0)->edx, 0);
	assert_int_equal(find(g, 7, 0)->ebx, 0);
	host->nent = CPUID_MAX_ENTRIES;
	for (unsigned i = 0; i < CPUID_MAX_ENTRIES; i++)
		host->entry[i].function = 0xd;
	assert_int_equal(cpuid_policy(host, g, 0, 1, 1, true), -E2BIG);
	free(host);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_cpuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
