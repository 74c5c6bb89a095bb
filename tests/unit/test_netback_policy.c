/* SPDX-License-Identifier: MIT */
/* What a vif may send and gets: rate, addresses, multicast groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/adapt.h"
#include "hv/base/cleanup.h"
#include "tests/lib/rawvif.h"
#include "tests/lib/testport.h"

#define MS 1000000ull

static struct rawback rb;
static struct rawvif f;
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
	rawvif_close(&f);
	rawback_detach(&rb, 0);
	rawback_stop(&rb);
	return 0;
}

static void connect_vif(const char *const *keys, unsigned flags)
{
	rawvif_attach(&rb, 0, "test", "tape", NULL, keys);
	assert_true(rawvif_connect(&f, &rb, 0, flags));
}

/* --------------------------------------------------------------------- rate */

/* How long n packets of 1000 bytes take, ms. */
static uint64_t send_many(unsigned n)
{
	uint64_t t = clock_ns();

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rawvif_send(&f, 0, 1000, 4096, i), NETIF_RSP_OKAY);
	return (clock_ns() - t) / MS;
}

static void test_rate(void **state)
{
	static const char *const keys[] = { "rate", "5000,50000", NULL };

	(void)state;
	connect_vif(keys, 0); /* 100 kB/s, 5 kB at once */
	assert_in_range(send_many(50), 350, 5000);
	assert_true(rawvif_stat(&rb, 0, "tx_throttled") > 0);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_packets"), 50);
}

/* A packet that waits for the old rate, for an hour, goes with the new one. */
static void test_rate_changes_live(void **state)
{
	static const char *const keys[] = { "rate", "1,1000000", NULL };
	static const char *const rates[] = { "1000000,1000", "0,0", "1000000,1000" };
	struct netif_tx_request req = { .size = 1000 };
	struct netif_tx_response rsp;

	(void)state;
	connect_vif(keys, RV_SPLIT);
	req.gref = f.tx_data->refs[0];
	for (size_t i = 0; i < 3; i++) {
		rawback_be_write(&rb, 0, "rate", "1,1000000");
		usleep(20000);
		for (int k = 0; k < 5; k++)
			rawvif_tx(&f, &req);
		rawvif_push(&f);
		usleep(50000);
		assert_in_range(ring_front_avail(&f.tx), 0, 4);
		rawback_be_write(&rb, 0, "rate", rates[i]);
		for (int k = 0; k < 5; k++)
			assert_true(rawvif_tx_response(&f, &rsp));
	}
	/* a bad value changes nothing */
	rawback_be_write(&rb, 0, "rate", "fast");
	assert_int_equal(rawvif_send(&f, 0, 1000, 4096, 1), NETIF_RSP_OKAY);
}

/* A rate for the smallest change of it, and the largest numbers. */
static void test_rate_extremes(void **state)
{
	static const char *const rates[] = { "4294967295,1", "4294967295,4294967295",
					     "1,4294967295", "0,1", "1,0" };

	(void)state;
	connect_vif(NULL, 0);
	for (size_t i = 0; i < 5; i++) {
		rawback_be_write(&rb, 0, "rate", rates[i]);
		assert_true(rawvif_stat(&rb, 0, "tx_packets") >= 0);
		/* one is always let go */
		assert_int_equal(rawvif_send(&f, 0, 1000, 4096, 1), NETIF_RSP_OKAY);
	}
}

/* ----------------------------------------------------- what a person may write */

/* A wrong value is told with its key, and the vif is closed. */
static void test_bad_keys_are_told(void **state)
{
	static const char *const bad[][2] = {
		{ "mac", "x" },
		{ "mac", "01:00:5e:00:00:01" }, /* a group's */
		{ "mac", "00:16:3e:01:02" },
		{ "mac", "00:16:3e:01:02:03:04" },
		{ "mac", "00:16:3e:01:02: 3" },
		{ "mac", "00:16:3e:-1:02:03" },
		{ "mtu", "67" },
		{ "mtu", "65522" },
		{ "mtu", "large" },
		{ "max-queues", "0" },
		{ "max-queues", "17" },
		{ "antispoof", "2" },
		{ "rate", "1" },
		{ "rate", "1,2,3" },
		{ "rate", "-1,1" },
		{ "rate", "4294967296,1" },
		{ "vlan", "0" },
		{ "vlan", "4095" },
		{ "vlan", "10,20" },
		{ "isolated", "1" },
		{ "port-driver", "nobody" },
	};
	char path[128], said[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const keys[] = { bad[i][0], bad[i][1], NULL };
		cleanup_free char *error = NULL;

		rawvif_attach(&rb, 1 + i, "test", "tape", NULL, keys);
		if (!rawback_wait_state(&rb, 1 + i, XenbusStateClosed))
			fail_msg("%s=%s", bad[i][0], bad[i][1]);
		snprintf(path, sizeof(path), "/local/domain/1/backend/vif/2/%u/error",
			 1 + i);
		assert_int_equal(xenstore_read(rb.dom0, XENSTORE_NO_TX, path, &error,
					       NULL),
				 0);
		snprintf(said, sizeof(said), "%s=%s: ", bad[i][0], bad[i][1]);
		assert_non_null(strstr(error, said));
		rawback_detach(&rb, 1 + i);
	}
	connect_vif(NULL, 0);
}

