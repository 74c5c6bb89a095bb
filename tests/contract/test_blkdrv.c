/* SPDX-License-Identifier: MIT */
/*
 * The contract of block drivers (backends/block/blkdrv.h), for every driver
 * that keeps data: what is written is read, whatever the shape.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/blkcase.h"
#include "tests/lib/blkrig.h"

#define MIB (1u << 20)

static const struct blkcase *kase; /* the one that runs */

static int case_setup(void **state)
{
	struct blkcase_dev *d = blkcase_open(kase);

	*state = d;
	return 0;
}

static int case_teardown(void **state)
{
	blkcase_close(*state);
	return 0;
}

/* ------------------------------------------------------------------- tests */

/* Sizes from a sector to 1 MiB, from every 512th byte of a page, at every
 * sector of a 4 KiB block. */
static void test_sizes_and_alignments(void **state)
{
	struct blkcase_dev *d = *state;
	static const unsigned lens[] = { 512,  1024, 1536,  3584,	  4096,
					 4608, 8192, 65536, 131072 + 512, MIB };
	uint64_t sector = d->dev->info.sector_size;
	struct blkrig rig;
	unsigned tried = 0;

	blkrig_start(&rig, d->dev, 0);
	for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (unsigned mis = 0; mis < 4096; mis += 512) {
			uint64_t off = MIB + (tried % 8) * sector;
			uint8_t *out = rig.mem + mis;
			uint8_t *in = rig.mem + 4 * MIB + (4096 - 512 - mis);

			if (lens[i] % sector)
				continue;
			blkrig_fill(out, lens[i], ++tried);
			memset(in, 0xee, lens[i] + 512);
			assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, off, out,
						    lens[i]),
					 0);
			assert_int_equal(blkrig_one(&rig, BLKDRV_READ, off, in, lens[i]),
					 0);
			assert_memory_equal(in, out, lens[i]);
			assert_int_equal(in[lens[i]], 0xee);
		}
	assert_true(tried >= 24);
	blkrig_stop(&rig);
}

/* A write changes its own bytes and no others. */
static void test_neighbours_untouched(void **state)
{
	struct blkcase_dev *d = *state;
	uint64_t sector = d->dev->info.sector_size;
	struct blkrig rig;

	blkrig_start(&rig, d->dev, 0);
	blkrig_fill(rig.mem, 64 * 1024, 7);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, 64 * 1024), 0);
	for (uint64_t off = sector; off < 64 * 1024; off += 5 * sector) {
		memset(rig.mem + off, (int)(off / sector), sector);
		assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, off, rig.mem + off,
					    sector),
				 0);
	}
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem + MIB, 64 * 1024), 0);
	assert_memory_equal(rig.mem, rig.mem + MIB, 64 * 1024);
	blkrig_stop(&rig);
}

/* Splits len bytes at mem into pieces of `step`, every second one taken from
 * the other end, so that they are not in order. */
static uint16_t scatter(struct iovec *iov, uint8_t *mem, uint64_t len, size_t step)
{
	uint16_t n = (uint16_t)(len / step);

	for (uint16_t i = 0; i < n; i++) {
		unsigned at = i % 2 ? (unsigned)(n - 1 - i / 2) : i / 2u;

		iov[i] = (struct iovec){ mem + at * step, step };
	}
	return n;
}

static void gather(const struct iovec *iov, unsigned n, uint8_t *to)
{
	for (unsigned i = 0; i < n; i++) {
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
}

static int run_vec(struct blkrig *rig, enum blkdrv_op op, uint64_t off, uint64_t len,
		   const struct iovec *iov, uint16_t n)
{
	struct blkrig_io r = { .io = { .op = op, .offset = off, .len = len } };
	struct iovec *own = malloc(n * sizeof(*own)); /* the driver may change it */

	memcpy(own, iov, n * sizeof(*own));
	r.io.iov = own;
	r.io.iovcnt = n;
	blkrig_run(rig, &r, 1);
	free(own);
	return r.result;
}

/* Pieces of 512 bytes to 64 KiB in any order, up to more than IOV_MAX. */
static void test_iovecs(void **state)
{
	struct blkcase_dev *d = *state;
	static const size_t steps[] = { 512, 1024, 4096, 4096 + 512, 65536 };
	static struct iovec iov[2048];
	uint8_t *flat = malloc(2 * MIB);
	struct blkrig rig;

	blkrig_start(&rig, d->dev, 0);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t len = steps[i] * 8 * (MIB / 8 / steps[i]);
		uint16_t n = scatter(iov, rig.mem + 512, len, steps[i]);

		blkrig_fill(rig.mem, len + 512, 100 + i);
		gather(iov, n, flat);
		assert_int_equal(run_vec(&rig, BLKDRV_WRITE, 4096, len, iov, n), 0);
		memset(rig.mem, 0, len + 512);
		assert_int_equal(run_vec(&rig, BLKDRV_READ, 4096, len, iov, n), 0);
		gather(iov, n, flat + MIB);
		assert_memory_equal(flat, flat + MIB, len);
		assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 4096, rig.mem, len), 0);
		assert_memory_equal(rig.mem, flat, len);
	}
	blkrig_stop(&rig);
	free(flat);
}

