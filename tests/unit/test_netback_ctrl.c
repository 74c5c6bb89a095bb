/* SPDX-License-Identifier: MIT */
/* The control ring of a vif that carries packets: steering between queues, pages
 * that stay mapped. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ringproto/toeplitz.h"
#include "tests/lib/frames.h"
#include "tests/lib/testport.h"
#include "tests/lib/vifqueues.h"

#define OK	    XEN_NETIF_CTRL_STATUS_SUCCESS
#define SET_ALG	    XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM
#define SET_FLAGS   XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS
#define SET_KEY	    XEN_NETIF_CTRL_TYPE_SET_HASH_KEY
#define SET_SIZE    XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE
#define SET_MAPPING XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING
#define ADD	    XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING
#define DEL	    XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING

static struct rawback rb;
static struct rawvif f[VIFQUEUES];
static struct vifctrl ctrl;
static uint8_t buf[65536], frame[FRAMES_MAX];
static const uint8_t key[40] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2 };

static int setup_port(const char *target, uint64_t stall_ns)
{
	struct netback_config cfg = netback_config_default;

	cfg.be.workers = 2;
	cfg.stall_ns = stall_ns;
	testport_info = (struct netdrv_info){ 0 };
	rawvif_back(&rb, &cfg);
	rawvif_attach(&rb, 0, "test", target, NULL, NULL);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_port("tape", netback_config_default.stall_ns);
}

static int setup_echo(void **state)
{
	(void)state;
	return setup_port("echo", netback_config_default.stall_ns);
}

static int setup_stall(void **state)
{
	(void)state;
	return setup_port("tape", 50000000);
}

static int teardown(void **state)
{
	(void)state;
	vifqueues_disconnect(&rb, f, &ctrl);
	rawback_detach(&rb, 0);
	rawback_stop(&rb);
	return 0;
}

/* -------------------------------------------------------------------- hashes */

static uint32_t call(uint16_t type, uint32_t d0, uint32_t d1, uint32_t d2)
{
	return vifctrl_call(&ctrl, type, d0, d1, d2, NULL);
}

/* Addresses are hashed; entry i of the table is queue to[i % VIFQUEUES]. */
static void steer(const uint32_t *to)
{
	uint32_t *table = (uint32_t *)(ctrl.pages->pages + 2 * NETIF_PAGE_SIZE);

	memcpy(ctrl.pages->pages + NETIF_PAGE_SIZE, key, sizeof(key));
	for (uint32_t i = 0; i < 128; i++)
		table[i] = to[i % VIFQUEUES];
	assert_int_equal(call(SET_ALG, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ, 0, 0), OK);
	assert_int_equal(call(SET_FLAGS, XEN_NETIF_CTRL_HASH_TYPE_IPV4, 0, 0), OK);
	assert_int_equal(call(SET_KEY, ctrl.pages->refs[1], sizeof(key), 0), OK);
	assert_int_equal(call(SET_SIZE, 128, 0, 0), OK);
	assert_int_equal(call(SET_MAPPING, ctrl.pages->refs[2], 128, 0), OK);
}

/* A frame from 10.0.0.n; its hash. */
static uint32_t make_frame(unsigned n, uint32_t payload, uint32_t *len)
{
	struct frame_spec s = { .proto = 17, .payload = payload };
	struct frame fr = frame_make(frame, &s);
	struct toeplitz t;

	frame[fr.l3 + 15] = (uint8_t)n;
	*len = (uint32_t)fr.len;
	toeplitz_init(&t, key, sizeof(key));
	return toeplitz_hash(&t, frame + fr.l3 + 12, 8);
}

/* Whatever queue it comes in by, a packet goes out by its hash's, which it is
 * told with. */
