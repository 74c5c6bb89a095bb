/* SPDX-License-Identifier: MIT */
/* The control socket: connections and packets. */
#include "hv/proc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/fdpass.h"
#include "hv/base/log.h"
#include "hv/proc/server_int.h"

#define CONN_SNDBUF 16384 /* bytes of replies that a peer may leave unread */

void conn_end(struct conn *c)
{
	claims_end(c);
	vm_client_end(c);
	client_end(&c->client);
	evloop_del(c->src);
	close(c->fd);
	free(c);
}

static int conn_answer(struct conn *c, struct answer *ans)
{
	int err;

	ans->reply.version = HVCALL_VERSION;
	err = fdpass_send(c->fd, &ans->reply, sizeof(ans->reply), ans->fds, ans->nfds);
	while (ans->nfds > 0)
		close(ans->fds[--ans->nfds]);
	return err;
}

/* A packet of n bytes. */
static int conn_serve(struct conn *c, const struct hvcall *call, long n,
		      struct answer *ans)
{
	int err = n == (long)sizeof(*call) ? conn_call(c, call, ans) : -EPROTO;

	for (int i = 0; i < ans->ncame; i++)
		if (ans->came[i] >= 0)
			close(ans->came[i]);
	return err ? err : conn_answer(c, ans);
}

/* Whether the kernel says beside each packet who sent it. */
static void senders_wanted(int fd, int yes)
{
	/* cannot fail: every unix socket has that */
	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
}

static void conn_ready(void *arg, uint32_t events)
{
	struct conn *c = arg;
	struct answer ans = { .nfds = 0 };
	const bool greeted = c->hello;
	struct hvcall call;
	long n;

	(void)events;
	/* at most */
	ans.ncame = c->client.dom->vm ? HVCALL_VM_FDS : 0;
	n = fdpass_recv_from(c->fd, &call, sizeof(call), ans.came, &ans.ncame,
			     c->hello ? NULL : &c->pid, MSG_DONTWAIT);
	if (n == -EAGAIN)
		return;
	/* an empty packet is the end, or may carry descriptors that are closed here */
	if (n >= 0 && !conn_serve(c, &call, n, &ans)) {
		if (c->hello && !greeted)
			senders_wanted(c->fd, 0);
		return;
	}
	if (n > 0)
		log_info("domain %u: malformed call or unread reply: connection ended",
			 c->client.dom->id);
	conn_end(c);
}

int hvserver_connect(struct hvserver *srv, int fd, domid_t domid)
{
	struct domain *dom = domain_by_id(srv->reg, domid);
	struct conn *c = dom ? calloc(1, sizeof(*c)) : NULL;
	const int sndbuf = CONN_SNDBUF;
	int err = dom ? -ENOMEM : -ENOENT;

	if (!c)
		goto close_fd;
	/* cannot fail in a way that matters: a default buffer is larger */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		err = -errno;
		goto free_conn;
	}
	senders_wanted(fd, 1);
	c->srv = srv;
	c->fd = fd;
	LIST_INIT(&c->claims);
	err = evloop_add(srv->loop, fd, EPOLLIN, conn_ready, c, &c->src);
	if (err)
		goto free_conn;
	client_init(&c->client, dom);
	return 0;
free_conn:
	free(c);
close_fd:
	close(fd);
	return err;
}

static bool peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

/* Out of descriptors: the one that waits is dropped, or it would wait for ever
 * and keep this loop busy. */
static void listen_drop_one(struct hvserver *srv)
{
	int fd;

	if (srv->spare_fd >= 0)
		close(srv->spare_fd);
	fd = accept4(srv->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	srv->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listen_ready(void *arg, uint32_t events)
{
	struct hvserver *srv = arg;
	int fd = accept4(srv->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			listen_drop_one(srv);
		return;
	}
	if (peer_allowed(fd))
		/* cannot be told to anybody: the peer sees the end */
		(void)hvserver_connect(srv, fd, 0);
	else
		close(fd);
}

int hvserver_listen(struct hvserver *srv, int listen_fd)
{
	int err = evloop_add(srv->loop, listen_fd, EPOLLIN, listen_ready, srv,
			     &srv->listen_src);

	if (err)
		close(listen_fd);
	else
		srv->listen_fd = listen_fd;
	return err;
}

/* dom0 is there from the start; it has a directory like the others. */
static int introduce_dom0(struct xs_server *xs)
{
	int err = xs_server_write(xs, "/local/domain/0/name", DOMAIN0_NAME);

	return err ? err : xs_server_write(xs, "/local/domain/0/domid", "0");
}

int hvserver_new(struct evloop *loop, struct xs_server *xs,
		 const struct core_limits *limits, struct hvserver **srv)
{
	struct hvserver *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->xs = xs;
	s->listen_fd = -1;
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->reg = registry_new(limits);
	if (s->reg) {
		s->reg->vm_serves = vm_serves;
		s->reg->vm_serves_arg = s;
	}
	err = s->reg ? introduce_dom0(xs) : -ENOMEM;
	if (err) {
		hvserver_free(s);
		return err;
	}
	*srv = s;
	return 0;
}

void hvserver_free(struct hvserver *srv)
{
	struct domain *dom;

	if (!srv)
		return;
	if (srv->reg)
		LIST_FOREACH (dom, &srv->reg->domains, link)
			while (!LIST_EMPTY(&dom->clients))
				conn_end(conn_of(LIST_FIRST(&dom->clients)));
	registry_free(srv->reg);
	evloop_del(srv->listen_src);
	if (srv->listen_fd >= 0)
		close(srv->listen_fd);
	if (srv->spare_fd >= 0)
		close(srv->spare_fd);
	free(srv);
}
