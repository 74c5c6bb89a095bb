/* SPDX-License-Identifier: MIT */
/* xenstore: owner, default and list of a node's permissions, and who inherits them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/xs_client.h"

#define HOME "/local/domain/1"

static void test_rights(void **state)
{
	/* what domain 2 may do with a node of domain 1 */
	static const struct {
		const char *perms;
		bool read, write;
	} rows[] = {
		{ "n1", false, false },	     { "r1", true, false },
		{ "w1", false, true },	     { "b1", true, true },
		{ "n1 r2", true, false },    { "n1 w2", false, true },
		{ "n1 b2", true, true },     { "b1 n2", false, false },
		{ "r1 w2", false, true },    { "n1 r2 b2", true, false },
		{ "n1 b0 r2", true, false }, { "b1 r0", true, true },
	};
	struct xs_trio *f = *state;

	assert_int_equal(c_write(&f->d1, "x", "secret"), 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = rows[i].read ? 0 : -EACCES, w = rows[i].write ? 0 : -EACCES;

		assert_int_equal(c_set_perms(&f->d1, "x", rows[i].perms), 0);
		assert_int_equal(c_perms(&f->d1, "x"), 0);
		assert_string_equal(f->d1.reply.data, rows[i].perms);
		assert_int_equal(c_read(&f->d2, HOME "/x"), r);
		assert_int_equal(c_list(&f->d2, HOME "/x"), r);
		assert_int_equal(c_perms(&f->d2, HOME "/x"), r);
		assert_int_equal(c_write(&f->d2, HOME "/x", "other"), w);
		assert_int_equal(c_mkdir(&f->d2, HOME "/x"), w);
		assert_int_equal(c_read(&f->d2, HOME "/x/none"), r ? r : -ENOENT);
		/* only the owner says who may what */
		assert_int_equal(c_set_perms(&f->d2, HOME "/x", rows[i].perms),
				 w ? w : -EPERM);
		assert_int_equal(c_write(&f->d1, "x", "secret"), 0);
		assert_int_equal(c_read(&f->dom0, HOME "/x"), 0);
		assert_int_equal(c_write(&f->dom0, HOME "/x", "secret"), 0);
	}
}

static void test_inheritance(void **state)
{
	struct xs_trio *f = *state;

	/* dom0's nodes belong to whom the parent belongs */
	assert_int_equal(c_write(&f->dom0, HOME "/device/vbd", "x"), 0);
	assert_int_equal(c_perms(&f->dom0, HOME "/device/vbd"), 0);
	assert_string_equal(f->dom0.reply.data, "n1");
	/* a domain's are its own, with the parent's list */
	assert_int_equal(c_set_perms(&f->d1, "device", "r1 b2"), 0);
	assert_int_equal(c_write(&f->d2, HOME "/device/a/b", "x"), 0);
	assert_int_equal(c_perms(&f->d2, HOME "/device/a/b"), 0);
	assert_string_equal(f->d2.reply.data, "r2 b2");
	assert_int_equal(c_perms(&f->d2, HOME "/device/a"), 0);
	assert_string_equal(f->d2.reply.data, "r2 b2");
	/* a value does not change them */
	assert_int_equal(c_write(&f->d2, HOME "/device", "x"), 0);
	assert_int_equal(c_perms(&f->d2, HOME "/device"), 0);
	assert_string_equal(f->d2.reply.data, "r1 b2");
}

static void test_bad_lists(void **state)
{
	static const char *const bad[] = { "x1", "r", "rx", "r-1", "r65536", "r1x", "1" };
	struct xs_trio *f = *state;

	assert_int_equal(c_write(&f->d1, "x", ""), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(c_set_perms(&f->d1, "x", bad[i]), -EINVAL);
		assert_int_equal(c_set_perms(&f->dom0, HOME "/x", bad[i]), -EINVAL);
	}
	assert_int_equal(c_one(&f->d1, XS_SET_PERMS, "x"), -EINVAL);
	assert_int_equal(c_set_perms(&f->d1, "x", "n1 r9"), -EINVAL); /* nobody is 9 */
	assert_int_equal(c_set_perms(&f->d1, "none", "n1"), -ENOENT);
	assert_int_equal(c_perms(&f->d1, "x"), 0);
	assert_string_equal(f->d1.reply.data, "n1");
}

static void test_target(void **state)
{
	struct xs_trio *f = *state;

	assert_int_equal(c_write(&f->dom0, "/shared", "x"), 0);
	assert_int_equal(c_set_perms(&f->dom0, "/shared", "n0 r1"), 0);
	assert_int_equal(c_write(&f->d2, HOME "/x", "1"), -EACCES);
	assert_int_equal(client_call(&f->dom0, XS_SET_TARGET,
				     "2\0"
				     "1",
				     4),
			 0);
	assert_int_equal(c_write(&f->d2, HOME "/x", "1"), 0);
	assert_int_equal(c_read(&f->d2, "/shared"), 0);
	assert_int_equal(c_write(&f->d2, "/shared", "y"), -EACCES);
	assert_int_equal(c_write(&f->d1, "/local/domain/2/x", "1"), -EACCES);
	/* its right ends with the target, whoever has its number then */
	assert_int_equal(c_one(&f->dom0, XS_RELEASE, "1"), 0);
	assert_int_equal(xs_server_introduce(f->bed.srv, 1, "new"), 0);
	assert_int_equal(c_read(&f->d2, HOME "/name"), -EACCES);
	assert_int_equal(client_call(&f->dom0, XS_SET_TARGET,
				     "2\0"
				     "9",
				     4),
			 -ENOENT);
	assert_int_equal(client_call(&f->dom0, XS_SET_TARGET,
				     "2\0"
				     "0",
				     4),
			 -EINVAL);
}

static void test_in_advance(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client c;

	/* dom0 prepares a node for a domain that is yet to come */
	assert_int_equal(c_write(&f->dom0, "/ready", "x"), 0);
	assert_int_equal(c_set_perms(&f->dom0, "/ready", "n0 r5"), 0);
	assert_int_equal(xs_server_introduce(f->bed.srv, 5, "five"), 0);
	client_open(&f->bed, &c, 5);
	assert_int_equal(c_read(&c, "/ready"), 0);
	client_close(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(test_rights),	    TRIO_TEST(test_inheritance),
		TRIO_TEST(test_bad_lists),  TRIO_TEST(test_target),
		TRIO_TEST(test_in_advance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
