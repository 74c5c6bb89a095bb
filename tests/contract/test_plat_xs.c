/* SPDX-License-Identifier: MIT */
/* The contract of hv/plat/plat.h: claims and xenstore, for any platform. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/plat/plat.h"
#include "tests/lib/hvd.h"

static const char *spec = "proc";

struct fixture {
	struct hvd hvd;
	domid_t front_id, back_id;
	struct plat *dom0, *front, *back;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f || hvd_start(&f->hvd))
		return -1;
	f->front_id = (domid_t)hvd_domain(&f->hvd, "front");
	f->back_id = (domid_t)hvd_domain(&f->hvd, "back");
	return hvd_plat(spec, 0, &f->dom0) || hvd_plat(spec, f->front_id, &f->front) ||
	       hvd_plat(spec, f->back_id, &f->back);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int err;

	plat_close(f->dom0);
	plat_close(f->front);
	plat_close(f->back);
	err = hvd_stop(&f->hvd);
	free(f);
	return err;
}

static void assert_value(struct plat *p, const char *path, const char *want)
{
	char *value;
	size_t len;

	assert_int_equal(xenstore_read(p, 0, path, &value, &len), 0);
	assert_string_equal(value, want);
	assert_int_equal(len, strlen(want));
	free(value);
}

/* The next event, waited for. */
static void assert_event(struct plat *p, const char *path, const char *token)
{
	char *got_path, *got_token;
	int err = -EAGAIN;

	for (int i = 0; i < 100 && err == -EAGAIN; i++) {
		assert_true(fd_readable(xenstore_fd(p), 5000));
		err = xenstore_next_event(p, &got_path, &got_token);
	}
	assert_int_equal(err, 0);
	assert_string_equal(got_path, path);
	assert_string_equal(got_token, token);
	free(got_path);
}

static void assert_no_event(struct plat *p)
{
	char *path, *token;

	assert_int_equal(xenstore_next_event(p, &path, &token), -EAGAIN);
	assert_false(fd_readable(xenstore_fd(p), 0));
}

static void test_own_directory(void **state)
{
	struct fixture *f = *state;
	char path[64], id[8], *value;

	snprintf(path, sizeof(path), "/local/domain/%u/name", f->front_id);
	snprintf(id, sizeof(id), "%u", f->front_id);
	assert_value(f->front, path, "front");
	assert_value(f->front, "name", "front");
	assert_value(f->front, "domid", id);
	assert_int_equal(xenstore_write(f->front, 0, "data/x", "1"), 0);
	assert_value(f->front, "data/x", "1");
	/* others' and what is not there */
	assert_int_equal(xenstore_write(f->back, 0, path, "mine"), -EACCES);
	assert_int_equal(xenstore_read(f->front, 0, "nothing", &value, NULL), -ENOENT);
	assert_int_equal(xenstore_read(f->front, 0, "", &value, NULL), -EINVAL);
	assert_int_equal(xenstore_rm(f->front, 0, "data"), 0);
	assert_int_equal(xenstore_read(f->front, 0, "data/x", &value, NULL), -ENOENT);
}

static void test_values(void **state)
{
	struct fixture *f = *state;
	char big[2000], long_path[5000];

	memset(big, 'v', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(xenstore_write(f->dom0, 0, "/t/big", big), 0);
	assert_value(f->dom0, "/t/big", big);
	assert_int_equal(xenstore_write(f->dom0, 0, "/t/empty", ""), 0);
	assert_value(f->dom0, "/t/empty", "");
	assert_int_equal(xenstore_mkdir(f->dom0, 0, "/t/dir"), 0);
	memset(long_path, 'p', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(xenstore_write(f->dom0, 0, long_path, "x"), -E2BIG);
	assert_value(f->dom0, "/t/big", big);
}

/* Also one that does not fit one reply. */
static void test_directory(void **state)
{
	struct fixture *f = *state;
	static bool seen[1000];
	char path[64], **names;
	uint32_t n;

	assert_int_equal(xenstore_mkdir(f->dom0, 0, "/d"), 0);
	assert_int_equal(xenstore_directory(f->dom0, 0, "/d", &names, &n), 0);
	assert_int_equal(n, 0);
	free(names);
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "/d/entry-number-%d", i);
		assert_int_equal(xenstore_write(f->dom0, 0, path, ""), 0);
		if (i != 9)
			continue;
		assert_int_equal(xenstore_directory(f->dom0, 0, "/d", &names, &n), 0);
		assert_int_equal(n, 10);
		free(names);
	}
	assert_int_equal(xenstore_directory(f->dom0, 0, "/d", &names, &n), 0);
	assert_int_equal(n, 1000);
	for (uint32_t i = 0; i < n; i++) {
		int nr = -1;

		assert_int_equal(sscanf(names[i], "entry-number-%d", &nr), 1);
		assert_in_range(nr, 0, 999);
		assert_false(seen[nr]);
		seen[nr] = true;
	}
	free(names);
	assert_int_equal(xenstore_directory(f->dom0, 0, "/nothing", &names, &n), -ENOENT);
}

