/* SPDX-License-Identifier: MIT */
/*
 * Published attacks of guests on xenstore, by advisory (docs: HOSTILE.md): what
 * a domain may touch, what survives it, what it may send.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/xenstore/server.h"
#include "tests/lib/xs_client.h"

/* A number that is another one when any path, value or permission is. */
static uint64_t fingerprint(const struct xs_bed *bed)
{
	uint64_t sum = 0;

	for (const struct xs_node *n = bed->srv->tree.by_path; n; n = n->hh.next)
		sum += (uint64_t)xs_hash(n->path, n->path_len) *
		       (2 * (uint64_t)xs_hash(n->body->perms,
					      body_size(n->body) - sizeof(*n->body)) +
			1);
	return sum;
}

static int try_op(struct xs_client *c, unsigned op, const char *path)
{
	switch (op) {
	case 0:
		return c_read(c, path);
	case 1:
		return c_list(c, path);
	case 2:
		return c_perms(c, path);
	case 3:
		return c_write(c, path, "evil");
	case 4:
		return c_mkdir(c, path);
	case 5:
		return c_rm(c, path);
	case 6:
		return c_set_perms(c, path, "b1");
	default:
		return c_set_perms(c, path, "n0 b1");
	}
}

/* Every operation on everything that is not the domain's, "/" included. */
static void test_xsa_115_353(void **state)
{
	static const char *const paths[] = {
		"/",
		"/local",
		"/local/domain",
		"/local/domain/0",
		"/local/domain/2",
		"/local/domain/2/secret",
		"/local/domain/2/none",
		"/local/domain/3",
		"/tool",
		"/tool/key",
		"/none",
		"/none/none",
		"@releaseDomain",
		"@introduceDomain",
		"/local/domain/1/name",
		"/local/domain/1/name/x",
	};
	struct xs_trio *f = *state;
	uint64_t before;

	assert_int_equal(c_write(&f->dom0, "/tool/key", "x"), 0);
	assert_int_equal(c_write(&f->dom0, "/local/domain/0/key", "x"), 0);
	assert_int_equal(c_write(&f->d2, "secret", "x"), 0);
	before = fingerprint(&f->bed);
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (unsigned op = 0; op < 8; op++) {
			for (int tx = 0; tx < 2; tx++) {
				bool mine = op < 3 &&
					    strncmp(paths[i], "/local/domain/1", 15) == 0;
				int err;

				if (tx)
					assert_int_equal(c_begin(&f->d1), 0);
				err = try_op(&f->d1, op, paths[i]);
				if (tx)
					assert_int_equal(c_end(&f->d1, true), 0);
				if (err == 0 && !mine)
					fail_msg("operation %u of %s was allowed", op,
						 paths[i]);
				/* that something is not there is told to nobody */
				if (err == -ENOENT && !mine)
					fail_msg("operation %u told of %s", op, paths[i]);
				assert_true(fingerprint(&f->bed) == before);
			}
		}
	}
	assert_int_equal(c_rm(&f->dom0, "/"), -EINVAL);
}

/* ... nor do watches tell of it. */
static void test_xsa_115_watches(void **state)
{
	struct xs_trio *f = *state;

	assert_int_equal(c_watch(&f->d1, "/", "t"), 0);
	assert_int_equal(c_watch(&f->d1, "/local/domain/2/secret", "t"), 0);
	assert_int_equal(c_watch(&f->d1, "@introduceDomain", "t"), 0);
	assert_int_equal(c_watch(&f->d1, "@releaseDomain", "t"), 0);
	c_drain(&f->d1);
	assert_int_equal(c_write(&f->d2, "secret", "x"), 0);
	assert_int_equal(c_write(&f->d2, "secret/below", "x"), 0);
	assert_int_equal(c_set_perms(&f->d2, "secret", "n2"), 0);
	assert_int_equal(c_rm(&f->d2, "secret"), 0);
	assert_int_equal(c_begin(&f->d2), 0);
	assert_int_equal(c_write(&f->d2, "secret/below", "x"), 0);
	assert_int_equal(c_end(&f->d2, true), 0);
	assert_int_equal(c_write(&f->dom0, "/tool/key", "x"), 0);
	assert_int_equal(xs_server_introduce(f->bed.srv, 7, "seven"), 0);
	assert_int_equal(xs_server_release(f->bed.srv, 7), 0);
	assert_string_equal(c_event(&f->d1), "");
}

