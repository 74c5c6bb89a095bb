/* SPDX-License-Identifier: MIT */
/* netfront against a backend by hand: packets each way, whatever their shape. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/nethand.h"

static void fill(uint8_t *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
}

/* Every size of interest, sent with a copy, arrives as it was. */
static void test_send_sizes(void **state)
{
	static const uint32_t sizes[] = {
		14, 60, 64, 1514, 4095, 4096, 4097, 9014, 65535
	};
	struct nethand *nh = *state;
	static uint8_t out[65536], in[65536 * 2];
	struct netif_pkt p;

	nh_up(nh, NULL);
	for (unsigned round = 0; round < 30; round++) {
		uint32_t len = sizes[round % 9];
		struct iovec iov[3] = { { out, 5 },
					{ out + 5, 0 },
					{ out + 5, len - 5 } };

		fill(out, len, round);
		assert_int_equal(tandem_net_send(tandem_net_queue(nh->net, 0), iov, 3,
						 NULL),
				 0);
		tandem_net_kick(tandem_net_queue(nh->net, 0));
		assert_int_equal(nh_tx_take(nh, 0, &p), 0);
		assert_int_equal(p.size, len);
		assert_int_equal(nh_tx_bytes(nh, &p, in), len);
		assert_memory_equal(in, out, len);
		nh_tx_okay(nh, 0, &p);
	}
}

static void test_send_refused(void **state)
{
	struct nethand *nh = *state;
	static uint8_t out[65536];
	struct iovec iov = { out, 13 };
	struct tandem_net_pkt meta = { .gso_type = 3, .gso_size = 1448 };
	struct tandem_net_queue *q;
	struct tandem_net_info info;

	nh_set(nh, "feature-gso-tcpv6", "0");
	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	assert_int_equal(tandem_net_send(q, &iov, 1, NULL), -EINVAL);
	iov.iov_len = 65536;
	assert_int_equal(tandem_net_send(q, &iov, 1, NULL), -EMSGSIZE);
	iov.iov_len = 3000;
	assert_int_equal(tandem_net_send(q, &iov, 1, &meta), -EOPNOTSUPP);
	meta.gso_type = TANDEM_NET_GSO_TCPV6;
	assert_int_equal(tandem_net_send(q, &iov, 1, &meta), -EOPNOTSUPP);
	meta = (struct tandem_net_pkt){ .gso_type = TANDEM_NET_GSO_TCPV4 };
	assert_int_equal(tandem_net_send(q, &iov, 1, &meta), -EOPNOTSUPP);
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.stats.tx_refused, 3);
	nh_check_works(nh);
}

