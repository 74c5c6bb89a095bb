/* SPDX-License-Identifier: MIT */
/* xenstore: watches, their events and who gets them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/xenstore/server.h"
#include "hv/xenstore/watch.h"
#include "tests/lib/xs_client.h"

static void test_fires_once_at_first(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_watch(c, "/w/not/there", "tok"), 0);
	assert_string_equal(c_event(c), "/w/not/there tok");
	assert_string_equal(c_event(c), "");
	assert_int_equal(c_watch(c, "/w/not/there", "tok"), -EEXIST);
	assert_int_equal(c_watch(c, "/w/not/there", "tok2"), 0);
	assert_string_equal(c_event(c), "/w/not/there tok2");
	assert_int_equal(c_watch(c, "/w/../x", "tok"), -EINVAL);
	assert_int_equal(client_call(c, XS_WATCH, "/w", 3), -EINVAL);
	/* a reserved third string, and a tx_id: both ignored */
	c->tx = 99;
	assert_int_equal(client_call(c, XS_WATCH, "/w\0t\0\0", 6), 0);
	c->tx = 0;
}

static void test_subtree(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->d1;

	assert_int_equal(c_mkdir(&f->dom0, "/w/a"), 0);
	assert_int_equal(c_set_perms(&f->dom0, "/w", "r0"), 0);
	assert_int_equal(c_set_perms(&f->dom0, "/w/a", "r0"), 0);
	assert_int_equal(c_watch(c, "/w/a", "t"), 0);
	c_drain(c);
	assert_int_equal(c_write(&f->dom0, "/w/a", "1"), 0);
	assert_string_equal(c_event(c), "/w/a t");
	assert_int_equal(c_write(&f->dom0, "/w/a/b/c", "1"), 0);
	assert_string_equal(c_event(c), "/w/a/b/c t");
	assert_int_equal(c_write(&f->dom0, "/w/a/b/c", "1"), 0);
	assert_string_equal(c_event(c), "/w/a/b/c t");
	assert_int_equal(c_mkdir(&f->dom0, "/w/a/b/d"), 0);
	assert_string_equal(c_event(c), "/w/a/b/d t");
	assert_int_equal(c_mkdir(&f->dom0, "/w/a/b/d"), 0); /* changes nothing */
	assert_int_equal(c_write(&f->dom0, "/w/ab", "1"), 0);
	assert_int_equal(c_write(&f->dom0, "/w", "1"), 0);
	assert_string_equal(c_event(c), "");
	assert_int_equal(c_set_perms(&f->dom0, "/w/a/b/c", "r0 n2"), 0);
	assert_string_equal(c_event(c), "/w/a/b/c t");
	assert_int_equal(c_rm(&f->dom0, "/w/a/b"), 0);
	assert_string_equal(c_event(c), "/w/a/b t");
	assert_string_equal(c_event(c), "");
	assert_int_equal(c_unwatch(c, "/w/a", "t"), 0);
	assert_int_equal(c_unwatch(c, "/w/a", "t"), -ENOENT);
	assert_int_equal(c_write(&f->dom0, "/w/a", "2"), 0);
	assert_string_equal(c_event(c), "");
}

static void test_removed_parent(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_write(c, "/w/a/b/c", "1"), 0);
	assert_int_equal(c_watch(c, "/w/a/b", "t"), 0);
	c_drain(c);
	assert_int_equal(c_rm(c, "/w/a"), 0);
	assert_string_equal(c_event(c), "/w/a/b t");
	assert_string_equal(c_event(c), "");
	assert_int_equal(c_rm(c, "/w/a"), 0); /* nothing goes */
	assert_string_equal(c_event(c), "");
}

static void test_relative(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->d1;

	assert_int_equal(c_watch(c, "data", "rel"), 0);
	assert_int_equal(c_watch(c, "/local/domain/1/data", "abs"), 0);
	assert_string_equal(c_event(c), "data rel");
	assert_string_equal(c_event(c), "/local/domain/1/data abs");
	assert_int_equal(c_write(c, "data/x", "1"), 0);
	assert_string_equal(c_event(c), "data/x rel");
	assert_string_equal(c_event(c), "/local/domain/1/data/x abs");
	assert_int_equal(c_unwatch(c, "/local/domain/1/data", "abs"), 0);
	assert_int_equal(c_rm(c, "data"), 0);
	assert_string_equal(c_event(c), "data rel");
	/* the watched path is the same, however it was said */
	assert_int_equal(c_unwatch(c, "/local/domain/1/data", "rel"), 0);
}

