/* SPDX-License-Identifier: MIT */
/*
 * The ring's two ends on one thread: the honest path, wrap-around, and peers
 * that write what they like into the shared page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ringproto/ring.h"

#define SLOT  112u
#define SLOTS 32u

struct pair {
	uint8_t *page;
	struct ring_front f;
	struct ring_back b;
};

/* Both ends at index `start`. */
static void pair_at(struct pair *p, ring_idx_t start)
{
	ring_front_init(&p->f, p->page, RING_PAGE_SIZE, SLOT);
	p->f.req_prod_pvt = p->f.req_prod_pub = start;
	p->f.rsp_cons = p->f.rsp_seen = start;
	atomic_store(&p->f.r.shared->req_prod, start);
	atomic_store(&p->f.r.shared->rsp_prod, start);
	atomic_store(&p->f.r.shared->req_event, start + 1);
	atomic_store(&p->f.r.shared->rsp_event, start + 1);
	assert_int_equal(ring_back_init(&p->b, p->page, RING_PAGE_SIZE, SLOT), 0);
}

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	p->page = aligned_alloc(RING_PAGE_SIZE, RING_PAGE_SIZE);
	pair_at(p, 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	free(p->page);
	free(p);
	return 0;
}

static void put(struct pair *p, uint32_t tag)
{
	assert_true(ring_front_free(&p->f) > 0);
	memset(ring_front_next(&p->f), (int)(tag & 0xff), SLOT);
}

/* Takes one request and answers it with its own tag. */
static uint8_t serve(struct pair *p)
{
	uint8_t req[SLOT], *rsp;

	ring_copy_request(&p->b, req, 0, SLOT);
	ring_back_consume(&p->b);
	for (unsigned i = 1; i < SLOT; i++)
		assert_int_equal(req[i], req[0]);
	rsp = ring_back_next(&p->b, 16);
	rsp[0] = req[0];
	return req[0];
}

static uint8_t take(struct pair *p)
{
	uint8_t rsp[16];

	ring_copy_response(&p->f, rsp, sizeof(rsp));
	return rsp[0];
}

static void test_fresh_ring(void **state)
{
	struct pair *p = *state;
	struct ring_front f;

	memset(p->page, 0xaa, RING_PAGE_SIZE);
	ring_front_init(&f, p->page, RING_PAGE_SIZE, SLOT);
	assert_int_equal(atomic_load(&f.r.shared->req_prod), 0);
	assert_int_equal(atomic_load(&f.r.shared->req_event), 1);
	assert_int_equal(atomic_load(&f.r.shared->rsp_prod), 0);
	assert_int_equal(atomic_load(&f.r.shared->rsp_event), 1);
	for (unsigned i = 16; i < RING_PAGE_SIZE; i++)
		assert_int_equal(p->page[i], 0);
	assert_int_equal(ring_front_free(&f), SLOTS);
}

static void test_sizes(void **state)
{
	(void)state;
	for (unsigned order = 0; order <= 4; order++) {
		size_t bytes = (size_t)RING_PAGE_SIZE << order;

		assert_int_equal(ring_size(bytes, 112), 32u << order);
		assert_int_equal(ring_size(bytes, 108), 32u << order);
	}
	assert_int_equal(ring_size(RING_PAGE_SIZE, 8), 256); /* netif rx: 504 fit */
}

/* The last slot ends within the pages, at every order and both slot sizes. */
static void test_last_slot_fits(void **state)
{
	static uint8_t pages[RING_PAGE_SIZE * 16] __attribute__((aligned(64)));
	struct ring_base r;

	(void)state;
	for (unsigned order = 0; order <= 4; order++) {
		for (size_t slot = 8; slot <= 256; slot += 4) {
			size_t bytes = (size_t)RING_PAGE_SIZE << order;

			ring_base_init(&r, pages, bytes, slot);
			assert_true(ring_slot(&r, r.mask) + slot <= pages + bytes);
			assert_ptr_equal(ring_slot(&r, r.mask + 1), pages + 64);
		}
	}
}

/* Fills, serves and empties the ring over and over from `start`. */
static void run_from(struct pair *p, ring_idx_t start)
{
	uint32_t sent = 0, served = 0, got = 0;

	pair_at(p, start);
	for (unsigned round = 0; round < 50; round++) {
		unsigned n = round % SLOTS + 1;

		while (n-- && ring_front_free(&p->f))
			put(p, sent++);
		ring_front_push(&p->f);
		assert_int_equal(ring_back_avail(&p->b), sent - served);
		for (unsigned k = 0; k < round % 7 && served < sent; k++)
			assert_int_equal(serve(p), served++ & 0xff);
		if (round % 3 == 0)
			while (served < sent)
				assert_int_equal(serve(p), served++ & 0xff);
		ring_back_push(&p->b);
		assert_int_equal(ring_front_avail(&p->f), served - got);
		while (got < served)
			assert_int_equal(take(p), got++ & 0xff);
		assert_int_equal(ring_front_free(&p->f), SLOTS - (sent - got));
	}
	assert_true(sent > 10 * SLOTS);
}

