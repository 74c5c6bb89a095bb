/* SPDX-License-Identifier: MIT */
/* Watches: who is told of a change. */
#include "hv/xenstore/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/xenstore/conn.h"
#include "hv/xenstore/event.h"
#include "hv/xenstore/server.h"

struct xs_wpath {
	struct xs_watch *watches;
	UT_hash_handle hh;
	char path[];
};

static struct xs_wpath *wpath_find(const struct xs_server *srv, const char *path,
				   size_t len)
{
	struct xs_wpath *wp;

	HASH_FIND(hh, srv->wpaths, path, len, wp);
	return wp;
}

static struct xs_wpath *wpath_get(struct xs_server *srv, const char *path, size_t len)
{
	struct xs_wpath *wp = wpath_find(srv, path, len);

	if (wp)
		return wp;
	wp = calloc(1, sizeof(*wp) + len + 1);
	if (!wp)
		return NULL;
	memcpy(wp->path, path, len);
	HASH_ADD_KEYPTR(hh, srv->wpaths, wp->path, len, wp);
	if (!wp->hh.tbl) {
		free(wp);
		return NULL;
	}
	return wp;
}

static void wpath_put(struct xs_server *srv, struct xs_wpath *wp)
{
	if (wp->watches)
		return;
	HASH_DEL(srv->wpaths, wp);
	free(wp);
}

/* A watch's key; its length. buf NULL: the length alone. */
static size_t watch_key(char *buf, struct xs_conn *conn, const struct xs_path *path,
			const char *token)
{
	size_t tlen = strlen(token) + 1;

	if (buf) {
		memcpy(buf, &conn, sizeof(conn));
		memcpy(buf + sizeof(conn), path->s, path->len + 1);
		memcpy(buf + sizeof(conn) + path->len + 1, token, tlen);
	}
	return sizeof(conn) + path->len + 1 + tlen;
}

static struct xs_watch *watch_find(const struct xs_server *srv, struct xs_conn *conn,
				   const struct xs_path *path, const char *token)
{
	char key[sizeof(conn) + XENSTORE_ABS_PATH_MAX + 1 + XS_TOKEN_MAX + 1];
	struct xs_watch *w;

	if (strlen(token) > XS_TOKEN_MAX)
		return NULL;
	HASH_FIND(hh, srv->watches, key, watch_key(key, conn, path, token), w);
	return w;
}

static int watch_insert(struct xs_server *srv, struct xs_watch *w,
			const struct xs_path *path, size_t keylen)
{
	w->at = wpath_get(srv, path->s, path->len);
	if (!w->at)
		return -ENOMEM;
	HASH_ADD_KEYPTR(hh, srv->watches, w->key, keylen, w);
	if (!w->hh.tbl) {
		wpath_put(srv, w->at);
		return -ENOMEM;
	}
	DL_APPEND(w->conn->watches, w);
	DL_APPEND2(w->at->watches, w, at_prev, at_next);
	return 0;
}

int watch_add(struct xs_server *srv, struct xs_conn *conn, const struct xs_path *path,
	      const char *token, struct xs_watch **out)
{
	size_t keylen = watch_key(NULL, conn, path, token);
	size_t cost = sizeof(struct xs_watch) + sizeof(struct xs_wpath) + 2 * keylen;
	struct xs_domain *d = conn->dom;
	struct xs_watch *w;

	if (strlen(token) > XS_TOKEN_MAX || quota_watch(srv, d))
		return -E2BIG;
	if (watch_find(srv, conn, path, token))
		return -EEXIST;
	if (quota_memory(srv, d, cost))
		return -ENOMEM;
	w = calloc(1, sizeof(*w) + keylen);
	if (!w)
		return -ENOMEM;
	w->conn = conn;
	w->strip = path->home_len;
	w->charged = cost;
	(void)watch_key(w->key, conn, path, token);
	w->token = w->key + sizeof(conn) + path->len + 1;
	if (watch_insert(srv, w, path, keylen)) {
		free(w);
		return -ENOMEM;
	}
	d->watches++;
	domain_charge(d, cost);
	*out = w;
	return 0;
}

static void watch_end(struct xs_server *srv, struct xs_watch *w)
{
	event_drop_all(srv, w);
	DL_DELETE(w->conn->watches, w);
	DL_DELETE2(w->at->watches, w, at_prev, at_next);
	HASH_DEL(srv->watches, w);
	wpath_put(srv, w->at);
	w->conn->dom->watches--;
	domain_uncharge(w->conn->dom, w->charged);
	free(w);
}

int watch_remove(struct xs_server *srv, struct xs_conn *conn, const struct xs_path *path,
		 const char *token)
{
	struct xs_watch *w = watch_find(srv, conn, path, token);

	if (!w)
		return -ENOENT;
	watch_end(srv, w);
	return 0;
}

void watch_remove_all(struct xs_server *srv, struct xs_conn *conn)
{
	while (conn->watches)
		watch_end(srv, conn->watches);
}

void watch_fire_first(struct xs_server *srv, struct xs_watch *w)
{
	event_add(srv, w, w->at->path, strlen(w->at->path));
}

static bool readable(const struct xs_body *b, const struct xs_domain *d)
{
	return b && body_rights(b, d) & XS_PERM_READ;
}

static void watch_fire_at(struct xs_server *srv, const struct xs_wpath *wp,
			  const struct xs_change *c)
{
	struct xs_watch *w;

	DL_FOREACH2 (wp->watches, w, at_next) {
		const struct xs_domain *d = w->conn->dom;

		if (readable(c->now, d) || readable(c->before, d) ||
		    readable(c->parent, d))
			event_add(srv, w, c->path, c->len);
	}
}

void watch_fire(struct xs_server *srv, const struct xs_change *c)
{
	for (size_t len = c->len; len > 0; len = path_parent(c->path, len)) {
		const struct xs_wpath *wp = wpath_find(srv, c->path, len);

		if (wp)
			watch_fire_at(srv, wp, c);
		if (c->exact)
			return;
	}
}

void watch_fire_special(struct xs_server *srv, const char *name)
{
	const struct xs_node *n = tree_find(&srv->tree, name, strlen(name));

	watch_fire(srv, &(struct xs_change){
				.path = n->path, .len = n->path_len, .now = n->body });
}