/* Rights, nodes and charges do not survive a domid. */
static void test_xsa_322_417_419_483(void **state)
{
	struct xs_trio *f = *state;
	struct xs_domain *d;

	/* 2 owns a node outside its home, 1 lets 2 read one, 2 lets all write */
	assert_int_equal(c_write(&f->dom0, "/pool", ""), 0);
	assert_int_equal(c_set_perms(&f->dom0, "/pool", "b0"), 0);
	assert_int_equal(c_write(&f->d2, "/pool/of2", "x"), 0);
	assert_int_equal(c_set_perms(&f->d2, "/pool/of2", "n2 r1"), 0);
	assert_int_equal(c_write(&f->d1, "shared", "x"), 0);
	assert_int_equal(c_set_perms(&f->d1, "shared", "n1 b2"), 0);
	assert_int_equal(c_read(&f->d2, "/local/domain/1/shared"), 0);
	/* a transaction still knows the old 2 */
	assert_int_equal(c_begin(&f->d1), 0);
	assert_int_equal(c_write(&f->d1, "later", "x"), 0);
	assert_int_equal(c_set_perms(&f->d1, "later", "n1 b2"), 0);

	assert_int_equal(xs_server_release(f->bed.srv, 2), 0);
	assert_int_equal(xs_server_introduce(f->bed.srv, 2, "new"), 0);
	assert_int_equal(c_end(&f->d1, true), 0);
	client_close(&f->d2);
	client_open(&f->bed, &f->d2, 2);
	assert_int_equal(c_read(&f->d2, "/local/domain/1/shared"), -EACCES);
	assert_int_equal(c_write(&f->d2, "/local/domain/1/shared", "y"), -EACCES);
	assert_int_equal(c_read(&f->d2, "/local/domain/1/later"), -EACCES);
	assert_int_equal(c_read(&f->d2, "/pool/of2"), -EACCES);
	assert_int_equal(c_set_perms(&f->d2, "/pool/of2", "n2"), -EACCES);
	assert_int_equal(c_perms(&f->dom0, "/pool/of2"), 0);
	assert_string_equal(f->dom0.reply.data, "n0 r1");
	assert_int_equal(c_perms(&f->d1, "shared"), 0);
	assert_string_equal(f->d1.reply.data, "n1");
	assert_int_equal(c_list(&f->d2, ""), -EINVAL);
	assert_int_equal(c_list(&f->dom0, "/local/domain/2"), 0);
	assert_string_equal(f->dom0.reply.data, "name domid");
	d = domain_find(f->bed.srv, 2);
	assert_int_equal(d->nodes, 1); /* its home */
	/* what the old one left is removed without the new one's count */
	assert_int_equal(c_rm(&f->dom0, "/pool/of2"), 0);
	assert_int_equal(d->nodes, 1);
}

/* Lengths that are none. */
static void test_xsa_323_420(void **state)
{
	static const uint32_t lengths[] = { 4097,	8192,	     0x10000,
					    0x7fffffff, 0x80000000u, 0xfffffff0u,
					    0xffffffffu };
	struct xs_trio *f = *state;
	char data[XENSTORE_PAYLOAD_MAX];
	struct xs_msg m;

	memset(data, 'a', sizeof(data));
	for (uint32_t type = 0; type <= XS_TYPE_COUNT; type++) {
		assert_true(client_call(&f->d1, type, "", 0) != -EPIPE);
		assert_true(client_call(&f->d1, type, data, sizeof(data)) != -EPIPE);
		data[0] = '\0';
		assert_true(client_call(&f->d1, type, data, sizeof(data)) != -EPIPE);
		data[0] = 'a';
		data[sizeof(data) - 1] = '\0';
		assert_true(client_call(&f->d1, type, data, sizeof(data)) != -EPIPE);
		data[sizeof(data) - 1] = 'a';
		for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			struct xsd_sockmsg hdr = { .type = type, .len = lengths[i] };
			struct xs_client c;

			client_open(&f->bed, &c, 1);
			(void)client_send(&c, &hdr, sizeof(hdr));
			assert_int_equal(client_recv(&c, &m), -1);
			client_close(&c);
		}
	}
	c_drain(&f->d1);
	assert_int_equal(c_read(&f->d1, "name"), 0); /* a neighbour goes on */
}

/* The longest watch tag, and one beyond, with the longest path. */
static void test_xsa_324(void **state)
{
	enum { LONGEST = XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2 };
	struct xs_trio *f = *state;
	char token[XENSTORE_PAYLOAD_MAX], path[XENSTORE_ABS_PATH_MAX + 1];
	struct xs_msg m;

	memset(token, 't', sizeof(token));
	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[XENSTORE_ABS_PATH_MAX] = '\0';
	token[LONGEST] = '\0';
	assert_int_equal(c_watch(&f->dom0, "/", token), 0);
	assert_int_equal(client_recv(&f->dom0, &m), 1);
	assert_int_equal(c_write(&f->dom0, path, "x"), 0);
	assert_int_equal(client_recv(&f->dom0, &m), 1);
	assert_int_equal(m.hdr.type, XS_WATCH_EVENT);
	assert_int_equal(m.hdr.len, XENSTORE_PAYLOAD_MAX);
	assert_string_equal(m.data, path);
	assert_string_equal(m.data + XENSTORE_ABS_PATH_MAX + 1, token);
	assert_int_equal(c_unwatch(&f->dom0, "/", token), 0);
	token[LONGEST] = 't';
	token[LONGEST + 1] = '\0';
	assert_int_equal(c_watch(&f->dom0, "/", token), -E2BIG);
	assert_int_equal(c_unwatch(&f->dom0, "/", token), -ENOENT);
	token[LONGEST + 1] = 't';
	token[XENSTORE_PAYLOAD_MAX - 4] = '\0';
	assert_int_equal(c_watch(&f->d1, "/", token), -E2BIG);
	assert_int_equal(c_read(&f->d1, "name"), 0);
}

