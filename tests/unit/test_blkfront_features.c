/* SPDX-License-Identifier: MIT */
/* What libtandem negotiates with backends of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/frontrig.h"

static struct frig f;

static int setup(void **state)
{
	(void)state;
	frig_start(&f, NULL, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	frig_stop(&f);
	return 0;
}

static struct tandem_info info_now(void)
{
	struct tandem_info info;

	tandem_get_info(f.disk, &info);
	return info;
}

/* Closes, and offers something else to the next one who opens. */
static void other(const struct rawbe_key *limits, const struct rawbe_key *props)
{
	tandem_close(f.disk);
	f.disk = NULL;
	rawbe_halt(&f.be);
	rawbe_unmap(&f.be);
	for (const struct rawbe_key *k = frig_limits; k->key; k++)
		rawbe_write(&f.be, k->key, NULL);
	for (const struct rawbe_key *k = frig_props; k->key; k++)
		rawbe_write(&f.be, k->key, NULL);
	f.be.limits = limits;
	f.be.props = props ? props : frig_props;
	rawbe_state(&f.be, XenbusStateInitialising);
	rawbe_run(&f.be);
}

/* The ring grows to what was asked for, no further than the backend's order. */
static void test_ring_orders(void **state)
{
	(void)state;
	for (unsigned order = 0; order <= 5; order++) {
		char text[8];
		const struct rawbe_key limits[] = { { "max-ring-page-order", text },
						    { 0 } };
		const struct tandem_opts opts = { .depth = 512 };
		unsigned got = order < 4 ? order : 4;

		snprintf(text, sizeof(text), "%u", order);
		other(limits, NULL);
		frig_open(&f, &opts);
		assert_int_equal(info_now().ring_slots, 32u << got);
		assert_int_equal(rawbe_front_num(&f.be, "ring-page-order"),
				 got ? (int)got : -1);
		assert_int_equal(rawbe_front_num(&f.be, "ring-ref") >= 0, !got);
		frig_check_io(f.disk, true, 0, 1 << 20, 4096);
	}
}

/* A backend that knows max-ring-pages only is told num-ring-pages. */
static void test_num_ring_pages(void **state)
{
	static const char *const pages[] = { "0", "1", "2", "3", "8", "16", "64" };
	static const unsigned slots[] = { 32, 32, 64, 64, 256, 512, 512 };

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		const struct rawbe_key limits[] = { { "max-ring-pages", pages[i] },
						    { 0 } };
		const struct tandem_opts opts = { .depth = 512 };

		other(limits, NULL);
		frig_open(&f, &opts);
		assert_int_equal(info_now().ring_slots, slots[i]);
		assert_int_equal(rawbe_front_num(&f.be, "ring-page-order"), -1);
		assert_int_equal(rawbe_front_num(&f.be, "num-ring-pages"),
				 slots[i] > 32 ? (int)slots[i] / 32 : -1);
		frig_check_io(f.disk, true, 0, 65536, 0);
	}
}

static void test_abis(void **state)
{
	static const char *const abi[] = { NULL, "native", "x86_64-abi", "x86_32-abi" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct tandem_opts opts = { .abi = abi[i], .depth = 512 };

		other(frig_limits, NULL);
		frig_open(&f, &opts);
		assert_true(rawbe_front_has(&f.be, "protocol",
					    i == 1 ? NULL : abi[i ? i : 2]));
		frig_check_io(f.disk, true, 0, 1 << 20, 512);
		frig_check_io(f.disk, false, 7, 3 << 20, 1 << 20);
		assert_int_equal(tandem_discard(f.disk, 4096, 8192), 0);
		assert_int_equal(tandem_flush(f.disk), 0);
	}
	const struct tandem_opts bad = { .abi = "arm-abi" };

	other(frig_limits, NULL);
	assert_int_equal(frig_try(&f, &bad), -EINVAL);
}

/* Asked for more than the backend has, and the other way round. */
static void test_queues(void **state)
{
	static const char *const has[] = { NULL, "1", "2", "4", "0" };
	static const unsigned nr[] = { 1, 1, 2, 4, 1 };

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		for (unsigned want = 1; want <= 5; want++) {
			const struct rawbe_key limits[] = {
				{ "multi-queue-max-queues", has[i] }, { 0 }
			};
			const struct tandem_opts opts = { .queues = want };
			unsigned rings = nr[i] < want ? nr[i] : want;
			struct tandem_io io;
			char buf[512];

			other(limits, NULL);
			frig_open(&f, &opts);
			assert_int_equal(info_now().queues, want);
			assert_int_equal(info_now().rings, rings);
			assert_int_equal(rawbe_front_num(&f.be, "multi-queue-num-queues"),
					 rings > 1 ? (int)rings : -1);
			assert_int_equal(rawbe_front_num(&f.be, "event-channel") >= 0,
					 rings == 1);
			for (unsigned q = 0; q < want; q++) {
				frig_submit(tandem_queue(f.disk, q), &io, TANDEM_READ,
					    512 * q, buf, 512);
				assert_true(frig_wait(tandem_queue(f.disk, q), 1));
				assert_int_equal(io.result, 0);
				assert_int_equal(f.be.seen[f.be.nr_seen - 1].queue,
						 q % rings);
			}
			assert_null(tandem_queue(f.disk, want));
		}
}

