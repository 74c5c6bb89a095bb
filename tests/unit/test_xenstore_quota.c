/* SPDX-License-Identifier: MIT */
/* xenstore: the bounds of each domain, at the bound and one beyond; none for dom0. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/xenstore/server.h"
#include "tests/lib/xs_client.h"

static const struct xs_quota small = {
	.nodes = 10,
	.node_size = 100,
	.watches = 4,
	.transactions = 2,
	.perms = 3,
	.path_len = 64,
	.memory = 64 << 10,
	.outstanding = 4 << 10,
};

static int setup(void **state)
{
	*state = trio_open(&small);
	return 0;
}

/* Its home was given by dom0: one node of its own, and two more to own. */
#define OWN_NODES (small.nodes + 2)

static int numbered(struct xs_client *c, const char *dir, unsigned i)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%u", dir, i);
	return c_write(c, path, "");
}

static void test_nodes(void **state)
{
	struct xs_trio *f = *state;
	const struct xs_domain *d = domain_find(f->bed.srv, 1);

	assert_int_equal(d->nodes, 1);
	for (unsigned i = 0; d->nodes < OWN_NODES; i++)
		assert_int_equal(numbered(&f->d1, "n", i), 0);
	assert_int_equal(c_write(&f->d1, "more", ""), -ENOSPC);
	assert_int_equal(c_mkdir(&f->d1, "more"), -ENOSPC);
	assert_int_equal(c_write(&f->d1, "n/1", "new value"), 0);
	assert_int_equal(c_rm(&f->d1, "n/1"), 0);
	/* all or nothing: two nodes do not fit, and none is left behind */
	assert_int_equal(c_write(&f->d1, "two/nodes", ""), -ENOSPC);
	assert_int_equal(c_read(&f->d1, "two"), -ENOENT);
	assert_int_equal(c_write(&f->d1, "one", ""), 0);
	/* another domain has its own, and dom0 none */
	assert_int_equal(c_write(&f->d2, "mine", ""), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(numbered(&f->dom0, "/many", i), 0);
	/* in a transaction, too */
	assert_int_equal(c_begin(&f->d1), 0);
	assert_int_equal(c_write(&f->d1, "more", ""), -ENOSPC);
	assert_int_equal(c_rm(&f->d1, "one"), 0);
	assert_int_equal(c_write(&f->d1, "more", ""), 0);
	assert_int_equal(c_end(&f->d1, true), 0);
	assert_int_equal(d->nodes, OWN_NODES);
}

/* What dom0 makes for a domain carries quota along. */
static void test_given(void **state)
{
	struct xs_trio *f = *state;
	const struct xs_domain *d = domain_find(f->bed.srv, 1);
	char path[64], token[16];
	unsigned i;

	for (i = 0; i < 40; i++) {
		(void)snprintf(path, sizeof(path), "/local/domain/1/backend/%u", i);
		assert_int_equal(c_write(&f->dom0, path, "x"), 0);
	}
	assert_int_equal(d->given, 42);
	for (i = 0; i < 40; i++)
		assert_int_equal(numbered(&f->d1, i < 20 ? "a" : "b", i), 0);
	for (i = 0; i < small.watches + 42 / 4; i++) {
		(void)snprintf(token, sizeof(token), "%u", i);
		assert_int_equal(c_watch(&f->d1, "x", token), 0);
	}
	assert_int_equal(c_watch(&f->d1, "x", "one more"), -E2BIG);
	/* and takes it away */
	assert_int_equal(c_rm(&f->dom0, "/local/domain/1/backend"), 0);
	assert_int_equal(d->given, 1);
	assert_int_equal(c_write(&f->d1, "more", ""), -ENOSPC);
	/* a new owner by dom0 is a gift, a domain's own node is none */
	assert_int_equal(c_write(&f->dom0, "/gift", "x"), 0);
	assert_int_equal(c_set_perms(&f->dom0, "/gift", "n1"), 0);
	assert_int_equal(d->given, 2);
	assert_int_equal(c_set_perms(&f->d1, "/gift", "r1"), 0);
	assert_int_equal(c_write(&f->dom0, "/gift", "y"), 0);
	assert_int_equal(d->given, 2);
	assert_int_equal(c_set_perms(&f->dom0, "/gift", "n0"), 0);
	assert_int_equal(d->given, 1);
}

static void test_node_size(void **state)
{
	struct xs_trio *f = *state;
	char value[small.node_size + 1];
	size_t fits = small.node_size - sizeof(struct xs_perm);
	unsigned i;

	memset(value, 'v', sizeof(value));
	value[fits] = '\0';
	assert_int_equal(c_write(&f->d1, "x", value), 0);
	assert_int_equal(c_write(&f->d1, "x", value), 0);
	value[fits] = 'v';
	value[fits + 1] = '\0';
	assert_int_equal(c_write(&f->d1, "x", value), -ENOSPC);
	assert_int_equal(c_write(&f->d1, "y", value), -ENOSPC);
	assert_int_equal(c_write(&f->dom0, "/local/domain/1/x", value), 0);
	/* a list of permissions, and the children's names, count as well */
	value[fits] = '\0';
	assert_int_equal(c_write(&f->d1, "x", value), 0);
	assert_int_equal(c_set_perms(&f->d1, "x", "n1 r2"), -ENOSPC);
	assert_int_equal(c_write(&f->d1, "x/child", ""), -ENOSPC);
	value[70] = '\0';
	assert_int_equal(c_write(&f->d1, "x", value), 0);
	assert_int_equal(c_set_perms(&f->d1, "x", "n1 r2"), 0);
	for (i = 0; !numbered(&f->d1, "x", i); i++)
		assert_true(i < 10);
	assert_int_equal(i, (small.node_size - 70 - 2 * sizeof(struct xs_perm)) / 2);
}

static void test_watches(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client second;
	char token[16];

	for (unsigned i = 0; i < small.watches; i++) {
		(void)snprintf(token, sizeof(token), "%u", i);
		assert_int_equal(c_watch(&f->d1, "x", token), 0);
	}
	assert_int_equal(c_watch(&f->d1, "x", "more"), -E2BIG);
	/* the bound is the domain's, not the connection's */
	client_open(&f->bed, &second, 1);
	assert_int_equal(c_watch(&second, "x", "more"), -E2BIG);
	assert_int_equal(c_unwatch(&f->d1, "x", "0"), 0);
	assert_int_equal(c_watch(&second, "x", "more"), 0);
	client_close(&second);
	assert_int_equal(c_watch(&f->d1, "x", "more"), 0);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(token, sizeof(token), "%u", i);
		assert_int_equal(c_watch(&f->dom0, "/x", token), 0);
	}
}

