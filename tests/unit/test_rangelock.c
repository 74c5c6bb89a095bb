/* SPDX-License-Identifier: MIT */
/* Who shares, who waits, who goes first; and that all of it comes to an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/block/rangelock.h"

#define KIB  1024u
#define WRAP ((uint64_t)RANGELOCK_BLOCK * RANGELOCK_SLOTS)

static struct rangelock locks;

/* A claim of the test's: has it its range? */
struct user {
	struct rangelock_claim claim; /* first */
	bool has;
};

static void user_granted(struct rangelock_claim *claim)
{
	((struct user *)claim)->has = true;
}

static bool take(struct user *u, bool write, uint64_t off, uint64_t len)
{
	u->claim = (struct rangelock_claim){
		.off = off, .len = len, .write = write, .granted = user_granted
	};
	u->has = false;
	u->has = rangelock_take(&locks, &u->claim) || u->has;
	return u->has;
}

static void give(struct user *u)
{
	assert_true(u->has);
	u->has = false;
	rangelock_give(&locks, &u->claim);
}

static int setup(void **state)
{
	(void)state;
	rangelock_init(&locks);
	return 0;
}

/* Nothing is left claimed or wanted. */
static int teardown(void **state)
{
	(void)state;
	assert_null(locks.waiting);
	for (unsigned i = 0; i < RANGELOCK_SLOTS; i++)
		assert_int_equal(locks.readers[i] | locks.wanted[i], 0);
	rangelock_exit(&locks);
	return 0;
}

static void test_reads_share(void **state)
{
	struct user a, b;

	(void)state;
	assert_true(take(&a, false, 0, 8 * KIB));
	assert_true(take(&b, false, 4 * KIB, 512));
	give(&a);
	give(&b);
}

static void test_write_is_alone(void **state)
{
	struct user w, apart, r, w2;

	(void)state;
	assert_true(take(&w, true, 4 * KIB, 8 * KIB));
	assert_true(take(&apart, true, 12 * KIB, 512));
	assert_false(take(&r, false, 8 * KIB + 512, 512));
	assert_false(take(&w2, true, 0, 4 * KIB + 512));
	give(&w);
	assert_true(r.has);
	assert_true(w2.has); /* the first block of w, not the read's */
	give(&r);
	give(&w2);
	give(&apart);
}

/* A write waits for the reads before it and goes before the reads after it. */
static void test_write_does_not_starve(void **state)
{
	struct user r1, w, r2, far;

	(void)state;
	assert_true(take(&r1, false, 0, 512));
	assert_false(take(&w, true, 0, 512));
	assert_false(take(&r2, false, 0, 512));
	assert_true(take(&far, false, 64 * KIB, 512));
	give(&r1);
	assert_true(w.has);
	assert_false(r2.has);
	give(&w);
	assert_true(r2.has);
	give(&r2);
	give(&far);
}

/* More than the table: every slot once. And one that lies across its end. */
static void test_wraps(void **state)
{
	struct user all, r, edge;

	(void)state;
	assert_true(take(&all, true, 512, 3 * WRAP));
	assert_false(take(&r, false, 10 * WRAP, 512));
	give(&all);
	give(&r);
	assert_true(take(&edge, true, WRAP - 4 * KIB, 8 * KIB));
	assert_false(take(&r, false, 0, 512));
	give(&edge);
	give(&r);
	assert_true(take(&edge, true, UINT64_MAX - 4 * KIB, 4 * KIB));
	give(&edge);
}

/* Many at random: no write ever beside another claim of its range; all get in. */
static void test_random(void **state)
{
	struct user *u = calloc(64, sizeof(*u));
	bool out[64] = { false };

	(void)state;
	srand(1);
	for (int round = 0; round < 200000; round++) {
		struct user *me = &u[rand() % 64];

		if (me->has) {
			give(me);
			out[me - u] = false;
		} else if (!out[me - u]) {
			out[me - u] = true;
			take(me, rand() % 3 == 0, (uint64_t)(rand() % 64) * 512,
			     (uint64_t)(1 + rand() % 32) * 512);
		}
		for (struct user *w = u; me->has && w < u + 64; w++)
			if (w != me && w->has && (w->claim.write || me->claim.write))
				assert_false(w->claim.off <
						     me->claim.off + me->claim.len &&
					     me->claim.off < w->claim.off + w->claim.len);
	}
	for (int left = 1; left;) {
		left = 0;
		for (int i = 0; i < 64; i++) {
			left += out[i];
			if (u[i].has) {
				give(&u[i]);
				out[i] = false;
			}
		}
	}
	free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads_share, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_is_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_does_not_starve, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_wraps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
