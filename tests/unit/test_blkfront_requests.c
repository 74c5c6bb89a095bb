/* SPDX-License-Identifier: MIT */
/* The requests that libtandem makes of I/Os: split, segmented, bounced. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/handback.h"

static void submit(struct handback *hb, struct tandem_io *io, enum tandem_op op,
		   void *buf, size_t len, uint64_t offset)
{
	struct tandem_queue *q = tandem_queue(hb->disk, 0);

	*io = (struct tandem_io){ .op = op, .buf = buf, .len = len, .offset = offset };
	assert_int_equal(tandem_submit(q, io), 0);
	assert_int_equal(tandem_kick(q), 0);
}

/* The one I/O that is done. */
static void finished(struct handback *hb, struct tandem_io *io, int result)
{
	struct tandem_io *done[2];

	assert_int_equal(tandem_wait(tandem_queue(hb->disk, 0), done, 1, 2, 5000000), 1);
	assert_ptr_equal(done[0], io);
	assert_int_equal(io->result, result);
	assert_int_equal(tandem_inflight(tandem_queue(hb->disk, 0)), 0);
}

/* Memory of the pool: the request's pages are the buffer's own. */
static void test_direct(void **state)
{
	struct handback *hb = *state;
	struct blkif_request_segment seg[11];
	struct blkif_req req;
	struct tandem_io io;
	uint8_t *buf;

	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 4 * 4096);
	submit(hb, &io, TANDEM_WRITE, buf + 1024, 2 * 4096, 512 * 7);
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(req.operation, BLKIF_OP_WRITE);
	assert_int_equal(req.sector_number, 7);
	assert_int_equal(req.handle, (uint16_t)RAWBE_DEVID);
	assert_int_equal(hb_segments(hb, &req, seg, 11), 3);
	assert_int_equal(seg[0].first_sect, 2);
	assert_int_equal(seg[0].last_sect, 7);
	assert_int_equal(seg[1].first_sect, 0);
	assert_int_equal(seg[1].last_sect, 7);
	assert_int_equal(seg[2].first_sect, 0);
	assert_int_equal(seg[2].last_sect, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(hb_page(hb, seg[i].gref), buf + i * 4096);
		assert_int_equal(seg[i].pad[0] | seg[i].pad[1], 0);
	}
	hb_okay(hb, 0, &req);
	finished(hb, &io, 0);
	tandem_free(hb->disk, buf);
}

/* Takes requests until `len` bytes are there; returns how many it were. */
static unsigned take_all(struct handback *hb, uint64_t sector, size_t len, size_t most)
{
	struct blkif_req req;
	size_t got = 0;
	unsigned n = 0;

	while (got < len) {
		size_t part;

		assert_true(hb_take(hb, 0, &req));
		assert_int_equal(req.sector_number, sector + got / 512);
		part = hb_length(hb, &req);
		assert_in_range(part, 512, most);
		got += part;
		n++;
		hb_okay(hb, 0, &req);
	}
	assert_int_equal(got, len);
	return n;
}

/* Split at the backend's limits, in order, however large. */
static void test_split(void **state)
{
	struct handback *hb = *state;
	struct tandem_io io;
	uint8_t *buf;

	hb_set(hb, "feature-max-indirect-segments", "20");
	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 8 << 20);
	submit(hb, &io, TANDEM_READ, buf, 11 * 4096, 0);
	assert_int_equal(take_all(hb, 0, 11 * 4096, 11 * 4096), 1);
	finished(hb, &io, 0);
	submit(hb, &io, TANDEM_READ, buf, 20 * 4096, 0);
	assert_int_equal(take_all(hb, 0, 20 * 4096, 20 * 4096), 1);
	finished(hb, &io, 0);
	submit(hb, &io, TANDEM_READ, buf + 512, 20 * 4096, 0);
	assert_int_equal(take_all(hb, 0, 20 * 4096, 20 * 4096), 2);
	finished(hb, &io, 0);
	/* more parts than the ring has slots */
	submit(hb, &io, TANDEM_WRITE, buf, 8 << 20, 4096);
	assert_int_equal(take_all(hb, 8, 8 << 20, 20 * 4096), 103);
	finished(hb, &io, 0);
}