static void test_transactions(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client second;
	uint32_t first;

	client_open(&f->bed, &second, 1);
	assert_int_equal(c_begin(&f->d1), 0);
	first = f->d1.tx;
	f->d1.tx = 0;
	assert_int_equal(c_begin(&second), 0);
	assert_int_equal(c_begin(&f->d1), -ENOSPC);
	client_close(&second);
	assert_int_equal(c_begin(&f->d1), 0);
	assert_int_equal(c_end(&f->d1, true), 0);
	f->d1.tx = first;
	assert_int_equal(c_end(&f->d1, false), 0);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(c_begin(&f->dom0), 0);
		f->dom0.tx = 0;
	}
}

static void test_perms(void **state)
{
	struct xs_trio *f = *state;

	assert_int_equal(c_write(&f->d1, "x", ""), 0);
	assert_int_equal(c_set_perms(&f->d1, "x", "n1 r2 r0"), 0);
	assert_int_equal(c_set_perms(&f->d1, "x", "n1 r2 r0 b2"), -ENOSPC);
	assert_int_equal(c_set_perms(&f->dom0, "/local/domain/1/x", "n1 r2 r0 b2 w2"), 0);
}

static void test_path_len(void **state)
{
	struct xs_trio *f = *state;
	char path[80];

	memset(path, 'p', sizeof(path));
	(void)memcpy(path, "/local/domain/1/", 16);
	path[small.path_len] = '\0';
	assert_int_equal(c_write(&f->d1, path, ""), 0);
	assert_int_equal(c_write(&f->d1, path + 16, ""), 0); /* the same */
	path[small.path_len] = 'p';
	path[small.path_len + 1] = '\0';
	assert_int_equal(c_write(&f->d1, path, ""), -EINVAL);
	assert_int_equal(c_write(&f->d1, path + 16, ""), -EINVAL);
	assert_int_equal(c_watch(&f->d1, path, "t"), -EINVAL);
	assert_int_equal(c_write(&f->dom0, path, ""), 0);
}

static void test_memory(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client c[16];
	int n, fds[2] = { -1, -1 };

	/* connections are memory as well */
	for (n = 0; n < 16; n++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		if (xs_server_connect(f->bed.srv, fds[0], 2))
			break;
		c[n] = (struct xs_client){ .bed = &f->bed, .fd = fds[1] };
	}
	close(fds[1]);
	assert_true(n > 2 && n < 8);
	assert_int_equal(c_write(&f->d2, "x", "0123456789"), 0);
	assert_int_equal(c_write(&f->d1, "x", ""), 0);
	while (n-- > 0)
		client_close(&c[n]);
	assert_int_equal(c_write(&f->d2, "y", ""), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, trio_teardown)
	static const struct CMUnitTest tests[] = {
		T(test_nodes),	      T(test_given), T(test_node_size), T(test_watches),
		T(test_transactions), T(test_perms), T(test_path_len),	T(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
