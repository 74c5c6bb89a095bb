/* SPDX-License-Identifier: MIT */
/*
 * Chains of slots that no honest end would write: what is dropped and what is
 * fatal, and that the rings stand where they should afterwards.
 */
#include "tests/unit/netif_rig.h"

#define MAX_SLOTS 40

/* n slots of a packet, of `each` bytes; the first says `total`. */
static unsigned tx_chain(struct netif_tx_request *s, unsigned n, uint16_t each,
			 uint16_t total)
{
	for (unsigned i = 0; i < n; i++)
		s[i] = (struct netif_tx_request){
			.gref = 100 + i,
			.offset = (uint16_t)i,
			.flags = i + 1 < n ? NETTXF_more_data : 0,
			.id = (uint16_t)(0x1100 + i),
			.size = i ? each : total,
		};
	return n;
}

static int tx(struct rig *r, const struct netif_tx_request *s, unsigned n,
	      struct netif_pkt *p)
{
	return rig_tx(r, s, sizeof(*s), n, p);
}

/* Puts an extra behind the first of n slots. Returns n + 1. */
static unsigned tx_extra(struct netif_tx_request *s, unsigned n,
			 struct netif_extra_info x)
{
	if (s[0].flags & NETTXF_extra_info)
		x.flags |= XEN_NETIF_EXTRA_FLAG_MORE;
	memmove(s + 2, s + 1, (n - 1) * sizeof(*s));
	memcpy(s + 1, &x, sizeof(x));
	s[0].flags |= NETTXF_extra_info;
	return n + 1;
}

static struct netif_extra_info gso(uint16_t size, uint8_t type)
{
	struct netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

	x.u.gso.size = size;
	x.u.gso.type = type;
	return x;
}

/* 18 pass, 19 are dropped, 20 are an attack; extras do not count. Whoever drops
 * has each id. */
static void test_too_many_slots(void **state)
{
	for (unsigned n = 1; n < MAX_SLOTS; n++) {
		for (unsigned extras = 0; extras <= 2; extras++) {
			struct netif_tx_request s[MAX_SLOTS + 2];
			struct netif_pkt p;
			unsigned all = tx_chain(s, n, 10, 1000);
			int err;

			for (unsigned e = 0; e < extras; e++)
				all = tx_extra(s, all, gso(1448, 1));
			err = tx(*state, s, all, &p);
			assert_int_equal(err, n <= 18 ? 0 : n == 19 ? -E2BIG : -EPROTO);
			if (err == -EPROTO)
				continue;
			assert_int_equal(p.nr_slots, n);
			assert_int_equal(p.nr_extras, extras);
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(p.slot[i].id, 0x1100 + i);
			assert_int_equal(p.size, 1000);
			assert_int_equal(p.slot[0].size, 1000 - 10 * (n - 1));
		}
	}
}

/* XSA-432: a tiny packet over the maximum number of slots. */
static void test_xsa_432(void **state)
{
	struct netif_tx_request s[MAX_SLOTS];
	struct netif_pkt p;

	for (unsigned n = 1; n <= 18; n++) {
		for (uint16_t total = 0; total <= 64; total++) {
			for (uint16_t each = 0; each <= 4; each++) {
				unsigned rest = each * (n - 1), sum = 0;
				bool ok = total >= 14 && rest <= total;

				tx_chain(s, n, each, total);
				assert_int_equal(tx(*state, s, n, &p), ok ? 0 : -EINVAL);
				assert_int_equal(p.nr_slots, n);
				for (unsigned i = 0; ok && i < n; i++)
					sum += p.slot[i].size;
				assert_int_equal(sum, ok ? total : 0);
			}
		}
	}
}

/* XSA-423: headers split over slots at every byte, the first slot empty too. */
static void test_xsa_423(void **state)
{
	struct netif_tx_request s[MAX_SLOTS];
	struct netif_pkt p;

	for (uint16_t a = 0; a <= 200; a++) {
		for (uint16_t b = 0; a + b <= 200; b++) {
			tx_chain(s, 3, 0, 200);
			s[1].size = a;
			s[2].size = b;
			assert_int_equal(tx(*state, s, 3, &p), 0);
			assert_int_equal(p.slot[0].size, 200 - a - b);
			assert_int_equal(p.slot[1].size, a);
			assert_int_equal(p.slot[2].size, b);
		}
	}
}

