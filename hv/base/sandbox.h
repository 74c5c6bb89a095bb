/* SPDX-License-Identifier: MIT */
/*
 * Drops what a process domain does not need, before it reads the first byte that
 * a peer wrote: privileges, new files, sockets, programs, other processes.
 *
 * What stays: reading and writing descriptors that are open or are received later,
 * memory without execution, threads, clocks, epoll, eventfd, io_uring, libaio.
 *
 * Refused with EPERM: what a library may try in good faith (open, socket, fork...).
 * Killing the process: what only an intruder wants (execve, ptrace,
 * process_vm_*, mount, bpf...).
 *
 * io_uring does its operations past seccomp: a process that may use a ring could
 * open files and sockets with it. So either all rings are restricted
 * (sandbox_uring_restrict()) before sandbox_enter(), which then forbids new ones;
 * or new ones are allowed, and Landlock alone guards files and TCP.
 */
#ifndef TANDEM_HV_BASE_SANDBOX_H
#define TANDEM_HV_BASE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct sandbox_spec {
	/* Capabilities to keep: 1 << CAP_*; 0 for none. */
	uint64_t caps;
	/* New rings may be made (see above). */
	bool uring_setup;
	/* Existing files beneath these may be opened (NULL-terminated; NULL: no
	 * opening at all). Refused, -ENOSYS, where the kernel has no Landlock. */
	const char *const *dirs;
	bool dirs_readonly;
	/* ioctl commands to allow besides those that every backend may use. */
	const unsigned long *ioctls;
	unsigned nioctls;
	/* Connections may be taken from sockets that listen already, and served as
	 * libvncserver does. */
	bool accept;
	/* Namespaces of its own and an empty root. For who reaches nothing by name. */
	bool isolate;
	/* RLIMIT_NOFILE and RLIMIT_AS from now on; 0: as it is. */
	uint64_t nofile, memory;
};

/* What there is not, as bits; seccomp holds all the same. */
#define SANDBOX_NO_LANDLOCK   1 /* the kernel has none */
#define SANDBOX_NO_NAMESPACES 2 /* nor may we make any */

/*
 * For ever, for this thread and all that it starts; so before there are others.
 * 0, those bits, or -errno, and then the process must not go on.
 */
int sandbox_enter(const struct sandbox_spec *spec);

/*
 * Restricts a ring that was made with IORING_SETUP_R_DISABLED to what a block or
 * network backend does, and enables it. 0 or -errno (-EBADFD: it was not made so).
 */
int sandbox_uring_restrict(int ring_fd);

#endif
