/* SPDX-License-Identifier: MIT */
/* pcdisk on block drivers: a worker's thread, results over the descriptor, the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/pc/pcdisk.h"
#include "backends/worker.h"
#include "tests/lib/blkrig.h"
#include "tests/lib/idehost.h"

#define IOS   600u /* more than the fault driver has room for */
#define BLOCK 8192u

struct ask {
	struct pcdisk_io io; /* first */
	struct iovec iov[2];
	uint8_t data[BLOCK];
	int result;
	unsigned dones;
};

static struct worker *worker;
static struct blkdrv *dev;
static struct pcdisk *disk;
static struct ask ask[IOS];
static unsigned done, again;

static void start_on(const char *driver, const char *target, const char *options)
{
	const struct blkdrv_params p = { .driver = driver,
					 .target = target,
					 .options = options };

	dev = blkrig_open(&p);
	assert_int_equal(worker_new(&worker, 20000, -1), 0);
	assert_int_equal(worker_run(worker), 0);
	assert_int_equal(pcdisk_new(worker, dev, &disk), 0);
	memset(ask, 0, sizeof(ask));
	done = again = 0;
}

static void start(const char *driver, const char *options)
{
	start_on(driver, "8M", options);
}

static void stop(void)
{
	pcdisk_free(disk);
	worker_free(worker);
	blkrig_close(dev);
}

static void submit(struct ask *a, enum blkdrv_op op, uint64_t offset, uint32_t len);

static void finished(struct pcdisk_io *io, int result)
{
	struct ask *a = (struct ask *)io;

	a->result = result;
	a->dones++;
	done++;
	if (again) {
		again--;
		submit(a, BLKDRV_READ, 0, BLOCK);
	}
}

static void submit(struct ask *a, enum blkdrv_op op, uint64_t offset, uint32_t len)
{
	a->iov[0] = (struct iovec){ a->data, len / 2 };
	a->iov[1] = (struct iovec){ a->data + len / 2, len - len / 2 };
	memset(&a->io.io, 0, sizeof(a->io.io));
	a->io.io.op = op;
	a->io.io.offset = offset;
	a->io.io.len = len;
	a->io.io.iov = a->iov;
	a->io.io.iovcnt = 2;
	a->io.done = finished;
	a->result = 1;
	disk->ops->submit(disk, &a->io);
}

/* As the board's loop does. */
static void wait_for(unsigned n)
{
	while (done < n) {
		struct pollfd p = { .fd = pcdisk_fd(disk), .events = POLLIN };

		assert_int_equal(poll(&p, 1, 20000), 1);
		pcdisk_complete(disk);
	}
	assert_int_equal(done, n);
}

static void test_moves(void **state)
{
	(void)state;
	start("ram", NULL);
	assert_int_equal(disk->info.size, 8u << 20);
	for (unsigned i = 0; i < IOS; i++) {
		memset(ask[i].data, (int)i + 1, BLOCK);
		submit(&ask[i], BLKDRV_WRITE, i * BLOCK, BLOCK);
	}
	wait_for(IOS);
	submit(&ask[0], BLKDRV_FLUSH, 0, 0);
	wait_for(IOS + 1);
	for (unsigned i = 0; i < IOS; i++) {
		memset(ask[i].data, 0, BLOCK);
		submit(&ask[i], BLKDRV_READ, (IOS - 1 - i) * BLOCK, BLOCK);
	}
	wait_for(2 * IOS + 1);
	for (unsigned i = 0; i < IOS; i++) {
		assert_int_equal(ask[i].result, 0);
		assert_int_equal(ask[i].data[0], (IOS - i) & 0xff);
		assert_int_equal(ask[i].data[BLOCK - 1], (IOS - i) & 0xff);
	}
	/* one after the other: each wakes a worker that may sleep */
	for (unsigned i = 0; i < 200; i++) {
		submit(&ask[0], BLKDRV_READ, 0, 512);
		wait_for(2 * IOS + 2 + i);
	}
	stop();
}

static void test_checks(void **state)
{
	static const struct {
		enum blkdrv_op op;
		uint64_t offset;
		uint32_t len;
		int result;
	} bad[] = {
		{ BLKDRV_READ, 0, 0, -EINVAL },
		{ BLKDRV_READ, 0, 100, -EINVAL },
		{ BLKDRV_READ, 3, 512, -EINVAL },
		{ BLKDRV_READ, 8u << 20, 512, -EINVAL },
		{ BLKDRV_READ, UINT64_MAX - 511, 512, -EINVAL },
		{ BLKDRV_READ, (8u << 20) - 512, 1024, -EINVAL },
		{ BLKDRV_DISCARD, 0, 512, -EINVAL },
		{ BLKDRV_READ, (8u << 20) - 512, 512, 0 },
	};

	(void)state;
	start("ram", NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		submit(&ask[0], bad[i].op, bad[i].offset, bad[i].len);
		wait_for(i + 1);
		assert_int_equal(ask[0].result, bad[i].result);
	}
	disk->info.readonly = true;
	submit(&ask[0], BLKDRV_WRITE, 0, 512);
	done = 0;
	wait_for(1);
	assert_int_equal(ask[0].result, -EROFS);
	/* a driver without a flush has nothing to flush */
	dev->info.flush = false;
	submit(&ask[0], BLKDRV_FLUSH, 0, 0);
	wait_for(2);
	assert_int_equal(ask[0].result, 0);
	stop();
}

