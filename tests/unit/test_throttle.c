/* SPDX-License-Identifier: MIT */
/* The throttle on a clock of its own: rates, bursts, and the edges of 64 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/throttle.h"

#define SECOND UINT64_C(1000000000)
#define START  (1000 * SECOND)

/* Takes as fast as it may from *now to the end; how many. Waits as told. */
static uint64_t take_until(struct throttle *t, uint64_t bytes, uint64_t *now,
			   uint64_t end)
{
	uint64_t n = 0;

	while (*now < end) {
		uint64_t wait = throttle_take(t, bytes, *now);

		n += !wait;
		*now += wait;
	}
	return n;
}

static void test_unbounded(void **state)
{
	struct throttle *t = throttle_new(0, 0, 0);

	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_int_equal(throttle_take(t, UINT64_MAX, START), 0);
	throttle_free(t);
}

static void test_iops(void **state)
{
	struct throttle *t = throttle_new(1000, 0, 0);
	uint64_t now = START, n = take_until(t, 4096, &now, START + 10 * SECOND);

	(void)state;
	assert_in_range(n, 9999, 10001);
	throttle_free(t);
}

static void test_bytes(void **state)
{
	struct throttle *t = throttle_new(0, 1 << 20, 0);
	uint64_t now = START, n = take_until(t, 65536, &now, START + 10 * SECOND);

	(void)state;
	assert_in_range(n, 159, 161);
	throttle_free(t);
}

/* The stricter of two bounds counts, whichever it is. */
static void test_both(void **state)
{
	struct throttle *t = throttle_new(100, 1 << 20, 0);
	uint64_t now = START;

	(void)state;
	assert_in_range(take_until(t, 512, &now, START + 5 * SECOND), 499, 501);
	now += 5 * SECOND;
	assert_in_range(take_until(t, 1 << 20, &now, now + 5 * SECOND), 4, 6);
	throttle_free(t);
}

/* After a pause the burst goes at once and no more than that; how long the pause
 * was makes no difference. */
static void test_burst(void **state)
{
	struct throttle *t = throttle_new(1000, 0, 500);
	uint64_t now = START;

	(void)state;
	for (int pause = 0; pause < 3; pause++) {
		unsigned n = 0;

		while (!throttle_take(t, 512, now))
			n++;
		assert_in_range(n, 500, 501);
		now += (uint64_t)(pause + 1) * 3600 * SECOND;
	}
	throttle_free(t);
}

/* The wait that is named is enough, and not more than is needed. */
static void test_wait_is_exact(void **state)
{
	struct throttle *t = throttle_new(7, 0, 0);
	uint64_t now = START, wait;

	(void)state;
	assert_int_equal(throttle_take(t, 512, now), 0);
	for (int i = 0; i < 100; i++) {
		wait = throttle_take(t, 512, now);
		assert_in_range(wait, 1, SECOND / 7 + 1);
		assert_int_not_equal(throttle_take(t, 512, now + wait - 1), 0);
		now += wait;
		assert_int_equal(throttle_take(t, 512, now), 0);
	}
	throttle_free(t);
}

/* Extreme figures neither overflow nor lock a disk for ever. */
static void test_extremes(void **state)
{
	struct throttle *slow = throttle_new(1, 1, 0);
	struct throttle *fast = throttle_new(UINT64_MAX, UINT64_MAX, UINT64_MAX);
	uint64_t now = START;

	(void)state;
	assert_int_equal(throttle_take(slow, UINT64_MAX, now), 0);
	assert_in_range(throttle_take(slow, 1, now), 1, 3600 * SECOND);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(throttle_take(fast, UINT64_MAX / 1000, now), 0);
	throttle_free(slow);
	throttle_free(fast);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unbounded), cmocka_unit_test(test_iops),
		cmocka_unit_test(test_bytes),	  cmocka_unit_test(test_both),
		cmocka_unit_test(test_burst),	  cmocka_unit_test(test_wait_is_exact),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
