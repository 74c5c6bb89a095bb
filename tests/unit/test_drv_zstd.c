/* SPDX-License-Identifier: MIT */
/* The zstd driver on images with contents, and with `tandem image` beside. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/blkcase.h"
#include "tests/lib/blkrig.h"
#include "tests/lib/zbuild.h"
#include "tools/image.h"

#define FRAMES 120u

struct disk {
	char dir[PATH_MAX / 2], path[PATH_MAX], overlay[PATH_MAX + 16];
	struct zbuild b;
	uint8_t *model;
	uint64_t size; /* rounded up to 512 */
};

static void put_file(const char *path, const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	close(fd);
}

static int disk_setup(void **state)
{
	struct disk *d = calloc(1, sizeof(*d));
	uint32_t sizes[FRAMES];
	uint64_t seed = 4;

	for (unsigned i = 0; i < FRAMES; i++)
		sizes[i] = 1 + (uint32_t)(blkrig_random(&seed) % 70000);
	zbuild_make(&d->b, sizes, FRAMES, ZBUILD_SUMS);
	blkcase_mkdir(PLACE_DISK, d->dir, sizeof(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/image.zst", d->dir);
	snprintf(d->overlay, sizeof(d->overlay), "%s.overlay", d->path);
	put_file(d->path, d->b.file, d->b.file_len);
	d->size = (d->b.disk_len + 511) / 512 * 512;
	d->model = calloc(1, d->size);
	memcpy(d->model, d->b.disk, d->b.disk_len);
	*state = d;
	return 0;
}

static int disk_teardown(void **state)
{
	struct disk *d = *state;

	unlink(d->path);
	unlink(d->overlay);
	assert_int_equal(rmdir(d->dir), 0); /* nothing else was left there */
	zbuild_free(&d->b);
	free(d->model);
	free(d);
	return 0;
}

static struct blkdrv_params params(const struct disk *d, const char *options, bool ro)
{
	return (struct blkdrv_params){
		.driver = "zstd", .target = d->path, .options = options, .readonly = ro
	};
}

static struct blkdrv *open_disk(const struct disk *d, const char *options, bool ro)
{
	struct blkdrv_params p = params(d, options, ro);

	return blkrig_open(&p);
}

static void assert_refused(const struct disk *d, const char *options, const char *words)
{
	struct blkdrv_params p = params(d, options, false);
	struct blkdrv *dev;
	char *why;

	assert_true(blkrig_try_open(&p, &dev, &why) < 0);
	assert_non_null(why);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
	assert_null(strchr(why, '\n'));
	free(why);
}

/* Sectors [first, first + n) in pieces of odd sizes. */
static uint16_t cut(struct iovec *iov, uint8_t *mem, uint64_t len, uint64_t *seed)
{
	uint16_t n = 0;

	while (len) {
		uint64_t take = (1 + blkrig_random(seed) % 16) * 512;

		if (take > len || n == 200)
			take = len;
		iov[n++] = (struct iovec){ mem, take };
		mem += take + 512; /* not neighbours */
		len -= take;
	}
	return n;
}

static void compare(const struct iovec *iov, unsigned n, const uint8_t *model)
{
	for (unsigned i = 0; i < n; i++) {
		assert_memory_equal(iov[i].iov_base, model, iov[i].iov_len);
		model += iov[i].iov_len;
	}
}

#define BATCH 32u
#define SLOT  (384u << 10)

/* A batch of reads at random, all at once. */
static void random_reads(struct blkrig *rig, const struct disk *d, uint64_t *seed)
{
	static struct blkrig_io ios[BATCH];
	static struct iovec iov[BATCH][256];

	memset(ios, 0, sizeof(ios));
	for (unsigned i = 0; i < BATCH; i++) {
		uint64_t sectors = d->size / 512, len = 1 + blkrig_random(seed) % 300;
		uint64_t at = blkrig_random(seed) % (sectors - len);

		ios[i].io = (struct blkdrv_io){ .op = BLKDRV_READ,
						.offset = at * 512,
						.len = len * 512,
						.iov = iov[i] };
		ios[i].io.iovcnt = cut(iov[i], rig->mem + i * SLOT, len * 512, seed);
	}
	blkrig_run(rig, ios, BATCH);
	for (unsigned i = 0; i < BATCH; i++) {
		assert_int_equal(ios[i].result, 0);
		compare(iov[i], ios[i].io.iovcnt, d->model + ios[i].io.offset);
	}
}

/* Writes, discards and flushes at random, the model follows. */
static void random_changes(struct blkrig *rig, struct disk *d, unsigned n, uint64_t *seed)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t r = blkrig_random(seed), len = 512 * (1 + (r >> 8) % 40);
		uint64_t at = (r >> 20) % ((d->size - len) / 512) * 512;

		if (r % 8 == 0) {
			memset(d->model + at, 0, len);
			assert_int_equal(blkrig_one(rig, BLKDRV_DISCARD, at, NULL, len),
					 0);
		} else {
			blkrig_fill(rig->mem, len, r);
			memcpy(d->model + at, rig->mem, len);
			assert_int_equal(blkrig_one(rig, BLKDRV_WRITE, at, rig->mem, len),
					 0);
		}
		if (r % 16 == 1)
			assert_int_equal(blkrig_one(rig, BLKDRV_FLUSH, 0, NULL, 0), 0);
	}
}

