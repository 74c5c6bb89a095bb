/* SPDX-License-Identifier: MIT */
/*
 * The tree as everybody sees it. Nodes are found by their whole path in one
 * table, and linked to their parent and siblings (in order of creation).
 *
 * Each node is stamped, by kind of change, from one counter that only grows:
 * transactions compare stamps.
 */
#ifndef TANDEM_HV_XENSTORE_TREE_H
#define TANDEM_HV_XENSTORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/xenstore/body.h"
#include "hv/xenstore/hash.h"

enum xs_gen {
	XS_GEN_VALUE,
	XS_GEN_PERMS, /* changes, too, when another node takes this path */
	XS_GEN_LIST,  /* names of the children */
	XS_GEN_SUB,   /* anything at or below */
	XS_GENS,
};

struct xs_node {
	struct xs_node *parent; /* NULL: "/", a special node, or not linked yet */
	struct xs_node *children;
	struct xs_node *prev, *next; /* siblings, as utlist.h's DL */
	struct xs_body *body;
	uint64_t gen[XS_GENS];
	uint32_t names_len; /* children's names with their NULs */
	uint32_t path_len;
	bool given; /* dom0 made it for its owner */
	UT_hash_handle hh;
	char path[];
};

struct xs_tree {
	struct xs_node *by_path;
	struct xs_node *root;
	uint64_t gen;
};

/* "/", "@introduceDomain" and "@releaseDomain", dom0's alone. 0 or -ENOMEM. */
int tree_init(struct xs_tree *t);
void tree_fini(struct xs_tree *t);

struct xs_node *tree_find(const struct xs_tree *t, const char *path, size_t len);

/* A node that is in the table but not in the tree yet. Takes body's reference, always. */
struct xs_node *tree_new(struct xs_tree *t, const char *path, size_t len,
			 struct xs_body *body);
void tree_link(struct xs_tree *t, struct xs_node *parent, struct xs_node *n);
/* Ends a node without children, linked or not. */
void tree_drop(struct xs_tree *t, struct xs_node *n);
/* Takes body's reference; `kinds`: 1 << XS_GEN_VALUE | 1 << XS_GEN_PERMS. */
void tree_set(struct xs_tree *t, struct xs_node *n, struct xs_body *body, unsigned kinds);

/* Parents first: the node after n within top's subtree, or NULL. */
struct xs_node *tree_next(const struct xs_node *top, struct xs_node *n);

/* Bytes as they are charged. */
size_t node_size(const struct xs_node *n);

#endif
