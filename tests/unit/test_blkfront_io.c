/* SPDX-License-Identifier: MIT */
/* libtandem's I/O: splitting, bouncing, waiting, errors. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/frontrig.h"

static struct frig f;

static int setup(void **state)
{
	(void)state;
	frig_start(&f, NULL, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	frig_stop(&f);
	return 0;
}

static const struct rawbe_seen *seen(uint32_t i)
{
	return &f.be.seen[i % RAWBE_HISTORY];
}

/* The requests from `first` on cover the I/O once, in its order. */
static void covers(uint32_t first, uint64_t offset, size_t len, unsigned max)
{
	uint64_t sector = offset / 512, end = sector + len / 512;

	for (; first < f.be.nr_seen; first++) {
		assert_int_equal(seen(first)->sector, sector);
		assert_in_range(seen(first)->segments, 1, max);
		sector += seen(first)->sectors;
	}
	assert_int_equal(sector, end);
}

static void test_splitting(void **state)
{
	static const size_t lens[] = { 512,    4096,	 4608,	  45056,    45568,
				       131072, 1u << 20, 1049088, 5u << 20, 8u << 20 };
	static const unsigned max[] = { 1, 3, 11, 12, 256 };

	(void)state;
	for (unsigned m = 0; m < 5; m++) {
		const struct tandem_opts opts = { .max_segments = max[m], .depth = 32 };
		uint8_t *pool, *mine = malloc((8u << 20) + 8192);

		frig_open(&f, &opts);
		pool = tandem_alloc(f.disk, (8u << 20) + 8192);
		assert_non_null(pool);
		for (unsigned i = 0; i < 10; i++)
			for (unsigned shift = 0; shift < 4; shift++) {
				uint8_t *buf = (shift & 1 ? mine : pool) +
					       513 * (shift / 2) * (1 + shift);
				uint64_t off = lens[i] < 8u << 20 ? 512 * i : 0;
				uint32_t first = f.be.nr_seen;

				assert_int_equal(tandem_pread(f.disk, buf, lens[i], off),
						 0);
				covers(first, off, lens[i], max[m]);
			}
		free(mine);
		tandem_close(f.disk);
		f.disk = NULL;
	}
}

/* More in flight that must be copied than there are pages to copy through. */
static void test_bounce_runs_out(void **state)
{
	const size_t len = 3 << 20;
	struct tandem_io io[4];
	uint8_t *buf[4], *want = malloc(len);

	(void)state;
	frig_open(&f, NULL);
	for (unsigned i = 0; i < 4; i++) {
		buf[i] = malloc(len + 1);
		frig_fill(buf[i] + 1, len, i);
		frig_submit(f.q, &io[i], TANDEM_WRITE, (uint64_t)i << 20, buf[i] + 1,
			    len);
	}
	assert_int_equal(tandem_inflight(f.q), 4);
	assert_true(frig_wait(f.q, 4));
	frig_fill(want, len, 3);
	assert_memory_equal(f.be.disk + (3 << 20), want, len);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(io[i].result, 0);
		frig_submit(f.q, &io[i], TANDEM_READ, 3 << 20, buf[i] + 1, len);
	}
	assert_true(frig_wait(f.q, 4));
	for (unsigned i = 0; i < 4; i++) {
		assert_memory_equal(buf[i] + 1, want, len);
		free(buf[i]);
	}
	free(want);
}

static void test_more_than_slots(void **state)
{
	const struct tandem_opts opts = { .depth = 1 };
	enum { NR = 500 };
	struct tandem_io *io = calloc(NR, sizeof(*io));
	uint8_t *buf;

	(void)state;
	frig_open(&f, &opts);
	buf = tandem_alloc(f.disk, NR * 4096);
	f.be.take = 0;
	for (unsigned i = 0; i < NR; i++)
		frig_submit(f.q, &io[i], TANDEM_WRITE, i * 4096, buf + i * 4096, 4096);
	assert_int_equal(tandem_kick(f.q), 0);
	f.be.answer = 0;
	f.be.take = -1;
	assert_true(rawbe_wait_seen(&f.be, 32));
	usleep(20000);
	assert_int_equal(f.be.nr_seen, 32);
	pthread_mutex_lock(&f.be.lock);
	for (unsigned i = 0; i < 32; i++)
		rawbe_answer(&f.be, 0, seen(i)->id, BLKIF_OP_WRITE, BLKIF_RSP_OKAY);
	pthread_mutex_unlock(&f.be.lock);
	f.be.answer = -1;
	assert_true(frig_wait(f.q, NR));
	assert_int_equal(f.be.nr_seen, NR);
	for (unsigned i = 0; i < NR; i++) {
		assert_int_equal(io[i].result, 0);
		assert_int_equal(seen(i)->sector, i * 8);
	}
	free(io);
}

