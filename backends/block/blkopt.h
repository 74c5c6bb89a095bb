/* SPDX-License-Identifier: MIT */
/* A driver's options: "key=value,key=value". */
#ifndef TANDEM_BACKENDS_BLOCK_BLKOPT_H
#define TANDEM_BACKENDS_BLOCK_BLKOPT_H

#include <stdbool.h>
#include <stdint.h>

struct blkopt {
	char key[32];
	char value[1024];
};

/* Takes the next pair from *s (NULL: none). 1, 0 at the end; -EINVAL: no '=',
 * no key, or too long (o->key then holds what could be read of it). */
int blkopt_next(const char **s, struct blkopt *o);

/* Numbers (decimal) and "on|off", "yes|no", "1|0". -EINVAL, -ERANGE */
int blkopt_u64(const struct blkopt *o, uint64_t *v);
int blkopt_bool(const struct blkopt *o, bool *v);

#endif
