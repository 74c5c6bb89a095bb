/* SPDX-License-Identifier: MIT */
/* The fault driver does what its options say, to the count and each time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/block/drv_fault.h"
#include "tests/lib/blkrig.h"

#define BLOCK 4096u

static struct blkdrv *open_fault(const char *options)
{
	struct blkdrv_params p = { .driver = "fault",
				   .target = "16M",
				   .options = options };

	return blkrig_open(&p);
}

static void refuse(const char *options, const char *say)
{
	struct blkdrv_params p = { .driver = "fault",
				   .target = "16M",
				   .options = options };
	struct blkdrv *dev;
	char *why = NULL;

	assert_int_not_equal(blkrig_try_open(&p, &dev, &why), 0);
	assert_non_null(why);
	if (!strstr(why, say))
		fail_msg("'%s' is not in '%s'", say, why);
	free(why);
}

static void test_bad_options(void **state)
{
	(void)state;
	refuse(NULL, "inner=");
	refuse("", "inner=");
	refuse("inner=fault", "inner=");
	refuse("inner=nosuch", "nosuch");
	refuse("inner=ram,read-error=x", "read-error=x");
	refuse("inner=ram,read-error", "read-error");
	refuse("inner=ram,frobnicate=1", "frobnicate");
	refuse("inner=ram,enospc-after=lots", "enospc-after=lots");
	refuse("inner=ram,target=12x", "12x");
	refuse("inner=ram,"
	       "a-key-that-is-longer-than-any-key-which-could-be-meant=1",
	       "a-key");
}

/* Results of n I/Os of one kind, one after the other. */
static void results(struct blkrig *rig, enum blkdrv_op op, int *res, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		res[i] = blkrig_one(rig, op, (uint64_t)i * BLOCK, rig->mem,
				    op == BLKDRV_FLUSH ? 0 : BLOCK);
}

static void test_every_nth(void **state)
{
	static const struct {
		const char *options;
		enum blkdrv_op op;
		unsigned every;
	} cases[] = {
		{ "inner=ram,read-error=3", BLKDRV_READ, 3 },
		{ "inner=ram,write-error=1", BLKDRV_WRITE, 1 },
		{ "inner=ram,flush-error=2", BLKDRV_FLUSH, 2 },
		{ "inner=ram,discard-error=5", BLKDRV_DISCARD, 5 },
	};
	int res[20], other[20];

	(void)state;
	for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct blkdrv *dev = open_fault(cases[c].options);
		struct blkrig rig;

		blkrig_start(&rig, dev, 0);
		results(&rig, (cases[c].op + 1) % 4, other, 20);
		results(&rig, cases[c].op, res, 20);
		for (unsigned i = 0; i < 20; i++) {
			assert_int_equal(other[i], 0);
			assert_int_equal(res[i], (i + 1) % cases[c].every ? 0 : -EIO);
		}
		blkrig_stop(&rig);
		blkrig_close(dev);
	}
}

/* A failed write leaves nothing behind, a torn one whole sectors from its start
 * and not all of them. */
static void test_torn_write(void **state)
{
	struct blkdrv *dev = open_fault("inner=ram,torn-write=2,seed=0");
	struct blkrig rig;
	unsigned partial = 0;
	struct iovec iov[3];

	(void)state;
	blkrig_start(&rig, dev, 0);
	for (unsigned i = 0; i < 40; i++) {
		struct blkrig_io r = { .io = { .op = BLKDRV_WRITE,
					       .offset = i * BLOCK,
					       .len = BLOCK,
					       .iov = iov,
					       .iovcnt = 3 } };
		unsigned n = 0;

		memset(rig.mem, 0x11 + (int)i, BLOCK);
		iov[0] = (struct iovec){ rig.mem, 512 };
		iov[1] = (struct iovec){ rig.mem + 512, 2048 };
		iov[2] = (struct iovec){ rig.mem + 2560, 1536 };
		blkrig_run(&rig, &r, 1);
		assert_int_equal(r.result, i % 2 ? -EIO : 0);
		assert_int_equal(blkrig_one(&rig, BLKDRV_READ, i * BLOCK, rig.mem + BLOCK,
					    BLOCK),
				 0);
		while (n < BLOCK && rig.mem[BLOCK + n] == 0x11 + i)
			n++;
		assert_int_equal(n % 512, 0);
		assert_true(i % 2 ? n < BLOCK : n == BLOCK);
		partial += n > 0 && n < BLOCK;
		for (; n < BLOCK; n++)
			assert_int_equal(rig.mem[BLOCK + n], 0);
	}
	assert_true(partial >= 5);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

static void test_enospc_after(void **state)
{
	struct blkdrv *dev = open_fault("inner=ram,enospc-after=10K");
	struct blkrig rig;
	int res[4];

	(void)state;
	blkrig_start(&rig, dev, 0);
	memset(rig.mem, 0x33, BLOCK);
	results(&rig, BLKDRV_WRITE, res, 4);
	assert_int_equal(res[0], 0);
	assert_int_equal(res[1], 0);
	assert_int_equal(res[2], -ENOSPC);
	assert_int_equal(res[3], -ENOSPC);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 3 * BLOCK, rig.mem, 2048), 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 2 * BLOCK, rig.mem, BLOCK), 0);
	assert_int_equal(rig.mem[0], 0);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

