/* SPDX-License-Identifier: MIT */
/*
 * Advisories on grant tables, by number, where two do something at the same time:
 * threads that map and unmap, a granter that revokes or rewrites meanwhile. Worth
 * running under TSan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
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

#define RACE_THREADS 6
#define RACE_PAGES   3
#define RACE_MS	     700

struct racer {
	struct hvd_pair *f;
	const struct gnttab_arena *arena;
	unsigned seed;
	/* the reference model: what this thread has mapped */
	int reads[RACE_PAGES], writes[RACE_PAGES];
	int failures;
};

/* Maps and unmaps at random, in batches, also what it has not mapped. */
static void *race(void *arg)
{
	struct racer *r = arg;
	struct gnttab_mapper *m;

	if (gnttab_mapper_new(r->f->back, r->f->front_id, &m))
		return NULL;
	for (uint64_t until = now_ms() + RACE_MS; now_ms() < until;) {
		uint32_t first = (uint32_t)rand_r(&r->seed) % RACE_PAGES;
		uint32_t n = 1 + (uint32_t)rand_r(&r->seed) % (RACE_PAGES - first);
		int prot = rand_r(&r->seed) & 1;
		int *count = prot ? r->writes : r->reads;
		void *addrs[RACE_PAGES];

		/* fewer maps than unmaps: first and last ones are what races */
		if (rand_r(&r->seed) % 3 == 0) {
			if (gnttab_map_refs(m, r->arena->refs + first, n, prot, addrs)) {
				r->failures++;
				continue;
			}
			for (uint32_t k = first; k < first + n; k++)
				count[k]++;
			continue;
		}
		gnttab_unmap_refs(m, r->arena->refs + first, n, prot, addrs);
		for (uint32_t k = first; k < first + n; k++)
			count[k] -= count[k] > 0;
		/* whoever has it mapped sees the marks */
		for (uint32_t k = 0; k < RACE_PAGES; k++) {
			unsigned flags = atomic_load(&entry_of(r->arena, k)->flags);

			if (r->reads[k] + r->writes[k] > 0 && !(flags & GTF_reading))
				r->failures++;
			if (r->writes[k] > 0 && !(flags & GTF_writing))
				r->failures++;
		}
	}
	gnttab_mapper_free(m);
	return NULL;
}

static void test_xsa_218_228_234_concurrent_unmaps(void **state)
{
	struct hvd_pair *f = *state;
	struct racer racers[RACE_THREADS] = { { 0 } };
	pthread_t threads[RACE_THREADS];
	struct gnttab_mapper *holder;
	struct gnttab_arena *a;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, RACE_PAGES + 1, false,
					  &a),
			 0);
	/* keeps the arena: the hypervisor clears marks when the last one lets go */
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &holder), 0);
	assert_int_equal(gnttab_map_refs(holder, a->refs + RACE_PAGES, 1, GNTTAB_READ,
					 &addr),
			 0);
	for (unsigned i = 0; i < RACE_THREADS; i++) {
		racers[i].f = f;
		racers[i].arena = a;
		racers[i].seed = i + 1;
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < RACE_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < RACE_THREADS; i++)
		assert_int_equal(racers[i].failures, 0);
	/* nothing is left, neither too many nor too few */
	for (uint32_t i = 0; i < RACE_PAGES; i++) {
		assert_int_equal(entry_of(a, i)->flags, GTF_permit_access);
		assert_int_equal(gnttab_end_access(a, i), 0);
	}
	assert_int_equal(gnttab_end_access(a, RACE_PAGES), -EBUSY);
	gnttab_mapper_free(holder);
	gnttab_arena_free(a);
}

/* The granter revokes and grants while others map: a page that end_access gave
 * back is nobody's. */
struct revoker {
	struct gnttab_arena *arena;
	atomic_bool stop;
	uint64_t revoked;
};

static void *revoke_thread(void *arg)
{
	struct revoker *r = arg;
	_Atomic uint64_t *word;

	while (!atomic_load(&r->stop)) {
		for (uint32_t i = 0; i < r->arena->nr_pages; i++) {
			if (gnttab_end_access(r->arena, i))
				continue;
			/* ours alone: a mapper must not see this word */
			word = (_Atomic uint64_t *)(r->arena->pages +
						    (size_t)i * PLAT_PAGE_SIZE);
			for (int k = 0; k < 30; k++)
				atomic_store(word, 0xdd);
			atomic_store(word, 0);
			r->revoked++;
			gnttab_grant(r->arena, i);
		}
	}
	return NULL;
}

static void test_xsa_340_358_359_publication(void **state)
{
	struct hvd_pair *f = *state;
	struct revoker r = { .revoked = 0 };
	struct gnttab_mapper *m;
	pthread_t thread;
	uint64_t mapped = 0, until;
	void *addr;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 4, false, &r.arena), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(pthread_create(&thread, NULL, revoke_thread, &r), 0);
	until = now_ms() + 700;
	for (uint32_t i = 0; now_ms() < until; i++) {
		const grant_ref_t *ref = &r.arena->refs[i % 4];

		if (gnttab_map_refs(m, ref, 1, GNTTAB_WRITE, &addr))
			continue;
		mapped++;
		/* while it is mapped the granter keeps off */
		for (int k = 0; k < 30; k++)
			if (atomic_load((_Atomic uint64_t *)addr) != 0)
				fail_msg("the granter uses a page that is mapped");
		gnttab_unmap_refs(m, ref, 1, GNTTAB_WRITE, &addr);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_true(mapped > 0 && r.revoked > 0);
	gnttab_mapper_free(m);
	gnttab_arena_free(r.arena);
}

/* Rewritten without end while it is mapped: the mapper gives up, or gets a page
 * within the arena. */
static void *flip(void *arg)
{
	struct revoker *r = arg;
	_Atomic uint64_t *e = (_Atomic uint64_t *)entry_of(r->arena, 0);
	uint64_t good = atomic_load(e), n = 0;

	while (!atomic_load(&r->stop)) {
		atomic_store(e, good ^ (n++ * 0x9e3779b97f4a7c15ull));
		atomic_store(e, good);
	}
	return NULL;
}

static void test_xsa_155_entry_flipper(void **state)
{
	struct hvd_pair *f = *state;
	struct revoker r = { .revoked = 0 };
	uint64_t until, mapped = 0, refused = 0;
	struct gnttab_mapper *m;
	pthread_t thread;
	void *addr, *base;
	size_t len;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 2, false, &r.arena), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(pthread_create(&thread, NULL, flip, &r), 0);
	until = now_ms() + 300;
	while (now_ms() < until) {
		int err = gnttab_map_refs(m, r.arena->refs, 1, GNTTAB_WRITE, &addr);

		if (err) {
			assert_true(err == -EACCES || err == -EINVAL);
			refused++;
			continue;
		}
		mapped++;
		assert_int_equal(gnttab_region(m, addr, &base, &len), 0);
		gnttab_unmap_refs(m, r.arena->refs, 1, GNTTAB_WRITE, &addr);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_true(mapped + refused > 100);
	gnttab_mapper_free(m);
	gnttab_arena_free(r.arena);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_xsa_218_228_234_concurrent_unmaps),
		T(test_xsa_340_358_359_publication),
		T(test_xsa_155_entry_flipper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
