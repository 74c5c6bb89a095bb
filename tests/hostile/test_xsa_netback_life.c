/* SPDX-License-Identifier: MIT */
/*
 * A hostile frontend's keys and states against netback, a guest that takes
 * nothing off its ring: published advisories, by number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/storm.h"
#include "tests/lib/vifpair.h"

#define MS 1000000ull

static struct vifpair vp;
static uint8_t buf[65536];

static int setup(void **state)
{
	(void)state;
	vifpair_start(&vp, NULL, "test", "tape", NULL, RV_SPLIT | RV_GSO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vifpair_stop(&vp);
	return 0;
}

/* ----------------------------------------------------------------- xenstore */

/* A node that is rewritten all the time. */
static void test_xsa_349_rewritten_nodes(void **state)
{
	static const char *const keys[] = { "state", "tx-ring-ref", "event-channel-tx",
					    "feature-sg", "a-key-of-nobody" };

	(void)state;
	for (int i = 0; i < 1000000; i++)
		rawback_fe_write(&vp.rb, VP_BAD, keys[i % 5], i % 5 ? "7" : "4");
	vifpair_neighbour(&vp, 10);
	/* rings that are published again while it is connected are nobody's */
	assert_int_equal(rawvif_send(&vp.bad, 0, 100, 4096, 1), NETIF_RSP_OKAY);
}

static void rewrite(void *arg)
{
	(void)arg;
	(void)xenstore_write(vp.rb.fe, XENSTORE_NO_TX,
			     "/local/domain/2/device/vif/0/state", "4");
}

/* While it is being rewritten, the neighbour's events are heard. */
static void test_xsa_349_others_are_heard(void **state)
{
	struct storm s[4];
	bool closed;

	(void)state;
	for (int i = 0; i < 4; i++)
		storm_start(&s[i], rewrite, NULL);
	usleep(50000);
	assert_in_range(vifpair_neighbour(&vp, 200), 0, 1000 * MS);
	vifpair_show(&vp.good.tx, vp.good.tx_ch, vp.good.tx.req_prod_pub + 1000);
	closed = rawback_wait_state(&vp.rb, VP_GOOD, XenbusStateClosed);
	for (int i = 0; i < 4; i++)
		(void)storm_stop(&s[i]);
	assert_true(closed);
}

/* Connect and disconnect, faster than the backend can follow, while packets are
 * under way. */
static void test_xsa_350_state_flips(void **state)
{
	static const char *const states[] = {
		"1", "3", "6", "4", "5", "2", "9", "x", ""
	};
	static const uint8_t frame[60] = { 2 };
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		rawback_fe_write(&vp.rb, VP_BAD, "state", states[rand_r(&seed) % 9]);
		(void)testport_feed(testport_find("tape"), 0, NULL, frame, sizeof(frame));
		vifpair_show(&vp.bad.tx, vp.bad.tx_ch, (ring_idx_t)i);
	}
	vifpair_neighbour(&vp, 10);
	rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
	vifpair_closed(&vp);
	vifpair_reconnect(&vp);
	assert_int_equal(rawvif_send(&vp.bad, 0, 100, 4096, 1), NETIF_RSP_OKAY);
}

/* ---------------------------------------------------------------------- keys */

/* Connects once more, with one key as it is told (NULL: gone). */
static void connect_with(const char *key, const char *value, enum xenbus_state want)
{
	char path[128];

	rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
	vifpair_closed(&vp);
	rawvif_free(&vp.bad);
	rawback_fe_write(&vp.rb, VP_BAD, "state", "1");
	rawvif_publish(&vp.bad, &vp.rb, VP_BAD, "", RV_SPLIT);
	assert_true(rawback_wait_state(&vp.rb, VP_BAD, XenbusStateInitWait));
	snprintf(path, sizeof(path), "/local/domain/2/device/vif/0/%s", key);
	if (value)
		rawback_fe_write(&vp.rb, VP_BAD, key, value);
	else
		(void)xenstore_rm(vp.rb.dom0, XENSTORE_NO_TX, path);
	rawback_fe_write(&vp.rb, VP_BAD, "state", "4");
	if (!rawback_wait_state(&vp.rb, VP_BAD, want))
		fail_msg("%s=%s", key, value ? value : "(missing)");
	vifpair_neighbour(&vp, 1);
	(void)xenstore_rm(vp.rb.dom0, XENSTORE_NO_TX, path);
}

static void test_nonsense_in_every_key(void **state)
{
	static const struct {
		const char *key;
		bool may_miss;
	} keys[] = {
		{ "tx-ring-ref", false },
		{ "rx-ring-ref", false },
		{ "event-channel-tx", false },
		{ "event-channel-rx", false },
		{ "request-rx-copy", false },
		{ "feature-sg", true },
		{ "feature-gso-tcpv4", true },
		{ "feature-gso-tcpv6", true },
		{ "feature-no-csum-offload", true },
		{ "feature-ipv6-csum-offload", true },
		{ "request-multicast-control", true },
		{ "multi-queue-num-queues", true },
	};
	static const char *const values[] = {
		"",	      "x",	    "-1",
		"0x1",	      "1 ",	    "99999",
		"4294967295", "4294967296", "18446744073709551616",
		"1\n",	      "%s%n",	    NULL,
	};
	char *longest = malloc(3001);

	(void)state;
	memset(longest, '9', 3000);
	longest[3000] = '\0';
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++)
			connect_with(keys[k].key, values[v],
				     !values[v] && keys[k].may_miss ? XenbusStateConnected
								    : XenbusStateClosed);
		connect_with(keys[k].key, longest, XenbusStateClosed);
	}
	free(longest);
	connect_with("request-rx-copy", "0", XenbusStateClosed);
	connect_with("multi-queue-num-queues", "0", XenbusStateClosed);
	connect_with("multi-queue-num-queues", "5", XenbusStateClosed); /* of 4 */
	connect_with("multi-queue-num-queues", "1", XenbusStateConnected);
	vifpair_reconnect(&vp);
}

