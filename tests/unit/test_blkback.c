/* SPDX-License-Identifier: MIT */
/* blkback against a frontend by hand: every operation, status, ABI and state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/adapt.h"
#include "tests/lib/rawfront.h"

static struct rawback rb;

static int setup(void **state)
{
	(void)state;
	rawback_start(&rb, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rawback_stop(&rb);
	return 0;
}

static void test_abis_and_orders(void **state)
{
	static const enum blkif_abi abis[] = { BLKIF_ABI_NATIVE, BLKIF_ABI_X86_64,
					       BLKIF_ABI_X86_32 };
	struct rawfront rf;

	(void)state;
	for (int a = 0; a < 3; a++)
		for (unsigned order = 0; order <= 4; order++) {
			rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
			assert_true(rawfront_connect(&rf, &rb, RF_DEVID, abis[a], order,
						     order & 1));
			assert_int_equal(rf.ring.r.mask + 1, 32u << order);
			for (int i = 0; i < 100; i++)
				rawfront_check_rw(&rf);
			rawfront_close(&rf);
			rawback_detach(&rb, RF_DEVID);
		}
}

static void test_properties(void **state)
{
	struct rawfront rf;

	(void)state;
	rawback_fe_write(&rb, RF_DEVID, "x", "1");
	rawback_be_write(&rb, RF_DEVID, "sector-size-wanted", "4096");
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "r", NULL);
	rawback_be_write(&rb, RF_DEVID, "device-type", "cdrom");
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "sectors"), 2048);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "sector-size"), 4096);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "physical-sector-size"), 4096);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "info"),
			 VDISK_CDROM | VDISK_READONLY);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "max-ring-page-order"), 4);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "max-ring-pages"), 16);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "feature-max-indirect-segments"),
			 256);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "feature-flush-cache"), 1);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "feature-barrier"), 1);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "feature-persistent"), 1);
	/* a read-only disk offers no discard */
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "feature-discard"), 0);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID, "discard-granularity"), -1);
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

/* One request, changed in one place, and the status it must get. */
struct bad {
	const char *what;
	void (*change)(struct blkif_req *r);
	int status;
};

static void no_segs(struct blkif_req *r)
{
	r->nr_segments = 0;
}
static void many_segs(struct blkif_req *r)
{
	r->nr_segments = 12;
}
static void all_segs(struct blkif_req *r)
{
	r->nr_segments = 255;
}
static void last_8(struct blkif_req *r)
{
	r->seg[0].last_sect = 8;
}
static void last_255(struct blkif_req *r)
{
	r->seg[0].last_sect = 255;
}
static void backward(struct blkif_req *r)
{
	r->seg[0].first_sect = 5;
	r->seg[0].last_sect = 4;
}
static void at_end(struct blkif_req *r)
{
	r->sector_number = 2048;
}
static void over_end(struct blkif_req *r)
{
	r->sector_number = 2041;
}
static void wraps(struct blkif_req *r)
{
	r->sector_number = UINT64_MAX - 3;
}
static void wraps2(struct blkif_req *r)
{
	r->sector_number = 1ull << 55;
}
static void bad_ref(struct blkif_req *r)
{
	r->seg[0].gref = 0xfffffff0;
}
static void zero_ref(struct blkif_req *r)
{
	r->seg[0].gref = 0;
}
static void reserved(struct blkif_req *r)
{
	r->operation = BLKIF_OP_RESERVED_1;
}
static void unknown(struct blkif_req *r)
{
	r->operation = 200;
}
static void none(struct blkif_req *r)
{
	(void)r;
}

