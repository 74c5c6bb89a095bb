/* SPDX-License-Identifier: MIT */
/*
 * What a process in the sandbox tries, each in a process of its own: what it needs
 * works, every escape is refused (or ends it).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <liburing.h>
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
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/sandbox.h"

#define KILLED (-1000)

static char dir[64], inside[96], outside[96];
static pid_t victim; /* another process of the same user */
static char secret[] = "secret";

/* Runs try() in a sandboxed child: its result (0 to 125), or KILLED. */
static int sandboxed(const struct sandbox_spec *spec, int (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (sandbox_enter(spec) < 0)
			_exit(126);
		_exit(try());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 126);
	return WEXITSTATUS(status);
}

/* The errno of a system call that should fail; 0 if it did not. */
static int failed(long ret)
{
	return ret < 0 ? errno : 0;
}

static int try_open(void)
{
	return failed(open("/etc/passwd", O_RDONLY));
}
static int try_open_old(void)
{
	return failed(syscall(SYS_open, "/etc/passwd", O_RDONLY));
}
static int try_openat2(void)
{
	uint64_t how[3] = { O_RDONLY };

	return failed(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof(how)));
}
static int try_creat(void)
{
	return failed(open(outside, O_CREAT | O_WRONLY, 0600));
}
static int try_unlink(void)
{
	return failed(unlink(inside));
}
static int try_rename(void)
{
	return failed(rename(inside, outside));
}
static int try_mkdir(void)
{
	return failed(mkdir(outside, 0700));
}
static int try_socket(void)
{
	return failed(socket(AF_INET, SOCK_STREAM, 0));
}
static int try_unix(void)
{
	return failed(socket(AF_UNIX, SOCK_STREAM, 0));
}
static int try_socketpair(void)
{
	int sv[2];

	return failed(socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
}
static int try_connect(void)
{
	return failed(connect(0, NULL, 0));
}
static int try_memfd(void)
{
	return failed(memfd_create("x", 0));
}
static int try_fork(void)
{
	return failed(syscall(SYS_fork));
}
static int try_vfork_clone(void)
{
	return failed(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}
static int try_kill(void)
{
	return failed(kill(victim, SIGKILL));
}
static int try_kill_group(void)
{
	return failed(kill(-1, 0));
}
static int try_tgkill(void)
{
	return failed(syscall(SYS_tgkill, victim, victim, SIGKILL));
}
static int try_sigqueue(void)
{
	return failed(syscall(SYS_rt_sigqueueinfo, victim, SIGKILL, NULL));
}
static int try_exec_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return failed(p == MAP_FAILED ? -1 : 0);
}
static int try_mprotect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return failed(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}
static int try_proc_mem(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)victim);
	return failed(open(path, O_RDWR));
}
static int try_self_mem(void)
{
	return failed(open("/proc/self/mem", O_RDWR));
}
static int try_tiocsti(void)
{
	return failed(ioctl(0, TIOCSTI, "x"));
}
static int try_setown(void)
{
	return failed(fcntl(0, F_SETOWN, victim));
}
static int try_nofile(void)
{
	struct rlimit rl = { 1 << 16, 1 << 16 };

	return failed(setrlimit(RLIMIT_NOFILE, &rl));
}
static int try_dumpable(void)
{
	return failed(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}
static int try_uring(void)
{
	struct io_uring ring;
	int err = io_uring_queue_init(4, &ring, 0);

	return err < 0 ? -err : 0;
}
static int try_unix_stat(void)
{
	struct stat st;

	return failed(syscall(SYS_stat, "/etc/passwd", &st));
}

static void test_refused(void **state)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} tries[] = {
#define T(f) { #f, f }
		T(try_open),	    T(try_open_old),	  T(try_openat2),
		T(try_creat),	    T(try_unlink),	  T(try_rename),
		T(try_mkdir),	    T(try_socket),	  T(try_unix),
		T(try_socketpair),  T(try_connect),	  T(try_memfd),
		T(try_fork),	    T(try_vfork_clone),	  T(try_kill),
		T(try_kill_group),  T(try_tgkill),	  T(try_sigqueue),
		T(try_exec_memory), T(try_mprotect_exec), T(try_proc_mem),
		T(try_self_mem),    T(try_tiocsti),	  T(try_setown),
		T(try_nofile),	    T(try_dumpable),	  T(try_uring),
		T(try_unix_stat),
#undef T
	};
	const struct sandbox_spec spec = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		int err = sandboxed(&spec, tries[i].fn);

		if (err != EPERM)
			print_error("%s: %d\n", tries[i].name, err);
		assert_int_equal(err, EPERM);
	}
	assert_int_equal(kill(victim, 0), 0);
	assert_int_equal(access(inside, F_OK), 0);
	assert_int_not_equal(access(outside, F_OK), 0);
}

