/* SPDX-License-Identifier: MIT */
/* A guest's memory: bounds, the hole, placed pages, ballooning; and ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/kvm/gmem.h"
#include "hv/kvm/io.h"
#include "hv/kvm/pvh.h"

#define PAGE 4096u
#define HUGE (2u << 20)

static void test_bounds(void **state)
{
	struct gmem m;

	(void)state;
	assert_int_equal(gmem_init(&m, 4097, false, NULL, NULL), -EINVAL);
	assert_int_equal(gmem_init(&m, PAGE, false, NULL, NULL), -EINVAL);
	assert_int_equal(gmem_init(&m, GMEM_MAX_BYTES + PAGE, false, NULL, NULL),
			 -EINVAL);
	assert_int_equal(gmem_init(&m, 4u << 20, false, NULL, NULL), 0);
	assert_non_null(gmem_ptr(&m, 0, 4u << 20));
	assert_null(gmem_ptr(&m, 0, (4u << 20) + 1));
	assert_non_null(gmem_ptr(&m, (4u << 20) - 1, 1));
	assert_null(gmem_ptr(&m, (4u << 20) - 1, 2));
	assert_null(gmem_ptr(&m, 4u << 20, 0));
	assert_null(gmem_ptr(&m, UINT64_MAX, 1));
	assert_null(gmem_ptr(&m, UINT64_MAX - 7, 16));
	assert_null(gmem_ptr(&m, 8, SIZE_MAX));
	assert_int_equal(gmem_write(&m, (4u << 20) - 2, "abc", 3), -EFAULT);
	assert_int_equal(gmem_write(&m, 100, "abc", 3), 0);
	assert_memory_equal(gmem_ptr_ro(&m, 100, 3), "abc", 3);
	gmem_fini(&m);
}

/* More than fits below the hole: two runs, one memfd. */
static void test_hole(void **state)
{
	const uint64_t size = GMEM_HOLE + (64u << 20);
	struct hvm_memmap_table_entry e[PVH_MEMMAP_MAX];
	uint64_t offset = 0, ram = 0;
	struct gmem m;

	(void)state;
	assert_int_equal(gmem_init(&m, size, false, NULL, NULL), 0);
	assert_non_null(gmem_ptr(&m, GMEM_HOLE - 1, 1));
	assert_null(gmem_ptr(&m, GMEM_HOLE - 1, 2));
	assert_null(gmem_ptr(&m, GMEM_HOLE, 1));
	assert_non_null(gmem_ptr(&m, GMEM_HIGH, 64u << 20));
	assert_null(gmem_ptr(&m, GMEM_HIGH, (64u << 20) + 1));
	assert_null(gmem_ptr(&m, GMEM_HIGH - 1, 2));
	assert_non_null(gmem_ptr(&m, GMEM_SPECIAL, GMEM_SPECIAL_SIZE));
	assert_int_equal(gmem_ram_offset(&m, GMEM_HIGH / PAGE + 3, &offset), 0);
	assert_int_equal(offset, GMEM_HOLE + 3 * PAGE);
	assert_int_equal(gmem_ram_offset(&m, GMEM_HOLE / PAGE, &offset), -EFAULT);
	assert_int_equal(gmem_ram_offset(&m, GMEM_SPECIAL / PAGE, &offset), -EFAULT);
	assert_int_equal(gmem_ram_offset(&m, UINT64_MAX, &offset), -EFAULT);
	for (unsigned i = 0; i < pvh_memmap(&m, e); i++)
		if (e[i].type == XEN_HVM_MEMMAP_TYPE_RAM) {
			ram += e[i].size;
			assert_non_null(gmem_ptr(&m, e[i].addr, e[i].size));
		}
	assert_int_equal(ram, size - 0x60000);
	gmem_fini(&m);
}

