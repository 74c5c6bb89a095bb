/* SPDX-License-Identifier: MIT */
/*
 * Advisories on grant tables, by number, against process domains: what a granter
 * writes into its entries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/plat/plat.h"
#include "tests/lib/hvd.h"

static int setup(void **state)
{
	return hvd_pair_new(NULL, (struct hvd_pair **)state);
}

static int teardown(void **state)
{
	return hvd_pair_free(*state);
}

/* The granter's own view of its entries: they stand in front of the pages. */
static struct grant_entry_v1 *entry_of(const struct gnttab_arena *a, uint32_t page)
{
	uint32_t e = gref_entry(a->refs[page]);
	uint8_t *base = a->pages - (size_t)gref_entry(a->refs[0]) * PLAT_PAGE_SIZE;

	return (struct grant_entry_v1 *)base + e;
}

/* ------------------------------------------------ entries by hand */

static int map_with(struct hvd_pair *f, struct gnttab_arena *a, unsigned flags,
		    domid_t domid, uint32_t frame, int prot)
{
	struct grant_entry_v1 *e = entry_of(a, 0), old = *e;
	struct gnttab_mapper *m;
	void *addr;
	int err;

	e->domid = domid;
	e->frame = frame;
	e->flags = (uint16_t)flags;
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	err = gnttab_map_refs(m, a->refs, 1, prot, &addr);
	if (!err)
		*(volatile char *)addr = *(volatile char *)addr;
	gnttab_mapper_free(m);
	/* no mark is left */
	assert_int_equal(e->flags & ~(unsigned)(GTF_reading | GTF_writing),
			 flags & ~(unsigned)(GTF_reading | GTF_writing));
	*e = old;
	return err;
}

static void test_xsa_226_318_411_transitive(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a;
	uint32_t frame;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	frame = gref_entry(a->refs[0]);
	for (int prot = GNTTAB_READ; prot <= GNTTAB_WRITE; prot++) {
		assert_int_equal(map_with(f, a, GTF_transitive, f->back_id, frame, prot),
				 -EACCES);
		assert_int_equal(map_with(f, a, GTF_accept_transfer, f->back_id, frame,
					  prot),
				 -EACCES);
		assert_int_equal(map_with(f, a, GTF_permit_access | GTF_sub_page,
					  f->back_id, frame, prot),
				 -EACCES);
		assert_int_equal(map_with(f, a, GTF_invalid, f->back_id, frame, prot),
				 -EACCES);
		assert_int_equal(map_with(f, a, GTF_permit_access, f->back_id, frame,
					  prot),
				 0);
	}
	assert_int_equal(map_with(f, a, GTF_permit_access | GTF_readonly, f->back_id,
				  frame, GNTTAB_WRITE),
			 -EACCES);
	assert_int_equal(map_with(f, a, GTF_permit_access | GTF_readonly, f->back_id,
				  frame, GNTTAB_READ),
			 0);
	gnttab_arena_free(a);
}

/* Every failure is a negative error, and the one that fits. */
static void test_xsa_316_statuses(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m;
	struct gnttab_arena *a;
	grant_ref_t ref;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	assert_int_equal(map_with(f, a, GTF_permit_access, f->front_id, 1, 0), -EACCES);
	assert_int_equal(map_with(f, a, GTF_permit_access, 0, 1, 0), -EACCES);
	assert_int_equal(map_with(f, a, GTF_permit_access, DOMID_SELF, 1, 0), -EACCES);
	assert_int_equal(map_with(f, a, GTF_permit_access, DOMID_INVALID, 1, 0), -EACCES);
	/* every flag word there is: granted or refused, never anything else */
	for (unsigned flags = 0; flags < 0x400; flags++) {
		bool ok = (flags & GTF_type_mask) == GTF_permit_access &&
			  !(flags & GTF_sub_page);
		int err = map_with(f, a, flags, f->back_id, 1, GNTTAB_READ);

		assert_int_equal(err, ok ? 0 : -EACCES);
		err = map_with(f, a, flags, f->back_id, 1, GNTTAB_WRITE);
		assert_int_equal(err, ok && !(flags & GTF_readonly) ? 0 : -EACCES);
	}
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	for (uint32_t i = 2; i < 4096; i++) {
		ref = gref_make(gref_arena(a->refs[0]), i);
		assert_int_equal(gnttab_map_refs(m, &ref, 1, GNTTAB_READ, &addr),
				 -ENOENT);
	}
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

static void test_xsa_382_frame_bound(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_arena *a;
	uint32_t first, total;

	/* three pages of entries, so that there is something below */
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1200, false, &a), 0);
	first = gref_entry(a->refs[0]);
	total = first + a->nr_pages;
	const struct {
		uint32_t frame;
		int err;
	} cases[] = {
		{ 0, -EINVAL },
		{ first - 1, -EINVAL },
		{ first, 0 },
		{ total - 1, 0 },
		{ total, -EINVAL },
		{ total + 1, -EINVAL },
		{ 1u << 20, -EINVAL },
		{ 1u << 31, -EINVAL },
		{ UINT32_MAX, -EINVAL },
		{ first + (1u << 20), -EINVAL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(map_with(f, a, GTF_permit_access, f->back_id,
					  cases[i].frame, GNTTAB_WRITE),
				 cases[i].err);
	gnttab_arena_free(a);
}

/* An entry that changes while it is mapped: the page that was found counts. */
static void test_xsa_500_entry_changed_while_pinned(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m, *m2;
	struct grant_entry_v1 *e;
	void *addr, *again;
	struct gnttab_arena *a;
	uint32_t frame;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 2, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m2), 0);
	e = entry_of(a, 0);
	frame = e->frame;
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &addr), 0);
	/* elsewhere, then out of bounds */
	e->frame = frame + 1;
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &again), 0);
	assert_ptr_equal(addr, again);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &again), -EINVAL);
	e->frame = UINT32_MAX;
	assert_int_equal(gnttab_map_refs(m2, a->refs, 1, GNTTAB_READ, &again), 0);
	assert_ptr_equal(addr, again);
	assert_int_equal(gnttab_map_refs(m2, a->refs, 1, GNTTAB_WRITE, &again), -EINVAL);
	e->frame = frame;
	assert_int_equal(gnttab_map_refs(m2, a->refs, 1, GNTTAB_WRITE, &again), 0);
	assert_ptr_equal(addr, again);
	/* marks wiped, entry invalid: unmap neither fails nor brings marks back */
	e->flags = GTF_invalid;
	gnttab_unmap_refs(m, a->refs, 1, GNTTAB_READ, &addr);
	gnttab_unmap_refs(m, a->refs, 1, GNTTAB_READ, &addr);
	gnttab_unmap_refs(m2, a->refs, 1, GNTTAB_READ, &addr);
	gnttab_unmap_refs(m2, a->refs, 1, GNTTAB_WRITE, &addr);
	assert_int_equal(e->flags, GTF_invalid);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &addr), -EACCES);
	gnttab_mapper_free(m);
	gnttab_mapper_free(m2);
	gnttab_arena_free(a);
}