/* Memory that was never given to mem_add, and I/O over its end. */
static void test_foreign_memory(void **state)
{
	struct blkcase_dev *d = *state;
	struct blkrig rig;
	struct iovec iov[2];
	uint8_t *own = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	blkrig_start(&rig, d->dev, 0);
	blkrig_fill(own, MIB, 3);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, own, MIB), 0);
	iov[0] = (struct iovec){ rig.mem + rig.mem_len - 4096, 4096 };
	iov[1] = (struct iovec){ rig.mem, MIB - 4096 };
	assert_int_equal(run_vec(&rig, BLKDRV_READ, 0, MIB, iov, 2), 0);
	assert_memory_equal(iov[0].iov_base, own, 4096);
	assert_memory_equal(rig.mem, own + 4096, MIB - 4096);
	blkrig_stop(&rig);
	munmap(own, MIB);
}

/* Many at once, in random places, again and again, with a model beside. */
static void run_deep(struct blkrig *rig, uint64_t base, unsigned slots, uint64_t seed)
{
	enum { SLOT = 16384, DEPTH = 256 };
	uint8_t *model = aligned_alloc(4096, (size_t)slots * SLOT);
	struct blkrig_io *ios = calloc(DEPTH, sizeof(*ios));
	struct iovec *iov = calloc(DEPTH, sizeof(*iov));
	unsigned sector = rig->dev->info.sector_size;

	memset(model, 0, (size_t)slots * SLOT);
	for (unsigned i = 0; i < slots; i++)
		assert_int_equal(blkrig_one(rig, BLKDRV_WRITE, base + i * SLOT,
					    model + i * SLOT, SLOT),
				 0);
	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < DEPTH && i < slots; i++) {
			uint64_t r = blkrig_random(&seed);
			size_t in = r % (SLOT / sector) * sector;
			size_t len = ((r >> 16) % ((SLOT - in) / sector) + 1) * sector;
			uint8_t *mem = rig->mem + i * SLOT + in;

			iov[i] = (struct iovec){ mem, len };
			ios[i].io = (struct blkdrv_io){ .op = (r >> 40) % 2 ? BLKDRV_WRITE
									    : BLKDRV_READ,
							.offset = base + i * SLOT + in,
							.len = len,
							.iov = &iov[i],
							.iovcnt = 1 };
			blkrig_fill(mem, len, r);
			if (ios[i].io.op == BLKDRV_WRITE)
				memcpy(model + i * SLOT + in, mem, len);
		}
		blkrig_run(rig, ios, slots < DEPTH ? slots : DEPTH);
		for (unsigned i = 0; i < DEPTH && i < slots; i++) {
			uint64_t at = ios[i].io.offset - base;

			assert_int_equal(ios[i].result, 0);
			assert_memory_equal(rig->mem + at, model + at, ios[i].io.len);
		}
	}
	for (unsigned i = 0; i < slots; i++)
		assert_int_equal(blkrig_one(rig, BLKDRV_READ, base + i * SLOT,
					    rig->mem + i * SLOT, SLOT),
				 0);
	assert_memory_equal(rig->mem, model, (size_t)slots * SLOT);
	free(model);
	free(ios);
	free(iov);
}

static void test_deep_queue(void **state)
{
	struct blkcase_dev *d = *state;
	struct blkrig rig;

	blkrig_start(&rig, d->dev, 50000);
	run_deep(&rig, 0, 256, 42);
	blkrig_stop(&rig);
}

