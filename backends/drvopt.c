/* SPDX-License-Identifier: MIT */
/* Takes option strings apart. */
#include "backends/drvopt.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int drvopt_copy(char *to, size_t size, const char *from, size_t len)
{
	size_t n = len < size ? len : size - 1;

	memcpy(to, from, n);
	to[n] = '\0';
	return len < size ? 0 : -EINVAL;
}

int drvopt_next(const char **s, struct drvopt *o)
{
	size_t key, all;
	const char *p = *s;

	if (!p || !*p)
		return 0;
	all = strcspn(p, ",");
	key = strcspn(p, "=,");
	*s = p[all] ? p + all + 1 : p + all;
	o->value[0] = '\0';
	if (drvopt_copy(o->key, sizeof(o->key), p, key) || !key || key == all)
		return -EINVAL;
	if (drvopt_copy(o->value, sizeof(o->value), p + key + 1, all - key - 1))
		return -EINVAL;
	return 1;
}

int drvopt_u64(const struct drvopt *o, uint64_t *v)
{
	char *end;

	if (!isdigit((unsigned char)o->value[0]))
		return -EINVAL;
	errno = 0;
	*v = strtoull(o->value, &end, 10);
	if (errno)
		return -ERANGE;
	return *end ? -EINVAL : 0;
}

int drvopt_bool(const struct drvopt *o, bool *v)
{
	static const char *const words[] = { "off", "on", "no", "yes", "0", "1" };

	for (int i = 0; i < 6; i++)
		if (!strcmp(o->value, words[i])) {
			*v = i & 1;
			return 0;
		}
	return -EINVAL;
}
