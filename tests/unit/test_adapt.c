/* SPDX-License-Identifier: MIT */
/* Adaptive polling: budgets that grow and shrink, and pollers that share a CPU. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hv/base/adapt.h"

#define MAX_NS 50000u

/* One idle period that ends with a sleep after `idle` ns in all. */
static void sleep_for(struct adapt *a, uint64_t *now, uint64_t idle)
{
	const uint64_t end = *now + idle;

	adapt_idle(a, *now);
	while (adapt_spin(a, *now))
		*now += 500;
	*now = end;
	adapt_work(a, *now);
}

static void test_budget_grows_while_sleeps_are_short(void **state)
{
	uint64_t now = 1000000;
	struct adapt a;

	(void)state;
	adapt_init(&a, MAX_NS);
	assert_int_equal(a.budget_ns, ADAPT_START_NS);
	for (int i = 0; i < 5; i++)
		sleep_for(&a, &now, 60000);
	assert_int_equal(a.budget_ns, MAX_NS);
}

static void test_budget_shrinks_while_sleeps_are_long(void **state)
{
	uint64_t now = 1000000;
	struct adapt a;

	(void)state;
	adapt_init(&a, MAX_NS);
	for (int i = 0; i < 20; i++)
		sleep_for(&a, &now, 10000000);
	assert_int_equal(a.budget_ns, 0);
	adapt_idle(&a, now);
	assert_false(adapt_spin(&a, now));
}

static void test_preempted_poller_gives_up(void **state)
{
	struct adapt a;

	(void)state;
	adapt_init(&a, MAX_NS);
	a.budget_ns = MAX_NS;
	adapt_idle(&a, 1000000);
	assert_true(adapt_spin(&a, 1001000));
	assert_false(adapt_spin(&a, 1001000 + ADAPT_PREEMPTED_NS + 1));
	assert_int_equal(a.budget_ns, MAX_NS / 4);
}

static void test_never_and_always(void **state)
{
	struct adapt a;

	(void)state;
	adapt_init(&a, ADAPT_NEVER);
	adapt_idle(&a, 1000);
	assert_false(adapt_spin(&a, 1000));
	adapt_init(&a, ADAPT_ALWAYS);
	adapt_idle(&a, 1000);
	assert_true(adapt_spin(&a, UINT64_MAX / 2));
}

/* ------------------------------------------------- two pollers on one CPU */

#define ROUNDS 200

struct pingpong {
	_Atomic int turn;
	uint64_t looks;
	int cpu;
};

static void pingpong_end(struct pingpong *p, int self)
{
	struct adapt a;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)p->cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	adapt_init(&a, ADAPT_ALWAYS);
	for (int i = self; i < 2 * ROUNDS; i += 2) {
		adapt_idle(&a, clock_ns());
		while (atomic_load(&p->turn) != i) {
			if (!self)
				p->looks++;
			(void)adapt_spin(&a, clock_ns());
		}
		adapt_work(&a, clock_ns());
		atomic_store(&p->turn, i + 1);
	}
}

static void *pingpong_other(void *arg)
{
	pingpong_end(arg, 1);
	return NULL;
}

/*
 * Each would poll its time slice away, tens of thousands of looks, before the
 * other may answer. Looks are counted and not time: others may use the CPU.
 */
static void test_pollers_on_one_cpu_take_turns(void **state)
{
	struct pingpong p = { .cpu = sched_getcpu() };
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, pingpong_other, &p), 0);
	pingpong_end(&p, 0);
	pthread_join(t, NULL);
	assert_in_range(p.looks / ROUNDS, 0, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget_grows_while_sleeps_are_short),
		cmocka_unit_test(test_budget_shrinks_while_sleeps_are_long),
		cmocka_unit_test(test_preempted_poller_gives_up),
		cmocka_unit_test(test_never_and_always),
		cmocka_unit_test(test_pollers_on_one_cpu_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
