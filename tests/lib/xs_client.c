/* SPDX-License-Identifier: MIT */
/* The test bed of hv/xenstore: server, loop and clients in one thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/xenstore/server.h"
#include "tests/lib/xs_client.h"

void bed_open(struct xs_bed *bed, const struct xs_quota *quota)
{
	bed->loop = evloop_new();
	assert_non_null(bed->loop);
	bed->srv = xs_server_new(bed->loop, quota);
	assert_non_null(bed->srv);
}

void bed_check(struct xs_bed *bed)
{
	const char *wrong = xs_check(bed->srv);

	if (wrong)
		fail_msg("xs_check: %s", wrong);
}

void bed_close(struct xs_bed *bed)
{
	bed_check(bed);
	xs_server_free(bed->srv);
	evloop_free(bed->loop);
}

void bed_run(struct xs_bed *bed)
{
	/* a round that finds nothing does not tell: some are enough for a
	 * request of the largest size and all it causes */
	for (int i = 0; i < 4; i++)
		assert_int_equal(evloop_once(bed->loop, 0), 0);
}

void client_open(struct xs_bed *bed, struct xs_client *c, domid_t domid)
{
	int fds[2];

	memset(c, 0, sizeof(*c));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(xs_server_connect(bed->srv, fds[0], domid), 0);
	c->bed = bed;
	c->fd = fds[1];
	/* now: a test that fails allocations means the server's */
	c->events_cap = 16;
	c->events = malloc(c->events_cap * sizeof(*c->events));
	assert_non_null(c->events);
}

void client_close(struct xs_client *c)
{
	close(c->fd);
	free(c->events);
	bed_run(c->bed);
}

bool client_send(struct xs_client *c, const void *buf, size_t len)
{
	const char *p = buf;

	for (int idle = 0; len > 0 && idle < 1000; idle++) {
		ssize_t n = send(c->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			idle = 0;
		}
		bed_run(c->bed);
	}
	return len == 0;
}

