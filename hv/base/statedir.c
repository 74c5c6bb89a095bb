/* SPDX-License-Identifier: MIT */
/* Where a hypervisor instance keeps its sockets. */
#include "hv/base/statedir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int statedir_path(char *buf, size_t size, const char *name)
{
	const char *dir = getenv("TANDEM_DIR"), *run = getenv("XDG_RUNTIME_DIR");
	const char *slash = *name ? "/" : "";
	int n;

	if (dir && *dir)
		n = snprintf(buf, size, "%s%s%s", dir, slash, name);
	else if (run && *run)
		n = snprintf(buf, size, "%s/tandem%s%s", run, slash, name);
	else if (geteuid() == 0)
		n = snprintf(buf, size, "/run/tandem%s%s", slash, name);
	else
		n = snprintf(buf, size, "/tmp/tandem-%u%s%s", (unsigned)geteuid(), slash,
			     name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