static void compare_all(const struct disk *d, const char *options, bool ro)
{
	struct blkdrv *dev = open_disk(d, options, ro);
	struct blkrig rig;

	assert_int_equal(dev->info.size, d->size);
	blkrig_start(&rig, dev, 0);
	for (uint64_t at = 0; at < d->size; at += 1 << 20) {
		uint64_t len = d->size - at < 1 << 20 ? d->size - at : 1 << 20;

		assert_int_equal(blkrig_one(&rig, BLKDRV_READ, at, rig.mem, len), 0);
		assert_memory_equal(rig.mem, d->model + at, len);
	}
	blkrig_stop(&rig);
	blkrig_close(dev);
}

/* ------------------------------------------------------------------- tests */

static void test_reads(void **state)
{
	static const char *const options[] = { NULL, "cache=0,threads=1,readahead=0",
					       "cache=300K,threads=7,readahead=16" };
	struct disk *d = *state;
	uint64_t seed = 11;

	for (unsigned i = 0; i < 3; i++)
		for (unsigned polling = 0; polling < 2; polling++) {
			struct blkdrv *dev = open_disk(d, options[i], true);
			struct blkrig rig;

			assert_true(dev->info.readonly);
			blkrig_start(&rig, dev, polling ? 1000000 : 0);
			for (unsigned k = 0; k < 30; k++)
				random_reads(&rig, d, &seed);
			assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, 512),
					 -EROFS);
			blkrig_stop(&rig);
			blkrig_close(dev);
		}
	assert_int_equal(access(d->overlay, F_OK), -1);
}

static void test_overlay(void **state)
{
	struct disk *d = *state;
	uint64_t seed = 12;

	for (unsigned i = 0; i < 4; i++) {
		struct blkdrv *dev = open_disk(d, i % 2 ? "cache=100K" : NULL, false);
		struct blkrig rig;

		blkrig_start(&rig, dev, i < 2 ? 0 : 100000);
		for (unsigned k = 0; k < 10; k++) {
			random_changes(&rig, d, 30, &seed);
			random_reads(&rig, d, &seed);
		}
		blkrig_stop(&rig);
		blkrig_close(dev);
		compare_all(d, NULL, i % 2);
	}
}

/* Frame 60 is damaged: reads that need it fail, all others are right. */
static void test_damaged_frame(void **state)
{
	struct disk *d = *state;
	unsigned failed = 0, right = 0;
	struct blkdrv *dev;
	struct blkrig rig;

	for (unsigned i = 0; i < 40; i++)
		d->b.file[d->b.file_len / 2 + i] ^= 0x55;
	put_file(d->path, d->b.file, d->b.file_len);
	dev = open_disk(d, NULL, true);
	blkrig_start(&rig, dev, 0);
	for (unsigned pass = 0; pass < 2; pass++)
		for (uint64_t at = 0; at < d->size; at += 512) {
			int err = blkrig_one(&rig, BLKDRV_READ, at, rig.mem, 512);

			assert_true(err == 0 || err == -EIO);
			failed += err != 0;
			right += !err;
			if (!err)
				assert_memory_equal(rig.mem, d->model + at, 512);
		}
	assert_in_range(failed, 1, 2 * 3 * 70000 / 512);
	assert_true(right > failed);
	/* The part of an I/O that can be read does not make it a success. */
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem, 4 << 20), -EIO);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

static void test_refused(void **state)
{
	struct disk *d = *state;
	struct blkdrv *dev;
	uint8_t byte = 0;

	assert_refused(d, "cache=lots", "cache=lots");
	assert_refused(d, "threads=0", "threads=0");
	assert_refused(d, "overlay=", "overlay");
	assert_refused(d, "nonsense=1", "nonsense=1");
	assert_refused(d, "overlay=/nowhere/at/all",
		       "overlay /nowhere/at/all cannot be opened");
	assert_int_equal(access(d->overlay, F_OK), -1);
	dev = open_disk(d, "overlay=none", false);
	assert_true(dev->info.readonly);
	blkrig_close(dev);
	dev = open_disk(d, NULL, false);
	assert_false(dev->info.readonly);
	assert_refused(d, NULL, "in use");
	blkrig_close(dev);
	/* Another base under the same overlay. */
	put_file(d->path, d->b.file + 1, d->b.file_len - 1);
	assert_refused(d, NULL, "seek table");
	struct zbuild other;
	uint32_t sizes[] = { 5000, 6000 };

	zbuild_make(&other, sizes, 2, 0);
	put_file(d->path, other.file, other.file_len);
	zbuild_free(&other);
	assert_refused(d, NULL, "belongs to another base image");
	put_file(d->path, &byte, 1);
	assert_refused(d, NULL, "too short");
	put_file(d->path, NULL, 0);
	assert_refused(d, NULL, "too short");
	unlink(d->path);
	struct blkdrv_params p = params(d, NULL, false);
	char *why = NULL;

	assert_int_equal(blkrig_try_open(&p, &dev, &why), -ENOENT);
}

