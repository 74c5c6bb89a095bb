/* SPDX-License-Identifier: MIT */
/*
 * A queue by itself, over a driver whose every answer is the test's: what
 * happens to requests that have to wait, when they wait, and what a round is.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/block/blkq.h"
#include "backends/throttle.h"
#include "hv/base/adapt.h"
#include "tests/lib/memplat.h"

#define BE	  1u
#define FE	  2u
#define PAGES	  64u
#define MIB	  (1024ull * 1024)
#define ROUND_MAX (6 * MIB) /* of one queue's data, before its neighbours' turn */

/* ------------------------------------------------------------ the driver */

static struct mock {
	struct blkdrv drv;
	bool hold;     /* I/O is answered by mock_release() */
	bool full;     /* data finds no room */
	unsigned room; /* held I/Os at a time; 0: any number */
	struct blkdrv_io *held[64];
	_Atomic unsigned nheld;
	uint64_t round, worst_round; /* bytes */
} mock;

static int mock_start(struct blkdrv *dev, struct worker *w, struct blkdrv_queue **q)
{
	*q = calloc(1, sizeof(**q));
	assert_non_null(*q);
	**q = (struct blkdrv_queue){ .dev = dev, .worker = w };
	return 0;
}

static void mock_stop(struct blkdrv_queue *q)
{
	free(q);
}

static int mock_submit(struct blkdrv_queue *q, struct blkdrv_io *io)
{
	(void)q;
	if ((mock.full && io->op == BLKDRV_WRITE) ||
	    (mock.room && mock.nheld >= mock.room))
		return -EAGAIN;
	mock.round += io->len;
	if (mock.hold)
		mock.held[mock.nheld++] = io;
	else
		blkdrv_done(io, 0);
	return 0;
}

static void mock_kick(struct blkdrv_queue *q)
{
	(void)q;
	if (mock.round > mock.worst_round)
		mock.worst_round = mock.round;
	mock.round = 0;
}

static const struct blkdrv_ops mock_ops = {
	.name = "mock",
	.queue_start = mock_start,
	.queue_stop = mock_stop,
	.submit = mock_submit,
	.kick = mock_kick,
};

/* On the worker: answers what is held. */
static void mock_release_call(void *arg)
{
	unsigned n = atomic_exchange(&mock.nheld, 0);
	struct blkdrv_io *held[64];

	(void)arg;
	memcpy(held, mock.held, sizeof(held));
	for (unsigned i = 0; i < n; i++)
		blkdrv_done(held[i], 0);
}

/* --------------------------------------------------------------- the rig */

static struct rig {
	struct memhv *hv;
	struct plat *be, *fe;
	struct gnttab_arena *ring_pages, *data;
	struct evtchn *ch;
	struct ring_front ring;
	struct worker *worker;
	struct blkq *q;
	_Atomic bool stopped;
} rig;
static uint64_t poll_ns = 20000;

static void rig_broken(void *arg, int err)
{
	(void)arg;
	(void)err;
}

static void rig_stopped(void *arg)
{
	(void)arg;
	atomic_store(&rig.stopped, true);
}

