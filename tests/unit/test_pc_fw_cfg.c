/* SPDX-License-Identifier: MIT */
/* Firmware configuration, as a firmware reads it, byte by byte and by DMA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "backends/pc/fw_files.h"
#include "tests/lib/fakepc.h"

#define BLOCK 0x1000u
#define DATA  0x2000u

static struct fakepc *f;
static struct fw_cfg *c;

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

static void choose(unsigned key)
{
	fakepc_out(f, 0x510, 2, key);
}

static void read_bytes(void *to, size_t n)
{
	uint8_t *p = to;

	while (n--)
		*p++ = (uint8_t)fakepc_in(f, 0x511, 1);
}

/* A transfer; its control word afterwards. */
static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
	const uint32_t block[2] = { htobe32(control), htobe32(length) };
	uint32_t done;

	address = htobe64(address);
	memcpy(f->ram + BLOCK, block, sizeof(block));
	memcpy(f->ram + BLOCK + 8, &address, sizeof(address));
	fakepc_out(f, 0x514, 4, 0);
	fakepc_out(f, 0x518, 4, htobe32(BLOCK));
	memcpy(&done, f->ram + BLOCK, sizeof(done));
	return be32toh(done);
}

/* A file's key by the directory, or 0; its size. */
static unsigned lookup(const char *name, uint32_t *size)
{
	uint32_t n;

	choose(0x19);
	read_bytes(&n, sizeof(n));
	for (n = be32toh(n); n; n--) {
		struct {
			uint32_t size;
			uint16_t key, reserved;
			char name[56];
		} e;

		read_bytes(&e, sizeof(e));
		*size = be32toh(e.size);
		if (!strcmp(e.name, name))
			return be16toh(e.key);
	}
	return 0;
}

static void test_ports(void **state)
{
	char text[8] = "";
	uint32_t id;

	(void)state;
	choose(0);
	read_bytes(text, 6);
	assert_memory_equal(text, "QEMU\0\0", 6);
	choose(1);
	read_bytes(&id, sizeof(id));
	assert_int_equal(id, 3);
	assert_int_equal(fakepc_in(f, 0x511, 1), 0);
	choose(0x7777);
	assert_int_equal(fakepc_in(f, 0x511, 1), 0);
	assert_int_equal(fakepc_in(f, 0x511, 2), 0xffff);
	assert_int_equal(fakepc_in(f, 0x510, 2), 0xffff);
	*(uint32_t *)(void *)text = fakepc_in(f, 0x514, 4);
	*(uint32_t *)(void *)(text + 4) = fakepc_in(f, 0x518, 4);
	assert_memory_equal(text, "QEMU CFG", 8);
	choose(0);
	(void)fakepc_in(f, 0x511, 1);
	fakepc_cycle(f, (struct pcdev *)c);
	assert_int_equal(fakepc_in(f, 0x511, 1), 'E');
	pcbus_reset(&f->bus);
	assert_int_equal(fakepc_in(f, 0x511, 1), 'Q');
}