static void test_indirect(void **state)
{
	static struct blkif_request_segment seg[4096];
	struct handback *hb = *state;
	struct blkif_req req;
	struct tandem_io io;
	uint8_t *buf;

	hb_set(hb, "feature-max-indirect-segments", "4096");
	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 4 << 20);
	submit(hb, &io, TANDEM_WRITE, buf, 4 << 20, 0);
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(req.operation, BLKIF_OP_INDIRECT);
	assert_int_equal(req.indirect_op, BLKIF_OP_WRITE);
	assert_int_equal(req.nr_segments, 1024);
	assert_int_equal(hb_segments(hb, &req, seg, 4096), 1024);
	for (unsigned i = 0; i < 1024; i++)
		assert_ptr_equal(hb_page(hb, seg[i].gref), buf + i * 4096);
	assert_int_equal(req.indirect_grefs[2], 0); /* two pages hold 1024 */
	hb_okay(hb, 0, &req);
	finished(hb, &io, 0);
}

/* Memory from elsewhere, or not on a sector: through bounce pages. */
static void bounced(struct handback *hb, uint8_t *buf, size_t len)
{
	struct blkif_request_segment seg[11];
	struct blkif_req req;
	struct tandem_io io;
	size_t at = 0;

	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 7 + i / 4096);
	submit(hb, &io, TANDEM_WRITE, buf, len, 0);
	assert_true(hb_take(hb, 0, &req));
	for (unsigned i = 0; i < hb_segments(hb, &req, seg, 11); i++) {
		uint8_t *page = hb_page(hb, seg[i].gref);
		size_t n = (seg[i].last_sect + 1u) * 512;

		assert_int_equal(seg[i].first_sect, 0);
		assert_true(page < buf || page >= buf + len);
		assert_memory_equal(page, buf + at, n);
		memset(page, 0xa5, n);
		at += n;
	}
	assert_int_equal(at, len);
	hb_okay(hb, 0, &req);
	finished(hb, &io, 0);
	/* what the backend did to its page is not the caller's */
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf[i], (uint8_t)(i * 7 + i / 4096));
	submit(hb, &io, TANDEM_READ, buf, len, 0);
	assert_true(hb_take(hb, 0, &req));
	for (unsigned i = 0; i < hb_segments(hb, &req, seg, 11); i++)
		memset(hb_page(hb, seg[i].gref), 0x40 + (int)i, 4096);
	hb_okay(hb, 0, &req);
	finished(hb, &io, 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(buf[i], 0x40 + i / 4096);
}

static void test_bounce(void **state)
{
	struct handback *hb = *state;
	uint8_t *heap = malloc(5 * 4096), *pool;

	hb_up(hb, NULL);
	pool = tandem_alloc(hb->disk, 5 * 4096);
	bounced(hb, heap + 5, 512);
	bounced(hb, heap + 5, 3 * 4096 + 512);
	bounced(hb, pool + 1, 4096);
	bounced(hb, pool + 511, 4 * 4096);
	free(heap);
}

/* Blocks of 4096 bytes: a buffer must lie on one, or is bounced. */
static void test_block_4096(void **state)
{
	struct handback *hb = *state;
	struct blkif_req req;
	struct tandem_io io;
	uint8_t *buf;

	hb_set(hb, "sector-size", "4096");
	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 4 * 4096);
	io = (struct tandem_io){ .op = TANDEM_READ, .buf = buf, .len = 512 };
	assert_int_equal(tandem_submit(tandem_queue(hb->disk, 0), &io), -EINVAL);
	bounced(hb, buf + 512, 8192);
	submit(hb, &io, TANDEM_READ, buf, 8192, 4096);
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(req.sector_number, 8); /* of 512 bytes all the same */
	assert_ptr_equal(hb_page(hb, req.seg[0].gref), buf);
	hb_okay(hb, 0, &req);
	finished(hb, &io, 0);
}

/* A queue of bounced I/O larger than all bounce pages, and longer than the ring. */
static void test_waiting(void **state)
{
	enum { N = 200, LEN = 64 * 4096 };
	struct tandem_io *io = calloc(N, sizeof(*io)), *done[N];
	struct handback *hb = *state;
	uint8_t *buf = malloc(LEN + 1);
	unsigned got = 0;
	struct blkif_req req;

	hb_up(hb, NULL);
	for (unsigned i = 0; i < N; i++)
		submit(hb, &io[i], TANDEM_READ, buf + 1, LEN, i * 512);
	assert_int_equal(tandem_inflight(tandem_queue(hb->disk, 0)), N);
	while (got < N) {
		while (ring_back_avail(&hb->be.q[0].ring) > 0) {
			assert_true(hb_take(hb, 0, &req));
			hb_okay(hb, 0, &req);
		}
		got += (unsigned)tandem_wait(tandem_queue(hb->disk, 0), done, 0, N, 0);
	}
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(io[i].result, 0);
	free(buf);
	free(io);
}

