/* SPDX-License-Identifier: MIT */
/*
 * Published attacks of guests on xenstore's memory and on its consistency when
 * memory ends, by advisory.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/xenstore/server.h"
#include "tests/lib/xs_client.h"

/* Linked with --wrap: the n-th allocation from now fails. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static long fail_in; /* 0: never */

static bool fails(void)
{
	return fail_in > 0 && --fail_in == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

static uint64_t memory_of(const struct xs_trio *f, domid_t id)
{
	const struct xs_domain *d = domain_find(f->bed.srv, id);

	return d->memory + d->outstanding;
}

/* Nothing that a domain does makes the server keep more than its quota. */
static uint64_t bound(void)
{
	/* one event that stands for all of a watch, whatever else is pending */
	return xs_quota_default.memory + xs_quota_default.outstanding +
	       (uint64_t)xs_quota_default.watches * 2 * XENSTORE_PAYLOAD_MAX;
}

static void fill_nodes(struct xs_client *c, const char *dir)
{
	char value[2001], path[64];
	int err = 0;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int i = 0; !err; i++) {
		(void)snprintf(path, sizeof(path), "%s/%d/%d", dir, i / 100, i);
		err = c_write(c, path, value);
		assert_true(i < 100000);
	}
	assert_true(err == -ENOSPC || err == -ENOMEM);
	while (!c_write(c, path, "")) {
		(void)snprintf(path, sizeof(path), "%s/%d", dir, rand());
	}
}

/* Watches, transactions, nodes and what is pending; then all of it goes. */
static void test_xsa_326_330_416_421_512(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->d1;
	uint64_t start = memory_of(f, 1);
	char token[1000], number[16];
	int err, n;

	fill_nodes(c, "fill");
	assert_true(memory_of(f, 1) < bound());
	assert_int_equal(c_rm(c, "fill"), 0);
	assert_int_equal(memory_of(f, 1), start);

	memset(token, 't', sizeof(token));
	token[sizeof(token) - 1] = '\0';
	for (n = 0, err = 0; !err; n++) {
		(void)snprintf(number, sizeof(number), "%07d", n);
		memcpy(token, number, 7);
		err = c_watch(c, "data", token);
		assert_true(n < 10000);
	}
	assert_int_equal(err, -E2BIG);
	assert_true(memory_of(f, 1) < bound());
	assert_int_equal(client_call(c, XS_RESET_WATCHES, "", 0), 0);
	c_drain(c);
	assert_int_equal(memory_of(f, 1), start);

	for (n = 0, err = 0; !err; n++) {
		c->tx = 0;
		err = c_one(c, XS_TRANSACTION_START, "");
		c->tx = err ? 0 : (uint32_t)strtoul(c->reply.data, NULL, 10);
		if (!err)
			fill_nodes(c, "t");
		assert_true(n < 100);
	}
	assert_true(memory_of(f, 1) < bound());
	bed_check(&f->bed);
	c->tx = 0;
	assert_int_equal(client_call(c, XS_RESET_WATCHES, "", 0), 0);
	assert_int_equal(memory_of(f, 1), start);
}

/* A transaction is no way around the number of nodes. */
static void test_xsa_421(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->d1;
	char path[64];
	int err;

	for (int round = 0; round < 5; round++) {
		assert_int_equal(c_begin(c), 0);
		/* a removal: from now on it is the commit that counts */
		err = c_write(c, "gone", "");
		assert_int_equal(c_rm(c, "gone"), 0);
		for (int i = 0; i < 900 && !err; i++) {
			(void)snprintf(path, sizeof(path), "n/%d/%d", round, i);
			err = c_write(c, path, "");
		}
		assert_int_equal(err, 0);
		assert_int_equal(c_end(c, true), round == 0 ? 0 : -ENOSPC);
		assert_true(domain_find(f->bed.srv, 1)->nodes <=
			    xs_quota_default.nodes + 2);
		bed_check(&f->bed);
	}
	/* replacing what one has is possible */
	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_rm(c, "n"), 0);
	for (int i = 0; i < 900; i++) {
		(void)snprintf(path, sizeof(path), "n/new/%d", i);
		assert_int_equal(c_write(c, path, ""), 0);
	}
	assert_int_equal(c_end(c, true), 0);
}

