/* SPDX-License-Identifier: MIT */
/* The xenstore server: its life, its sockets, and the toolstack's own calls. */
#include "hv/xenstore/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/xenstore/conn.h"
#include "hv/xenstore/store.h"
#include "hv/xenstore/view.h"
#include "hv/xenstore/watch.h"

#define ACCEPT_BATCH 16 /* connections taken in one round */

struct xs_server *xs_server_new(struct evloop *loop, const struct xs_quota *quota)
{
	struct xs_server *srv = calloc(1, sizeof(*srv));

	if (!srv)
		return NULL;
	srv->loop = loop;
	srv->quota = quota ? *quota : xs_quota_default;
	srv->listen_fd = -1;
	if (tree_init(&srv->tree))
		goto err_srv;
	srv->dom0 = domain_get(srv, 0);
	if (!srv->dom0)
		goto err_tree;
	srv->dom0->introduced = true;
	return srv;

err_tree:
	tree_fini(&srv->tree);
err_srv:
	free(srv);
	return NULL;
}

void xs_server_free(struct xs_server *srv)
{
	struct xs_domain *d, *tmp;

	if (!srv)
		return;
	HASH_ITER (hh, srv->domains, d, tmp) {
		while (d->conns)
			conn_free(d->conns);
		domain_free(srv, d);
	}
	evloop_del(srv->listen_src);
	if (srv->listen_fd >= 0)
		close(srv->listen_fd);
	tree_fini(&srv->tree);
	free(srv);
}

void server_settle(struct xs_server *srv)
{
	bool freed = false;

	while (srv->dirty) {
		struct xs_conn *conn = srv->dirty;

		DL_DELETE2(srv->dirty, conn, dirty_prev, dirty_next);
		conn->dirty = false;
		if (!conn->dead)
			conn_flush(conn);
		if (conn->dead) {
			conn_free(conn);
			freed = true;
		}
	}
	if (freed && srv->listen_off && !evloop_mod(srv->listen_src, EPOLLIN))
		srv->listen_off = false;
}

static void server_accept(void *arg, uint32_t events)
{
	struct xs_server *srv = arg;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd =
			accept4(srv->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		int err;

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			       errno == ENOBUFS)) {
			log_warn("xenstore: cannot take a connection: %s",
				 strerror(errno));
			srv->listen_off = !evloop_mod(srv->listen_src, 0);
		}
		if (fd < 0)
			return;
		err = conn_new(srv, fd, srv->dom0);
		if (err)
			log_warn("xenstore: cannot take a connection: %s",
				 strerror(-err));
	}
}

int xs_server_listen(struct xs_server *srv, int listen_fd)
{
	int err = evloop_add(srv->loop, listen_fd, EPOLLIN, server_accept, srv,
			     &srv->listen_src);

	if (!err)
		srv->listen_fd = listen_fd;
	else
		close(listen_fd);
	return err;
}

int xs_server_connect(struct xs_server *srv, int fd, domid_t domid)
{
	struct xs_domain *d = domain_find(srv, domid);

	if (!d || !d->introduced) {
		close(fd);
		return -ENOENT;
	}
	return conn_new(srv, fd, d);
}

int domain_introduce(struct xs_server *srv, domid_t domid)
{
	struct xs_domain *d = domain_get(srv, domid);

	if (!d)
		return -ENOMEM;
	if (d->introduced)
		return -EEXIST;
	d->introduced = true;
	watch_fire_special(srv, "@introduceDomain");
	return 0;
}

int domain_release(struct xs_server *srv, domid_t domid)
{
	struct xs_domain *d = domain_find(srv, domid);

	if (!d || !d->introduced)
		return -ENOENT;
	while (d->conns)
		conn_free(d->conns);
	/* its nodes and the rights it was given end with its epoch (body.h) */
	domain_free(srv, d);
	watch_fire_special(srv, "@releaseDomain");
	return 0;
}

/* A key of the domain's that only dom0 writes. */
static int home_key(struct xs_server *srv, const struct xs_path *home,
		    const struct xs_perm *owner, const char *key, const char *value)
{
	struct xs_perm perms[2] = { { .id = 0 }, *owner };
	struct xs_view v = { .srv = srv, .dom = srv->dom0 };
	struct xs_path p;
	int err;

	p.len = (size_t)snprintf(p.s, sizeof(p.s), "%s%s%s", home->s, *key ? "/" : "",
				 key);
	perms[1].rights = XS_PERM_READ;
	err = view_write(&v, &p, value, (uint32_t)strlen(value));
	if (!err)
		err = view_set_perms(&v, &p, *key ? perms : owner, *key ? 2 : 1);
	return err;
}

