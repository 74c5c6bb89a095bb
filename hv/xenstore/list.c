/* SPDX-License-Identifier: MIT */
/* The names below a node, as one request sees them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xenstore/view.h"

static int names_add(struct xs_names *names, const char *path, size_t len)
{
	const char *leaf = path_leaf(path, len);
	size_t n = strlen(leaf) + 1;

	if (names->len + n > names->cap) {
		size_t cap = 2 * (names->len + n);
		char *s = realloc(names->s, cap);

		if (!s)
			return -ENOMEM;
		names->s = s;
		names->cap = cap;
	}
	memcpy(names->s + names->len, leaf, n);
	names->len += n;
	return 0;
}

/* The tree's children, but those that the transaction removed. */
static int list_tree(const struct xs_view *v, const struct xs_node *dir,
		     struct xs_names *names)
{
	const struct xs_node *n;
	int err = 0;

	names->gen = dir->gen[XS_GEN_LIST];
	DL_FOREACH (dir->children, n) {
		const struct xs_tnode *t =
			v->tx ? tx_peek(v->tx, n->path, n->path_len) : NULL;

		if (t && !tx_exists(v->tx, t))
			continue;
		err = names_add(names, n->path, n->path_len);
		if (err)
			break;
	}
	return err;
}

/* The children that the transaction created. */
static int list_tx(const struct xs_view *v, const struct xs_tnode *dir, bool sees_tree,
		   struct xs_names *names)
{
	int err = 0;

	if (dir->list_gen > names->gen)
		names->gen = dir->list_gen;
	for (const struct xs_tnode *t = dir->kids; t && !err; t = t->next) {
		if (!tx_exists(v->tx, t))
			continue;
		if (sees_tree && tree_find(&v->srv->tree, t->path, t->path_len))
			continue;
		err = names_add(names, t->path, t->path_len);
	}
	return err;
}

int view_list(const struct xs_view *v, const struct xs_path *p, struct xs_names *names)
{
	const struct xs_node *dir = tree_find(&v->srv->tree, p->s, p->len);
	const struct xs_tnode *t;
	const struct xs_body *b;
	bool sees_tree;
	int err = view_read(v, p, XS_PERM_READ, 1u << XS_GEN_LIST, &b);

	*names = (struct xs_names){ 0 };
	if (err)
		return err;
	t = v->tx ? tx_peek(v->tx, p->s, p->len) : NULL;
	sees_tree = !t || tx_sees_tree(v->tx, t);
	if (dir && sees_tree)
		err = list_tree(v, dir, names);
	if (!err && t)
		err = list_tx(v, t, dir && sees_tree, names);
	if (err)
		free(names->s);
	return err;
}