/* Each slot in turn ends with its page, and one byte behind it. */
static void test_page_crossing(void **state)
{
	static const uint16_t sizes[] = { 14, 100, 4095, 4096 };
	struct netif_tx_request s[MAX_SLOTS];
	struct netif_pkt p;

	for (unsigned n = 1; n <= 18; n++) {
		for (unsigned at = 0; at < n; at++) {
			for (unsigned k = 0; k < 8; k++) {
				const uint16_t size = sizes[k / 2], over = k & 1;

				tx_chain(s, n, 10, (uint16_t)(size + 10 * (n - 1)));
				s[at].offset = (uint16_t)(4096 - size + over);
				if (at)
					s[at].size = size;
				assert_int_equal(tx(*state, s, n, &p),
						 over ? -EPROTO : 0);
			}
		}
	}
}

static void test_offset_far(void **state)
{
	struct netif_tx_request s[2];
	struct netif_pkt p;

	/* too small to be a packet, and nothing worse */
	for (uint16_t size = 0; size <= 14; size++) {
		tx_chain(s, 1, 0, size);
		s[0].offset = 65535;
		assert_int_equal(tx(*state, s, 1, &p), size < 14 ? -EINVAL : -EPROTO);
	}
	tx_chain(s, 1, 0, 65535);
	s[0].offset = 65535;
	assert_int_equal(tx(*state, s, 1, &p), -EPROTO);
	tx_chain(s, 2, 65535, 65535);
	s[1].offset = 1;
	assert_int_equal(tx(*state, s, 2, &p), -EPROTO);
}

/* An extra is announced and the producer ends there; so with a slot. */
static void test_past_the_producer(void **state)
{
	struct netif_tx_request s[MAX_SLOTS];
	struct netif_pkt p;
	unsigned n;

	for (unsigned extras = 0; extras <= 3; extras++) {
		n = tx_chain(s, 1, 0, 100);
		for (unsigned e = 0; e < extras; e++)
			n = tx_extra(s, n, gso(1448, 1));
		assert_int_equal(tx(*state, s, n, &p), 0);
		if (!extras) {
			s[0].flags |= NETTXF_extra_info;
		} else { /* the last one announces another */
			((struct netif_extra_info *)&s[n - 1])->flags |=
				XEN_NETIF_EXTRA_FLAG_MORE;
		}
		assert_int_equal(tx(*state, s, n, &p), -EPROTO);
	}
	for (n = 1; n <= 18; n++) {
		tx_chain(s, n, 10, 1000);
		s[n - 1].flags |= NETTXF_more_data;
		assert_int_equal(tx(*state, s, n, &p), -EPROTO);
	}
}

/* A ring full of extras ends where the ring does. */
static void test_endless_extras(void **state)
{
	struct netif_tx_request s[NETIF_RING_SLOTS];
	struct netif_extra_info x = gso(1448, 1);
	struct netif_pkt p;

	x.flags = XEN_NETIF_EXTRA_FLAG_MORE;
	tx_chain(s, 1, 0, 100);
	s[0].flags = NETTXF_extra_info;
	for (unsigned i = 1; i < NETIF_RING_SLOTS; i++)
		memcpy(&s[i], &x, sizeof(x));
	assert_int_equal(tx(*state, s, NETIF_RING_SLOTS, &p), -EPROTO);
	x.flags = 0;
	memcpy(&s[NETIF_RING_SLOTS - 1], &x, sizeof(x));
	assert_int_equal(tx(*state, s, NETIF_RING_SLOTS, &p), 0);
	assert_int_equal(p.nr_extras, NETIF_RING_SLOTS - 1);
}

