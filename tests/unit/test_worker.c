/* SPDX-License-Identifier: MIT */
/* The worker's loop: clients beside clients that never rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/worker.h"

static struct worker *worker;
static _Atomic bool busy, timed;

static int busy_run(struct worker_client *c)
{
	(void)c;
	return atomic_load(&busy);
}

static int no_arm(struct worker_client *c)
{
	(void)c;
	return 0;
}

static void no_flush(struct worker_client *c)
{
	(void)c;
}

/* As a throttled queue: nothing to do before its time comes. */
static int timed_run(struct worker_client *c)
{
	if (c->wake_at && c->wake_at <= worker_now(worker)) {
		c->wake_at = 0;
		atomic_store(&timed, true);
	}
	return 0;
}

static struct worker_client busy_one = { .run = busy_run,
					 .arm = no_arm,
					 .flush = no_flush };
static struct worker_client timed_one = { .run = timed_run,
					  .arm = no_arm,
					  .flush = no_flush };

static void add_both(void *arg)
{
	(void)arg;
	timed_one.wake_at = worker_now(worker) + 200000000;
	worker_client_add(worker, &timed_one);
	/* looked at before it: there is work in each round by then */
	worker_client_add(worker, &busy_one);
}

static void remove_both(void *arg)
{
	(void)arg;
	worker_client_remove(worker, &busy_one);
	worker_client_remove(worker, &timed_one);
}

/* A neighbour that always has work does not stop the clock of the others. */
static void test_time_comes_beside_a_busy_one(void **state)
{
	(void)state;
	atomic_store(&busy, true);
	assert_int_equal(worker_new(&worker, 20000, -1), 0);
	assert_int_equal(worker_run(worker), 0);
	worker_call(worker, add_both, NULL);
	for (int i = 0; i < 3000 && !atomic_load(&timed); i++)
		usleep(1000);
	assert_true(atomic_load(&timed));
	atomic_store(&busy, false);
	worker_call(worker, remove_both, NULL);
	worker_free(worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_comes_beside_a_busy_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
