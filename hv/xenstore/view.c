/* SPDX-License-Identifier: MIT */
/* The store as one request sees it. */
#include "hv/xenstore/view.h"

#include <errno.h>

#include "hv/xenstore/store.h"

#define DEP(k) (1u << XS_GEN_##k)

/* *body NULL: no node there. 0 or -ENOMEM. */
static int view_get(const struct xs_view *v, const char *path, size_t len, unsigned deps,
		    struct xs_body **body)
{
	struct xs_tnode *t;
	struct xs_node *n;
	int err;

	if (v->tx) {
		err = tx_touch(v->tx, path, len, deps, &t);
		*body = err ? NULL : t->body;
		return err;
	}
	n = tree_find(&v->srv->tree, path, len);
	*body = n ? n->body : NULL;
	return 0;
}

/*
 * The nearest node at or above path[0..len), whose length *len is then. Halves
 * the way: above a node that is there all are, so only the last one and the
 * first one missing matter, to a transaction as well.
 */
static int view_nearest(const struct xs_view *v, const char *path, size_t *len,
			struct xs_body **body)
{
	size_t there = 0, missing = *len + 1, at = *len;
	struct xs_body *b;

	*body = NULL;
	while (at > there && at < missing) {
		int err = view_get(v, path, at, DEP(PERMS), &b);

		if (err)
			return err;
		if (b) {
			there = at;
			*body = b;
		} else {
			missing = at;
		}
		/* mostly it is the parent */
		at = missing == *len ? path_parent(path, *len)
				     : path_between(path, there, missing);
	}
	*len = there;
	return there ? 0 : -ENOENT;
}

/* As view_read(); for a node that is not there, what is told of it. */
static int view_access(const struct xs_view *v, const struct xs_path *p, unsigned rights,
		       unsigned deps, struct xs_body **body)
{
	size_t len = p->len;
	struct xs_body *up;
	int err = view_get(v, p->s, len, deps, body);

	if (err)
		return err;
	if (*body)
		return (body_rights(*body, v->dom) & rights) == rights ? 0 : -EACCES;
	err = view_nearest(v, p->s, &len, &up);
	if (err)
		return err;
	return (body_rights(up, v->dom) & rights) == rights ? -ENOENT : -EACCES;
}

int view_read(const struct xs_view *v, const struct xs_path *p, unsigned rights,
	      unsigned deps, const struct xs_body **body)
{
	struct xs_body *b;
	int err = view_access(v, p, rights, deps, &b);

	*body = b;
	return err;
}

/* A node's size as quota.node_size bounds it. */
static int quota_node_size(const struct xs_view *v, uint64_t value, uint64_t nperms,
			   uint64_t names)
{
	if (domain_privileged(v->dom))
		return 0;
	return value + nperms * sizeof(struct xs_perm) + names > v->srv->quota.node_size
		       ? -ENOSPC
		       : 0;
}

/* Replaces the body of a node that is there; takes the new one's reference. */
static int view_set(const struct xs_view *v, const struct xs_path *p,
		    const struct xs_body *old, struct xs_body *body, unsigned kinds)
{
	struct xs_domain *payer;
	int err = body ? 0 : -ENOMEM;

	if (err)
		return err;
	payer = body_owner(v->srv, body);
	if (!domain_privileged(v->dom) && payer && body_size(body) > body_size(old))
		err = quota_memory(v->srv, payer, body_size(body) - body_size(old));
	if (err)
		body_put(body);
	else if (v->tx)
		tx_set(v->tx, tx_peek(v->tx, p->s, p->len), body, kinds);
	else
		store_set(v->srv, v->dom, tree_find(&v->srv->tree, p->s, p->len), body,
			  kinds);
	return err;
}

/* May p be created below its prefix of length `up`, the node that is there? */
static int view_may_create(const struct xs_view *v, const struct xs_path *p, size_t up,
			   const struct xs_body *parent, uint32_t value)
{
	const struct xs_node *n = tree_find(&v->srv->tree, p->s, up);
	size_t first = p->len, bytes = value, count = 0;
	int err;

	for (size_t len = p->len; len > up; len = path_parent(p->s, len)) {
		count++;
		first = len - up;
		bytes += sizeof(struct xs_node) + len + 2 + body_size(parent);
	}
	if (!(body_rights(parent, v->dom) & XS_PERM_WRITE))
		return -EACCES;
	err = quota_node_size(v, value, parent->nperms, 0);
	if (!err && n)
		err = quota_node_size(v, parent->len, parent->nperms,
				      n->names_len + first);
	/* what a transaction removed makes room: the commit counts it */
	if (!err && !(v->tx && v->tx->removed))
		err = quota_nodes(v->srv, v->dom, count + (v->tx ? v->tx->created : 0));
	if (!err)
		err = quota_memory(v->srv, v->dom, bytes);
	return err;
}

