/* SPDX-License-Identifier: MIT */
/* xenstore: transactions, what they see and what makes them conflict. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/xs_client.h"

#define assert_value(c, path, value)                         \
	do {                                                 \
		assert_int_equal(c_read(c, path), 0);        \
		assert_string_equal((c)->reply.data, value); \
	} while (0)
#define assert_names(c, path, names)                         \
	do {                                                 \
		assert_int_equal(c_list(c, path), 0);        \
		assert_string_equal((c)->reply.data, names); \
	} while (0)

static void test_isolation(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;
	struct xs_client other;

	client_open(&f->bed, &other, 0);
	assert_int_equal(c_write(c, "/t/a", "old"), 0);
	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_write(c, "/t/a", "new"), 0);
	assert_int_equal(c_write(c, "/t/b/c", "deep"), 0);
	assert_value(c, "/t/a", "new");
	assert_value(c, "/t/b/c", "deep");
	assert_names(c, "/t", "a b");
	assert_value(&other, "/t/a", "old");
	assert_int_equal(c_read(&other, "/t/b"), -ENOENT);
	assert_names(&other, "/t", "a");
	assert_int_equal(c_end(c, true), 0);
	assert_value(&other, "/t/a", "new");
	assert_value(&other, "/t/b/c", "deep");
	assert_names(&other, "/t", "a b");
	client_close(&other);
}

static void test_abort(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_write(c, "/t/a", "old"), 0);
	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_write(c, "/t/a", "new"), 0);
	assert_int_equal(c_write(c, "/u", "new"), 0);
	assert_int_equal(c_end(c, false), 0);
	assert_value(c, "/t/a", "old");
	assert_int_equal(c_read(c, "/u"), -ENOENT);
}

static void test_ids(void **state)
{
	struct xs_trio *f = *state;
	uint32_t first;

	assert_int_equal(c_begin(&f->d1), 0);
	first = f->d1.tx;
	assert_int_not_equal(first, 0);
	/* another connection's id means nothing here */
	f->d2.tx = first;
	assert_int_equal(c_read(&f->d2, "name"), -ENOENT);
	f->d2.tx = 0;
	assert_int_equal(c_one(&f->d1, XS_TRANSACTION_START, ""), -EBUSY);
	assert_int_equal(c_one(&f->d1, XS_TRANSACTION_END, "X"), -EINVAL);
	assert_int_equal(c_end(&f->d1, true), 0);
	f->d1.tx = first;
	assert_int_equal(c_end(&f->d1, true), -ENOENT);
	assert_int_equal(c_end(&f->d1, true), -ENOENT);
	assert_int_equal(c_begin(&f->d1), 0);
	assert_int_not_equal(f->d1.tx, first);
}

/*
 * Each row: what the transaction does, what happens outside meanwhile, and
 * whether that is a conflict. r: read, w: write, l: list, m: mkdir, d: rm, p: set
 * perms, g: get perms; upper case: the same by somebody else.
 */
static const struct {
	const char *in, *out;
	bool conflict;
} rows[] = {
	{ "r/t/a", "W/t/a", true },
	{ "r/t/a", "W/t/b", false },
	{ "r/t/a", "D/t/a", true },
	{ "r/t/a", "D/t", true },
	{ "r/t/a", "P/t/a", true }, /* the permissions are what allowed it */
	{ "r/t/a", "W/t", false },
	{ "r/t/a", "W/t/a/sub", false },
	{ "r/t/none", "W/t/none", true },
	{ "r/t/none", "W/t/other", false },
	{ "w/t/a", "W/t/a", true },
	{ "w/t/a", "W/t/b", false },
	{ "w/t/a", "D/t/a", true },
	{ "w/t/new", "W/t/new", true },
	{ "w/t/new", "W/t/new2", false },
	{ "w/t/new", "D/t/a", false },
	{ "w/t/new", "W/t", false },
	{ "w/t/new", "P/t", true }, /* it inherits them */
	{ "w/t/new", "D/t", true },
	{ "w/t/new/sub", "W/t/new", true },
	{ "l/t", "W/t/a", false },
	{ "l/t", "W/t/new", true },
	{ "l/t", "D/t/a", true },
	{ "l/t", "W/t/a/sub", false },
	{ "l/t", "W/t", false },
	{ "m/t/a", "W/t/a", false },
	{ "m/t/a", "D/t/a", true },
	{ "d/t/a", "W/t/a", true },
	{ "d/t/a", "W/t/b", false },
	{ "d/t", "W/t/b", true },
	{ "d/t", "W/t/b/sub", true },
	{ "d/t", "D/t/b", true },
	{ "d/t", "W/u", false },
	{ "d/t/none", "W/t/none", true },
	{ "p/t/a", "W/t/a", true },
	{ "p/t/a", "P/t/a", true },
	{ "p/t/a", "W/t/b", false },
	{ "g/t/a", "P/t/a", true },
	{ "g/t/a", "W/t/a", false },
};