/* ------------------------------------------------------------- anti-spoofing */

#define MAC_OWN	  "\x00\x16\x3e\x01\x02\x03"
#define MAC_OTHER "\x00\x16\x3e\x01\x02\x04"

static int send_frame(const char *src, const char *type, const char *l3, size_t len)
{
	uint8_t *p = f.tx_data->pages;
	struct netif_tx_response rsp;

	memset(p, 0, 128);
	memcpy(p, "\x02\0\0\0\0\x09", 6);
	memcpy(p + 6, src, 6);
	memcpy(p + 12, type, 2);
	memcpy(p + 14, l3, len);
	rawvif_tx(&f, &(struct netif_tx_request){ .gref = f.tx_data->refs[0],
						  .size = (uint16_t)(14 + len) });
	rawvif_push(&f);
	assert_true(rawvif_tx_response(&f, &rsp));
	return rsp.status;
}

static int send_ipv4(const char *src, const char *ip)
{
	char h[20] = { 0x45 };

	memcpy(h + 12, ip, 4);
	return send_frame(src, "\x08\x00", h, sizeof(h));
}

static int send_arp(const char *sha, const char *spa)
{
	char h[28] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(h + 8, sha, 6);
	memcpy(h + 14, spa, 4);
	return send_frame(MAC_OWN, "\x08\x06", h, sizeof(h));
}

static int send_ipv6(const char *ip)
{
	char h[40] = { 0x60 };

	memcpy(h + 8, ip, 16);
	return send_frame(MAC_OWN, "\x86\xdd", h, sizeof(h));
}

static void test_antispoof_mac(void **state)
{
	static const char *const keys[] = { "antispoof", "1", NULL };

	(void)state;
	connect_vif(keys, 0);
	assert_int_equal(send_ipv4(MAC_OWN, "\x01\x02\x03\x04"), NETIF_RSP_OKAY);
	assert_int_equal(send_ipv4(MAC_OTHER, "\x01\x02\x03\x04"), NETIF_RSP_ERROR);
	assert_int_equal(send_frame(MAC_OWN, "\x88\xb5", "x", 1), NETIF_RSP_OKAY);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_spoofed"), 1);
	assert_true(testport_wait(testport_find("tape"), 2));
}

#define V6(tail) "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0" tail

static void test_antispoof_ips(void **state)
{
	static const char *const keys[] = { "antispoof", "1", "ip", "10.0.0.1 fd00::1",
					    NULL };
	static const char vlan[] = "\x00\x05\x08\x00\x45\0\0\0\0\0\0\0\0\0\0\0"
				   "\x0a\0\0\x02\0\0\0";

	(void)state;
	connect_vif(keys, 0);
	assert_int_equal(send_ipv4(MAC_OWN, "\x0a\0\0\x01"), NETIF_RSP_OKAY);
	assert_int_equal(send_ipv4(MAC_OWN, "\0\0\0\0"), NETIF_RSP_OKAY);
	assert_int_equal(send_ipv4(MAC_OWN, "\x0a\0\0\x02"), NETIF_RSP_ERROR);
	assert_int_equal(send_ipv4(MAC_OTHER, "\x0a\0\0\x01"), NETIF_RSP_ERROR);
	assert_int_equal(send_arp(MAC_OWN, "\x0a\0\0\x01"), NETIF_RSP_OKAY);
	assert_int_equal(send_arp(MAC_OWN, "\x0a\0\0\x02"), NETIF_RSP_ERROR);
	assert_int_equal(send_arp(MAC_OTHER, "\x0a\0\0\x01"), NETIF_RSP_ERROR);
	assert_int_equal(send_ipv6(V6("\x01")), NETIF_RSP_OKAY);
	assert_int_equal(send_ipv6(V6("\x02")), NETIF_RSP_ERROR);
	assert_int_equal(send_ipv6("\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07"),
			 NETIF_RSP_OKAY);
	/* behind a tag, cut short, of another protocol */
	assert_int_equal(send_frame(MAC_OWN, "\x81\x00", vlan, 24), NETIF_RSP_ERROR);
	assert_int_equal(send_frame(MAC_OWN, "\x08\x00", "E", 1), NETIF_RSP_ERROR);
	assert_int_equal(send_frame(MAC_OWN, "\x88\xb5", "x", 1), NETIF_RSP_ERROR);
	assert_true(testport_wait(testport_find("tape"), 5));
	assert_int_equal(rawvif_stat(&rb, 0, "tx_spoofed"), 8);
}

