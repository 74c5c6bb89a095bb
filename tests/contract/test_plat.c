/* SPDX-License-Identifier: MIT */
/*
 * The contract of hv/plat/plat.h, for any platform: the argument is a spec for
 * plat_open(), or HVD_VM. Two domains, "front" (grants) and "back" (maps).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/plat/plat.h"
#include "tests/lib/fakevm.h"
#include "tests/lib/hvd.h"

static const char *spec = "proc";
static bool vm; /* front is one */

static int setup(void **state)
{
	return hvd_pair_new(spec, (struct hvd_pair **)state);
}

static int teardown(void **state)
{
	return hvd_pair_free(*state);
}

static void test_who(void **state)
{
	struct hvd_pair *f = *state;
	const char *what = NULL;
	struct plat *p;

	assert_int_equal(plat_domid(f->front), f->front_id);
	assert_string_equal(plat_domain_name(f->front), "front");
	assert_int_equal(plat_open(vm ? NULL : spec, "back", &p, &what), 0);
	assert_int_equal(plat_domid(p), f->back_id);
	plat_close(p);
	assert_int_equal(plat_open(vm ? NULL : spec, "nobody", &p, &what), -ENOENT);
	assert_non_null(strstr(what, "nobody"));
	assert_int_equal(plat_open("no such thing", "back", &p, &what), -EINVAL);
}

static void test_arena(void **state)
{
	static const uint8_t zeros[PLAT_PAGE_SIZE];
	struct hvd_pair *f = *state;
	struct gnttab_arena *a;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 700, false, &a), 0);
	assert_int_equal(a->nr_pages, 700);
	assert_int_equal(a->peer, f->back_id);
	assert_ptr_equal(a->plat, f->front);
	for (uint32_t i = 0; i < a->nr_pages; i++) {
		uint8_t *page = a->pages + (size_t)i * PLAT_PAGE_SIZE;

		assert_memory_equal(page, zeros, sizeof(zeros));
		memset(page, (int)i, PLAT_PAGE_SIZE);
		assert_int_not_equal(a->refs[i], GREF_INVALID);
		for (uint32_t j = 0; j < i; j++)
			assert_int_not_equal(a->refs[i], a->refs[j]);
	}
	gnttab_arena_free(a);
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 0, false, &a), -EINVAL);
	assert_int_equal(gnttab_arena_new(f->front, f->back_id,
					  GNTTAB_ARENA_MAX_PAGES + 1, false, &a),
			 -EINVAL);
	assert_int_equal(gnttab_arena_new(f->front, DOMID_SELF, 1, false, &a), -EINVAL);
}

