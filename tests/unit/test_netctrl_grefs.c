/* SPDX-License-Identifier: MIT */
/*
 * netback's control ring: static grant mappings. What is added is found, what is
 * deleted is unmapped only when the queues have let go, what fails adds nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/ctrlfront.h"

#define OK	 XEN_NETIF_CTRL_STATUS_SUCCESS
#define INVALID	 XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER
#define GET_SIZE XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE
#define ADD	 XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING
#define DEL	 XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING
#define READONLY XEN_NETIF_CTRLF_GREF_readonly

#define QUEUES 4u

static int setup(void **state)
{
	struct ctrlfront *cf = calloc(1, sizeof(*cf));

	cf_start(cf, QUEUES);
	*state = cf;
	return 0;
}

static int teardown(void **state)
{
	cf_stop(*state);
	free(*state);
	return 0;
}

/* Pages mapped besides the ring. */
static unsigned mapped(struct ctrlfront *cf)
{
	return memhv_mapped(cf->hv) - 1;
}

static void *found(struct ctrlfront *cf, uint32_t page, bool write)
{
	return netgref_find(cf->grefs, cf->pages->refs[page], write);
}

static uint8_t *page_at(struct ctrlfront *cf, uint32_t page)
{
	return cf->pages->pages + (size_t)page * PLAT_PAGE_SIZE;
}

static void test_size(void **state)
{
	struct ctrlfront *cf = *state;
	uint32_t data;

	for (uint32_t q = 0; q < QUEUES; q++) {
		assert_int_equal(cf_call(cf, GET_SIZE, q, 0, 0, &data), OK);
		assert_int_equal(data, NETGREF_MAX / QUEUES);
	}
	assert_int_equal(cf_call(cf, GET_SIZE, QUEUES, 0, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, GET_SIZE, UINT32_MAX, 0, 0, NULL), INVALID);
}

static void test_add_del(void **state)
{
	struct ctrlfront *cf = *state;
	struct xen_netif_gref *list = cf_list(cf);
	uint32_t data;

	assert_int_equal(cf_grefs(cf, ADD, 1, 512, 0, NULL), OK);
	assert_int_equal(cf_grefs(cf, ADD, 513, 80, READONLY, NULL), OK);
	assert_int_equal(cf->grefs_calls, 2);
	assert_int_equal(mapped(cf), 592);
	for (uint32_t i = 1; i < 593; i++) {
		assert_ptr_equal(found(cf, i, false), page_at(cf, i));
		assert_ptr_equal(found(cf, i, true), i < 513 ? page_at(cf, i) : NULL);
	}
	assert_null(found(cf, 0, false));
	assert_int_equal(list[0].status, 0xaaaa); /* not used by ADD */
	/* 100..103 go, once each; what was never there stays so */
	for (uint32_t i = 0; i < 8; i++)
		list[i] = (struct xen_netif_gref){ cf->pages->refs[100 + i % 4], 0xffff,
						   0xaaaa };
	list[8] = (struct xen_netif_gref){ 0xdead, 0, 0xaaaa };
	list[9].status = 0xaaaa;
	assert_int_equal(cf_call(cf, DEL, 3, cf->pages->refs[0], 9, &data), OK);
	assert_int_equal(data, 4);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(list[i].status, i < 4 ? OK : INVALID);
	assert_int_equal(list[9].status, 0xaaaa);
	assert_int_equal(mapped(cf), 588);
	for (uint32_t i = 1; i < 593; i++)
		assert_int_equal(!!found(cf, i, false), i < 100 || i > 103);
	/* a revoked page can be given away now, and one that is mapped not */
	assert_int_equal(gnttab_end_access(cf->pages, 100), 0);
	assert_int_not_equal(gnttab_end_access(cf->pages, 104), 0);
	assert_int_equal(gnttab_grant(cf->pages, 100), 0);
	assert_int_equal(cf_grefs(cf, ADD, 100, 4, 0, NULL), OK);
	assert_int_equal(mapped(cf), 592);
}

/* The queues let go first; when all is gone they have no table. */
static void test_order(void **state)
{
	struct ctrlfront *cf = *state;
	uint32_t data;

	assert_int_equal(cf_grefs(cf, ADD, 1, 10, 0, NULL), OK);
	assert_int_equal(cf->mapped, 11); /* with the ring; the list is not kept */
	assert_int_equal(cf_grefs(cf, DEL, 1, 5, 0, &data), OK);
	assert_int_equal(cf->mapped, 12); /* with the list: not one is unmapped */
	assert_int_equal(mapped(cf), 5);
	assert_int_equal(cf_grefs(cf, DEL, 6, 5, 0, &data), OK);
	assert_int_equal(cf->mapped, 7);
	assert_int_equal(cf->grefs_calls, 3);
	assert_null(cf->grefs);
	assert_int_equal(mapped(cf), 0);
	assert_int_equal(cf_grefs(cf, DEL, 6, 5, 0, &data), OK);
	assert_int_equal(data, 0);
	assert_int_equal(cf->grefs_calls, 3); /* nothing changed */
}