/* Answers in any order find their I/O. */
static void test_any_order(void **state)
{
	struct tandem_io io[32], *done[32];

	(void)state;
	frig_open(&f, NULL);
	f.be.answer = 0;
	uint8_t *buf = tandem_alloc(f.disk, 32 * 4096);

	for (unsigned i = 0; i < 32; i++)
		frig_submit(f.q, &io[i], TANDEM_READ, i * 4096, buf, 4096);
	tandem_kick(f.q);
	assert_true(rawbe_wait_seen(&f.be, 32));
	pthread_mutex_lock(&f.be.lock);
	for (unsigned i = 0; i < 32; i++)
		rawbe_answer(&f.be, 0, seen(i * 7 % 32)->id, BLKIF_OP_READ,
			     i & 1 ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
	pthread_mutex_unlock(&f.be.lock);
	assert_int_equal(tandem_wait(f.q, done, 32, 32, 5000000), 32);
	for (unsigned i = 0; i < 32; i++) {
		assert_ptr_equal(done[i], &io[i * 7 % 32]);
		assert_int_equal(done[i]->result, i & 1 ? 0 : -EIO);
	}
}

static void test_statuses(void **state)
{
	static const struct {
		int16_t status;
		int result;
	} t[] = { { BLKIF_RSP_ERROR, -EIO }, { BLKIF_RSP_EOPNOTSUPP, -EOPNOTSUPP } };
	uint8_t *buf = malloc(5 << 20);

	(void)state;
	frig_open(&f, NULL);
	for (unsigned i = 0; i < 2; i++) {
		pthread_mutex_lock(&f.be.lock);
		f.be.fail = t[i].status;
		pthread_mutex_unlock(&f.be.lock);
		memset(buf, 0x5a, 5 << 20);
		assert_int_equal(tandem_pread(f.disk, buf, 512, 0), t[i].result);
		assert_int_equal(buf[0], 0x5a); /* an error brings no data */
		assert_int_equal(tandem_pwrite(f.disk, buf, 5 << 20, 0), t[i].result);
		assert_int_equal(tandem_flush(f.disk), t[i].result);
		assert_int_equal(tandem_discard(f.disk, 0, 4096), t[i].result);
	}
	free(buf);
}

static void test_refused(void **state)
{
	static const struct {
		int op;
		uint64_t offset;
		size_t len;
		bool no_buf;
	} bad[] = {
		{ TANDEM_READ, 0, 0, false },
		{ TANDEM_READ, 0, 511, false },
		{ TANDEM_READ, 1, 512, false },
		{ TANDEM_READ, 0, 512, true },
		{ TANDEM_READ, FRIG_BYTES, 512, false },
		{ TANDEM_READ, FRIG_BYTES - 512, 1024, false },
		{ TANDEM_READ, UINT64_MAX - 511, 512, false },
		{ TANDEM_READ, UINT64_MAX - 511, 1024, false },
		{ TANDEM_READ, 512, SIZE_MAX - 511, false },
		{ TANDEM_WRITE, 0, FRIG_BYTES + 512, false },
		{ TANDEM_WRITE, 0, 512, true },
		{ TANDEM_DISCARD, 0, 0, true },
		{ TANDEM_DISCARD, 4096, FRIG_BYTES, true },
		{ 4, 0, 512, false },
		{ -1, 0, 512, false },
	};
	char buf[512];

	(void)state;
	frig_open(&f, NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tandem_io io = { .op = (enum tandem_op)bad[i].op,
					.offset = bad[i].offset,
					.len = bad[i].len,
					.buf = bad[i].no_buf ? NULL : buf };

		assert_int_equal(tandem_submit(f.q, &io), -EINVAL);
	}
	assert_int_equal(tandem_inflight(f.q), 0);
	assert_int_equal(f.be.nr_seen, 0);
}

/* ------------------------------------------------------------------ waiting */

static void test_wait(void **state)
{
	static const unsigned modes[] = { 0, TANDEM_POLL_NEVER, TANDEM_POLL_ALWAYS,
					  1000 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct tandem_opts opts = { .poll_us = modes[i] };
		struct tandem_io io[3], *done[4];
		uint64_t t;
		char buf[3][512];

		frig_open(&f, &opts);
		assert_int_equal(tandem_poll(f.q, done, 4), 0);
		assert_int_equal(tandem_wait(f.q, done, 1, 4, -1),
				 0); /* none in flight */
		f.be.answer = 2;
		for (unsigned k = 0; k < 3; k++)
			frig_submit(f.q, &io[k], TANDEM_READ, 512 * k, buf[k], 512);
		t = clock_ns();
		assert_int_equal(tandem_wait(f.q, done, 3, 4, 60000), 2);
		assert_true(clock_ns() - t >= 60000000);
		assert_int_equal(tandem_inflight(f.q), 1);
		t = clock_ns();
		assert_int_equal(tandem_wait(f.q, done, 1, 1, 0), 0);
		assert_true(clock_ns() - t < 5000000000);
		pthread_mutex_lock(&f.be.lock);
		rawbe_answer(&f.be, 0, seen(f.be.nr_seen - 1)->id, BLKIF_OP_READ, 0);
		pthread_mutex_unlock(&f.be.lock);
		f.be.answer = -1;
		assert_int_equal(tandem_wait(f.q, done, 4, 4, -1), 1); /* all there was */
		assert_int_equal(tandem_inflight(f.q), 0);
		tandem_close(f.disk);
		f.disk = NULL;
	}
}

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void test_event_loop(void **state)
{
	struct tandem_io io[2], *done[2];
	char buf[2][512];
	int fd;

	(void)state;
	frig_open(&f, NULL);
	fd = tandem_queue_fd(f.q);
	assert_true(fd >= 0);
	assert_int_equal(tandem_queue_fd(f.q), fd);
	f.be.answer = 0;
	frig_submit(f.q, &io[0], TANDEM_READ, 0, buf[0], 512);
	frig_submit(f.q, &io[1], TANDEM_READ, 512, buf[1], 512);
	assert_int_equal(tandem_queue_arm(f.q), 0); /* it kicks as well */
	assert_true(rawbe_wait_seen(&f.be, 2));
	assert_false(readable(fd, 20));
	for (unsigned i = 0; i < 2; i++) {
		pthread_mutex_lock(&f.be.lock);
		rawbe_answer(&f.be, 0, seen(i)->id, BLKIF_OP_READ, 0);
		pthread_mutex_unlock(&f.be.lock);
		assert_true(readable(fd, 5000));
		assert_int_equal(tandem_queue_arm(f.q), 1);
		assert_int_equal(tandem_poll(f.q, done, 2), 1);
		assert_ptr_equal(done[0], &io[i]);
		assert_int_equal(tandem_queue_arm(f.q), 0);
		assert_false(readable(fd, 10));
	}
}

/* Queues that share a ring: each gets its own, whoever reaps. */
static void test_shared_ring(void **state)
{
	const struct tandem_opts opts = { .queues = 6, .depth = 32 };
	struct tandem_io io[6][50], *done[50];
	char *buf;

	(void)state;
	frig_open(&f, &opts);
	buf = tandem_alloc(f.disk, 4096);
	for (unsigned i = 0; i < 50; i++)
		for (unsigned q = 0; q < 6; q++)
			frig_submit(tandem_queue(f.disk, q), &io[q][i], TANDEM_READ,
				    (q * 50 + i) * 4096, buf, 4096);
	for (unsigned q = 0; q < 6; q++) {
		unsigned n = 0;

		while (n < 50) {
			int got = tandem_wait(tandem_queue(f.disk, q), done, 1, 50,
					      5000000);

			assert_true(got > 0);
			n += (unsigned)got;
			while (got--)
				assert_ptr_equal(done[got]->queue_,
						 tandem_queue(f.disk, q));
		}
		assert_int_equal(tandem_inflight(tandem_queue(f.disk, q)), 0);
	}
}

static void *reader(void *arg)
{
	uint8_t got[1024], want[1024];
	uint32_t seed = (uint32_t)(uintptr_t)arg;

	for (uint32_t i = 0; i < 200; i++) {
		uint64_t off = ((uint64_t)seed << 16) + (i % 64) * 1024;

		frig_fill(want, sizeof(want), seed * 1000 + i);
		if (tandem_pwrite(f.disk, want, 1024, off) ||
		    tandem_pread(f.disk, got, 1024, off) || memcmp(got, want, 1024))
			return (void *)1;
	}
	return NULL;
}

static void test_sync_threads(void **state)
{
	pthread_t t[6];
	void *ret;

	(void)state;
	frig_open(&f, NULL);
	for (uintptr_t i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, (void *)i), 0);
	for (unsigned i = 0; i < 6; i++) {
		pthread_join(t[i], &ret);
		assert_null(ret);
	}
}

