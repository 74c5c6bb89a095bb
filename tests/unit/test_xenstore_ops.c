/* SPDX-License-Identifier: MIT */
/* xenstore: requests about nodes, as docs/misc/xenstore.txt describes them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/xs_client.h"

static void test_write_creates_parents(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_read(c, "/a/b/c"), -ENOENT);
	assert_int_equal(c_write(c, "/a/b/c", "value"), 0);
	assert_int_equal(c_read(c, "/a/b/c"), 0);
	assert_string_equal(c->reply.data, "value");
	assert_int_equal(c->reply.hdr.len, 5);
	assert_int_equal(c_read(c, "/a/b"), 0);
	assert_int_equal(c->reply.hdr.len, 0);
	assert_int_equal(c_write(c, "/a/b/c", ""), 0);
	assert_int_equal(c_read(c, "/a/b/c"), 0);
	assert_int_equal(c->reply.hdr.len, 0);
	assert_int_equal(client_call(c, XS_WRITE, "/bin\0\0\1\xff", 8), 0);
	assert_int_equal(c_read(c, "/bin"), 0);
	assert_int_equal(c->reply.hdr.len, 3);
	assert_memory_equal(c->reply.data, "\0\1\xff", 3);
}

static void test_mkdir_and_list(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_list(c, "/"), 0);
	assert_string_equal(c->reply.data, "local");
	assert_int_equal(c_mkdir(c, "/x/z"), 0);
	assert_int_equal(c_write(c, "/x/y", "kept"), 0);
	assert_int_equal(c_mkdir(c, "/x/y"), 0);
	assert_int_equal(c_read(c, "/x/y"), 0);
	assert_string_equal(c->reply.data, "kept");
	assert_int_equal(c_list(c, "/x"), 0);
	assert_string_equal(c->reply.data, "z y");
	assert_int_equal(c_list(c, "/x/y"), 0);
	assert_int_equal(c->reply.hdr.len, 0);
	assert_int_equal(c_list(c, "/nowhere"), -ENOENT);
}

static void test_rm(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_write(c, "/x/y/z", "1"), 0);
	assert_int_equal(c_rm(c, "/"), -EINVAL);
	/* xenstore.txt: "not an error if <path> does not exist, but it _is_ an
	 * error if <path>'s immediate parent does not exist either" */
	assert_int_equal(c_rm(c, "/x/none"), 0);
	assert_int_equal(c_rm(c, "/none/none"), -ENOENT);
	assert_int_equal(c_rm(c, "/x/y"), 0);
	assert_int_equal(c_read(c, "/x/y/z"), -ENOENT);
	assert_int_equal(c_list(c, "/x"), 0);
	assert_int_equal(c->reply.hdr.len, 0);
}

static void test_paths(void **state)
{
	static const char *const bad[] = {
		"",	"//",	     "/a//b", "/a/",
		"/a b", "/a.b",	     "/a\n",  "@introduceDomain",
		"a/",	"/\xc3\xa4", "/a:b"
	};
	struct xs_trio *f = *state;
	char longest[XENSTORE_ABS_PATH_MAX + 2];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(c_read(&f->dom0, bad[i]), -EINVAL);
		assert_int_equal(c_write(&f->dom0, bad[i], "x"), -EINVAL);
		assert_int_equal(c_rm(&f->dom0, bad[i]), -EINVAL);
	}
	assert_int_equal(c_write(&f->dom0, "/Az09-_@", "x"), 0);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[XENSTORE_ABS_PATH_MAX] = '\0';
	assert_int_equal(c_write(&f->dom0, longest, "x"), 0);
	longest[XENSTORE_ABS_PATH_MAX] = 'a';
	longest[XENSTORE_ABS_PATH_MAX + 1] = '\0';
	assert_int_equal(c_write(&f->dom0, longest, "x"), -EINVAL);
	longest[1 + XENSTORE_REL_PATH_MAX] = '\0';
	assert_int_equal(c_write(&f->dom0, longest + 1, "x"), 0);
	longest[1 + XENSTORE_REL_PATH_MAX] = 'a';
	longest[2 + XENSTORE_REL_PATH_MAX] = '\0';
	assert_int_equal(c_write(&f->dom0, longest + 1, "x"), -EINVAL);
}