/* One entry that cannot be: none is added, the table stays as it was. */
static void test_all_or_nothing(void **state)
{
	struct ctrlfront *cf = *state;
	struct xen_netif_gref *list = cf_list(cf);
	const struct xen_netif_gref bad[] = {
		{ 0xdead, 0, 0 },		    /* no such grant */
		{ cf->ro->refs[1], 0, 0 },	    /* not for writing */
		{ cf->pages->refs[30], 2, 0 },	    /* no such flag */
		{ cf->pages->refs[30], 0x8001, 0 }, /* the same */
		{ cf->pages->refs[1], 0, 0 },	    /* there already */
		{ cf->pages->refs[10], 0, 0 },	    /* twice in the list */
	};
	const struct netgref *was;

	assert_int_equal(cf_grefs(cf, ADD, 1, 4, 0, NULL), OK);
	was = cf->grefs;
	for (unsigned b = 0; b < sizeof(bad) / sizeof(bad[0]); b++)
		for (unsigned at = 0; at < 4; at++) {
			for (uint32_t i = 0; i < 4; i++)
				list[i] = (struct xen_netif_gref){
					cf->pages->refs[10 + (i + 4 - at) % 4 * 2], 0, 0
				};
			/* at `at` stands 10, which the last of bad[] is too */
			list[(at + (b == 5)) % 4] = bad[b];
			assert_int_equal(cf_call(cf, ADD, 0, cf->pages->refs[0], 4, NULL),
					 INVALID);
			assert_int_equal(mapped(cf), 4);
		}
	assert_int_equal(cf->grefs_calls, 1);
	assert_ptr_equal(cf->grefs, was);
	list[0] = (struct xen_netif_gref){ cf->ro->refs[1], READONLY, 0 };
	assert_int_equal(cf_call(cf, ADD, 0, cf->pages->refs[0], 1, NULL), OK);
	assert_null(netgref_find(cf->grefs, cf->ro->refs[1], true));
	assert_non_null(netgref_find(cf->grefs, cf->ro->refs[1], false));
}

static void test_refused(void **state)
{
	struct ctrlfront *cf = *state;
	grant_ref_t page = cf->pages->refs[0];
	static const uint16_t types[] = { ADD, DEL };

	cf_list(cf)[0] = (struct xen_netif_gref){ cf->pages->refs[1], 0, 0xaaaa };
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(cf_call(cf, types[i], QUEUES, page, 1, NULL), INVALID);
		assert_int_equal(cf_call(cf, types[i], 0, page, 513, NULL), INVALID);
		assert_int_equal(cf_call(cf, types[i], 0, 0xdead, 1, NULL), INVALID);
		/* the list's page must be writable */
		assert_int_equal(cf_call(cf, types[i], 0, cf->ro->refs[0], 1, NULL),
				 INVALID);
		assert_int_equal(cf_call(cf, types[i], 0, page, 0, NULL), OK);
	}
	assert_int_equal(cf_list(cf)[0].status, 0xaaaa);
	assert_int_equal(cf->grefs_calls, 0);
	assert_int_equal(mapped(cf), 0);
}

/* As many as a vif may have, and not one more. */
static void test_limit(void **state)
{
	struct ctrlfront *cf = *state;
	struct gnttab_arena *many;
	uint32_t at = 0, data;

	assert_int_equal(gnttab_arena_new(cf->front, plat_domid(cf->back),
					  NETGREF_MAX + 1, false, &many),
			 0);
	for (; at <= NETGREF_MAX - 512; at += 512) {
		for (uint32_t i = 0; i < 512; i++)
			cf_list(cf)[i] =
				(struct xen_netif_gref){ many->refs[at + i], 0, 0 };
		assert_int_equal(cf_call(cf, ADD, 0, cf->pages->refs[0], 512, NULL), OK);
	}
	assert_int_equal(cf->grefs->nr, NETGREF_MAX);
	cf_list(cf)[0].ref = many->refs[NETGREF_MAX];
	assert_int_equal(cf_call(cf, ADD, 0, cf->pages->refs[0], 1, NULL), INVALID);
	cf_list(cf)[0].ref = many->refs[0];
	assert_int_equal(cf_call(cf, DEL, 0, cf->pages->refs[0], 1, &data), OK);
	cf_list(cf)[0].ref = many->refs[NETGREF_MAX];
	assert_int_equal(cf_call(cf, ADD, 0, cf->pages->refs[0], 1, NULL), OK);
	for (uint32_t i = 1; i <= NETGREF_MAX; i++)
		assert_ptr_equal(netgref_find(cf->grefs, many->refs[i], true),
				 many->pages + (size_t)i * PLAT_PAGE_SIZE);
	netctrl_free(cf->ctrl); /* a guest that ends with all of them mapped */
	cf->ctrl = NULL;
	assert_int_equal(memhv_mapped(cf->hv), 0);
	gnttab_arena_free(many);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_size),	   CASE(test_add_del), CASE(test_order),
		CASE(test_all_or_nothing), CASE(test_refused), CASE(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