static int do_op(struct xs_client *c, const char *op)
{
	switch (op[0] | 0x20) {
	case 'r':
		return c_read(c, op + 1);
	case 'w':
		return c_write(c, op + 1, "x");
	case 'l':
		return c_list(c, op + 1);
	case 'm':
		return c_mkdir(c, op + 1);
	case 'd':
		return c_rm(c, op + 1);
	case 'p':
		return c_set_perms(c, op + 1, "n0 r1");
	default:
		return c_perms(c, op + 1);
	}
}

static void test_conflicts(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0, other;

	client_open(&f->bed, &other, 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int err;

		(void)c_rm(c, "/t");
		assert_int_equal(c_write(c, "/t/a", "x"), 0);
		assert_int_equal(c_write(c, "/t/b", "x"), 0);
		assert_int_equal(c_begin(c), 0);
		(void)do_op(c, rows[i].in);
		assert_int_equal(do_op(&other, rows[i].out), 0);
		err = c_end(c, true);
		if (err != (rows[i].conflict ? -EAGAIN : 0))
			fail_msg("%s with %s: %d", rows[i].in, rows[i].out, err);
		bed_check(&f->bed);
	}
	client_close(&other);
}

/* What changed before the first look is no conflict, even after the start. */
static void test_late_look(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0, other;

	client_open(&f->bed, &other, 0);
	assert_int_equal(c_write(c, "/t/a", "1"), 0);
	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_write(&other, "/t/a", "2"), 0);
	assert_value(c, "/t/a", "2");
	assert_int_equal(c_end(c, true), 0);

	/* and what was read once is read again, whoever wrote meanwhile */
	assert_int_equal(c_begin(c), 0);
	assert_value(c, "/t/a", "2");
	assert_int_equal(c_read(c, "/t/none"), -ENOENT);
	assert_int_equal(c_write(&other, "/t/a", "3"), 0);
	assert_int_equal(c_write(&other, "/t/none", "3"), 0);
	assert_value(c, "/t/a", "2");
	assert_int_equal(c_read(c, "/t/none"), -ENOENT);
	assert_int_equal(c_end(c, true), -EAGAIN);

	/* permissions first, value later: the value that is read is what counts */
	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_perms(c, "/t/a"), 0);
	assert_int_equal(c_write(&other, "/t/a", "4"), 0);
	assert_value(c, "/t/a", "4");
	assert_int_equal(c_end(c, true), 0);
	client_close(&other);
}

static void test_remove_and_recreate(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_write(c, "/t/a/x", "1"), 0);
	assert_int_equal(c_write(c, "/t/a/y", "2"), 0);
	assert_int_equal(c_begin(c), 0);
	assert_value(c, "/t/a/x", "1");
	assert_int_equal(c_write(c, "/t/a/z", "3"), 0);
	assert_names(c, "/t/a", "x y z");
	assert_int_equal(c_rm(c, "/t/a"), 0);
	assert_int_equal(c_read(c, "/t/a/x"), -ENOENT);
	assert_int_equal(c_read(c, "/t/a/z"), -ENOENT);
	assert_int_equal(c_rm(c, "/t/a/x"), -ENOENT);
	assert_int_equal(c_write(c, "/t/a/y", "new"), 0);
	assert_names(c, "/t/a", "y");
	assert_names(c, "/t", "a");
	assert_value(c, "/t/a", "");
	assert_int_equal(c_end(c, true), 0);
	assert_names(c, "/t/a", "y");
	assert_value(c, "/t/a/y", "new");
	assert_names(c, "/t", "a");
}

static void test_order_of_names(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_write(c, "/t/longest", "1"), 0);
	assert_int_equal(c_write(c, "/t/b", "2"), 0);
	assert_int_equal(c_write(c, "/t/aa", "3"), 0);
	assert_names(c, "/t", "longest b aa");
	assert_int_equal(c_end(c, true), 0);
	assert_names(c, "/t", "longest b aa");
}

