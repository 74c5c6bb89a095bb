/* SPDX-License-Identifier: MIT */
/* libtandem over the loss of its backend: what is replayed, and what ends. */
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

#define NR 96u

static struct frig f;
static struct tandem_io io[NR];
static uint8_t *buf;

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

static const struct rawbe_key one_queue[] = {
	{ "multi-queue-max-queues", "1" },
	{ "max-ring-page-order", "0" },
	{ "feature-max-indirect-segments", NULL },
	{ 0 },
};

static const struct rawbe_seen *seen(uint32_t i)
{
	return &f.be.seen[i % RAWBE_HISTORY];
}

/* NR writes of `len` bytes over the queues, of which none is answered. */
static void load(unsigned queues, size_t len, const struct tandem_opts *opts)
{
	frig_open(&f, opts);
	buf = tandem_alloc(f.disk, NR * len);
	assert_non_null(buf);
	frig_fill(buf, NR * len, 7);
	f.be.answer = 0;
	for (unsigned i = 0; i < NR; i++)
		frig_submit(tandem_queue(f.disk, i % queues), &io[i], TANDEM_WRITE,
			    i * len, buf + i * len, len);
	for (unsigned q = 0; q < queues; q++)
		assert_int_equal(tandem_kick(tandem_queue(f.disk, q)), 0);
}

static void all_done(unsigned queues, int result)
{
	for (unsigned q = 0; q < queues; q++)
		assert_true(frig_wait(tandem_queue(f.disk, q), NR / queues));
	for (unsigned i = 0; i < NR; i++)
		assert_int_equal(io[i].result, result);
}

/* Requests first..last are the writes of queue q, in order and complete. */
static void in_order(uint32_t first, unsigned q, unsigned queues, size_t len)
{
	uint64_t at = q * len / 512, per = len / 512, left = per;
	unsigned nr = 0;

	for (; first < f.be.nr_seen; first++) {
		uint64_t sector = seen(first)->sector;

		if (sector / per % queues != q)
			continue;
		assert_int_equal(sector, at);
		at += seen(first)->sectors;
		left -= seen(first)->sectors;
		if (!left) {
			nr++;
			left = per;
			at += per * (queues - 1);
		}
	}
	assert_int_equal(nr, NR / queues);
}

static void test_replay_in_order(void **state)
{
	const struct tandem_opts opts = { .depth = 1 }; /* 32 fly, 64 wait */
	struct tandem_info info;

	(void)state;
	load(1, 4096, &opts);
	assert_true(rawbe_wait_seen(&f.be, 32));
	rawbe_kill(&f.be);
	uint32_t first = f.be.nr_seen;

	rawbe_again(&f.be, frig_limits, frig_props);
	all_done(1, 0);
	in_order(first, 0, 1, 4096);
	assert_memory_equal(f.be.disk, buf, NR * 4096);
	tandem_get_info(f.disk, &info);
	assert_int_equal(info.reconnects, 1);
	assert_true(info.last_pause_us > 0);
}

/* What was answered is not sent again. */
static void test_answered_stays(void **state)
{
	(void)state;
	load(1, 4096, NULL);
	assert_true(rawbe_wait_seen(&f.be, NR));
	pthread_mutex_lock(&f.be.lock);
	for (uint32_t i = 0; i < NR; i += 2)
		rawbe_answer(&f.be, 0, seen(i)->id, BLKIF_OP_WRITE, 0);
	pthread_mutex_unlock(&f.be.lock);
	rawbe_kill(&f.be);
	uint32_t first = f.be.nr_seen;

	rawbe_again(&f.be, frig_limits, frig_props);
	all_done(1, 0);
	assert_int_equal(f.be.nr_seen, first + NR / 2);
	for (uint32_t i = 0; i < NR / 2; i++)
		assert_int_equal(seen(first + i)->sector, (2 * i + 1) * 8);
}