static void test_indirect(void **state)
{
	static const struct {
		const char *has;
		bool no_indirect;
		unsigned opt, want;
	} t[] = {
		{ NULL, false, 0, 11 },	      { "0", false, 0, 11 },
		{ "5", false, 0, 11 },	      { "11", false, 0, 11 },
		{ "12", false, 0, 12 },	      { "256", false, 0, 256 },
		{ "256", true, 0, 11 },	      { "256", false, 32, 32 },
		{ "256", false, 3, 3 },	      { "600", false, 0, 600 },
		{ "100000", false, 0, 4096 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const struct rawbe_key limits[] = {
			{ "feature-max-indirect-segments", t[i].has }, { 0 }
		};
		const struct tandem_opts opts = { .no_indirect = t[i].no_indirect,
						  .max_segments = t[i].opt,
						  .depth = 1 };
		uint32_t before = f.be.nr_seen;
		unsigned most = 0;

		other(limits, NULL);
		frig_open(&f, &opts);
		assert_int_equal(info_now().max_segments, t[i].want);
		assert_int_equal(info_now().max_transfer, t[i].want * 4096u);
		frig_check_io(f.disk, true, 0, 3 << 20, 0);
		frig_check_io(f.disk, true, 512, 3 << 20, 0);
		for (; before < f.be.nr_seen; before++) {
			const struct rawbe_seen *s = &f.be.seen[before % RAWBE_HISTORY];

			most = s->segments > most ? s->segments : most;
			assert_int_equal(s->indirect, s->segments > 11);
		}
		assert_int_equal(most, t[i].want < 769 ? t[i].want : 769);
	}
}

static void test_persistent(void **state)
{
	static const struct rawbe_key none[] = { { "sectors", "16384" }, { 0 } };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct tandem_opts opts = { .no_persistent = i & 1 };

		other(frig_limits, i & 2 ? none : frig_props);
		frig_open(&f, &opts);
		assert_int_equal(info_now().persistent, !i);
		assert_true(
			rawbe_front_has(&f.be, "feature-persistent", i & 1 ? NULL : "1"));
		frig_check_io(f.disk, true, 0, 65536, 0);
		frig_check_io(f.disk, true, 0, 65536, 0);
	}
}

static void test_flush(void **state)
{
	static const char *const on[] = { NULL, "0", "1" };

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		const struct rawbe_key props[] = { { "sectors", "16384" },
						   { "feature-flush-cache", on[i % 3] },
						   { "feature-barrier", on[i / 3] },
						   { 0 } };
		bool flush = i % 3 == 2, barrier = i / 3 == 2;
		int err;

		other(frig_limits, props);
		frig_open(&f, NULL);
		assert_int_equal(info_now().flush, flush);
		assert_int_equal(info_now().barrier, barrier);
		err = tandem_flush(f.disk);
		assert_int_equal(err, flush || barrier ? 0 : -EOPNOTSUPP);
		if (!err)
			assert_int_equal(f.be.seen[(f.be.nr_seen - 1) % RAWBE_HISTORY].op,
					 flush ? BLKIF_OP_FLUSH_DISKCACHE
					       : BLKIF_OP_WRITE_BARRIER);
	}
}

static void test_discard(void **state)
{
	static const struct rawbe_key plain[] = { { "sectors", "16384" },
						  { "feature-discard", "1" },
						  { 0 } };
	static const struct rawbe_key none[] = { { "sectors", "16384" },
						 { "discard-secure", "1" },
						 { 0 } };
	struct tandem_io io = {
		.op = TANDEM_DISCARD, .len = 1 << 20, .offset = 512, .secure = true
	};

	(void)state;
	frig_open(&f, NULL);
	assert_int_equal(info_now().discard_granularity, 4096);
	assert_int_equal(info_now().discard_alignment, 512);
	assert_true(info_now().discard_secure);
	assert_int_equal(tandem_submit(f.q, &io), 0);
	assert_true(frig_wait(f.q, 1));
	assert_int_equal(io.result, 0);
	assert_int_equal(f.be.seen[0].flag, BLKIF_DISCARD_SECURE);
	assert_int_equal(f.be.seen[0].sector, 1);
	assert_int_equal(f.be.seen[0].sectors, 2048);
	other(frig_limits, plain);
	frig_open(&f, NULL);
	assert_int_equal(info_now().discard_granularity, 512);
	assert_int_equal(tandem_submit(f.q, &io), -EOPNOTSUPP);
	assert_int_equal(tandem_discard(f.disk, 0, FRIG_BYTES), 0);
	other(frig_limits, none);
	frig_open(&f, NULL);
	assert_false(info_now().discard);
	assert_false(info_now().discard_secure);
	assert_int_equal(tandem_discard(f.disk, 0, 4096), -EOPNOTSUPP);
}

