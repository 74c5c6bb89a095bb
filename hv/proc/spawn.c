/* SPDX-License-Identifier: MIT */
/* Starting a program as a domain. */
#include "hv/proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/proc/hvclient.h"

#define CHILD_HV_FD  3
#define CHILD_ERR_FD 4

/* In the child: only what it is to have, then the program. */
static void child_exec(int conn, int err_fd, char *const argv[])
{
	sigset_t none;
	int err;

	/* both out of the way before they are put in their places */
	conn = fcntl(conn, F_DUPFD, CHILD_ERR_FD + 1);
	err_fd = fcntl(err_fd, F_DUPFD, CHILD_ERR_FD + 1);
	if (conn < 0 || err_fd < 0 || dup2(conn, CHILD_HV_FD) < 0 ||
	    dup3(err_fd, CHILD_ERR_FD, O_CLOEXEC) < 0)
		_exit(127);
	close_range(CHILD_ERR_FD + 1, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("TANDEM_HV_FD", "3", 1);
	unsetenv("TANDEM_DIR");
	execvp(argv[0], argv);
	err = errno;
	/* cannot fail in a way that matters: the parent then sees an exec */
	(void)!write(CHILD_ERR_FD, &err, sizeof(err));
	_exit(127);
}

int spawn_domain(int ctl, domid_t domid, char *const argv[], pid_t *pid)
{
	cleanup_close int conn = -1, rd = -1, wr = -1;
	int p[2], err;
	pid_t child;

	err = hvclient_domain_connect(ctl, domid, NULL, &conn);
	if (err)
		return err;
	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	rd = p[0];
	wr = p[1];
	child = fork();
	if (child < 0)
		return -errno;
	if (!child)
		child_exec(conn, wr, argv);
	close(take_fd(wr));
	/* the end without an error: the program runs */
	if (read(rd, &err, sizeof(err)) == sizeof(err)) {
		waitpid(child, NULL, 0);
		return -err;
	}
	*pid = child;
	return 0;
}
