/* SPDX-License-Identifier: MIT */
/* The tree: table, links and stamps. */
#include "hv/xenstore/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xenstore/path.h"

struct xs_node *tree_find(const struct xs_tree *t, const char *path, size_t len)
{
	struct xs_node *n;

	HASH_FIND(hh, t->by_path, path, len, n);
	return n;
}

/* Stamps n with the newest generation, and all above it as changed below. */
static void tree_stamp(struct xs_tree *t, struct xs_node *n, unsigned kinds)
{
	uint64_t gen = ++t->gen;

	for (unsigned k = 0; k < XS_GENS; k++)
		if (kinds & 1u << k)
			n->gen[k] = gen;
	for (; n; n = n->parent)
		n->gen[XS_GEN_SUB] = gen;
}

struct xs_node *tree_new(struct xs_tree *t, const char *path, size_t len,
			 struct xs_body *body)
{
	struct xs_node *n = body ? calloc(1, sizeof(*n) + len + 1) : NULL;

	if (!n)
		goto err_body;
	memcpy(n->path, path, len);
	n->path_len = (uint32_t)len;
	n->body = body;
	HASH_ADD_KEYPTR(hh, t->by_path, n->path, len, n);
	if (!n->hh.tbl)
		goto err_node;
	tree_stamp(t, n, (1u << XS_GENS) - 1);
	return n;

err_node:
	free(n);
err_body:
	body_put(body);
	return NULL;
}

static uint32_t node_name_len(const struct xs_node *n)
{
	return (uint32_t)strlen(path_leaf(n->path, n->path_len)) + 1;
}

void tree_link(struct xs_tree *t, struct xs_node *parent, struct xs_node *n)
{
	n->parent = parent;
	DL_APPEND(parent->children, n);
	parent->names_len += node_name_len(n);
	tree_stamp(t, parent, 1u << XS_GEN_LIST);
}

void tree_drop(struct xs_tree *t, struct xs_node *n)
{
	if (n->parent) {
		DL_DELETE(n->parent->children, n);
		n->parent->names_len -= node_name_len(n);
		tree_stamp(t, n->parent, 1u << XS_GEN_LIST);
	}
	HASH_DEL(t->by_path, n);
	body_put(n->body);
	free(n);
}

void tree_set(struct xs_tree *t, struct xs_node *n, struct xs_body *body, unsigned kinds)
{
	body_put(n->body);
	n->body = body;
	tree_stamp(t, n, kinds);
}

struct xs_node *tree_next(const struct xs_node *top, struct xs_node *n)
{
	if (n->children)
		return n->children;
	while (n != top && !n->next)
		n = n->parent;
	return n == top ? NULL : n->next;
}

size_t node_size(const struct xs_node *n)
{
	return sizeof(*n) + n->path_len + 1 + body_size(n->body);
}

int tree_init(struct xs_tree *t)
{
	static const char *const names[] = { "/", "@introduceDomain", "@releaseDomain" };
	static const struct xs_perm none = { .id = 0 };

	*t = (struct xs_tree){ 0 };
	for (unsigned i = 0; i < 3; i++) {
		struct xs_body *b = body_new(&none, 1, "", 0);

		if (!tree_new(t, names[i], strlen(names[i]), b)) {
			tree_fini(t);
			return -ENOMEM;
		}
	}
	t->root = tree_find(t, "/", 1);
	return 0;
}

void tree_fini(struct xs_tree *t)
{
	struct xs_node *n, *tmp;

	HASH_ITER (hh, t->by_path, n, tmp) {
		HASH_DEL(t->by_path, n);
		body_put(n->body);
		free(n);
	}
}
