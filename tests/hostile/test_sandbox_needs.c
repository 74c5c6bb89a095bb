/* SPDX-License-Identifier: MIT */
/* What a process in the sandbox needs goes on working; limits and privileges are as said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/sandbox.h"
#include "tests/hostile/sandboxed.h"

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static void *thread_fn(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

#define NEED(cond)                                 \
	do {                                       \
		if (!(cond))                       \
			return __LINE__ % 120 + 1; \
	} while (0)

static int needs_files(void)
{
	char buf[4096] = "data", back[4096];
	struct stat st;
	struct statfs fs;
	struct statx sx;

	NEED(pwrite(data_fd, buf, sizeof(buf), 0) == sizeof(buf));
	NEED(pread(data_fd, back, sizeof(back), 0) == sizeof(back));
	NEED(!strcmp(back, "data"));
	NEED(!fdatasync(data_fd) && !fsync(data_fd));
	NEED(!fallocate(data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	NEED(!fstat(data_fd, &st) && st.st_size >= 4096);
	NEED(lseek(data_fd, 0, SEEK_END) == st.st_size);
	NEED(!fstatfs(data_fd, &fs) && fs.f_bsize > 0);
	NEED(!statx(data_fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
	return 0;
}

static int needs_memory_threads(void)
{
	pthread_t t;
	int ran = 0;
	void *p = malloc(1 << 22), *q;

	NEED(p);
	p = realloc(p, 1 << 24);
	NEED(p);
	q = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, data_fd, 0);
	NEED(q != MAP_FAILED);
	NEED(mremap(q, 0, 4096, MREMAP_MAYMOVE) != MAP_FAILED);
	NEED(!mprotect(q, 4096, PROT_READ));
	NEED(!pthread_create(&t, NULL, thread_fn, &ran));
	NEED(!pthread_join(t, NULL) && ran);
	free(p);
	NEED(kill(getpid(), 0) == 0);
	return 0;
}

static int needs_waiting(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), efd = eventfd(1, EFD_NONBLOCK), n = 0;
	uint64_t v;

	NEED(ep >= 0 && efd >= 0);
	NEED(!epoll_ctl(ep, EPOLL_CTL_ADD, efd, &ev));
	NEED(epoll_wait(ep, &ev, 1, 0) == 1);
	NEED(read(efd, &v, 8) == 8);
	NEED(!ioctl(efd, FIONBIO, &n));
	usleep(10);
	return 0;
}

static int needs_aio(void)
{
	static char buf[4096] __attribute__((aligned(4096)));
	io_context_t ctx = NULL;
	struct io_event ev;
	struct iocb cb, *cbs[] = { &cb };

	NEED(!io_setup(4, &ctx));
	io_prep_pread(&cb, data_fd, buf, sizeof(buf), 0);
	NEED(io_submit(ctx, 1, cbs) == 1);
	NEED(io_getevents(ctx, 1, 1, &ev, NULL) == 1);
	NEED(!io_destroy(ctx));
	return 0;
}

static void test_needs(void **state)
{
	const struct sandbox_spec spec = { .nofile = 64 };

	(void)state;
	assert_int_equal(sandboxed(&spec, needs_files), 0);
	assert_int_equal(sandboxed(&spec, needs_memory_threads), 0);
	assert_int_equal(sandboxed(&spec, needs_waiting), 0);
	assert_int_equal(sandboxed(&spec, needs_aio), 0);
}

static int limits_hold(void)
{
	int n = 0;

	while (n < 200 && dup(0) >= 0)
		n++;
	NEED(n < 64);
	NEED(mmap(NULL, 1ul << 32, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	     MAP_FAILED);
	return 0;
}

static int caps_gone(void)
{
	uint32_t hdr[2] = { 0x20080522, 0 }, cap[6] = { 0 };

	NEED(syscall(SYS_capget, hdr, cap) < 0); /* not even asked */
	NEED(prctl(PR_GET_NAME, cap) == 0);
	return 0;
}

static void test_limits(void **state)
{
	const struct sandbox_spec spec = { .nofile = 64, .memory = 1ul << 31 };

	(void)state;
	if (SANITIZED)
		skip(); /* sanitizers map terabytes */
	assert_int_equal(sandboxed(&spec, limits_hold), 0);
	assert_int_equal(sandboxed(&spec, caps_gone), 0);
}

/* As the kernel sees it: no capability is left, no_new_privs and a filter hold. */
static void test_status(void **state)
{
	const struct sandbox_spec spec = { 0 };
	char path[64], text[4096];
	int hold[2], ready[2];
	ssize_t n;
	pid_t pid;
	FILE *f;

	(void)state;
	assert_int_equal(pipe(hold) | pipe(ready), 0);
	pid = fork();
	if (!pid) {
		char c;

		close(hold[1]);
		if (sandbox_enter(&spec) < 0)
			_exit(1);
		(void)!write(ready[1], "r", 1);
		(void)!read(hold[0], &c, 1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], text, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	n = (ssize_t)fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	close(hold[1]);
	waitpid(pid, NULL, 0);
	close(hold[0]);
	close(ready[0]);
	close(ready[1]);
	assert_non_null(strstr(text, "NoNewPrivs:\t1"));
	assert_non_null(strstr(text, "Seccomp:\t2"));
	assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
	assert_non_null(strstr(text, "CapPrm:\t0000000000000000"));
	assert_non_null(strstr(text, "CapInh:\t0000000000000000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, sandboxed_setup, sandboxed_teardown);
}
