/* SPDX-License-Identifier: MIT */
/* netfront's negotiation: what is offered, asked for and published. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/nethand.h"

static void open_fails(struct nethand *nh, int err, const char *says)
{
	const struct tandem_net_opts opts = { .connect_ms = 2000 };

	nh_open(nh, &opts);
	nh_state(nh, XenbusStateInitWait);
	assert_int_equal(nh_opened(nh), err);
	if (!nh->why || !strstr(nh->why, says))
		fail_msg("\"%s\" does not say \"%s\"", nh->why, says);
	nh_state(nh, XenbusStateInitialising);
}

/* ------------------------------------------------------------------- offloads */

static const struct {
	const char *key;
	unsigned bit;
} offloads[] = {
	{ "feature-sg", TANDEM_NET_SG },
	{ "feature-no-csum-offload", TANDEM_NET_CSUM },
	{ "feature-ipv6-csum-offload", TANDEM_NET_CSUM6 },
	{ "feature-gso-tcpv4", TANDEM_NET_TSO4 },
	{ "feature-gso-tcpv6", TANDEM_NET_TSO6 },
};

static unsigned expected(unsigned f)
{
	const unsigned v4 = TANDEM_NET_SG | TANDEM_NET_CSUM;
	const unsigned v6 = TANDEM_NET_SG | TANDEM_NET_CSUM6;

	if ((f & v4) != v4)
		f &= ~TANDEM_NET_TSO4;
	if ((f & v6) != v6)
		f &= ~TANDEM_NET_TSO6;
	return f;
}

/* Every set of offers against every set of refusals of one kind. */
static void test_offloads(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_info info;

	for (unsigned offer = 0; offer < 32; offer++) {
		/* in 32 rounds each refusal meets each offer's bits both ways */
		unsigned off = (offer * 11 + 7) % 32;
		const struct tandem_net_opts opts = { .tx_off = off, .rx_off = offer };

		for (unsigned i = 0; i < 5; i++)
			nh_setn(nh, offloads[i].key,
				!(offer & 1u << i) ==
					(offloads[i].bit == TANDEM_NET_CSUM));
		nh_up(nh, &opts);
		tandem_net_get_info(nh->net, &info);
		assert_int_equal(info.tx.requested, TANDEM_NET_ALL & ~off);
		assert_int_equal(info.tx.offered, offer);
		assert_int_equal(info.tx.active, expected(offer & ~off));
		assert_int_equal(info.rx.active, expected(TANDEM_NET_ALL & ~offer));
		for (unsigned i = 0; i < 5; i++) {
			bool on = info.rx.active & offloads[i].bit;

			assert_int_equal(nh_get(nh, offloads[i].key),
					 on == (offloads[i].bit != TANDEM_NET_CSUM));
		}
		nh_check_works(nh);
		nh_over(nh);
	}
}

/* Without scatter-gather: a page a packet, and no more. */
static void test_no_sg(void **state)
{
	const struct tandem_net_opts opts = { .tx_off = TANDEM_NET_SG };
	struct nethand *nh = *state;
	struct tandem_net_pkt p;
	struct tandem_net_queue *q;
	struct tandem_net_info info;

	nh_set(nh, "mtu", "9000");
	nh_up(nh, &opts);
	q = tandem_net_queue(nh->net, 0);
	assert_int_equal(tandem_net_room(q, &p, 1, 4097), -EMSGSIZE);
	assert_int_equal(tandem_net_room(q, &p, 1, 0), -EINVAL);
	assert_int_equal(tandem_net_room(q, &p, 1, 65536), -EMSGSIZE);
	assert_int_equal(tandem_net_room(q, &p, 1, 4096), 1);
	assert_int_equal(p.iovcnt, 1);
	p.len = 0;
	assert_int_equal(tandem_net_commit(q, &p, 1), 0);
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.mtu, 1500);
}

/* --------------------------------------------------------------------- queues */

static void test_queues(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_info info;

	for (unsigned want = 1; want <= 4; want++)
		for (unsigned offer = 0; offer <= 5; offer++) {
			const struct tandem_net_opts opts = { .queues = want };
			unsigned n = !offer ? 1 : want < offer ? want : offer;

			nh_setn(nh, "multi-queue-max-queues", offer);
			nh_up(nh, &opts);
			assert_int_equal(nh->nr_queues, n);
			assert_int_equal(nh_get(nh, "multi-queue-num-queues"),
					 n > 1 ? (long)n : -1);
			/* keys on top, or below queue-N, never both */
			assert_int_equal(nh_get(nh, "tx-ring-ref") < 0, n > 1);
			assert_int_equal(nh_get(nh, "queue-0/tx-ring-ref") < 0, n == 1);
			tandem_net_get_info(nh->net, &info);
			assert_int_equal(info.queues, want);
			assert_int_equal(info.rings, n);
			assert_null(tandem_net_queue(nh->net, want));
			nh_check_works(nh);
			nh_over(nh);
		}
}

