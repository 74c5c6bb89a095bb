/* SPDX-License-Identifier: MIT */
/* netfront over the death of its backend: a pause, some packets lost, no more. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/nethand.h"

static void send_some(struct nethand *nh, unsigned qi, unsigned n)
{
	struct tandem_net_queue *q = tandem_net_queue(nh->net, qi);
	uint8_t out[64] = { 1 };
	struct iovec iov = { out, sizeof(out) };

	while (n--)
		assert_int_equal(tandem_net_send(q, &iov, 1, NULL), 0);
	tandem_net_kick(q);
}

/* The backend goes; nothing has room, nothing comes, nothing fails. */
static void go_away(struct nethand *nh)
{
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	nh_wait_front(nh, XenbusStateInitialising);
}

static void test_pause(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_queue *q;
	struct tandem_net_pkt p;
	struct tandem_net_info info;

	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	for (unsigned i = 1; i <= 5; i++) {
		send_some(nh, 0, 10);
		go_away(nh);
		tandem_net_get_info(nh->net, &info);
		assert_false(info.carrier);
		assert_int_equal(info.stats.tx_lost, 10 * i);
		assert_int_equal(tandem_net_room(q, &p, 1, 100), 0);
		assert_int_equal(tandem_net_recv(q, &p, 1), 0);
		assert_int_equal(tandem_net_error(nh->net), 0);
		while (tandem_net_look(q, 0))
			;
		assert_int_equal(tandem_net_wait(q, TANDEM_NET_RX | TANDEM_NET_TX, 1000),
				 0);
		nh_connect(nh);
		nh_wait_reconnects(nh, i);
		assert_true(tandem_net_wait(q, TANDEM_NET_TX, 5000000));
		nh_check_works(nh);
	}
}

/* What the caller holds stays his, on both sides. */
static void test_held(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_pkt room[40], got[100];
	struct tandem_net_queue *q;
	uint8_t data[5000], in[8192];
	struct netif_pkt p;

	memset(data, 'r', sizeof(data));
	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	assert_int_equal(tandem_net_room(q, room, 40, 200), 40);
	for (unsigned i = 0; i < 100; i++)
		nh_rx_send(nh, 0, data, sizeof(data), NULL);
	assert_int_equal(tandem_net_recv(q, got, 100), 100);
	nh_again(nh);
	for (unsigned i = 0; i < 100; i++)
		assert_memory_equal(got[i].iov[1].iov_base, data, got[i].iov[1].iov_len);
	for (unsigned i = 0; i < 40; i++) {
		memset(room[i].iov[0].iov_base, (int)i, 200);
		room[i].len = 200;
		room[i].gso_type = 0;
		room[i].csum_blank = false;
	}
	assert_int_equal(tandem_net_commit(q, room, 40), 40);
	tandem_net_kick(q);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(nh_tx_take(nh, 0, &p), 0);
		assert_int_equal(nh_tx_bytes(nh, &p, in), 200);
		assert_int_equal(in[100], i);
		nh_tx_okay(nh, 0, &p);
	}
	tandem_net_done(q, got, 100);
	/* all pages are posted again: as many as the ring has */
	for (unsigned i = 0; i < 256; i++)
		nh_rx_send(nh, 0, data, 100, NULL);
	for (unsigned n = 0; n < 256; n += 64) {
		assert_int_equal(tandem_net_recv(q, got, 64), 64);
		tandem_net_done(q, got, 64);
	}
	nh_check_works(nh);
}

/* The next one offers less, then more again. */
static void test_fewer(void **state)
{
	const struct tandem_net_opts opts = { .queues = 4 };
	struct nethand *nh = *state;
	struct tandem_net_pkt room[4];
	struct tandem_net_info info;

	nh_up(nh, &opts);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(tandem_net_room(tandem_net_queue(nh->net, i), &room[i],
						 1, 100),
				 1);
	nh_set(nh, "multi-queue-max-queues", "2");
	nh_set(nh, "feature-sg", "0");
	nh_set(nh, "feature-split-event-channels", "0");
	nh_again(nh);
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.rings, 2);
	assert_int_equal(info.tx.active, TANDEM_NET_CSUM | TANDEM_NET_CSUM6);
	assert_false(info.split);
	assert_int_equal(nh_get(nh, "queue-3/tx-ring-ref"), -1);
	assert_int_equal(nh_get(nh, "queue-0/event-channel-tx"), -1);
	/* room in a queue that has no ring any more is lost */
	for (unsigned i = 0; i < 4; i++) {
		room[i].len = 100;
		room[i].gso_type = 0;
		room[i].csum_blank = false;
		memset(room[i].iov[0].iov_base, 0, 100);
		assert_int_equal(tandem_net_commit(tandem_net_queue(nh->net, i), &room[i],
						   1),
				 i < 2);
	}
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.stats.tx_lost, 2);
	for (unsigned i = 0; i < 4; i++)
		tandem_net_kick(tandem_net_queue(nh->net, i));
	for (unsigned i = 0; i < 2; i++) {
		struct netif_pkt p;

		assert_int_equal(nh_tx_take(nh, i, &p), 0);
		nh_tx_okay(nh, i, &p);
	}
	send_some(nh, 3, 3);
	for (unsigned i = 0; i < 3; i++) {
		struct netif_pkt p;

		assert_int_equal(nh_tx_take(nh, 1, &p), 0);
		nh_tx_okay(nh, 1, &p);
	}
	nh_check_works(nh);
	nh_set(nh, "multi-queue-max-queues", "8");
	nh_set(nh, "feature-sg", "1");
	nh_set(nh, "feature-split-event-channels", "1");
	nh_again(nh);
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.rings, 4);
	assert_int_equal(info.tx.active, TANDEM_NET_ALL);
	nh_check_works(nh);
}