static void test_round_trips(void **state)
{
	run_from(*state, 0);
}

static void test_wrap_at_2_32(void **state)
{
	for (ring_idx_t before = 0; before <= SLOTS + 1; before++)
		run_from(*state, 0u - before);
	run_from(*state, 0x80000000u - 5);
}

static void test_full_ring(void **state)
{
	struct pair *p = *state;

	for (uint32_t i = 0; i < SLOTS; i++)
		put(p, i);
	assert_int_equal(ring_front_free(&p->f), 0);
	ring_front_push(&p->f);
	assert_int_equal(ring_back_avail(&p->b), SLOTS);
	/* taken but not answered: still no room */
	for (uint32_t i = 0; i < SLOTS; i++)
		ring_back_consume(&p->b);
	assert_int_equal(ring_front_free(&p->f), 0);
	assert_int_equal(ring_back_avail(&p->b), 0);
}

static void test_nothing_to_publish(void **state)
{
	struct pair *p = *state;

	assert_false(ring_front_push(&p->f));
	assert_false(ring_back_push(&p->b));
}

/* One event for the first request after arming, none for those that follow. */
static void test_events(void **state)
{
	struct pair *p = *state;

	put(p, 1);
	assert_true(ring_front_push(&p->f));
	put(p, 2);
	assert_false(ring_front_push(&p->f));
	assert_int_equal(ring_back_arm(&p->b), 2); /* do not sleep */
	serve(p);
	assert_int_equal(ring_back_arm(&p->b), 1);
	serve(p);
	assert_int_equal(ring_back_arm(&p->b), 0); /* now */
	put(p, 3);
	put(p, 4);
	assert_true(ring_front_push(&p->f));
	/* the other way round */
	assert_true(ring_back_push(&p->b));
	assert_int_equal(ring_front_arm(&p->f), 2);
	take(p);
	take(p);
	assert_int_equal(ring_front_arm(&p->f), 0);
	assert_int_equal(ring_back_avail(&p->b), 2);
	serve(p);
	assert_true(ring_back_push(&p->b));
	serve(p);
	assert_false(ring_back_push(&p->b));
}

/* An event for the third response from now: none before, one when it is passed. */
static void test_notify_nth(void **state)
{
	struct pair *p = *state;

	for (uint32_t i = 0; i < 5; i++)
		put(p, i);
	(void)ring_front_push(&p->f);
	assert_int_equal(ring_front_arm_nth(&p->f, 3), 0);
	assert_int_equal(ring_back_avail(&p->b), 5);
	serve(p);
	assert_false(ring_back_push(&p->b));
	serve(p);
	assert_false(ring_back_push(&p->b));
	serve(p);
	serve(p);
	assert_true(ring_back_push(&p->b));
	/* they are there already: no event will come */
	assert_int_equal(ring_front_arm_nth(&p->f, 3), 4);
	serve(p);
	assert_false(ring_back_push(&p->b));
	assert_int_equal(ring_front_avail(&p->f), 5);
}

/* A backend takes up a ring in use at its rsp_prod. */
static void test_take_over(void **state)
{
	struct pair *p = *state;
	struct ring_back b;

	for (uint32_t i = 0; i < 10; i++)
		put(p, i);
	ring_front_push(&p->f);
	assert_int_equal(ring_back_avail(&p->b), 10);
	for (uint32_t i = 0; i < 4; i++)
		serve(p);
	ring_back_push(&p->b);
	/* the second backend sees what the first left unanswered */
	assert_int_equal(ring_back_init(&b, p->page, RING_PAGE_SIZE, SLOT), 0);
	p->b = b;
	assert_int_equal(ring_back_avail(&p->b), 6);
	for (uint32_t i = 4; i < 10; i++)
		assert_int_equal(serve(p), i);
	ring_back_push(&p->b);
	assert_int_equal(ring_front_avail(&p->f), 10);
}

static void test_take_over_bad_indexes(void **state)
{
	struct pair *p = *state;

	for (ring_idx_t rsp = 0u - 40; rsp != 40; rsp++) {
		atomic_store(&p->f.r.shared->rsp_prod, rsp);
		for (ring_idx_t ahead = 0u - 70; ahead != 70; ahead++) {
			atomic_store(&p->f.r.shared->req_prod, rsp + ahead);
			assert_int_equal(ring_back_init(&p->b, p->page, RING_PAGE_SIZE,
							SLOT),
					 ahead <= SLOTS ? 0 : -EPROTO);
		}
	}
}

/* The backend with `taken` of `shown` requests taken and `answered` answered. */
static void backend_at(struct pair *p, ring_idx_t start, unsigned shown, unsigned taken,
		       unsigned answered)
{
	pair_at(p, start);
	for (unsigned i = 0; i < shown; i++)
		put(p, i);
	ring_front_push(&p->f);
	assert_int_equal(ring_back_avail(&p->b), shown);
	for (unsigned i = 0; i < taken; i++)
		ring_back_consume(&p->b);
	for (unsigned i = 0; i < answered; i++)
		ring_back_next(&p->b, 16);
}