static void test_relative_paths(void **state)
{
	struct xs_trio *f = *state;

	assert_int_equal(c_write(&f->d1, "data/x", "mine"), 0);
	assert_int_equal(c_read(&f->dom0, "/local/domain/1/data/x"), 0);
	assert_string_equal(f->dom0.reply.data, "mine");
	assert_int_equal(c_one(&f->d1, XS_GET_DOMAIN_PATH, "7"), 0);
	assert_string_equal(f->d1.reply.data, "/local/domain/7");
	assert_int_equal(c_write(&f->dom0, "x", "1"), 0);
	assert_int_equal(c_read(&f->dom0, "/local/domain/0/x"), 0);
}

static void test_home(void **state)
{
	struct xs_trio *f = *state;

	assert_int_equal(c_read(&f->d1, "name"), 0);
	assert_string_equal(f->d1.reply.data, "one");
	assert_int_equal(c_read(&f->d1, "domid"), 0);
	assert_string_equal(f->d1.reply.data, "1");
	assert_int_equal(c_write(&f->d1, "name", "zero"), -EACCES);
	assert_int_equal(c_rm(&f->d1, "domid"), -EACCES);
	assert_int_equal(c_perms(&f->d1, "name"), 0);
	assert_string_equal(f->d1.reply.data, "n0 r1");
	assert_string_equal(xs_server_read(f->bed.srv, "/local/domain/2/name"), "two");
	assert_null(xs_server_read(f->bed.srv, "/local/domain/3/name"));
	assert_int_equal(xs_server_introduce(f->bed.srv, 1, "again"), -EEXIST);
	assert_int_equal(xs_server_release(f->bed.srv, 3), -ENOENT);
}

static void test_requests(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_one(c, 20, "x"), -ENOSYS);
	assert_int_equal(c_one(c, XS_WATCH_EVENT, "x"), -ENOSYS);
	assert_int_equal(c_one(c, XS_TYPE_COUNT, "x"), -ENOSYS);
	assert_int_equal(c_one(c, XS_INVALID, "x"), -ENOSYS);
	assert_int_equal(client_call(c, XS_READ, "/a", 2), -EINVAL);
	assert_int_equal(client_call(c, XS_READ, "", 0), -EINVAL);
	assert_int_equal(client_call(c, XS_READ, "/a\0/b", 6), -EINVAL);
	assert_int_equal(client_call(c, XS_WRITE, "/a", 2), -EINVAL);
	c->tx = 77;
	assert_int_equal(c_read(c, "/"), -ENOENT);
	c->tx = 0;
	assert_int_equal(c_one(c, XS_CONTROL, "help"), 0);
	assert_int_equal(c_one(c, XS_CONTROL, "check"), 0);
	assert_string_equal(c->reply.data, "OK");
	assert_int_equal(client_call(c, XS_CONTROL, "print\0hello", 12), 0);
	assert_int_equal(c_one(c, XS_CONTROL, "quota"), 0);
	assert_int_equal(c_one(c, XS_CONTROL, "memreport"), 0);
	assert_int_equal(c_one(c, XS_CONTROL, "format-disk"), -EINVAL);
	assert_int_equal(c_one(&f->d1, XS_CONTROL, "help"), -EACCES);
}

static void test_partial_requests(void **state)
{
	struct xs_trio *f = *state;
	static const struct xsd_sockmsg hdr = { .type = XS_WRITE, .req_id = 5, .len = 4 };
	char buf[2 * (sizeof(hdr) + 4)];
	struct xs_msg m;

	memcpy(buf, &hdr, sizeof(hdr));
	memcpy(buf + sizeof(hdr), "/k\0v", 4);
	memcpy(buf + sizeof(hdr) + 4, buf, sizeof(hdr) + 4);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_true(client_send(&f->dom0, buf + i, 1));
	assert_int_equal(client_recv(&f->dom0, &m), 1);
	assert_int_equal(client_recv(&f->dom0, &m), 1);
	assert_int_equal(m.hdr.req_id, 5);
	assert_true(client_send(&f->dom0, buf, sizeof(buf)));
	assert_int_equal(client_recv(&f->dom0, &m), 1);
	assert_int_equal(client_recv(&f->dom0, &m), 1);
	assert_int_equal(client_recv(&f->dom0, &m), 0);
}

