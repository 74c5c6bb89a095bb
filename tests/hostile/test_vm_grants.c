/* SPDX-License-Identifier: MIT */
/*
 * A guest's grant table against its backend: frames that are none, flags of every
 * kind, entries that change while they are used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "hv/proc/hvcall.h"
#include "tests/lib/fakevm.h"
#include "tests/lib/hvd.h"

static int setup(void **state)
{
	return hvd_pair_new(HVD_VM, (struct hvd_pair **)state);
}

static int teardown(void **state)
{
	return hvd_pair_free(*state);
}

static int map_with(struct hvd_pair *f, grant_ref_t ref, unsigned flags, domid_t domid,
		    uint32_t frame, int prot, uint8_t **at)
{
	struct grant_entry_v1 *e = fakevm_entry(f->front, ref);
	struct gnttab_mapper *m;
	void *addr;
	int err;

	e->domid = domid;
	e->frame = frame;
	e->flags = (uint16_t)flags;
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	err = gnttab_map_refs(m, &ref, 1, prot, &addr);
	if (!err) {
		*at = fakevm_frame(f->front, frame);
		assert_non_null(*at);
		/* it is that page: what one writes the other reads */
		**at = (uint8_t)(**at + 1);
		assert_int_equal(*(uint8_t *)addr, **at);
		assert_true(e->flags & GTF_reading);
	}
	gnttab_mapper_free(m);
	assert_int_equal(e->flags, flags);
	return err;
}

static void test_frames(void **state)
{
	const uint32_t high = HVCALL_VM_HIGH_FRAME, above = FAKEVM_PAGES - FAKEVM_LOW;
	struct hvd_pair *f = *state;
	const struct {
		uint32_t frame;
		int err;
	} cases[] = {
		{ 0, 0 },
		{ FAKEVM_LOW - 1, 0 },
		{ FAKEVM_LOW, -EINVAL },
		{ FAKEVM_PAGES - 1, -EINVAL },
		{ FAKEVM_PAGES, -EINVAL },
		{ high - 1, -EINVAL },
		{ high, 0 },
		{ high + above - 1, 0 },
		{ high + above, -EINVAL },
		{ high + FAKEVM_PAGES, -EINVAL },
		{ 1u << 31, -EINVAL },
		{ UINT32_MAX, -EINVAL },
	};
	static const grant_ref_t refs[] = { 0, 1, FAKEVM_REFS - 1 };
	uint8_t *at;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t k = 0; k < sizeof(refs) / sizeof(refs[0]); k++)
			assert_int_equal(map_with(f, refs[k], GTF_permit_access,
						  f->back_id, cases[i].frame,
						  GNTTAB_WRITE, &at),
					 cases[i].err);
}

static void test_flags(void **state)
{
	struct hvd_pair *f = *state;
	uint8_t *at;

	for (unsigned flags = 0; flags < 0x400; flags++) {
		bool ok = (flags & GTF_type_mask) == GTF_permit_access &&
			  !(flags & GTF_sub_page);

		if (flags & (GTF_reading | GTF_writing))
			continue; /* marks are not the guest's to make */
		assert_int_equal(map_with(f, 9, flags, f->back_id, 5, GNTTAB_READ, &at),
				 ok ? 0 : -EACCES);
		assert_int_equal(map_with(f, 9, flags, f->back_id, 5, GNTTAB_WRITE, &at),
				 ok && !(flags & GTF_readonly) ? 0 : -EACCES);
	}
	assert_int_equal(map_with(f, 9, GTF_permit_access, 0, 5, GNTTAB_READ, &at),
			 -EACCES);
	assert_int_equal(map_with(f, 9, GTF_permit_access, DOMID_SELF, 5, GNTTAB_READ,
				  &at),
			 -EACCES);
}

static void test_beyond_table(void **state)
{
	static const grant_ref_t beyond[] = { FAKEVM_REFS, FAKEVM_REFS + 1, 1u << 20,
					      1u << 31, UINT32_MAX };
	struct hvd_pair *f = *state;
	struct gnttab_mapper *m;
	void *addr;

	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		assert_int_equal(gnttab_map_refs(m, &beyond[i], 1, GNTTAB_READ, &addr),
				 -ENOENT);
	gnttab_mapper_free(m);
}