/* A queue without rings sends through another's and gets no packets. */
static void test_shared_sender(void **state)
{
	const struct tandem_net_opts opts = { .queues = 3 };
	struct nethand *nh = *state;
	uint8_t out[64] = { 7 }, in[64];
	struct iovec iov = { out, sizeof(out) };
	struct tandem_net_pkt pkt;
	struct netif_pkt p;

	nh_set(nh, "multi-queue-max-queues", "2");
	nh_up(nh, &opts);
	assert_int_equal(tandem_net_send(tandem_net_queue(nh->net, 2), &iov, 1, NULL), 0);
	tandem_net_kick(tandem_net_queue(nh->net, 2));
	assert_int_equal(nh_tx_take(nh, 0, &p), 0);
	assert_int_equal(nh_tx_bytes(nh, &p, in), sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
	nh_tx_okay(nh, 0, &p);
	assert_int_equal(tandem_net_recv(tandem_net_queue(nh->net, 2), &pkt, 1), 0);
	nh_check_works(nh);
}

/* Room that one queue gives back wakes another that waits for it. */
static void *wants_room(void *arg)
{
	struct tandem_net_queue *q = tandem_net_queue(((struct nethand *)arg)->net, 0);
	struct tandem_net_pkt p;

	while (tandem_net_room(q, &p, 1, 100) != 1)
		if (!tandem_net_wait(q, TANDEM_NET_TX, 10000000))
			return NULL;
	p.len = 0;
	tandem_net_commit(q, &p, 1);
	return arg;
}

static void test_shared_room(void **state)
{
	const struct tandem_net_opts opts = { .queues = 2 };
	struct nethand *nh = *state;
	static struct tandem_net_pkt room[128];
	struct tandem_net_queue *q;
	uint64_t since;
	pthread_t t;
	void *ok;

	nh_set(nh, "multi-queue-max-queues", "1");
	nh_up(nh, &opts);
	q = tandem_net_queue(nh->net, 1);
	assert_int_equal(tandem_net_room(q, room, 128, 100), 128);
	since = clock_ns();
	pthread_create(&t, NULL, wants_room, nh);
	usleep(20000);
	for (unsigned i = 0; i < 128; i++)
		room[i].len = 0;
	tandem_net_commit(q, room, 128);
	pthread_join(t, &ok);
	assert_non_null(ok);
	assert_true(clock_ns() - since < 5000000000u);
}

static void test_split(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_info info;

	for (unsigned i = 0; i < 4; i++) {
		const struct tandem_net_opts opts = { .no_split = i & 1, .queues = i };
		const char *dir = i > 1 ? "queue-0/" : "";
		bool split = !(i & 1) && i & 2;
		char key[64];

		nh_setn(nh, "feature-split-event-channels", i >> 1);
		nh_up(nh, &opts);
		tandem_net_get_info(nh->net, &info);
		assert_int_equal(info.split, split);
		snprintf(key, sizeof(key), "%sevent-channel-rx", dir);
		assert_int_equal(nh_get(nh, key) >= 0, split);
		snprintf(key, sizeof(key), "%sevent-channel", dir);
		assert_int_equal(nh_get(nh, key) >= 0, !split);
		nh_check_works(nh);
		nh_over(nh);
	}
}

/* ------------------------------------------------------------ what keys say */

static void test_always(void **state)
{
	struct nethand *nh = *state;
	const uint8_t mac[6] = { 0x00, 0x16, 0x3e, 0x01, 0x02, 0x03 };
	struct tandem_net_info info;

	nh_up(nh, NULL);
	assert_int_equal(nh_get(nh, "request-rx-copy"), 1);
	assert_int_equal(nh_get(nh, "feature-rx-notify"), 1);
	assert_int_equal(nh_get(nh, "ctrl-ring-ref"), -1);
	assert_int_equal(nh_get(nh, "request-multicast-control"), -1);
	tandem_net_get_info(nh->net, &info);
	assert_memory_equal(info.mac, mac, 6);
	assert_int_equal(info.mtu, 1500);
	assert_true(info.carrier);
}

/* Ours, the backend's, both, none. */
static void test_mtu(void **state)
{
	static const struct {
		const char *ours, *theirs;
		unsigned mtu;
	} rows[] = {
		{ NULL, "9000", 9000 },	  { "9000", NULL, 9000 },
		{ "9000", "1400", 1400 }, { "1400", "9000", 1400 },
		{ NULL, NULL, 1500 },	  { NULL, "4294967295", 65521 },
		{ NULL, "1", 68 },	  { "65521", NULL, 65521 },
	};
	struct nethand *nh = *state;
	struct tandem_net_info info;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		nh_fe_set(nh, "mtu", rows[i].ours);
		nh_set(nh, "mtu", rows[i].theirs);
		nh_up(nh, NULL);
		tandem_net_get_info(nh->net, &info);
		assert_int_equal(info.mtu, rows[i].mtu);
		nh_over(nh);
	}
}