/* With a seed: about one in n, other ones for another seed, and always the same. */
static void test_seed(void **state)
{
	static int a[400], b[400], c[400];
	const char *options[] = { "inner=ram,read-error=4,seed=7",
				  "inner=ram,read-error=4,seed=7",
				  "inner=ram,read-error=4,seed=8" };
	int *res[] = { a, b, c };
	unsigned failed = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct blkdrv *dev = open_fault(options[i]);
		struct blkrig rig;

		blkrig_start(&rig, dev, 0);
		results(&rig, BLKDRV_READ, res[i], 400);
		blkrig_stop(&rig);
		blkrig_close(dev);
	}
	for (int i = 0; i < 400; i++)
		failed += a[i] != 0;
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
	assert_in_range(failed, 60, 140);
}

static long ms_of(struct blkrig *rig, uint64_t offset)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(blkrig_one(rig, BLKDRV_READ, offset, rig->mem, BLOCK), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

/* Delays hold the answer back, each its own: sixteen at once take one delay. */
static void test_delay(void **state)
{
	struct blkdrv *dev = open_fault("inner=ram,delay-us=40000,delay-every=2");
	struct blkdrv *stuck = open_fault("inner=ram,stuck-every=1,stuck-ms=60");
	struct timespec a, b;
	struct blkrig_io ios[16];
	struct iovec iov[16];
	struct blkrig rig;
	long ms;

	(void)state;
	blkrig_start(&rig, dev, 0);
	assert_true(ms_of(&rig, 0) < 40);
	assert_true(ms_of(&rig, 0) >= 39);
	memset(ios, 0, sizeof(ios));
	for (unsigned i = 0; i < 16; i++) {
		iov[i] = (struct iovec){ rig.mem + i * BLOCK, BLOCK };
		ios[i].io = (struct blkdrv_io){
			.op = BLKDRV_READ, .len = BLOCK, .iov = &iov[i], .iovcnt = 1
		};
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	blkrig_run(&rig, ios, 16);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	assert_in_range(ms, 39, 300);
	blkrig_stop(&rig);
	blkrig_close(dev);

	blkrig_start(&rig, stuck, 0);
	assert_true(ms_of(&rig, 0) >= 59);
	blkrig_stop(&rig);
	blkrig_close(stuck);
}

/* The log has what the inner driver got, in order, and nothing else. */
static void test_log(void **state)
{
	static const uint8_t kinds[] = { FAULT_LOG_OPEN, FAULT_LOG_BEGIN, FAULT_LOG_END,
					 FAULT_LOG_BEGIN, FAULT_LOG_END };
	char path[] = "/tmp/tandem-fault-log.XXXXXX", options[128];
	int fd = mkstemp(path);
	struct blkdrv_params p = { .driver = "fault", .target = "16M" };
	struct fault_record r[8];
	char *why = NULL;
	uint8_t data[BLOCK];
	struct blkdrv *dev;
	struct blkrig rig;

	(void)state;
	assert_true(fd >= 0);
	snprintf(options, sizeof(options), "inner=ram,write-error=2,log=%s", path);
	dev = open_fault(options);
	unlink(path);
	blkrig_start(&rig, dev, 0);
	memset(rig.mem, 0x5a, BLOCK);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, BLOCK, rig.mem, BLOCK), 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, BLOCK), -EIO);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem, BLOCK), 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_FLUSH, 0, NULL, 0), 0);
	blkrig_stop(&rig);
	blkrig_close(dev);

	assert_int_equal(read(fd, r, 2 * sizeof(r[0])), 2 * sizeof(r[0]));
	assert_int_equal(read(fd, data, BLOCK), BLOCK);
	assert_int_equal(read(fd, r + 2, 6 * sizeof(r[0])), 3 * sizeof(r[0]));
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(r[i].magic, FAULT_LOG_MAGIC);
		assert_int_equal(r[i].kind, kinds[i]);
		assert_int_equal(r[i].result, 0);
		assert_int_equal(r[i].id, (i + 1) / 2);
	}
	assert_int_equal(r[1].op, BLKDRV_WRITE);
	assert_int_equal(r[1].offset, BLOCK);
	assert_int_equal(r[1].len, BLOCK);
	assert_int_equal(data[0] + data[BLOCK - 1], 2 * 0x5a);
	assert_int_equal(r[3].op, BLKDRV_FLUSH);
	close(fd);
	p.options = "inner=ram,log=/nonexistent/log";
	assert_int_equal(blkrig_try_open(&p, &dev, &why), -ENOENT);
	free(why);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_options), cmocka_unit_test(test_every_nth),
		cmocka_unit_test(test_torn_write),  cmocka_unit_test(test_enospc_after),
		cmocka_unit_test(test_seed),	    cmocka_unit_test(test_delay),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
