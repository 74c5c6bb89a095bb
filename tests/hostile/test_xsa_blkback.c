/* SPDX-License-Identifier: MIT */
/*
 * A hostile frontend against blkback: published advisories about block
 * backends, by number. A good neighbour on the same worker watches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/adapt.h"
#include "tests/lib/rawfront.h"
#include "tests/lib/storm.h"

#define NEIGHBOUR (RF_DEVID + 16)
#define MS	  1000000ull

static struct rawback rb;
static struct rawfront bad, good;

static int setup(void **state)
{
	(void)state;
	rawback_start(&rb, NULL);
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	rawback_attach(&rb, NEIGHBOUR, "ram", "1M", "w", NULL);
	return rawfront_connect(&bad, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true) &&
			       rawfront_connect(&good, &rb, NEIGHBOUR, BLKIF_ABI_NATIVE,
						0, true)
		       ? 0
		       : -1;
}

/* rawback_stop() checks that no grant is left mapped: XSA-371, after each test. */
static int teardown(void **state)
{
	(void)state;
	rawfront_close(&good);
	rawfront_close(&bad);
	rawback_detach(&rb, RF_DEVID);
	rawback_detach(&rb, NEIGHBOUR);
	rawback_stop(&rb);
	return 0;
}

/* The neighbour's disk works; the longest of n round trips, ns. */
static uint64_t neighbour(int n)
{
	uint64_t worst = 0, t;

	for (int i = 0; i < n; i++) {
		struct blkif_req r = rawfront_rw(&good, BLKIF_OP_WRITE, 8, 0, 4);

		t = clock_ns();
		assert_int_equal(rawfront_do(&good, &r), BLKIF_RSP_OKAY);
		t = clock_ns() - t;
		worst = t > worst ? t : worst;
	}
	return worst;
}

static void show_prod(ring_idx_t prod)
{
	atomic_store(&bad.ring.r.shared->req_prod, prod);
	evtchn_notify(bad.ch);
}

static void reconnect_bad(void)
{
	evtchn_close(bad.ch);
	gnttab_arena_free(bad.rings);
	gnttab_arena_free(bad.data);
	rawback_fe_write(&rb, RF_DEVID, "state", "1");
	assert_true(rawfront_connect(&bad, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
}

/* Corrupted ring indexes: that device is closed, the neighbour is untouched. */
static void test_xsa_39_ring_indexes(void **state)
{
	static const ring_idx_t jumps[] = { 33,		64,	    1000,      0x7fffffff,
					    0x80000000, 0xfffffffe, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct blkif_req r = rawfront_rw(&bad, BLKIF_OP_READ, 0, 0, 1);

		for (int k = 0; k < 5; k++)
			assert_int_equal(rawfront_do(&bad, &r), BLKIF_RSP_OKAY);
		show_prod(bad.ring.req_prod_pub + jumps[i]);
		assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateClosed));
		neighbour(10);
		reconnect_bad();
	}
}

/* A producer that goes back behind what was shown while requests are out. */
static void test_xsa_39_backward(void **state)
{
	struct blkif_req r = rawfront_rw(&bad, BLKIF_OP_READ, 0, 0, 1);

	(void)state;
	assert_int_equal(rawfront_do(&bad, &r), BLKIF_RSP_OKAY);
	show_prod(0);
	assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateClosed));
	neighbour(10);
}

struct flipper {
	uint8_t *slot;
	_Atomic bool stop;
};

/* Rewrites the fields that are checked, as fast as it can. */
static void *flip(void *arg)
{
	struct flipper *f = arg;
	volatile struct blkif_request *s = (void *)f->slot;

	for (uint32_t i = 0; !atomic_load(&f->stop); i++) {
		s->nr_segments = (uint8_t)(i & 1 ? 1 : 255);
		s->seg[0].last_sect = (uint8_t)(i & 2 ? 7 : 255);
		s->seg[0].first_sect = (uint8_t)(i & 4 ? 0 : 200);
		s->sector_number = i & 8 ? 8 : UINT64_MAX;
		s->operation = (uint8_t)(i % 7);
	}
	return NULL;
}

static void test_xsa_155_flipped_request(void **state)
{
	struct flipper f = { .slot = bad.ring.r.slots };
	uint8_t *guard = bad.data->pages + 4096;
	struct blkif_response rsp;
	pthread_t t;

	(void)state;
	memset(guard, 0x5a, 4096);
	assert_int_equal(pthread_create(&t, NULL, flip, &f), 0);
	for (int i = 0; i < 20000; i++) {
		struct blkif_req r = rawfront_rw(&bad, BLKIF_OP_READ, 8, 0, 1);

		rawfront_push(&bad, &r);
		assert_true(rawfront_response(&bad, &rsp));
		assert_in_range(rsp.status + 2, 0, 2);
		/* the flipped slot is always the next one */
		f.slot = ring_slot(&bad.ring.r, bad.ring.req_prod_pvt);
	}
	atomic_store(&f.stop, true);
	pthread_join(t, NULL);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(guard[i], 0x5a);
	neighbour(10);
}