/* Another number of queues, and of segments: every queue's order is kept. */
static void other_shape(unsigned queues, const struct rawbe_key *limits)
{
	const struct tandem_opts opts = { .queues = queues, .depth = 1 };
	const size_t len = 80 * 1024;

	load(queues, len, &opts);
	assert_true(rawbe_wait_seen(&f.be, 32));
	rawbe_kill(&f.be);
	uint32_t first = f.be.nr_seen;

	rawbe_again(&f.be, limits, frig_props);
	all_done(queues, 0);
	for (unsigned q = 0; q < queues; q++)
		in_order(first, q, queues, len);
	assert_memory_equal(f.be.disk, buf, NR * len);
}

static void test_fewer_queues(void **state)
{
	(void)state;
	other_shape(4, one_queue);
}

static void test_two_of_three_queues(void **state)
{
	static const struct rawbe_key two[] = { { "multi-queue-max-queues", "2" },
						{ 0 } };

	(void)state;
	other_shape(3, two);
}

static void test_more_queues(void **state)
{
	(void)state;
	rawbe_kill(&f.be);
	rawbe_again(&f.be, one_queue, frig_props);
	other_shape(4, frig_limits);
}

static void test_smaller_segments(void **state)
{
	(void)state;
	other_shape(1, one_queue);
}

/* Copied through pages that the next connection has to fill again. */
static void test_bounced(void **state)
{
	const size_t len = 3 << 20;
	uint8_t *mine = malloc(len + 1), *got = malloc(len);
	struct tandem_io w;

	(void)state;
	frig_open(&f, NULL);
	frig_fill(mine + 1, len, 3);
	f.be.answer = 1;
	frig_submit(f.q, &w, TANDEM_WRITE, 0, mine + 1, len);
	tandem_kick(f.q);
	assert_true(rawbe_wait_seen(&f.be, 3));
	rawbe_kill(&f.be);
	rawbe_again(&f.be, one_queue, frig_props);
	assert_true(frig_wait(f.q, 1));
	assert_int_equal(w.result, 0);
	assert_memory_equal(f.be.disk, mine + 1, len);
	free(mine);
	free(got);
}

/* The next one goes as well, in the middle of the replay. */
static void test_second_loss(void **state)
{
	uint32_t first = 0;

	(void)state;
	load(1, 80 * 1024, NULL);
	assert_true(rawbe_wait_seen(&f.be, NR));
	rawbe_kill(&f.be);
	for (unsigned i = 0; i < 4; i++) {
		first = f.be.nr_seen;
		f.be.limits = i & 1 ? frig_limits : one_queue;
		f.be.take = 20;
		f.be.answer = (int)i;
		rawbe_state(&f.be, XenbusStateClosed);
		rawbe_run(&f.be);
		assert_true(rawbe_wait_seen(&f.be, first + 20));
		rawbe_kill(&f.be);
	}
	rawbe_again(&f.be, one_queue, frig_props);
	all_done(1, 0);
	assert_memory_equal(f.be.disk, buf, NR * 80 * 1024);
}

/* What the next backend cannot do ends with an error, the rest goes on. */
static void test_less_than_before(void **state)
{
	static const struct rawbe_key props[] = { { "sectors", "512" },
						  { "feature-flush-cache", NULL },
						  { "feature-barrier", NULL },
						  { "feature-discard", NULL },
						  { 0 } };
	struct tandem_io w[4];
	char *page;

	(void)state;
	frig_open(&f, NULL);
	page = tandem_alloc(f.disk, 4096);
	f.be.answer = 0;
	frig_submit(f.q, &w[0], TANDEM_FLUSH, 0, NULL, 0);
	frig_submit(f.q, &w[1], TANDEM_DISCARD, 0, NULL, 4096);
	frig_submit(f.q, &w[2], TANDEM_WRITE, 1 << 20, page, 4096);
	frig_submit(f.q, &w[3], TANDEM_WRITE, 0, page, 4096);
	tandem_kick(f.q);
	assert_true(rawbe_wait_seen(&f.be, 4));
	rawbe_kill(&f.be);
	f.be.bytes = 512 * 512;
	rawbe_again(&f.be, frig_limits, props);
	assert_true(frig_wait(f.q, 4));
	assert_int_equal(w[0].result, -EOPNOTSUPP);
	assert_int_equal(w[1].result, -EOPNOTSUPP);
	assert_int_equal(w[2].result, -EIO); /* behind the end by now */
	assert_int_equal(w[3].result, 0);
	assert_int_equal(tandem_pread(f.disk, page, 512, 1 << 20), -EINVAL);
	f.be.bad = 0;
}