/* An entry that changes while it is mapped: the page that was found counts. */
static void test_changed_while_mapped(void **state)
{
	struct hvd_pair *f = *state;
	struct grant_entry_v1 *e;
	struct gnttab_arena *a;
	struct gnttab_mapper *m;
	void *addr, *again;
	uint32_t frame;

	assert_int_equal(gnttab_arena_new(f->front, f->back_id, 1, false, &a), 0);
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	e = fakevm_entry(f->front, a->refs[0]);
	frame = e->frame;
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &addr), 0);
	e->frame = frame ? 0 : 1;
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_READ, &again), 0);
	assert_ptr_equal(addr, again);
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &again), -EINVAL);
	e->frame = UINT32_MAX;
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &again), -EINVAL);
	e->frame = frame;
	e->domid = 0;
	assert_int_equal(gnttab_map_refs(m, a->refs, 1, GNTTAB_WRITE, &again), -EACCES);
	/* wiped: unmap brings no mark back */
	e->flags = GTF_invalid;
	gnttab_unmap_refs(m, a->refs, 1, GNTTAB_READ, &addr);
	gnttab_unmap_refs(m, a->refs, 1, GNTTAB_READ, &addr);
	assert_int_equal(e->flags, GTF_invalid);
	gnttab_mapper_free(m);
	gnttab_arena_free(a);
}

struct flipper {
	struct grant_entry_v1 *e;
	domid_t back;
	_Atomic bool stop;
};

/* Every word of the entry, all the time; one page in two runs, and none. */
static void *flip(void *arg)
{
	static const uint32_t frames[] = { 3, HVCALL_VM_HIGH_FRAME + 3, FAKEVM_LOW };
	struct flipper *fl = arg;

	for (unsigned i = 0; !atomic_load(&fl->stop); i++) {
		uint64_t word = (uint64_t)frames[i % 3] << 32 |
				(uint64_t)(i % 7 ? fl->back : 0) << 16 |
				(i % 5 ? GTF_permit_access : GTF_invalid);

		atomic_store((_Atomic uint64_t *)(void *)fl->e, word);
	}
	return NULL;
}

static void test_flipping(void **state)
{
	struct hvd_pair *f = *state;
	struct flipper fl = { .e = fakevm_entry(f->front, 20), .back = f->back_id };
	unsigned got[2] = { 0 }, refused = 0;
	struct gnttab_mapper *m;
	const grant_ref_t ref = 20;
	pthread_t t;
	void *addr;

	*fakevm_frame(f->front, 3) = 'l';
	*fakevm_frame(f->front, HVCALL_VM_HIGH_FRAME + 3) = 'h';
	assert_int_equal(gnttab_mapper_new(f->back, f->front_id, &m), 0);
	assert_int_equal(pthread_create(&t, NULL, flip, &fl), 0);
	for (uint64_t end = now_ms() + 500; now_ms() < end;) {
		int err = gnttab_map_refs(m, &ref, 1, GNTTAB_WRITE, &addr);

		if (err) {
			assert_true(err == -EACCES || err == -EINVAL);
			refused++;
			continue;
		}
		/* one of the two pages that were ever named, and it stays */
		for (int i = 0; i < 3; i++)
			assert_true(*(char *)addr == 'l' || *(char *)addr == 'h');
		got[*(char *)addr == 'h']++;
		gnttab_unmap_refs(m, &ref, 1, GNTTAB_WRITE, &addr);
	}
	atomic_store(&fl.stop, true);
	pthread_join(t, NULL);
	gnttab_mapper_free(m);
	print_message("%u low, %u high, %u refused\n", got[0], got[1], refused);
	assert_true(got[0] && got[1] && refused);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_frames),	      T(test_flags),
		T(test_beyond_table), T(test_changed_while_mapped),
		T(test_flipping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
