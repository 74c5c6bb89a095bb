/* SPDX-License-Identifier: MIT */
/* A vif of many queues over two workers, its life under load, its counters. */
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/cleanup.h"
#include "tests/lib/testport.h"
#include "tests/lib/vifqueues.h"

static struct rawback rb;
static struct rawvif f[VIFQUEUES];

static int setup(void **state)
{
	struct netback_config cfg = netback_config_default;

	(void)state;
	cfg.be.workers = 2;
	testport_info = (struct netdrv_info){ 0 };
	rawvif_back(&rb, &cfg);
	rawvif_attach(&rb, 0, "test", "echo", NULL, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rawback_detach(&rb, 0);
	rawback_stop(&rb);
	return 0;
}

static void test_four_queues(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		vifqueues_connect(&rb, f, RV_GSO, NULL);
		assert_int_equal(rawback_be_num(&rb, 0, "multi-queue-max-queues"), 4);
		vifqueues_use(f, 300, NULL);
		assert_int_equal(rawvif_stat(&rb, 0, "tx_packets"), 4 * 300);
		assert_int_equal(rawvif_stat(&rb, 0, "rx_packets"), 4 * 300);
		assert_int_equal(rawvif_stat(&rb, 0, "queues"), 4);
		vifqueues_disconnect(&rb, f, NULL);
	}
}

/* The frontend goes, the toolstack takes it away, while every ring is full. */
static void test_gone_under_load(void **state)
{
	(void)state;
	for (int round = 0; round < 12; round++) {
		vifqueues_connect(&rb, f, RV_GSO, NULL);
		for (unsigned i = 0; i < VIFQUEUES; i++) {
			struct netif_tx_request req = { .gref = f[i].tx_data->refs[0],
							.size = 1000 };

			while (ring_front_free(&f[i].tx))
				rawvif_tx(&f[i], &req);
			rawvif_push(&f[i]);
		}
		usleep((unsigned)(round % 4) * 100);
		if (round % 3 == 0) {
			vifqueues_disconnect(&rb, f, NULL);
			continue;
		}
		rawback_detach(&rb, 0);
		vifqueues_free(f, NULL);
		rawvif_attach(&rb, 0, "test", "echo", NULL, NULL);
	}
}

static void ask(void)
{
	static unsigned n;

	rawback_be_write(&rb, 0, "rate", n++ & 1 ? "0,0" : "100000000,1000");
	assert_true(rawvif_stat(&rb, 0, "tx_packets") >= 0);
}

/* Counters are asked for and the rate is changed while packets flow. */
static void test_asked_under_load(void **state)
{
	(void)state;
	vifqueues_connect(&rb, f, RV_GSO, NULL);
	vifqueues_use(f, 1000, ask);
	vifqueues_disconnect(&rb, f, NULL);
}

/* `stats` is JSON, every counter a number in it. */
static void test_stats_are_json(void **state)
{
	cleanup_free char *text = NULL;
	json_error_t err;
	json_t *o, *v;
	const char *key;

	(void)state;
	vifqueues_connect(&rb, f, RV_GSO, NULL);
	assert_int_equal(rawvif_stat(&rb, 0, "queues"), 4);
	assert_int_equal(xenstore_read(rb.dom0, XENSTORE_NO_TX,
				       "/local/domain/1/backend/vif/2/0/stats", &text,
				       NULL),
			 0);
	o = json_loads(text, 0, &err);
	assert_non_null(o);
	assert_true(json_object_size(o) > 15);
	json_object_foreach(o, key, v) assert_true(json_is_integer(v));
	json_decref(o);
	vifqueues_disconnect(&rb, f, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_four_queues),
		T(test_gone_under_load),
		T(test_asked_under_load),
		T(test_stats_are_json),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