static void test_map(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a;
	struct gnttab_mapper *m;
	grant_ref_t refs[4];
	void *addrs[4];

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 8, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	for (int i = 0; i < 4; i++) {
		refs[i] = a->refs[7 - 2 * i];
		memset(a->pages + (size_t)(7 - 2 * i) * PLAT_PAGE_SIZE, 'a' + i, 10);
	}
	assert_int_equal(gnttab_map_refs(m, refs, 4, GNTTAB_WRITE, addrs), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(*(char *)addrs[i], 'a' + i);
		memset(addrs[i], 'A' + i, 10);
		assert_int_equal(a->pages[(size_t)(7 - 2 * i) * PLAT_PAGE_SIZE], 'A' + i);
	}
	gnttab_unmap_refs(m, refs, 4, GNTTAB_WRITE, addrs);
	assert_int_equal(gnttab_map_refs(m, refs, 0, GNTTAB_WRITE, addrs), 0);
	assert_int_equal(gnttab_map_refs(m, refs, 1, 7, addrs), -EINVAL);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

static void test_map_errors(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a, *other;
	struct gnttab_mapper *m;
	grant_ref_t refs[2];
	void *addrs[2];

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	assert_int_equal(gnttab_arena_new(f->front, f->front_id, 1, false, &other), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	refs[0] = a->refs[0];
	/* nobody granted these */
	const grant_ref_t bad[] = { 0, UINT32_MAX, a->refs[0] + 1, a->refs[0] - 1,
				    gref_make(GREF_ARENAS - 1, 1) };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* a VM's table has entries that were never used */
		int want = vm && bad[i] < FAKEVM_REFS ? -EACCES : -ENOENT;

		refs[1] = bad[i];
		assert_int_equal(gnttab_map_refs(m, refs, 2, GNTTAB_WRITE, addrs), want);
		/* all or nothing */
		assert_int_equal(gnttab_end_access(a, 0), 0);
		assert_int_equal(gnttab_grant(a, 0), 0);
	}
	/* granted to another domain */
	assert_int_equal(gnttab_map_refs(m, other->refs, 1, GNTTAB_READ, addrs), -EACCES);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
	gnttab_arena_free(other);
}

static void test_end_access(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m, *m2;
	struct gnttab_arena *a;
	grant_ref_t ref;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 2, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m2), 0);
	ref = a->refs[1];
	for (int prot = GNTTAB_READ; prot <= GNTTAB_WRITE; prot++) {
		assert_int_equal(gnttab_map_refs(m, &ref, 1, prot, &addr), 0);
		assert_int_equal(gnttab_map_refs(m, &ref, 1, prot, &addr), 0);
		assert_int_equal(gnttab_map_refs(m2, &ref, 1, GNTTAB_READ, &addr), 0);
		assert_int_equal(gnttab_end_access(a, 1), -EBUSY);
		gnttab_unmap_refs(m, &ref, 1, prot, &addr);
		assert_int_equal(gnttab_end_access(a, 1), -EBUSY);
		gnttab_unmap_refs(m, &ref, 1, prot, &addr);
		assert_int_equal(gnttab_end_access(a, 1), -EBUSY);
		gnttab_unmap_refs(m2, &ref, 1, GNTTAB_READ, &addr);
		assert_int_equal(gnttab_end_access(a, 1), 0);
		assert_int_equal(gnttab_end_access(a, 1), 0);
		assert_int_equal(gnttab_map_refs(m, &ref, 1, prot, &addr), -EACCES);
		assert_int_equal(gnttab_grant(a, 1), 0);
		assert_int_equal(gnttab_grant(a, 1), 0);
		assert_int_equal(a->refs[1], ref);
	}
	/* what is left mapped goes with its mapper */
	assert_int_equal(gnttab_map_refs(m, &ref, 1, GNTTAB_WRITE, &addr), 0);
	assert_int_equal(gnttab_map_refs(m, &ref, 1, GNTTAB_READ, &addr), 0);
	gnttab_mapper_free(m);
	assert_int_equal(gnttab_end_access(a, 1), 0);
	assert_int_equal(gnttab_end_access(a, 2), -EINVAL);
	gnttab_mapper_free(m2);
	gnttab_arena_free(a);
}

static void test_readonly(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a;
	struct gnttab_mapper *m;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 3, true, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &addr), -EACCES);
	assert_int_equal(gnttab_map_ring(m, a->refs, 3, &addr), -EACCES);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &addr), 0);
	strcpy((char *)a->pages, "later");
	assert_string_equal(addr, "later");
	assert_int_equal(gnttab_end_access(a, 0), -EBUSY);
	gnttab_unmap_refs(m, a->refs, 1, GNTTAB_READ, &addr);
	assert_int_equal(gnttab_end_access(a, 0), 0);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

/* Pages stay what they were for whoever has them mapped when the arena goes. */
static void test_arena_free_mapped(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a, *b;
	struct gnttab_mapper *m;
	grant_ref_t refs[2];
	void *addrs[2];

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 2, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	strcpy((char *)a->pages, "old");
	memcpy(refs, a->refs, sizeof(refs));
	assert_int_equal(gnttab_map_refs(m, refs, 1, GNTTAB_WRITE, addrs), 0);
	gnttab_arena_free(a);
	assert_int_equal(gnttab_map_refs(m, refs + 1, 1, GNTTAB_WRITE, addrs + 1),
			 -EACCES);
	/* its references are not another arena's as long as that */
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 2, false, &b), 0);
	assert_int_not_equal(b->refs[0], refs[0]);
	strcpy((char *)b->pages, "new");
	assert_string_equal(addrs[0], "old");
	strcpy(addrs[0], "mine");
	assert_string_equal((char *)b->pages, "new");
	gnttab_unmap_refs(m, refs, 1, GNTTAB_WRITE, addrs);
	gnttab_mapper_free(m);
	gnttab_arena_free(b);
}

