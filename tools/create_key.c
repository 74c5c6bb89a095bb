/* SPDX-License-Identifier: MIT */
/* Values of a configuration's keys, as the types that they should have. */
#include "tools/create_key.h"

#include <inttypes.h>

static const char *shown(const struct xlcfg_value *v)
{
	return v->is_list ? "[list]" : v->items[0];
}

int key_number(struct cli *c, const char *key, const struct xlcfg_value *v, uint64_t min,
	       uint64_t max, uint64_t *n)
{
	if (v->is_list || cli_parse_number(v->items[0], max, n) || *n < min)
		return cli_fail(c, "%s '%.40s' is no number from %" PRIu64 " to %" PRIu64,
				key, shown(v), min, max);
	return 0;
}

int key_flag(struct cli *c, const char *key, const struct xlcfg_value *v, bool *flag)
{
	uint64_t n = 0;

	if (v->is_list || cli_parse_number(v->items[0], 1, &n))
		return cli_fail(c, "%s '%.40s' is neither 0 nor 1", key, shown(v));
	*flag = n;
	return 0;
}

int key_string(struct cli *c, const char *key, const struct xlcfg_value *v,
	       const char **s)
{
	if (v->is_list)
		return cli_fail(c, "%s is a list: a string would be right", key);
	*s = v->items[0];
	return 0;
}
