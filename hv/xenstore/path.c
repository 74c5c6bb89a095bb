/* SPDX-License-Identifier: MIT */
/* Names of nodes: what is a path, and what is above it. */
#include "hv/xenstore/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool name_ok(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '@' ||
		      c == '/'))
			return false;
		if (c == '/' && i + 1 < len && s[i + 1] == '/')
			return false;
	}
	return len == 1 || s[len - 1] != '/';
}

int path_parse(struct xs_path *p, const char *name, domid_t domid, bool special,
	       size_t max)
{
	size_t len = strnlen(name, XENSTORE_ABS_PATH_MAX + 1);
	int home = 0;

	if (len == 0 || len > XENSTORE_ABS_PATH_MAX || !name_ok(name, len))
		return -EINVAL;
	if (name[0] == '@' && (!special || memchr(name, '/', len)))
		return -EINVAL;
	if (name[0] != '/' && name[0] != '@') {
		if (len > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
		home = snprintf(p->s, sizeof(p->s), XS_HOME_FMT "/", domid);
	}
	p->home_len = (size_t)home;
	p->len = p->home_len + len;
	if (p->len > max)
		return -EINVAL;
	memcpy(p->s + p->home_len, name, len);
	p->s[p->len] = '\0';
	return 0;
}

size_t path_parent(const char *path, size_t len)
{
	if (len <= 1 || path[0] != '/')
		return 0;
	while (path[len - 1] != '/')
		len--;
	return len > 1 ? len - 1 : 1;
}

size_t path_between(const char *path, size_t low, size_t high)
{
	size_t mid = low + (high - low) / 2, at = mid;

	if (path[0] != '/' || high < 2)
		return 0;
	/* ends stand before a '/': the next one below the middle, or above it */
	while (at > low + 1 && path[at] != '/')
		at--;
	if (at > low && at > 1 && path[at] == '/')
		return at;
	for (at = mid + 1; at < high; at++)
		if (path[at] == '/' && at > low)
			return at;
	return low < 1 ? 1 : 0;
}

const char *path_leaf(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	return path + len;
}

int path_domid(const char *s, domid_t *domid)
{
	unsigned v = 0;

	if (!*s || strlen(s) > 5)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(*s - '0');
	}
	if (v > UINT16_MAX)
		return -EINVAL;
	*domid = (domid_t)v;
	return 0;
}
