/* SPDX-License-Identifier: MIT */
/*
 * Packets through real rings and back, and the slots byte by byte. What a
 * hostile end makes of them is test_netif_hostile.c's.
 */
#include <stdlib.h>

#include "tests/unit/netif_rig.h"

/* A packet of n slots, its bytes spread over them as chance will have it. */
static struct netif_pkt random_pkt(unsigned n, bool gso, bool hash)
{
	struct netif_pkt p = { .nr_slots = (uint16_t)n };

	for (unsigned i = 0; i < n; i++) {
		const unsigned max = 65535 / n < 4096 ? 65535 / n : 4096;
		unsigned size = (unsigned)random() % (max + 1);

		if (!i && size < NETIF_ETH_HLEN)
			size = NETIF_ETH_HLEN;
		p.slot[i] = (struct netif_slot){
			.gref = (grant_ref_t)random(),
			.id = (uint16_t)random(),
			.offset = (uint16_t)((unsigned)random() % (4097 - size)),
			.size = (uint16_t)size,
		};
		p.size += size;
	}
	p.meta.data_validated = random() & 1;
	p.meta.csum_blank = p.meta.data_validated && random() & 1;
	if (gso) {
		p.meta.gso_type = (uint8_t)(1 + (random() & 1));
		p.meta.gso_size = (uint16_t)(1 + random() % 65535);
	}
	if (hash) {
		p.meta.hash_alg = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
		p.meta.hash_type = (uint8_t)(random() & 3);
		p.meta.hash = (uint32_t)random();
	}
	return p;
}

static void assert_same_meta(const struct netif_meta *a, const struct netif_meta *b)
{
	assert_int_equal(a->csum_blank, b->csum_blank);
	assert_int_equal(a->data_validated, b->data_validated);
	assert_int_equal(a->gso_type, b->gso_type);
	assert_int_equal(a->gso_size, b->gso_size);
	assert_int_equal(a->hash_alg, b->hash_alg);
	assert_int_equal(a->hash_type, b->hash_type);
	assert_int_equal(a->hash, b->hash);
}

static void assert_same(const struct netif_pkt *a, const struct netif_pkt *b, bool rx)
{
	assert_same_meta(&a->meta, &b->meta);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->nr_slots, b->nr_slots);
	assert_int_equal(a->nr_extras, !!b->meta.gso_type + !!b->meta.hash_alg);
	assert_int_equal(a->mcast, 0);
	for (unsigned i = 0; i < b->nr_slots; i++) {
		assert_int_equal(a->slot[i].id, b->slot[i].id);
		assert_int_equal(a->slot[i].offset, b->slot[i].offset);
		assert_int_equal(a->slot[i].size, b->slot[i].size);
		if (!rx)
			assert_int_equal(a->slot[i].gref, b->slot[i].gref);
	}
}

/* TX, from `start` on, several packets a push. */
static void tx_from(struct rig *r, ring_idx_t start)
{
	struct netif_pkt sent[6], got;
	int avail;

	rig_at(r, start);
	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 0;

		for (; n < 6; n++) {
			sent[n] = random_pkt((round + n) % 18 + 1, round & 1, round & 2);
			assert_true(netif_pkt_ring_slots(&sent[n]) <=
				    ring_front_free(&r->tf));
			netif_tx_put(&r->tf, &sent[n]);
		}
		ring_front_push(&r->tf);
		avail = ring_back_avail(&r->tb);
		for (unsigned i = 0; i < n; i++) {
			const int before = avail;

			rig_poison(&got);
			assert_int_equal(netif_tx_take(&r->tb, &avail, &got), 0);
			assert_same(&got, &sent[i], false);
			assert_int_equal(before - avail, netif_pkt_ring_slots(&sent[i]));
			rig_answer(r, &got);
		}
		assert_int_equal(avail, 0);
	}
}

static void test_tx_round_trips(void **state)
{
	srandom(17);
	tx_from(*state, 0);
	tx_from(*state, 0u - 100);
}

/* RX: the backend answers the frontend's slots; ids are the slots' numbers. */
static void rx_from(struct rig *r, ring_idx_t start)
{
	struct netif_pkt sent[6], got;
	int avail;

	rig_at(r, start);
	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 0;

		rig_post(r);
		for (; n < 6; n++) {
			sent[n] = random_pkt((round + n) % 18 + 1, round & 1, round & 2);
			rig_rx_ids(r, &sent[n]);
			netif_rx_put(&r->rb, &sent[n]);
		}
		ring_back_push(&r->rb);
		avail = ring_front_avail(&r->rf);
		for (unsigned i = 0; i < n; i++) {
			const int before = avail;

			rig_poison(&got);
			assert_int_equal(netif_rx_take(&r->rf, &avail, &got), 0);
			assert_same(&got, &sent[i], true);
			assert_int_equal(before - avail, netif_pkt_ring_slots(&sent[i]));
		}
		assert_int_equal(avail, 0);
	}
}

static void test_rx_round_trips(void **state)
{
	srandom(71);
	rx_from(*state, 0);
	rx_from(*state, 0u - 100);
}