/* ------------------------------------------------------------------ opening */

static void test_open_errors(void **state)
{
	const struct tandem_opts quick = { .connect_ms = 50 };
	struct tandem_disk *d;
	char *why;

	(void)state;
	assert_int_equal(disk_open_plat(rawbe_front(&f.be), "xvdb", NULL, &d, &why),
			 -ENOENT);
	assert_non_null(strstr(why, "xvda")); /* what there is */
	free(why);
	assert_int_equal(disk_open_plat(rawbe_front(&f.be), "hello", NULL, &d, &why),
			 -EINVAL);
	free(why);
	assert_int_equal(tandem_open("xvda", NULL, &d, &why), -EINVAL);
	free(why);
	assert_int_equal(tandem_open("/xvda", NULL, &d, NULL), -EINVAL);
	rawbe_kill(&f.be);
	rawbe_state(&f.be, XenbusStateInitWait);
	assert_int_equal(frig_try(&f, &quick), -ETIMEDOUT);
	rawbe_state(&f.be, XenbusStateInitialising);
	assert_int_equal(frig_try(&f, &quick), -ETIMEDOUT);
	tandem_close(NULL);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_splitting),
		TEST(test_bounce_runs_out),
		TEST(test_more_than_slots),
		TEST(test_any_order),
		TEST(test_statuses),
		TEST(test_refused),
		TEST(test_wait),
		TEST(test_event_loop),
		TEST(test_shared_ring),
		TEST(test_sync_threads),
		TEST(test_open_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