static void test_reply_before_events(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_watch(c, "/w", "t"), 0);
	assert_int_equal(c->nevents, 0);
	c_drain(c);
	assert_int_equal(c_write(c, "/w/x", "1"), 0);
	assert_int_equal(c->nevents, 0);
	assert_string_equal(c_event(c), "/w/x t");
}

static void test_permissions(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->d2;

	assert_int_equal(c_write(&f->d1, "data/x", "1"), 0);
	assert_int_equal(c_watch(c, "/local/domain/1/data", "t"), 0);
	assert_string_equal(c_event(c), "/local/domain/1/data t"); /* says nothing */
	assert_int_equal(c_write(&f->d1, "data/x", "2"), 0);
	assert_int_equal(c_write(&f->d1, "data/y", "2"), 0);
	assert_int_equal(c_rm(&f->d1, "data/y"), 0);
	assert_string_equal(c_event(c), "");
	/* whoever may list data sees children come and go, not their values */
	assert_int_equal(c_set_perms(&f->d1, "data", "n1 r2"), 0);
	assert_string_equal(c_event(c), "/local/domain/1/data t");
	assert_int_equal(c_write(&f->d1, "data/x", "3"), 0);
	assert_string_equal(c_event(c), "");
	assert_int_equal(c_rm(&f->d1, "data/x"), 0);
	assert_string_equal(c_event(c), "/local/domain/1/data/x t");
	assert_int_equal(c_write(&f->d1, "data/z", "4"), 0); /* inherits r2 */
	assert_string_equal(c_event(c), "/local/domain/1/data/z t");
	assert_int_equal(c_write(&f->d1, "data/z", "5"), 0);
	assert_string_equal(c_event(c), "/local/domain/1/data/z t");
	/* the change that takes the right away is told, and none after it */
	assert_int_equal(c_set_perms(&f->d1, "data/z", "n1"), 0);
	assert_string_equal(c_event(c), "/local/domain/1/data/z t");
	assert_int_equal(c_write(&f->d1, "data/z", "6"), 0);
	assert_string_equal(c_event(c), "");
}

static void test_special(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_watch(c, "@introduceDomain", "in"), 0);
	assert_int_equal(c_watch(c, "@releaseDomain", "out"), 0);
	assert_int_equal(c_watch(&f->d1, "@releaseDomain", "out"), 0);
	assert_int_equal(c_watch(&f->d1, "@whatever", "x"), 0);
	assert_string_equal(c_event(c), "@introduceDomain in");
	assert_string_equal(c_event(c), "@releaseDomain out");
	c_drain(&f->d1);
	assert_int_equal(xs_server_introduce(f->bed.srv, 7, "seven"), 0);
	assert_string_equal(c_event(c), "@introduceDomain in");
	assert_int_equal(xs_server_release(f->bed.srv, 7), 0);
	assert_string_equal(c_event(c), "@releaseDomain out");
	assert_string_equal(c_event(c), "");
	assert_string_equal(c_event(&f->d1), "");
	/* dom0 may let others see it */
	assert_int_equal(c_set_perms(&f->d1, "@releaseDomain", "r1"), -EACCES);
	assert_int_equal(c_set_perms(c, "@releaseDomain", "n0 r1"), 0);
	assert_int_equal(c_perms(c, "@releaseDomain"), 0);
	assert_string_equal(c->reply.data, "n0 r1");
	c_drain(&f->d1);
	assert_int_equal(xs_server_introduce(f->bed.srv, 7, "seven"), 0);
	assert_int_equal(xs_server_release(f->bed.srv, 7), 0);
	assert_string_equal(c_event(&f->d1), "@releaseDomain out");
	assert_string_equal(c_event(&f->d1), "");
	/* special names are no nodes */
	assert_int_equal(c_read(c, "@releaseDomain"), -EINVAL);
	assert_int_equal(c_write(c, "@releaseDomain", "x"), -EINVAL);
	assert_int_equal(c_rm(c, "@releaseDomain"), -EINVAL);
	assert_int_equal(c_perms(c, "@whatever"), -ENOENT);
}