/* A packet of two slots with both extras, as it stands in the TX ring. */
static void test_tx_by_hand(void **state)
{
	/* clang-format off */
	static const uint8_t want[4][12] = {
		{ 4, 3, 2, 1, 0x10, 0, 0x0f, 0, 7, 0, 0xd0, 7 }, /* size of the whole */
		{ 1, 1, 0xa8, 5, 1, 0, 0, 0 },
		{ 4, 0, 3, 1, 0x44, 0x33, 0x22, 0x11 },
		{ 8, 7, 6, 5, 0, 1, 0, 0, 9, 0, 0xe8, 3 },
	};
	/* clang-format on */
	struct netif_pkt p = {
		.meta = { .csum_blank = true,
			  .data_validated = true,
			  .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
			  .gso_size = 1448,
			  .hash_alg = 1,
			  .hash_type = 3,
			  .hash = 0x11223344 },
		.size = 2000,
		.nr_slots = 2,
		.slot = { { 0x01020304, 7, 16, 1000 }, { 0x05060708, 9, 256, 1000 } },
	};
	struct rig *r = *state;

	netif_tx_put(&r->tf, &p);
	assert_int_equal(r->tf.req_prod_pvt, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_memory_equal(ring_slot(&r->tf.r, i), want[i],
				    i == 1 || i == 2 ? 8 : 12);
}

/* The same as responses, where bits 0 and 1 have changed places. */
static void test_rx_by_hand(void **state)
{
	/* clang-format off */
	static const uint8_t want[4][8] = {
		{ 0, 0, 0x10, 0, 0x0f, 0, 0xe8, 3 },
		{ 1, 1, 0xa8, 5, 2, 0, 0, 0 },
		{ 4, 0, 0, 1, 0x44, 0x33, 0x22, 0x11 },
		{ 3, 0, 0, 1, 0, 0, 0xe7, 3 }, /* in the fourth slot */
	};
	/* clang-format on */
	struct netif_pkt p = {
		.meta = { .csum_blank = true,
			  .gso_type = XEN_NETIF_GSO_TYPE_TCPV6,
			  .gso_size = 1448,
			  .hash_alg = 1,
			  .hash = 0x11223344 },
		.size = 1999,
		.nr_slots = 2,
		.slot = { { 0, 0, 16, 1000 }, { 0, 3, 256, 999 } },
	};
	struct rig *r = *state;

	rig_post(r);
	memset(r->rx + 64, 0xaa, sizeof(r->rx) - 64);
	netif_rx_put(&r->rb, &p);
	for (unsigned i = 0; i < 4; i++)
		assert_memory_equal(ring_slot(&r->rf.r, i), want[i], 8);
	assert_int_equal(*ring_slot(&r->rf.r, 4), 0xaa);
}

/* Every value of the flags' low bits, alone in a packet: meta says the same on
 * both rings, the wire does not. */
static void test_flags_swapped(void **state)
{
	struct rig *r = *state;

	for (unsigned bits = 0; bits < 4; bits++) {
		struct netif_tx_request req = { .size = 60, .flags = (uint16_t)bits };
		struct netif_rx_response rsp = { .status = 60, .flags = (uint16_t)bits };
		struct netif_pkt t, x;

		assert_int_equal(rig_tx(r, &req, sizeof(req), 1, &t), 0);
		assert_int_equal(t.meta.csum_blank, bits & 1);
		assert_int_equal(t.meta.data_validated, bits != 0);
		assert_int_equal(rig_rx(r, &rsp, sizeof(rsp), 1, &x), 0);
		assert_int_equal(x.meta.csum_blank, bits >> 1);
		assert_int_equal(x.meta.data_validated, bits != 0);
	}
}

/* The multicast requests are no packets: whatever their size says. */
static void test_multicast(void **state)
{
	struct rig *r = *state;

	for (uint8_t type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
	     type <= XEN_NETIF_EXTRA_TYPE_MCAST_DEL; type++) {
		struct netif_tx_request slots[2] = { { .id = 77,
						       .flags = NETTXF_extra_info } };
		struct netif_extra_info x = { .type = type };
		struct netif_pkt p;

		memcpy(x.u.mcast.addr, "\x33\x33\1\2\3\4", 6);
		memcpy(&slots[1], &x, sizeof(x));
		assert_int_equal(rig_tx(r, slots, sizeof(slots[0]), 2, &p), 0);
		assert_int_equal(p.mcast, type);
		assert_memory_equal(p.mcast_addr, x.u.mcast.addr, 6);
		assert_int_equal(p.nr_slots, 1);
		assert_int_equal(p.nr_extras, 1);
		assert_int_equal(p.slot[0].id, 77);
	}
}

/* A hash that nobody defined is no hash. XDP's headroom is passed over. */
static void test_hash_and_xdp(void **state)
{
	struct rig *r = *state;

	for (unsigned v = 0; v < 0x10000; v++) {
		const bool known = v >> 8 == 1 && (v & 0xff) < 4;
		struct netif_rx_response slots[3] = { { .status = 60,
							.flags = NETRXF_extra_info } };
		struct netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_XDP,
					      .flags = XEN_NETIF_EXTRA_FLAG_MORE };
		struct netif_pkt p;

		x.u.xdp.headroom = (uint16_t)v;
		memcpy(&slots[1], &x, sizeof(x));
		x = (struct netif_extra_info){ .type = XEN_NETIF_EXTRA_TYPE_HASH };
		x.u.hash.type = (uint8_t)v;
		x.u.hash.algorithm = (uint8_t)(v >> 8);
		memset(x.u.hash.value, 0x5a, 4);
		memcpy(&slots[2], &x, sizeof(x));
		assert_int_equal(rig_rx(r, slots, sizeof(slots[0]), 3, &p), 0);
		assert_int_equal(p.nr_extras, 2);
		assert_int_equal(p.meta.hash_alg, known);
		assert_int_equal(p.meta.hash, known ? 0x5a5a5a5a : 0);
		assert_int_equal(p.meta.hash_type, known ? v & 3 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_tx_round_trips), RIG_TEST(test_rx_round_trips),
		RIG_TEST(test_tx_by_hand),     RIG_TEST(test_rx_by_hand),
		RIG_TEST(test_flags_swapped),  RIG_TEST(test_multicast),
		RIG_TEST(test_hash_and_xdp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
