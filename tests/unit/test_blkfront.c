/* SPDX-License-Identifier: MIT */
/* libtandem against blkback, both in this process, on the platform in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontends/blkfront.h"
#include "tests/lib/rawfront.h"

#define DISK_BYTES (8u << 20)

struct fixture {
	struct rawback rb;
	struct tandem_disk *disk;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	rawback_start(&f->rb, NULL);
	rawback_attach(&f->rb, RF_DEVID, "ram", "8M", "w", NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tandem_close(f->disk);
	rawback_detach(&f->rb, RF_DEVID);
	rawback_stop(&f->rb);
	free(f);
	return 0;
}

static void open_disk(struct fixture *f, const struct tandem_opts *opts)
{
	struct plat *plat;
	char *why = NULL;
	int err;

	assert_int_equal(memplat_open(f->rb.hv, RF_FE, &plat), 0);
	err = disk_open_plat(plat, "xvda", opts, &f->disk, &why);
	if (err)
		print_error("%s\n", why);
	free(why);
	assert_int_equal(err, 0);
}

static void fill(uint8_t *buf, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;
		buf[i] = (uint8_t)(seed >> 24);
	}
}

/* Writes and reads back len bytes at offset, memory shifted by `shift`. */
static void check_io(struct tandem_disk *disk, bool granted, size_t shift, size_t len,
		     uint64_t offset)
{
	uint8_t *want = malloc(len), *base, *buf;

	base = granted ? tandem_alloc(disk, len + 4096) : malloc(len + 8192);
	assert_non_null(base);
	buf = base + shift;
	fill(want, len, (uint32_t)(offset + len));
	memcpy(buf, want, len);
	assert_int_equal(tandem_pwrite(disk, buf, len, offset), 0);
	memset(buf, 0xee, len);
	assert_int_equal(tandem_pread(disk, buf, len, offset), 0);
	assert_memory_equal(buf, want, len);
	if (granted)
		tandem_free(disk, base);
	else
		free(base);
	free(want);
}

static void sizes(struct tandem_disk *disk)
{
	static const size_t lens[] = {
		512, 4096, 11 * 4096, 12 * 4096, 1 << 20, 5 << 20
	};

	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		check_io(disk, true, 0, lens[i], 512 * i);
		check_io(disk, true, 512, lens[i], 4096 * i);
		check_io(disk, true, 3, lens[i], 4096 * i);
		check_io(disk, false, 1, lens[i], 4096 * i);
	}
}

static void test_default(void **state)
{
	struct fixture *f = *state;
	struct tandem_info info;

	open_disk(f, NULL);
	tandem_get_info(f->disk, &info);
	assert_int_equal(info.size, DISK_BYTES);
	assert_int_equal(info.sector_size, 512);
	assert_int_equal(info.queues, 1);
	assert_int_equal(info.ring_slots, 128);
	assert_false(info.readonly);
	sizes(f->disk);
}

/* Every ABI, with and without each optional feature. */
static void test_features(void **state)
{
	static const char *const abis[] = { NULL, "x86_64-abi", "x86_32-abi" };
	struct fixture *f = *state;

	for (unsigned i = 0; i < 12; i++) {
		const struct tandem_opts opts = { .abi = abis[i % 3],
						  .no_persistent = i & 1,
						  .no_indirect = i & 2,
						  .depth = i & 4 ? 512 : 1,
						  .max_segments = i & 8 ? 3 : 0 };

		open_disk(f, &opts);
		sizes(f->disk);
		tandem_close(f->disk);
		f->disk = NULL;
	}
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[1024];

	open_disk(f, NULL);
	assert_int_equal(tandem_pread(f->disk, buf, 100, 0), -EINVAL);
	assert_int_equal(tandem_pread(f->disk, buf, 0, 0), -EINVAL);
	assert_int_equal(tandem_pread(f->disk, buf, 512, 1), -EINVAL);
	assert_int_equal(tandem_pread(f->disk, NULL, 512, 0), -EINVAL);
	assert_int_equal(tandem_pread(f->disk, buf, 512, DISK_BYTES), -EINVAL);
	assert_int_equal(tandem_pread(f->disk, buf, 1024, DISK_BYTES - 512), -EINVAL);
	assert_int_equal(tandem_pread(f->disk, buf, 512, UINT64_MAX - 511), -EINVAL);
	assert_int_equal(tandem_pread(f->disk, buf, 512, DISK_BYTES - 512), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_default, setup, teardown),
		cmocka_unit_test_setup_teardown(test_features, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