static void test_other_operations(void **state)
{
	struct handback *hb = *state;
	struct blkif_req req;
	struct tandem_io io;

	hb_set(hb, "discard-secure", "1");
	hb_up(hb, NULL);
	submit(hb, &io, TANDEM_FLUSH, NULL, 0, 0);
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(req.operation, BLKIF_OP_FLUSH_DISKCACHE);
	assert_int_equal(req.nr_segments, 0);
	hb_okay(hb, 0, &req);
	finished(hb, &io, 0);

	submit(hb, &io, TANDEM_DISCARD, NULL, 32 << 20, 4096);
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(req.operation, BLKIF_OP_DISCARD);
	assert_int_equal(req.flag, 0);
	assert_int_equal(req.sector_number, 8);
	assert_int_equal(req.nr_sectors, 65536);
	hb_answer(hb, 0, req.id, req.operation, BLKIF_RSP_ERROR);
	finished(hb, &io, -EIO);

	io = (struct tandem_io){ .op = TANDEM_DISCARD, .len = 512, .secure = true };
	assert_int_equal(tandem_submit(tandem_queue(hb->disk, 0), &io), 0);
	tandem_kick(tandem_queue(hb->disk, 0));
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(req.flag, BLKIF_DISCARD_SECURE);
	hb_answer(hb, 0, req.id, req.operation, BLKIF_RSP_EOPNOTSUPP);
	finished(hb, &io, -EOPNOTSUPP);
}

/* Only a barrier: an empty one flushes. Nothing at all: said at once. */
static void test_no_flush(void **state)
{
	struct handback *hb = *state;
	struct blkif_req req;
	struct tandem_io io;

	hb_set(hb, "feature-flush-cache", "0");
	hb_set(hb, "feature-barrier", "1");
	hb_set(hb, "feature-discard", NULL);
	hb_up(hb, NULL);
	submit(hb, &io, TANDEM_FLUSH, NULL, 0, 0);
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(req.operation, BLKIF_OP_WRITE_BARRIER);
	assert_int_equal(req.nr_segments, 0);
	hb_okay(hb, 0, &req);
	finished(hb, &io, 0);
	assert_int_equal(tandem_discard(hb->disk, 0, 512), -EOPNOTSUPP);
}

/* One bad part makes the I/O bad, once all parts are back. */
static void test_part_fails(void **state)
{
	struct tandem_io io, *done[1];
	struct handback *hb = *state;
	struct blkif_req req[3];
	uint8_t *buf;

	hb_set(hb, "feature-max-indirect-segments", "0");
	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 33 * 4096);
	submit(hb, &io, TANDEM_READ, buf, 33 * 4096, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(hb_take(hb, 0, &req[i]));
	hb_answer(hb, 0, req[1].id, BLKIF_OP_READ, BLKIF_RSP_ERROR);
	hb_okay(hb, 0, &req[2]);
	assert_int_equal(tandem_wait(tandem_queue(hb->disk, 0), done, 1, 1, 20000), 0);
	hb_okay(hb, 0, &req[0]);
	finished(hb, &io, -EIO);
}

/* The granted pool: page-granular, reused, and at its end NULL. */
static void test_pool(void **state)
{
	const struct tandem_opts opts = { .pool_bytes = 1 << 20 };
	struct handback *hb = *state;
	uint8_t *a, *b, *c;

	hb_up(hb, &opts);
	a = tandem_alloc(hb->disk, 1);
	b = tandem_alloc(hb->disk, 4097);
	c = tandem_alloc(hb->disk, 4096);
	assert_int_equal((uintptr_t)a % 4096, 0);
	assert_ptr_equal(b, a + 4096);
	assert_ptr_equal(c, b + 8192);
	assert_null(tandem_alloc(hb->disk, 0));
	assert_null(tandem_alloc(hb->disk, (1 << 20) - 3 * 4096));
	assert_null(tandem_alloc(hb->disk, SIZE_MAX));
	tandem_free(hb->disk, b);
	tandem_free(hb->disk, NULL);
	assert_ptr_equal(tandem_alloc(hb->disk, 8192), b);
	assert_null(tandem_alloc(hb->disk, (1 << 20) - 3 * 4096));
	tandem_free(hb->disk, a);
	tandem_free(hb->disk, b);
	tandem_free(hb->disk, c);
	assert_ptr_equal(tandem_alloc(hb->disk, 1 << 20), a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_direct, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_split, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_indirect, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_bounce, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_block_4096, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_waiting, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_other_operations, hb_setup,
						hb_teardown),
		cmocka_unit_test_setup_teardown(test_no_flush, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_part_fails, hb_setup, hb_teardown),
		cmocka_unit_test_setup_teardown(test_pool, hb_setup, hb_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