static void rig_start(struct throttle *throttle)
{
	struct blkq_config cfg = { .frontend = FE,
				   .nr_ring_refs = 1,
				   .persistent = true,
				   .max_persistent = 128,
				   .max_indirect = 256,
				   .barrier = true,
				   .discard = true,
				   .dev = &mock.drv,
				   .throttle = throttle,
				   .broken = rig_broken,
				   .stopped = rig_stopped };

	memset(&rig, 0, sizeof(rig));
	memset(&mock, 0, sizeof(mock));
	mock.drv.ops = &mock_ops;
	mock.drv.info = (struct blkdrv_info){
		.size = 64 * MIB, .sector_size = 512, .flush = true, .discard = true
	};
	rig.hv = memhv_new();
	assert_int_equal(memplat_open(rig.hv, BE, &rig.be), 0);
	assert_int_equal(memplat_open(rig.hv, FE, &rig.fe), 0);
	assert_int_equal(gnttab_arena_new(rig.fe, BE, 1, false, &rig.ring_pages), 0);
	assert_int_equal(gnttab_arena_new(rig.fe, BE, PAGES, false, &rig.data), 0);
	assert_int_equal(evtchn_alloc_unbound(rig.fe, BE, &rig.ch), 0);
	ring_front_init(&rig.ring, rig.ring_pages->pages, RING_PAGE_SIZE,
			blkif_slot_size(BLKIF_ABI_NATIVE));
	assert_int_equal(worker_new(&rig.worker, poll_ns, -1), 0);
	assert_int_equal(worker_run(rig.worker), 0);
	cfg.plat = rig.be;
	cfg.ring_refs[0] = rig.ring_pages->refs[0];
	cfg.port = rig.ch->port;
	cfg.worker = rig.worker;
	assert_int_equal(blkq_new(&cfg, &rig.q), 0);
	assert_int_equal(blkq_start(rig.q), 0);
}

static bool wait_for(const _Atomic unsigned *n, unsigned value)
{
	for (int i = 0; i < 3000 && atomic_load(n) != value; i++)
		usleep(1000);
	return atomic_load(n) == value;
}

static bool rig_wait_stopped(void)
{
	for (int i = 0; i < 3000 && !atomic_load(&rig.stopped); i++)
		usleep(1000);
	return atomic_load(&rig.stopped);
}

static void rig_end(void)
{
	if (!atomic_load(&rig.stopped))
		blkq_stop(rig.q);
	assert_true(rig_wait_stopped());
	blkq_free(rig.q);
	worker_free(rig.worker);
	assert_int_equal(memhv_mapped(rig.hv), 0);
	evtchn_close(rig.ch);
	gnttab_arena_free(rig.ring_pages);
	gnttab_arena_free(rig.data);
	plat_close(rig.fe);
	plat_close(rig.be);
	memhv_free(rig.hv);
}

static void put(int op, unsigned pages)
{
	struct blkif_req r = { .operation = (uint8_t)op, .nr_segments = (uint16_t)pages };

	for (unsigned i = 0; i < pages; i++)
		r.seg[i] = (struct blkif_request_segment){ .gref = rig.data->refs[i],
							   .last_sect = 7 };
	blkif_put_request(&rig.ring, BLKIF_ABI_NATIVE, &r);
}

static void push(void)
{
	if (ring_front_push(&rig.ring))
		evtchn_notify(rig.ch);
}

/* Takes n answers within 3 s; all must say `status`. How many came. */
static unsigned answers(unsigned n, int status)
{
	struct blkif_response rsp;
	unsigned got = 0;

	for (int i = 0; i < 3000 && got < n; i++) {
		while (ring_front_avail(&rig.ring) > 0) {
			blkif_copy_response(&rig.ring, &rsp);
			assert_int_equal(rsp.status, status);
			got++;
		}
		if (got < n)
			usleep(1000);
	}
	return got;
}

/* ------------------------------------------------------------------ tests */

/* A step that finds no room while the queue stops must not wait for ever. */
static void test_stop_between_steps(void **state)
{
	(void)state;
	rig_start(NULL);
	mock.hold = true;
	put(BLKIF_OP_FLUSH_DISKCACHE, 1);
	push();
	assert_true(wait_for(&mock.nheld, 1)); /* the flush before the data */
	blkq_stop(rig.q);
	mock.full = true;
	worker_call(rig.worker, mock_release_call, NULL);
	assert_true(rig_wait_stopped());
	rig_end();
}

/*
 * What waited when the queue stopped was not done, and is not answered: the
 * frontend sends it again to the next backend, and nobody sees an error.
 */
