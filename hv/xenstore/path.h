/* SPDX-License-Identifier: MIT */
/* Names of nodes: what is a path, and what is above it. */
#ifndef TANDEM_HV_XENSTORE_PATH_H
#define TANDEM_HV_XENSTORE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "ringproto/grant.h"
#include "ringproto/xs_wire.h"

#define XS_HOME_FMT "/local/domain/%u"

/* A canonical (absolute and checked) path. */
struct xs_path {
	size_t len;
	size_t home_len; /* what was put before a relative path, its '/' included; else 0
			  */
	char s[XENSTORE_ABS_PATH_MAX + 1];
};

/*
 * `name` as a domain said it. `special` allows "@name". `max` bounds the
 * absolute length besides the protocol's own bounds. 0 or -EINVAL.
 */
int path_parse(struct xs_path *p, const char *name, domid_t domid, bool special,
	       size_t max);

/* Length of the parent of path[0..len), 1 for a child of "/", 0 for none. */
size_t path_parent(const char *path, size_t len);

/*
 * A prefix of path that is a path, longer than `low` and shorter than `high`,
 * somewhere in the middle: its length, or 0 for none. `low` is such a prefix'
 * length or 0, `high` is, too, or one beyond the path.
 */
size_t path_between(const char *path, size_t low, size_t high);

/* The last component. */
const char *path_leaf(const char *path, size_t len);

/* A domain id: decimal digits, 0..65535. 0 or -EINVAL. */
int path_domid(const char *s, domid_t *domid);

#endif
