/* SPDX-License-Identifier: MIT */
/*
 * Committing a transaction: check all, prepare all, and only then change the
 * tree, so that a commit that fails has changed nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "hv/xenstore/path.h"
#include "hv/xenstore/store.h"
#include "hv/xenstore/transaction.h"

struct commit {
	struct xs_server *srv;
	struct xs_tx *tx;
	struct xs_domain *dom;
	struct xs_tnode **make; /* nodes to create, parents first */
	size_t nmake;
};

/* The tree's node at t goes, or is replaced, and nothing above it does. */
static bool removes(const struct commit *c, struct xs_tnode *t)
{
	return t->base && t->opaque && !tx_veiled(c->tx, t);
}

static bool creates(const struct commit *c, const struct xs_tnode *t)
{
	return t->changed && tx_exists(c->tx, t) && !(t->base && tx_sees_tree(c->tx, t));
}

static bool replaces(const struct commit *c, const struct xs_tnode *t)
{
	return t->changed && t->body && t->base && tx_sees_tree(c->tx, t);
}

static int commit_verify(struct commit *c)
{
	struct xs_tnode *t;

	for (t = c->tx->nodes; t; t = t->hh.next) {
		t->base = tree_find(&c->srv->tree, t->path, t->path_len);
		if (!t->based)
			continue;
		if (!t->base != !t->existed)
			return -EAGAIN;
		for (unsigned k = 0; t->base && k < XS_GENS; k++)
			if (t->deps & 1u << k && t->base->gen[k] != t->gen[k])
				return -EAGAIN;
	}
	return 0;
}

/* An unprivileged domain creates nodes for itself alone. */
static int commit_quota(struct commit *c)
{
	uint64_t added = 0, gone = 0;
	struct xs_tnode *t;

	if (domain_privileged(c->dom))
		return 0;
	for (t = c->tx->nodes; t; t = t->hh.next) {
		if (creates(c, t))
			added++;
		if (!removes(c, t))
			continue;
		for (struct xs_node *n = t->base; n; n = tree_next(t->base, n))
			gone += body_owner(c->srv, n->body) == c->dom;
	}
	return added > gone ? quota_nodes(c->srv, c->dom, added - gone) : 0;
}

static int by_birth(const void *a, const void *b)
{
	const struct xs_tnode *ta = *(struct xs_tnode *const *)a;
	const struct xs_tnode *tb = *(struct xs_tnode *const *)b;

	return (ta->born > tb->born) - (ta->born < tb->born);
}

/* Everything that can fail for want of memory. */
static int commit_prepare(struct commit *c)
{
	struct xs_tnode *t;

	c->make = calloc(HASH_COUNT(c->tx->nodes) + 1, sizeof(struct xs_tnode *));
	if (!c->make)
		return -ENOMEM;
	for (t = c->tx->nodes; t; t = t->hh.next) {
		if (!creates(c, t))
			continue;
		t->fresh =
			tree_new(&c->srv->tree, t->path, t->path_len, body_ref(t->body));
		if (!t->fresh)
			goto err;
		c->make[c->nmake++] = t;
	}
	qsort(c->make, c->nmake, sizeof(struct xs_tnode *), by_birth);
	return 0;

err:
	while (c->nmake > 0)
		tree_drop(&c->srv->tree, c->make[--c->nmake]->fresh);
	return -ENOMEM;
}

static void commit_apply(struct commit *c)
{
	struct xs_tnode *t;

	for (t = c->tx->nodes; t; t = t->hh.next)
		if (removes(c, t))
			store_remove(c->srv, t->base, true);
	for (t = c->tx->nodes; t; t = t->hh.next)
		if (replaces(c, t))
			store_set(c->srv, c->dom, t->base, body_ref(t->body), t->kinds);
	for (size_t i = 0; i < c->nmake; i++)
		store_link(c->srv, c->dom, c->make[i]->fresh, c->make[i]->fire);
}

int tx_commit(struct xs_tx *tx)
{
	struct commit c = { .srv = tx->conn->srv, .tx = tx, .dom = tx->conn->dom };
	int err = tx->failed ? -ENOMEM : commit_verify(&c);

	if (!err)
		err = commit_quota(&c);
	if (!err)
		err = commit_prepare(&c);
	if (!err)
		commit_apply(&c);
	free(c.make);
	return err;
}