/* A domain that is built before it runs. */
static void test_steps(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;
	struct xs_server *srv = f->bed.srv;

	assert_int_equal(c_watch(c, "@introduceDomain", "in"), 0);
	assert_int_equal(c_watch(c, "@releaseDomain", "out"), 0);
	c_drain(c);
	assert_int_equal(xs_server_name(srv, 7, "seven"), 0);
	assert_string_equal(c_event(c), "");
	assert_int_equal(c_one(c, XS_IS_DOMAIN_INTRODUCED, "7"), 0);
	assert_string_equal(c->reply.data, "F");
	assert_int_equal(c_read(c, "/local/domain/7/name"), 0);
	assert_string_equal(c->reply.data, "seven");
	xs_server_stopped(srv, 7); /* not news */
	assert_string_equal(c_event(c), "");
	/* rights that it is given now are its own later */
	assert_int_equal(c_write(c, "/for7", "x"), 0);
	assert_int_equal(c_set_perms(c, "/for7", "n0 r7"), 0);
	assert_null(xs_server_read_as(srv, 6, "/for7"));
	assert_int_equal(xs_server_start(srv, 7), 0);
	assert_string_equal(c_event(c), "@introduceDomain in");
	assert_int_equal(xs_server_start(srv, 7), -EEXIST);
	assert_int_equal(xs_server_name(srv, 7, "again"), -EEXIST);
	assert_int_equal(c_one(c, XS_IS_DOMAIN_INTRODUCED, "7"), 0);
	assert_string_equal(c->reply.data, "T");
	assert_string_equal(xs_server_read_as(srv, 7, "/for7"), "x");
	assert_null(xs_server_read_as(srv, 1, "/for7"));
	xs_server_stopped(srv, 7);
	assert_string_equal(c_event(c), "@releaseDomain out");
	assert_int_equal(c_one(c, XS_IS_DOMAIN_INTRODUCED, "7"), 0);
	assert_string_equal(c->reply.data, "T");
	assert_int_equal(xs_server_release(srv, 7), 0);
	assert_string_equal(c_event(c), "@releaseDomain out");
	assert_int_equal(c_read(c, "/local/domain/7/name"), -ENOENT);
	/* the next one: nothing of the former; and one that never ran */
	assert_int_equal(xs_server_name(srv, 7, "next"), 0);
	assert_null(xs_server_read_as(srv, 7, "/for7"));
	assert_int_equal(c_set_perms(c, "/for7", "n0 r7"), 0);
	assert_string_equal(xs_server_read_as(srv, 7, "/for7"), "x");
	assert_int_equal(xs_server_release(srv, 7), 0);
	assert_string_equal(c_event(c), "");
	assert_int_equal(xs_server_introduce(srv, 7, "third"), 0);
	assert_null(xs_server_read_as(srv, 7, "/for7"));
	assert_int_equal(xs_server_release(srv, 7), 0);
	assert_int_equal(xs_server_release(srv, 7), -ENOENT);
}

static void test_toolstack_writes(void **state)
{
	struct xs_trio *f = *state;

	assert_int_equal(c_watch(&f->d1, "device", "t"), 0);
	c_drain(&f->d1);
	assert_int_equal(xs_server_write(f->bed.srv, "/local/domain/1/device/vbd/1/state",
					 "6"),
			 0);
	assert_string_equal(c_event(&f->d1), "device/vbd/1/state t");
	assert_string_equal(xs_server_read(f->bed.srv,
					   "/local/domain/1/device/vbd/1/state"),
			    "6");
	assert_int_equal(xs_server_write(f->bed.srv, "bad path", "6"), -EINVAL);
	assert_null(xs_server_read(f->bed.srv, "bad path"));
}

static void test_reset(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->d1;

	assert_int_equal(c_watch(c, "a", "t"), 0);
	assert_int_equal(c_watch(c, "b", "t"), 0);
	c_drain(c);
	assert_int_equal(client_call(c, XS_RESET_WATCHES, "", 0), 0);
	assert_int_equal(c_write(c, "a", "1"), 0);
	assert_string_equal(c_event(c), "");
	assert_int_equal(c_unwatch(c, "b", "t"), -ENOENT);
}

