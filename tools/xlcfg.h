/* SPDX-License-Identifier: MIT */
/*
 * Configuration files in xl's syntax (xl.cfg(5)): `key = value` a line, where a
 * value is a number, a quoted string or a [list] of them; # starts a comment.
 * No library in Debian reads this but libxlutil, which needs Xen's own; the
 * tests compare the two.
 */
#ifndef TANDEM_TOOLS_XLCFG_H
#define TANDEM_TOOLS_XLCFG_H

#include <stdbool.h>
#include <stddef.h>

#define XLCFG_MAX_BYTES (1u << 20)

struct xlcfg_value {
	bool is_list;
	char **items; /* one, if not a list */
	size_t n;
};

struct xlcfg_entry {
	char *key;
	struct xlcfg_value value;
	unsigned line;
	bool fixed; /* from the text being read: a second assignment is an error */
	struct xlcfg_entry *next;
};

struct xlcfg {
	struct xlcfg_entry *first; /* in the order of the text */
};

/*
 * Reads `text` into *cfg, which is empty or holds earlier texts: their
 * keys are replaced. On error *why gets "name:line: ..." (the caller frees it);
 * *cfg stays valid. -EINVAL, -ENOMEM.
 */
int xlcfg_parse(struct xlcfg *cfg, const char *name, const char *text, char **why);
/* Reads a file. Besides: -errno of opening it, -EFBIG. */
int xlcfg_parse_file(struct xlcfg *cfg, const char *path, char **why);
const struct xlcfg_entry *xlcfg_find(const struct xlcfg *cfg, const char *key);
void xlcfg_clear(struct xlcfg *cfg);

#endif
