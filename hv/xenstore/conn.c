/* SPDX-License-Identifier: MIT */
/* One client: buffered, nonblocking I/O and framing. */
#include "hv/xenstore/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/xenstore/server.h"
#include "hv/xenstore/transaction.h"
#include "hv/xenstore/watch.h"

#define OUT_KEEP  4096u	      /* an empty buffer of more is given back */
#define OUT_CHUNK (64u << 10) /* events become bytes this many at a time */

static void conn_dirty(struct xs_conn *conn)
{
	if (conn->dirty)
		return;
	conn->dirty = true;
	DL_APPEND2(conn->srv->dirty, conn, dirty_prev, dirty_next);
}

void conn_kill(struct xs_conn *conn)
{
	conn->dead = true;
	conn_dirty(conn);
}

void conn_wants_write(struct xs_conn *conn)
{
	if (!(conn->interest & EPOLLOUT))
		conn_dirty(conn);
}

bool conn_full(const struct xs_conn *conn)
{
	if (domain_privileged(conn->dom))
		return conn->outstanding >= XS_DOM0_FULL;
	return conn->dom->outstanding >= conn->srv->quota.outstanding;
}

void conn_charge(struct xs_conn *conn, size_t bytes)
{
	conn->outstanding += bytes;
	conn->dom->outstanding += bytes;
}

void conn_uncharge(struct xs_conn *conn, size_t bytes)
{
	conn->outstanding -= bytes;
	conn->dom->outstanding -= bytes;
}

/* Room for len more bytes at out + out_len; false kills the connection. */
static bool conn_reserve(struct xs_conn *conn, size_t len)
{
	size_t cap = conn->out_cap ? conn->out_cap : 1024;
	char *out;

	if (conn->out_at > 0 && conn->out_len + len > conn->out_cap) {
		conn->out_len -= conn->out_at;
		memmove(conn->out, conn->out + conn->out_at, conn->out_len);
		conn->out_at = 0;
	}
	if (conn->out_len + len <= conn->out_cap)
		return true;
	while (cap < conn->out_len + len)
		cap *= 2;
	out = realloc(conn->out, cap);
	if (!out) {
		conn_kill(conn);
		return false;
	}
	conn->out = out;
	conn->out_cap = cap;
	return true;
}

void conn_send(struct xs_conn *conn, const struct xsd_sockmsg *hdr, const void *data,
	       size_t len)
{
	struct xsd_sockmsg h = *hdr;

	if (conn->dead || !conn_reserve(conn, sizeof(h) + len))
		return;
	h.len = (uint32_t)len;
	memcpy(conn->out + conn->out_len, &h, sizeof(h));
	if (len)
		memcpy(conn->out + conn->out_len + sizeof(h), data, len);
	conn->out_len += sizeof(h) + len;
	conn_charge(conn, sizeof(h) + len);
	conn_wants_write(conn);
}

/* Complete requests in the buffer, while the client takes the replies. */
static void conn_process(struct xs_conn *conn)
{
	struct xsd_sockmsg hdr;
	size_t at = 0;

	while (!conn->dead && !conn_full(conn) && conn->in_len - at >= sizeof(hdr)) {
		memcpy(&hdr, conn->in + at, sizeof(hdr));
		if (hdr.len > XENSTORE_PAYLOAD_MAX) {
			conn_kill(conn);
			return;
		}
		if (conn->in_len - at < sizeof(hdr) + hdr.len)
			break;
		ops_request(conn, &hdr, conn->in + at + sizeof(hdr));
		at += sizeof(hdr) + hdr.len;
	}
	conn->in_len -= at;
	memmove(conn->in, conn->in + at, conn->in_len);
}

static void conn_read(struct xs_conn *conn)
{
	ssize_t n = recv(conn->fd, conn->in + conn->in_len,
			 sizeof(conn->in) - conn->in_len, MSG_DONTWAIT);

	if (n > 0)
		conn->in_len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		conn_kill(conn);
	if (n > 0)
		conn_process(conn);
}