static int pages_fd(void)
{
	int fd = memfd_create("pages", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	assert_int_equal(pwrite(fd, "second", 6, PAGE), 6);
	return fd;
}

static void test_place(void **state)
{
	const uint64_t beside = 0x8000000 / PAGE + 5; /* no RAM there */
	uint64_t offset;
	struct gmem m;
	int fd = pages_fd();
	char *p;

	(void)state;
	assert_int_equal(gmem_init(&m, 4u << 20, false, NULL, NULL), 0);
	assert_int_equal(gmem_write(&m, 8 * PAGE, "ram", 3), 0);
	/* over RAM, which is there again afterwards */
	assert_int_equal(gmem_place(&m, 8, fd, 1, GMEM_RW), 0);
	p = gmem_ptr(&m, 8 * PAGE, 6);
	assert_memory_equal(p, "second", 6);
	assert_int_equal(gmem_ram_offset(&m, 8, &offset), -EFAULT);
	assert_int_equal(gmem_release(&m, 8, 1), -ENOENT);
	assert_int_equal(gmem_remove(&m, 8), 0);
	assert_int_equal(gmem_remove(&m, 8), -ENOENT);
	assert_memory_equal(gmem_ptr(&m, 8 * PAGE, 3), "ram", 3);
	/* read-only: not for writing, and neither is a range that touches it */
	assert_int_equal(gmem_place(&m, 9, fd, 1, GMEM_RO), 0);
	assert_null(gmem_ptr(&m, 9 * PAGE, 1));
	assert_null(gmem_ptr(&m, 9 * PAGE - 1, 2));
	assert_null(gmem_ptr(&m, 8 * PAGE, 3 * PAGE));
	assert_non_null(gmem_ptr_ro(&m, 8 * PAGE, 3 * PAGE));
	/* beside RAM: the page and nothing around it */
	assert_null(gmem_ptr(&m, beside * PAGE, 1));
	assert_int_equal(gmem_place(&m, beside, fd, 1, GMEM_RW), 0);
	assert_memory_equal(gmem_ptr(&m, beside * PAGE, 6), "second", 6);
	assert_null(gmem_ptr_ro(&m, beside * PAGE - 1, 1));
	assert_null(gmem_ptr_ro(&m, (beside + 1) * PAGE, 1));
	assert_null(gmem_ptr_ro(&m, beside * PAGE, PAGE + 1));
	assert_int_equal(gmem_remove(&m, beside), 0);
	assert_null(gmem_ptr_ro(&m, beside * PAGE, 1));
	/* nowhere else */
	assert_int_equal(gmem_place(&m, UINT64_MAX, fd, 0, GMEM_RW), -EINVAL);
	assert_int_equal(gmem_place(&m, 1ull << 40, fd, 0, GMEM_RW), -EINVAL);
	assert_int_equal(gmem_place(&m, GMEM_SPECIAL / PAGE, fd, 0, GMEM_RW), -EINVAL);
	assert_int_equal(gmem_place(&m, 0xfee00000u / PAGE, fd, 0, GMEM_RW), -EINVAL);
	assert_int_equal(gmem_remove(&m, GMEM_SPECIAL / PAGE), -ENOENT);
	gmem_fini(&m);
	close(fd);
}

/* A guest that places pages all over ends at a bound, not at the host's memory. */
static void test_place_everywhere(void **state)
{
	unsigned placed = 0;
	struct gmem m;
	int fd = pages_fd(), err = 0;

	(void)state;
	assert_int_equal(gmem_init(&m, 4u << 20, false, NULL, NULL), 0);
	for (uint64_t i = 2; i < 200 && !err; i++) {
		err = gmem_place(&m, (GMEM_HIGH + i * GMEM_CHUNK) / PAGE, fd, 0, GMEM_RW);
		placed += !err;
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(placed, GMEM_MAX_REGIONS - 2);
	gmem_fini(&m);
	close(fd);
}

static void test_balloon(void **state)
{
	struct gmem m;
	int fd = pages_fd();

	(void)state;
	assert_int_equal(gmem_init(&m, 4u << 20, false, NULL, NULL), 0);
	assert_int_equal(gmem_write(&m, 3 * PAGE, "old", 3), 0);
	assert_int_equal(gmem_populate(&m, 3, 1), -ENOENT);
	assert_int_equal(gmem_release(&m, 3, 1), 0);
	assert_int_equal(gmem_release(&m, 3, 1), -ENOENT);
	assert_null(gmem_ptr_ro(&m, 3 * PAGE, 1));
	/* a page over one that was given away: it stays given away */
	assert_int_equal(gmem_place(&m, 3, fd, 1, GMEM_RW), 0);
	assert_int_equal(gmem_populate(&m, 3, 1), -ENOENT);
	assert_int_equal(gmem_place(&m, 3, fd, 0, GMEM_RW), 0);
	assert_int_equal(gmem_remove(&m, 3), 0);
	assert_null(gmem_ptr_ro(&m, 3 * PAGE, 1));
	assert_int_equal(gmem_populate(&m, 3, 1), 0);
	assert_memory_equal(gmem_ptr(&m, 3 * PAGE, 3), "\0\0\0", 3);
	assert_int_equal(gmem_release(&m, UINT64_MAX, 1), -ENOENT);
	assert_int_equal(gmem_release(&m, GMEM_SPECIAL / PAGE, 1), -ENOENT);
	assert_int_equal(gmem_release(&m, (4u << 20) / PAGE, 1), -ENOENT);
	gmem_fini(&m);
	close(fd);
}

/* Several pages at once, across the hole as well as not. */
static void test_balloon_range(void **state)
{
	const uint64_t size = GMEM_HOLE + (64u << 20), high = GMEM_HIGH / PAGE;
	struct gmem m;

	(void)state;
	assert_int_equal(gmem_init(&m, size, false, NULL, NULL), 0);
	assert_int_equal(gmem_release(&m, GMEM_HOLE / PAGE - 4, 8), -ENOENT);
	assert_int_equal(gmem_release(&m, high, 0), -ENOENT);
	assert_int_equal(gmem_release(&m, 1, UINT64_MAX), -ENOENT);
	memset(gmem_ptr(&m, GMEM_HIGH, 8 * PAGE), 7, 8 * PAGE);
	memset(gmem_ptr(&m, GMEM_HOLE - 4 * PAGE, 4 * PAGE), 7, 4 * PAGE);
	assert_int_equal(gmem_resident(&m), 12 * PAGE);
	assert_int_equal(gmem_release(&m, high, 4), 0);
	assert_int_equal(gmem_resident(&m), 8 * PAGE);
	assert_int_equal(gmem_release(&m, high + 3, 2), -ENOENT);
	/* hidden: it keeps its content until it is given away */
	assert_int_equal(gmem_hide(&m, high + 4, 4), 0);
	assert_null(gmem_ptr_ro(&m, GMEM_HIGH + 4 * PAGE, 1));
	assert_int_equal(gmem_resident(&m), 8 * PAGE);
	assert_int_equal(gmem_punch(&m, high + 4), 0);
	assert_int_equal(gmem_resident(&m), 7 * PAGE);
	assert_int_equal(gmem_punch(&m, high + 8), -ENOENT);
	assert_int_equal(gmem_hide(&m, high + 4, 1), -ENOENT);
	assert_int_equal(gmem_populate(&m, high + 6, 3), -ENOENT);
	assert_int_equal(gmem_populate(&m, high, 8), 0);
	assert_memory_equal(gmem_ptr_ro(&m, GMEM_HIGH + 7 * PAGE, 2), "\0\0", 2);
	/* guest and host addresses agree in what a huge page needs */
	for (unsigned i = 0; i < m.n; i++)
		assert_int_equal(((uintptr_t)m.region[i].hva ^ m.region[i].gpa) % HUGE,
				 0);
	gmem_fini(&m);
}

static uint64_t read_at(void *arg, uint64_t at, unsigned size)
{
	*(unsigned *)arg += size;
	return 0x1234560000ull + at;
}

static void test_io(void **state)
{
	static const struct io_ops ops = { read_at, NULL };
	struct io_table t = { .n = 0 };
	uint8_t buf[16] = { 0 };
	unsigned sum = 0;

	(void)state;
	assert_int_equal(io_add(&t, 0x100, 0x107, &ops, &sum), 0);
	assert_int_equal(io_add(&t, 0x107, 0x108, &ops, &sum), -EEXIST);
	io_access(&t, 0x103, false, buf, 2);
	assert_memory_equal(buf, "\x03\x00\x00", 3);
	assert_int_equal(sum, 2);
	io_access(&t, 0x108, false, buf, 4);
	assert_memory_equal(buf, "\xff\xff\xff\xff\x00", 5);
	io_access(&t, 0x100, false, buf, 16); /* no size of an access */
	assert_int_equal(buf[15], 0xff);
	io_access(&t, 0x100, true, buf, 4); /* takes no writes */
	assert_int_equal(sum, 2);
	/* who has the rest, by whole addresses; and a range that goes */
	t.rest = &ops;
	t.rest_arg = &sum;
	io_access(&t, 0x208, false, buf, 1);
	assert_int_equal(buf[0], 8);
	assert_int_equal(sum, 3);
	io_del(&t, 0x101);
	assert_int_equal(t.n, 1);
	io_del(&t, 0x100);
	assert_int_equal(t.n, 0);
	assert_int_equal(io_add(&t, 0x107, 0x108, &ops, &sum), 0);
}

/* A PC: nothing where its screen is, firmware that is read alone. */
static void test_pc(void **state)
{
	int fd = memfd_create("rom", MFD_CLOEXEC);
	uint64_t offset;
	struct gmem m;

	(void)state;
	assert_true(fd >= 0 && !ftruncate(fd, 2 * PAGE));
	assert_int_equal(gmem_init(&m, 4u << 20, true, NULL, NULL), 0);
	assert_non_null(gmem_ptr(&m, GMEM_VGA - PAGE, PAGE));
	assert_null(gmem_ptr_ro(&m, GMEM_VGA - 1, 2));
	assert_null(gmem_ptr_ro(&m, GMEM_VGA, 1));
	assert_null(gmem_ptr_ro(&m, GMEM_ROMS - 1, 1));
	assert_non_null(gmem_ptr(&m, GMEM_ROMS, GMEM_ROMS_END - GMEM_ROMS));
	assert_null(gmem_ptr(&m, GMEM_ROMS_END - 1, 2)); /* two pieces */
	assert_non_null(gmem_ptr(&m, GMEM_ROMS_END, (4u << 20) - GMEM_ROMS_END));
	assert_int_equal(gmem_ram_offset(&m, GMEM_ROMS / PAGE, &offset), 0);
	assert_int_equal(offset, GMEM_ROMS);
	assert_int_equal(gmem_add_rom(&m, GMEM_HIGH - 2 * PAGE, 2 * PAGE, fd), 0);
	assert_int_equal(pwrite(fd, "rom", 3, PAGE), 3);
	assert_memory_equal(gmem_ptr_ro(&m, GMEM_HIGH - PAGE, PAGE), "rom", 3);
	assert_null(gmem_ptr(&m, GMEM_HIGH - PAGE, 1));
	assert_int_equal(gmem_write(&m, GMEM_HIGH - PAGE, "x", 1), -EFAULT);
	assert_true(m.region[m.n - 1].rom);
	/* nothing is placed over it, the screen or the APICs; elsewhere in the hole 16
	 * MiB around it are no MMIO any more */
	assert_int_equal(gmem_place(&m, GMEM_HIGH / PAGE - 1, fd, 1, GMEM_RW), -EINVAL);
	assert_int_equal(gmem_place(&m, GMEM_VGA / PAGE, fd, 1, GMEM_RW), -EINVAL);
	assert_int_equal(gmem_place(&m, GMEM_PC_DEVICES / PAGE, fd, 1, GMEM_RW), -EINVAL);
	assert_int_equal(gmem_place(&m, 0xfd123, fd, 1, GMEM_RW), 0);
	assert_int_equal(m.region[m.n - 1].gpa, 0xfd000000);
	assert_int_equal(m.region[m.n - 1].size, GMEM_PC_CHUNK);
	assert_memory_equal(gmem_ptr(&m, 0xfd123000, PAGE), "rom", 3);
	assert_int_equal(gmem_place(&m, GMEM_PC_DEVICES / PAGE - 1, fd, 1, GMEM_RW), 0);
	assert_int_equal(m.region[m.n - 1].gpa + m.region[m.n - 1].size, GMEM_PC_DEVICES);
	gmem_fini(&m);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),	cmocka_unit_test(test_hole),
		cmocka_unit_test(test_place),	cmocka_unit_test(test_place_everywhere),
		cmocka_unit_test(test_balloon), cmocka_unit_test(test_balloon_range),
		cmocka_unit_test(test_io),	cmocka_unit_test(test_pc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
