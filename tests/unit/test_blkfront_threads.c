/* SPDX-License-Identifier: MIT */
/*
 * Threads on libtandem: several on one queue, queues that share a ring, the
 * synchronous calls from many, sleeping and polling. Each must make progress
 * and get what belongs to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontends/blkfront.h"
#include "tests/lib/rawfront.h"

#define THREADS 4
#define ROUNDS	2000
#define DEPTH	4

struct fixture {
	struct rawback rb;
	struct tandem_disk *disk;
};

struct worker {
	pthread_t thread;
	struct tandem_disk *disk;
	struct tandem_queue *q;
	unsigned index;
	atomic_uint *done; /* of all workers on the queue */
	unsigned bad;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct blkback_config cfg = blkback_config_default;

	cfg.max_queues = 2;
	rawback_start(&f->rb, &cfg);
	rawback_attach(&f->rb, RF_DEVID, "ram", "8M", "w", NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tandem_close(f->disk);
	rawback_detach(&f->rb, RF_DEVID);
	rawback_stop(&f->rb);
	free(f);
	return 0;
}

static void open_disk(struct fixture *f, unsigned queues, unsigned poll_us)
{
	const struct tandem_opts opts = { .queues = queues, .poll_us = poll_us };
	struct plat *plat;

	tandem_close(f->disk);
	assert_int_equal(memplat_open(f->rb.hv, RF_FE, &plat), 0);
	assert_int_equal(disk_open_plat(plat, "xvda", &opts, &f->disk, NULL), 0);
}

/* Keeps DEPTH I/Os on a queue, until all on it have done their share. */
static void *share_queue(void *arg)
{
	struct tandem_io io[DEPTH], *done[DEPTH * THREADS];
	struct worker *w = arg;
	unsigned submitted = 0;

	for (; submitted < DEPTH; submitted++) {
		io[submitted] = (struct tandem_io){ .op = TANDEM_READ, .len = 4096 };
		io[submitted].buf = tandem_alloc(w->disk, 4096);
		w->bad += tandem_submit(w->q, &io[submitted]) != 0;
	}
	/* nothing in flight is no reason to go: others have taken it and hand it
	 * in again, this thread's own I/Os among them */
	while (atomic_load(w->done) < THREADS * ROUNDS) {
		int n = tandem_wait(w->q, done, 1, DEPTH * THREADS, -1);

		/* an I/O may be another thread's: it is submitted again here */
		for (int i = 0; i < n; i++) {
			w->bad += done[i]->result != 0;
			if (atomic_fetch_add(w->done, 1) < THREADS * (ROUNDS - DEPTH))
				w->bad += tandem_submit(w->q, done[i]) != 0;
		}
	}
	return NULL;
}

/* Has a queue; writes and reads back what is its own. */
static void *own_queue(void *arg)
{
	struct tandem_io io[DEPTH], *done[DEPTH];
	struct worker *w = arg;
	uint8_t *buf = tandem_alloc(w->disk, DEPTH * 4096);

	for (unsigned r = 0; r < ROUNDS; r++) {
		enum tandem_op op = r & 1 ? TANDEM_READ : TANDEM_WRITE;
		unsigned n = 0;

		if (op == TANDEM_WRITE)
			memset(buf, (int)(w->index * 31 + r / 2), DEPTH * 4096);
		else
			memset(buf, 0, DEPTH * 4096);
		for (unsigned i = 0; i < DEPTH; i++) {
			io[i] = (struct tandem_io){
				.op = op,
				.len = 4096,
				.buf = buf + i * 4096,
				.offset = (w->index * DEPTH + i) * 4096,
			};
			w->bad += tandem_submit(w->q, &io[i]) != 0;
		}
		while (n < DEPTH)
			n += (unsigned)tandem_wait(w->q, done, 1, DEPTH, -1);
		for (unsigned i = 0; i < DEPTH * 4096; i += 4095)
			w->bad += buf[i] != (uint8_t)(w->index * 31 + r / 2);
	}
	return NULL;
}

static void *synchronous(void *arg)
{
	struct worker *w = arg;
	uint8_t buf[512], want[512];

	for (unsigned r = 0; r < ROUNDS / 4; r++) {
		memset(want, (int)(w->index * 17 + r), sizeof(want));
		w->bad += tandem_pwrite(w->disk, want, 512, w->index * 512) != 0;
		w->bad += tandem_pread(w->disk, buf, 512, w->index * 512) != 0;
		w->bad += memcmp(buf, want, 512) != 0;
	}
	return NULL;
}

static void run(struct fixture *f, void *(*fn)(void *), unsigned queues)
{
	struct worker w[THREADS] = { 0 };
	atomic_uint done = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		w[i].disk = f->disk;
		w[i].q = tandem_queue(f->disk, i % queues);
		w[i].index = i;
		w[i].done = &done;
		assert_int_equal(pthread_create(&w[i].thread, NULL, fn, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].bad, 0);
	}
}

static const unsigned polls[] = { TANDEM_POLL_NEVER, 0, TANDEM_POLL_ALWAYS };

static void test_one_queue(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		open_disk(*state, 1, polls[i]);
		run(*state, share_queue, 1);
	}
}

static void test_own_queues(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		struct tandem_info info;

		open_disk(*state, THREADS, polls[i]);
		tandem_get_info(((struct fixture *)*state)->disk, &info);
		assert_int_equal(info.rings, 2);
		run(*state, own_queue, THREADS);
	}
}

static void test_synchronous(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		open_disk(*state, 1, polls[i]);
		run(*state, synchronous, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(test_synchronous, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