/* From 512 to 4096 byte blocks: what does not fit them any more is an error. */
static void test_other_sectors(void **state)
{
	static const struct rawbe_key props[] = { { "sector-size", "4096" }, { 0 } };
	struct tandem_io w[3];
	uint8_t *page;

	(void)state;
	frig_open(&f, NULL);
	page = tandem_alloc(f.disk, 65536);
	frig_fill(page, 65536, 1);
	f.be.answer = 0;
	frig_submit(f.q, &w[0], TANDEM_WRITE, 512, page, 512);
	frig_submit(f.q, &w[1], TANDEM_WRITE, 8192, page + 512, 8192);
	frig_submit(f.q, &w[2], TANDEM_WRITE, 32768, page, 4096);
	tandem_kick(f.q);
	assert_true(rawbe_wait_seen(&f.be, 3));
	rawbe_kill(&f.be);
	f.be.sector_size = 4096;
	rawbe_again(&f.be, frig_limits, props);
	assert_true(frig_wait(f.q, 3));
	assert_int_equal(w[0].result, -EIO);
	assert_int_equal(w[1].result, 0);
	assert_int_equal(w[2].result, 0);
	assert_memory_equal(f.be.disk + 8192, page + 512, 8192);
	assert_int_equal(tandem_pread(f.disk, page, 512, 0), -EINVAL);
	f.be.bad = 0;
}

/* ------------------------------------------------------------------- the end */

static void test_gone_for_too_long(void **state)
{
	const struct tandem_opts opts = { .reconnect_ms = 100 };
	struct tandem_io late;

	(void)state;
	load(1, 4096, &opts);
	assert_true(rawbe_wait_seen(&f.be, NR));
	rawbe_kill(&f.be);
	rawbe_state(&f.be, XenbusStateClosed);
	all_done(1, -EIO);
	frig_submit(f.q, &late, TANDEM_READ, 0, buf, 4096);
	assert_true(frig_wait(f.q, 1));
	assert_int_equal(late.result, -EIO);
	/* and it came back after all */
	rawbe_again(&f.be, frig_limits, frig_props);
	assert_true(frig_wait_reconnects(f.disk, 1));
	assert_int_equal(tandem_pwrite(f.disk, buf, 4096, 0), 0);
}

/* Detached: what is answered in time is done, then it is no device. */
static void test_detach(void **state)
{
	struct tandem_io late;

	(void)state;
	load(1, 4096, NULL);
	assert_true(rawbe_wait_seen(&f.be, NR));
	pthread_mutex_lock(&f.be.lock);
	rawbe_write(&f.be, "online", "0");
	rawbe_state(&f.be, XenbusStateClosing);
	for (unsigned i = 0; i < NR; i++)
		rawbe_answer(&f.be, 0, seen(i)->id, BLKIF_OP_WRITE, 0);
	pthread_mutex_unlock(&f.be.lock);
	all_done(1, 0);
	assert_true(rawbe_wait_front(&f.be, XenbusStateClosed));
	late = (struct tandem_io){ .op = TANDEM_READ, .buf = buf, .len = 4096 };
	assert_int_equal(tandem_submit(f.q, &late), -ENODEV);
	assert_int_equal(tandem_kick(f.q), -ENODEV);
	assert_int_equal(tandem_pread(f.disk, buf, 4096, 0), -ENODEV);
}

