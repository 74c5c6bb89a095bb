/* SPDX-License-Identifier: MIT */
/*
 * Programs that run as a domain: started with a connection of their own, in
 * a session of their own, their output in <state directory>/log/NAME.log.
 */
#ifndef TANDEM_TOOLS_SPAWN_H
#define TANDEM_TOOLS_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/* A process, safe against reuse of its id. */
struct spawned {
	pid_t pid;
	uint64_t start; /* /proc/PID/stat, field 22 */
};

/*
 * Starts argv[0] (searched in PATH) with $TANDEM_HV_FD naming hv_fd, which
 * stays the caller's. -errno of what failed, the exec included; *what says it.
 */
int spawn_program(char *const *argv, int hv_fd, const char *name, struct spawned *s,
		  const char **what);
/* The same with descriptors of the caller's as its stdin, stdout and stderr. */
int spawn_connected(char *const *argv, int hv_fd, const int io[3], struct spawned *s,
		    const char **what);
/* Does it still run? */
int spawn_alive(const struct spawned *s);
/* Waits a second for it to end by itself, then SIGTERM, then SIGKILL. 0, -ESRCH, -errno
 */
int spawn_end(const struct spawned *s);

#endif