static void test_ring(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a, *b;
	struct gnttab_mapper *m;
	grant_ref_t refs[4];
	void *row, *mixed;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 4, false, &a), 0);
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 4, false, &b), 0);
	for (size_t i = 0; i < 4; i++) {
		memset(a->pages + i * PLAT_PAGE_SIZE, (int)(10 + i), PLAT_PAGE_SIZE);
		memset(b->pages + i * PLAT_PAGE_SIZE, (int)(20 + i), PLAT_PAGE_SIZE);
		refs[i] = i % 2 ? a->refs[3 - i] : b->refs[i];
	}
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_ring(m, a->refs, 4, &row), 0);
	assert_int_equal(gnttab_map_ring(m, refs, 4, &mixed), 0);
	for (size_t i = 0; i < 4; i++) {
		char *in_row = (char *)row + i * PLAT_PAGE_SIZE + 4095;
		char *in_mix = (char *)mixed + i * PLAT_PAGE_SIZE + 4095;

		assert_int_equal(*in_row, 10 + i);
		assert_int_equal(*in_mix, i % 2 ? 13 - i : 20 + i);
	}
	for (size_t i = 0; i < 4; i++)
		((char *)mixed)[i * PLAT_PAGE_SIZE + 4095] = 'x';
	assert_int_equal(a->pages[3 * PLAT_PAGE_SIZE - 1], 'x');
	assert_int_equal(b->pages[3 * PLAT_PAGE_SIZE - 1], 'x');
	assert_int_equal(gnttab_end_access(a, 0), -EBUSY);
	gnttab_unmap_ring(m, a->refs, 4, row);
	assert_int_equal(gnttab_end_access(a, 1), 0);
	assert_int_equal(gnttab_end_access(a, 0), -EBUSY);
	gnttab_unmap_ring(m, refs, 4, mixed);
	assert_int_equal(gnttab_end_access(a, 0), 0);
	/* left to the mapper */
	assert_int_equal(gnttab_grant(a, 0), 0);
	assert_int_equal(gnttab_map_ring(m, refs, 4, &mixed), 0);
	gnttab_mapper_free(m);
	assert_int_equal(gnttab_end_access(b, 0), 0);
	gnttab_arena_free(a);
	gnttab_arena_free(b);
}

static void test_region(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a;
	struct gnttab_mapper *m;
	void *addr, *base;
	size_t len;
	int err;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 16, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs + 3, 1, GNTTAB_WRITE, &addr), 0);
	err = gnttab_region(m, addr, &base, &len);
	if (!err) {
		assert_true((char *)base <= (char *)addr);
		assert_true((char *)addr + PLAT_PAGE_SIZE <= (char *)base + len);
		/* it stays valid after the unmap */
		gnttab_unmap_refs(m, a->refs + 3, 1, GNTTAB_WRITE, &addr);
		memset(base, 1, len);
	}
	assert_true(!err || err == -ENOENT);
	assert_int_equal(gnttab_region(m, &len, &base, &len), -ENOENT);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