static int home_make(struct xs_server *srv, const struct xs_path *home,
		     const struct xs_domain *d, const char *name)
{
	struct xs_view v = { .srv = srv, .dom = srv->dom0 };
	const struct xs_perm owner = { .id = d->id, .epoch = d->epoch };
	char id[8];
	int err = view_remove(&v, home);

	if (err && err != -ENOENT)
		return err;
	(void)snprintf(id, sizeof(id), "%u", d->id);
	err = home_key(srv, home, &owner, "", "");
	if (!err)
		err = home_key(srv, home, &owner, "name", name);
	if (!err)
		err = home_key(srv, home, &owner, "domid", id);
	return err;
}

static void home_path(struct xs_path *home, domid_t domid)
{
	home->len = (size_t)snprintf(home->s, sizeof(home->s), XS_HOME_FMT, domid);
}

int xs_server_name(struct xs_server *srv, domid_t domid, const char *name)
{
	struct xs_domain *d = domain_get(srv, domid);
	struct xs_path home;
	int err;

	if (!d)
		return -ENOMEM;
	if (d->introduced)
		return -EEXIST;
	home_path(&home, domid);
	err = home_make(srv, &home, d, name);
	server_settle(srv);
	return err;
}

int xs_server_start(struct xs_server *srv, domid_t domid)
{
	int err = domain_introduce(srv, domid);

	server_settle(srv);
	return err;
}

int xs_server_introduce(struct xs_server *srv, domid_t domid, const char *name)
{
	int err = xs_server_name(srv, domid, name);

	return err ? err : xs_server_start(srv, domid);
}

void xs_server_stopped(struct xs_server *srv, domid_t domid)
{
	const struct xs_domain *d = domain_find(srv, domid);

	if (d && d->introduced)
		watch_fire_special(srv, "@releaseDomain");
	server_settle(srv);
}

int xs_server_release(struct xs_server *srv, domid_t domid)
{
	struct xs_view v = { .srv = srv, .dom = srv->dom0 };
	struct xs_domain *d = domid ? domain_find(srv, domid) : NULL;
	struct xs_path home;
	int err = domid ? domain_release(srv, domid) : -ENOENT;

	if (d && err)
		/* it never ran, so it has no connections; what it was given ends */
		domain_free(srv, d);
	if (domid) {
		home_path(&home, domid);
		/* cannot fail but for its absence: dom0 may */
		(void)view_remove(&v, &home);
	}
	server_settle(srv);
	return d ? 0 : err;
}

int xs_server_write(struct xs_server *srv, const char *path, const char *value)
{
	struct xs_view v = { .srv = srv, .dom = srv->dom0 };
	struct xs_path p;
	int err = path_parse(&p, path, 0, false, XENSTORE_ABS_PATH_MAX);

	if (!err)
		err = view_write(&v, &p, value, (uint32_t)strlen(value));
	server_settle(srv);
	return err;
}

const char *xs_server_read(struct xs_server *srv, const char *path)
{
	struct xs_path p;
	const struct xs_node *n;

	if (path_parse(&p, path, 0, false, XENSTORE_ABS_PATH_MAX))
		return NULL;
	n = tree_find(&srv->tree, p.s, p.len);
	return n ? body_value(n->body) : NULL;
}

const char *xs_server_read_as(struct xs_server *srv, domid_t domid, const char *path)
{
	struct xs_view v = { .srv = srv, .dom = domain_find(srv, domid) };
	const struct xs_body *body;
	struct xs_path p;

	if (!v.dom || path_parse(&p, path, 0, false, XENSTORE_ABS_PATH_MAX) ||
	    view_read(&v, &p, XS_PERM_READ, 0, &body))
		return NULL;
	return body_value(body);
}

bool xs_server_any_child(struct xs_server *srv, const char *path,
			 bool (*fn)(void *arg, const char *name), void *arg)
{
	const struct xs_node *n, *child;
	struct xs_path p;

	if (path_parse(&p, path, 0, false, XENSTORE_ABS_PATH_MAX))
		return false;
	n = tree_find(&srv->tree, p.s, p.len);
	for (child = n ? n->children : NULL; child; child = child->next)
		if (fn(arg, path_leaf(child->path, child->path_len)))
			return true;
	return false;
}