/* Every type of extra; every GSO type, and size 0; on both rings. */
static void test_bad_extras(void **state)
{
	struct netif_rx_response rsp[2] = { { .status = 60,
					      .flags = NETRXF_extra_info } };
	struct netif_tx_request s[2];
	struct netif_pkt p;

	for (unsigned v = 0; v < 256 * 3; v++) {
		struct netif_extra_info x = gso(1448, 1);
		bool ok, mcast = false;

		if (v < 256) {
			x.type = (uint8_t)v;
			ok = v >= 1 && v <= 5;
			mcast = v == 2 || v == 3;
		} else {
			x = gso(v < 512 ? 1448 : 0, (uint8_t)v);
			ok = v < 512 && ((v & 255) == 1 || (v & 255) == 2);
		}
		tx_chain(s, 1, 0, 100);
		tx_extra(s, 1, x);
		assert_int_equal(tx(*state, s, 2, &p), ok ? 0 : -EPROTO);
		memcpy(&rsp[1], &x, sizeof(x));
		assert_int_equal(rig_rx(*state, rsp, sizeof(rsp[0]), 2, &p),
				 !ok	 ? -EPROTO
				 : mcast ? -EINVAL
					 : 0);
	}
}

/* Fragments that make more than the whole: dropped, each id known, not fatal. */
static void test_beyond_the_total(void **state)
{
	struct netif_tx_request s[MAX_SLOTS];
	struct netif_pkt p;

	for (unsigned n = 2; n <= 18; n++) {
		for (int more = -1; more <= 1; more++) {
			uint16_t total = (uint16_t)((int)(n - 1) * 4000 - more);

			if ((n - 1) * 4000 + 1 > 65535)
				break;
			tx_chain(s, n, 4000, total);
			assert_int_equal(tx(*state, s, n, &p), more > 0 ? -EINVAL : 0);
			for (unsigned i = 0; i < n; i++)
				assert_int_equal(p.slot[i].id, 0x1100 + i);
			assert_int_equal(p.nr_slots, n);
		}
	}
}

/* --------------------------------------------------------------------- RX */

static unsigned rx_chain(struct netif_rx_response *s, unsigned n, int16_t each)
{
	for (unsigned i = 0; i < n; i++)
		s[i] = (struct netif_rx_response){
			.id = (uint16_t)i,
			.flags = i + 1 < n ? NETRXF_more_data : 0,
			.status = each,
		};
	return n;
}

static int rx(struct rig *r, const struct netif_rx_response *s, unsigned n,
	      struct netif_pkt *p)
{
	return rig_rx(r, s, sizeof(*s), n, p);
}

/* XSA-376: an id that is not the slot's. */
static void test_xsa_376_ids(void **state)
{
	struct netif_rx_response s[MAX_SLOTS];
	struct netif_pkt p;

	for (unsigned at = 0; at < 5; at++) {
		for (unsigned id = 0; id < 0x10000; id += id < 600 ? 1 : 251) {
			rx_chain(s, 5, 100);
			s[at].id = (uint16_t)id;
			assert_int_equal(rx(*state, s, 5, &p), id == at ? 0 : -EPROTO);
		}
	}
}

/* Every status with some offsets, in each place. */
static void test_rx_status(void **state)
{
	static const uint16_t offsets[] = { 0, 1, 256, 4095, 4096, 4097, 0x8000, 0xffff };
	struct netif_rx_response s[MAX_SLOTS];
	struct netif_pkt p;

	for (unsigned k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
		for (int status = INT16_MIN; status <= INT16_MAX; status++) {
			const unsigned at = (unsigned)status % 3;
			const bool ok =
				status >= (at ? 0 : 14) && status + offsets[k] <= 4096;

			rx_chain(s, 3, 100);
			s[at].status = (int16_t)status;
			s[at].offset = offsets[k];
			assert_int_equal(rx(*state, s, 3, &p), ok ? 0 : -EINVAL);
			if (ok) {
				assert_int_equal(p.nr_slots, 3);
				assert_int_equal(p.size, 200 + status);
			}
		}
	}
}

/* XSA-522: the first slot has no whole Ethernet header, whatever follows. */
static void test_xsa_522(void **state)
{
	struct netif_rx_response s[MAX_SLOTS];
	struct netif_pkt p;

	for (unsigned n = 1; n <= 18; n++) {
		for (int16_t first = 0; first <= 15; first++) {
			rx_chain(s, n, 1000);
			s[0].status = first;
			assert_int_equal(rx(*state, s, n, &p), first < 14 ? -EINVAL : 0);
		}
	}
}

