/* SPDX-License-Identifier: MIT */
/* Reads through a mapping: what is there, holes, and a file that becomes shorter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/block/rawmap.h"

#define PAGE 4096u
#define SIZE (64 * PAGE)

struct file {
	int fd;
	struct rawmap map;
	uint8_t buf[2 * PAGE];
};

/* A file in memory, whole if it is filled. */
static void file_open(struct file *f, bool filled)
{
	uint8_t page[PAGE];

	f->fd = memfd_create("rawmap", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_int_equal(ftruncate(f->fd, SIZE), 0);
	for (unsigned i = 0; filled && i < SIZE / PAGE; i++) {
		memset(page, (int)i + 1, sizeof(page));
		assert_int_equal(pwrite(f->fd, page, PAGE, i * PAGE), PAGE);
	}
	rawmap_open(&f->map, f->fd, SIZE);
}

static void file_close(struct file *f)
{
	rawmap_close(&f->map);
	close(f->fd);
}

static bool file_read(struct file *f, uint64_t offset, size_t len)
{
	const struct iovec iov[2] = { { f->buf, len / 2 },
				      { f->buf + len / 2, len - len / 2 } };

	memset(f->buf, 0xee, sizeof(f->buf));
	return rawmap_read(&f->map, offset, len, iov, 2);
}

static void test_read(void **state)
{
	struct file f;

	(void)state;
	file_open(&f, true);
	assert_true(file_read(&f, 3 * PAGE + 512, PAGE));
	for (unsigned i = 0; i < PAGE; i++)
		assert_int_equal(f.buf[i], i < PAGE - 512 ? 4 : 5);
	assert_int_equal(f.buf[PAGE], 0xee);
	/* what is written elsewhere is seen */
	assert_int_equal(pwrite(f.fd, "new", 3, 0), 3);
	assert_true(file_read(&f, 0, 512));
	assert_memory_equal(f.buf, "new", 3);
	file_close(&f);
}

static void test_bounds(void **state)
{
	struct file f;

	(void)state;
	file_open(&f, true);
	assert_true(file_read(&f, SIZE - PAGE, PAGE));
	assert_false(file_read(&f, SIZE - PAGE + 512, PAGE));
	assert_false(file_read(&f, SIZE, 512));
	assert_false(file_read(&f, UINT64_MAX - 511, 1024));
	file_close(&f);
}

/* A hole is not mapped, and so not filled by reading it. */
static void test_holes(void **state)
{
	struct stat st;
	struct file f;

	(void)state;
	file_open(&f, false);
	assert_false(file_read(&f, 0, PAGE));
	assert_int_equal(fstat(f.fd, &st), 0);
	assert_int_equal(st.st_blocks, 0);
	file_close(&f);
}

static void test_stop(void **state)
{
	struct file f;

	(void)state;
	file_open(&f, true);
	rawmap_stop(&f.map);
	assert_false(file_read(&f, 0, PAGE));
	file_close(&f);
}

static void *shrunk_reads(void *arg)
{
	struct file *f = arg;

	/* more than once: the signal is not left blocked */
	for (int i = 0; i < 3; i++)
		if (file_read(f, SIZE - PAGE, PAGE) || !file_read(f, 0, PAGE) ||
		    f->buf[0] != 1)
			return f;
	return NULL;
}

/* Somebody makes the file shorter: a read says so, in any thread. */
static void test_shrunk(void **state)
{
	pthread_t thread;
	struct file f;
	void *bad;

	(void)state;
	file_open(&f, true);
	assert_int_equal(ftruncate(f.fd, SIZE / 2), 0);
	assert_null(shrunk_reads(&f));
	assert_int_equal(pthread_create(&thread, NULL, shrunk_reads, &f), 0);
	pthread_join(thread, &bad);
	assert_null(bad);
	/* and longer again */
	assert_int_equal(ftruncate(f.fd, SIZE), 0);
	assert_true(file_read(&f, SIZE - PAGE, PAGE));
	assert_int_equal(f.buf[0], 0);
	file_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),   cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_holes),  cmocka_unit_test(test_stop),
		cmocka_unit_test(test_shrunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