/* A watched node is rewritten endlessly, and its watcher does not read. */
static void test_xsa_349(void **state)
{
	struct xs_trio *f = *state;
	char path[64];
	size_t before, most = 0;
	bool last = false;

	/* the watchers are backends: one in a domain, one in dom0 */
	assert_int_equal(c_mkdir(&f->d1, "device"), 0);
	assert_int_equal(c_set_perms(&f->d1, "device", "n1 r2"), 0);
	assert_int_equal(c_watch(&f->d2, "/local/domain/1/device", "back"), 0);
	assert_int_equal(c_watch(&f->dom0, "/local/domain/1/device", "tool"), 0);
	before = mallinfo2().uordblks;
	for (int i = 0; i < 1000000; i++) {
		assert_int_equal(xs_server_write(f->bed.srv,
						 "/local/domain/1/device/state", "1"),
				 0);
		if (i % 1000 == 0 && mallinfo2().uordblks > most)
			most = mallinfo2().uordblks;
	}
	assert_true(most < before + (4u << 20));
	/* never the same node */
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(path, sizeof(path), "device/%d", i);
		assert_int_equal(c_write(&f->d1, path, "1"), 0);
		assert_int_equal(c_rm(&f->d1, path), 0);
		if (i % 1000 == 0 && mallinfo2().uordblks > most)
			most = mallinfo2().uordblks;
	}
	assert_true(most < before + (8u << 20));
	/* and in the end both are told */
	for (struct xs_client *c = &f->d2;; c = &f->dom0) {
		const char *event;

		assert_int_equal(c_write(&f->d1, "device/last", "1"), 0);
		last = false;
		while (*(event = c_event(c)))
			last = strncmp(event, "/local/domain/1/device/last ", 28) == 0 ||
			       strncmp(event, "/local/domain/1/device ", 23) == 0;
		assert_true(last);
		if (c == &f->dom0)
			break;
	}
	assert_int_equal(c_write(&f->d1, "device/last", "1"), 0);
	assert_string_equal(c_event(&f->d2), "/local/domain/1/device/last back");
}

/* A client that asks and does not listen waits alone. */
static void test_deaf_client(void **state)
{
	struct xs_trio *f = *state;
	static struct {
		struct xsd_sockmsg hdr;
		char path[4];
	} rq[64];
	char value[2001];
	size_t before = mallinfo2().uordblks;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(c_write(&f->d1, "big", value), 0);
	for (unsigned i = 0; i < 64; i++) {
		rq[i].hdr =
			(struct xsd_sockmsg){ .type = XS_READ, .req_id = i, .len = 4 };
		memcpy(rq[i].path, "big", 4);
	}
	while (client_send(&f->d1, rq, sizeof(rq)))
		;
	assert_true(mallinfo2().uordblks < before + (1u << 20));
	assert_true(domain_find(f->bed.srv, 1)->outstanding <
		    xs_quota_default.outstanding + 2 * XENSTORE_PAYLOAD_MAX);
	assert_int_equal(c_read(&f->d2, "name"), 0);
	/* events for it merge meanwhile, its neighbours go on */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(c_write(&f->d2, "x", "y"), 0);
	bed_check(&f->bed);
	/* it listens again, and nothing is missing */
	for (uint32_t i = 0; i < 64; i++) {
		struct xs_msg m;
		int got = client_recv(&f->d1, &m);

		bed_run(&f->bed);
		assert_int_equal(got, 1);
		assert_int_equal(m.hdr.req_id, i % 64);
		assert_int_equal(m.hdr.len, 2000);
	}
}

/* A transaction that only looks is kept in bounds, too. */
static void test_curious_transaction(void **state)
{
	struct xs_trio *f = *state;
	char path[64];
	int err = -ENOENT;

	assert_int_equal(c_begin(&f->d1), 0);
	for (int i = 0; err == -ENOENT; i++) {
		(void)snprintf(path, sizeof(path), "none/%d", i);
		err = c_read(&f->d1, path);
		assert_true(i < 1000000);
	}
	assert_int_equal(err, -ENOMEM);
	assert_true(memory_of(f, 1) < bound());
	assert_int_equal(c_end(&f->d1, false), 0);
	assert_int_equal(c_write(&f->d1, "x", ""), 0);
}

/* Each allocation fails once: a creation is whole, or leaves no parent behind. */
static void test_creation_is_whole(void **state)
{
	struct xs_trio *f = *state;

	for (int tx = 0; tx < 2; tx++) {
		int err = -ENOMEM;

		for (long n = 1; err; n++) {
			struct xs_client c;

			client_open(&f->bed, &c, 1);
			if (tx)
				assert_int_equal(c_begin(&c), 0);
			fail_in = n;
			err = c_write(&c, "m/a/b/c", "1");
			fail_in = 0;
			if (tx && err != -EPIPE)
				(void)c_end(&c, true);
			if (err == -ENOMEM)
				assert_int_equal(c_read(&f->d1, "m"), -ENOENT);
			client_close(&c);
			bed_check(&f->bed);
			if (!err)
				assert_int_equal(c_read(&f->d1, "m/a/b/c"), 0);
			assert_int_equal(c_rm(&f->d1, "m"), 0);
			assert_true(n < 1000);
		}
	}
}

