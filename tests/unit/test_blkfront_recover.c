/* SPDX-License-Identifier: MIT */
/* Backends that go and come: what is replayed, in which order, and where. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/handback.h"

#define MAX_IOS 16

struct fixture {
	struct handback hb;
	struct tandem_io io[MAX_IOS];
	uint8_t *buf;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	hb_start(&f->hb);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hb_stop(&f->hb);
	free(f);
	return 0;
}

static void up(struct fixture *f, unsigned queues, unsigned reconnect_ms)
{
	const struct tandem_opts opts = { .queues = queues,
					  .reconnect_ms = reconnect_ms,
					  .depth = 32 };

	hb_up(&f->hb, &opts);
	f->buf = tandem_alloc(f->hb.disk, 4 << 20);
}

static void submit(struct fixture *f, unsigned n, unsigned queue, size_t len,
		   uint64_t sector)
{
	struct tandem_queue *q = tandem_queue(f->hb.disk, queue);

	f->io[n] = (struct tandem_io){
		.op = TANDEM_WRITE, .buf = f->buf, .len = len, .offset = sector * 512
	};
	assert_int_equal(tandem_submit(q, &f->io[n]), 0);
	assert_int_equal(tandem_kick(q), 0);
}

static void expect(struct fixture *f, unsigned queue, uint64_t sector, size_t len,
		   struct blkif_req *req)
{
	assert_true(hb_take(&f->hb, queue, req));
	assert_int_equal(req->sector_number, sector);
	assert_int_equal(hb_length(&f->hb, req), len);
}

static void finished(struct fixture *f, unsigned queue, unsigned n, int result)
{
	struct tandem_io *done[1];

	assert_int_equal(tandem_wait(tandem_queue(f->hb.disk, queue), done, 1, 1,
				     5000000),
			 1);
	assert_ptr_equal(done[0], &f->io[n]);
	assert_int_equal(done[0]->result, result);
}

static void no_more(struct fixture *f, unsigned queue)
{
	struct tandem_io *done[1];

	assert_int_equal(tandem_poll(tandem_queue(f->hb.disk, queue), done, 1), 0);
	assert_int_equal(tandem_inflight(tandem_queue(f->hb.disk, queue)), 0);
}

/* The backend dies and its successor says so. */
static void die(struct fixture *f)
{
	hb_drop(&f->hb);
	hb_state(&f->hb, XenbusStateClosed);
	hb_wait_front(&f->hb, XenbusStateInitialising);
}

static void test_replay_order(void **state)
{
	struct fixture *f = *state;
	struct blkif_req req[8];
	struct tandem_info info;

	up(f, 1, 0);
	for (unsigned i = 0; i < 8; i++)
		submit(f, i, 0, 4096, i * 8);
	for (unsigned i = 0; i < 8; i++)
		expect(f, 0, i * 8, 4096, &req[i]);
	/* three are answered, out of order; ids are given out again */
	hb_okay(&f->hb, 0, &req[5]);
	hb_okay(&f->hb, 0, &req[0]);
	finished(f, 0, 5, 0);
	finished(f, 0, 0, 0);
	submit(f, 8, 0, 4096, 800);
	expect(f, 0, 800, 4096, &req[0]);
	hb_okay(&f->hb, 0, &req[2]); /* answered, not taken yet: not replayed */
	die(f);
	submit(f, 9, 0, 4096, 900); /* while there is no backend */
	hb_connect(&f->hb);
	submit(f, 10, 0, 4096, 1000);
	static const uint64_t order[] = { 8, 24, 32, 48, 56, 800, 900, 1000 };
	static const unsigned ios[] = { 1, 3, 4, 6, 7, 8, 9, 10 };

	finished(f, 0, 2, 0);
	for (unsigned i = 0; i < 8; i++) {
		expect(f, 0, order[i], 4096, &req[0]);
		hb_okay(&f->hb, 0, &req[0]);
		finished(f, 0, ios[i], 0);
	}
	no_more(f, 0);
	tandem_get_info(f->hb.disk, &info);
	assert_int_equal(info.reconnects, 1);
	assert_true(info.last_pause_us > 0 && info.max_pause_us == info.last_pause_us);
}

/* Smaller requests after the reconnect: re-split; larger again: joined. */
static void test_smaller_segments(void **state)
{
	struct fixture *f = *state;
	struct blkif_req req;
	size_t at = 0;

	up(f, 1, 0);
	submit(f, 0, 0, 64 * 4096, 0);
	submit(f, 1, 0, 4096, 8000);
	expect(f, 0, 0, 64 * 4096, &req);
	hb_set(&f->hb, "feature-max-indirect-segments", "0");
	hb_set(&f->hb, "max-ring-page-order", "0");
	die(f);
	hb_connect(&f->hb);
	/* two parts are answered, then this backend dies, too */
	for (unsigned i = 0; i < 2; i++, at += 11 * 4096) {
		expect(f, 0, at / 512, 11 * 4096, &req);
		hb_okay(&f->hb, 0, &req);
	}
	expect(f, 0, at / 512, 11 * 4096, &req);
	hb_set(&f->hb, "feature-max-indirect-segments", "64");
	die(f);
	hb_connect(&f->hb);
	expect(f, 0, at / 512, 42 * 4096, &req);
	hb_okay(&f->hb, 0, &req);
	finished(f, 0, 0, 0);
	expect(f, 0, 8000, 4096, &req);
	hb_okay(&f->hb, 0, &req);
	finished(f, 0, 1, 0);
	no_more(f, 0);
}