static void test_events_at_commit(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0, other;

	client_open(&f->bed, &other, 0);
	assert_int_equal(c_write(c, "/t/gone/below", "x"), 0);
	assert_int_equal(c_watch(&other, "/t", "tok"), 0);
	assert_int_equal(c_watch(&other, "/t/gone/below", "low"), 0);
	c_drain(&other);
	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_write(c, "/t/new/key", "x"), 0);
	assert_int_equal(c_write(c, "/t/new/key", "y"), 0);
	assert_int_equal(c_rm(c, "/t/gone"), 0);
	assert_string_equal(c_event(&other), "");
	assert_int_equal(c_end(c, true), 0);
	assert_string_equal(c_event(&other), "/t/gone tok");
	assert_string_equal(c_event(&other), "/t/gone/below low");
	assert_string_equal(c_event(&other), "/t/new/key tok");
	assert_string_equal(c_event(&other), "");
	assert_int_equal(c_begin(c), 0);
	assert_int_equal(c_write(c, "/t/x", "x"), 0);
	assert_int_equal(c_end(c, false), 0);
	assert_string_equal(c_event(&other), "");
	client_close(&other);
}

static void test_closed_and_reset(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client c;

	client_open(&f->bed, &c, 1);
	assert_int_equal(c_begin(&c), 0);
	assert_int_equal(c_write(&c, "data", "x"), 0);
	client_close(&c);
	assert_int_equal(c_read(&f->d1, "data"), -ENOENT);
	assert_int_equal(c_begin(&f->d1), 0);
	assert_int_equal(c_write(&f->d1, "data", "x"), 0);
	assert_int_equal(client_call(&f->d1, XS_RESET_WATCHES, "", 1), 0);
	assert_int_equal(c_end(&f->d1, true), -ENOENT);
	assert_int_equal(c_read(&f->d1, "data"), -ENOENT);
}

/*
 * The oracle: the same random operations in a transaction of one server and
 * directly in another give the same answers, and the same tree at the end.
 */
static int sort_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sorted(char *names)
{
	char *vec[64], copy[XENSTORE_PAYLOAD_MAX + 1], *save = NULL;
	unsigned n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", names);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
		vec[n++] = s;
	qsort(vec, n, sizeof(vec[0]), sort_names);
	*names = '\0';
	for (unsigned i = 0; i < n; i++)
		names += sprintf(names, "%s ", vec[i]);
}

static void random_path(unsigned *seed, char *path)
{
	unsigned depth = 1 + (unsigned)rand_r(seed) % 4;

	path += sprintf(path, "/r");
	while (depth--)
		path += sprintf(path, "/%c", 'a' + rand_r(seed) % 3);
}

static void compare(struct xs_client *a, struct xs_client *b, const char *op)
{
	int ea = do_op(a, op), eb = do_op(b, op);

	if (ea != eb)
		fail_msg("%s: %d in the transaction, %d without", op, ea, eb);
	if (ea || (op[0] != 'r' && op[0] != 'l' && op[0] != 'g'))
		return;
	sorted(a->reply.data);
	sorted(b->reply.data);
	if (strcmp(a->reply.data, b->reply.data) != 0)
		fail_msg("%s: '%s', '%s'", op, a->reply.data, b->reply.data);
}

/* Everything at and below path. */
static void compare_trees(struct xs_client *a, struct xs_client *b, const char *path)
{
	char op[256], names[256], *save = NULL;

	for (const char *k = "rgl"; *k; k++) {
		(void)snprintf(op, sizeof(op), "%c%s", *k, path);
		compare(a, b, op);
	}
	(void)snprintf(names, sizeof(names), "%.200s", a->reply.data);
	for (char *s = strtok_r(names, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		(void)snprintf(op, sizeof(op), "%.100s/%s", path, s);
		compare_trees(a, b, op);
	}
}

static void test_against_plain(void **state)
{
	struct xs_trio *f = *state, *g = trio_open(NULL);
	struct xs_client *a = &f->dom0, *b = &g->dom0;
	unsigned seed = 1;
	char op[64];

	(void)c_mkdir(a, "/r");
	(void)c_mkdir(b, "/r");
	for (int round = 0; round < 300; round++) {
		assert_int_equal(c_begin(a), 0);
		for (int i = rand_r(&seed) % 40; i >= 0; i--) {
			op[0] = "rwwlmddpg"[rand_r(&seed) % 9];
			random_path(&seed, op + 1);
			compare(a, b, op);
		}
		assert_int_equal(c_end(a, true), 0);
		compare_trees(a, b, "/r");
		bed_check(&f->bed);
	}
	(void)trio_teardown((void **)&g);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(test_isolation),
		TRIO_TEST(test_abort),
		TRIO_TEST(test_ids),
		TRIO_TEST(test_conflicts),
		TRIO_TEST(test_late_look),
		TRIO_TEST(test_remove_and_recreate),
		TRIO_TEST(test_order_of_names),
		TRIO_TEST(test_events_at_commit),
		TRIO_TEST(test_closed_and_reset),
		TRIO_TEST(test_against_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