/* A domain that broke its connection in any way still goes with an event. */
static void test_xsa_325(void **state)
{
	struct xs_trio *f = *state;
	struct xsd_sockmsg hdr = { .type = XS_READ, .len = 100 };
	struct xs_client c;
	struct xs_msg m;

	assert_int_equal(c_watch(&f->dom0, "@releaseDomain", "t"), 0);
	c_drain(&f->dom0);
	for (int how = 0; how < 5; how++) {
		assert_int_equal(xs_server_introduce(f->bed.srv, 5, "five"), 0);
		client_open(&f->bed, &c, 5);
		switch (how) {
		case 0: /* half a header */
			(void)client_send(&c, &hdr, 7);
			break;
		case 1: /* half a payload */
			(void)client_send(&c, &hdr, sizeof(hdr));
			break;
		case 2: /* garbage */
			hdr.len = 0xffffffff;
			(void)client_send(&c, &hdr, sizeof(hdr));
			break;
		case 3: /* gone */
			shutdown(c.fd, SHUT_RDWR);
			break;
		default: /* in the middle of a transaction */
			assert_int_equal(c_begin(&c), 0);
			assert_int_equal(c_write(&c, "x", "y"), 0);
		}
		bed_run(&f->bed);
		assert_int_equal(xs_server_release(f->bed.srv, 5), 0);
		assert_string_equal(c_event(&f->dom0), "@releaseDomain t");
		assert_string_equal(c_event(&f->dom0), "");
		assert_int_equal(client_recv(&c, &m), -1);
		client_close(&c);
		assert_int_equal(c_list(&f->dom0, "/local/domain"), 0);
		assert_string_equal(f->dom0.reply.data, "1 2");
		bed_check(&f->bed);
	}
}

/* A new owner is no way out of one's quota, nor into another's. */
static void test_xsa_352(void **state)
{
	struct xs_trio *f = *state;
	uint32_t mine, others;

	assert_int_equal(c_write(&f->d1, "x", "1"), 0);
	mine = domain_find(f->bed.srv, 1)->nodes;
	others = domain_find(f->bed.srv, 2)->nodes;
	assert_int_equal(c_set_perms(&f->d1, "x", "n2"), -EPERM);
	assert_int_equal(c_set_perms(&f->d1, "x", "b2 b1"), -EPERM);
	assert_int_equal(c_set_perms(&f->d1, "x", "n0"), -EPERM);
	assert_int_equal(domain_find(f->bed.srv, 1)->nodes, mine);
	assert_int_equal(domain_find(f->bed.srv, 2)->nodes, others);
	/* dom0 may, and the charge goes along */
	assert_int_equal(c_set_perms(&f->dom0, "/local/domain/1/x", "n2"), 0);
	assert_int_equal(domain_find(f->bed.srv, 1)->nodes, mine - 1);
	assert_int_equal(domain_find(f->bed.srv, 2)->nodes, others + 1);
}

/* The home's parent, with and without a slash behind. */
static void test_xsa_481(void **state)
{
	static const char *const paths[] = { "/local/domain/", "/local/domain//",
					     "/local/",	       "/local/domain/1/",
					     "domain/",	       "/local/domain" };
	struct xs_trio *f = *state;

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		bool good = i == 5;

		for (unsigned op = 0; op < 8; op++) {
			int err = try_op(&f->d1, op, paths[i]);

			assert_int_equal(err, good ? -EACCES : -EINVAL);
			err = op < 3 ? try_op(&f->dom0, op, paths[i]) : 0;
			if (op < 3)
				assert_int_equal(err, good ? 0 : -EINVAL);
		}
		assert_int_equal(c_watch(&f->d1, paths[i], "t"), good ? 0 : -EINVAL);
		assert_int_equal(c_unwatch(&f->d1, paths[i], "t"), good ? 0 : -EINVAL);
	}
	assert_int_equal(c_one(&f->d1, XS_GET_DOMAIN_PATH, ""), -EINVAL);
	assert_int_equal(c_one(&f->d1, XS_GET_DOMAIN_PATH, "99999"), -EINVAL);
	assert_int_equal(c_one(&f->d1, XS_GET_DOMAIN_PATH, "1/"), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TRIO_TEST(test_xsa_115_353),
		TRIO_TEST(test_xsa_115_watches),
		TRIO_TEST(test_xsa_322_417_419_483),
		TRIO_TEST(test_xsa_323_420),
		TRIO_TEST(test_xsa_324),
		TRIO_TEST(test_xsa_325),
		TRIO_TEST(test_xsa_352),
		TRIO_TEST(test_xsa_481),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