static void test_steering(void **state)
{
	static const uint32_t to[] = { 2, 0, 3, 1 };
	struct testport *tp;
	uint32_t len, seen = 0;
	struct netif_pkt p;

	(void)state;
	vifqueues_connect(&rb, f, RV_GSO, &ctrl);
	tp = testport_find("tape");
	steer(to);
	for (unsigned i = 0; i < 400; i++) {
		uint32_t hash = make_frame(i, i % 5 * 2000, &len);
		uint32_t queue = to[hash % 128 % VIFQUEUES];

		assert_true(testport_feed(tp, i % VIFQUEUES, NULL, frame, len));
		assert_int_equal(rawvif_recv(&f[queue], &p, buf, 5000), len);
		assert_memory_equal(buf, frame, len);
		assert_int_equal(p.meta.hash_alg, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);
		assert_int_equal(p.meta.hash_type, 0);
		assert_int_equal(p.meta.hash, hash);
		seen |= 1u << queue;
	}
	assert_int_equal(seen, 15);
	/* what has no hash stays where it came in */
	memset(frame, 2, 60);
	for (uint32_t q = 0; q < VIFQUEUES; q++) {
		assert_true(testport_feed(tp, q, NULL, frame, 60));
		assert_int_equal(rawvif_recv(&f[q], &p, buf, 5000), 60);
		assert_int_equal(p.nr_extras, 0);
	}
	/* and all does when it is switched off */
	assert_int_equal(call(SET_ALG, XEN_NETIF_CTRL_HASH_ALGORITHM_NONE, 0, 0), OK);
	for (unsigned i = 0; i < 50; i++) {
		make_frame(i, 5000, &len);
		assert_true(testport_feed(tp, 1, NULL, frame, len));
		assert_int_equal(rawvif_recv(&f[1], &p, buf, 5000), len);
		assert_int_equal(p.nr_extras, 0);
	}
	assert_int_equal(rawvif_stat(&rb, 0, "rx_errors"), 0);
}

/* Large segments with a hash: two extras in a row behind the first slot. */
static void test_steering_large(void **state)
{
	static const uint32_t to[] = { 3, 3, 3, 3 };
	const struct netif_meta m = { .csum_blank = true,
				      .data_validated = true,
				      .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
				      .gso_size = 1448 };
	struct netif_pkt p;
	uint32_t len;

	(void)state;
	vifqueues_connect(&rb, f, RV_GSO, &ctrl);
	steer(to);
	for (unsigned i = 0; i < 100; i++) {
		uint32_t hash = make_frame(i, 60000 - i * 600, &len);

		assert_true(testport_feed(testport_find("tape"), i % VIFQUEUES,
					  i & 4 ? NULL : &m, frame, len));
		assert_int_equal(rawvif_recv(&f[3], &p, buf, 5000), len);
		assert_memory_equal(buf, frame, len);
		assert_int_equal(p.nr_extras, i & 4 ? 1 : 2);
		assert_int_equal(p.meta.gso_size, i & 4 ? 0 : 1448);
		assert_int_equal(p.meta.hash, hash);
	}
}

/* All is steered to a queue that takes nothing: what waits for it is bounded,
 * the others go on. */
static void test_xsa_392_steered_to_a_stalled_queue(void **state)
{
	static const uint32_t to[] = { 1, 1, 1, 1 };
	struct testport *tp;
	struct netif_pkt p;
	uint32_t len;

	(void)state;
	vifqueues_connect(&rb, f, RV_EMPTY, &ctrl);
	rawvif_post(&f[0], NETIF_RING_SLOTS);
	rawvif_post(&f[2], NETIF_RING_SLOTS);
	tp = testport_find("tape");
	steer(to);
	for (unsigned i = 0; i < 20000; i++) {
		make_frame(i, 1000, &len);
		while (!testport_feed(tp, i & 2, NULL, frame, len))
			usleep(100);
	}
	memset(frame, 2, 60);
	for (unsigned i = 0; i < 200; i++) {
		assert_true(testport_feed(tp, i & 2, NULL, frame, 60));
		assert_int_equal(rawvif_recv(&f[i & 2], &p, buf, 5000), 60);
	}
	assert_true(rawvif_stat(&rb, 0, "rx_dropped_steering") +
			    rawvif_stat(&rb, 0, "rx_dropped_stalled") >
		    15000);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_packets"), 200);
}

