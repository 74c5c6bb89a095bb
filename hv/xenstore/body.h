/* SPDX-License-Identifier: MIT */
/*
 * What a node holds: its value and its permissions. A body never changes and
 * is counted: the tree, transactions that read it and pending commits share it.
 *
 * A permission names an incarnation of a domain (domid and epoch), so that no
 * right survives the domain it was given to, wherever the body is kept.
 */
#ifndef TANDEM_HV_XENSTORE_BODY_H
#define TANDEM_HV_XENSTORE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringproto/grant.h"

#define XS_PERM_READ  1u
#define XS_PERM_WRITE 2u
#define XS_PERM_ALL   (XS_PERM_READ | XS_PERM_WRITE)
#define XS_PERM_OWNER 4u

struct xs_perm {
	domid_t id;
	uint16_t rights; /* XS_PERM_READ | XS_PERM_WRITE */
	uint32_t epoch;
};

struct xs_body {
	uint32_t refs;
	uint32_t nperms; /* >= 1; [0]: the owner, and the default of all others */
	uint32_t len;
	struct xs_perm perms[]; /* then the value and a NUL */
};

struct xs_domain;
struct xs_server;

/* One reference, or NULL: out of memory. */
struct xs_body *body_new(const struct xs_perm *perms, uint32_t nperms, const void *value,
			 uint32_t len);
struct xs_body *body_ref(struct xs_body *b); /* NULL stays NULL */
void body_put(struct xs_body *b);

static inline char *body_value(const struct xs_body *b)
{
	return (char *)(b->perms + b->nperms);
}

/* Bytes as they are charged. */
static inline size_t body_size(const struct xs_body *b)
{
	return b ? sizeof(*b) + b->nperms * sizeof(b->perms[0]) + b->len + 1 : 0;
}

/* XS_PERM_*: what a domain may do with a node (docs/misc/xenstore.txt, SET_PERMS). */
unsigned body_rights(const struct xs_body *b, const struct xs_domain *d);

/* The living domain that owns and pays for it; NULL: dom0 does. */
struct xs_domain *body_owner(const struct xs_server *srv, const struct xs_body *b);

/* "r5" and the like. 0 or -EINVAL. The epoch is the caller's to fill. */
int perm_parse(const char *s, struct xs_perm *p);

/*
 * The list as GET_PERMS gives it: NUL-terminated strings, without the entries
 * of domains that are gone. Its length, or -E2BIG.
 */
long perms_format(const struct xs_server *srv, const struct xs_body *b, char *buf,
		  size_t size);

#endif