static void test_perms(void **state)
{
	struct fixture *f = *state;
	char path[64], perms[32], *value;

	snprintf(path, sizeof(path), "/local/domain/%u/data", f->front_id);
	snprintf(perms, sizeof(perms), "n%u r%u", f->front_id, f->back_id);
	assert_int_equal(xenstore_write(f->front, 0, "data", "secret"), 0);
	assert_int_equal(xenstore_set_perms(f->front, 0, "data", perms), 0);
	assert_value(f->back, path, "secret");
	assert_int_equal(xenstore_write(f->back, 0, path, "x"), -EACCES);
	snprintf(perms, sizeof(perms), "n%u", f->front_id);
	assert_int_equal(xenstore_set_perms(f->front, 0, "data", perms), 0);
	assert_int_equal(xenstore_read(f->back, 0, path, &value, NULL), -EACCES);
	assert_int_equal(xenstore_set_perms(f->front, 0, "data", "nonsense"), -EINVAL);
}

static void test_transaction(void **state)
{
	struct fixture *f = *state;
	xenstore_tx_t tx, other;
	char *value;

	assert_int_equal(xenstore_tx_start(f->dom0, &tx), 0);
	assert_int_not_equal(tx, XENSTORE_NO_TX);
	assert_int_equal(xenstore_write(f->dom0, tx, "/tx/a", "1"), 0);
	assert_int_equal(xenstore_read(f->dom0, 0, "/tx/a", &value, NULL), -ENOENT);
	assert_value(f->dom0, "/local/domain/0/name", "Domain-0");
	assert_int_equal(xenstore_tx_end(f->dom0, tx, true), 0);
	assert_value(f->dom0, "/tx/a", "1");
	assert_int_equal(xenstore_tx_start(f->dom0, &tx), 0);
	assert_int_equal(xenstore_write(f->dom0, tx, "/tx/a", "2"), 0);
	assert_int_equal(xenstore_tx_end(f->dom0, tx, false), 0);
	assert_value(f->dom0, "/tx/a", "1");
	/* both read and write the same: the later one starts again */
	assert_int_equal(xenstore_tx_start(f->dom0, &tx), 0);
	assert_int_equal(xenstore_tx_start(f->dom0, &other), 0);
	assert_int_equal(xenstore_read(f->dom0, tx, "/tx/a", &value, NULL), 0);
	free(value);
	assert_int_equal(xenstore_write(f->dom0, other, "/tx/a", "3"), 0);
	assert_int_equal(xenstore_tx_end(f->dom0, other, true), 0);
	assert_int_equal(xenstore_write(f->dom0, tx, "/tx/a", "4"), 0);
	assert_int_equal(xenstore_tx_end(f->dom0, tx, true), -EAGAIN);
	assert_value(f->dom0, "/tx/a", "3");
	assert_true(xenstore_tx_end(f->dom0, tx, true) < 0);
}

static void test_watch(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(xenstore_watch(f->front, "data", "token"), 0);
	assert_event(f->front, "data", "token"); /* once at the start */
	assert_no_event(f->front);
	assert_int_equal(xenstore_watch(f->front, "data", "token"), -EEXIST);
	assert_int_equal(xenstore_write(f->front, 0, "data/a", "1"), 0);
	assert_event(f->front, "data/a", "token");
	/* an event that comes in during requests is not lost, nor is the fd silent */
	assert_int_equal(xenstore_write(f->front, 0, "data/b", "1"), 0);
	assert_value(f->front, "data/b", "1");
	assert_value(f->front, "name", "front");
	assert_event(f->front, "data/b", "token");
	assert_no_event(f->front);
	/* the same path waits once */
	for (int i = 0; i < 100; i++)
		assert_int_equal(xenstore_write(f->front, 0, "data/b", "2"), 0);
	assert_value(f->front, "data/b", "2"); /* all events are in now */
	assert_event(f->front, "data/b", "token");
	assert_no_event(f->front);
	assert_int_equal(xenstore_unwatch(f->front, "data", "token"), 0);
	assert_int_equal(xenstore_write(f->front, 0, "data/b", "3"), 0);
	assert_value(f->front, "data/b", "3");
	assert_no_event(f->front);
	assert_int_equal(xenstore_unwatch(f->front, "data", "token"), -ENOENT);
}