/* A sleeper is woken by the next backend, in wait() and in an event loop. */
static void *sleeper(void *arg)
{
	struct nethand *nh = arg;
	struct tandem_net_queue *q = tandem_net_queue(nh->net, 0);
	struct tandem_net_pkt p;

	while (tandem_net_recv(q, &p, 1) != 1)
		if (tandem_net_wait(q, TANDEM_NET_RX, 10000000) == 0)
			return NULL;
	tandem_net_done(q, &p, 1);
	return nh;
}

static void *looper(void *arg)
{
	struct nethand *nh = arg;
	struct tandem_net_queue *q = tandem_net_queue(nh->net, 0);
	struct pollfd fd = { .fd = tandem_net_fd(q), .events = POLLIN };
	struct tandem_net_pkt p;

	while (tandem_net_recv(q, &p, 1) != 1)
		if (!tandem_net_arm(q, TANDEM_NET_RX) && poll(&fd, 1, 10000) != 1)
			return NULL;
	tandem_net_done(q, &p, 1);
	return nh;
}

static void test_sleepers(void **state)
{
	const struct tandem_net_opts opts = { .poll_us = TANDEM_NET_POLL_NEVER };
	struct nethand *nh = *state;
	uint8_t data[64] = { 0 };

	nh_up(nh, &opts);
	for (unsigned i = 0; i < 6; i++) {
		uint64_t since = clock_ns();
		pthread_t t;
		void *ok;

		pthread_create(&t, NULL, i & 1 ? looper : sleeper, nh);
		usleep(2000);
		if (i > 1)
			nh_again(nh);
		usleep(2000);
		nh_rx_send(nh, 0, data, sizeof(data), NULL);
		pthread_join(t, &ok);
		assert_non_null(ok);
		/* woken, and not by the end of the time */
		assert_true(clock_ns() - since < 5000000000u);
	}
}

/* The end: detached, or away for too long. */
static void test_detached(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_queue *q;
	struct tandem_net_pkt p;

	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	nh_set(nh, "online", "0");
	nh_drop(nh);
	nh_state(nh, XenbusStateClosing);
	nh_wait_front(nh, XenbusStateClosed);
	assert_int_equal(tandem_net_error(nh->net), -ENODEV);
	assert_int_equal(tandem_net_room(q, &p, 1, 100), -ENODEV);
	assert_int_equal(tandem_net_recv(q, &p, 1), -ENODEV);
	assert_int_equal(tandem_net_wait(q, TANDEM_NET_RX, -1), TANDEM_NET_CHANGED);
	assert_int_equal(tandem_net_arm(q, TANDEM_NET_RX), TANDEM_NET_CHANGED);
}

static void test_overdue(void **state)
{
	const struct tandem_net_opts opts = { .reconnect_ms = 50 };
	struct nethand *nh = *state;
	struct tandem_net_queue *q;

	nh_up(nh, &opts);
	q = tandem_net_queue(nh->net, 0);
	go_away(nh);
	while (!tandem_net_error(nh->net))
		assert_int_not_equal(tandem_net_wait(q, TANDEM_NET_RX, 5000000), 0);
	assert_int_equal(tandem_net_error(nh->net), -EIO);
	nh_wait_front(nh, XenbusStateClosed);
}

/* Multicast that was asked for is asked for again. */
static void test_mcast(void **state)
{
	const struct tandem_net_opts opts = { .mcast_control = true };
	struct nethand *nh = *state;
	uint8_t addr[6] = { 0x01, 0x00, 0x5e, 0, 0, 0 };
	struct netif_pkt p;

	nh_set(nh, "feature-multicast-control", "1");
	nh_up(nh, &opts);
	assert_int_equal(nh_get(nh, "request-multicast-control"), 1);
	for (unsigned i = 0; i < 64; i++) {
		addr[5] = (uint8_t)i;
		assert_int_equal(tandem_net_mcast(nh->net, addr, true), 0);
		assert_int_equal(nh_tx_take(nh, 0, &p), 0);
		assert_int_equal(p.mcast, XEN_NETIF_EXTRA_TYPE_MCAST_ADD);
		assert_memory_equal(p.mcast_addr, addr, 6);
		nh_tx_okay(nh, 0, &p);
	}
	assert_int_equal(tandem_net_mcast(nh->net, addr, true), 0); /* it is there */
	addr[5] = 64;
	assert_int_equal(tandem_net_mcast(nh->net, addr, true), -ENOSPC);
	addr[5] = 3;
	assert_int_equal(tandem_net_mcast(nh->net, addr, false), 0);
	assert_int_equal(nh_tx_take(nh, 0, &p), 0);
	assert_int_equal(p.mcast, XEN_NETIF_EXTRA_TYPE_MCAST_DEL);
	nh_tx_okay(nh, 0, &p);
	nh_again(nh);
	for (unsigned i = 0; i < 63; i++) {
		assert_int_equal(nh_tx_take(nh, 0, &p), 0);
		assert_int_equal(p.mcast, XEN_NETIF_EXTRA_TYPE_MCAST_ADD);
		assert_int_not_equal(p.mcast_addr[5], 3);
		nh_tx_okay(nh, 0, &p);
	}
	nh_check_works(nh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pause, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_held, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_fewer, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_sleepers, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_detached, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_overdue, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_mcast, nh_setup, nh_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
