/* SPDX-License-Identifier: MIT */
/* The backend directory: devices that cannot be, beside one that can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/lib/rawfront.h"

static struct rawback rb;

/* One whose frontend is another domain's is left alone, once. */
static void test_foreign_frontend(void **state)
{
	struct rawfront rf;
	struct blkif_req r;

	(void)state;
	rawback_start(&rb, NULL);
	rawback_be_write(&rb, RF_DEVID + 16, "state", "1");
	rawback_be_write(&rb, RF_DEVID + 16, "frontend",
			 "/local/domain/3/device/vbd/51728");
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	r = rawfront_rw(&rf, BLKIF_OP_READ, 0, 0, 1);
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	assert_int_equal(rawback_be_num(&rb, RF_DEVID + 16, "state"), 1);
	/* events of its own do not make it more welcome */
	rawback_be_write(&rb, RF_DEVID + 16, "online", "1");
	assert_int_equal(rawfront_do(&rf, &r), BLKIF_RSP_OKAY);
	/* the worker's news are heard: the queue has stopped */
	rawback_fe_write(&rb, RF_DEVID, "state", "6");
	assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateClosed));
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
	rawback_detach(&rb, RF_DEVID + 16);
	rawback_stop(&rb);
}

/* A frontend that closes before it connected is followed, as one that did. */
static void test_closed_before_connected(void **state)
{
	struct rawfront rf;

	(void)state;
	rawback_start(&rb, NULL);
	rawback_attach(&rb, RF_DEVID, "ram", "1M", "w", NULL);
	assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateInitWait));
	rawback_fe_write(&rb, RF_DEVID, "state", "6");
	assert_true(rawback_wait_state(&rb, RF_DEVID, XenbusStateClosed));
	rawback_fe_write(&rb, RF_DEVID, "state", "1");
	assert_true(rawfront_connect(&rf, &rb, RF_DEVID, BLKIF_ABI_NATIVE, 0, false));
	rawfront_close(&rf);
	rawback_detach(&rb, RF_DEVID);
	rawback_stop(&rb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreign_frontend),
		cmocka_unit_test(test_closed_before_connected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