/* The oldest events as bytes, once all replies are sent. */
static bool conn_render_events(struct xs_conn *conn)
{
	while (conn->events && conn->out_len < OUT_CHUNK) {
		size_t max = sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX, n;

		if (!conn_reserve(conn, max))
			return false;
		n = event_take(conn->srv, conn, conn->out + conn->out_len, max);
		conn->out_len += n;
		conn_charge(conn, n);
	}
	return conn->out_at < conn->out_len;
}

static void conn_write(struct xs_conn *conn)
{
	while (conn->out_at < conn->out_len || conn_render_events(conn)) {
		ssize_t n =
			send(conn->fd, conn->out + conn->out_at,
			     conn->out_len - conn->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				conn_kill(conn);
			return;
		}
		conn->out_at += (size_t)n;
		conn_uncharge(conn, (size_t)n);
		if (conn->out_at == conn->out_len)
			conn->out_at = conn->out_len = 0;
	}
	if (conn->out_cap > OUT_KEEP) {
		free(conn->out);
		conn->out = NULL;
		conn->out_at = conn->out_len = conn->out_cap = 0;
	}
}

static void conn_interest(struct xs_conn *conn)
{
	bool waits = conn->out_at < conn->out_len || conn->events;
	bool room = conn->in_len < sizeof(conn->in) && !conn_full(conn);
	uint32_t want = (room ? EPOLLIN : 0u) | (waits ? EPOLLOUT : 0u);

	if (want == conn->interest)
		return;
	conn->interest = want;
	if (evloop_mod(conn->src, want))
		conn_kill(conn);
}

/* Requests that waited for room. */
static void conn_resume(struct xs_conn *conn)
{
	if (conn->in_len && !conn_full(conn))
		conn_process(conn);
	if (!conn->dead)
		conn_interest(conn);
}

void conn_flush(struct xs_conn *conn)
{
	struct xs_conn *c;

	conn_write(conn); /* what is left waits for EPOLLOUT */
	if (domain_privileged(conn->dom)) {
		if (!conn->dead)
			conn_resume(conn);
		return;
	}
	/* the bound is the domain's: there may be room for its other clients, too */
	DL_FOREACH (conn->dom->conns, c) {
		if (!c->dead)
			conn_resume(c);
	}
}

static void conn_ready(void *arg, uint32_t events)
{
	struct xs_conn *conn = arg;
	struct xs_server *srv = conn->srv;

	if (events & EPOLLIN)
		conn_read(conn);
	else if (events & (EPOLLHUP | EPOLLERR))
		conn_kill(conn);
	if (!conn->dead)
		conn_flush(conn);
	server_settle(srv);
}

int conn_new(struct xs_server *srv, int fd, struct xs_domain *dom)
{
	struct xs_conn *conn;
	int err = -ENOMEM;

	if (quota_memory(srv, dom, sizeof(*conn)))
		goto err_fd;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		goto err_fd;
	conn->srv = srv;
	conn->dom = dom;
	conn->fd = fd;
	conn->interest = EPOLLIN;
	err = evloop_add(srv->loop, fd, EPOLLIN, conn_ready, conn, &conn->src);
	if (err)
		goto err_conn;
	DL_APPEND(dom->conns, conn);
	domain_charge(dom, sizeof(*conn));
	return 0;

err_conn:
	free(conn);
err_fd:
	close(fd);
	return err;
}

void conn_free(struct xs_conn *conn)
{
	struct xs_server *srv = conn->srv;

	conn->dead = true;
	watch_remove_all(srv, conn);
	tx_end_all(conn);
	if (conn->dirty)
		DL_DELETE2(srv->dirty, conn, dirty_prev, dirty_next);
	DL_DELETE(conn->dom->conns, conn);
	conn->dom->outstanding -= conn->outstanding;
	domain_uncharge(conn->dom, sizeof(*conn));
	evloop_del(conn->src);
	close(conn->fd);
	free(conn->out);
	free(conn);
}