/* No byte of a response is left as it was. */
static void test_xsa_216_response_padding(void **state)
{
	struct blkif_req r = rawfront_rw(&bad, BLKIF_OP_READ, 0, 0, 1);
	struct blkif_response *rsp;

	(void)state;
	for (int i = 0; i < 64; i++) {
		uint8_t *slot = ring_slot(&bad.ring.r, bad.ring.rsp_cons);

		memset(slot + 32, 0xaa, 80);
		r.operation = i & 1 ? 99 : BLKIF_OP_READ;
		(void)rawfront_do(&bad, &r);
		rsp = (struct blkif_response *)slot;
		assert_int_equal(rsp->pad, 0);
		assert_int_equal(rsp->pad2, 0);
	}
}

/* 10^6 events a second: the neighbour is served. */
static void *storm(void *arg)
{
	_Atomic bool *stop = arg;

	while (!atomic_load(stop))
		evtchn_notify(bad.ch);
	return NULL;
}

static void test_xsa_331_332_event_storm(void **state)
{
	_Atomic bool stop = false;
	pthread_t t;
	uint64_t worst;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, storm, &stop), 0);
	worst = neighbour(2000);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	assert_in_range(worst, 0, 500 * MS);
}

/* A node that is rewritten all the time. */
static void test_xsa_349_rewritten_state(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++)
		rawback_fe_write(&rb, RF_DEVID, "state", "4");
	neighbour(10);
}

static void rewrite(void *arg)
{
	(void)arg;
	(void)xenstore_write(rb.fe, XENSTORE_NO_TX,
			     "/local/domain/2/device/vbd/51712/state", "4");
}

/* While it is being rewritten, other disks' events are heard. */
static void test_xsa_349_others_are_heard(void **state)
{
	struct storm s[4];
	bool closed;

	(void)state;
	for (int i = 0; i < 4; i++)
		storm_start(&s[i], rewrite, NULL);
	usleep(50000);
	atomic_store(&good.ring.r.shared->req_prod, good.ring.req_prod_pub + 1000);
	evtchn_notify(good.ch);
	closed = rawback_wait_state(&rb, NEIGHBOUR, XenbusStateClosed);
	for (int i = 0; i < 4; i++)
		(void)storm_stop(&s[i]);
	assert_true(closed);
}

/* Connect and disconnect, faster than the backend can follow. */
static void test_xsa_350_state_flips(void **state)
{
	static const char *const states[] = {
		"1", "3", "6", "4", "5", "2", "9", "x", ""
	};
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 3000; i++)
		rawback_fe_write(&rb, RF_DEVID, "state", states[rand_r(&seed) % 9]);
	neighbour(10);
	rawback_fe_write(&rb, RF_DEVID, "state", "6");
	assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateClosed));
	reconnect_bad();
}

/* Every n-th map fails: that request fails, and nothing else. */
static void test_xsa_361_362_365_367_failed_maps(void **state)
{
	int errors = 0;

	(void)state;
	for (unsigned n = 1; n < 6; n++) {
		memhv_fail_every(rb.hv, n);
		for (int i = 0; i < 200; i++) {
			/* fresh pages: a mapping each */
			struct blkif_req r =
				rawfront_rw(&bad, BLKIF_OP_READ, 8, (unsigned)i % 50, 4);
			int status = rawfront_do(&bad, &r);

			assert_in_range(status + 1, 0, 1);
			errors += status == BLKIF_RSP_ERROR;
		}
		memhv_fail_every(rb.hv, 0);
	}
	assert_true(errors > 0);
	neighbour(10);
}

/* Any value of any byte that the backend interprets. */
static void test_xsa_513_all_bytes(void **state)
{
	struct blkif_request_segment *d = (void *)(bad.data->pages + 63 * 4096);

	(void)state;
	for (int field = 0; field < 5; field++)
		for (int v = 0; v < 256; v++) {
			struct blkif_req r = rawfront_rw(&bad, BLKIF_OP_READ, 8, 0, 1);
			int status;

			if (field == 4) {
				r.operation = BLKIF_OP_INDIRECT;
				r.indirect_grefs[0] = bad.data->refs[63];
				d[0] = (struct blkif_request_segment){
					.gref = bad.data->refs[0], .last_sect = 7
				};
			}
			switch (field) {
			case 0:
				r.operation = (uint8_t)v;
				break;
			case 1:
				r.nr_segments = (uint16_t)v;
				break;
			case 2:
				r.seg[0].first_sect = (uint8_t)v;
				break;
			case 3:
				r.seg[0].last_sect = (uint8_t)v;
				break;
			case 4:
				r.indirect_op = (uint8_t)v;
				break;
			}
			status = rawfront_do(&bad, &r);
			assert_in_range(status + 2, 0, 2);
			if ((field == 1 && v > 11) || (field == 2 && v > 7) ||
			    (field == 3 && v > 7) || (field == 4 && v > 1))
				assert_int_equal(status, BLKIF_RSP_ERROR);
			if (field == 0 && (v == 4 || v > 6))
				assert_int_equal(status, BLKIF_RSP_EOPNOTSUPP);
		}
	neighbour(10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_xsa_39_ring_indexes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xsa_39_backward, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsa_155_flipped_request, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xsa_216_response_padding, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xsa_331_332_event_storm, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xsa_349_rewritten_state, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xsa_349_others_are_heard, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xsa_350_state_flips, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_xsa_361_362_365_367_failed_maps,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsa_513_all_bytes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
