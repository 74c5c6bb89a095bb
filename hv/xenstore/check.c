/* SPDX-License-Identifier: MIT */
/* The tree's consistency, counted anew. */
#include <string.h>

#include "hv/xenstore/conn.h"
#include "hv/xenstore/path.h"
#include "hv/xenstore/server.h"
#include "hv/xenstore/transaction.h"
#include "hv/xenstore/watch.h"

/* n as a child: is it linked where its path says? */
static const char *check_link(const struct xs_server *srv, const struct xs_node *n)
{
	size_t up = path_parent(n->path, n->path_len);

	if (strlen(n->path) != n->path_len || !n->body)
		return "a node without path or body";
	if (tree_find(&srv->tree, n->path, n->path_len) != n)
		return "a node twice, or not in the table";
	if (up == 0)
		return n->parent ? "a root with a parent" : NULL;
	if (!n->parent || tree_find(&srv->tree, n->path, up) != n->parent)
		return "an orphan";
	if (n->parent->gen[XS_GEN_SUB] < n->gen[XS_GEN_SUB])
		return "a change not seen above";
	return NULL;
}

static const char *check_children(const struct xs_node *n, unsigned *found)
{
	const struct xs_node *c;
	uint32_t names = 0;

	DL_FOREACH (n->children, c) {
		if (c->parent != n)
			return "a child of somebody else";
		names += (uint32_t)strlen(path_leaf(c->path, c->path_len)) + 1;
		(*found)++;
	}
	return names == n->names_len ? NULL : "names counted wrong";
}

static const char *check_tree(const struct xs_server *srv)
{
	const struct xs_node *n;
	unsigned found = 0;

	for (n = srv->tree.by_path; n; n = n->hh.next) {
		const char *wrong = check_link(srv, n);

		if (!wrong)
			wrong = check_children(n, &found);
		if (wrong)
			return wrong;
	}
	/* "/" and two special nodes are nobody's children */
	return found + 3 == HASH_COUNT(srv->tree.by_path) ? NULL : "an unlinked node";
}

static void sum_nodes(const struct xs_server *srv)
{
	for (const struct xs_node *n = srv->tree.by_path; n; n = n->hh.next) {
		struct xs_domain *d = body_owner(srv, n->body);

		if (!d)
			continue;
		d->sums.nodes++;
		d->sums.given += n->given;
		d->sums.memory += node_size(n);
	}
}

static const char *sum_conn(const struct xs_conn *conn, struct xs_sums *s)
{
	uint64_t bytes = conn->out_len - conn->out_at;
	const struct xs_watch *w;
	const struct xs_event *e;
	const struct xs_tx *tx;
	uint32_t pending = 0;

	DL_FOREACH (conn->watches, w) {
		s->watches++;
		s->memory += w->charged;
		pending += w->pending;
	}
	DL_FOREACH (conn->txs, tx) {
		s->transactions++;
		s->memory += sizeof(*tx);
		for (const struct xs_tnode *t = tx->nodes; t; t = t->hh.next)
			s->memory += t->charged;
	}
	DL_FOREACH (conn->events, e) {
		bytes += event_cost(e);
		pending--;
	}
	s->memory += sizeof(*conn);
	s->outstanding += bytes;
	return pending || bytes != conn->outstanding ? "events counted wrong" : NULL;
}

static const char *check_domain(struct xs_domain *d)
{
	struct xs_sums *s = &d->sums;
	const struct xs_conn *conn;

	if (d->conns && !d->introduced)
		return "a connection of no domain";
	DL_FOREACH (d->conns, conn) {
		const char *wrong = sum_conn(conn, s);

		if (wrong)
			return wrong;
	}
	if (s->nodes != d->nodes || s->given != d->given)
		return "nodes counted wrong";
	if (s->watches != d->watches || s->transactions != d->transactions)
		return "watches or transactions counted wrong";
	return s->memory != d->memory || s->outstanding != d->outstanding
		       ? "bytes counted wrong"
		       : NULL;
}

const char *xs_check(struct xs_server *srv)
{
	const char *wrong = check_tree(srv);
	struct xs_domain *d;

	for (d = srv->domains; d; d = d->hh.next)
		d->sums = (struct xs_sums){ 0 };
	if (!wrong)
		sum_nodes(srv);
	for (d = srv->domains; !wrong && d; d = d->hh.next)
		wrong = check_domain(d);
	return wrong;
}
