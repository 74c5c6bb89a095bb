/* SPDX-License-Identifier: MIT */
/* What a process in the sandbox tries: every escape is refused, or ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hv/base/sandbox.h"
#include "tests/hostile/sandboxed.h"

static char secret[] = "secret";

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
/* A tap's descriptor, given another interface. */
static int try_tap(void)
{
	char ifr[64] = "tap0";

	return failed(ioctl(0, TUNSETIFF, ifr));
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
		T(try_unix_stat),   T(try_tap),
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deadly),
		cmocka_unit_test(test_tries_are_real),
	};

	return cmocka_run_group_tests(tests, sandboxed_setup, sandboxed_teardown);
}