/* More than any driver has room for: it says -EAGAIN and gets them later. */
static void test_back_pressure(void **state)
{
	enum { N = 3000 };
	struct blkcase_dev *d = *state;
	struct blkrig_io *ios = calloc(N, sizeof(*ios));
	struct iovec *iov = calloc(N, sizeof(*iov));
	uint32_t sector = d->dev->info.sector_size;
	struct blkrig rig;

	blkrig_start(&rig, d->dev, 0);
	blkrig_fill(rig.mem, N * sector, 11);
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < N; i++) {
			iov[i] = (struct iovec){ rig.mem + i * sector, sector };
			ios[i].io = (struct blkdrv_io){ .op = pass ? BLKDRV_READ
								   : BLKDRV_WRITE,
							.offset = (uint64_t)i * sector,
							.len = sector,
							.iov = &iov[i],
							.iovcnt = 1 };
		}
		blkrig_run(&rig, ios, N);
		for (unsigned i = 0; i < N; i++)
			assert_int_equal(ios[i].result, 0);
		if (!pass)
			memset(rig.mem, 0, N * sector);
	}
	uint8_t *want = malloc(N * sector);
	blkrig_fill(want, N * sector, 11);
	assert_memory_equal(rig.mem, want, N * sector);
	blkrig_stop(&rig);
	free(want);
	free(ios);
	free(iov);
}

static void test_flush(void **state)
{
	struct blkcase_dev *d = *state;
	struct blkrig rig;

	assert_true(d->dev->info.flush);
	blkrig_start(&rig, d->dev, 0);
	blkrig_fill(rig.mem, 65536, 5);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, 65536), 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_FLUSH, 0, NULL, 0), 0);
	blkrig_stop(&rig);
}

/* Discards; the model in rig->mem forgets what was there. A block device may
 * keep it (parts of its granularity), memory and files may not. */
static void discard(struct blkrig *rig, uint64_t off, uint64_t len)
{
	assert_int_equal(blkrig_one(rig, BLKDRV_DISCARD, off, NULL, len), 0);
	if (kase->place != PLACE_LOOP)
		memset(rig->mem + off, 0, len);
	else
		assert_int_equal(blkrig_one(rig, BLKDRV_READ, off, rig->mem + off, len),
				 0);
}

/* What was discarded in memory and files reads as zeroes, and only that. */
static void test_discard(void **state)
{
	struct blkcase_dev *d = *state;
	uint64_t sector = d->dev->info.sector_size;
	struct blkrig rig;

	if (!d->dev->info.discard) {
		print_message("%s offers no discard\n", kase->name);
		skip();
	}
	assert_true(d->dev->info.discard_granularity >= sector);
	blkrig_start(&rig, d->dev, 0);
	blkrig_fill(rig.mem, MIB, 9);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, MIB), 0);
	discard(&rig, 65536, 131072);
	discard(&rig, 512 * 1024 + sector, 3 * sector);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem + MIB, MIB), 0);
	assert_memory_equal(rig.mem, rig.mem + MIB, MIB);
	blkrig_stop(&rig);
}

struct half {
	struct blkrig rig;
	uint64_t base, seed;
};

static void *half_thread(void *arg)
{
	struct half *h = arg;

	run_deep(&h->rig, h->base, 200, h->seed);
	return NULL;
}

/* Two queues on two workers at once. cmocka asserts belong to the main thread:
 * a failure in the other one ends the program, which also fails the test. */
static void test_two_queues(void **state)
{
	struct blkcase_dev *d = *state;
	struct half a = { .base = 0, .seed = 1 };
	struct half b = { .base = d->dev->info.size / 2, .seed = 2 };
	pthread_t thread;

	blkrig_start(&a.rig, d->dev, 20000);
	blkrig_start(&b.rig, d->dev, 0);
	assert_int_equal(pthread_create(&thread, NULL, half_thread, &b), 0);
	half_thread(&a);
	pthread_join(thread, NULL);
	blkrig_stop(&a.rig);
	blkrig_stop(&b.rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define CASE_TEST(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
		CASE_TEST(test_sizes_and_alignments),
		CASE_TEST(test_neighbours_untouched),
		CASE_TEST(test_iovecs),
		CASE_TEST(test_foreign_memory),
		CASE_TEST(test_deep_queue),
		CASE_TEST(test_back_pressure),
		CASE_TEST(test_flush),
		CASE_TEST(test_discard),
		CASE_TEST(test_two_queues),
	};
	int failed = 0;

	for (unsigned i = 0; (kase = blkcase_nth(i)); i++) {
		const char *reason = blkcase_impossible(kase);

		print_message("--- %s%s%s\n", kase->name, reason ? ": skipped: " : "",
			      reason ? reason : "");
		if (!reason)
			failed += cmocka_run_group_tests_name(kase->name, tests, NULL,
							      NULL);
	}
	return failed;
}
