/* SPDX-License-Identifier: MIT */
/* Both ends of a TX and of an RX ring on one thread, for the tests of netif_pkt.h. */
#ifndef TANDEM_TESTS_UNIT_NETIF_RIG_H
#define TANDEM_TESTS_UNIT_NETIF_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ringproto/netif_pkt.h"

struct rig {
	uint8_t tx[RING_PAGE_SIZE] __attribute__((aligned(64)));
	uint8_t rx[RING_PAGE_SIZE] __attribute__((aligned(64)));
	struct ring_front tf, rf;
	struct ring_back tb, rb;
};

static inline void rig_ring_at(uint8_t *page, size_t slot, ring_idx_t start,
			       struct ring_front *f, struct ring_back *b)
{
	ring_front_init(f, page, RING_PAGE_SIZE, slot);
	f->req_prod_pvt = f->req_prod_pub = f->rsp_cons = f->rsp_seen = start;
	atomic_store(&f->r.shared->req_prod, start);
	atomic_store(&f->r.shared->rsp_prod, start);
	assert_int_equal(ring_back_init(b, page, RING_PAGE_SIZE, slot), 0);
}

/* Empty rings, all four ends at index `start`. */
static inline void rig_at(struct rig *r, ring_idx_t start)
{
	rig_ring_at(r->tx, NETIF_TX_SLOT_SIZE, start, &r->tf, &r->tb);
	rig_ring_at(r->rx, NETIF_RX_SLOT_SIZE, start, &r->rf, &r->rb);
}

static inline int rig_setup(void **state)
{
	struct rig *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);

	if (!r)
		return -1;
	rig_at(r, 0);
	*state = r;
	return 0;
}

static inline int rig_teardown(void **state)
{
	free(*state);
	return 0;
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* So that what a function leaves unset is seen. */
static inline void rig_poison(struct netif_pkt *p)
{
	memset(p, 0xaa, sizeof(*p));
}

/* Answers a packet of the TX ring, and takes the answers. */
static inline void rig_answer(struct rig *r, const struct netif_pkt *p)
{
	for (unsigned i = 0; i < p->nr_slots + (unsigned)p->nr_extras; i++)
		ring_back_next(&r->tb, sizeof(struct netif_tx_response));
	ring_back_push(&r->tb);
	r->tf.rsp_cons += (ring_idx_t)ring_front_avail(&r->tf);
}

/* Posts all free RX slots, with their numbers as ids, and has the backend take
 * them. */
static inline void rig_post(struct rig *r)
{
	while (ring_front_free(&r->rf)) {
		const ring_idx_t id = r->rf.req_prod_pvt & r->rf.r.mask;
		struct netif_rx_request req = { .id = (uint16_t)id, .gref = 1000 + id };

		memcpy(ring_front_next(&r->rf), &req, sizeof(req));
	}
	ring_front_push(&r->rf);
	for (int n = ring_back_avail(&r->rb); n > 0; n--)
		ring_back_consume(&r->rb);
}

/* Gives a packet that is to be received the ids of the slots that it will be in. */
static inline void rig_rx_ids(const struct rig *r, struct netif_pkt *p)
{
	ring_idx_t at = r->rb.rsp_prod_pvt;

	for (unsigned i = 0; i < p->nr_slots; i++) {
		p->slot[i].id = (uint16_t)(at++ & r->rb.r.mask);
		if (!i)
			at += netif_pkt_ring_slots(p) - p->nr_slots;
	}
}

/* Writes n TX slots of `size` bytes as they are. */
static inline void rig_tx_write(struct rig *r, const void *slots, size_t size, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memcpy(ring_front_next(&r->tf), (const uint8_t *)slots + i * size, size);
	ring_front_push(&r->tf);
}

/* The same with responses in a full RX ring. */
static inline void rig_rx_write(struct rig *r, const void *slots, size_t size, unsigned n)
{
	rig_post(r);
	for (unsigned i = 0; i < n; i++)
		memcpy(ring_back_next(&r->rb, size), (const uint8_t *)slots + i * size,
		       size);
	ring_back_push(&r->rb);
}

/* Takes one packet of a fresh ring with n such slots. All of them must be gone
 * unless it is -EPROTO. */
static inline int rig_tx(struct rig *r, const void *slots, size_t size, unsigned n,
			 struct netif_pkt *p)
{
	int avail, err;

	rig_at(r, 0u - 3);
	rig_tx_write(r, slots, size, n);
	avail = ring_back_avail(&r->tb);
	assert_int_equal(avail, n);
	rig_poison(p);
	err = netif_tx_take(&r->tb, &avail, p);
	assert_true(err == -EPROTO || !avail);
	assert_int_equal(r->tb.req_cons, 0u - 3 + n - (unsigned)avail);
	return err;
}

/* The same with the RX ring, whose slots are answered from the first on. */
static inline int rig_rx(struct rig *r, const void *slots, size_t size, unsigned n,
			 struct netif_pkt *p)
{
	int avail, err;

	rig_at(r, 0);
	rig_rx_write(r, slots, size, n);
	avail = ring_front_avail(&r->rf);
	assert_int_equal(avail, n);
	rig_poison(p);
	err = netif_rx_take(&r->rf, &avail, p);
	assert_true(err == -EPROTO || !avail);
	assert_int_equal(r->rf.rsp_cons, n - (unsigned)avail);
	return err;
}

#endif
