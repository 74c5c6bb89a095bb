/* SPDX-License-Identifier: MIT */
/*
 * ACPI and SMBIOS tables after a firmware's work: the loader's commands are carried out
 * here, then the tables are walked as a guest does. With a folder as argument, they are
 * written there as files for test_pc_tables.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/aml.h"
#include "backends/pc/fw_files.h"
#include "tests/lib/fakepc.h"

#define TABLES_AT 0x100000u
#define RSDP_AT	  0xf5000u

static const struct fw_machine machine = { .acpi = true,
					   .apic = true,
					   .below_4g = 2ull << 30,
					   .above_4g = 40ull << 30,
					   .cpus = 3,
					   .floppy = true,
					   .com2 = true,
					   .name = "guest1",
					   .uuid = { 0xaa, 1, 2, 3, 4, 5, 6, 7, 8 } };
static struct fakepc *f;
static struct fw_cfg *c;
static const char *folder;

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(false);
	c = fw_cfg_new(&f->bus);
	return c ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

static uint32_t get(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static void keep(const char *name, const void *data, size_t len)
{
	char path[4096];
	FILE *file;

	if (!folder)
		return;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* Where the firmware puts a file */
static uint32_t place(const char *name, size_t *len)
{
	assert_non_null(fw_cfg_file(c, name, len));
	return strcmp(name, "etc/acpi/rsdp") ? TABLES_AT : RSDP_AT;
}

static void add(uint32_t at, unsigned size, uint32_t value)
{
	const uint32_t v = get(f->ram + at, size) + value;

	memcpy(f->ram + at, &v, size);
}

static void load(void)
{
	size_t len, n;
	const uint8_t *p = fw_cfg_file(c, "etc/table-loader", &len);

	assert_non_null(p);
	assert_int_equal(len % 128, 0);
	for (; len; p += 128, len -= 128) {
		const char *one = (const char *)p + 4, *two = (const char *)p + 60;
		const uint8_t *arg = p + 60;
		const uint32_t at = place(one, &n);

		switch (get(p, 4)) {
		case 1:
			memcpy(f->ram + at, fw_cfg_file(c, one, &n), n);
			assert_int_equal(at % get(arg, 4), 0);
			assert_in_range(arg[4], 1, 2);
			break;
		case 2:
			arg += 56;
			assert_true(get(arg, 4) + 4 <= n);
			assert_int_equal(arg[4], 4);
			add(at + get(arg, 4), 4, place(two, &n));
			break;
		case 3:
			assert_true(get(arg, 4) < n &&
				    get(arg + 4, 4) + get(arg + 8, 4) <= n);
			add(at + get(arg, 4), 1,
			    -(uint32_t)sum(f->ram + at + get(arg + 4, 4),
					   get(arg + 8, 4)));
			break;
		default:
			fail();
		}
	}
}

static const uint8_t *table(uint32_t at, const char *name)
{
	const uint8_t *t = f->ram + at;

	assert_in_range(at, TABLES_AT, FAKEPC_RAM - 36);
	assert_memory_equal(t, name, 4);
	assert_true(get(t + 4, 4) <= FAKEPC_RAM - at);
	if (strcmp(name, "FACS") != 0)
		assert_int_equal(sum(t, get(t + 4, 4)), 0);
	keep(name, t, get(t + 4, 4));
	return t;
}

static void madt_check(const uint8_t *madt)
{
	const uint8_t *p = madt + 44, *end = madt + get(madt + 4, 4);
	unsigned seen[5] = { 0 };

	assert_int_equal(get(madt + 36, 4), 0xfee00000);
	for (; p < end; p += p[1]) {
		assert_in_range(p[0], 0, 4);
		assert_true(p[1]);
		if (p[0] == 0)
			assert_int_equal(p[3], seen[0]);
		if (p[0] == 2 && p[3] == 0)
			assert_int_equal(get(p + 4, 4), 2);
		if (p[0] == 2 && p[3])
			assert_int_equal(get(p + 4, 4), p[3]);
		seen[p[0]]++;
	}
	assert_ptr_equal(p, end);
	assert_int_equal(seen[0], machine.cpus);
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], 5);
	assert_int_equal(seen[4], 1);
}