/* ------------------------------------------------------------------ multicast */

static int ask(uint8_t type, unsigned group)
{
	struct netif_extra_info x = {
		.type = type, .u.mcast.addr = { 1, 0, 0x5e, 0, 0, (uint8_t)group }
	};
	struct netif_tx_response rsp, null;

	rawvif_tx(&f, &(struct netif_tx_request){ .flags = NETTXF_extra_info, .id = 9 });
	rawvif_extra(&f, &x);
	rawvif_push(&f);
	assert_true(rawvif_tx_response(&f, &rsp));
	assert_true(rawvif_tx_response(&f, &null));
	assert_int_equal(rsp.id, 9);
	assert_int_equal(null.status, NETIF_RSP_NULL);
	return rsp.status;
}

static bool comes_in(unsigned first, unsigned group)
{
	uint8_t frame[60] = { (uint8_t)first, 0, 0x5e, 0, 0, (uint8_t)group };
	struct netif_pkt p;

	assert_true(testport_feed(testport_find("tape"), 0, NULL, frame, sizeof(frame)));
	return rawvif_recv(&f, &p, buf, 100) == sizeof(frame);
}

static void test_multicast(void **state)
{
	(void)state;
	connect_vif(NULL, RV_MCAST | RV_SPLIT);
	assert_true(comes_in(2, 1)); /* unicast */
	assert_false(comes_in(1, 1));
	assert_int_equal(ask(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 1), NETIF_RSP_OKAY);
	assert_true(comes_in(1, 1));
	assert_false(comes_in(1, 2));
	assert_int_equal(ask(XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 1), NETIF_RSP_OKAY);
	assert_false(comes_in(1, 1));
	/* 64 of them, each once */
	for (unsigned i = 0; i < 64; i++)
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(ask(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, i),
					 NETIF_RSP_OKAY);
	assert_int_equal(ask(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 64), NETIF_RSP_ERROR);
	assert_int_equal(ask(XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 99), NETIF_RSP_OKAY);
	assert_true(comes_in(1, 63));
	assert_true(rawvif_stat(&rb, 0, "rx_filtered") == 3);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_packets"), 0);
	/* another frontend asks anew */
	rawvif_close(&f);
	rawback_fe_write(&rb, 0, "state", "1");
	assert_true(rawvif_connect(&f, &rb, 0, RV_MCAST | RV_SPLIT));
	assert_false(comes_in(1, 63));
}

/* A frontend that asks for no control gets all. */
static void test_multicast_without_control(void **state)
{
	(void)state;
	connect_vif(NULL, 0);
	assert_true(comes_in(1, 1));
}

/* feature-dynamic-multicast-control: the frontend changes its mind while it is
 * connected. */
static void test_multicast_changes(void **state)
{
	bool in = true;

	(void)state;
	connect_vif(NULL, 0);
	assert_int_equal(rawback_be_num(&rb, 0, "feature-dynamic-multicast-control"), 1);
	rawback_fe_num(&rb, 0, "request-multicast-control", 1);
	for (int i = 0; in && i < 500; i++) {
		usleep(10000);
		in = comes_in(1, 1);
	}
	assert_false(in);
	rawback_fe_write(&rb, 0, "request-multicast-control",
			 "maybe"); /* told, no change */
	assert_false(comes_in(1, 1));
	rawback_fe_num(&rb, 0, "request-multicast-control", 0);
	for (int i = 0; !in && i < 500; i++) {
		usleep(10000);
		in = comes_in(1, 1);
	}
	assert_true(in);
}

/* -------------------------------------------------------------------- carrier */

static bool carrier_becomes(long want)
{
	for (int i = 0; i < 5000; i++) {
		if (rawback_be_num(&rb, 0, "carrier") == want)
			return true;
		usleep(1000);
	}
	return false;
}

/* A guest that takes nothing for long: its link is down until it takes again. */
static void test_carrier(void **state)
{
	struct netback_config *c = rb.cfg;

	(void)state;
	c->stall_ns = 50 * MS; /* read at each connection */
	connect_vif(NULL, RV_EMPTY);
	assert_true(carrier_becomes(1));
	for (int i = 0; i < 3; i++)
		(void)comes_in(2, 1);
	assert_true(carrier_becomes(0));
	rawvif_post(&f, 64);
	(void)comes_in(2, 1);
	assert_true(carrier_becomes(1));
	assert_true(comes_in(2, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_rate),
		T(test_rate_changes_live),
		T(test_rate_extremes),
		T(test_bad_keys_are_told),
		T(test_antispoof_mac),
		T(test_antispoof_ips),
		T(test_multicast),
		T(test_multicast_without_control),
		T(test_multicast_changes),
		T(test_carrier),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