/* Half a batch unmapped, then the rest, then what was never mapped. */
static void test_xsa_394_partial_unmap(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m;
	struct gnttab_arena *a;
	void *addrs[8];

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 8, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, 8, GNTTAB_WRITE, addrs), 0);
	gnttab_unmap_refs(m, a->refs + 2, 3, GNTTAB_WRITE, addrs + 2);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(gnttab_end_access(a, i), i >= 2 && i < 5 ? 0 : -EBUSY);
	/* twice, and with the other prot: nothing happens */
	gnttab_unmap_refs(m, a->refs + 2, 3, GNTTAB_WRITE, addrs + 2);
	gnttab_unmap_refs(m, a->refs, 8, GNTTAB_READ, addrs);
	assert_int_equal(gnttab_end_access(a, 0), -EBUSY);
	/* a batch that fails in its middle leaves what was there */
	assert_int_equal(gnttab_map_refs(m, a->refs, 8, GNTTAB_WRITE, addrs), -EACCES);
	gnttab_unmap_refs(m, a->refs, 2, GNTTAB_WRITE, addrs);
	gnttab_unmap_refs(m, a->refs + 5, 3, GNTTAB_WRITE, addrs + 5);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(gnttab_end_access(a, i), 0);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

/* The mapper keeps a page: the granter is told, and does not use it again. */
static void test_xsa_396_page_kept(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m;
	struct gnttab_arena *a, *b;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &addr), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(gnttab_end_access(a, 0), -EBUSY);
	gnttab_arena_free(a);
	/* what comes next is other memory */
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &b), 0);
	memset(b->pages, 0x55, PLAT_PAGE_SIZE);
	memset(addr, 0xaa, PLAT_PAGE_SIZE);
	assert_int_equal(b->pages[0], 0x55);
	assert_int_equal(b->pages[PLAT_PAGE_SIZE - 1], 0x55);
	gnttab_mapper_free(m);
	gnttab_arena_free(b);
}

/* ------------------------------------------------ teardown is bounded */

static void test_xsa_380_344_teardown_bounded(void **state)
{
	struct hvd_pair *f = *state;
	const uint32_t pages = 100000;
	struct gnttab_mapper *m;
	struct gnttab_arena *a;
	struct evtchn *fe, *be;
	struct plat *other;
	uint64_t before;
	void **addrs = malloc(pages * sizeof(*addrs));
	int n = 0;

	assert_non_null(addrs);
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, pages, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, pages, GNTTAB_WRITE, addrs), 0);
	for (n = 0; n < 500; n++) {
		if (evtchn_alloc_unbound(f->front, f->back_id, &fe) ||
		    evtchn_bind_interdomain(f->back, f->front_id, fe->port, &be))
			break;
	}
	assert_true(n > 100);
	before = now_ms();
	assert_int_equal(hvd_domain_destroy(&f->hvd, f->front_id), 0);
	assert_true(now_ms() - before < 2000);
	/* what the other has mapped is still there, and can be let go */
	*(volatile char *)addrs[pages - 1] = 1;
	before = now_ms();
	gnttab_mapper_free(m);
	plat_close(f->back);
	assert_int_equal(hvd_plat(NULL, f->back_id, &f->back), 0);
	assert_true(now_ms() - before < 2000);
	assert_int_equal(hvd_plat(NULL, f->front_id, &other), -ENOENT);
	free(addrs);
}

/* A peer that names arenas that are not there makes no work for the broker. */
static void test_unknown_arenas_are_cheap(void **state)
{
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m;
	struct gnttab_arena *a;
	uint64_t before = now_ms();
	void *addr;

	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	for (uint32_t i = 0; i < 300000; i++) {
		grant_ref_t ref = gref_make(i % GREF_ARENAS, 1);

		assert_int_equal(gnttab_map_refs(m, &ref, 1, GNTTAB_READ, &addr),
				 -ENOENT);
	}
	/* 300,000 calls would take 10 s */
	assert_true(now_ms() - before < 5000);
	usleep(110000);
	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &addr), 0);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_xsa_226_318_411_transitive),
		T(test_xsa_316_statuses),
		T(test_xsa_382_frame_bound),
		T(test_xsa_500_entry_changed_while_pinned),
		T(test_xsa_394_partial_unmap),
		T(test_xsa_396_page_kept),
		T(test_xsa_380_344_teardown_bounded),
		T(test_unknown_arenas_are_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
