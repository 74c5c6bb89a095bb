/* SPDX-License-Identifier: MIT */
/*
 * Raw files as the drivers "uring" and "aio" open them: what is refused and in
 * which words, the image's lock, sizes that change, a full file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/sandbox.h"
#include "tests/lib/blkcase.h"
#include "tests/lib/blkrig.h"

#define MIB (1u << 20)

static const char *driver; /* that the group runs with */

struct place {
	char dir[PATH_MAX / 2], path[PATH_MAX];
};

static int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	blkcase_mkdir(PLACE_DISK, p->dir, sizeof(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/image", p->dir);
	*state = p;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void make_file(const struct place *p, off_t size)
{
	int fd = open(p->path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static struct blkdrv_params params(const struct place *p)
{
	return (struct blkdrv_params){ .driver = driver,
				       .target = p->path,
				       .direct = true };
}

/* Opening fails with err, and the words hold `say` (NULL: none are needed). */
static void refuse(const struct blkdrv_params *p, int err, const char *say)
{
	struct blkdrv *dev = NULL;
	char *why = NULL;

	assert_int_equal(blkrig_try_open(p, &dev, &why), err);
	if (say && (!why || !strstr(why, say)))
		fail_msg("'%s' is not in '%s'", say, why ? why : "(nothing)");
	free(why);
}

/* ----------------------------------------------------------------- opening */

static void test_refused(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);

	refuse(&q, -ENOENT, NULL);
	q.target = p->dir;
	refuse(&q, -EISDIR, NULL);
	q.readonly = true;
	refuse(&q, -EISDIR, NULL);
	q.target = "/dev/null";
	refuse(&q, -ENOTBLK, NULL);
	q.target = "";
	refuse(&q, -ENOENT, NULL);
	q = params(p);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	refuse(&q, -ENOTBLK, NULL);
	unlink(p->path);
	make_file(p, 0);
	refuse(&q, -EINVAL, "truncate -s");
	make_file(p, 511);
	refuse(&q, -EINVAL, "less than one block");
	make_file(p, MIB);
	q.sector_size = 1024;
	refuse(&q, -EINVAL, "512 or 4096");
	q.sector_size = 0;
	q.options = "fixed=perhaps";
	refuse(&q, -EINVAL, "fixed=perhaps");
	q.options = "no-such=1";
	refuse(&q, -EINVAL, "no-such");
	q.options = "mem-align=8192";
	refuse(&q, -EINVAL, "mem-align");
	q.options = NULL;
	blkrig_close(blkrig_open(&q));
}

/* A file whose size is no multiple of the block loses its tail, not its head. */
static void test_odd_size(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);
	struct blkdrv *dev;

	make_file(p, 3 * 4096 + 512 + 100);
	dev = blkrig_open(&q);
	assert_int_equal(dev->info.sector_size, 512);
	assert_int_equal(dev->info.size, 3 * 4096 + 512);
	blkrig_close(dev);
	q.sector_size = 4096;
	dev = blkrig_open(&q);
	assert_int_equal(dev->info.sector_size, 4096);
	assert_int_equal(dev->info.size, 3 * 4096);
	blkrig_close(dev);
}

static void test_readonly(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);
	struct blkdrv *dev;
	struct blkrig rig;

	make_file(p, MIB);
	assert_int_equal(chmod(p->path, 0400), 0);
	if (geteuid()) /* root may all the same */
		refuse(&q, -EACCES, NULL);
	q.readonly = true;
	dev = blkrig_open(&q);
	assert_true(dev->info.readonly);
	assert_false(dev->info.discard);
	blkrig_start(&rig, dev, 0);
	memset(rig.mem, 0xff, 4096);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem, 4096), 0);
	assert_int_equal(rig.mem[4095], 0);
	/* the descriptor itself cannot write, whatever is asked */
	assert_int_not_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, 4096), 0);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

/* -------------------------------------------------------------------- lock */

static void test_second_writer_refused(void **state)
{
	struct place *p = *state;
	struct blkdrv_params w = params(p), r = params(p);
	struct blkdrv *first, *second;

	r.readonly = true;
	make_file(p, MIB);
	first = blkrig_open(&w);
	refuse(&w, -EBUSY, "in use");
	refuse(&r, -EBUSY, "in use");
	blkrig_close(first);
	first = blkrig_open(&r);
	second = blkrig_open(&r);
	refuse(&w, -EBUSY, "in use");
	blkrig_close(first);
	refuse(&w, -EBUSY, "in use");
	blkrig_close(second);
	blkrig_close(blkrig_open(&w));
}

