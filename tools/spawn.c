/* SPDX-License-Identifier: MIT */
/* Starting and ending the programs of domains. */
#include "tools/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/statedir.h"

static int open_log(const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX + 80];
	int err = statedir_path(dir, sizeof(dir), "log"), fd;

	if (err)
		return err;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/%s.log", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

/* In the child: never returns. What fails goes through `report`. */
static void run_child(char *const *argv, int hv_fd, const int io[3], int report)
{
	char number[16];
	sigset_t none;
	int fd, err;

	(void)setsid(); /* cannot fail: a fresh child leads no group */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	fd = fcntl(hv_fd, F_DUPFD, 3); /* without close-on-exec */
	if (fd >= 0 && dup2(io[0], 0) >= 0 && dup2(io[1], 1) >= 0 &&
	    dup2(io[2], 2) >= 0) {
		snprintf(number, sizeof(number), "%d", fd);
		if (!setenv("TANDEM_HV_FD", number, 1))
			execvp(argv[0], argv);
	}
	err = errno;
	/* cannot fail: a pipe holds this much */
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

static int start_time(pid_t pid, uint64_t *start)
{
	char path[64], buf[1024], *p;
	cleanup_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return -ESRCH;
	buf[n] = '\0';
	p = strrchr(buf, ')'); /* the name may contain anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EPROTO;
	*start = strtoull(p + 1, NULL, 10);
	return 0;
}

int spawn_program(char *const *argv, int hv_fd, const char *name, struct spawned *s,
		  const char **what)
{
	cleanup_close int log = open_log(name), null = -1;

	*what = "log";
	if (log < 0)
		return log;
	*what = "/dev/null";
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0)
		return -errno;
	return spawn_connected(argv, hv_fd, (const int[]){ null, log, log }, s, what);
}

int spawn_connected(char *const *argv, int hv_fd, const int io[3], struct spawned *s,
		    const char **what)
{
	cleanup_close int rd = -1, wr = -1;
	int fds[2], err = 0;

	*what = argv[0];
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	rd = fds[0];
	wr = fds[1];
	s->pid = fork();
	if (s->pid < 0)
		return -errno;
	if (!s->pid)
		run_child(argv, hv_fd, io, wr);
	close(take_fd(wr));
	if (read(rd, &err, sizeof(err)) == (ssize_t)sizeof(err)) {
		(void)waitpid(s->pid, NULL, 0); /* cannot fail: it is our child */
		return -err;
	}
	return start_time(s->pid, &s->start);
}

/* A descriptor of exactly that process, or -ESRCH. */
static int open_process(const struct spawned *s)
{
	int fd = s->pid > 1 ? pidfd_open(s->pid, 0) : -1;
	uint64_t start;

	if (fd < 0)
		return -ESRCH;
	if (!start_time(s->pid, &start) && start == s->start)
		return fd;
	close(fd);
	return -ESRCH;
}

static int ended(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) > 0;
}

int spawn_alive(const struct spawned *s)
{
	cleanup_close int fd = open_process(s);

	return fd >= 0 && !ended(fd, 0);
}

int spawn_end(const struct spawned *s)
{
	cleanup_close int fd = open_process(s);

	if (fd < 0)
		return fd;
	if (ended(fd, 1000))
		return 0;
	if (pidfd_send_signal(fd, SIGTERM, NULL, 0) && errno != ESRCH)
		return -errno;
	if (ended(fd, 3000))
		return 0;
	if (pidfd_send_signal(fd, SIGKILL, NULL, 0) && errno != ESRCH)
		return -errno;
	return 0;
}