static void test_files(void **state)
{
	char name[FW_CFG_NAME + 1];
	uint32_t size = 0;
	unsigned a, n;
	uint8_t byte = 9;

	(void)state;
	assert_int_equal(lookup("a", &size), 0);
	assert_int_equal(fw_cfg_add_file(c, "a", "text", 4), 0);
	assert_int_equal(fw_cfg_add_file(c, "a", "text", 4), -EEXIST);
	assert_int_equal(fw_cfg_add_file(c, "", "text", 4), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[FW_CFG_NAME] = 0;
	assert_int_equal(fw_cfg_add_file(c, name, "", 0), -EINVAL);
	name[FW_CFG_NAME - 1] = 0;
	assert_int_equal(fw_cfg_add_file(c, name, "", 0), 0);
	a = lookup("a", &size);
	assert_int_equal(size, 4);
	assert_in_range(a, 0x20, 0x3fff);
	assert_int_equal(lookup(name, &size), a + 1);
	assert_int_equal(size, 0);
	choose(a);
	assert_int_equal(fakepc_in(f, 0x511, 1), 't');
	assert_int_equal(fw_cfg_add(c, FW_CFG_CPUS, &byte, 1), 0);
	assert_int_equal(fw_cfg_add(c, FW_CFG_CPUS, &byte, 1), -EEXIST);
	choose(FW_CFG_CPUS);
	assert_int_equal(fakepc_in(f, 0x511, 1), 9);
	for (n = 0; n < FW_CFG_ITEMS; n++) {
		name[0] = (char)('!' + n);
		name[1] = 0;
		if (fw_cfg_add_file(c, name, "", 0))
			break;
	}
	assert_int_equal(n, FW_CFG_ITEMS - 6);
	assert_int_equal(lookup("!", &size), a + 2);
}

static void test_dma(void **state)
{
	(void)state;
	assert_int_equal(fw_cfg_add_file(c, "a", "0123456789", 10), 0);
	memset(f->ram + DATA, 0xff, 32);
	/* select, read more than there is */
	assert_int_equal(dma(0x20 << 16 | 0x0a, 12, DATA), 0);
	assert_memory_equal(f->ram + DATA, "0123456789\0\0\xff", 13);
	assert_int_equal(dma(0x20 << 16 | 0x0c, 7, 0), 0);
	assert_int_equal(dma(0x02, 2, DATA), 0);
	assert_memory_equal(f->ram + DATA, "78", 2);
	assert_int_equal(fakepc_in(f, 0x511, 1), '9');
	assert_int_equal(dma(0x04, UINT32_MAX, 0), 0);
	assert_int_equal(dma(0x04, UINT32_MAX, 0), 0);
	assert_int_equal(fakepc_in(f, 0x511, 1), 0);
	/* nothing to do, read only, not RAM, too much */
	assert_int_equal(dma(0, 5, DATA), 0);
	assert_int_equal(dma(0x20 << 16 | 0x18, 1, DATA), 1);
	assert_memory_equal(fw_cfg_file(c, "a", NULL), "0123456789", 10);
	assert_int_equal(dma(0x02, 2, FAKEPC_RAM - 1), 1);
	assert_int_equal(dma(0x02, 2, UINT64_MAX), 1);
	f->ram[DATA] = 0x77;
	assert_int_equal(dma(0x02, FW_CFG_DMA_MAX + 1, DATA), 1);
	assert_int_equal(f->ram[DATA], 0x77);
	/* over its own control block: the word is written last */
	assert_int_equal(dma(0x20 << 16 | 0x0a, 16, BLOCK), 0);
	assert_memory_equal(f->ram + BLOCK + 4, "456789", 6);
	/* a block that is nowhere; the high half is of one transfer alone */
	fakepc_out(f, 0x514, 4, htobe32(1));
	fakepc_out(f, 0x518, 4, htobe32(BLOCK));
	assert_memory_equal(f->ram + BLOCK + 4, "456789", 6);
	memcpy(f->ram + BLOCK, "\0\x20\0\x08", 4);
	fakepc_out(f, 0x518, 4, htobe32(BLOCK));
	assert_memory_equal(f->ram + BLOCK, "\0\0\0\0", 4);
	fakepc_out(f, 0x518, 2, 0);
	assert_int_equal(dma(0x20 << 16 | 0x0a, 1, DATA), 0);
	assert_int_equal(f->ram[DATA], '0');
}

static void test_map(void **state)
{
	const struct fw_machine m = { .acpi = true,
				      .apic = true,
				      .below_4g = 3ull << 30,
				      .above_4g = 1ull << 30,
				      .reserved = 0xfeffc000,
				      .reserved_len = 0x4000,
				      .cpus = 2,
				      .boot_menu = true };
	struct fw_machine bad = m;
	uint8_t map[60];
	uint64_t v[2];
	uint32_t size;
	unsigned key;

	(void)state;
	assert_int_equal(fw_files_add(c, &m), 0);
	key = lookup("etc/e820", &size);
	assert_int_equal(size, 60);
	choose(key);
	read_bytes(map, sizeof(map));
	memcpy(v, map, 16);
	assert_int_equal(v[1], 3ull << 30);
	memcpy(v, map + 20, 16);
	assert_int_equal(v[0], 1ull << 32);
	assert_int_equal(v[1], 1ull << 30);
	assert_int_equal(map[36], 1);
	memcpy(v, map + 40, 16);
	assert_int_equal(v[0], 0xfeffc000);
	assert_int_equal(map[56], 2);
	choose(FW_CFG_CPUS);
	assert_int_equal(fakepc_in(f, 0x511, 1), 2);
	choose(FW_CFG_BOOT_MENU);
	assert_int_equal(fakepc_in(f, 0x511, 1), 1);
	assert_true(lookup("etc/table-loader", &size) && size % 128 == 0);
	assert_true(lookup("etc/smbios/smbios-anchor", &size) && size == 31);
	assert_int_equal(fw_files_add(c, &m), -EEXIST);
	bad.cpus = 0;
	assert_int_equal(fw_files_add(c, &bad), -EINVAL);
	bad.below_4g = 1ull << 32;
	assert_int_equal(fw_files_e820(c, &bad), -EINVAL);
}

static void test_bootorder(void **state)
{
	static const char *const paths[] = { "/a/b@1", "/c" };
	static char longest[5000];
	const char *const much[] = { longest };
	size_t len;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	assert_int_equal(fw_files_bootorder(c, much, 1), -ENOSPC);
	assert_int_equal(fw_files_bootorder(c, paths, 2), 0);
	assert_string_equal(fw_cfg_file(c, "bootorder", &len), "/a/b@1\n/c");
	assert_int_equal(len, 10);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_ports), T(test_files), T(test_dma), T(test_map), T(test_bootorder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
