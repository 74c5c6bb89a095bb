/* SPDX-License-Identifier: MIT */
/*
 * The table of static grant mappings against a list: any set of references, of
 * any size, those included that a guest would choose to make look-ups long.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/net/netgref.h"

/* Where reference number i is mapped: pages that nobody touches. */
static void *addr_of(uint32_t i)
{
	return (void *)(uintptr_t)(0x10000000u + i * 4096u);
}

static struct netgref_entry *entries_new(uint32_t n)
{
	struct netgref_entry *e = calloc(n ? n : 1, sizeof(*e));

	for (uint32_t i = 0; i < n; i++)
		e[i] = (struct netgref_entry){ .readonly = i % 3 == 0,
					       .addr = addr_of(i) };
	return e;
}

/* Every entry is found where it was put, and nothing else is. */
static void check_table(const struct netgref_entry *e, uint32_t n)
{
	struct netgref_entry *list = calloc(n, sizeof(*list));
	bool *seen = calloc(n, sizeof(*seen));
	struct netgref *t;

	assert_int_equal(netgref_build(e, n, &t), 0);
	assert_int_equal(t->nr, n);
	assert_int_equal((uintptr_t)t->e % 64, 0);
	for (uint32_t i = 0; i < n; i++) {
		const struct netgref_entry *f = netgref_entry(t, e[i].ref);

		assert_ptr_equal(netgref_find(t, e[i].ref, false), e[i].addr);
		assert_ptr_equal(netgref_find(t, e[i].ref, true),
				 e[i].readonly ? NULL : e[i].addr);
		assert_true(f && f->index < n && !seen[f->index]);
		seen[f->index] = true;
	}
	assert_int_equal(netgref_list(t, list), n);
	for (uint32_t i = 0; i < n; i++)
		assert_ptr_equal(netgref_find(t, list[i].ref, false), list[i].addr);
	netgref_free(t);
	free(list);
	free(seen);
}

static void test_sizes(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= NETGREF_MAX; n = n < 40 ? n + 1 : n * 2) {
		struct netgref_entry *e = entries_new(n);

		for (uint32_t i = 0; i < n; i++)
			e[i].ref = i; /* 0 is a reference like others */
		check_table(e, n);
		free(e);
	}
}

/* Regular sets, as arenas make them or as an attacker would. */
static void test_strides(void **state)
{
	struct netgref_entry *e = entries_new(NETGREF_MAX);

	(void)state;
	for (uint32_t stride = 1; stride; stride *= 2) {
		for (uint32_t i = 0; i < NETGREF_MAX; i++)
			e[i].ref = i * stride + (i * (uint64_t)stride >> 32);
		check_table(e, NETGREF_MAX);
	}
	for (uint32_t i = 0; i < NETGREF_MAX; i++)
		e[i].ref = i * 0x9e3779b1u; /* undoes the usual multiplier */
	check_table(e, NETGREF_MAX);
	free(e);
}

static void test_random(void **state)
{
	struct netgref_entry *e = entries_new(NETGREF_MAX);

	(void)state;
	srandom(7);
	for (int round = 0; round < 50; round++) {
		/* ever upwards, by less than 2^32 in all: none comes twice */
		uint32_t at = (uint32_t)random();

		for (uint32_t i = 0; i < NETGREF_MAX; i++)
			e[i].ref = at += 1 + (uint32_t)random() % 1000000;
		check_table(e, NETGREF_MAX);
	}
	free(e);
}

static void test_absent(void **state)
{
	struct netgref_entry *e = entries_new(NETGREF_MAX);
	struct netgref *t;

	(void)state;
	for (uint32_t i = 0; i < NETGREF_MAX; i++)
		e[i].ref = 2 * i + 2;
	assert_int_equal(netgref_build(e, NETGREF_MAX, &t), 0);
	for (uint32_t i = 0; i <= NETGREF_MAX; i++) {
		assert_null(netgref_find(t, 2 * i + 1, false));
		assert_null(netgref_find(t, 2 * i + 2 + 2 * NETGREF_MAX, true));
	}
	assert_null(netgref_find(t, 0, false));
	assert_null(netgref_find(t, UINT32_MAX, false));
	netgref_free(t);
	free(e);
}

/* Look-ups that read one line only, as the header promises for most. */
static void test_one_line(void **state)
{
	struct netgref_entry *e = entries_new(NETGREF_MAX);
	uint32_t first = 0;
	struct netgref *t;

	(void)state;
	for (uint32_t i = 0; i < NETGREF_MAX; i++)
		e[i].ref = 1u << 20 | (i + 1);
	assert_int_equal(netgref_build(e, NETGREF_MAX, &t), 0);
	for (uint32_t i = 0; i < NETGREF_MAX; i++) {
		ptrdiff_t at = netgref_entry(t, e[i].ref) - t->e;
		uint32_t line = netgref_line(t, e[i].ref, 0);

		first += at >= line && at < line + NETGREF_LINE;
	}
	print_message("%u of %u in their first line\n", first, NETGREF_MAX);
	assert_true(first > NETGREF_MAX / 10 * 8);
	netgref_free(t);
	free(e);
}

static void test_none(void **state)
{
	struct netgref *t = (void *)1;

	(void)state;
	assert_int_equal(netgref_build(NULL, 0, &t), 0);
	assert_null(t);
	assert_null(netgref_find(NULL, 1, false));
	assert_null(netgref_entry(NULL, 0));
	assert_int_equal(netgref_list(NULL, NULL), 0);
	netgref_free(NULL);
}

static void test_refused(void **state)
{
	struct netgref_entry *e = entries_new(NETGREF_MAX + 1);
	struct netgref *t;

	(void)state;
	for (uint32_t i = 0; i <= NETGREF_MAX; i++)
		e[i].ref = i;
	assert_int_equal(netgref_build(e, NETGREF_MAX + 1, &t), -ENOMEM);
	assert_null(t);
	e[NETGREF_MAX - 1].ref = 17;
	assert_int_equal(netgref_build(e, NETGREF_MAX, &t), -EEXIST);
	assert_null(t);
	free(e);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	 cmocka_unit_test(test_strides),
		cmocka_unit_test(test_random),	 cmocka_unit_test(test_absent),
		cmocka_unit_test(test_one_line), cmocka_unit_test(test_none),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