/* As many slots as the ring has: no more than 18 are kept, all are free again. */
static void test_rx_too_many(void **state)
{
	struct netif_rx_response s[NETIF_RING_SLOTS];
	struct netif_pkt p;

	for (unsigned n = 1; n <= NETIF_RING_SLOTS; n++) {
		rx_chain(s, n, 4096);
		assert_int_equal(rx(*state, s, n, &p), n <= 18 ? 0 : -E2BIG);
		assert_true(p.nr_slots <= 18 && p.size <= 18 * 4096);
		s[n - 1].flags = NETRXF_more_data;
		assert_int_equal(rx(*state, s, n, &p), -EPROTO);
	}
	rx_chain(s, 1, 100);
	s[0].flags = NETRXF_extra_info; /* which does not come */
	assert_int_equal(rx(*state, s, 1, &p), -EPROTO);
}

/* ----------------------------------------------------------------- random */

/* What both ends may rely on after 0. */
static void check_taken(const struct netif_pkt *p, bool is_rx)
{
	uint32_t sum = 0;

	assert_true(p->nr_slots >= 1 && p->nr_slots <= NETIF_PKT_SLOTS);
	assert_true(p->size >= NETIF_ETH_HLEN);
	for (unsigned i = 0; i < p->nr_slots; i++) {
		assert_true(p->slot[i].offset + p->slot[i].size <= 4096);
		sum += p->slot[i].size;
	}
	assert_int_equal(sum, p->size);
	assert_true(!is_rx || p->slot[0].size >= NETIF_ETH_HLEN);
	assert_true(p->meta.gso_type <= 2 && !p->meta.gso_type == !p->meta.gso_size);
	assert_true(p->meta.hash_alg <= 1 && p->meta.hash_type <= 3);
	assert_true(p->meta.data_validated || !p->meta.csum_blank);
}

/* Takes all packets of n slots. Returns how many there were. */
static unsigned take_all(struct rig *r, const void *slots, unsigned n, bool is_rx)
{
	unsigned taken = 0;
	struct netif_pkt p;
	int avail, err = 0;

	rig_at(r, 0);
	if (is_rx)
		rig_rx_write(r, slots, NETIF_RX_SLOT_SIZE, n);
	else
		rig_tx_write(r, slots, NETIF_TX_SLOT_SIZE, n);
	avail = is_rx ? ring_front_avail(&r->rf) : ring_back_avail(&r->tb);
	assert_int_equal(avail, n);
	while (avail && err != -EPROTO) {
		err = is_rx ? netif_rx_take(&r->rf, &avail, &p)
			    : netif_tx_take(&r->tb, &avail, &p);
		assert_true(avail >= 0);
		assert_true(err == 0 || err == -EPROTO || err == -EINVAL);
		if (err || p.mcast)
			continue;
		check_taken(&p, is_rx);
		taken++;
	}
	return taken;
}

/* Slots of small random numbers, RX ids mostly right. */
static void test_random_slots(void **state)
{
	unsigned taken[2] = { 0 };
	uint16_t w[6 * 6];

	srandom(6);
	for (unsigned i = 0; i < 300000; i++) {
		const unsigned n = 1 + (unsigned)random() % 6;

		for (unsigned k = 0; k < 6 * 6; k++)
			w[k] = (uint16_t)((random() & 0xffff) >> random() % 16);
		for (unsigned k = 0; i & 1 && k < n; k++)
			w[k * 4] = (uint16_t)k;
		taken[i & 1] += take_all(*state, w, n, i & 1);
	}
	assert_true(taken[0] > 10000 && taken[1] > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_too_many_slots),	 RIG_TEST(test_xsa_432),
		RIG_TEST(test_xsa_423),		 RIG_TEST(test_page_crossing),
		RIG_TEST(test_offset_far),	 RIG_TEST(test_past_the_producer),
		RIG_TEST(test_endless_extras),	 RIG_TEST(test_bad_extras),
		RIG_TEST(test_beyond_the_total), RIG_TEST(test_xsa_376_ids),
		RIG_TEST(test_rx_status),	 RIG_TEST(test_xsa_522),
		RIG_TEST(test_rx_too_many),	 RIG_TEST(test_random_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
