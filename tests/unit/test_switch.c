/* SPDX-License-Identifier: MIT */
/* The switch: what it learns, and where it sends what. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/switchrig.h"

#define BIT(n) (1u << (n))

/* Four plain ports, 0 to 3. */
static struct switchrig *four(void)
{
	struct switchrig *r = switchrig_new(NULL);

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(switchrig_port(r, NULL), i);
	return r;
}

static void test_learns_from_who_sends(void **state)
{
	struct switchrig *r = four();

	(void)state;
	switchrig_send(r, 0, 11, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(1) | BIT(2) | BIT(3));
	switchrig_send(r, 1, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(0));
	switchrig_send(r, 0, 11, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(1));
	assert_int_equal(switchrig_stat(r, 0, "flooded"), 1);
	assert_int_equal(switchrig_stat(r, 0, "flood_copies"), 3);
	assert_int_equal(switchrig_stat(r, 0, "forwarded"), 1);
	assert_int_equal(switchrig_stat(r, 0, "in"), 2);
	assert_int_equal(switchrig_stat(r, 0, "in_bytes"), 120);
	assert_int_equal(switchrig_stat(r, 1, "out"), 2);
	assert_int_equal(switchrig_stat(r, 1, "out_bytes"), 120);
	assert_int_equal(switchrig_stat(r, -1, "learned"), 2);
	assert_int_equal(switchrig_stat(r, -1, "macs"), 2);
	switchrig_free(r);
}

/* The bytes arrive as they were sent, whatever their number. */
static void test_bytes(void **state)
{
	static const uint32_t len[] = { 14, 60, 127, 128, 129, 130, 512, 1514, 9014 };
	struct switch_params big = { .mtu = 9000 };
	struct switchrig *r = switchrig_new(&big);

	(void)state;
	switchrig_port(r, NULL);
	switchrig_port(r, NULL);
	for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		switchrig_send(r, 0, 0, 7, 0, len[i]);
		assert_true(switchrig_take(r, 1));
		assert_int_equal(r->len, len[i]);
		for (uint32_t k = 14; k < len[i]; k++)
			assert_int_equal(r->data[k], (uint8_t)(7 + len[i] - k));
	}
	switchrig_free(r);
}

static void test_floods(void **state)
{
	static const uint8_t multicast[60] = { 1, 0, 0x5e, 0, 0, 1, 2, 0, 0, 0, 0, 9 };
	static const uint8_t pause[60] = { 1, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 9 };
	static const uint8_t beyond[60] = { 1, 0x80, 0xc2, 0, 0, 0x10, 2, 0, 0, 0, 0, 9 };
	/* a multicast address cannot have sent anything */
	static const uint8_t odd[60] = { 2, 0, 0, 0, 0, 9, 1, 0, 0x5e, 0, 0, 1 };
	struct switchrig *r = four();

	(void)state;
	switchrig_send(r, 2, 0, 5, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(0) | BIT(1) | BIT(3));
	switchrig_send_raw(r, 0, multicast, 60, NULL);
	assert_int_equal(switchrig_who(r), BIT(1) | BIT(2) | BIT(3));
	switchrig_send_raw(r, 0, pause, 60, NULL);
	assert_int_equal(switchrig_who(r), 0);
	assert_int_equal(switchrig_stat(r, 0, "drop_reserved"), 1);
	switchrig_send_raw(r, 0, beyond, 60, NULL);
	assert_int_equal(switchrig_who(r), BIT(1) | BIT(2) | BIT(3));
	switchrig_send_raw(r, 1, odd, 60, NULL);
	assert_int_equal(switchrig_who(r), BIT(0));
	assert_int_equal(switchrig_stat(r, 1, "learned"), 0);
	switchrig_free(r);
}

/* What is behind the port that it comes from goes nowhere. */
static void test_not_back(void **state)
{
	struct switchrig *r = four();

	(void)state;
	switchrig_send(r, 0, 0, 10, 0, 60);
	switchrig_send(r, 0, 0, 11, 0, 60);
	for (unsigned i = 0; i < 4; i++)
		switchrig_drain(r, i);
	switchrig_send(r, 0, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), 0);
	assert_int_equal(switchrig_stat(r, 0, "drop_local"), 1);
	switchrig_free(r);
}

