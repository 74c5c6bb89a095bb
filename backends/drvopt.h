/* SPDX-License-Identifier: MIT */
/* A driver's options: "key=value,key=value". */
#ifndef TANDEM_BACKENDS_DRVOPT_H
#define TANDEM_BACKENDS_DRVOPT_H

#include <stdbool.h>
#include <stdint.h>

struct drvopt {
	char key[32];
	char value[1024];
};

/* Takes the next pair from *s (NULL: none). 1, 0 at the end; -EINVAL: no '=',
 * no key, or too long (o->key then holds what could be read of it). */
int drvopt_next(const char **s, struct drvopt *o);

/* Numbers (decimal) and "on|off", "yes|no", "1|0". -EINVAL, -ERANGE */
int drvopt_u64(const struct drvopt *o, uint64_t *v);
int drvopt_bool(const struct drvopt *o, bool *v);

#endif