/* What is in flight comes back before the end, and what is sent on then fails. */
static void test_end(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		start("ram", NULL);
		again = round * 3;
		for (unsigned i = 0; i < IOS; i++)
			submit(&ask[i], BLKDRV_READ, i * BLOCK, BLOCK);
		stop();
		assert_int_equal(done, IOS + round * 3);
		assert_int_equal(again, 0);
		for (unsigned i = 0; i < IOS; i++)
			assert_true(ask[i].result == 0 || ask[i].result == -ENODEV);
	}
	pcdisk_free(NULL);
}

/* No room in the driver, then: those that wait go on. */
static void test_slow(void **state)
{
	(void)state;
	start("fault", "inner=ram,delay-every=1,delay-us=2000");
	for (unsigned i = 0; i < IOS; i++)
		submit(&ask[i], BLKDRV_WRITE, i * BLOCK, BLOCK);
	wait_for(IOS);
	for (unsigned i = 0; i < IOS; i++)
		submit(&ask[i], BLKDRV_READ, i * BLOCK, BLOCK);
	stop();
	assert_int_equal(done, 2 * IOS);
	for (unsigned i = 0; i < IOS; i++)
		assert_int_equal(ask[i].result, 0);
}

/* A controller on it: DMA of n sectors, until the line says that it is over. */
static void ide_dma(struct idehost *h, uint8_t command, unsigned lba, unsigned n)
{
	const struct idehost_prd prd[] = { { 0x100000, 0 },
					   { 0x120002, 0x8000 },
					   { 0x138002, 0x8000 },
					   { 0x150000, 0 } };

	idehost_table(h, 0, prd, 4);
	idehost_command_ext(h, 0, command, lba, n);
	idehost_start(h, 0, command == 0x25);
	while (!idehost_irq(h, 0)) {
		struct pollfd p = { .fd = pcdisk_fd(disk), .events = POLLIN };

		assert_int_equal(poll(&p, 1, 20000), 1);
		pcdisk_complete(disk);
	}
	assert_int_equal(idehost_in(h, 0, 7), 0x50);
	idehost_bm_out(h, 0, 0, 1, 0);
}

static void ide_on(const char *driver, const char *target)
{
	const unsigned n = 3 * 65536 / 512;
	uint8_t *data = malloc(0x60000);
	struct idehost h;

	assert_non_null(data);
	start_on(driver, target, NULL);
	idehost_open(&h);
	assert_int_equal(ide_attach_disk(h.ide, 0, disk, "1"), 0);
	for (unsigned round = 0; round < 5; round++) {
		blkrig_fill(h.f->ram + 0x100000, 0x60000, round + 1);
		memcpy(data, h.f->ram + 0x100000, 0x60000);
		ide_dma(&h, 0x35, 1000 * round, n);
		memset(h.f->ram + 0x100000, 0, 0x60000);
		ide_dma(&h, 0x25, 1000 * round, n);
		assert_memory_equal(h.f->ram + 0x100000, data, 0x10000);
		assert_memory_equal(h.f->ram + 0x120002, data + 0x20002, 0x8000);
		assert_memory_equal(h.f->ram + 0x138002, data + 0x38002, 0x8000);
		assert_memory_equal(h.f->ram + 0x150000, data + 0x50000, 0x10000);
	}
	/* the end in the middle of a command: it gives up, and lets go of its memory */
	idehost_command_ext(&h, 0, 0x25, 0, n);
	idehost_bm_out(&h, 0, 4, 4, IDEHOST_TABLE);
	idehost_start(&h, 0, true);
	stop();
	assert_true(idehost_irq(&h, 0));
	assert_int_equal(idehost_in(&h, 0, 7), 0x51);
	idehost_close(&h);
	free(data);
}

static void test_ide(void **state)
{
	char path[] = "/tmp/pc_disk.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8 << 20), 0);
	close(fd);
	ide_on("ram", "8M");
	ide_on("uring", path);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves), cmocka_unit_test(test_checks),
		cmocka_unit_test(test_end),   cmocka_unit_test(test_slow),
		cmocka_unit_test(test_ide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
