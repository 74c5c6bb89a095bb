/* SPDX-License-Identifier: MIT */
/* Kernels: every kind that loads, and what must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/kvm/image.h"
#include "tests/lib/kimage.h"

#define RAM (4u << 20)

static struct gmem mem;

static int setup(void **state)
{
	(void)state;
	return gmem_init(&mem, RAM, false, NULL, NULL);
}

static int teardown(void **state)
{
	(void)state;
	gmem_fini(&mem);
	return 0;
}

/* Through a file, as the program does it. */
static int load(const uint8_t *data, size_t len, struct kernel *k, const char **why)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC), err;
	struct image img;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(image_open(&img, fd), 0);
	*why = NULL;
	err = kernel_load(&mem, &img, k, why);
	close(fd);
	if (err) {
		assert_true(err < 0);
		assert_non_null(*why);
		assert_true(strlen(*why) > 5);
	}
	return err;
}

static void check_loaded(const struct kernel *k)
{
	const uint8_t *p = gmem_ptr_ro(&mem, KIMAGE_PADDR, 2 * KIMAGE_TEXT);

	assert_int_equal(k->entry, KIMAGE_ENTRY);
	assert_int_equal(k->start, KIMAGE_PADDR);
	assert_int_equal(k->end, KIMAGE_PADDR + 2 * KIMAGE_TEXT);
	assert_non_null(p);
	for (unsigned i = 0; i < KIMAGE_TEXT; i++) {
		assert_int_equal(p[i], i);
		assert_int_equal(p[KIMAGE_TEXT + i], 0);
	}
	memset(gmem_ptr(&mem, KIMAGE_PADDR, KIMAGE_TEXT), 0, KIMAGE_TEXT);
}

static void test_elf(void **state)
{
	uint8_t buf[KIMAGE_MAX];
	struct kernel k;
	const char *why;

	(void)state;
	for (int is64 = 0; is64 < 2; is64++) {
		size_t len = kimage_elf(buf, is64);

		assert_int_equal(load(buf, len, &k, &why), 0);
		check_loaded(&k);
		/* cut anywhere, it is refused */
		for (size_t cut = 0; cut < len; cut++)
			assert_true(load(buf, cut, &k, &why) < 0);
	}
}

static void test_packed(void **state)
{
	uint8_t elf[KIMAGE_MAX], packed[2 * KIMAGE_MAX], bz[4 * KIMAGE_MAX];
	size_t len = kimage_elf(elf, true);
	struct kernel k;
	const char *why;

	(void)state;
	for (int p = 0; p < KIMAGE_PACKERS; p++) {
		size_t n = kimage_pack((enum kimage_packer)p, elf, len, packed);
		size_t total = kimage_bz(packed, n, bz);

		assert_int_equal(load(bz, total, &k, &why), 0);
		check_loaded(&k);
		for (size_t cut = 0; cut < total; cut += cut < total - 64 ? 13 : 1)
			assert_true(load(bz, cut, &k, &why) < 0);
	}
}

/* A gzip'ed ELF without a bzImage around it, as some kernels come. */
static void test_gzip_alone(void **state)
{
	uint8_t elf[KIMAGE_MAX], packed[2 * KIMAGE_MAX];
	size_t n = kimage_pack(KIMAGE_GZIP, elf, kimage_elf(elf, true), packed);
	struct kernel k;
	const char *why;

	(void)state;
	assert_int_equal(load(packed, n, &k, &why), 0);
	check_loaded(&k);
}

/* Any byte of the packed data changed: an error or, where nothing looks at it, the
 * same kernel; a wrong one only where the format has no checksum. */
static void test_damaged(void **state)
{
	uint8_t elf[KIMAGE_MAX], packed[2 * KIMAGE_MAX], bz[4 * KIMAGE_MAX];
	size_t len = kimage_elf(elf, true);
	unsigned refused = 0;
	struct kernel k;
	const char *why;

	(void)state;
	for (int p = 0; p < KIMAGE_PACKERS; p++) {
		size_t n = kimage_pack((enum kimage_packer)p, elf, len, packed);

		for (size_t i = 0; i < n; i++) {
			packed[i] ^= 0xff;
			refused += load(bz, kimage_bz(packed, n, bz), &k, &why) < 0;
			packed[i] ^= 0xff;
		}
	}
	assert_true(refused > 500);
}

static void patch64(uint8_t *buf, size_t at, uint64_t value)
{
	memcpy(buf + at, &value, 8);
}

static void test_hostile_elf(void **state)
{
	const size_t ph = sizeof(Elf64_Ehdr);
	const struct {
		size_t at;
		uint64_t value;
		const char *why;
	} bad[] = {
		{ ph + offsetof(Elf64_Phdr, p_memsz), UINT64_MAX, "memory" },
		{ ph + offsetof(Elf64_Phdr, p_memsz), 1, "larger" },
		{ ph + offsetof(Elf64_Phdr, p_filesz), UINT64_MAX, "larger" },
		{ ph + offsetof(Elf64_Phdr, p_paddr), UINT64_MAX - 8, "memory" },
		{ ph + offsetof(Elf64_Phdr, p_paddr), RAM - 4, "memory" },
		{ ph + offsetof(Elf64_Phdr, p_offset), UINT64_MAX - 8, "short" },
		{ ph + 56 + offsetof(Elf64_Phdr, p_offset), UINT64_MAX, "notes" },
		{ offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 4, "headers" },
		/* the note's name is no longer Xen's; its entry elsewhere */
		{ 512 + 12, 0x1000000058ull, "PVH" },
		{ 512 + 12, 0x7777777700006558ull | 'n' << 16, "outside" },
	};
	uint8_t buf[KIMAGE_MAX];
	struct kernel k;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = kimage_elf(buf, true);

		patch64(buf, bad[i].at, bad[i].value);
		if (load(buf, len, &k, &why) == 0 || !strstr(why, bad[i].why))
			fail_msg("case %zu: %s", i, why ? why : "loaded");
	}
}

static void test_hostile_bzimage(void **state)
{
	uint8_t elf[KIMAGE_MAX], packed[2 * KIMAGE_MAX], bz[4 * KIMAGE_MAX];
	size_t n = kimage_pack(KIMAGE_ZSTD, elf, kimage_elf(elf, true), packed);
	size_t total = kimage_bz(packed, n, bz);
	const uint32_t sizes[] = { 0, 3, 0xffffffffu, IMAGE_MAX_UNPACKED + 1 };
	struct kernel k;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memcpy(bz + total - 4, &sizes[i], 4);
		assert_int_equal(load(bz, total, &k, &why), -EBADMSG);
		assert_non_null(strstr(why, "size"));
	}
	/* says less than there is */
	memcpy(bz + total - 4, &(uint32_t){ 128 }, 4);
	assert_int_equal(load(bz, total, &k, &why), -EFBIG);
	for (unsigned at = 0x248; at <= 0x24c; at += 4) {
		kimage_bz(packed, n, bz);
		memset(bz + at, 0xff, 4);
		assert_int_equal(load(bz, total, &k, &why), -ENODATA);
	}
	kimage_bz(packed, n, bz);
	bz[0x206] = 7;
	assert_int_equal(load(bz, total, &k, &why), -ENOTSUP);
	memset(packed, 'x', n - 4);
	kimage_bz(packed, n, bz);
	assert_int_equal(load(bz, total, &k, &why), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_gzip_alone),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_hostile_elf),
		cmocka_unit_test(test_hostile_bzimage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
