/* SPDX-License-Identifier: MIT */
/*
 * Transactions: what each has looked at, with the stamps it saw, and an overlay
 * of what it changed. The tree itself is never copied.
 *
 * A commit fails with -EAGAIN when what the transaction depends on is not as it
 * was: the value it read, the permissions that allowed it, the names it
 * listed, the subtree it removed, a path that it found empty.
 */
#ifndef TANDEM_HV_XENSTORE_TRANSACTION_H
#define TANDEM_HV_XENSTORE_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/xenstore/conn.h"
#include "hv/xenstore/tree.h"

/* What a transaction knows of one path. */
struct xs_tnode {
	struct xs_body *body;	      /* what it sees there; NULL: nothing */
	struct xs_tnode *kids;	      /* that the transaction created, removed ones too */
	struct xs_tnode *prev, *next; /* siblings among the kids */
	uint64_t gen[XS_GENS];	      /* as seen in the tree, for `deps` */
	uint64_t seq;		      /* when body was set */
	uint64_t born;		      /* when it was last created */
	uint64_t opaque; /* when the node was last removed: hides all that is older below
			  */
	uint64_t veil,
		veil_at;   /* the newest opaque above, as of tx->removed == veil_at */
	uint64_t list_gen; /* of own changes to the children's names */
	size_t charged;
	unsigned deps;	/* 1 << XS_GEN_* */
	unsigned kinds; /* of changes: XS_SET_* */
	bool based;	/* depends on the tree: */
	bool existed;	/* there was a node */
	bool changed, fire;
	bool linked;		      /* among its parent's kids */
	struct xs_node *base, *fresh; /* during the commit */
	uint32_t path_len;
	UT_hash_handle hh;
	char path[];
};

struct xs_tx {
	struct xs_tx *prev, *next; /* of the connection */
	struct xs_conn *conn;
	struct xs_tnode *nodes; /* by path */
	uint32_t id;
	uint32_t created; /* nodes, ever */
	uint64_t seq;
	uint64_t removed; /* seq of the last removal; 0: none */
	bool failed;	  /* an operation was left halfway: it cannot be committed */
};

/* 0, -ENOSPC (quota) or -ENOMEM. */
int tx_start(struct xs_conn *conn, uint32_t *id);
struct xs_tx *tx_find(struct xs_conn *conn, uint32_t id);
/* Discards it. */
void tx_end(struct xs_tx *tx);
void tx_end_all(struct xs_conn *conn);
/* Applies it, or not at all: 0, -EAGAIN, -ENOSPC (quota), -ENOMEM. It stays to be ended.
 */
int tx_commit(struct xs_tx *tx);

/*
 * The node for path, with the dependencies recorded (XS_GEN_PERMS always). Its
 * body is what the transaction sees. 0 or -ENOMEM (quota, too).
 */
int tx_touch(struct xs_tx *tx, const char *path, size_t len, unsigned deps,
	     struct xs_tnode **out);
struct xs_tnode *tx_peek(const struct xs_tx *tx, const char *path, size_t len);
/* A change. Takes body's reference; kinds as store_set(). */
void tx_set(struct xs_tx *tx, struct xs_tnode *t, struct xs_body *body, unsigned kinds);
void tx_create(struct xs_tx *tx, struct xs_tnode *parent, struct xs_tnode *t,
	       struct xs_body *body, bool fire);
void tx_remove(struct xs_tx *tx, struct xs_tnode *t);
/* Has the transaction removed something above it (and perhaps made it anew)? */
bool tx_veiled(const struct xs_tx *tx, struct xs_tnode *t);
/* Does the transaction see a node there? */
bool tx_exists(const struct xs_tx *tx, const struct xs_tnode *t);
/* Does it see what the tree has at and below that path? */
bool tx_sees_tree(const struct xs_tx *tx, const struct xs_tnode *t);

#endif