/* What a packet is besides its bytes goes both ways. */
static void test_meta(void **state)
{
	struct nethand *nh = *state;
	static uint8_t out[20000], in[32768];
	struct iovec iov = { out, sizeof(out) };
	struct tandem_net_pkt pkt = { .gso_type = TANDEM_NET_GSO_TCPV4,
				      .gso_size = 1448,
				      .csum_blank = true };
	struct netif_meta meta = { .gso_type = 2,
				   .gso_size = 1300,
				   .csum_blank = true,
				   .hash_alg = 1,
				   .hash_type = 1,
				   .hash = 0x12345678 };
	struct tandem_net_queue *q;
	struct netif_pkt p;
	size_t at = 0;

	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	fill(out, sizeof(out), 3);
	assert_int_equal(tandem_net_send(q, &iov, 1, &pkt), 0);
	tandem_net_kick(q);
	assert_int_equal(nh_tx_take(nh, 0, &p), 0);
	assert_true(p.meta.csum_blank && p.meta.gso_type == 1 && p.meta.gso_size == 1448);
	assert_int_equal(p.nr_slots, 5);
	assert_int_equal(nh_tx_bytes(nh, &p, in), sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
	nh_tx_okay(nh, 0, &p);

	nh_rx_send(nh, 0, out, sizeof(out), &meta);
	assert_int_equal(tandem_net_recv(q, &pkt, 1), 1);
	assert_true(pkt.csum_blank && pkt.data_validated && pkt.gso_type == 2 &&
		    pkt.gso_size == 1300);
	assert_int_equal(pkt.hash_alg, 1);
	assert_int_equal(pkt.hash, 0x12345678);
	assert_int_equal(pkt.len, sizeof(out));
	for (unsigned i = 0; i < pkt.iovcnt; at += pkt.iov[i++].iov_len)
		assert_memory_equal(pkt.iov[i].iov_base, out + at, pkt.iov[i].iov_len);
	assert_int_equal(at, sizeof(out));
	tandem_net_done(q, &pkt, 1);
	nh_check_works(nh);
}

/* Batches without a copy, many times around both rings. */
static void test_batches(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_pkt pkts[64];
	struct tandem_net_queue *q;
	struct netif_pkt p;
	uint8_t in[4096];
	unsigned seen = 0;

	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	for (unsigned round = 0; round < 50; round++) {
		int n = tandem_net_room(q, pkts, 64, 1514);

		assert_int_equal(n, 64);
		for (int i = 0; i < n; i++) {
			pkts[i].len = i % 9 ? 60u + (unsigned)i : 0;
			pkts[i].gso_type = 0;
			pkts[i].csum_blank = false;
			fill(pkts[i].iov[0].iov_base, pkts[i].len, (unsigned)i);
		}
		assert_int_equal(tandem_net_commit(q, pkts, 64), 56);
		tandem_net_kick(q);
		for (int i = 0; i < n; i++) {
			uint8_t want[200];

			if (!(i % 9))
				continue;
			assert_int_equal(nh_tx_take(nh, 0, &p), 0);
			assert_int_equal(nh_tx_bytes(nh, &p, in), 60 + i);
			fill(want, 200, (unsigned)i);
			assert_memory_equal(in, want, p.size);
			nh_tx_okay(nh, 0, &p);
			seen++;
		}
		for (unsigned i = 0; i < 64; i++)
			nh_rx_send(nh, 0, in, 60 + i, NULL);
		assert_int_equal(tandem_net_recv(q, pkts, 64), 64);
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(pkts[i].len, 60 + i);
		tandem_net_done(q, pkts, 64);
	}
	assert_int_equal(seen, 50 * 56);
}

/* A full ring has no room; room that is given back is room again. */
static void test_full(void **state)
{
	struct nethand *nh = *state;
	static struct tandem_net_pkt pkts[256];
	struct tandem_net_queue *q;
	struct netif_pkt p;
	unsigned sent = 0;
	int n;

	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	n = tandem_net_room(q, pkts, 256, 65535);
	assert_int_equal(n, 15); /* 16 pages and an extra each */
	assert_int_equal(tandem_net_room(q, pkts + 15, 1, 65535), 0);
	for (int i = 0; i < n; i++)
		pkts[i].len = 0;
	assert_int_equal(tandem_net_commit(q, pkts, 15), 0);
	while ((n = tandem_net_room(q, pkts, 1, 100)) == 1) {
		pkts[0].len = 100;
		pkts[0].gso_type = 0;
		pkts[0].csum_blank = false;
		assert_int_equal(tandem_net_commit(q, pkts, 1), 1);
		sent++;
	}
	assert_int_equal(sent, 255); /* room for an extra is kept */
	assert_int_equal(tandem_net_wait(q, TANDEM_NET_TX, 1000) & TANDEM_NET_TX, 0);
	for (unsigned i = 0; i < sent; i++) {
		assert_int_equal(nh_tx_take(nh, 0, &p), 0);
		nh_tx_okay(nh, 0, &p);
	}
	assert_int_equal(tandem_net_wait(q, TANDEM_NET_TX, 5000000), TANDEM_NET_TX);
	nh_check_works(nh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_send_sizes, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_send_refused, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_meta, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_batches, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_full, nh_setup, nh_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
