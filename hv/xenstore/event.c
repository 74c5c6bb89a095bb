/* SPDX-License-Identifier: MIT */
/* Pending watch events of a connection: merged, bounded, in order. */
#include "hv/xenstore/event.h"

#include <stdlib.h>
#include <string.h>

#include "hv/xenstore/conn.h"
#include "hv/xenstore/server.h"

#define KEY_MAX (sizeof(struct xs_watch *) + XENSTORE_ABS_PATH_MAX + 1)

static size_t event_key(char *buf, struct xs_watch *w, const char *path, size_t len)
{
	memcpy(buf, &w, sizeof(w));
	memcpy(buf + sizeof(w), path, len);
	buf[sizeof(w) + len] = '\0';
	return sizeof(w) + len + 1;
}

size_t event_cost(const struct xs_event *e)
{
	return sizeof(*e) + e->size;
}

static void event_drop(struct xs_server *srv, struct xs_event *e)
{
	struct xs_conn *conn = e->watch->conn;

	HASH_DEL(srv->events, e);
	DL_DELETE(conn->events, e);
	e->watch->pending--;
	conn_uncharge(conn, event_cost(e));
	free(e);
}

void event_drop_all(struct xs_server *srv, struct xs_watch *w)
{
	struct xs_event *e, *tmp;

	if (!w->pending)
		return;
	DL_FOREACH_SAFE (w->conn->events, e, tmp) {
		if (e->watch == w)
			event_drop(srv, e);
	}
	w->collapsed = false;
}

/* Unless it is there already, and (else false) if there is room and memory. */
static bool event_append(struct xs_server *srv, struct xs_watch *w, const char *path,
			 size_t len, bool room)
{
	char key[KEY_MAX];
	size_t keylen = event_key(key, w, path, len);
	struct xs_event *e;

	HASH_FIND(hh, srv->events, key, keylen, e);
	if (e)
		return true;
	if (!room)
		return false;
	e = calloc(1, sizeof(*e) + keylen);
	if (!e)
		return false;
	memcpy(e->key, key, keylen);
	e->watch = w;
	e->size = sizeof(struct xsd_sockmsg) + len - w->strip + 1 + strlen(w->token) + 1;
	HASH_ADD_KEYPTR(hh, srv->events, e->key, keylen, e);
	if (!e->hh.tbl) {
		free(e);
		return false;
	}
	DL_APPEND(w->conn->events, e);
	w->pending++;
	conn_charge(w->conn, event_cost(e));
	return true;
}

void event_add(struct xs_server *srv, struct xs_watch *w, const char *path, size_t len)
{
	struct xs_conn *conn = w->conn;

	if (conn->dead || w->collapsed)
		return;
	conn_wants_write(conn);
	if (event_append(srv, w, path, len, !conn_full(conn)))
		return;
	path = w->key + sizeof(conn);
	if (event_append(srv, w, path, strlen(path), true))
		w->collapsed = true;
	else
		conn_kill(conn); /* no memory: rather no client than one that waits */
}

size_t event_take(struct xs_server *srv, struct xs_conn *conn, char *buf, size_t size)
{
	struct xs_event *e = conn->events;
	struct xsd_sockmsg hdr = { .type = XS_WATCH_EVENT };
	size_t plen, tlen, total = e->size;
	const struct xs_watch *w = e->watch;

	if (total > size)
		return 0;
	plen = strlen(event_path(e) + w->strip) + 1;
	tlen = strlen(w->token) + 1;
	hdr.len = (uint32_t)(plen + tlen);
	memcpy(buf, &hdr, sizeof(hdr));
	memcpy(buf + sizeof(hdr), event_path(e) + w->strip, plen);
	memcpy(buf + sizeof(hdr) + plen, w->token, tlen);
	if (w->collapsed)
		e->watch->collapsed = false;
	event_drop(srv, e);
	return total;
}