/* One node below one that is there; takes the body's reference. */
static int view_add(const struct xs_view *v, const char *path, size_t len,
		    struct xs_body *body, bool fire)
{
	struct xs_tnode *t = NULL, *parent = NULL;
	struct xs_node *n;
	int err;

	if (!body)
		return -ENOMEM;
	if (!v->tx) {
		n = tree_new(&v->srv->tree, path, len, body);
		if (!n)
			return -ENOMEM;
		store_link(v->srv, v->dom, n, fire);
		return 0;
	}
	err = tx_touch(v->tx, path, path_parent(path, len), 0, &parent);
	if (!err)
		err = tx_touch(v->tx, path, len, 0, &t);
	if (err)
		body_put(body);
	else
		tx_create(v->tx, parent, t, body, fire);
	return err;
}

/* Leaves nothing of a creation that did not come to its end. */
static void view_undo(const struct xs_view *v, const struct xs_path *p, size_t len)
{
	struct xs_node *n;

	if (v->tx) {
		v->tx->failed = true;
		return;
	}
	n = tree_find(&v->srv->tree, p->s, len);
	if (n)
		store_remove(v->srv, n, false);
}

static int view_create(const struct xs_view *v, const struct xs_path *p,
		       const void *value, uint32_t vlen)
{
	struct xs_perm *perms;
	struct xs_body *parent, *model;
	size_t up = p->len, first = 0;
	int err = view_nearest(v, p->s, &up, &parent);

	if (!err)
		err = view_may_create(v, p, up, parent, vlen);
	if (err)
		return err;
	/* "inherits": the parent's list, with the creator as its owner */
	model = body_new(parent->perms, parent->nperms, "", 0);
	if (!model)
		return -ENOMEM;
	perms = model->perms;
	if (!domain_privileged(v->dom)) {
		perms[0].id = v->dom->id;
		perms[0].epoch = v->dom->epoch;
	}
	for (size_t len = up; !err && len < p->len;) {
		bool last;

		do {
			len++;
		} while (len < p->len && p->s[len] != '/');
		last = len == p->len;
		if (!first)
			first = len;
		err = view_add(v, p->s, len,
			       last ? body_new(perms, model->nperms, value, vlen)
				    : body_ref(model),
			       last);
	}
	body_put(model);
	if (err)
		view_undo(v, p, first);
	return err;
}

int view_write(const struct xs_view *v, const struct xs_path *p, const void *value,
	       uint32_t len)
{
	struct xs_body *b;
	const struct xs_node *n;
	int err = view_access(v, p, XS_PERM_WRITE, DEP(VALUE), &b);

	if (err == -ENOENT)
		return view_create(v, p, value, len);
	if (err)
		return err;
	n = tree_find(&v->srv->tree, p->s, p->len);
	err = quota_node_size(v, len, b->nperms, n ? n->names_len : 0);
	if (err)
		return err;
	return view_set(v, p, b, body_new(b->perms, b->nperms, value, len), STORE_VALUE);
}

int view_mkdir(const struct xs_view *v, const struct xs_path *p)
{
	struct xs_body *b;
	int err = view_access(v, p, XS_PERM_WRITE, 0, &b);

	return err == -ENOENT ? view_create(v, p, "", 0) : err;
}

int view_remove(const struct xs_view *v, const struct xs_path *p)
{
	struct xs_body *b;
	size_t up = path_parent(p->s, p->len);
	int err;

	if (up == 0)
		return -EINVAL;
	err = view_access(v, p, XS_PERM_WRITE, DEP(SUB), &b);
	if (err == -ENOENT) {
		err = view_get(v, p->s, up, 0, &b);
		return err ? err : b ? 0 : -ENOENT;
	}
	if (err)
		return err;
	if (!v->tx) {
		store_remove(v->srv, tree_find(&v->srv->tree, p->s, p->len), true);
		return 0;
	}
	/* so that the parent's list of names is known to have changed */
	err = view_get(v, p->s, up, 0, &b);
	if (!err)
		tx_remove(v->tx, tx_peek(v->tx, p->s, p->len));
	return err;
}

int view_set_perms(const struct xs_view *v, const struct xs_path *p,
		   const struct xs_perm *perms, uint32_t nperms)
{
	struct xs_body *b;
	int err = view_access(v, p, XS_PERM_WRITE, DEP(VALUE), &b);

	if (err)
		return err;
	if (!domain_privileged(v->dom)) {
		if (!(body_rights(b, v->dom) & XS_PERM_OWNER) ||
		    perms[0].id != b->perms[0].id || perms[0].epoch != b->perms[0].epoch)
			return -EPERM;
		err = quota_node_size(v, b->len, nperms, 0);
		if (err)
			return err;
	}
	return view_set(v, p, b, body_new(perms, nperms, body_value(b), b->len),
			STORE_PERMS);
}