/* --------------------------------------------------------------- static pages */

/* Pages that the frontend has had mapped are not mapped again. */
static void test_static_pages(void **state)
{
	long mapped;

	(void)state;
	vifqueues_connect(&rb, f, RV_GSO, &ctrl);
	vifqueues_use(f, 20, NULL);
	for (uint32_t q = 0; q < VIFQUEUES; q++)
		assert_int_equal(vifctrl_grefs(&ctrl, ADD, &f[q], q), OK);
	vifqueues_use(f, 100, NULL); /* what was taken before is used up */
	mapped = rawvif_stat(&rb, 0, "pages_mapped");
	vifqueues_use(f, 200, NULL);
	assert_int_equal(rawvif_stat(&rb, 0, "pages_mapped"), mapped);
	for (uint32_t q = 0; q < VIFQUEUES; q++)
		assert_int_equal(vifctrl_grefs(&ctrl, DEL, &f[q], q), OK);
	vifqueues_use(f, 50, NULL);
	assert_true(rawvif_stat(&rb, 0, "pages_mapped") > mapped);
}

static void change_all(void)
{
	static unsigned n;
	uint32_t q = n / 2 % VIFQUEUES;

	/* whether hashes have room in front of a packet changes, too */
	assert_int_equal(call(SET_ALG, n & 1, 0, 0), OK);
	assert_int_equal(vifctrl_grefs(&ctrl, n & 1 ? DEL : ADD, &f[q], q), OK);
	n++;
}

/* The table and the room change while packets are under way: none is lost, none
 * is changed. */
static void test_changes_under_load(void **state)
{
	(void)state;
	vifqueues_connect(&rb, f, RV_GSO, &ctrl);
	vifqueues_use(f, 400, change_all);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_errors"), 0);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_errors"), 0);
}

/* Every n-th map fails, also those of requests that lose their static page. */
static void test_xsa_361_pages_lost_under_load(void **state)
{
	(void)state;
	vifqueues_connect(&rb, f, RV_GSO, &ctrl);
	for (unsigned n = 2; n < 20; n++) {
		uint32_t q = n % VIFQUEUES;

		assert_int_equal(vifctrl_grefs(&ctrl, ADD, &f[q], q), OK);
		for (int i = 0; i < 20; i++)
			(void)rawvif_send(&f[q], 0, 9000, 4096, 1);
		memhv_fail_every(rb.hv, n);
		(void)vifctrl_grefs(&ctrl, DEL, &f[q], q);
		memhv_fail_every(rb.hv, 0);
		(void)vifctrl_grefs(&ctrl, DEL, &f[q], q);
		assert_int_equal(rawvif_send(&f[q], 0, 9000, 4096, 1), NETIF_RSP_OKAY);
	}
}

/* A control ring with impossible indexes ends the vif, packets or not. */
static void test_xsa_39_control_ring(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		vifqueues_connect(&rb, f, RV_GSO, &ctrl);
		assert_int_equal(call(SET_ALG, 1, 0, 0), OK);
		assert_int_equal(rawvif_send(&f[0], 0, 100, 4096, 1), NETIF_RSP_OKAY);
		atomic_store(&ctrl.f.r.shared->req_prod,
			     ctrl.f.req_prod_pub + (1000u << i));
		evtchn_notify(ctrl.ch);
		assert_true(rawback_wait_state(&rb, 0, XenbusStateClosed));
		vifqueues_disconnect(&rb, f, &ctrl);
	}
	vifqueues_connect(&rb, f, RV_GSO, &ctrl);
	assert_int_equal(rawvif_send(&f[0], 0, 100, 4096, 1), NETIF_RSP_OKAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_steering, setup),
		T(test_steering_large, setup),
		T(test_xsa_392_steered_to_a_stalled_queue, setup_stall),
		T(test_static_pages, setup_echo),
		T(test_changes_under_load, setup_echo),
		T(test_xsa_361_pages_lost_under_load, setup_echo),
		T(test_xsa_39_control_ring, setup),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