static void test_tables(void **state)
{
	const uint8_t *rsdp, *rsdt, *fadt;

	(void)state;
	assert_int_equal(fw_files_acpi(c, &machine), 0);
	load();
	rsdp = f->ram + RSDP_AT;
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(rsdp[15], 0);
	rsdt = table(get(rsdp + 16, 4), "RSDT");
	assert_int_equal(get(rsdt + 4, 4), 36 + 8);
	fadt = table(get(rsdt + 36, 4), "FACP");
	madt_check(table(get(rsdt + 40, 4), "APIC"));
	assert_int_equal(get(fadt + 4, 4), 116);
	assert_int_equal(get(fadt + 46, 2), 9);
	assert_int_equal(get(fadt + 48, 4), 0xb2);
	assert_int_equal(get(fadt + 56, 4), FW_PM_BASE);
	assert_int_equal(get(fadt + 76, 4), FW_PM_BASE + 8);
	assert_int_equal(get(fadt + 80, 4), FW_GPE_BASE);
	assert_int_equal(fadt[108], 0x32);
	table(get(fadt + 36, 4), "FACS");
	assert_int_equal(get(fadt + 36, 4) % 64, 0);
	table(get(fadt + 40, 4), "DSDT");
}

static void test_many(void **state)
{
	struct fw_machine m = machine;

	(void)state;
	m.cpus = FW_MAX_CPUS + 1;
	assert_int_equal(fw_files_acpi(c, &m), -EINVAL);
	m.cpus = FW_MAX_CPUS;
	assert_int_equal(fw_files_acpi(c, &m), 0);
	load();
}

/* Lengths around where their encoding gets longer; what finds no room */
static void test_aml(void **state)
{
	static uint8_t buf[8192];

	(void)state;
	for (unsigned n = 0; n < 5000; n++) {
		struct aml a = { .buf = buf, .size = sizeof(buf) };
		unsigned bytes, length;

		aml_block(&a, AML_IF);
		for (unsigned i = 0; i < n; i++)
			aml_byte(&a, 0xa3);
		aml_end(&a);
		assert_false(a.bad);
		bytes = buf[1] >> 6;
		length = bytes ? buf[1] & 15 : buf[1] & 63;
		for (unsigned i = 0; i < bytes; i++)
			length |= (unsigned)buf[2 + i] << (4 + 8 * i);
		assert_int_equal(length, 1 + bytes + n);
		assert_int_equal(a.len, 1 + length);
		/* the shortest form */
		assert_int_equal(bytes, length < 64 ? 0 : length < 4096 ? 1 : 2);
		a = (struct aml){ .buf = buf, .size = length };
		aml_block(&a, AML_IF);
		for (unsigned i = 0; i < n; i++)
			aml_byte(&a, 0xa3);
		aml_end(&a);
		assert_true(a.bad);
	}
}

static void test_smbios(void **state)
{
	static const unsigned once[6] = { 0, 1, 3, 16, 32, 127 };
	size_t len, size;
	const uint8_t *ep, *p, *start;
	unsigned seen[128] = { 0 }, n = 0, largest = 0;
	uint64_t ram = 0;

	(void)state;
	assert_int_equal(fw_files_smbios(c, &machine), 0);
	ep = fw_cfg_file(c, "etc/smbios/smbios-anchor", &size);
	start = p = fw_cfg_file(c, "etc/smbios/smbios-tables", &len);
	assert_int_equal(size, 31);
	assert_memory_equal(ep, "_SM_", 4);
	assert_int_equal(get(ep + 22, 2), len);
	while (p < start + len) {
		const uint8_t *s = p;

		assert_in_range(s[0], 0, 127);
		seen[s[0]]++;
		if (s[0] == 17)
			ram += get(s + 12, 2);
		if (s[0] == 1)
			assert_memory_equal(s + 8, machine.uuid, 16);
		for (p += s[1]; p[0] || p[1]; p++)
			assert_true(p + 2 < start + len);
		p += 2;
		largest = p - s > largest ? (unsigned)(p - s) : largest;
		n++;
	}
	assert_ptr_equal(p, start + len);
	assert_int_equal(get(ep + 28, 2), n);
	assert_int_equal(get(ep + 8, 2), largest);
	assert_int_equal(ram, 42 * 1024);
	assert_int_equal(seen[4], 3);
	assert_int_equal(seen[17], 3);
	assert_int_equal(seen[19], 2);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(seen[once[i]], 1);
	keep("smbios", start, len);
	keep("anchor", ep, size);
}

static void test_smbios_large(void **state)
{
	struct fw_machine m = machine;

	(void)state;
	m.above_4g = 1ull << 50;
	assert_int_equal(fw_files_smbios(c, &m), -ENOSPC);
	m.above_4g = 4ull << 40;
	m.cpus = FW_MAX_CPUS;
	m.name = NULL;
	assert_int_equal(fw_files_smbios(c, &m), 0);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_tables), T(test_many),	      T(test_aml),
		T(test_smbios), T(test_smbios_large),
	};

	folder = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
