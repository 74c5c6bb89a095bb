/* SPDX-License-Identifier: MIT */
/* Into the background. */
#include "tools/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define NOT_READY 2 /* exit status */

int daemon_start(int *ready)
{
	int p[2];
	char c;
	pid_t pid;

	if (pipe(p) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(p[1]);
		_exit(read(p[0], &c, 1) == 1 ? 0 : NOT_READY);
	}
	close(p[0]);
	*ready = p[1];
	setsid();
	return 0;
}

void daemon_ready(int ready)
{
	if (ready < 0)
		return;
	/* the rest of the messages has nowhere to go */
	if (freopen("/dev/null", "r+", stdin) && freopen("/dev/null", "w", stdout) &&
	    freopen("/dev/null", "w", stderr))
		(void)!write(ready, "r", 1);
	close(ready);
}
