/* SPDX-License-Identifier: MIT */
/*
 * The store as one request sees it: the tree, or a transaction's view of it,
 * with the rights of one domain.
 *
 * Errors, besides what stands at each: -EACCES; -ENOMEM. A node that is not
 * there is -ENOENT only for those whom the nearest node above it would let do
 * the same, and -EACCES for all others (no names are told).
 */
#ifndef TANDEM_HV_XENSTORE_VIEW_H
#define TANDEM_HV_XENSTORE_VIEW_H

#include "hv/xenstore/path.h"
#include "hv/xenstore/server.h"
#include "hv/xenstore/transaction.h"

struct xs_view {
	struct xs_server *srv;
	struct xs_domain *dom;
	struct xs_tx *tx; /* or NULL */
};

/* The node's body (valid until the next change) if `dom` has `rights` there. */
int view_read(const struct xs_view *v, const struct xs_path *p, unsigned rights,
	      unsigned deps, const struct xs_body **body);

/* Sets a value, creates what is missing. -ENOSPC: quota. */
int view_write(const struct xs_view *v, const struct xs_path *p, const void *value,
	       uint32_t len);
/* As view_write() of "", but leaves a node that is there as it is. */
int view_mkdir(const struct xs_view *v, const struct xs_path *p);
/* -EINVAL: "/". 0, too, if only the node itself is missing; -ENOENT: its parent. */
int view_remove(const struct xs_view *v, const struct xs_path *p);
/* -EPERM: not the owner, or a change of the owner by a domain. */
int view_set_perms(const struct xs_view *v, const struct xs_path *p,
		   const struct xs_perm *perms, uint32_t nperms);

/* The children's names, each with its NUL; names.s is the caller's to free. */
struct xs_names {
	char *s;
	size_t len, cap;
	uint64_t gen; /* another one when the names change */
};
int view_list(const struct xs_view *v, const struct xs_path *p, struct xs_names *names);

#endif
