/* SPDX-License-Identifier: MIT */
/* Pieces of an I/O, where bounce buffers are scarce. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/block/rawbounce.h"
#include "backends/block/rawqueue.h"

#define IOVECS (IOV_MAX + 1)

/*
 * More iovecs than one piece takes, and only the last of them is not aligned:
 * when that one's turn comes, it is too late to wait for a buffer. So the I/O
 * has one from its start, or is not begun.
 */
static void test_buffer_from_the_start(void **state)
{
	struct blkdrv_io io = { .op = BLKDRV_WRITE };
	struct blkdrv dev = { .info = { .sector_size = 512 } };
	struct rawqueue rq = { .q = { .dev = &dev }, .bounce = rawbounce_new(4096, 512) };
	struct iovec *iov = calloc(IOVECS, sizeof(*iov));
	uint8_t *mem = aligned_alloc(4096, (size_t)IOVECS * 8192);
	struct rawxfer x = { 0 };
	struct rawpiece piece;

	(void)state;
	assert_true(iov && mem && rq.bounce);
	for (size_t i = 0; i < IOVECS; i++)
		iov[i] = (struct iovec){ mem + i * 8192 + (i == IOVECS - 1 ? 512 : 0),
					 512 };
	io.iov = iov;
	io.iovcnt = IOVECS;
	io.len = (uint64_t)IOVECS * 512;
	rq.bounce->free = 0;
	assert_int_equal(rawxfer_next(&rq, &io, &x, &piece), -EAGAIN);
	rq.bounce->free = 1;
	assert_int_equal(rawxfer_next(&rq, &io, &x, &piece), 0);
	while (rawxfer_took(&rq, &io, &x, (int)x.asked) == 1)
		assert_int_equal(rawxfer_next(&rq, &io, &x, &piece), 0);
	assert_int_equal(x.done, io.len);
	assert_int_equal(rq.bounce->free, 1);
	rawbounce_free(rq.bounce);
	free(iov);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer_from_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
