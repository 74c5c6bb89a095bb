/* SPDX-License-Identifier: MIT */
/* All of the PC's devices into a state, and out of it; states that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fullpc.h"

#define RTC_LINE 8
#define RTC_NS	 (PC_NS / 64)
#define HEAD	 32u /* bytes before an item's own: its name, 24 of them, its size, 0 */

static struct fullpc a, b;
static uint8_t *state_a, *state_b;

static int setup(void **state)
{
	(void)state;
	state_a = malloc(FULLPC_MAX);
	state_b = malloc(FULLPC_MAX);
	fullpc_open(&a);
	fullpc_open(&b);
	fullpc_use(&a);
	return state_a && state_b ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fullpc_close(&a);
	fullpc_close(&b);
	free(state_a);
	free(state_b);
	return 0;
}

static size_t saved(struct fullpc *p, uint8_t *buf)
{
	size_t len = 0;

	assert_int_equal(pcbus_save(&p->f->bus, buf, FULLPC_MAX, &len), 0);
	assert_in_range(len, 1000, 200000);
	return len;
}

static int load(const uint8_t *buf, size_t len)
{
	const char *why = NULL;
	int err = pcbus_load(&b.f->bus, buf, len, &why);

	assert_non_null(why);
	return err;
}

/* Where the nth item of a name begins, among those of a state. */
static uint8_t *item_of(uint8_t *buf, size_t len, const char *name, unsigned nth)
{
	for (size_t at = 0; at < len;) {
		uint32_t size;

		if (!strcmp((char *)buf + at, name) && !nth--)
			return buf + at;
		memcpy(&size, buf + at + 24, sizeof(size));
		at += HEAD + (size + 7) / 8 * 8;
	}
	fail();
	return NULL;
}

static void test_round_trip(void **state)
{
	const size_t len = saved(&a, state_a);

	(void)state;
	assert_int_not_equal(b.f->now, a.f->now);
	assert_int_equal(load(state_a, len), 0);
	assert_int_equal(b.f->now, a.f->now);
	assert_int_equal(saved(&b, state_b), len);
	assert_memory_equal(state_a, state_b, len);
	/* it works as it did */
	assert_int_equal(b.toy[0].word, 0x1111);
	assert_int_equal(b.toy[1].word, 0x2222);
	assert_int_equal(fakepc_in(b.f, 0x2ff, 1), 0x5a);
	fakepc_store(b.f, 0xe0000010, 4, 0xabcdef);
	assert_int_equal(fakepc_load(b.f, 0xe0000010, 4), 0xabcdef);
	assert_int_equal(fakepc_in(b.f, 0xb008, 4), fakepc_in(a.f, 0xb008, 4));
}

/* A period that had begun ends after what was left of it. */
static void test_time(void **state)
{
	const unsigned before = b.f->raised[RTC_LINE];
	uint64_t left;

	(void)state;
	left = a.f->alarm - a.f->now;
	assert_in_range(left, 1, RTC_NS);
	assert_int_equal(load(state_a, saved(&a, state_a)), 0);
	fakepc_pass(b.f, left - 1000);
	assert_int_equal(b.f->raised[RTC_LINE], before);
	fakepc_pass(b.f, 2000);
	assert_int_equal(b.f->raised[RTC_LINE], before + 1);
}

/* A line that was up is up again. */
static void test_lines(void **state)
{
	(void)state;
	fakepc_pass(a.f, 2 * RTC_NS);
	assert_true(a.f->line[RTC_LINE]);
	assert_int_equal(load(state_a, saved(&a, state_a)), 0);
	assert_true(b.f->line[RTC_LINE]);
	fakepc_out(b.f, 0x70, 1, 0x0c);
	fakepc_in(b.f, 0x71, 1);
	assert_false(b.f->line[RTC_LINE]);
}

static void test_cut(void **state)
{
	const size_t len = saved(&a, state_a);

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(load(state_a, cut), -EBADMSG);
	/* and with something behind it */
	memset(state_a + len, 0, HEAD);
	assert_int_equal(load(state_a, len + 1), -EBADMSG);
	assert_int_equal(load(state_a, len + HEAD), -EBADMSG);
	assert_int_equal(load(state_a, len), 0);
}

static void test_no_room(void **state)
{
	const size_t len = saved(&a, state_a);
	size_t n;

	(void)state;
	for (size_t max = 0; max < len; max += 1000)
		assert_int_equal(pcbus_save(&a.f->bus, state_b, max, &n), -E2BIG);
}

static void test_other_devices(void **state)
{
	const size_t len = saved(&a, state_a);
	const uint32_t big = UINT32_MAX;

	(void)state;
	/* another name, a name twice, one without an end */
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = { "rtk", "i8042", "rtc" };
		uint8_t *item;

		memcpy(state_b, state_a, len);
		item = item_of(state_b, len, "rtc", 0);
		memcpy(item, names[i], strlen(names[i]));
		if (i == 2)
			memset(item + 3, 'x', 21);
		assert_int_equal(load(state_b, len), -EBADMSG);
	}
	/* a size that goes round, one of another device, one word that is not zero */
	memcpy(state_b, state_a, len);
	memcpy(item_of(state_b, len, "rtc", 0) + 24, &big, 4);
	assert_int_equal(load(state_b, len), -EBADMSG);
	memcpy(state_b, state_a, len);
	item_of(state_b, len, "toy", 1)[24] = 5;
	assert_int_equal(load(state_b, len), -EBADMSG);
	memcpy(state_b, state_a, len);
	item_of(state_b, len, "rtc", 0)[28] = 1;
	assert_int_equal(load(state_b, len), -EBADMSG);
	/* one device more here */
	fullpc_close(&b);
	fullpc_open(&b);
	b.toy[1].dev.ops = b.toy[0].dev.ops;
	TAILQ_REMOVE(&b.f->bus.devs, &b.toy[1].dev, entry);
	assert_int_equal(load(state_a, len), -EBADMSG);
	pcbus_add(&b.f->bus, &b.toy[1].dev);
	assert_int_equal(load(state_a, len), 0);
}

static void test_bad_time(void **state)
{
	const size_t len = saved(&a, state_a);
	static const uint64_t bad[] = { 0, UINT64_MAX, 1ull << 61 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		memcpy(item_of(state_a, len, "time", 0) + HEAD, &bad[i], 8);
		assert_int_equal(load(state_a, len), -EBADMSG);
	}
}

static void test_quiesce(void **state)
{
	(void)state;
	assert_true(pcbus_quiesce(&a.f->bus));
	a.toy[1].busy = true;
	assert_false(pcbus_quiesce(&a.f->bus));
	a.toy[1].busy = false;
	assert_true(pcbus_quiesce(&a.f->bus));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_round_trip), T(test_time),	   T(test_lines),
		T(test_cut),	    T(test_no_room),	   T(test_bad_time),
		T(test_quiesce),    T(test_other_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
