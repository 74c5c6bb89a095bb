/* SPDX-License-Identifier: MIT */
/* A virtual disk's life: reconnecting, detaching, wrong keys, throttle, counters. */
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

/* The frontend starts anew without closing, as after its crash. */
static void test_reconnect(void **state)
{
	struct rawfront rf, rf2;

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	rawfront_check_rw(&rf);
	rawback_fe_write(&rb, RF_DEVID, "state", "1");
	assert_true(rawfront_connect(&rf2, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	rawfront_check_rw(&rf2);
	rawfront_close(&rf2);
	evtchn_close(rf.ch);
	gnttab_arena_free(rf.rings);
	gnttab_arena_free(rf.data);
	rawback_detach(&rb, RF_DEVID);
}

/* The toolstack detaches: Closing, the frontend closes, Closed. */
static void test_detach(void **state)
{
	struct rawfront rf;

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	rawback_be_write(&rb, RF_DEVID, "online", "0");
	rawback_be_write(&rb, RF_DEVID, "state", "5");
	rawfront_check_rw(&rf); /* served until the frontend closes */
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

static void test_bad_frontend_keys(void **state)
{
	static const struct {
		const char *key, *value;
	} bad[] = {
		{ "ring-page-order", "5" },
		{ "ring-page-order", "-1" },
		{ "ring-ref", "x" },
		{ "protocol", "arm-abi" },
		{ "event-channel", "99999" },
		{ "multi-queue-num-queues", "0" },
		{ "multi-queue-num-queues", "17" },
		{ "feature-persistent", "2" },
		{ "num-ring-pages", "3" },
		{ "ring-ref", "4294967295" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
		assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateInitWait));
		rawback_fe_write(&rb, RF_DEVID, "ring-ref", "8");
		rawback_fe_write(&rb, RF_DEVID, "event-channel", "1");
		rawback_fe_write(&rb, RF_DEVID, bad[i].key, bad[i].value);
		rawback_fe_write(&rb, RF_DEVID, "state", "3");
		if (!rawback_wait_state(&rb, RF_DEVID, XenbusStateClosed))
			fail_msg("%s=%s was taken", bad[i].key, bad[i].value);
		rawback_detach(&rb, RF_DEVID);
	}
}

static void test_bad_params(void **state)
{
	static const char *const bad[][2] = {
		{ "ram", "12x" }, { "ram", "100" }, { "nosuch", "1M" }, { "null", "0" }
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		rawback_attach(&rb, RF_DEVID, bad[i][0], bad[i][1], "w", NULL);
		assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateClosed));
		rawback_detach(&rb, RF_DEVID);
	}
}

static void test_throttle(void **state)
{
	struct rawfront rf;
	struct blkif_req r;
	uint64_t t;

	(void)state;
	rawback_be_write(&rb, RF_DEVID, "throttle-iops", "100");
	rawback_be_write(&rb, RF_DEVID, "throttle-burst-ms", "0");
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	t = clock_ns();
	for (int i = 0; i < 31; i++) {
		r = rawfront_rw(&rf, BLKIF_OP_WRITE, 0, 0, 1);
		assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	}
	t = clock_ns() - t;
	assert_in_range(t, 290000000u, 2000000000u); /* 30 gaps of 10 ms */
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

static void test_stats(void **state)
{
	struct rawfront rf;
	char *v = NULL;

	(void)state;
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, true));
	rawfront_check_rw(&rf);
	rawback_be_write(&rb, RF_DEVID, "stats-request", "1");
	for (int i = 0; i < 5000 && !v; i++) {
		usleep(1000);
		(void)xenstore_read(rb.dom0, XENSTORE_NO_TX,
				    "/local/domain/1/backend/vbd/2/51712/stats", &v,
				    NULL);
	}
	assert_non_null(v);
	assert_non_null(strstr(v, "\"reads\":1,"));
	assert_non_null(strstr(v, "\"write_bytes\":32768,"));
	free(v);
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reconnect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_frontend_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_params, setup, teardown),
		cmocka_unit_test_setup_teardown(test_throttle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stats, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