/* Several queues on one ring: the rings that there are not do not drain. */
static void test_detach_fewer_rings(void **state)
{
	const struct tandem_opts opts = { .queues = 4 };

	(void)state;
	rawbe_kill(&f.be);
	rawbe_again(&f.be, one_queue, frig_props);
	load(4, 4096, &opts);
	assert_true(rawbe_wait_seen(&f.be, 32));
	pthread_mutex_lock(&f.be.lock);
	rawbe_write(&f.be, "online", "0");
	rawbe_state(&f.be, XenbusStateClosing);
	for (unsigned i = 0; i < 32; i++)
		rawbe_answer(&f.be, 0, seen(i)->id, BLKIF_OP_WRITE, 0);
	f.be.answer = -1;
	pthread_mutex_unlock(&f.be.lock);
	all_done(4, 0);
	assert_true(rawbe_wait_front(&f.be, XenbusStateClosed));
}

static void test_directory_removed(void **state)
{
	(void)state;
	load(1, 4096, NULL);
	assert_true(rawbe_wait_seen(&f.be, NR));
	rawbe_kill(&f.be);
	rawbe_write(&f.be, "", NULL);
	all_done(1, -ENODEV);
}

static void test_hypervisor_lost(void **state)
{
	(void)state;
	load(1, 4096, NULL);
	assert_true(rawbe_wait_seen(&f.be, NR));
	memhv_lose(f.be.hv, RAWBE_FRONT);
	all_done(1, -EIO);
	assert_true(tandem_pread(f.disk, buf, 4096, 0) < 0);
}

/* Whoever sleeps in an event loop hears of the I/O that the next one did. */
static void test_event_loop_over_loss(void **state)
{
	struct tandem_io *done[NR];
	struct pollfd p = { .events = POLLIN };
	unsigned n = 0;

	(void)state;
	load(1, 4096, NULL);
	p.fd = tandem_queue_fd(f.q);
	assert_int_equal(tandem_queue_arm(f.q), 0);
	assert_true(rawbe_wait_seen(&f.be, NR));
	rawbe_kill(&f.be);
	rawbe_again(&f.be, frig_limits, frig_props);
	while (n < NR) {
		assert_int_equal(poll(&p, 1, 10000), 1);
		do
			n += (unsigned)tandem_poll(f.q, done, NR);
		while (tandem_queue_arm(f.q));
	}
	assert_int_equal(n, NR);
}

/* Threads that wait while it happens, on queues that come to share a ring. */
static void *waiter(void *arg)
{
	struct tandem_queue *q = arg;

	for (unsigned i = 0; i < 300; i++) {
		char page[512];
		struct tandem_io r = { .op = TANDEM_READ, .len = 512, .buf = page };
		struct tandem_io *done;

		if (tandem_submit(q, &r) || tandem_wait(q, &done, 1, 1, 20000000) != 1 ||
		    done != &r || r.result)
			return (void *)1;
	}
	return NULL;
}

static void test_waiters_over_losses(void **state)
{
	const struct tandem_opts opts = { .queues = 4 };
	pthread_t t[4];
	void *ret;

	(void)state;
	frig_open(&f, &opts);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, waiter,
						tandem_queue(f.disk, i)),
				 0);
	for (unsigned i = 0; i < 7; i++) {
		usleep(3000);
		rawbe_kill(&f.be);
		rawbe_again(&f.be, i & 1 ? frig_limits : one_queue, frig_props);
		assert_true(frig_wait_reconnects(f.disk, i + 1));
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], &ret);
		assert_null(ret);
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replay_in_order),
		TEST(test_answered_stays),
		TEST(test_fewer_queues),
		TEST(test_two_of_three_queues),
		TEST(test_more_queues),
		TEST(test_smaller_segments),
		TEST(test_bounced),
		TEST(test_second_loss),
		TEST(test_less_than_before),
		TEST(test_other_sectors),
		TEST(test_gone_for_too_long),
		TEST(test_detach),
		TEST(test_detach_fewer_rings),
		TEST(test_directory_removed),
		TEST(test_hypervisor_lost),
		TEST(test_event_loop_over_loss),
		TEST(test_waiters_over_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
