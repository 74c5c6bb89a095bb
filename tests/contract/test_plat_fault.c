/* SPDX-License-Identifier: MIT */
/* plat_fault's rules: which calls fail, with what, and what the platform below sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/plat/plat_fault.h"
#include "tests/lib/hvd.h"

static int setup(void **state)
{
	return hvd_pair_new("fault:", (struct hvd_pair **)state);
}

static int teardown(void **state)
{
	return hvd_pair_free(*state);
}

static void test_specs(void **state)
{
	static const char *const good[] = {
		"fault:",
		"fault::proc",
		"fault:map_refs=1",
		"fault:map_refs=3+,evtchn_bind=every:2:proc",
		"fault:map_refs=delay:10,map_refs=every:3:proc",
		"fault:xs_request=1000:fault:region=1:proc",
	};
	static const char *const bad[] = {
		"fault:nothing=1",	 "fault:map_refs",
		"fault:map_refs=",	 "fault:map_refs=0",
		"fault:map_refs=x",	 "fault:map_refs=-1",
		"fault:map_refs=1x",	 "fault:map_refs=1++",
		"fault:map_refs=every:", "fault:,",
		"fault:unmap_refs=1",	 "fault:map_refs=delay:1+",
		"fault:map_refs=1:x",	 "fault:map_refs=99999999999",
	};
	struct hvd_pair *p = *state;
	const char *what = NULL;
	struct plat *q;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(plat_open(good[i], "front", &q, &what), 0);
		assert_int_equal(plat_domid(q), p->front_id);
		plat_close(q);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(plat_open(bad[i], "front", &q, &what), -EINVAL);
		assert_non_null(what);
	}
}

/* Results of n arena_new calls as a string: '.' worked, 'x' failed as it should. */
static void assert_pattern(struct plat *p, const char *rule, const char *want)
{
	char got[16] = "";
	struct gnttab_arena *a;
	uint64_t calls, failed, x = 0;

	assert_int_equal(plat_fault_clear(p), 0);
	assert_int_equal(plat_fault_set(p, rule), 0);
	for (size_t i = 0; want[i]; i++) {
		int err = gnttab_arena_new(p, plat_domid(p), 1, false, &a);

		assert_true(err == 0 || err == -ENOMEM);
		got[i] = err ? 'x' : '.';
		x += !!err;
		if (!err)
			gnttab_arena_free(a);
	}
	assert_string_equal(got, want);
	assert_int_equal(plat_fault_count(p, "arena_new", &calls, &failed), 0);
	assert_int_equal(calls, strlen(want));
	assert_int_equal(failed, x);
}

static void test_which(void **state)
{
	struct hvd_pair *p = *state;

	assert_pattern(p->front, "arena_new=1", "x.....");
	assert_pattern(p->front, "arena_new=3", "..x...");
	assert_pattern(p->front, "arena_new=3+", "..xxxx");
	assert_pattern(p->front, "arena_new=every:2", ".x.x.x");
	assert_pattern(p->front, "arena_free=delay:1", "......");
	assert_int_equal(plat_fault_set(p->front, "arena_new=1,"), -EINVAL);
}

static void test_delay(void **state)
{
	struct hvd_pair *p = *state;
	uint64_t before = now_ms();
	struct evtchn *ch;

	assert_int_equal(plat_fault_set(p->front, "evtchn_alloc=delay:50000"), 0);
	assert_int_equal(evtchn_alloc_unbound(p->front, p->back_id, &ch), 0);
	assert_true(now_ms() - before >= 50);
	evtchn_close(ch);
}

/* A call that fails leaves nothing behind below. */
static void test_all_or_nothing(void **state)
{
	struct hvd_pair *p = *state;
	struct gnttab_arena *a;
	struct gnttab_mapper *m;
	struct evtchn *fe, *be;
	char *value;
	void *addr;

	assert_int_equal(gnttab_arena_new(p->front, p->back_id, 2, false, &a), 0);
	assert_int_equal(plat_fault_set(p->back, "mapper_new=1"), 0);
	assert_int_equal(gnttab_mapper_new(p->back, p->front_id, &m), -ENOMEM);
	assert_int_equal(gnttab_mapper_new(p->back, p->front_id, &m), 0);
	assert_int_equal(plat_fault_set(p->back, "map_refs=1"), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &addr), -EACCES);
	assert_int_equal(gnttab_end_access(a, 0), 0);
	assert_int_equal(gnttab_grant(a, 0), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &addr), 0);
	assert_int_equal(plat_fault_set(p->front, "end_access=1"), 0);
	gnttab_unmap_refs(m, a->refs, 1, GNTTAB_WRITE, &addr);
	assert_int_equal(gnttab_end_access(a, 0), -EBUSY);
	assert_int_equal(gnttab_end_access(a, 0), 0);
	/* an event that is lost */
	assert_int_equal(evtchn_alloc_unbound(p->front, p->back_id, &fe), 0);
	assert_int_equal(plat_fault_set(p->back, "evtchn_bind=1"), 0);
	assert_int_equal(evtchn_bind_interdomain(p->back, p->front_id, fe->port, &be),
			 -EINVAL);
	assert_int_equal(evtchn_bind_interdomain(p->back, p->front_id, fe->port, &be), 0);
	assert_int_equal(plat_fault_set(p->back, "evtchn_notify=1"), 0);
	evtchn_notify(be);
	assert_false(fd_readable(fe->fd, 20));
	evtchn_notify(be);
	assert_true(fd_readable(fe->fd, 1000));
	/* a transaction that somebody else was in the way of */
	xenstore_tx_t tx;
	assert_int_equal(xenstore_tx_start(p->front, &tx), 0);
	assert_int_equal(xenstore_write(p->front, tx, "data", "x"), 0);
	assert_int_equal(plat_fault_set(p->front, "xs_request=1"), 0);
	assert_int_equal(xenstore_tx_end(p->front, tx, true), -EAGAIN);
	assert_int_equal(xenstore_read(p->front, 0, "data/x", &value, NULL), -ENOENT);
	assert_int_equal(plat_fault_set(p->front, "xs_request=1"), 0);
	assert_int_equal(xenstore_write(p->front, 0, "data", "x"), -EIO);
	evtchn_close(be);
	evtchn_close(fe);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

static void test_not_a_fault_platform(void **state)
{
	struct hvd_pair *p = *state;
	uint64_t calls, failed;
	struct plat *q;

	assert_int_equal(hvd_plat("proc", p->front_id, &q), 0);
	assert_int_equal(plat_fault_set(q, "map_refs=1"), -EINVAL);
	assert_int_equal(plat_fault_clear(q), -EINVAL);
	assert_int_equal(plat_fault_count(q, "map_refs", &calls, &failed), -EINVAL);
	assert_int_equal(plat_fault_count(p->front, "nothing", &calls, &failed), -EINVAL);
	plat_close(q);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_specs),
		T(test_which),
		T(test_delay),
		T(test_all_or_nothing),
		T(test_not_a_fault_platform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
