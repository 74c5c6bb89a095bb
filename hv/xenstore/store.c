/* SPDX-License-Identifier: MIT */
/* Changes of the tree: charges follow, watches fire. */
#include "hv/xenstore/store.h"

#include "hv/xenstore/path.h"
#include "hv/xenstore/watch.h"

static bool made_for(const struct xs_server *srv, const struct xs_domain *by,
		     const struct xs_body *b)
{
	return domain_privileged(by) && body_owner(srv, b);
}

void store_set(struct xs_server *srv, const struct xs_domain *by, struct xs_node *n,
	       struct xs_body *body, unsigned kinds)
{
	struct xs_body *before = body_ref(n->body);

	domain_uncharge_node(srv, n);
	if (body_owner(srv, body) != body_owner(srv, before))
		n->given = made_for(srv, by, body);
	tree_set(&srv->tree, n, body, kinds);
	domain_charge_node(srv, n);
	watch_fire(srv, &(struct xs_change){ .path = n->path,
					     .len = n->path_len,
					     .now = n->body,
					     .before = before });
	body_put(before);
}

void store_link(struct xs_server *srv, const struct xs_domain *by, struct xs_node *n,
		bool fire)
{
	struct xs_node *parent =
		tree_find(&srv->tree, n->path, path_parent(n->path, n->path_len));

	n->given = made_for(srv, by, n->body);
	tree_link(&srv->tree, parent, n);
	domain_charge_node(srv, n);
	if (fire)
		watch_fire(srv, &(struct xs_change){ .path = n->path,
						     .len = n->path_len,
						     .now = n->body,
						     .parent = parent->body });
}

/* All around hear of the top; below it, only those who watch a node that goes. */
static void store_fire_removal(struct xs_server *srv, struct xs_node *top)
{
	for (struct xs_node *n = top; n; n = tree_next(top, n))
		watch_fire(srv, &(struct xs_change){ .path = n->path,
						     .len = n->path_len,
						     .before = n->body,
						     .parent = n->parent->body,
						     .exact = n != top });
}

void store_remove(struct xs_server *srv, struct xs_node *top, bool fire)
{
	struct xs_node *n = top, *up;
	bool last;

	if (fire)
		store_fire_removal(srv, top);
	do {
		while (n->children)
			n = n->children;
		last = n == top;
		up = n->parent;
		domain_uncharge_node(srv, n);
		tree_drop(&srv->tree, n);
		n = up;
	} while (!last);
}