/* A child holds the image in one of two ways, until it is killed. */
static pid_t holder(const struct place *p, bool io_only)
{
	int ready[2], fd;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct flock l = { .l_type = F_WRLCK, .l_len = 4096 };
		struct blkdrv_params q = params(p);
		struct blkdrv *dev;
		char *why;

		fd = open(p->path, O_RDWR);
		if (io_only ? fcntl(fd, F_OFD_SETLK, &l)
			    : blkrig_try_open(&q, &dev, &why))
			_exit(1);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(2);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

/* Whoever is killed holds nothing any more. */
static void test_killed_holder(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);
	pid_t pid;

	make_file(p, MIB);
	pid = holder(p, false);
	refuse(&q, -EBUSY, "in use");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	blkrig_close(blkrig_open(&q));
}

static void *kill_later(void *arg)
{
	struct timespec ts = { .tv_nsec = 300000000 };

	nanosleep(&ts, NULL);
	kill(*(pid_t *)arg, SIGKILL);
	return NULL;
}

/* Only the lock of the I/O is held: a dead predecessor's last operation. The
 * successor waits for its end instead of being refused. */
static void test_waits_for_dying(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);
	struct timespec a, b;
	pthread_t thread;
	pid_t pid;

	make_file(p, MIB);
	pid = holder(p, true);
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(pthread_create(&thread, NULL, kill_later, &pid), 0);
	blkrig_close(blkrig_open(&q));
	clock_gettime(CLOCK_MONOTONIC, &b);
	pthread_join(thread, NULL);
	waitpid(pid, NULL, 0);
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >=
		    250);
}

/* ------------------------------------------------------------------- sizes */

static void test_refresh(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);
	struct blkdrv *dev;
	struct blkrig rig;

	make_file(p, MIB);
	dev = blkrig_open(&q);
	blkrig_start(&rig, dev, 0);
	assert_int_equal(truncate(p->path, 4 * MIB + 17), 0);
	assert_int_equal(dev->info.size, MIB);
	assert_int_equal(dev->ops->refresh(dev), 0);
	assert_int_equal(dev->info.size, 4 * MIB);
	memset(rig.mem, 0xff, MIB);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 3 * MIB, rig.mem, MIB), 0);
	for (unsigned i = 0; i < MIB; i++)
		assert_int_equal(rig.mem[i], 0);
	blkrig_fill(rig.mem, MIB, 1);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 3 * MIB, rig.mem, MIB), 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 3 * MIB, rig.mem + MIB, MIB), 0);
	assert_memory_equal(rig.mem, rig.mem + MIB, MIB);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

/* Somebody made the file shorter: what is missing reads as zeroes. */
static void test_shrunk_below(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);
	struct blkdrv *dev;
	struct blkrig rig;

	make_file(p, MIB);
	dev = blkrig_open(&q);
	blkrig_start(&rig, dev, 0);
	memset(rig.mem, 0x5a, MIB);
	assert_int_equal(blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, MIB), 0);
	assert_int_equal(truncate(p->path, 10000), 0);
	memset(rig.mem, 0xff, 65536);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 0, rig.mem, 65536), 0);
	for (unsigned i = 0; i < 65536; i++)
		assert_int_equal(rig.mem[i], i < 10000 ? 0x5a : 0);
	assert_int_equal(blkrig_one(&rig, BLKDRV_READ, 524288, rig.mem, 65536), 0);
	assert_int_equal(rig.mem[0], 0);
	blkrig_stop(&rig);
	blkrig_close(dev);
}

/* ------------------------------------------------------------------ ENOSPC */

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) >= 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Root of a user namespace of one's own. False: not allowed. */
static bool become_root(void)
{
	char uids[64], gids[64];

	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	return !unshare(CLONE_NEWUSER) && put("/proc/self/setgroups", "deny") &&
	       put("/proc/self/uid_map", uids) && put("/proc/self/gid_map", gids);
}

/* A tmpfs of 2 MiB at dir, in a mount namespace of its own. False: not allowed. */
static bool small_tmpfs(const char *dir)
{
	if (geteuid() && !become_root())
		return false;
	return !unshare(CLONE_NEWNS) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("tandem", dir, "tmpfs", 0, "size=2m");
}