/* What a round of requests does while allocations fail; all is as before, or done. */
static void some_requests(struct xs_client *c)
{
	(void)c_write(c, "m/a/b/c/d", "1");
	(void)c_mkdir(c, "m/x/y");
	(void)c_watch(c, "m", "t");
	(void)c_set_perms(c, "m/a", "n1 r2");
	if (!c_begin(c)) {
		(void)c_write(c, "m/t/u/v", "1");
		(void)c_write(c, "m/a", "2");
		(void)c_rm(c, "m/a/b");
		(void)c_write(c, "m/a/b/z", "3");
		(void)c_list(c, "m/a");
		(void)c_end(c, true);
	}
	c->tx = 0;
	(void)c_rm(c, "m");
	(void)c_unwatch(c, "m", "t");
	(void)client_call(c, XS_RESET_WATCHES, "", 0);
}

/* Failed creations, orphans, a transaction in the middle: every allocation fails once. */
static void test_xsa_414_415_440_484(void **state)
{
	struct xs_trio *f = *state;
	bool failed = true;

	for (long n = 1; failed; n++) {
		struct xs_client c;

		client_open(&f->bed, &c, 1);
		fail_in = n;
		some_requests(&c);
		failed = fail_in == 0;
		fail_in = 0;
		bed_check(&f->bed);
		client_close(&c);
		bed_check(&f->bed);
		assert_int_equal(c_rm(&f->dom0, "/local/domain/1/m"), 0);
		assert_int_equal(domain_find(f->bed.srv, 1)->nodes, 1);
		assert_int_equal(c_read(&f->d2, "name"), 0);
		if (n > 10000)
			fail_msg("never enough");
	}
}

/* ... and so does the coming of a domain. */
static void test_introduce_without_memory(void **state)
{
	struct xs_trio *f = *state;
	int err = -ENOMEM;

	for (long n = 1; err; n++) {
		fail_in = n;
		err = xs_server_introduce(f->bed.srv, 9, "nine");
		fail_in = 0;
		bed_check(&f->bed);
		assert_true(err == 0 || err == -ENOMEM);
		if (n > 1000)
			fail_msg("never enough");
	}
	assert_string_equal(xs_server_read(f->bed.srv, "/local/domain/9/name"), "nine");
}

/* The deepest tree: removed, listed and watched without recursion. */
static void test_xsa_418(void **state)
{
	struct xs_trio *f = *state;
	char path[XENSTORE_ABS_PATH_MAX + 1] = "", deep[1024 + 3] = "/local/domain/1";

	for (size_t i = 0; i < XENSTORE_ABS_PATH_MAX; i += 2)
		memcpy(path + i, "/d", 3);
	assert_int_equal(c_watch(&f->dom0, path, "t"), 0);
	assert_int_equal(c_write(&f->dom0, path, "x"), 0);
	assert_int_equal(c_rm(&f->dom0, "/d"), 0);
	assert_int_equal(c_read(&f->dom0, path), -ENOENT);
	for (size_t i = 15; i + 2 <= xs_quota_default.path_len; i += 2)
		memcpy(deep + i, "/d", 3);
	assert_int_equal(c_write(&f->d1, deep, "x"), 0);
	assert_int_equal(c_begin(&f->d1), 0);
	assert_int_equal(c_rm(&f->d1, "d"), 0);
	assert_int_equal(c_read(&f->d1, deep), -ENOENT);
	assert_int_equal(c_end(&f->d1, true), 0);
	assert_int_equal(domain_find(f->bed.srv, 1)->nodes, 1);
	(void)strcat(deep, "/d");
	assert_int_equal(c_write(&f->d1, deep, "x"), -EINVAL);
}

/* ... nor does depth cost its square in a transaction that removes again and again. */
static void test_deep_transaction(void **state)
{
	struct xs_trio *f = *state;
	char deep[1024 + 1] = "/local/domain/1";
	struct timespec start, end;
	double us;

	for (size_t i = 15; i + 2 <= xs_quota_default.path_len; i += 2)
		memcpy(deep + i, "/d", 3);
	assert_int_equal(c_begin(&f->d1), 0);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(c_write(&f->d1, deep, "x"), 0);
		assert_int_equal(c_rm(&f->d1, "d/d"), 0);
		assert_int_equal(c_read(&f->d1, deep), -ENOENT);
	}
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_int_equal(c_end(&f->d1, true), 0);
	us = ((double)(end.tv_sec - start.tv_sec) * 1e9 +
	      (double)(end.tv_nsec - start.tv_nsec)) /
	     200e3;
	print_message("%.0f us a round\n", us);
	assert_true(us < 7500); /* 400 here; 15000 with the square */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(test_xsa_326_330_416_421_512),
		TRIO_TEST(test_xsa_421),
		TRIO_TEST(test_xsa_349),
		TRIO_TEST(test_deaf_client),
		TRIO_TEST(test_curious_transaction),
		TRIO_TEST(test_creation_is_whole),
		TRIO_TEST(test_xsa_414_415_440_484),
		TRIO_TEST(test_introduce_without_memory),
		TRIO_TEST(test_xsa_418),
		TRIO_TEST(test_deep_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