static void test_ageing(void **state)
{
	struct switch_params p = { .ageing = 20 };
	struct switchrig *r = switchrig_new(&p);

	(void)state;
	for (int i = 0; i < 3; i++)
		switchrig_port(r, NULL);
	switchrig_send(r, 0, 0, 10, 0, 60);
	switchrig_who(r);
	r->now += 20 * RIG_S;
	switchrig_send(r, 1, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(0));
	/* what speaks stays */
	switchrig_send(r, 0, 11, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(1));
	r->now += 20 * RIG_S;
	switchrig_send(r, 1, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(0));
	r->now += RIG_S;
	switchrig_send(r, 1, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(0) | BIT(2));
	/* and its entry is given up, port by port */
	for (int i = 0; i < 3; i++) {
		r->now += 200 * RIG_MS;
		switchrig_send(r, 1, 0, 11, 0, 60);
		switchrig_who(r);
	}
	assert_int_equal(switchrig_stat(r, -1, "aged"), 1);
	assert_int_equal(switchrig_stat(r, -1, "macs"), 1);
	switchrig_free(r);
}

static void test_moves(void **state)
{
	struct switchrig *r = four();

	(void)state;
	switchrig_send(r, 0, 0, 10, 0, 60);
	switchrig_who(r);
	switchrig_send(r, 1, 0, 10, 0, 60);
	switchrig_who(r);
	switchrig_send(r, 2, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(1));
	/* an address that two ports quarrel for moves once a second */
	for (int i = 0; i < 1000; i++) {
		r->now += RIG_MS;
		switchrig_send(r, i & 1 ? 1 : 0, 0, 10, 0, 60);
		switchrig_who(r);
	}
	assert_in_range(switchrig_stat(r, -1, "moved"), 1, 3);
	assert_true(switchrig_stat(r, -1, "move_refused") > 400);
	assert_int_equal(switchrig_stat(r, -1, "macs"), 2);
	r->now += 2 * RIG_S;
	switchrig_send(r, 3, 0, 10, 0, 60);
	switchrig_who(r);
	switchrig_send(r, 2, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(3));
	switchrig_free(r);
}

/* The guest's own address is where its port is, whatever others say. */
static void test_a_guests_own_address(void **state)
{
	struct switchrig *r = four();
	struct switch_port_params p = { 0 };
	struct switch_port *twice;
	uint8_t mac[6];
	char *why = NULL;

	(void)state;
	switchrig_mac(mac, 50);
	p.mac = mac;
	assert_int_equal(switchrig_port(r, &p), 4);
	switchrig_send(r, 0, 50, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(4));
	switchrig_send(r, 1, 0, 50, 0, 60);
	switchrig_who(r);
	r->now += 10000 * RIG_S;
	switchrig_send(r, 0, 50, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(4));
	assert_int_equal(switchrig_stat(r, 1, "move_refused"), 1);
	assert_int_equal(switch_port_add(r->sw, &p, &twice, &why), -EEXIST);
	assert_non_null(strstr(why, "mac=02:00:00:00:00:32"));
	free(why);
	p.vlan = 7; /* elsewhere it is another one */
	assert_int_equal(switchrig_port(r, &p), 5);
	switchrig_unport(r, 4);
	p.vlan = 0;
	assert_int_equal(switchrig_port(r, &p), 4);
	switchrig_free(r);
}

/* A port that makes up addresses costs itself, and nobody else. */
static void test_spraying(void **state)
{
	struct switch_port_params p = { .macs = 32 };
	struct switchrig *r = four();
	unsigned bad = switchrig_port(r, &p);

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t k = 0; k < 50; k++)
			switchrig_send(r, i, 0, 1000 * (i + 1) + k, 0, 60);
	switchrig_send(r, bad, 0, 9, 0, 60);
	for (uint32_t i = 0; i < 200000; i++) {
		r->now += RIG_MS / 50;
		switchrig_send(r, bad, 1000, 100000 + i, 0, 60);
		if (i % 1000 == 0)
			switchrig_drain(r, 0);
	}
	for (unsigned i = 0; i < 5; i++)
		switchrig_drain(r, i);
	assert_int_equal(switchrig_stat(r, -1, "macs"), 4 * 50 + 32);
	/* 4 s, 32 a second, the second that it began in, and address 9 */
	assert_in_range(switchrig_stat(r, (int)bad, "learned"), 32 * 4, 32 * 5 + 1);
	assert_in_range(switchrig_stat(r, (int)bad, "evicted"), 32 * 3, 32 * 4 + 1);
	assert_true(switchrig_stat(r, (int)bad, "learn_limited") > 190000);
	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t k = 0; k < 50; k++) {
			switchrig_send(r, (i + 1) % 4, 1000 * (i + 1) + k, 1, 0, 60);
			assert_int_equal(switchrig_who(r), BIT(i));
		}
	switchrig_free(r);
}

