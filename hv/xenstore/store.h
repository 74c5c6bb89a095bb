/* SPDX-License-Identifier: MIT */
/* Changes of the tree: charges follow, watches fire. */
#ifndef TANDEM_HV_XENSTORE_STORE_H
#define TANDEM_HV_XENSTORE_STORE_H

#include "hv/xenstore/server.h"

#define STORE_VALUE (1u << XS_GEN_VALUE)
#define STORE_PERMS (1u << XS_GEN_PERMS)

/* Takes body's reference. `by`: who does it. kinds: XS_SET_*. */
void store_set(struct xs_server *srv, const struct xs_domain *by, struct xs_node *n,
	       struct xs_body *body, unsigned kinds);

/* Links a new node (tree_new) below its parent; fires if told to. */
void store_link(struct xs_server *srv, const struct xs_domain *by, struct xs_node *n,
		bool fire);

/* Ends n and all below it. */
void store_remove(struct xs_server *srv, struct xs_node *n, bool fire);

#endif