static void test_evtchn(void **state)
{
	struct hvd_pair *f = *state;
	struct evtchn *fe, *be, *none;

	assert_int_equal(evtchn_alloc_unbound(f->front, f->back_id, &fe), 0);
	assert_in_range(fe->port, 1, EVTCHN_2L_NR_CHANNELS - 1);
	assert_ptr_equal(fe->plat, f->front);
	assert_false(fd_readable(fe->fd, 0));
	evtchn_notify(fe); /* to nobody yet */
	assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, fe->port, &be), 0);
	/* the binder finds one event pending: it may have missed some */
	assert_true(fd_readable(be->fd, 1000));
	assert_int_equal(evtchn_ack(be), 0);
	assert_false(fd_readable(be->fd, 0));
	assert_int_equal(evtchn_ack(be), 0);
	for (int i = 0; i < 3; i++) {
		evtchn_notify(fe);
		evtchn_notify(fe); /* merged */
		assert_true(fd_readable(be->fd, 1000));
		assert_int_equal(evtchn_ack(be), 0);
		assert_false(fd_readable(be->fd, 0));
		assert_false(fd_readable(fe->fd, 0));
		evtchn_notify(be);
		assert_true(fd_readable(fe->fd, 1000));
		assert_int_equal(evtchn_ack(fe), 0);
		assert_false(fd_readable(fe->fd, 0));
	}
	/* bound already */
	assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, fe->port, &none),
			 -EINVAL);
	evtchn_close(be);
	evtchn_close(fe);
}

static void test_evtchn_errors(void **state)
{
	struct hvd_pair *f = *state;
	struct evtchn *mine, *ch;

	assert_int_equal(evtchn_alloc_unbound(f->front, f->front_id, &mine), 0);
	/* meant for another domain */
	assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, mine->port, &ch),
			 -EINVAL);
	const evtchn_port_t bad[] = { 0, mine->port + 1, EVTCHN_2L_NR_CHANNELS - 1,
				      EVTCHN_2L_NR_CHANNELS, UINT32_MAX };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, bad[i],
							 &ch),
				 -EINVAL);
	/* to oneself */
	assert_int_equal(evtchn_bind_interdomain(f->front, f->front_id, mine->port, &ch),
			 0);
	evtchn_close(ch);
	evtchn_close(mine);
}

/* The end that stays survives the other's death, and the next one may bind. */
static void test_evtchn_rebind(void **state)
{
	struct hvd_pair *f = *state;
	struct evtchn *fe, *be;

	assert_int_equal(evtchn_alloc_unbound(f->front, f->back_id, &fe), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(evtchn_bind_interdomain(f->back, f->front_id, fe->port,
							 &be),
				 0);
		evtchn_notify(be);
		assert_true(fd_readable(fe->fd, 1000));
		assert_int_equal(evtchn_ack(fe), 0);
		evtchn_notify(fe);
		if (i % 2) {
			plat_close(f->back);
			assert_int_equal(hvd_plat(spec, f->back_id, &f->back), 0);
		} else {
			evtchn_close(be);
		}
		assert_false(fd_readable(fe->fd, 20));
		for (int j = 0; j < 10000; j++)
			evtchn_notify(fe); /* neither blocks nor kills */
		assert_int_equal(evtchn_ack(fe), 0);
	}
	evtchn_close(fe);
}

static void test_close_frees_all(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m;
	struct gnttab_arena *a;
	struct evtchn *ch;
	struct plat *p;
	void *addr;
	int before;

	if (vm) { /* has one process that runs it */
		plat_close(f->front);
		f->front = NULL;
	}
	before = fd_count();
	for (int i = 0; i < 20; i++) {
		assert_int_equal(hvd_plat(spec, f->front_id, &p), 0);
		assert_int_equal(gnttab_arena_new(p, f->front_id, 5, i % 2, &a), 0);
		assert_int_equal(gnttab_mapper_new(p, f->front_id, &m), 0);
		assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &addr), 0);
		assert_int_equal(evtchn_alloc_unbound(p, f->back_id, &ch), 0);
		plat_close(p);
	}
	assert_int_equal(fd_count(), before);
}

int main(int argc, char **argv)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_who),
		T(test_arena),
		T(test_map),
		T(test_map_errors),
		T(test_end_access),
		T(test_readonly),
		T(test_arena_free_mapped),
		T(test_ring),
		T(test_region),
		T(test_evtchn),
		T(test_evtchn_errors),
		T(test_evtchn_rebind),
		T(test_close_frees_all),
	};

	if (argc > 1)
		spec = argv[1];
	vm = !strcmp(spec, HVD_VM);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
