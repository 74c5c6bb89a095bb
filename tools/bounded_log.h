/* SPDX-License-Identifier: MIT */
/*
 * A log file that cannot grow for ever, nor faster than a rate: what a guest causes.
 * At its size it becomes NAME.1, in place of an older one.
 */
#ifndef TANDEM_TOOLS_BOUNDED_LOG_H
#define TANDEM_TOOLS_BOUNDED_LOG_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

struct bounded_log {
	char path[PATH_MAX];
	int fd;
	size_t size, max;
	/* what may be written now, how much at most, and what comes back a second */
	uint64_t tokens, burst, rate, at_ns;
};

/* Opens, or makes, log/NAME + suffix in the state directory. -errno */
int bounded_log_open(struct bounded_log *l, const char *name, const char *suffix,
		     size_t max, uint64_t rate);
/* How much of n bytes its rate allows now. */
size_t bounded_log_allowance(struct bounded_log *l, size_t n);
/* Writes; what a full disk does not take is lost. */
void bounded_log_write(struct bounded_log *l, const char *s, size_t n);
void bounded_log_close(struct bounded_log *l);

#endif
