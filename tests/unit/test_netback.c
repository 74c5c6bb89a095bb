/* SPDX-License-Identifier: MIT */
/* A vif's life and its packets: both ways, slots, extras, rate, multicast, keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/rawvif.h"

static struct rawback rb;
static uint8_t buf[65536];

static int setup(void **state)
{
	(void)state;
	rawvif_back(&rb, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rawback_stop(&rb);
	return 0;
}

static void test_tx(void **state)
{
	struct rawvif f;

	(void)state;
	rawvif_attach(&rb, 0, "sink", NULL, NULL, NULL);
	for (unsigned flags = 0; flags <= RV_SPLIT; flags += RV_SPLIT) {
		assert_true(rawvif_connect(&f, &rb, 0, flags));
		assert_int_equal(rawvif_send(&f, 0, 64, 4096, 1), NETIF_RSP_OKAY);
		assert_int_equal(rawvif_send(&f, 0, 1514, 4096, 1), NETIF_RSP_OKAY);
		assert_int_equal(rawvif_send(&f, 0, 65535, 4096, 1), NETIF_RSP_OKAY);
		for (unsigned slot = 1; slot < 200; slot++)
			assert_int_equal(rawvif_send(&f, 0, 17 * slot, slot, 2),
					 17 * slot < 14 ? NETIF_RSP_ERROR
							: NETIF_RSP_OKAY);
		assert_int_equal(rawvif_stat(&rb, 0, "tx_packets"), 3 + 199);
		assert_int_equal(rawvif_stat(&rb, 0, "tx_queue_depth"), 17);
		rawvif_close(&f);
		rawback_fe_num(&rb, 0, "state", XenbusStateInitialising);
	}
	rawback_detach(&rb, 0);
}

static void test_rx(void **state)
{
	struct netif_pkt p;
	struct rawvif f;

	(void)state;
	rawvif_attach(&rb, 0, "gen", NULL, "size=100,count=1000", NULL);
	assert_true(rawvif_connect(&f, &rb, 0, RV_SPLIT));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(rawvif_recv(&f, &p, buf, 5000), 100);
	assert_int_equal(rawvif_recv(&f, &p, buf, 50), -ETIMEDOUT);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_packets"), 1000);
	/* 256 are posted, and what was taken is posted again */
	assert_in_range(rawvif_stat(&rb, 0, "rx_queue_depth"), 1, 256);
	rawvif_close(&f);
	rawback_detach(&rb, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tx, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rx, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
