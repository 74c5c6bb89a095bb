/* SPDX-License-Identifier: MIT */
/* Transactions: the record of accesses and the overlay of changes. */
#include "hv/xenstore/transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xenstore/path.h"
#include "hv/xenstore/server.h"

int tx_start(struct xs_conn *conn, uint32_t *id)
{
	struct xs_tx *tx;
	int err = quota_transaction(conn->srv, conn->dom);

	if (!err)
		err = quota_memory(conn->srv, conn->dom, sizeof(*tx));
	if (err)
		return err;
	tx = calloc(1, sizeof(*tx));
	if (!tx)
		return -ENOMEM;
	do {
		conn->last_tx++;
	} while (conn->last_tx == 0 || tx_find(conn, conn->last_tx));
	tx->conn = conn;
	tx->id = *id = conn->last_tx;
	DL_APPEND(conn->txs, tx);
	conn->dom->transactions++;
	domain_charge(conn->dom, sizeof(*tx));
	return 0;
}

struct xs_tx *tx_find(struct xs_conn *conn, uint32_t id)
{
	struct xs_tx *tx;

	DL_FOREACH (conn->txs, tx) {
		if (tx->id == id)
			return tx;
	}
	return NULL;
}

void tx_end(struct xs_tx *tx)
{
	struct xs_domain *d = tx->conn->dom;
	struct xs_tnode *t, *tmp;

	HASH_ITER (hh, tx->nodes, t, tmp) {
		HASH_DEL(tx->nodes, t);
		domain_uncharge(d, t->charged);
		body_put(t->body);
		free(t);
	}
	DL_DELETE(tx->conn->txs, tx);
	d->transactions--;
	domain_uncharge(d, sizeof(*tx));
	free(tx);
}

void tx_end_all(struct xs_conn *conn)
{
	while (conn->txs)
		tx_end(conn->txs);
}

struct xs_tnode *tx_peek(const struct xs_tx *tx, const char *path, size_t len)
{
	struct xs_tnode *t;

	HASH_FIND(hh, tx->nodes, path, len, t);
	return t;
}

/*
 * When the transaction last removed something above path: what is older is
 * gone. Stops at the first node that knows, so that neither depth nor a walk
 * from parent to child costs its square.
 */
static uint64_t tx_veil(const struct xs_tx *tx, const char *path, size_t len)
{
	uint64_t veil = 0;

	if (!tx->removed)
		return 0;
	while ((len = path_parent(path, len))) {
		const struct xs_tnode *t = tx_peek(tx, path, len);

		if (!t)
			continue;
		if (t->opaque > veil)
			veil = t->opaque;
		if (t->veil_at == tx->removed)
			return t->veil > veil ? t->veil : veil;
	}
	return veil;
}

bool tx_veiled(const struct xs_tx *tx, struct xs_tnode *t)
{
	t->veil = tx_veil(tx, t->path, t->path_len);
	t->veil_at = tx->removed;
	return t->veil != 0;
}

bool tx_exists(const struct xs_tx *tx, const struct xs_tnode *t)
{
	return t->body && t->seq > tx_veil(tx, t->path, t->path_len);
}

bool tx_sees_tree(const struct xs_tx *tx, const struct xs_tnode *t)
{
	return !t->opaque && !tx_veil(tx, t->path, t->path_len);
}

static void tnode_set_body(struct xs_tx *tx, struct xs_tnode *t, struct xs_body *body)
{
	domain_uncharge(tx->conn->dom, t->charged);
	body_put(t->body);
	t->body = body;
	t->charged = sizeof(*t) + t->path_len + 1 + body_size(body);
	domain_charge(tx->conn->dom, t->charged);
}

static struct xs_tnode *tnode_new(struct xs_tx *tx, const char *path, size_t len)
{
	struct xs_tnode *t = calloc(1, sizeof(*t) + len + 1);

	if (!t)
		return NULL;
	memcpy(t->path, path, len);
	t->path_len = (uint32_t)len;
	HASH_ADD_KEYPTR(hh, tx->nodes, t->path, len, t);
	if (!t->hh.tbl) {
		free(t);
		return NULL;
	}
	t->seq = ++tx->seq;
	tnode_set_body(tx, t, NULL);
	return t;
}

/* New dependencies on the tree, as it is now. */
static void tnode_depend(struct xs_tx *tx, struct xs_tnode *t, unsigned deps)
{
	const struct xs_node *n = tree_find(&tx->conn->srv->tree, t->path, t->path_len);

	deps &= ~t->deps;
	if (!deps)
		return;
	if (t->deps && !n != !t->existed)
		return; /* it came or went meanwhile: the commit will see that */
	t->deps |= deps;
	t->existed = n != NULL;
	if (!n)
		return;
	for (unsigned k = 0; k < XS_GENS; k++)
		if (deps & 1u << k)
			t->gen[k] = n->gen[k];
	if (!t->changed)
		tnode_set_body(tx, t, body_ref(n->body));
}

int tx_touch(struct xs_tx *tx, const char *path, size_t len, unsigned deps,
	     struct xs_tnode **out)
{
	struct xs_tnode *t = tx_peek(tx, path, len);
	uint64_t veil = tx_veil(tx, path, len);

	if (quota_memory(tx->conn->srv, tx->conn->dom, t ? 0 : sizeof(*t) + len + 1))
		return -ENOMEM;
	if (!t) {
		t = tnode_new(tx, path, len);
		if (!t)
			return -ENOMEM;
		t->based = !veil;
	}
	t->veil = veil;
	t->veil_at = tx->removed;
	if (t->based && !veil && !t->opaque)
		tnode_depend(tx, t, deps | 1u << XS_GEN_PERMS);
	if (t->body && t->seq < veil)
		tnode_set_body(tx, t, NULL);
	*out = t;
	return 0;
}

void tx_set(struct xs_tx *tx, struct xs_tnode *t, struct xs_body *body, unsigned kinds)
{
	tnode_set_body(tx, t, body);
	t->seq = ++tx->seq;
	t->changed = t->fire = true;
	t->kinds |= kinds;
}

/* Nobody else may take these numbers for the stamps of another list of names. */
static void tnode_list_changed(struct xs_tx *tx, struct xs_tnode *t)
{
	t->list_gen = ++tx->conn->srv->tree.gen;
}

void tx_create(struct xs_tx *tx, struct xs_tnode *parent, struct xs_tnode *t,
	       struct xs_body *body, bool fire)
{
	tnode_set_body(tx, t, body);
	t->born = t->seq = ++tx->seq;
	t->changed = true;
	t->fire |= fire;
	tx->created++;
	tnode_list_changed(tx, parent);
	if (t->linked)
		DL_DELETE(parent->kids, t);
	DL_APPEND(parent->kids, t);
	t->linked = true;
}

void tx_remove(struct xs_tx *tx, struct xs_tnode *t)
{
	struct xs_tnode *parent = tx_peek(tx, t->path, path_parent(t->path, t->path_len));

	tnode_set_body(tx, t, NULL);
	t->opaque = t->seq = ++tx->seq;
	t->changed = true;
	tx->removed = t->seq;
	if (parent)
		tnode_list_changed(tx, parent);
}
