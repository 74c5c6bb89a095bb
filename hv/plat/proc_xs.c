/* SPDX-License-Identifier: MIT */
/* The xenstore client: requests, replies, and the descriptor to wait on. */
#include "hv/plat/proc_xs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

void proc_xs_init(struct proc_xs *xs)
{
	memset(xs, 0, sizeof(*xs));
	xs->sock = xs->wait_fd = xs->wake = -1;
	STAILQ_INIT(&xs->events);
	LIST_INIT(&xs->watches);
}

static int wait_add(struct proc_xs *xs, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(xs->wait_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int proc_xs_open(struct proc_xs *xs, int sock)
{
	int err = 0;

	xs->sock = sock;
	xs->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	xs->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (xs->wait_fd < 0 || xs->wake < 0)
		err = -ENOMEM;
	if (!err)
		err = wait_add(xs, sock);
	if (!err)
		err = wait_add(xs, xs->wake);
	if (err)
		proc_xs_close(xs);
	return err;
}

void proc_xs_close(struct proc_xs *xs)
{
	xsq_end(xs);
	if (xs->sock >= 0)
		close(xs->sock);
	if (xs->wait_fd >= 0)
		close(xs->wait_fd);
	if (xs->wake >= 0)
		close(xs->wake);
	proc_xs_init(xs);
}

/* wait_fd is readable while events wait that the socket no longer shows. */
static void xs_wake(struct proc_xs *xs, bool on)
{
	uint64_t n = 1;

	if (on == xs->woken)
		return;
	xs->woken = on;
	/* cannot fail: a counter that is 0 or 1 */
	if (on)
		(void)!write(xs->wake, &n, sizeof(n));
	else
		(void)!read(xs->wake, &n, sizeof(n));
}

static int xs_die(struct proc_xs *xs)
{
	xs->dead = true;
	return -ENOTCONN;
}

/* Reads on; 1: a whole message is in xs->in; 0: not yet. Does not block. */
static int xs_read(struct proc_xs *xs)
{
	const size_t hdr = sizeof(struct xsd_sockmsg);

	for (;;) {
		size_t want = hdr;
		ssize_t n;

		if (xs->in_len >= hdr) {
			if (xs->in.hdr.len > XENSTORE_PAYLOAD_MAX)
				return xs_die(xs);
			want += xs->in.hdr.len;
			if (xs->in_len == want)
				return 1;
		}
		n = recv(xs->sock, xs->in.buf + xs->in_len, want - xs->in_len,
			 MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n <= 0)
			return xs_die(xs);
		xs->in_len += (size_t)n;
	}
}

/* The message in xs->in, which is an event, goes to the queue. */
static int xs_take_event(struct proc_xs *xs)
{
	int err = xsq_put(xs, xs->in.buf + sizeof(struct xsd_sockmsg), xs->in.hdr.len);

	xs->in_len = 0;
	if (err == -EPROTO)
		return xs_die(xs);
	return err;
}

/* Waits for the reply; events go to the queue. A request that is on its way out
 * goes on meanwhile, so that neither end waits for the other. */
static int xs_exchange(struct proc_xs *xs, const char *out, size_t out_len)
{
	size_t done = 0;

	for (;;) {
		struct pollfd p = { .fd = xs->sock, .events = POLLIN };
		int err;

		if (done < out_len) {
			ssize_t n = send(xs->sock, out + done, out_len - done,
					 MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n < 0 && errno != EAGAIN && errno != EINTR)
				return xs_die(xs);
			done += n > 0 ? (size_t)n : 0;
			if (done < out_len)
				p.events |= POLLOUT;
		}
		err = xs_read(xs);
		if (err < 0)
			return err;
		if (err && xs->in.hdr.type != XS_WATCH_EVENT)
			return done == out_len ? 0 : xs_die(xs);
		if (err)
			/* without memory an event is lost, not the connection */
			err = xs_take_event(xs);
		else if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return xs_die(xs);
		if (xs->dead)
			return -ENOTCONN;
	}
}

/* Errors come by name. */
static int xs_errno(const char *name, size_t len)
{
	for (int i = 0; i < XSD_NR_ERRORS; i++)
		if (strnlen(name, len) == strlen(xsd_errors[i].errstring) &&
		    !strncmp(name, xsd_errors[i].errstring, len))
			return -xsd_errors[i].errnum;
	return -EIO;
}

/* The reply in xs->in to the request `type`. */
static int xs_reply(struct proc_xs *xs, uint32_t type, char **reply, size_t *reply_len)
{
	const char *payload = xs->in.buf + sizeof(struct xsd_sockmsg);
	size_t len = xs->in.hdr.len;
	char *copy;

	xs->in_len = 0;
	if (xs->in.hdr.req_id != xs->req_id)
		return xs_die(xs);
	if (xs->in.hdr.type == XS_ERROR)
		return xs_errno(payload, len);
	if (xs->in.hdr.type != type)
		return xs_die(xs);
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, payload, len);
	copy[len] = '\0';
	*reply = copy;
	*reply_len = len;
	return 0;
}

/* A watch's events may come before the reply: it is known before. */
static int xs_note(struct proc_xs *xs, uint32_t type, const char *payload, bool before,
		   int err)
{
	const char *token = payload + strlen(payload) + 1;

	if (type == XS_WATCH && before)
		return xsq_watch(xs, payload, token);
	if ((type == XS_WATCH && err && err != -EEXIST) || (type == XS_UNWATCH && !err))
		xsq_unwatch(xs, payload, token);
	return 0;
}

int proc_xs_call(struct proc_xs *xs, uint32_t type, uint32_t tx, const void *payload,
		 size_t len, char **reply, size_t *reply_len)
{
	char out[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg hdr = {
		.type = type,
		.req_id = ++xs->req_id,
		.tx_id = tx,
		.len = (uint32_t)len,
	};
	bool watch = type == XS_WATCH || type == XS_UNWATCH;
	int err;

	if (len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	if (xs->dead)
		return -ENOTCONN;
	memcpy(out, &hdr, sizeof(hdr));
	memcpy(out + sizeof(hdr), payload, len);
	err = watch ? xs_note(xs, type, payload, true, 0) : 0;
	if (err)
		return err;
	err = xs_exchange(xs, out, sizeof(hdr) + len);
	if (!err)
		err = xs_reply(xs, type, reply, reply_len);
	if (watch)
		xs_note(xs, type, payload, false, err);
	xs_wake(xs, !STAILQ_EMPTY(&xs->events));
	return err;
}

int proc_xs_next(struct proc_xs *xs, char **path, char **token)
{
	int err = xsq_take(xs, path, token);

	while (err == -EAGAIN && !xs->dead) {
		int got = xs_read(xs);

		if (got <= 0)
			break;
		if (xs->in.hdr.type != XS_WATCH_EVENT) {
			xs_die(xs); /* nobody asked */
			break;
		}
		xs_take_event(xs);
		err = xsq_take(xs, path, token);
	}
	if (!xs->dead)
		xs_wake(xs, !STAILQ_EMPTY(&xs->events));
	return err == -EAGAIN && xs->dead ? -ENOTCONN : err;
}