int client_recv(struct xs_client *c, struct xs_msg *m)
{
	ssize_t n = recv(c->fd, &m->hdr, sizeof(m->hdr), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	assert_int_equal(n, sizeof(m->hdr));
	assert_true(m->hdr.len <= XENSTORE_PAYLOAD_MAX);
	for (size_t at = 0; at < m->hdr.len; at += (size_t)n) {
		n = recv(c->fd, m->data + at, m->hdr.len - at, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN) {
			bed_run(c->bed);
			n = 0;
			continue;
		}
		assert_true(n > 0);
	}
	m->data[m->hdr.len] = '\0';
	return 1;
}

static void client_keep_event(struct xs_client *c, const struct xs_msg *m)
{
	if (c->nevents == c->events_cap) {
		c->events_cap *= 2;
		c->events = realloc(c->events, c->events_cap * sizeof(*c->events));
		assert_non_null(c->events);
	}
	c->events[c->nevents++] = *m;
}

static int reply_errno(const struct xs_msg *m)
{
	assert_true(m->hdr.len > 1);
	assert_int_equal(m->data[m->hdr.len - 1], '\0');
	for (unsigned i = 0; i < XSD_NR_ERRORS; i++)
		if (strcmp(xsd_errors[i].errstring, m->data) == 0)
			return -xsd_errors[i].errnum;
	fail_msg("an error by no name: %s", m->data);
	return 0;
}

int client_call(struct xs_client *c, uint32_t type, const void *data, size_t len)
{
	struct xsd_sockmsg hdr = {
		.type = type, .req_id = ++c->req_id, .tx_id = c->tx, .len = (uint32_t)len
	};

	if (!client_send(c, &hdr, sizeof(hdr)) || !client_send(c, data, len))
		return -EPIPE;
	for (int i = 0; i < 100; i++) {
		int got = client_recv(c, &c->reply);

		if (got < 0)
			return -EPIPE;
		if (got && c->reply.hdr.type == XS_WATCH_EVENT) {
			client_keep_event(c, &c->reply);
			i = 0;
		} else if (got) {
			assert_int_equal(c->reply.hdr.req_id, hdr.req_id);
			assert_int_equal(c->reply.hdr.tx_id, hdr.tx_id);
			if (c->reply.hdr.type == XS_ERROR)
				return reply_errno(&c->reply);
			assert_int_equal(c->reply.hdr.type, type);
			return 0;
		} else {
			bed_run(c->bed);
		}
	}
	fail_msg("no reply to request %u", type);
	return -EIO;
}

int c_one(struct xs_client *c, uint32_t type, const char *arg)
{
	return client_call(c, type, arg, strlen(arg) + 1);
}

int c_read(struct xs_client *c, const char *path)
{
	return c_one(c, XS_READ, path);
}

/* "a|b|", the last string without its NUL if raw. */
static int c_two(struct xs_client *c, uint32_t type, const char *a, const char *b,
		 bool raw)
{
	char buf[XENSTORE_PAYLOAD_MAX];
	size_t la = strlen(a) + 1, lb = strlen(b) + (raw ? 0 : 1);

	assert_true(la + lb <= sizeof(buf));
	memcpy(buf, a, la);
	memcpy(buf + la, b, lb);
	return client_call(c, type, buf, la + lb);
}

int c_write(struct xs_client *c, const char *path, const char *value)
{
	return c_two(c, XS_WRITE, path, value, true);
}

int c_mkdir(struct xs_client *c, const char *path)
{
	return c_one(c, XS_MKDIR, path);
}

int c_rm(struct xs_client *c, const char *path)
{
	return c_one(c, XS_RM, path);
}

static int joined(struct xs_client *c, int err)
{
	for (uint32_t i = 0; !err && i + 1 < c->reply.hdr.len; i++)
		if (!c->reply.data[i])
			c->reply.data[i] = ' ';
	return err;
}

int c_list(struct xs_client *c, const char *path)
{
	return joined(c, c_one(c, XS_DIRECTORY, path));
}

int c_perms(struct xs_client *c, const char *path)
{
	return joined(c, c_one(c, XS_GET_PERMS, path));
}

int c_set_perms(struct xs_client *c, const char *path, const char *perms)
{
	char buf[XENSTORE_PAYLOAD_MAX];
	int n = snprintf(buf, sizeof(buf), "%s %s", path, perms);

	for (int i = 0; i < n; i++)
		if (buf[i] == ' ')
			buf[i] = '\0';
	return client_call(c, XS_SET_PERMS, buf, (size_t)n + 1);
}

int c_watch(struct xs_client *c, const char *path, const char *token)
{
	return c_two(c, XS_WATCH, path, token, false);
}

int c_unwatch(struct xs_client *c, const char *path, const char *token)
{
	return c_two(c, XS_UNWATCH, path, token, false);
}

int c_begin(struct xs_client *c)
{
	int err = c_one(c, XS_TRANSACTION_START, "");

	if (!err)
		c->tx = (uint32_t)strtoul(c->reply.data, NULL, 10);
	return err;
}

int c_end(struct xs_client *c, bool commit)
{
	int err = c_one(c, XS_TRANSACTION_END, commit ? "T" : "F");

	c->tx = 0;
	return err;
}

const char *c_event(struct xs_client *c)
{
	static char text[2 * XENSTORE_PAYLOAD_MAX];
	struct xs_msg m;

	bed_run(c->bed);
	if (c->nevents > 0) {
		m = c->events[0];
		c->nevents--;
		memmove(c->events, c->events + 1, c->nevents * sizeof(m));
	} else if (client_recv(c, &m) <= 0) {
		return "";
	}
	assert_int_equal(m.hdr.type, XS_WATCH_EVENT);
	assert_int_equal(m.hdr.req_id, 0);
	assert_int_equal(m.hdr.tx_id, 0);
	(void)snprintf(text, sizeof(text), "%s %s", m.data, m.data + strlen(m.data) + 1);
	return text;
}

void c_drain(struct xs_client *c)
{
	while (*c_event(c))
		;
}

struct xs_trio *trio_open(const struct xs_quota *quota)
{
	struct xs_trio *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	bed_open(&t->bed, quota);
	assert_int_equal(xs_server_introduce(t->bed.srv, 1, "one"), 0);
	assert_int_equal(xs_server_introduce(t->bed.srv, 2, "two"), 0);
	client_open(&t->bed, &t->dom0, 0);
	client_open(&t->bed, &t->d1, 1);
	client_open(&t->bed, &t->d2, 2);
	return t;
}

int trio_setup(void **state)
{
	*state = trio_open(NULL);
	return 0;
}

int trio_teardown(void **state)
{
	struct xs_trio *t = *state;

	bed_check(&t->bed);
	client_close(&t->dom0);
	client_close(&t->d1);
	client_close(&t->d2);
	bed_close(&t->bed);
	free(t);
	return 0;
}