static void test_many_watchers_of_one_path(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client c[8];
	char token[16];

	assert_int_equal(c_write(&f->dom0, "/w", "x"), 0);
	for (unsigned i = 0; i < 8; i++) {
		client_open(&f->bed, &c[i], 0);
		(void)snprintf(token, sizeof(token), "t%u", i);
		assert_int_equal(c_watch(&c[i], "/w", token), 0);
		c_drain(&c[i]);
	}
	client_close(&c[3]);
	assert_int_equal(c_write(&f->dom0, "/w", "y"), 0);
	for (unsigned i = 0; i < 8; i++) {
		if (i == 3)
			continue;
		(void)snprintf(token, sizeof(token), "/w t%u", i);
		assert_string_equal(c_event(&c[i]), token);
		client_close(&c[i]);
	}
}

/* Events that wait are merged: the same path twice is one, in the first's place. */
static void test_merged(void **state)
{
	struct xs_trio *f = *state;
	struct xs_server *srv = f->bed.srv;
	unsigned filler = 0;
	char path[64];

	assert_int_equal(c_mkdir(&f->dom0, "/w"), 0);
	assert_int_equal(c_watch(&f->dom0, "/w", "t"), 0);
	/* until the socket takes no more */
	while (HASH_COUNT(srv->events) == 0) {
		(void)snprintf(path, sizeof(path), "/w/filler-%u", filler++);
		assert_int_equal(xs_server_write(srv, path, ""), 0);
	}
	assert_int_equal(xs_server_write(srv, "/w/a", "1"), 0);
	assert_int_equal(xs_server_write(srv, "/w/b", "1"), 0);
	filler = HASH_COUNT(srv->events);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(xs_server_write(srv, "/w/b", "2"), 0);
		assert_int_equal(xs_server_write(srv, "/w/a", "2"), 0);
	}
	assert_int_equal(HASH_COUNT(srv->events), filler);
	while (strcmp(c_event(&f->dom0), "/w/a t") != 0)
		;
	assert_string_equal(c_event(&f->dom0), "/w/b t");
	assert_string_equal(c_event(&f->dom0), "");
	assert_int_equal(HASH_COUNT(srv->events), 0);
	/* what is told is told: the next change is another event */
	assert_int_equal(xs_server_write(srv, "/w/a", "3"), 0);
	assert_string_equal(c_event(&f->dom0), "/w/a t");
}

/* A watch that ends takes its pending events along, and no others. */
static void test_unwatch_drops_events(void **state)
{
	struct xs_trio *f = *state;
	struct xs_server *srv = f->bed.srv;
	char path[64];
	const char *event;

	assert_int_equal(c_watch(&f->dom0, "/w", "t"), 0);
	assert_int_equal(c_watch(&f->dom0, "/v", "t"), 0);
	for (unsigned i = 0; HASH_COUNT(srv->events) < 10; i++) {
		(void)snprintf(path, sizeof(path), "/w/filler-%u", i);
		assert_int_equal(xs_server_write(srv, path, ""), 0);
	}
	assert_int_equal(xs_server_write(srv, "/v/a", ""), 0);
	assert_int_equal(c_unwatch(&f->dom0, "/w", "t"), 0);
	assert_int_equal(xs_server_write(srv, "/w/late", ""), 0);
	path[0] = '\0';
	while (*(event = c_event(&f->dom0)))
		(void)snprintf(path, sizeof(path), "%.60s", event);
	assert_string_equal(path, "/v/a t");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(test_fires_once_at_first),
		TRIO_TEST(test_subtree),
		TRIO_TEST(test_removed_parent),
		TRIO_TEST(test_relative),
		TRIO_TEST(test_reply_before_events),
		TRIO_TEST(test_permissions),
		TRIO_TEST(test_special),
		TRIO_TEST(test_steps),
		TRIO_TEST(test_toolstack_writes),
		TRIO_TEST(test_reset),
		TRIO_TEST(test_many_watchers_of_one_path),
		TRIO_TEST(test_merged),
		TRIO_TEST(test_unwatch_drops_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
