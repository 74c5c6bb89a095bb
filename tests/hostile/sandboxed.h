/* SPDX-License-Identifier: MIT */
/* For the sandbox's tests: a sandboxed child, and things for it to reach for. */
#ifndef TANDEM_TESTS_HOSTILE_SANDBOXED_H
#define TANDEM_TESTS_HOSTILE_SANDBOXED_H

#include <errno.h>
#include <sys/types.h>

#include "hv/base/sandbox.h"

#define KILLED (-1000)

extern char dir[64], inside[96], outside[96]; /* a directory, files in it and beside */
extern pid_t victim;			      /* another process of the same user */
extern int data_fd;			      /* `inside`, open */

int sandboxed_setup(void **state);
int sandboxed_teardown(void **state);

/* Runs try() in a sandboxed child: its result (0 to 125), or KILLED. */
int sandboxed(const struct sandbox_spec *spec, int (*try)(void));

/* The errno of a system call that should fail; 0 if it did not. */
static inline int failed(long ret)
{
	return ret < 0 ? errno : 0;
}

#endif
