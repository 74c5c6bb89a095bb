/* SPDX-License-Identifier: MIT */
/* A sandboxed child, and things for it to reach for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hostile/sandboxed.h"

char dir[64], inside[96], outside[96];
pid_t victim;
int data_fd;

int sandboxed(const struct sandbox_spec *spec, int (*try)(void))
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

int sandboxed_setup(void **state)
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

int sandboxed_teardown(void **state)
{
	(void)state;
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
	close(data_fd);
	unlink(inside);
	return rmdir(dir);
}