/*
 * XSA-39: corrupted ring indexes. In every state, every req_prod near the
 * window: accepted exactly if it lies between what was seen and a full ring;
 * never more work than slots; a refusal is final.
 */
static void test_xsa_39(void **state)
{
	struct pair *p = *state;

	for (unsigned shown = 0; shown <= SLOTS; shown += 4) {
		for (unsigned taken = 0; taken <= shown; taken += 4) {
			for (unsigned answered = 0; answered <= taken; answered += 4) {
				for (int move = -70; move <= 70; move++) {
					ring_idx_t at = 0u - 20;
					int want = (int)(shown - taken) + move, n;

					backend_at(p, at, shown, taken, answered);
					atomic_store(&p->b.r.shared->req_prod,
						     at + shown + (ring_idx_t)move);
					n = ring_back_avail(&p->b);
					if (move < 0 ||
					    shown + (unsigned)move > answered + SLOTS)
						want = -EPROTO;
					assert_int_equal(n, want);
					assert_true(n <= (int)SLOTS);
				}
			}
		}
	}
}

static void test_xsa_39_random(void **state)
{
	struct pair *p = *state;
	unsigned refused = 0;

	srandom(39);
	for (unsigned i = 0; i < 200000; i++) {
		ring_idx_t prod = (ring_idx_t)random() << 1 ^ (ring_idx_t)random();
		int n;

		if (p->b.broken)
			pair_at(p, (ring_idx_t)random());
		if (i % 3)
			prod = p->b.req_cons + prod % 80 - 40;
		atomic_store(&p->b.r.shared->req_prod, prod);
		n = i & 1 ? ring_back_avail(&p->b) : ring_back_arm(&p->b);
		refused += n < 0;
		assert_true(n == -EPROTO || (n >= 0 && n <= (int)SLOTS));
		for (; n > 0; n--)
			serve(p);
	}
	assert_true(refused > 1000);
}

static void test_refusal_is_final(void **state)
{
	struct pair *p = *state;

	put(p, 1);
	ring_front_push(&p->f);
	assert_int_equal(ring_back_avail(&p->b), 1);
	atomic_store(&p->b.r.shared->req_prod, 0);
	assert_int_equal(ring_back_avail(&p->b), -EPROTO);
	/* back to the truth is too late, also through arm */
	atomic_store(&p->b.r.shared->req_prod, 1);
	assert_int_equal(ring_back_avail(&p->b), -EPROTO);
	assert_int_equal(ring_back_arm(&p->b), -EPROTO);
}

/* A backend that answers what was not asked, or takes answers back (XSA-376). */
static void test_xsa_376_producer(void **state)
{
	struct pair *p = *state;

	for (unsigned asked = 0; asked <= SLOTS; asked += 4) {
		for (unsigned seen = 0; seen <= asked; seen += 4) {
			for (unsigned took = 0; took <= seen; took += 4) {
				for (int move = -70; move <= 70; move++) {
					ring_idx_t at = 0u - 9;
					int want = (int)(seen - took) + move;

					pair_at(p, at);
					for (unsigned i = 0; i < asked; i++)
						put(p, i);
					ring_front_push(&p->f);
					atomic_store(&p->f.r.shared->rsp_prod, at + seen);
					assert_int_equal(ring_front_avail(&p->f), seen);
					for (unsigned i = 0; i < took; i++)
						take(p);
					atomic_store(&p->f.r.shared->rsp_prod,
						     at + seen + (ring_idx_t)move);
					if (move < 0 || seen + (unsigned)move > asked)
						want = -EPROTO;
					assert_int_equal(ring_front_avail(&p->f), want);
				}
			}
		}
	}
}

/* Filled but unpublished requests are no requests: nobody may answer them. */
static void test_answer_before_publish(void **state)
{
	struct pair *p = *state;

	put(p, 1);
	atomic_store(&p->f.r.shared->rsp_prod, 1);
	assert_int_equal(ring_front_avail(&p->f), -EPROTO);
	ring_front_push(&p->f);
	assert_int_equal(ring_front_arm(&p->f), -EPROTO);
}

/* XSA-216: what the response's writer leaves unset is zero, not the request. */
static void test_xsa_216(void **state)
{
	struct pair *p = *state;
	uint8_t *rsp;

	put(p, 0xaa);
	ring_front_push(&p->f);
	ring_back_avail(&p->b);
	ring_back_consume(&p->b);
	rsp = ring_back_next(&p->b, 16);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(rsp[i], 0);
	assert_int_equal(rsp[16], 0xaa); /* the slot's rest is the frontend's own */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_fresh_ring),
		T(test_sizes),
		T(test_last_slot_fits),
		T(test_round_trips),
		T(test_wrap_at_2_32),
		T(test_full_ring),
		T(test_nothing_to_publish),
		T(test_events),
		T(test_notify_nth),
		T(test_take_over),
		T(test_take_over_bad_indexes),
		T(test_xsa_39),
		T(test_xsa_39_random),
		T(test_refusal_is_final),
		T(test_xsa_376_producer),
		T(test_answer_before_publish),
		T(test_xsa_216),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