static void test_directory_part(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;
	char path[32], arg[64], gen[32] = "";
	unsigned long at = 0;
	unsigned names = 0;

	for (int i = 0; i < 1500; i++) {
		(void)snprintf(path, sizeof(path), "/big/child-%d", i);
		assert_int_equal(c_write(c, path, ""), 0);
	}
	assert_int_equal(c_list(c, "/big"), -E2BIG);
	for (;;) {
		int n = snprintf(arg, sizeof(arg), "/big%c%lu", 0, at);
		const char *s = c->reply.data, *end;

		assert_int_equal(client_call(c, XS_DIRECTORY_PART, arg, (size_t)n + 1),
				 0);
		end = s + c->reply.hdr.len;
		if (*gen)
			assert_string_equal(s, gen);
		(void)snprintf(gen, sizeof(gen), "%.20s", s);
		for (s += strlen(s) + 1; s < end && *s; s += strlen(s) + 1) {
			(void)snprintf(path, sizeof(path), "child-%u", names++);
			assert_string_equal(s, path);
			at += strlen(s) + 1;
		}
		if (s < end)
			break;
	}
	assert_int_equal(names, 1500);
	assert_int_equal(c_write(c, "/big/child-0", "x"), 0);
	assert_int_equal(client_call(c, XS_DIRECTORY_PART,
				     "/big\0"
				     "0",
				     7),
			 0);
	assert_string_equal(c->reply.data, gen);
	assert_int_equal(c_rm(c, "/big/child-0"), 0);
	assert_int_equal(client_call(c, XS_DIRECTORY_PART,
				     "/big\0"
				     "0",
				     7),
			 0);
	assert_string_not_equal(c->reply.data, gen);
	assert_int_equal(client_call(c, XS_DIRECTORY_PART,
				     "/big\0"
				     "1",
				     7),
			 -EINVAL);
	assert_int_equal(client_call(c, XS_DIRECTORY_PART, "/big\0-1", 8), -EINVAL);
	assert_int_equal(client_call(c, XS_DIRECTORY_PART,
				     "/big\0"
				     "9999999",
				     13),
			 -EINVAL);
}

static void test_domain_requests(void **state)
{
	struct xs_trio *f = *state;
	struct xs_client *c = &f->dom0;

	assert_int_equal(c_one(c, XS_IS_DOMAIN_INTRODUCED, "9"), 0);
	assert_string_equal(c->reply.data, "F");
	assert_int_equal(client_call(c, XS_INTRODUCE,
				     "9\0"
				     "1\0"
				     "2",
				     6),
			 0);
	assert_int_equal(c_one(c, XS_IS_DOMAIN_INTRODUCED, "9"), 0);
	assert_string_equal(c->reply.data, "T");
	assert_int_equal(c_one(c, XS_RESUME, "9"), 0);
	assert_int_equal(c_one(c, XS_RELEASE, "9"), 0);
	assert_int_equal(c_one(c, XS_RELEASE, "9"), -ENOENT);
	assert_int_equal(c_one(c, XS_RESUME, "9"), -ENOENT);
	assert_int_equal(c_one(c, XS_RELEASE, "0"), -EINVAL);
	assert_int_equal(client_call(c, XS_INTRODUCE,
				     "0\0"
				     "1\0"
				     "2",
				     6),
			 -EINVAL);
	assert_int_equal(client_call(c, XS_INTRODUCE,
				     "32752\0"
				     "1\0"
				     "2",
				     10),
			 -EINVAL);
	assert_int_equal(client_call(c, XS_INTRODUCE,
				     "x\0"
				     "1\0"
				     "2",
				     6),
			 -EINVAL);
	assert_int_equal(client_call(&f->d1, XS_INTRODUCE,
				     "9\0"
				     "1\0"
				     "2",
				     6),
			 -EACCES);
	assert_int_equal(c_one(&f->d1, XS_RELEASE, "2"), -EACCES);
	assert_int_equal(c_one(&f->d1, XS_RESUME, "1"), -EACCES);
	assert_int_equal(client_call(&f->d1, XS_SET_TARGET,
				     "1\0"
				     "2",
				     4),
			 -EACCES);
	assert_int_equal(c_one(&f->d1, XS_IS_DOMAIN_INTRODUCED, "2"), -EACCES);
	assert_int_equal(c_one(&f->d1, XS_IS_DOMAIN_INTRODUCED, "1"), 0);
	assert_string_equal(f->d1.reply.data, "T");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(test_write_creates_parents),
		TRIO_TEST(test_mkdir_and_list),
		TRIO_TEST(test_rm),
		TRIO_TEST(test_paths),
		TRIO_TEST(test_relative_paths),
		TRIO_TEST(test_home),
		TRIO_TEST(test_requests),
		TRIO_TEST(test_partial_requests),
		TRIO_TEST(test_directory_part),
		TRIO_TEST(test_domain_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
