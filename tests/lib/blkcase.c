/* SPDX-License-Identifier: MIT */
/* Files for the driver contract. */
#include "tests/lib/blkcase.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/block/zimage/overlay.h"
#include "backends/block/zimage/zwriter.h"
#include "tests/lib/blkrig.h"
#include "tests/lib/loopdev.h"

static const struct blkcase cases[] = {
	{ .name = "ram", .driver = "ram" },
	{ .name = "uring, disk, direct",
	  .driver = "uring",
	  .place = PLACE_DISK,
	  .direct = true },
	{ .name = "uring, disk, direct, 4096-byte blocks",
	  .driver = "uring",
	  .place = PLACE_DISK,
	  .direct = true,
	  .sector_size = 4096 },
	{ .name = "uring, disk, page cache", .driver = "uring", .place = PLACE_DISK },
	{ .name = "uring, tmpfs", .driver = "uring", .place = PLACE_MEMORY },
	{ .name = "uring, nothing registered",
	  .driver = "uring",
	  .place = PLACE_DISK,
	  .direct = true,
	  .options = "fixed=off" },
	{ .name = "uring, bounced",
	  .driver = "uring",
	  .place = PLACE_DISK,
	  .direct = true,
	  .options = "mem-align=4096" },
	{ .name = "aio, disk, direct",
	  .driver = "aio",
	  .place = PLACE_DISK,
	  .direct = true },
	{ .name = "aio, bounced",
	  .driver = "aio",
	  .place = PLACE_DISK,
	  .direct = true,
	  .options = "mem-align=4096" },
	{ .name = "aio, tmpfs", .driver = "aio", .place = PLACE_MEMORY },
	{ .name = "uring, block device",
	  .driver = "uring",
	  .place = PLACE_LOOP,
	  .direct = true,
	  .sector_size = 512 },
	{ .name = "uring, block device, 4096-byte blocks",
	  .driver = "uring",
	  .place = PLACE_LOOP,
	  .direct = true,
	  .sector_size = 4096 },
	{ .name = "aio, block device, 4096-byte blocks",
	  .driver = "aio",
	  .place = PLACE_LOOP,
	  .direct = true,
	  .sector_size = 4096 },
	{ .name = "fault on ram", .driver = "fault", .options = "inner=ram" },
	{ .name = "fault on uring",
	  .driver = "fault",
	  .place = PLACE_DISK,
	  .direct = true,
	  .options = "inner=uring,delay-us=50,delay-every=7" },
	{ .name = "fault on aio",
	  .driver = "fault",
	  .place = PLACE_DISK,
	  .direct = true,
	  .options = "inner=aio" },
	{ .name = "zstd with overlay", .driver = "zstd", .place = PLACE_DISK },
	{ .name = "zstd with overlay, 4096-byte blocks, tmpfs, no cache",
	  .driver = "zstd",
	  .place = PLACE_MEMORY,
	  .sector_size = 4096,
	  .options = "cache=0,threads=1" },
};

const struct blkcase *blkcase_nth(unsigned i)
{
	return i < sizeof(cases) / sizeof(cases[0]) ? &cases[i] : NULL;
}

void blkcase_mkdir(enum blkcase_place place, char *dir, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	if (place == PLACE_MEMORY && !access("/dev/shm", W_OK))
		tmp = "/dev/shm";
	snprintf(dir, size, "%s/tandem-blk.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
}

/* A compressed image of zeros. */
static int zeros_read(void *ctx, unsigned thread, uint64_t off, void *buf, size_t len)
{
	(void)ctx;
	(void)thread;
	(void)off;
	(void)buf;
	(void)len;
	return 1;
}

static bool no_progress(void *ctx, uint64_t done)
{
	(void)ctx;
	(void)done;
	return true;
}

static void blkcase_compress(int fd)
{
	struct zwriter w = { .fd = fd,
			     .frame_size = ZIMAGE_FRAME_DEFAULT,
			     .level = 1,
			     .threads = 1,
			     .size = BLKCASE_SIZE,
			     .read = zeros_read,
			     .progress = no_progress };
	enum zwriter_where where;

	assert_int_equal(zwriter_run(&w, &where), 0);
}

const char *blkcase_impossible(const struct blkcase *c)
{
	if (!blkdrv_find(c->driver))
		return "no such driver in this build";
	if (c->place == PLACE_LOOP && access("/dev/loop-control", R_OK | W_OK))
		return "loop devices are root's";
	return NULL;
}

struct blkcase_dev *blkcase_open(const struct blkcase *c)
{
	struct blkcase_dev *d = calloc(1, sizeof(*d));
	struct blkdrv_params p = { .driver = c->driver,
				   .target = "16M",
				   .options = c->options,
				   .direct = c->direct,
				   .sector_size = c->sector_size };
	char loop[32];
	int fd;

	d->loop = -1;
	if (c->place != PLACE_NONE) {
		blkcase_mkdir(c->place, d->dir, sizeof(d->dir));
		snprintf(d->path, sizeof(d->path), "%s/image", d->dir);
		fd = open(d->path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		if (!strcmp(c->driver, "zstd"))
			blkcase_compress(fd);
		else
			assert_false(ftruncate(fd, BLKCASE_SIZE));
		close(fd);
		p.target = d->path;
	}
	if (c->place == PLACE_LOOP) {
		d->loop = loopdev_attach(d->path, c->sector_size, loop, sizeof(loop));
		assert_true(d->loop >= 0);
		p.target = loop;
	}
	d->dev = blkrig_open(&p);
	assert_int_equal(d->dev->info.size, BLKCASE_SIZE);
	if (c->place == PLACE_LOOP)
		assert_true(d->dev->info.direct);
	return d;
}

void blkcase_close(struct blkcase_dev *d)
{
	char overlay[PATH_MAX + sizeof(OVERLAY_SUFFIX)];

	blkrig_close(d->dev);
	if (d->loop >= 0)
		close(d->loop);
	if (d->path[0]) {
		unlink(d->path);
		snprintf(overlay, sizeof(overlay), "%s%s", d->path, OVERLAY_SUFFIX);
		unlink(overlay);
	}
	if (d->dir[0])
		rmdir(d->dir);
	free(d);
}