static bool refuse(const struct blkdrv_params *p, const char *path)
{
	assert_string_equal(path, p->may_open_arg);
	return false;
}

/* Who opens the files for a process that may not has a say about the overlay. */
static void test_may_open(void **state)
{
	struct disk *d = *state;
	struct blkdrv_params p = params(d, NULL, false);
	struct blkdrv *dev;
	char *why;

	p.may_open = refuse;
	p.may_open_arg = d->overlay;
	assert_int_equal(blkrig_try_open(&p, &dev, &why), -ENOENT);
	assert_non_null(strstr(why, "cannot be opened"));
	free(why);
	assert_int_equal(access(d->overlay, F_OK), -1);
}

/* kill -9: every write that was acknowledged is there, flushed or not. */
static void test_killed(void **state)
{
	struct disk *d = *state;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t seed = 100 + i;
		int ready[2];
		char c;
		pid_t pid;

		assert_int_equal(pipe(ready), 0);
		pid = fork();
		if (!pid) {
			struct blkrig rig;

			blkrig_start(&rig, open_disk(d, NULL, false), 0);
			random_changes(&rig, d, 100, &seed);
			(void)!write(ready[1], "x", 1);
			pause();
			_exit(0);
		}
		close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		/* The same on the model. */
		seed = 100 + i;
		for (unsigned k = 0; k < 100; k++) {
			uint64_t r = blkrig_random(&seed);
			uint64_t len = 512 * (1 + (r >> 8) % 40);
			uint64_t at = (r >> 20) % ((d->size - len) / 512) * 512;

			if (r % 8 == 0)
				memset(d->model + at, 0, len);
			else
				blkrig_fill(d->model + at, len, r);
		}
		compare_all(d, NULL, i % 2);
	}
}

static int image(const char *verb, const char *file)
{
	char *argv[] = { "image", (char *)(uintptr_t)verb, (char *)(uintptr_t)file,
			 NULL };

	return image_main(3, argv);
}

static void test_commit(void **state)
{
	struct disk *d = *state;
	uint64_t seed = 13;
	struct stat st;

	for (unsigned i = 0; i < 3; i++) {
		struct blkdrv *dev = open_disk(d, NULL, false);
		struct blkrig rig;

		blkrig_start(&rig, dev, 0);
		random_changes(&rig, d, 200, &seed);
		blkrig_stop(&rig);
		assert_int_equal(image("commit", d->path), 2); /* in use */
		blkrig_close(dev);
		assert_int_equal(image("check", d->path), 0);
		assert_int_equal(image("commit", d->path), 0);
		assert_int_equal(stat(d->overlay, &st), 0);
		assert_int_equal(st.st_size, 0);
		assert_int_equal(stat(d->path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(image("check", d->path), 0);
		compare_all(d, "overlay=none", true);
		compare_all(d, NULL, true);
		compare_all(d, NULL, false);
	}
}

/* The disk gets full under the guest: errors, and what was written stays. */
static void test_full(void **state)
{
	struct disk *d = *state;
	struct blkdrv *dev = open_disk(d, NULL, false);
	struct blkrig rig;
	uint64_t seed = 14;
	sighandler_t old = signal(SIGXFSZ, SIG_IGN);
	struct rlimit limit, was;

	blkrig_start(&rig, dev, 0);
	random_changes(&rig, d, 50, &seed);
	getrlimit(RLIMIT_FSIZE, &was);
	limit = was;
	limit.rlim_cur = 4096; /* not even the map can be written */
	setrlimit(RLIMIT_FSIZE, &limit);
	memset(rig.mem, 1, 8192);
	for (uint64_t at = 0; at < d->size - 8192; at += 65536)
		assert_true(blkrig_one(&rig, BLKDRV_WRITE, at, rig.mem, 8192) < 0);
	setrlimit(RLIMIT_FSIZE, &was);
	signal(SIGXFSZ, old);
	random_reads(&rig, d, &seed);
	assert_int_equal(blkrig_one(&rig, BLKDRV_FLUSH, 0, NULL, 0), 0);
	blkrig_stop(&rig);
	blkrig_close(dev);
	compare_all(d, NULL, true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define DISK_TEST(f) cmocka_unit_test_setup_teardown(f, disk_setup, disk_teardown)
		DISK_TEST(test_reads),	       DISK_TEST(test_overlay),
		DISK_TEST(test_damaged_frame), DISK_TEST(test_refused),
		DISK_TEST(test_may_open),      DISK_TEST(test_killed),
		DISK_TEST(test_commit),	       DISK_TEST(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