static void test_stop_leaves_waiting(void **state)
{
	(void)state;
	rig_start(NULL);
	mock.hold = true;
	mock.room = 2;
	for (int i = 0; i < 5; i++)
		put(BLKIF_OP_WRITE, 1);
	put(BLKIF_OP_WRITE_BARRIER, 1);
	push();
	assert_true(wait_for(&mock.nheld, 2));
	blkq_stop(rig.q);
	worker_call(rig.worker, mock_release_call, NULL);
	assert_true(rig_wait_stopped());
	(void)answers(2, BLKIF_RSP_OKAY);
	assert_int_equal(ring_front_avail(&rig.ring), 0);
	rig_end();
}

/* An idle queue has a time at which it drops grants: no room is no such time. */
static void test_no_room_after_idle(void **state)
{
	(void)state;
	rig_start(NULL);
	put(BLKIF_OP_WRITE, 1);
	push();
	assert_int_equal(answers(1, BLKIF_RSP_OKAY), 1);
	usleep(50000); /* asleep */
	mock.hold = true;
	mock.room = 4;
	for (int i = 0; i < 20; i++)
		put(BLKIF_OP_WRITE, 1);
	push();
	for (int i = 0; i < 5; i++) {
		assert_true(wait_for(&mock.nheld, 4));
		worker_call(rig.worker, mock_release_call, NULL);
	}
	assert_int_equal(answers(20, BLKIF_RSP_OKAY), 20);
	rig_end();
}

/* A queue whose ring broke has no time to drop grants at, which then never passes. */
static void test_stop_after_break(void **state)
{
	(void)state;
	poll_ns = ADAPT_NEVER; /* SQEs wait for the sleep */
	rig_start(NULL);
	poll_ns = 20000;
	for (int i = 0; i < 2; i++) {
		put(BLKIF_OP_WRITE, 1);
		push();
		assert_int_equal(answers(1, BLKIF_RSP_OKAY), 1);
		usleep(20000); /* asleep, until it is time to drop grants */
	}
	atomic_store(&rig.ring.r.shared->req_prod, 1000000);
	evtchn_notify(rig.ch);
	usleep(150000);
	blkq_stop(rig.q);
	assert_true(rig_wait_stopped());
	rig_end();
}

/* A flush is a request like others to the throttle; its data is not another. */
static void test_throttled_flushes(void **state)
{
	struct throttle *t = throttle_new(100, 0, 0);
	uint64_t start;

	(void)state;
	rig_start(t);
	start = clock_ns();
	for (int i = 0; i < 30; i++)
		put(i & 1 ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER,
		    (unsigned)i / 2 & 1);
	push();
	assert_int_equal(answers(30, BLKIF_RSP_OKAY), 30);
	start = clock_ns() - start;
	assert_in_range(start, 280000000u, 2500000000u); /* 29 gaps of 10 ms */
	rig_end();
	throttle_free(t);
}

/* The largest requests that there are, a full ring of them. */
static void test_round_is_bounded(void **state)
{
	struct blkif_request_segment *d;
	struct blkif_req r = { .operation = BLKIF_OP_INDIRECT,
			       .indirect_op = BLKIF_OP_READ,
			       .nr_segments = 256 };

	(void)state;
	rig_start(NULL);
	d = (void *)rig.data->pages;
	for (unsigned i = 0; i < 256; i++)
		d[i] = (struct blkif_request_segment){
			.gref = rig.data->refs[1 + i % (PAGES - 1)], .last_sect = 7
		};
	r.indirect_grefs[0] = rig.data->refs[0];
	for (int i = 0; i < 32; i++)
		blkif_put_request(&rig.ring, BLKIF_ABI_NATIVE, &r);
	push();
	assert_int_equal(answers(32, BLKIF_RSP_OKAY), 32);
	assert_in_range(mock.worst_round, MIB, ROUND_MAX);
	rig_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_between_steps),
		cmocka_unit_test(test_stop_leaves_waiting),
		cmocka_unit_test(test_no_room_after_idle),
		cmocka_unit_test(test_stop_after_break),
		cmocka_unit_test(test_throttled_flushes),
		cmocka_unit_test(test_round_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