/* Lengths in logical blocks, sector numbers in 512 bytes all the same. */
static void test_big_sectors(void **state)
{
	static const struct rawbe_key props[] = { { "sectors", "16384" },
						  { "sector-size", "4096" },
						  { 0 } };
	char *buf = malloc(16384);

	(void)state;
	other(frig_limits, props);
	f.be.sector_size = 4096;
	frig_open(&f, NULL);
	assert_int_equal(info_now().size, FRIG_BYTES);
	assert_int_equal(info_now().sector_size, 4096);
	assert_int_equal(info_now().physical_sector_size, 4096);
	assert_int_equal(tandem_pread(f.disk, buf, 512, 0), -EINVAL);
	assert_int_equal(tandem_pread(f.disk, buf, 4096, 512), -EINVAL);
	assert_int_equal(tandem_pread(f.disk, buf, 4096, 8192), 0);
	assert_int_equal(f.be.seen[(f.be.nr_seen - 1) % RAWBE_HISTORY].sector, 16);
	for (size_t shift = 0; shift <= 4096; shift += 512)
		frig_check_io(f.disk, true, shift, 3 << 20, 4096);
	frig_check_io(f.disk, false, 511, 2 << 20, 8192);
	free(buf);
}

static void test_readonly(void **state)
{
	static const struct rawbe_key props[] = {
		{ "sectors", "16384" }, { "info", "7" }, { "feature-discard", "1" }, { 0 }
	};
	const struct tandem_opts ro = { .readonly = true };
	char buf[512] = "";

	(void)state;
	other(frig_limits, props);
	f.be.readonly = true;
	assert_int_equal(frig_try(&f, NULL), -EROFS);
	other(frig_limits, props);
	frig_open(&f, &ro);
	assert_true(info_now().readonly && info_now().cdrom && info_now().removable);
	assert_int_equal(tandem_pwrite(f.disk, buf, 512, 0), -EROFS);
	assert_int_equal(tandem_discard(f.disk, 0, 512), -EROFS);
	assert_int_equal(tandem_pread(f.disk, buf, 512, 0), 0);
	/* opened for reading although it could be written */
	other(frig_limits, frig_props);
	frig_open(&f, &ro);
	assert_false(info_now().readonly || info_now().cdrom || info_now().removable);
	assert_int_equal(tandem_pwrite(f.disk, buf, 512, 0), -EROFS);
}

static bool size_becomes(uint64_t size)
{
	for (int i = 0; i < 5000; i++) {
		if (info_now().size == size)
			return true;
		usleep(1000);
	}
	return false;
}

static void resize(const char *sectors)
{
	rawbe_write(&f.be, "sectors", sectors);
	rawbe_write(&f.be, "state", "4");
}

static void test_resize(void **state)
{
	static const struct rawbe_key props[] = { { "sectors", "8" }, { 0 } };
	char buf[512];

	(void)state;
	other(frig_limits, props);
	frig_open(&f, NULL);
	assert_int_equal(tandem_pread(f.disk, buf, 512, 4096), -EINVAL);
	resize("16");
	assert_true(size_becomes(8192));
	assert_int_equal(tandem_pread(f.disk, buf, 512, 4096), 0);
	resize("1");
	assert_true(size_becomes(512));
	assert_int_equal(tandem_pread(f.disk, buf, 512, 512), -EINVAL);
	assert_int_equal(tandem_pread(f.disk, buf, 512, 0), 0);
	assert_int_equal(info_now().reconnects, 0);
}

/* What an earlier connection left does not stand beside the new keys. */
static void test_no_old_keys(void **state)
{
	const struct tandem_opts many = { .queues = 4,
					  .depth = 512,
					  .abi = "x86_32-abi" };
	const struct tandem_opts few = { .depth = 1,
					 .abi = "native",
					 .no_persistent = true };
	static const char *const gone[] = { "ring-page-order", "multi-queue-num-queues",
					    "protocol", "feature-persistent",
					    "ring-ref0" };

	(void)state;
	frig_open(&f, &many);
	assert_true(rawbe_front_num(&f.be, "queue-3/ring-ref15") >= 0);
	tandem_close(f.disk);
	frig_open(&f, &few);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rawbe_front_num(&f.be, gone[i]), -1);
	assert_true(rawbe_front_num(&f.be, "ring-ref") >= 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ring_orders), TEST(test_num_ring_pages), TEST(test_abis),
		TEST(test_queues),	TEST(test_indirect),	   TEST(test_persistent),
		TEST(test_flush),	TEST(test_discard),	   TEST(test_big_sectors),
		TEST(test_readonly),	TEST(test_resize),	   TEST(test_no_old_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