/* Fewer rings: the I/O of a lost one comes through another, to its own queue. */
static void test_fewer_queues(void **state)
{
	struct fixture *f = *state;
	struct blkif_req req;
	struct tandem_info info;

	up(f, 3, 0);
	for (unsigned i = 0; i < 6; i++)
		submit(f, i, i % 3, 4096, i * 8);
	for (unsigned i = 0; i < 3; i++)
		assert_true(hb_take(&f->hb, i, &req));
	hb_set(&f->hb, "multi-queue-max-queues", "1");
	die(f);
	hb_connect(&f->hb);
	tandem_get_info(f->hb.disk, &info);
	assert_int_equal(info.queues, 3);
	assert_int_equal(info.rings, 1);
	static const unsigned order[] = { 0, 3, 1, 4, 2, 5 };

	for (unsigned i = 0; i < 6; i++) {
		expect(f, 0, order[i] * 8, 4096, &req);
		hb_okay(&f->hb, 0, &req);
	}
	for (unsigned i = 0; i < 6; i++)
		finished(f, i % 3, i, 0);
	/* and back to three */
	hb_set(&f->hb, "multi-queue-max-queues", "8");
	submit(f, 6, 2, 4096, 0);
	die(f);
	hb_connect(&f->hb);
	submit(f, 7, 2, 4096, 8);
	for (unsigned i = 0; i < 2; i++) {
		expect(f, 2, i * 8, 4096, &req); /* on its queue's ring again */
		hb_okay(&f->hb, 2, &req);
	}
	finished(f, 2, 6, 0);
	finished(f, 2, 7, 0);
}

static void *wait_thread(void *arg)
{
	struct tandem_io *done[1];

	return (void *)(intptr_t)tandem_wait(arg, done, 1, 1, -1);
}

/* Threads that sleep on a queue meet the next backend without being told. */
static void test_sleepers(void **state)
{
	struct fixture *f = *state;
	struct blkif_req req;
	pthread_t t[4];
	void *n;

	up(f, 4, 0);
	for (unsigned i = 0; i < 4; i++) {
		submit(f, i, i, 4096, i * 8);
		pthread_create(&t[i], NULL, wait_thread, tandem_queue(f->hb.disk, i));
	}
	usleep(20000);
	hb_set(&f->hb, "multi-queue-max-queues", "1");
	die(f);
	hb_connect(&f->hb);
	for (unsigned i = 0; i < 4; i++) {
		expect(f, 0, i * 8, 4096, &req);
		hb_okay(&f->hb, 0, &req);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], &n);
		assert_int_equal((intptr_t)n, 1);
	}
}

/* An event loop's descriptor outlives its event channel. */
static void test_event_loop(void **state)
{
	struct fixture *f = *state;
	struct tandem_queue *q;
	struct blkif_req req;
	struct pollfd fd;

	up(f, 1, 0);
	q = tandem_queue(f->hb.disk, 0);
	fd = (struct pollfd){ .fd = tandem_queue_fd(q), .events = POLLIN };
	assert_true(fd.fd >= 0);
	for (unsigned life = 0; life < 3; life++) {
		submit(f, 0, 0, 4096, 8);
		assert_int_equal(tandem_queue_arm(q), 0);
		assert_int_equal(poll(&fd, 1, 0), 0);
		expect(f, 0, 8, 4096, &req);
		hb_okay(&f->hb, 0, &req);
		assert_int_equal(poll(&fd, 1, 5000), 1);
		assert_int_equal(tandem_queue_arm(q), 1);
		finished(f, 0, 0, 0);
		while (tandem_queue_arm(q))
			no_more(f, 0);
		assert_int_equal(poll(&fd, 1, 0), 0);
		die(f);
		hb_connect(&f->hb);
	}
}

/* No backend for too long: -EIO, for what is in flight and what follows. */
static void test_time_out(void **state)
{
	struct fixture *f = *state;
	struct blkif_req req;

	up(f, 1, 100);
	submit(f, 0, 0, 4096, 0);
	submit(f, 1, 0, 4096, 8);
	die(f);
	finished(f, 0, 0, -EIO);
	finished(f, 0, 1, -EIO);
	submit(f, 2, 0, 4096, 16);
	finished(f, 0, 2, -EIO);
	/* one that comes all the same is welcome */
	hb_connect(&f->hb);
	submit(f, 3, 0, 4096, 24);
	expect(f, 0, 24, 4096, &req);
	hb_okay(&f->hb, 0, &req);
	finished(f, 0, 3, 0);
}