/* In a child: writes until it is full and on. 0; 77: not allowed; else what failed. */
static int enospc_child(const struct place *p)
{
	struct blkdrv_params q = params(p);
	bool ok[64];
	unsigned good = 0;
	struct blkrig rig;
	struct blkdrv *dev;
	char *why;

	if (!small_tmpfs(p->dir))
		return 77;
	make_file(p, 8 * MIB);
	if (blkrig_try_open(&q, &dev, &why))
		return 8;
	blkrig_start(&rig, dev, 0);
	for (unsigned i = 0; i < 64; i++) {
		int ret;

		blkrig_fill(rig.mem, 131072, i);
		ret = blkrig_one(&rig, BLKDRV_WRITE, i * 131072u, rig.mem, 131072);
		ok[i] = !ret;
		good += ok[i];
		if (ret && ret != -ENOSPC)
			return 1;
	}
	if (good < 8 || good > 16)
		return 2;
	if (blkrig_one(&rig, BLKDRV_FLUSH, 0, NULL, 0))
		return 3;
	for (unsigned i = 0; i < 64; i++) {
		blkrig_fill(rig.mem, 131072, i);
		if (blkrig_one(&rig, BLKDRV_READ, i * 131072u, rig.mem + MIB, 131072))
			return 4;
		if (ok[i] && memcmp(rig.mem, rig.mem + MIB, 131072))
			return 5;
	}
	/* room again, and it goes on */
	if (blkrig_one(&rig, BLKDRV_DISCARD, 0, NULL, MIB) ||
	    blkrig_one(&rig, BLKDRV_WRITE, 7 * MIB, rig.mem, 131072))
		return 6;
	blkrig_stop(&rig);
	blkrig_close(dev);
	return 0;
}

/* A full file system is an error for the write that hits it, and for no other. */
static void test_enospc(void **state)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(enospc_child(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: no mount namespace allowed here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ----------------------------------------------------------------- sandbox */

/* In a child: as a backend does it, the files first and then nothing any more. */
static int sandbox_child(const struct place *p, const struct blkdrv_info *want)
{
	const struct sandbox_spec spec = { .uring_setup = true };
	const struct blkdrv_ops *ops = blkdrv_find(driver);
	struct blkdrv_params q = params(p);
	struct blkdrv *dev;
	struct blkrig rig;
	char *why;

	if (ops->open_files(&q) || sandbox_enter(&spec) < 0)
		return 1;
	if (ops->open(&q, &dev, &why))
		return 2;
	if (dev->info.direct != want->direct || dev->info.discard != want->discard ||
	    dev->info.discard_granularity != want->discard_granularity)
		return 3;
	blkrig_start(&rig, dev, 0);
	blkrig_fill(rig.mem, 65536, 1);
	if (blkrig_one(&rig, BLKDRV_WRITE, 0, rig.mem, 65536) ||
	    blkrig_one(&rig, BLKDRV_FLUSH, 0, NULL, 0) ||
	    blkrig_one(&rig, BLKDRV_DISCARD, 0, NULL, 4096) ||
	    blkrig_one(&rig, BLKDRV_READ, 0, rig.mem + 65536, 65536))
		return 4;
	memset(rig.mem, 0, 4096);
	if (memcmp(rig.mem, rig.mem + 65536, 65536))
		return 5;
	blkrig_stop(&rig);
	blkrig_close(dev);
	return 0;
}

/* In the sandbox a driver sees and does the same as outside. */
static void test_sandboxed(void **state)
{
	struct place *p = *state;
	struct blkdrv_params q = params(p);
	struct blkdrv_info want;
	struct blkdrv *dev;
	pid_t pid;
	int status;

	make_file(p, MIB);
	dev = blkrig_open(&q);
	want = dev->info;
	blkrig_close(dev);
	pid = fork();
	if (!pid)
		_exit(sandbox_child(p, &want));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	static const char *const drivers[] = { "uring", "aio" };
	static const struct CMUnitTest tests[] = {
#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)
		PLACE_TEST(test_refused),	PLACE_TEST(test_odd_size),
		PLACE_TEST(test_readonly),	PLACE_TEST(test_second_writer_refused),
		PLACE_TEST(test_killed_holder), PLACE_TEST(test_waits_for_dying),
		PLACE_TEST(test_refresh),	PLACE_TEST(test_shrunk_below),
		PLACE_TEST(test_enospc),	PLACE_TEST(test_sandboxed),
	};
	int failed = 0;

	for (unsigned i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		driver = drivers[i];
		failed += cmocka_run_group_tests_name(driver, tests, NULL, NULL);
	}
	return failed;
}