/* The same page as both rings: what it answers to itself is its own affair. */
static void test_same_page_for_both_rings(void **state)
{
	static const uint8_t frame[60] = { 2 };
	char ref[16];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(ref, sizeof(ref), "%u", vp.bad.rings->refs[0]);
		rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
		vifpair_closed(&vp);
		rawvif_free(&vp.bad);
		rawback_fe_write(&vp.rb, VP_BAD, "state", "1");
		rawvif_publish(&vp.bad, &vp.rb, VP_BAD, "", RV_SPLIT);
		assert_true(rawback_wait_state(&vp.rb, VP_BAD, XenbusStateInitWait));
		snprintf(ref, sizeof(ref), "%u", vp.bad.rings->refs[i & 1]);
		rawback_fe_write(&vp.rb, VP_BAD, i & 1 ? "tx-ring-ref" : "rx-ring-ref",
				 ref);
		rawback_fe_write(&vp.rb, VP_BAD, "state", "4");
		assert_true(rawback_wait_state(&vp.rb, VP_BAD, XenbusStateConnected));
		for (int k = 0; k < 200; k++) {
			struct netif_tx_request req = { .gref = vp.bad.tx_data->refs[0],
							.size = 60 };

			(void)testport_feed(testport_find("tape"), 0, NULL, frame,
					    sizeof(frame));
			rawvif_tx(&vp.bad, &req);
			rawvif_push(&vp.bad);
		}
		vifpair_neighbour(&vp, 5);
	}
	rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
	vifpair_closed(&vp);
	vifpair_reconnect(&vp);
}

/* ------------------------------------------------------------ a stalled guest */

#define STALL_MS 100

static int setup_stall(void **state)
{
	struct netback_config cfg = netback_config_default;

	(void)state;
	cfg.stall_ns = STALL_MS * MS;
	vifpair_start(&vp, &cfg, "test", "tape", NULL, RV_SPLIT | RV_EMPTY);
	return 0;
}

/* Feeds n packets; how many the port took. */
static unsigned feed(unsigned n)
{
	static const uint8_t frame[1514] = { 2 };
	unsigned taken = 0;

	while (n--)
		taken += testport_feed(testport_find("tape"), 0, NULL, frame,
				       sizeof(frame));
	return taken;
}

/* It gives no room: what is kept for it is bounded, and dropped in the end; when
 * it wakes up it has its packets again. */
static void test_xsa_392_424_stalled_guest(void **state)
{
	struct netif_pkt p;
	unsigned fed;

	(void)state;
	fed = feed(10000);
	assert_true(fed < 10000); /* the port's cap */
	for (int i = 0;
	     i < 500 && rawvif_stat(&vp.rb, VP_BAD, "rx_dropped_stalled") < (long)fed;
	     i++)
		usleep(10000);
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "rx_dropped_stalled"), fed);
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "rx_packets"), 0);
	vifpair_neighbour(&vp, 100);
	/* it is awake again */
	rawvif_post(&vp.bad, 256);
	usleep(20000);
	assert_int_equal(feed(100), 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rawvif_recv(&vp.bad, &p, buf, 5000), 1514);
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "rx_dropped_stalled"), fed);
}

/* Within the time nothing is dropped. */
static void test_xsa_392_short_pauses(void **state)
{
	struct netif_pkt p;

	(void)state;
	for (int round = 0; round < 20; round++) {
		assert_int_equal(feed(40), 40);
		usleep(2000);
		vp.bad.posted = 0;
		rawvif_post(&vp.bad, 40);
		for (int i = 0; i < 40; i++) {
			vp.bad.posted = 0; /* nothing is posted anew */
			if (rawvif_recv(&vp.bad, &p, buf, 2000) == 1514)
				continue;
			assert_true(rawvif_stat(&vp.rb, VP_BAD, "rx_dropped_stalled") >
				    0);
			print_message("so slow that it was a stall\n");
			skip();
		}
	}
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "rx_packets"), 800);
}

/* Teardown in the middle of a stall. */
static void test_xsa_424_teardown_while_stalled(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		(void)feed(100);
		usleep(i & 1 ? 1000 : STALL_MS * 1500);
		rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
		vifpair_closed(&vp);
		vifpair_reconnect(&vp);
	}
	vifpair_neighbour(&vp, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name)	 cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TS(name) cmocka_unit_test_setup_teardown(name, setup_stall, teardown)
		T(test_xsa_349_rewritten_nodes),  T(test_xsa_349_others_are_heard),
		T(test_xsa_350_state_flips),	  T(test_nonsense_in_every_key),
		T(test_same_page_for_both_rings), TS(test_xsa_392_424_stalled_guest),
		TS(test_xsa_392_short_pauses),	  TS(test_xsa_424_teardown_while_stalled),
#undef TS
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