static void test_statuses(void **state)
{
	static const struct bad bad[] = {
		{ "good", none, BLKIF_RSP_OKAY },
		{ "no segments", no_segs, BLKIF_RSP_ERROR },
		{ "12 segments", many_segs, BLKIF_RSP_ERROR },
		{ "255 segments", all_segs, BLKIF_RSP_ERROR },
		{ "last_sect 8", last_8, BLKIF_RSP_ERROR },
		{ "last_sect 255", last_255, BLKIF_RSP_ERROR },
		{ "last_sect < first_sect", backward, BLKIF_RSP_ERROR },
		{ "behind the end", at_end, BLKIF_RSP_ERROR },
		{ "over the end", over_end, BLKIF_RSP_ERROR },
		{ "sector wraps", wraps, BLKIF_RSP_ERROR },
		{ "offset wraps", wraps2, BLKIF_RSP_ERROR },
		{ "no such grant", bad_ref, BLKIF_RSP_ERROR },
		{ "grant 0", zero_ref, BLKIF_RSP_ERROR },
		{ "operation 4", reserved, BLKIF_RSP_EOPNOTSUPP },
		{ "operation 200", unknown, BLKIF_RSP_EOPNOTSUPP },
		{ "still good", none, BLKIF_RSP_OKAY },
	};
	struct rawfront rf;

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (int op = BLKIF_OP_READ; op <= BLKIF_OP_WRITE; op++) {
			struct blkif_req r = rawfront_rw(&rf, op, 8, 0, 1);
			int status;

			bad[i].change(&r);
			status = rawfront_do(&rf, &r);
			if (status != bad[i].status)
				fail_msg("%s: status %d", bad[i].what, status);
		}
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

static void test_readonly(void **state)
{
	struct blkif_req r;
	struct rawfront rf;

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "r", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	r = rawfront_rw(&rf, BLKIF_OP_WRITE, 0, 0, 1);
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
	r = rawfront_rw(&rf, BLKIF_OP_READ, 0, 0, 1);
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	r = (struct blkif_req){ .operation = BLKIF_OP_DISCARD, .nr_sectors = 8 };
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_EOPNOTSUPP);
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

static void test_4k_blocks(void **state)
{
	struct blkif_req r;
	struct rawfront rf;

	(void)state;
	rawback_be_write(&rb, RF_DEVID, "sector-size-wanted", "4096");
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	rawfront_check_rw(&rf);
	r = rawfront_rw(&rf, BLKIF_OP_READ, 4, 0, 1); /* not on a block */
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
	r = rawfront_rw(&rf, BLKIF_OP_READ, 8, 0, 1);
	r.seg[0].last_sect = 3; /* half a block */
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

static void test_flush_barrier_discard(void **state)
{
	struct blkif_req r;
	struct rawfront rf;
	uint8_t zero[4096] = { 0 };

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	r = (struct blkif_req){ .operation = BLKIF_OP_FLUSH_DISKCACHE, .id = 5 };
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	r = (struct blkif_req){ .operation = BLKIF_OP_WRITE_BARRIER, .id = 6 };
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	rawfront_fill(rf.data->pages, 4096, 3);
	r = rawfront_rw(&rf, BLKIF_OP_WRITE_BARRIER, 16, 0, 1);
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	r = rawfront_rw(&rf, BLKIF_OP_READ, 16, 1, 1);
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	assert_memory_equal(rf.data->pages, rf.data->pages + 4096, 4096);
	for (uint8_t flag = 0; flag < 2; flag++) {
		r = (struct blkif_req){ .operation = BLKIF_OP_DISCARD,
					.flag = flag,
					.sector_number = 16,
					.nr_sectors = 8 };
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	}
	r = rawfront_rw(&rf, BLKIF_OP_READ, 16, 1, 1);
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	assert_memory_equal(zero, rf.data->pages + 4096, 4096);
	r = (struct blkif_req){ .operation = BLKIF_OP_DISCARD,
				.sector_number = 2040,
				.nr_sectors = 9 };
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
	r.nr_sectors = UINT64_MAX;
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

/* A barrier among writes: all are answered, the barrier after those before it. */
static void test_barrier_order(void **state)
{
	struct blkif_response rsp;
	struct blkif_req r;
	struct rawfront rf;
	int seen = 0;

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	for (int i = 0; i < 21; i++) {
		r = rawfront_rw(&rf, i == 10 ? BLKIF_OP_WRITE_BARRIER : BLKIF_OP_WRITE,
				(uint64_t)i * 8, 0, 1);
		r.id = (uint64_t)i;
		blkif_put_request(&rf.ring, rf.abi, &r);
	}
	if (ring_front_push(&rf.ring))
		evtchn_notify(rf.ch);
	for (int i = 0; i < 21; i++) {
		assert_true(rawfront_response(&rf, &rsp));
		assert_int_equal(rsp.status, BLKIF_RSP_OKAY);
		if (rsp.id < 10)
			seen++;
		if (rsp.id == 10)
			assert_int_equal(seen, 10);
	}
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

static struct blkif_req indirect(struct rawfront *rf, int op, unsigned segs)
{
	struct blkif_req r = { .operation = BLKIF_OP_INDIRECT,
			       .indirect_op = (uint8_t)op,
			       .nr_segments = (uint16_t)segs,
			       .id = 77 };
	struct blkif_request_segment *d = (void *)(rf->data->pages + 63 * 4096);

	for (unsigned i = 0; i < segs && i < BLKIF_SEGS_PER_INDIRECT_FRAME; i++)
		d[i] = (struct blkif_request_segment){ .gref = rf->data->refs[i % 32],
						       .last_sect = 7 };
	r.indirect_grefs[0] = rf->data->refs[63];
	return r;
}

static void test_indirect(void **state)
{
	struct rawfront rf;
	struct blkif_req r;

	(void)state;
	for (int persistent = 0; persistent < 2; persistent++) {
		rawback_attach(&rb, RF_DEVID, "ram", "2M", "w", NULL);
		assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_X86_32, 2,
					     persistent));
		rawfront_fill(rf.data->pages, 32 * 4096, 11);
		r = indirect(&rf, BLKIF_OP_WRITE, 256);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
		r = rawfront_rw(&rf, BLKIF_OP_READ, 255 * 8, 40, 1);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
		assert_memory_equal(rf.data->pages + 31 * 4096,
				    rf.data->pages + 40 * 4096, 4096);
		r = indirect(&rf, BLKIF_OP_READ, 100);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
		r = indirect(&rf, BLKIF_OP_READ, 257);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
		r = indirect(&rf, BLKIF_OP_READ, 0);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
		r = indirect(&rf, BLKIF_OP_WRITE_BARRIER, 4);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
		r = indirect(&rf, BLKIF_OP_READ, 4);
		r.indirect_grefs[0] = 0xffffffff;
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
		r = indirect(&rf, BLKIF_OP_READ, 65535);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_ERROR);
		rawfront_close(&rf);
		rawback_detach(&rb, RF_DEVID);
	}
}

/* Persistent grants stay mapped between requests, others do not. */
static void test_persistent(void **state)
{
	struct rawfront rf;
	unsigned rings;

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	rings = memhv_mapped(rb.hv);
	rawfront_check_rw(&rf);
	rawfront_check_rw(&rf);
	assert_int_equal(memhv_mapped(rb.hv), rings + 16);
	assert_int_equal(gnttab_end_access(rf.data, 0), -EBUSY);
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	rawfront_check_rw(&rf);
	assert_int_equal(memhv_mapped(rb.hv), rings);
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_abis_and_orders, setup, teardown),
		cmocka_unit_test_setup_teardown(test_properties, setup, teardown),
		cmocka_unit_test_setup_teardown(test_statuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readonly, setup, teardown),
		cmocka_unit_test_setup_teardown(test_4k_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flush_barrier_discard, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_barrier_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_indirect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_persistent, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
