/* SPDX-License-Identifier: MIT */
/* The ways past seccomp in a sandbox: io_uring, and files in allowed directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/base/sandbox.h"
#include "tests/hostile/sandboxed.h"

static int try_open(void)
{
	return failed(open("/etc/passwd", O_RDONLY));
}

static struct io_uring ring;

static int ring_do(void (*prep)(struct io_uring_sqe *))
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;
	int res;

	prep(sqe);
	if (io_uring_submit(&ring) < 0 || io_uring_wait_cqe(&ring, &cqe) < 0)
		return 125;
	res = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return res < 0 ? -res : 0;
}
static void prep_open(struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}
static void prep_socket(struct io_uring_sqe *sqe)
{
	io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0);
}
static void prep_unlink(struct io_uring_sqe *sqe)
{
	io_uring_prep_unlinkat(sqe, AT_FDCWD, inside, 0);
}
static void prep_write(struct io_uring_sqe *sqe)
{
	static int fd;

	fd = eventfd(0, 0);
	io_uring_prep_write(sqe, fd, "12345678", 8, 0);
}
static int try_ring_open(void)
{
	return ring_do(prep_open);
}
static int try_ring_socket(void)
{
	return ring_do(prep_socket);
}
static int try_ring_unlink(void)
{
	return ring_do(prep_unlink);
}
static int try_ring_write(void)
{
	return ring_do(prep_write);
}
static int try_ring_personality(void)
{
	int err = io_uring_register_personality(&ring);

	return err < 0 ? -err : 0;
}

/* In a sandboxed child, with a restricted ring of its own. */
static int with_ring(int (*try)(void))
{
	struct io_uring_params p = { .flags = IORING_SETUP_R_DISABLED };
	const struct sandbox_spec spec = { 0 };
	int ret;

	assert_int_equal(io_uring_queue_init_params(8, &ring, &p), 0);
	assert_int_equal(sandbox_uring_restrict(ring.ring_fd), 0);
	ret = sandboxed(&spec, try);
	io_uring_queue_exit(&ring);
	return ret;
}

static void test_uring_restricted(void **state)
{
	(void)state;
	if (io_uring_queue_init(8, &ring, 0) < 0)
		skip();
	/* made otherwise, it cannot be restricted */
	assert_int_equal(sandbox_uring_restrict(ring.ring_fd), -EBADFD);
	io_uring_queue_exit(&ring);
	assert_int_equal(with_ring(try_ring_open), EACCES);
	assert_int_equal(with_ring(try_ring_socket), EACCES);
	assert_int_equal(with_ring(try_ring_unlink), EACCES);
	assert_int_equal(with_ring(try_ring_personality), EACCES);
	assert_int_equal(with_ring(try_ring_write), 0);
	assert_int_equal(access(inside, F_OK), 0);
}

static int landlock_missing(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1;
}

/* A free ring: Landlock guards the files all the same. */
static int try_new_ring_open(void)
{
	if (io_uring_queue_init(4, &ring, 0) < 0)
		return 124;
	return ring_do(prep_open);
}

static void test_uring_landlock(void **state)
{
	const struct sandbox_spec spec = { .uring_setup = true };

	(void)state;
	if (landlock_missing())
		skip();
	assert_int_equal(sandboxed(&spec, try_new_ring_open), EACCES);
}

/* ---- directories */

static int try_proc_mem(void)
{
	return failed(open("/proc/self/mem", O_RDWR));
}
static int try_open_inside(void)
{
	return failed(open(inside, O_RDWR));
}
static int try_open_inside_ro(void)
{
	return failed(open(inside, O_RDONLY));
}
static int try_create_inside(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/new", dir);
	return failed(open(path, O_CREAT | O_WRONLY, 0600));
}
static int try_escape_inside(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/../../../../../../../../etc/passwd", dir);
	return failed(open(path, O_RDONLY));
}

static void test_dirs(void **state)
{
	const char *const dirs[] = { dir, NULL };
	struct sandbox_spec spec = { .dirs = dirs };

	(void)state;
	if (landlock_missing())
		skip();
	assert_int_equal(sandboxed(&spec, try_open_inside), 0);
	assert_int_equal(sandboxed(&spec, try_open), EACCES);
	assert_int_equal(sandboxed(&spec, try_proc_mem), EACCES);
	assert_int_equal(sandboxed(&spec, try_create_inside), EACCES);
	assert_int_equal(sandboxed(&spec, try_escape_inside), EACCES);
	spec.dirs_readonly = true;
	assert_int_equal(sandboxed(&spec, try_open_inside), EACCES);
	assert_int_equal(sandboxed(&spec, try_open_inside_ro), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uring_restricted),
		cmocka_unit_test(test_uring_landlock),
		cmocka_unit_test(test_dirs),
	};

	return cmocka_run_group_tests(tests, sandboxed_setup, sandboxed_teardown);
}
