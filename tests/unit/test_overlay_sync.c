/* SPDX-License-Identifier: MIT */
/* A flush of the overlay settles what was written before it, and nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/block/zimage/overlay.h"

#define UNIT 512u
#define DISK (128u * UNIT)

static struct overlay_base the_base = { .file_size = 4711,
					.size = DISK,
					.id = { 1, 2, 3 } };

/* A sync during which another sector of the same map word is written. */
struct intruder {
	struct overlay_io plain;
	struct overlay *ov;
	unsigned sector;
};

static int intruding_sync(void *ctx, int fd)
{
	struct intruder *in = ctx;
	uint8_t buf[UNIT] = { 9 };
	struct iovec iov = { buf, UNIT };

	(void)fd;
	if (in->ov)
		assert_int_equal(overlay_write(in->ov, in->sector++ * UNIT, UNIT, &iov,
					       1),
				 0);
	return 0;
}

static int intruder_write(void *ctx, int fd, const struct iovec *iov, int n, uint64_t off)
{
	(void)ctx;
	return pwritev(fd, iov, n, (off_t)off) < 0 ? -errno : 0;
}

static int intruder_resize(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return ftruncate(fd, (off_t)size) ? -errno : 0;
}

static int intruder_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	(void)ctx;
	(void)fd;
	(void)off;
	(void)len;
	return -EOPNOTSUPP;
}

/* Written while a flush syncs: that flush must not settle it, whether what it
 * does settle was written now or found at opening. */
static void test_written_during_sync(void **state)
{
	struct intruder in = { .sector = 1 };
	struct overlay_io io = { &in, intruder_write, intruding_sync, intruder_punch,
				 intruder_resize };
	uint8_t boot[OVERLAY_BOOT_LEN] = { 1 }, buf[UNIT] = { 7 };
	struct iovec iov = { buf, UNIT };
	int fd = memfd_create("overlay", MFD_CLOEXEC), copy = dup(fd);
	struct overlay_stat st;
	struct overlay *ov;

	(void)state;
	assert_int_equal(overlay_open(fd, false, &the_base, boot, &io, &ov, NULL), 0);
	assert_false(overlay_can_discard(ov));
	assert_int_equal(overlay_write(ov, 0, UNIT, &iov, 1), 0);
	in.ov = ov;
	assert_int_equal(overlay_flush(ov), 0); /* two syncs */
	in.ov = NULL;
	overlay_stats(ov, &st);
	assert_int_equal(st.settled, 1);
	assert_int_equal(st.pending, 2);
	/* As after a kill: nothing flushed, opened again in the same boot. The
	 * lock goes with the description, which dup() shares. */
	struct overlay *again;

	assert_int_equal(overlay_open(copy, false, &the_base, boot, &io, &again, NULL),
			 0);
	in.ov = again;
	assert_int_equal(overlay_flush(again), 0);
	in.ov = NULL;
	overlay_stats(again, &st);
	assert_int_equal(st.settled, 3);
	assert_int_equal(st.pending, 2);
	assert_int_equal(overlay_close(again), 0);
	assert_int_equal(overlay_close(ov), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_during_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