static bool drains(struct fixture *f)
{
	struct channel *ch = queue_lock(tandem_queue(f->hb.disk, 0));
	bool yes = ch->state == CH_DRAIN;

	qlock_unlock(&ch->lock);
	return yes;
}

/* Detached for good: what is in flight is answered, nothing more is taken. */
static void test_detach(void **state)
{
	struct fixture *f = *state;
	struct tandem_io late = { .op = TANDEM_FLUSH };
	struct blkif_req req[2];
	int err = 0;

	up(f, 1, 0);
	submit(f, 0, 0, 4096, 0);
	submit(f, 1, 0, 4096, 8);
	hb_set(&f->hb, "online", "0");
	hb_state(&f->hb, XenbusStateClosing);
	for (int i = 0; i < 5000 && !err; i++) {
		usleep(1000);
		if (drains(f))
			err = tandem_submit(tandem_queue(f->hb.disk, 0), &late);
	}
	assert_int_equal(err, -ENODEV);
	assert_int_equal(hb_get(&f->hb, "state"), XenbusStateConnected);
	for (unsigned i = 0; i < 2; i++)
		expect(f, 0, i * 8, 4096, &req[i]);
	hb_okay(&f->hb, 0, &req[0]);
	finished(f, 0, 0, 0);
	assert_int_equal(hb_get(&f->hb, "state"), XenbusStateConnected);
	hb_okay(&f->hb, 0, &req[1]);
	hb_wait_front(&f->hb, XenbusStateClosed);
	finished(f, 0, 1, 0);
	assert_int_equal(tandem_submit(tandem_queue(f->hb.disk, 0), &late), -ENODEV);
	assert_int_equal(tandem_kick(tandem_queue(f->hb.disk, 0)), -ENODEV);
}

/* Detached by force: the backend does not answer any more. */
static void test_detach_force(void **state)
{
	struct fixture *f = *state;

	up(f, 1, 0);
	submit(f, 0, 0, 4096, 0);
	hb_set(&f->hb, "online", "0");
	hb_state(&f->hb, XenbusStateClosed);
	finished(f, 0, 0, -ENODEV);
	hb_wait_front(&f->hb, XenbusStateClosed);
}

/* The size may change while connected. */
static void test_resize(void **state)
{
	struct fixture *f = *state;
	struct tandem_info info;
	struct blkif_req req;

	up(f, 2, 0);
	assert_int_equal(tandem_pread(f->hb.disk, f->buf, 512, HB_DISK_BYTES), -EINVAL);
	hb_setn(&f->hb, "sectors", HB_DISK_BYTES / 512 + 8);
	hb_state(&f->hb, XenbusStateConnected);
	for (int i = 0; i < 5000; i++) {
		tandem_get_info(f->hb.disk, &info);
		if (info.size != HB_DISK_BYTES)
			break;
		usleep(1000);
	}
	assert_int_equal(info.size, HB_DISK_BYTES + 4096);
	submit(f, 0, 1, 4096, HB_DISK_BYTES / 512);
	expect(f, 1, HB_DISK_BYTES / 512, 4096, &req);
	hb_okay(&f->hb, 1, &req);
	finished(f, 1, 0, 0);
}

/* Bounced writes are sent again from the caller's memory. */
static void test_replay_bounce(void **state)
{
	struct blkif_request_segment seg[11];
	struct fixture *f = *state;
	struct blkif_req req;

	up(f, 1, 0);
	memset(f->buf, 'x', 8192);
	f->buf += 1;
	submit(f, 0, 0, 4096, 0);
	f->buf -= 1;
	expect(f, 0, 0, 4096, &req);
	hb_segments(&f->hb, &req, seg, 11);
	memset(hb_page(&f->hb, seg[0].gref), 0, 4096); /* it scribbles as it dies */
	die(f);
	hb_connect(&f->hb);
	expect(f, 0, 0, 4096, &req);
	hb_segments(&f->hb, &req, seg, 11);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(hb_page(&f->hb, seg[0].gref)[i], 'x');
	hb_okay(&f->hb, 0, &req);
	finished(f, 0, 0, 0);
}

/* A backend that never answers holds up closing once, not once a queue. */
static void test_close_unanswered(void **state)
{
	struct fixture *f = *state;
	uint64_t start;

	up(f, 8, 200);
	for (unsigned i = 0; i < 8; i++)
		submit(f, i, i, 4096, 0);
	start = clock_ns();
	hb_state(&f->hb, XenbusStateConnected);
	tandem_close(f->hb.disk);
	f->hb.disk = NULL;
	assert_in_range((clock_ns() - start) / 1000000, 200, 1400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replay_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smaller_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fewer_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sleepers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_event_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_time_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detach_force, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replay_bounce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_close_unanswered, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
