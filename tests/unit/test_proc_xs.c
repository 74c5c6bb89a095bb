/* SPDX-License-Identifier: MIT */
/*
 * The xenstore client against a server by hand: replies that do not fit, events
 * without end (XSA-349), ends in the middle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/plat/proc_xs.h"

struct rig {
	struct proc_xs xs;
	int server;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	int sv[2], size = 1 << 20;

	*state = r;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
		return -1;
	setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	r->server = sv[1];
	proc_xs_init(&r->xs);
	return proc_xs_open(&r->xs, sv[0]);
}

static int teardown(void **state)
{
	struct rig *r = *state;

	proc_xs_close(&r->xs);
	if (r->server >= 0)
		close(r->server);
	free(r);
	return 0;
}

static void say(struct rig *r, uint32_t type, uint32_t req, const char *payload,
		size_t len)
{
	struct xsd_sockmsg hdr = { .type = type, .req_id = req, .len = (uint32_t)len };
	char requests[4096];

	/* what was asked before is read, so that there is room */
	while (recv(r->server, requests, sizeof(requests), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(write(r->server, &hdr, sizeof(hdr)), sizeof(hdr));
	if (len)
		assert_int_equal(write(r->server, payload, len), len);
}

static int call(struct rig *r, char **reply)
{
	size_t len;

	*reply = NULL;
	return proc_xs_call(&r->xs, XS_READ, 0, "x", 2, reply, &len);
}

static bool readable(struct rig *r)
{
	struct pollfd p = { .fd = r->xs.wait_fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_reply(void **state)
{
	struct rig *r = *state;
	char *reply;

	say(r, XS_READ, 1, "value", 5);
	assert_int_equal(call(r, &reply), 0);
	assert_string_equal(reply, "value");
	free(reply);
	say(r, XS_READ, 2, NULL, 0);
	assert_int_equal(call(r, &reply), 0);
	assert_string_equal(reply, "");
	free(reply);
	say(r, XS_ERROR, 3, "ENOENT", 7);
	assert_int_equal(call(r, &reply), -ENOENT);
	say(r, XS_ERROR, 4, "EACCES", 6); /* without its NUL */
	assert_int_equal(call(r, &reply), -EACCES);
	say(r, XS_ERROR, 5, "EWHAT", 6);
	assert_int_equal(call(r, &reply), -EIO);
	say(r, XS_ERROR, 6, NULL, 0);
	assert_int_equal(call(r, &reply), -EIO);
}

/* Each of these ends the connection, and that is how it stays. */
static void assert_dead(struct rig *r)
{
	char *reply, *path, *token;

	assert_int_equal(call(r, &reply), -ENOTCONN);
	assert_null(reply);
	assert_int_equal(call(r, &reply), -ENOTCONN);
	assert_int_equal(proc_xs_next(&r->xs, &path, &token), -ENOTCONN);
}

static void test_other_request(void **state)
{
	say(*state, XS_READ, 77, "value", 5);
	assert_dead(*state);
}

static void test_other_type(void **state)
{
	say(*state, XS_WRITE, 1, "OK", 3);
	assert_dead(*state);
}

static void test_too_long(void **state)
{
	struct rig *r = *state;
	struct xsd_sockmsg hdr = { XS_READ, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };

	assert_int_equal(write(r->server, &hdr, sizeof(hdr)), sizeof(hdr));
	assert_dead(r);
}

static void test_huge(void **state)
{
	struct rig *r = *state;
	struct xsd_sockmsg hdr = { XS_READ, 1, 0, UINT32_MAX };

	assert_int_equal(write(r->server, &hdr, sizeof(hdr)), sizeof(hdr));
	assert_dead(r);
}

static void test_event_without_token(void **state)
{
	say(*state, XS_WATCH_EVENT, 0, "path", 4);
	assert_dead(*state);
}

static void test_event_without_nul(void **state)
{
	say(*state, XS_WATCH_EVENT, 0, "path\0token", 10);
	assert_dead(*state);
}

static void test_reply_unasked(void **state)
{
	struct rig *r = *state;
	char *path, *token;

	say(r, XS_READ, 0, "x", 1);
	assert_int_equal(proc_xs_next(&r->xs, &path, &token), -ENOTCONN);
	assert_dead(r);
}

static void test_end_in_the_middle(void **state)
{
	struct rig *r = *state;
	struct xsd_sockmsg hdr = { XS_READ, 1, 0, 100 };

	assert_int_equal(write(r->server, &hdr, sizeof(hdr)), sizeof(hdr));
	assert_int_equal(write(r->server, "part", 4), 4);
	close(r->server);
	r->server = -1;
	assert_dead(r);
}

static void watch(struct rig *r, const char *path, const char *token)
{
	char payload[64], *reply;
	size_t len = strlen(path) + 1 + strlen(token) + 1;

	memcpy(payload, path, strlen(path) + 1);
	memcpy(payload + strlen(path) + 1, token, strlen(token) + 1);
	say(r, XS_WATCH, r->xs.req_id + 1, "OK", 3);
	assert_int_equal(proc_xs_call(&r->xs, XS_WATCH, 0, payload, len, &reply, &len),
			 0);
	free(reply);
}

static void event(struct rig *r, const char *path, const char *token)
{
	char payload[128];
	size_t plen = strlen(path) + 1, tlen = strlen(token) + 1;

	memcpy(payload, path, plen);
	memcpy(payload + plen, token, tlen);
	say(r, XS_WATCH_EVENT, 0, payload, plen + tlen);
}

/* Takes all events that wait: their number; the last one's path in `last`. */
static int drain(struct rig *r, char *last)
{
	char *path, *token;
	int n = 0;

	while (!proc_xs_next(&r->xs, &path, &token)) {
		snprintf(last, 64, "%s", path);
		free(path);
		n++;
	}
	return n;
}

static void test_xsa_349_events_bounded(void **state)
{
	struct rig *r = *state;
	char last[64], path[32], *reply;

	watch(r, "/a", "ta");
	watch(r, "/b", "tb");
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "/a/%d", i);
		event(r, path, "ta");
		event(r, "/a/same", "ta");
		if (i % 50)
			continue;
		/* requests in between, as a busy backend makes them */
		say(r, XS_READ, r->xs.req_id + 1, "v", 1);
		assert_int_equal(call(r, &reply), 0);
		free(reply);
	}
	event(r, "/b", "tb");
	say(r, XS_READ, r->xs.req_id + 1, "v", 1);
	assert_int_equal(call(r, &reply), 0);
	free(reply);
	assert_true(readable(r));
	/* in bounds, and one says that there was more */
	char *p, *t;
	assert_int_equal(proc_xs_next(&r->xs, &p, &t), 0);
	assert_string_equal(p, "/a");
	assert_string_equal(t, "ta");
	free(p);
	assert_int_equal(drain(r, last), 1);
	/* the neighbour's event is not lost */
	assert_string_equal(last, "/b");
	assert_false(readable(r));
	/* and all is as before */
	event(r, "/a/1", "ta");
	assert_int_equal(drain(r, last), 1);
	assert_string_equal(last, "/a/1");
}

static void test_events_of_nobody(void **state)
{
	struct rig *r = *state;
	char last[64] = "";

	watch(r, "/a", "t");
	for (int i = 0; i < 1000; i++)
		event(r, "/x", "unknown");
	event(r, "/a", "t");
	assert_int_equal(drain(r, last), 1);
	assert_string_equal(last, "/a");
}

/* One token for two watches: each keeps its own account. */
static void test_shared_token(void **state)
{
	struct rig *r = *state;
	char last[64] = "", path[32], *reply;

	watch(r, "/a", "t");
	watch(r, "/ab", "t");
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/a/%d", i);
		event(r, path, "t");
	}
	event(r, "/ab", "t");
	say(r, XS_READ, r->xs.req_id + 1, "v", 1);
	assert_int_equal(call(r, &reply), 0); /* now all are in the queue */
	free(reply);
	/* the first one's are one by now */
	assert_int_equal(drain(r, last), 2);
	assert_string_equal(last, "/ab");
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_reply),
		T(test_other_request),
		T(test_other_type),
		T(test_too_long),
		T(test_huge),
		T(test_event_without_token),
		T(test_event_without_nul),
		T(test_reply_unasked),
		T(test_end_in_the_middle),
		T(test_xsa_349_events_bounded),
		T(test_events_of_nobody),
		T(test_shared_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
