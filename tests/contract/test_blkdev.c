/* SPDX-License-Identifier: MIT */
/* Block devices as raw disks: what files do not have. Root only. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/block/rawfile.h"
#include "tests/lib/blkcase.h"
#include "tests/lib/blkrig.h"
#include "tests/lib/loopdev.h"

#define MIB (1u << 20)

struct disk {
	char dir[PATH_MAX / 2], file[PATH_MAX], dev[32];
	int loop;
};

static int disk_setup_block(void **state, uint32_t block)
{
	struct disk *d = calloc(1, sizeof(*d));
	int fd;

	blkcase_mkdir(PLACE_DISK, d->dir, sizeof(d->dir));
	snprintf(d->file, sizeof(d->file), "%s/image", d->dir);
	fd = open(d->file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && !ftruncate(fd, 4 * MIB));
	close(fd);
	d->loop = loopdev_attach(d->file, block, d->dev, sizeof(d->dev));
	assert_true(d->loop >= 0);
	*state = d;
	return 0;
}

static int disk_setup(void **state)
{
	return disk_setup_block(state, 512);
}

static int disk_setup_4k(void **state)
{
	return disk_setup_block(state, 4096);
}

static int disk_teardown(void **state)
{
	struct disk *d = *state;

	close(d->loop);
	unlink(d->file);
	rmdir(d->dir);
	free(d);
	return 0;
}

static struct blkdrv_params params(const struct disk *d)
{
	return (struct blkdrv_params){ .driver = "uring",
				       .target = d->dev,
				       .direct = true };
}

/* What somebody else has claimed (a mount, a RAID) is not written to. */
static void test_claimed_device(void **state)
{
	struct disk *d = *state;
	struct blkdrv_params p = params(d);
	int other = open(d->dev, O_RDWR | O_EXCL | O_CLOEXEC);
	struct blkdrv *dev;
	char *why;

	assert_true(other >= 0);
	assert_int_equal(blkrig_try_open(&p, &dev, &why), -EBUSY);
	p.readonly = true;
	blkrig_close(blkrig_open(&p));
	close(other);
	p.readonly = false;
	dev = blkrig_open(&p);
	other = open(d->dev, O_RDWR | O_EXCL | O_CLOEXEC);
	assert_true(other < 0 && errno == EBUSY);
	blkrig_close(dev);
}

static void test_sizes(void **state)
{
	struct disk *d = *state;
	struct blkdrv_params p = params(d);
	struct blkdrv *dev = blkrig_open(&p);

	assert_int_equal(dev->info.size, 4 * MIB);
	assert_int_equal(dev->info.sector_size, 512);
	assert_true(dev->info.direct);
	assert_true(dev->info.discard);
	/* a loop device's is its file system's block */
	assert_true(dev->info.discard_granularity >= 4096);
	assert_int_equal(truncate(d->file, 6 * MIB), 0);
	assert_int_equal(loopdev_resized(d->loop), 0);
	assert_int_equal(dev->ops->refresh(dev), 0);
	assert_int_equal(dev->info.size, 6 * MIB);
	blkrig_close(dev);
}

/* The disk's own block where none is asked for; smaller ones by the page cache. */
static void test_block_size(void **state)
{
	struct disk *d = *state;
	struct blkdrv_params p = params(d);
	struct blkdrv *dev = blkrig_open(&p);
	struct blkrig rig;

	assert_int_equal(dev->info.sector_size, 4096);
	assert_true(dev->info.direct);
	blkrig_start(&rig, dev, 0);
	memset(rig.mem, 0xaa, 4096);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, 4096), 0);
	blkrig_stop(&rig);
	blkrig_close(dev);

	p.sector_size = 512;
	dev = blkrig_open(&p);
	assert_int_equal(dev->info.sector_size, 512);
	assert_false(dev->info.direct);
	blkrig_start(&rig, dev, 0);
	memset(rig.mem, 0xbb, 512);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 512, rig.mem, 512), 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem, 4096), 0);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(rig.mem[i], i / 512 == 1 ? 0xbb : 0xaa);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

/* Discards by io_uring and by the thread: both leave a hole in the file. */
static void test_discard_ways(void **state)
{
	enum { N = 16 };
	struct disk *d = *state;
	struct blkdrv_params p = params(d);
	struct blkdrv *dev = blkrig_open(&p);
	struct blkrig_io ios[N];
	struct blkrig rig;

	blkrig_start(&rig, dev, 0);
	for (int way = 0; way < 2; way++) {
		((struct rawfile *)dev)->no_uring_discard = way;
		memset(rig.mem, 0x77, 4 * MIB);
		assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, 4 * MIB), 0);
		memset(ios, 0, sizeof(ios));
		for (unsigned i = 0; i < N; i++)
			ios[i].io = (struct blkdrv_io){ .op = BLKDRV_DISCARD,
							.offset = i * 131072u,
							.len = 65536 };
		blkrig_run(&rig, ios, N);
		assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem, 4 * MIB), 0);
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(ios[i].result, 0);
			assert_int_equal(rig.mem[i * 131072u], 0);
			assert_int_equal(rig.mem[i * 131072u + 65535], 0);
			assert_int_equal(rig.mem[i * 131072u + 65536], 0x77);
		}
	}
	blkrig_stop(&rig);
	blkrig_close(dev);
}

/* A loop device erases nothing: it is not offered, and asked for all the same
 * it is an error of that request. */
static void test_secure_discard(void **state)
{
	struct disk *d = *state;
	struct blkdrv_params p = params(d);
	struct blkdrv *dev = blkrig_open(&p);
	struct blkrig_io r = {
		.io = { .op = BLKDRV_DISCARD, .len = 65536, .secure = true }
	};
	struct blkrig rig;

	assert_false(dev->info.discard_secure);
	blkrig_start(&rig, dev, 0);
	blkrig_run(&rig, &r, 1);
	assert_int_equal(r.result, -EOPNOTSUPP);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define DISK_TEST(f) cmocka_unit_test_setup_teardown(f, disk_setup, disk_teardown)
		DISK_TEST(test_claimed_device),
		DISK_TEST(test_sizes),
		cmocka_unit_test_setup_teardown(test_block_size, disk_setup_4k,
						disk_teardown),
		DISK_TEST(test_discard_ways),
		DISK_TEST(test_secure_discard),
	};

	if (access("/dev/loop-control", R_OK | W_OK)) {
		printf("skipped: loop devices are root's, and there is no other block "
		       "device to test on\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