static int try_execve(void)
{
	char *argv[] = { "/bin/true", NULL };

	return failed(execve(argv[0], argv, NULL));
}
static int try_ptrace(void)
{
	return failed(ptrace(PTRACE_ATTACH, victim, 0, 0));
}
static int try_vm_readv(void)
{
	char buf[sizeof(secret)];
	struct iovec local = { buf, sizeof(buf) }, remote = { secret, sizeof(secret) };

	return failed(process_vm_readv(victim, &local, 1, &remote, 1, 0));
}
static int try_vm_writev(void)
{
	char buf[sizeof(secret)] = "";
	struct iovec local = { buf, sizeof(buf) }, remote = { secret, sizeof(secret) };

	return failed(process_vm_writev(victim, &local, 1, &remote, 1, 0));
}
static int try_unshare(void)
{
	return failed(unshare(CLONE_NEWUSER));
}
static int try_bpf(void)
{
	return failed(syscall(SYS_bpf, 0, NULL, 0));
}
static int try_chroot(void)
{
	return failed(chroot("/"));
}
/* The i386 entry: the same numbers mean other calls there. */
static int try_int80(void)
{
#ifdef __x86_64__
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(20) /* getpid */
			 : "memory", "r8", "r9", "r10", "r11");
	return ret > 0 ? 0 : 1;
#else
	raise(SIGSYS);
	return 0;
#endif
}

static void test_deadly(void **state)
{
	static int (*const tries[])(void) = { try_execve,    try_ptrace,  try_vm_readv,
					      try_vm_writev, try_unshare, try_bpf,
					      try_chroot,    try_int80 };
	const struct sandbox_spec spec = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		int got = sandboxed(&spec, tries[i]);

		if (got != KILLED)
			print_error("try %zu: %d\n", i, got);
		assert_int_equal(got, KILLED);
	}
	assert_int_equal(kill(victim, 0), 0);
}

/* Without the sandbox these work (or fail for other reasons): the tests above would
 * pass on a machine that refuses everything to everybody. */
static void test_tries_are_real(void **state)
{
	(void)state;
	assert_int_equal(try_open(), 0);
	assert_int_equal(try_unix(), 0);
	assert_int_equal(try_memfd(), 0);
	assert_int_equal(try_exec_memory(), 0);
	assert_int_equal(try_mprotect_exec(), 0);
	assert_int_equal(try_self_mem(), 0);
	assert_int_equal(try_unix_stat(), 0);
	assert_int_equal(try_dumpable(), 0);
}

/* ---- io_uring: what goes past seccomp */

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

	snprintf(path, sizeof(path), "%s/../../etc/passwd", dir);
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

/* ---- what must go on working */

static int data_fd;

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

	NEED(pwrite(data_fd, buf, sizeof(buf), 0) == sizeof(buf));
	NEED(pread(data_fd, back, sizeof(back), 0) == sizeof(back));
	NEED(!strcmp(back, "data"));
	NEED(!fdatasync(data_fd) && !fsync(data_fd));
	NEED(!fallocate(data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	NEED(!fstat(data_fd, &st) && st.st_size >= 4096);
	NEED(lseek(data_fd, 0, SEEK_END) == st.st_size);
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
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* they map terabytes */
#endif
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

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%.40s/tandem-sb-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(inside, sizeof(inside), "%s/inside", dir);
	snprintf(outside, sizeof(outside), "%s-outside", dir);
	data_fd = open(inside, O_CREAT | O_RDWR, 0600);
	if (data_fd < 0 || ftruncate(data_fd, 8192) < 0)
		return -1;
	victim = fork();
	if (!victim) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return victim < 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	close(data_fd);
	unlink(inside);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deadly),
		cmocka_unit_test(test_tries_are_real),
		cmocka_unit_test(test_uring_restricted),
		cmocka_unit_test(test_uring_landlock),
		cmocka_unit_test(test_dirs),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