/* Of its own, the one that was silent longest goes first. */
static void test_oldest_goes_first(void **state)
{
	struct switch_port_params p = { .macs = 8 };
	struct switchrig *r = four();
	unsigned port = switchrig_port(r, &p);

	(void)state;
	for (uint32_t i = 1; i <= 8; i++) {
		r->now += RIG_S;
		switchrig_send(r, port, 0, i, 0, 60);
		switchrig_who(r);
	}
	r->now += RIG_S;
	switchrig_send(r, port, 0, 1, 0, 60); /* speaks again: 2 is the oldest */
	switchrig_who(r);
	r->now += RIG_S;
	switchrig_send(r, port, 0, 9, 0, 60);
	switchrig_who(r);
	for (uint32_t i = 1; i <= 9; i++) {
		switchrig_send(r, 0, i, 100, 0, 60);
		assert_int_equal(switchrig_who(r), i == 2 ? 0x1eu : BIT(port));
	}
	switchrig_free(r);
}

/* Who does not take what it gets loses it, within bounds; no neighbour does. */
static void test_a_stalled_port(void **state)
{
	struct switch_params p = { .inbox_bytes = 1 << 18 };
	struct switchrig *r = switchrig_new(&p);

	(void)state;
	for (int i = 0; i < 3; i++)
		switchrig_port(r, NULL);
	switchrig_send(r, 1, 0, 11, 0, 60);
	switchrig_send(r, 2, 0, 12, 0, 60);
	for (unsigned i = 0; i < 3; i++)
		switchrig_drain(r, i);
	for (uint32_t i = 0; i < 20000; i++) {
		switchrig_send(r, 0, 12, 10, 0, 1514);
		switchrig_send(r, 0, 11, 10, 0, 1514);
		assert_int_equal(switchrig_drain(r, 1), 1);
	}
	switchrig_send(r, 0, 0, 10, 0, 1514);
	assert_int_equal(switchrig_drain(r, 1), 1);
	assert_true(switchrig_stat(r, 2, "inbox_bytes") <= 1 << 18);
	assert_true(switchrig_stat(r, 2, "inbox_drop_bytes") > 19000);
	assert_int_equal(switchrig_stat(r, 1, "inbox_drop_bytes"), 0);
	assert_int_equal(switchrig_stat(r, 1, "inbox_drop_packets"), 0);
	assert_int_equal(switchrig_stat(r, 0, "drop_full"),
			 switchrig_stat(r, 2, "inbox_drop_bytes"));
	switchrig_free(r);
}

static void test_too_large_for_the_receiver(void **state)
{
	struct switch_port_params jumbo = { .mtu = 9000 };
	struct switchrig *r = four();
	unsigned port = switchrig_port(r, &jumbo);

	(void)state;
	switchrig_send(r, port, 0, 10, 0, 1514);
	assert_int_equal(switchrig_who(r), 0xf);
	switchrig_send(r, port, 0, 10, 0, 1515);
	assert_int_equal(switchrig_who(r), 0);
	assert_int_equal(switchrig_stat(r, (int)port, "drop_mtu"), 4);
	switchrig_free(r);
}

/* A flow stays on its queue; flows use all of them. */
static void test_queues(void **state)
{
	struct switch_port_params p = { .queues = RIG_QUEUES };
	struct switchrig *r = four();
	unsigned port = switchrig_port(r, &p);
	uint64_t used[RIG_QUEUES] = { 0 };
	struct netbuf b;
	uint8_t hdr[NETBUF_HDR];

	(void)state;
	for (uint32_t i = 0; i < 64; i++) {
		int at = -1;

		for (int again = 0; again < 3; again++) {
			switchrig_send(r, 0, 0, 100 + i, 0, 60);
			for (int k = 0; k < RIG_QUEUES; k++) {
				if (!switch_next(r->q[port][k], &b, hdr))
					continue;
				switch_done(r->q[port][k], 1, b.len);
				assert_true(at < 0 || at == k);
				at = k;
				used[k]++;
			}
		}
	}
	for (int k = 0; k < RIG_QUEUES; k++)
		assert_in_range(used[k], 3 * 4, 3 * 40);
	for (unsigned i = 1; i < 4; i++)
		switchrig_drain(r, i);
	switchrig_free(r);
}

/* What a port left behind goes with it; the sums stay. */
static void test_a_port_leaves(void **state)
{
	struct switchrig *r = four();

	(void)state;
	switchrig_send(r, 0, 0, 10, 0, 60);
	switchrig_who(r);
	switchrig_unport(r, 0);
	assert_int_equal(switchrig_stat(r, -1, "macs"), 0);
	assert_int_equal(switchrig_stat(r, -1, "in"), 1);
	assert_int_equal(switchrig_stat(r, -1, "ports"), 3);
	switchrig_send(r, 1, 10, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(2) | BIT(3));
	switchrig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learns_from_who_sends),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_floods),
		cmocka_unit_test(test_not_back),
		cmocka_unit_test(test_ageing),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_a_guests_own_address),
		cmocka_unit_test(test_spraying),
		cmocka_unit_test(test_oldest_goes_first),
		cmocka_unit_test(test_a_stalled_port),
		cmocka_unit_test(test_too_large_for_the_receiver),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_a_port_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
