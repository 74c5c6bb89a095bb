/* SPDX-License-Identifier: MIT */
/*
 * The ring arithmetic with 8-bit indexes: all of the state space against
 * models that count step by step. tests/proofs/ring_z3.py proves the same for
 * 32 bits.
 */
#define RING_IDX_BITS 8

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ringproto/ring_idx.h"

/* What Xen's RING_REQUEST_PROD_OVERFLOW tests, and nothing more. */
static bool classic_ok(uint8_t prod, uint8_t base, uint8_t size)
{
	return (uint8_t)(prod - base) <= size;
}

/*
 * Calls check() for every base, window and position of `seen` within it, with
 * the set of producers that a peer may show next: from `seen` on, step by
 * step, to the end of the window.
 */
static void all_states(void (*check)(const bool *allowed, uint8_t seen, uint8_t base,
				     uint8_t size))
{
	bool allowed[256];

	for (unsigned base = 0; base < 256; base++) {
		for (unsigned size = 0; size <= 128; size += size < 40 ? 1 : 11) {
			for (unsigned at = 0; at <= size; at++) {
				memset(allowed, 0, sizeof(allowed));
				for (unsigned to = at; to <= size; to++)
					allowed[(base + to) % 256] = true;
				check(allowed, (uint8_t)(base + at), (uint8_t)base,
				      (uint8_t)size);
			}
		}
	}
}

static unsigned long accepted, looked_at;

static void check_prod_ok(const bool *allowed, uint8_t seen, uint8_t base, uint8_t size)
{
	for (unsigned prod = 0; prod < 256; prod++) {
		bool ok = ring_idx_prod_ok((uint8_t)prod, seen, base, size);

		looked_at++;
		accepted += ok;
		if (ok != allowed[prod])
			fail_msg("prod %u seen %u base %u size %u: %d", prod, seen, base,
				 size, ok);
	}
}

static void test_prod_ok(void **state)
{
	(void)state;
	all_states(check_prod_ok);
	/* the walk was not empty, and saw both answers */
	assert_true(accepted > 1000000 && looked_at > 4 * accepted);
}

static unsigned long classic_wrong;

static void check_classic(const bool *allowed, uint8_t seen, uint8_t base, uint8_t size)
{
	for (unsigned prod = 0; prod < 256; prod++) {
		bool ok = classic_ok((uint8_t)prod, base, size);

		/* never too strict; too lax only by a backward move */
		if (!ok && allowed[prod])
			fail_msg("classic refuses prod %u", prod);
		if (ok && !allowed[prod]) {
			classic_wrong++;
			assert_true((uint8_t)(seen - prod) <= size);
		}
	}
}

/* Why the second comparison is there. */
static void test_classic_check_accepts_backward_moves(void **state)
{
	(void)state;
	all_states(check_classic);
	assert_true(classic_wrong > 0);
}

static void test_notify(void **state)
{
	(void)state;
	for (unsigned old = 0; old < 256; old++) {
		for (unsigned event = 0; event < 256; event++) {
			bool passed = false;

			assert_false(ring_idx_notify((uint8_t)old, (uint8_t)old,
						     (uint8_t)event));
			for (unsigned step = 1; step < 256; step++) {
				uint8_t prod = (uint8_t)(old + step);

				passed |= prod == event;
				if (ring_idx_notify(prod, (uint8_t)old, (uint8_t)event) !=
				    passed)
					fail_msg("prod %u old %u event %u", prod, old,
						 event);
			}
		}
	}
}

/*
 * However a publisher cuts its way into pushes, it passes the event index in
 * exactly one of them.
 */
static void test_notify_once_a_window(void **state)
{
	(void)state;
	for (unsigned base = 0; base < 256; base += 5) {
		for (unsigned len = 1; len <= 64; len++) {
			for (unsigned event = 1; event <= len; event++) {
				for (unsigned cut = 1; cut < 8; cut++) {
					unsigned count = 0, at = 0, to;

					for (; at < len; at = to) {
						to = at + cut > len ? len : at + cut;
						count += ring_idx_notify(
							(uint8_t)(base + to),
							(uint8_t)(base + at),
							(uint8_t)(base + event));
					}
					assert_int_equal(count, 1);
				}
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prod_ok),
		cmocka_unit_test(test_classic_check_accepts_backward_moves),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_notify_once_a_window),
	};

	_Static_assert(sizeof(ring_idx_t) == 1, "this test walks 8-bit indexes");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
