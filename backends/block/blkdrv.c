/* SPDX-License-Identifier: MIT */
/* The table of block drivers, and what all of them need. */
#include "backends/block/blkdrv.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/block/drivers.h"

static const struct blkdrv_ops *const blkdrv_table[] = {
	&drv_null, &drv_ram, &drv_uring, &drv_aio, &drv_zstd, &drv_fault,
};

const struct blkdrv_ops *blkdrv_nth(unsigned i)
{
	return i < sizeof(blkdrv_table) / sizeof(blkdrv_table[0]) ? blkdrv_table[i]
								  : NULL;
}

const struct blkdrv_ops *blkdrv_find(const char *name)
{
	const struct blkdrv_ops *ops;

	for (unsigned i = 0; (ops = blkdrv_nth(i)); i++)
		if (!strcmp(ops->name, name))
			return ops;
	return NULL;
}

int blkdrv_parse_size(const char *s, uint64_t *bytes)
{
	static const char units[] = "KMGTP";
	const char *unit;
	unsigned shift = 0;
	uint64_t n;
	char *end;

	if (!s || !isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (n > UINT64_MAX >> shift)
		return -ERANGE;
	*bytes = n << shift;
	return 0;
}

char *blkdrv_why(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return s;
}