static void test_claim(void **state)
{
	struct fixture *f = *state;
	struct plat *again;

	assert_int_equal(xenstore_write(f->front, 0, "device/vbd/51712/state", "4"), 0);
	assert_int_equal(hvd_plat(spec, f->front_id, &again), 0);
	assert_int_equal(plat_claim(f->front, "device/vbd/51712"), 0);
	assert_int_equal(plat_claim(again, "device/vbd/51712"), -EBUSY);
	assert_int_equal(plat_claim(f->front, "device/vbd/51712"), -EBUSY);
	assert_int_equal(plat_claim(again, "device/vbd/51728"), 0);
	assert_int_equal(plat_unclaim(again, "device/vbd/51712"), -ENOENT);
	/* let go: nothing is written */
	assert_int_equal(plat_unclaim(f->front, "device/vbd/51712"), 0);
	assert_value(f->dom0, "/local/domain/1/device/vbd/51712/state", "4");
	/* died: Closed, and the next one may have it */
	assert_int_equal(plat_claim(f->front, "device/vbd/51712"), 0);
	assert_int_equal(xenstore_watch(f->dom0, "/local/domain/1/device/vbd/51712/state",
					"s"),
			 0);
	assert_event(f->dom0, "/local/domain/1/device/vbd/51712/state", "s");
	plat_close(f->front);
	assert_event(f->dom0, "/local/domain/1/device/vbd/51712/state", "s");
	f->front = again;
	assert_value(f->front, "device/vbd/51712/state", "6");
	assert_int_equal(plat_claim(f->front, "device/vbd/51712"), 0);
	static const char *const bad[] = { "",
					   "state",
					   "device",
					   "device/vbd",
					   "device/vbd/",
					   "/device/vbd/1",
					   "device/../x",
					   "device//1",
					   "device/vbd/1/x",
					   "backend/vbd/1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(plat_claim(f->front, bad[i]), -EINVAL);
}

/* Whoever waits for a hypervisor that dies is told so, and at once. */
static void test_hypervisor_gone(void **state)
{
	struct fixture *f = *state;
	struct gnttab_mapper *m;
	struct gnttab_arena *a, *b;
	struct evtchn *fe, *be, *ch;
	char *path, *token;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 2, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &addr), 0);
	assert_int_equal(evtchn_alloc_unbound(f->front, f->back_id, &fe), 0);
	assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, fe->port, &be), 0);
	assert_int_equal(evtchn_ack(be), 0);
	assert_int_equal(xenstore_watch(f->front, "data", "t"), 0);
	assert_true(fd_readable(xenstore_fd(f->front), 5000));
	hvd_kill(&f->hvd);
	/* what had come in is still there */
	assert_int_equal(xenstore_next_event(f->front, &path, &token), 0);
	free(path);
	assert_int_equal(xenstore_next_event(f->front, &path, &token), -ENOTCONN);
	assert_int_equal(xenstore_write(f->front, 0, "data", "x"), -ENOTCONN);
	assert_int_equal(xenstore_write(f->back, 0, "data", "x"), -ENOTCONN);
	assert_int_equal(plat_claim(f->front, "device/vbd/1"), -ENOTCONN);
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 2, false, &b), -ENOTCONN);
	assert_int_equal(evtchn_alloc_unbound(f->front, f->back_id, &ch), -ENOTCONN);
	/* what is mapped and bound goes on */
	strcpy((char *)a->pages, "alive");
	assert_string_equal(addr, "alive");
	evtchn_notify(fe);
	assert_true(fd_readable(be->fd, 1000));
	assert_int_equal(evtchn_ack(be), 0);
	/* and when the other end is gone too, that is said */
	evtchn_close(be);
	assert_true(fd_readable(fe->fd, 0) || evtchn_ack(fe) == -EPIPE);
	assert_int_equal(evtchn_ack(fe), -EPIPE);
	evtchn_notify(fe);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

int main(int argc, char **argv)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_own_directory), T(test_values),		T(test_directory),
		T(test_perms),	       T(test_transaction),	T(test_watch),
		T(test_claim),	       T(test_hypervisor_gone),
	};

	if (argc > 1)
		spec = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
