/* SPDX-License-Identifier: MIT */
/*
 * XSA-376: a backend whose responses are not what was asked for. That disk's
 * I/O ends with -EPROTO; a second disk of the same process goes on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/handback.h"

/* ----------------------------------------------------------------- XSA-376 */

static void bad_response(struct handback *hb, uint64_t id_xor, int op, int status)
{
	struct tandem_io io[2];
	struct blkif_req req;
	uint8_t *buf;

	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 8192);
	hb_submit(hb, &io[0], 0, buf);
	hb_submit(hb, &io[1], 8, buf + 4096);
	assert_true(hb_take(hb, 0, &req));
	hb_answer(hb, 0, req.id ^ id_xor, op < 0 ? req.operation : (uint8_t)op,
		  (int16_t)status);
	assert_int_equal(hb_finish(hb, &io[0]), -EPROTO);
	assert_int_equal(hb_finish(hb, &io[1]), -EPROTO);
	assert_int_equal(tandem_submit(tandem_queue(hb->disk, 0), &io[0]), -EPROTO);
	hb_wait_front(hb, XenbusStateClosed);
	hb_again(hb);
}

/* Every field of a response: not what was asked, or not what there is. */
static void test_xsa_376(void **state)
{
	struct hb_pair *f = *state;

	static const uint64_t ids[] = { 2,
					64,
					127,
					128,
					512,
					1 << 16,
					1u << 31,
					UINT64_C(1) << 32,
					UINT64_C(1) << 63 };

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		bad_response(&f->hb, ids[i], -1, 0);
	for (int op = 1; op < 256; op += op < 8 ? 1 : 31)
		bad_response(&f->hb, 0, op, 0);
	static const int statuses[] = { 1, 2, -3, -4, 127, 256, -256, 32767, -32768 };

	for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		bad_response(&f->hb, 0, -1, statuses[i]);
}

/* The same answer twice: the second finds nothing in flight. */
static void test_xsa_376_twice(void **state)
{
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;
	struct tandem_io io[2];
	struct blkif_req req;
	uint8_t *buf;

	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 8192);
	hb_submit(hb, &io[0], 0, buf);
	hb_submit(hb, &io[1], 8, buf + 4096);
	assert_true(hb_take(hb, 0, &req));
	hb_okay(hb, 0, &req);
	assert_int_equal(hb_finish(hb, &io[0]), 0);
	hb_okay(hb, 0, &req);
	assert_int_equal(hb_finish(hb, &io[1]), -EPROTO);
}

/* Producers that run ahead, far ahead, or backwards. */
static void test_xsa_376_producer(void **state)
{
	static const ring_idx_t by[] = { 3, 4, 129, 1u << 31, UINT32_MAX };
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;

	for (unsigned i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		struct tandem_io io[2];
		struct blkif_req req;
		uint8_t *buf;

		hb_up(hb, NULL);
		buf = tandem_alloc(hb->disk, 8192);
		hb_submit(hb, &io[0], 0, buf);
		assert_true(hb_take(hb, 0, &req));
		hb_okay(hb, 0, &req);
		assert_int_equal(hb_finish(hb, &io[0]), 0);
		hb_submit(hb, &io[0], 0, buf);
		hb_submit(hb, &io[1], 8, buf);
		assert_true(hb_take(hb, 0, &req));
		atomic_fetch_add(&hb->be.q[0].ring.r.shared->rsp_prod, by[i]);
		evtchn_notify(hb->be.q[0].ch);
		assert_int_equal(hb_finish(hb, &io[0]), -EPROTO);
		assert_int_equal(hb_finish(hb, &io[1]), -EPROTO);
		hb_again(hb);
	}
}

/* A flipping backend: whatever it writes between our looks, no crash, an end.
 * Its races are its purpose. */
__attribute__((no_sanitize("thread"))) static void *flip(void *arg)
{
	volatile uint32_t *page = arg;
	uint32_t seed = 1;

	for (unsigned i = 0; i < 300000; i++) {
		seed = seed * 1664525u + 1013904223u;
		page[seed >> 22] = seed;
	}
	return NULL;
}

static void test_xsa_376_flipper(void **state)
{
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;

	for (unsigned round = 0; round < 20; round++) {
		struct tandem_io io[8], *done[8];
		pthread_t t;
		uint8_t *buf;
		unsigned n = 0, sent = 0;

		hb_up(hb, NULL);
		buf = tandem_alloc(hb->disk, 4096);
		pthread_create(&t, NULL, flip, hb->be.q[0].pages);
		for (; sent < 8; sent++) {
			io[sent] = (struct tandem_io){ .buf = buf, .len = 4096 };
			if (tandem_submit(tandem_queue(hb->disk, 0), &io[sent]))
				break;
			tandem_kick(tandem_queue(hb->disk, 0));
		}
		pthread_join(t, NULL);
		/* the producer makes no sense now, for certain */
		atomic_store(&hb->be.q[0].ring.r.shared->rsp_prod, 0x80000000u + round);
		evtchn_notify(hb->be.q[0].ch);
		while (n < sent)
			n += (unsigned)tandem_wait(tandem_queue(hb->disk, 0), done, 1, 8,
						   5000000);
		hb_again(hb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_xsa_376, hb_pair_setup,
						hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_376_twice, hb_pair_setup,
						hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_376_producer, hb_pair_setup,
						hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_376_flipper, hb_pair_setup,
						hb_pair_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