/* The link goes and comes; everybody is told. */
static void test_carrier(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_queue *q;
	struct tandem_net_info info;
	uint64_t since;

	nh_set(nh, "carrier", "0");
	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	tandem_net_get_info(nh->net, &info);
	assert_false(info.carrier);
	assert_int_equal(tandem_net_look(q, 0), TANDEM_NET_CHANGED);
	assert_int_equal(tandem_net_look(q, 0), 0);
	nh_set(nh, "carrier", "1");
	since = clock_ns();
	assert_int_equal(tandem_net_wait(q, TANDEM_NET_RX, 5000000), TANDEM_NET_CHANGED);
	assert_true(clock_ns() - since < 4000000000u);
	tandem_net_get_info(nh->net, &info);
	assert_true(info.carrier);
}

static void test_bad_keys(void **state)
{
	static const char *const numbers[] = {
		"feature-sg",
		"feature-no-csum-offload",
		"feature-ipv6-csum-offload",
		"feature-gso-tcpv4",
		"feature-gso-tcpv6",
		"feature-rx-copy",
		"feature-split-event-channels",
		"feature-ctrl-ring",
		"feature-multicast-control",
		"multi-queue-max-queues",
		"mtu",
	};
	struct nethand *nh = *state;

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		nh_set(nh, numbers[i], "-1");
		open_fails(nh, -EPROTO, numbers[i]);
		nh_set(nh, numbers[i], "1x");
		open_fails(nh, -EPROTO, numbers[i]);
		nh_set(nh, numbers[i], "1");
	}
	nh_set(nh, "feature-rx-copy", NULL);
	open_fails(nh, -EPROTO, "feature-rx-copy");
	nh_set(nh, "feature-rx-copy", "1");
	nh_fe_set(nh, "mac", "00:16:3e:01:02");
	open_fails(nh, -EPROTO, "00:16:3e:01:02");
	nh_fe_set(nh, "mac", NULL);
	open_fails(nh, -EPROTO, "mac");
	nh_fe_set(nh, "mac", "00:16:3e:01:02:03");
	nh_fe_set(nh, "mtu", "67");
	open_fails(nh, -EPROTO, "68");
	nh_fe_set(nh, "mtu", NULL);
	nh_set(nh, "carrier", "up");
	nh_open(nh, NULL);
	nh_connect(nh);
	assert_int_equal(nh_opened(nh), -EPROTO);
	assert_non_null(strstr(nh->why, "carrier"));
	nh_drop(nh);
}

static void test_no_backend(void **state)
{
	const struct tandem_net_opts opts = { .connect_ms = 50 };
	const struct tandem_net_opts many = { .queues = 65 };
	struct nethand *nh = *state;

	nh_open(nh, &opts);
	assert_int_equal(nh_opened(nh), -ETIMEDOUT);
	assert_non_null(strstr(nh->why, "tandem-netback"));
	nh_open(nh, &many);
	assert_int_equal(nh_opened(nh), -EINVAL);
	nh_fe_set(nh, "backend", NULL);
	nh_open(nh, &opts);
	assert_int_equal(nh_opened(nh), -ENOENT);
	assert_non_null(strstr(nh->why, "no vif 0"));
}

static int refuse(struct tandem_net *net, void *arg)
{
	struct tandem_net_info info;

	tandem_net_get_info(net, &info);
	*(unsigned *)arg = info.mtu;
	return -EPERM;
}

/* The caller's moment before the first thread. */
static void test_connected_refuses(void **state)
{
	unsigned mtu = 0;
	const struct tandem_net_opts opts = { .connected = refuse,
					      .connected_arg = &mtu };
	struct nethand *nh = *state;

	nh_open(nh, &opts);
	nh_connect(nh);
	nh_wait_front(nh, XenbusStateClosed);
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	assert_int_equal(nh_opened(nh), -EPERM);
	assert_int_equal(mtu, 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_offloads, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_no_sg, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_queues, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_shared_sender, nh_setup,
						nh_teardown),
		cmocka_unit_test_setup_teardown(test_shared_room, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_split, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_always, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_mtu, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_carrier, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_bad_keys, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_no_backend, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_connected_refuses, nh_setup,
						nh_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
