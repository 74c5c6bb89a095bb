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
#include "tests/lib/rawvif.h"
#include "tests/lib/testport.h"

#define QUEUES 4u

static struct rawback rb;
static struct rawvif f[QUEUES];

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

static void connect_all(void)
{
	char prefix[16];

	for (unsigned i = 0; i < QUEUES; i++) {
		snprintf(prefix, sizeof(prefix), "queue-%u/", i);
		rawvif_publish(&f[i], &rb, 0, prefix, RV_GSO | (i & 1 ? RV_SPLIT : 0));
	}
	rawback_fe_num(&rb, 0, "multi-queue-num-queues", QUEUES);
	assert_true(rawback_wait_state(&rb, 0, XenbusStateInitWait));
	rawback_fe_num(&rb, 0, "state", XenbusStateConnected);
	assert_true(rawback_wait_state(&rb, 0, XenbusStateConnected));
}

static void disconnect_all(void)
{
	rawback_fe_num(&rb, 0, "state", XenbusStateClosed);
	assert_true(rawback_wait_state(&rb, 0, XenbusStateClosed));
	for (unsigned i = 0; i < QUEUES; i++)
		rawvif_free(&f[i]);
	rawback_fe_num(&rb, 0, "state", XenbusStateInitialising);
}

/* A queue's frontend: packets out and back, on a thread. */
struct user {
	pthread_t thread;
	struct rawvif *f;
	unsigned n, wrong;
	uint8_t buf[65536];
};

static void *use(void *arg)
{
	struct user *u = arg;
	struct netif_pkt p;

	for (unsigned i = 0; i < u->n; i++) {
		unsigned len = 60 + i * 37 % 20000;

		if (rawvif_send(u->f, 0, len, 4096, i * 4u) != NETIF_RSP_OKAY ||
		    rawvif_recv(u->f, &p, u->buf, 10000) != (int)len) {
			u->wrong++;
			continue;
		}
		for (unsigned s = 0; s < len; s += 4096)
			u->wrong += memcmp(u->buf + s, u->f->tx_data->pages + s,
					   len - s < 4096 ? len - s : 4096) != 0;
	}
	return NULL;
}

static void use_all(unsigned n)
{
	static struct user u[QUEUES];

	for (unsigned i = 0; i < QUEUES; i++) {
		u[i].f = &f[i];
		u[i].n = n;
		u[i].wrong = 0;
		assert_int_equal(pthread_create(&u[i].thread, NULL, use, &u[i]), 0);
	}
	for (unsigned i = 0; i < QUEUES; i++) {
		pthread_join(u[i].thread, NULL);
		assert_int_equal(u[i].wrong, 0);
	}
}

static void test_four_queues(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		connect_all();
		assert_int_equal(rawback_be_num(&rb, 0, "multi-queue-max-queues"), 4);
		use_all(300);
		assert_int_equal(rawvif_stat(&rb, 0, "tx_packets"), 4 * 300);
		assert_int_equal(rawvif_stat(&rb, 0, "rx_packets"), 4 * 300);
		assert_int_equal(rawvif_stat(&rb, 0, "queues"), 4);
		disconnect_all();
	}
}

/* The frontend goes, the toolstack takes it away, while every ring is full. */
static void test_gone_under_load(void **state)
{
	(void)state;
	for (int round = 0; round < 12; round++) {
		connect_all();
		for (unsigned i = 0; i < QUEUES; i++) {
			struct netif_tx_request req = { .gref = f[i].tx_data->refs[0],
							.size = 1000 };

			while (ring_front_free(&f[i].tx))
				rawvif_tx(&f[i], &req);
			rawvif_push(&f[i]);
		}
		usleep((unsigned)(round % 4) * 100);
		if (round % 3 == 0) {
			disconnect_all();
			continue;
		}
		rawback_detach(&rb, 0);
		for (unsigned i = 0; i < QUEUES; i++)
			rawvif_free(&f[i]);
		rawvif_attach(&rb, 0, "test", "echo", NULL, NULL);
	}
}

/* Counters are asked for and the rate is changed while packets flow. */
static void test_asked_under_load(void **state)
{
	static struct user u = { .n = 2000 };

	(void)state;
	connect_all();
	u.f = &f[0];
	assert_int_equal(pthread_create(&u.thread, NULL, use, &u), 0);
	for (int i = 0; i < 100; i++) {
		rawback_be_write(&rb, 0, "rate", i & 1 ? "0,0" : "100000000,1000");
		assert_true(rawvif_stat(&rb, 0, "tx_packets") >= 0);
	}
	pthread_join(u.thread, NULL);
	assert_int_equal(u.wrong, 0);
	disconnect_all();
}

/* `stats` is JSON, every counter a number in it. */
static void test_stats_are_json(void **state)
{
	cleanup_free char *text = NULL;
	json_error_t err;
	json_t *o, *v;
	const char *key;

	(void)state;
	connect_all();
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
	disconnect_all();
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
