/* SPDX-License-Identifier: MIT */
/*
 * A hostile frontend at netback's control ring: numbers near 2^32 (XSA-270), lists
 * rewritten while they are read (155), padding (216), maps that fail (361, 362,
 * 365, 367), mappings left behind (371).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/ctrlfront.h"

#define OK	    XEN_NETIF_CTRL_STATUS_SUCCESS
#define INVALID	    XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER
#define TOO_LARGE   XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW
#define SET_KEY	    XEN_NETIF_CTRL_TYPE_SET_HASH_KEY
#define SET_SIZE    XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE
#define SET_MAPPING XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING
#define SET_ALG	    XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM
#define ADD	    XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING
#define DEL	    XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING

#define QUEUES 4u

/* Numbers that overflow in 32 bits, alone or as a sum, or as bytes. */
static const uint32_t numbers[] = {
	0,	     1,		  2,	       127,	    128,
	129,	     512,	  513,	       0x3fffffff,  0x40000000,
	0x40000001,  0x7fffffff,  0x80000000u, 0x80000001u, 0xc0000000u,
	0xffffff7fu, 0xffffff80u, 0xffffff81u, 0xfffffffeu, 0xffffffffu,
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

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

/* ------------------------------------------------------------------ XSA-270 */

/* Every offset with every length: only what is within the table changes it. */
static void test_xsa_270_mapping(void **state)
{
	struct ctrlfront *cf = *state;
	uint32_t *map = (uint32_t *)cf->pages->pages;

	for (uint32_t i = 0; i < PLAT_PAGE_SIZE / 4; i++)
		map[i] = 1;
	for (unsigned s = 0; s < 3; s++) {
		static const uint32_t sizes[] = { 0, 100, 128 };

		for (unsigned n = 0; n < NUMBERS; n++)
			for (unsigned o = 0; o < NUMBERS; o++) {
				uint64_t end = (uint64_t)numbers[o] + numbers[n];
				uint32_t status;

				assert_int_equal(cf_call(cf, SET_SIZE, sizes[s], 0, 0,
							 NULL),
						 OK);
				status = cf_call(cf, SET_MAPPING, cf->pages->refs[0],
						 numbers[n], numbers[o], NULL);
				assert_int_equal(status, numbers[n] > 128 ? TOO_LARGE
							 : end > sizes[s] ? INVALID
									  : OK);
				for (uint32_t i = 0; i < 128; i++)
					assert_int_equal(cf->hash.mapping[i],
							 status == OK &&
								 i >= numbers[o] &&
								 i < end);
			}
	}
}

static void test_xsa_270_key_and_size(void **state)
{
	struct ctrlfront *cf = *state;

	for (unsigned n = 0; n < NUMBERS; n++) {
		uint32_t v = numbers[n];

		assert_int_equal(cf_call(cf, SET_KEY, cf->pages->refs[0], v, 0, NULL),
				 v > 40 ? TOO_LARGE : OK);
		assert_int_equal(cf_call(cf, SET_SIZE, v, 0, 0, NULL),
				 v > 128 ? INVALID : OK);
		assert_true(cf->hash.mapping_size <= 128);
	}
}

static void test_xsa_270_grefs(void **state)
{
	struct ctrlfront *cf = *state;
	uint32_t data;

	for (uint32_t i = 0; i < 512; i++)
		cf_list(cf)[i] = (struct xen_netif_gref){ cf->pages->refs[i + 1], 0, 0 };
	for (unsigned q = 0; q < NUMBERS; q++)
		for (unsigned n = 0; n < NUMBERS; n++) {
			bool good = numbers[q] < QUEUES && numbers[n] <= 512;

			assert_int_equal(cf_call(cf, ADD, numbers[q], cf->pages->refs[0],
						 numbers[n], NULL),
					 good ? OK : INVALID);
			assert_int_equal(memhv_mapped(cf->hv),
					 1 + (good ? numbers[n] : 0));
			assert_int_equal(cf_call(cf, DEL, numbers[q], cf->pages->refs[0],
						 numbers[n], &data),
					 good ? OK : INVALID);
			assert_int_equal(data, good ? numbers[n] : 0);
			assert_int_equal(memhv_mapped(cf->hv), 1);
		}
}

/* ------------------------------------------------------------------ XSA-155 */

struct flipper {
	volatile uint32_t *word;
	uint32_t a, b;
	_Atomic bool stop;
};

static void *flip(void *arg)
{
	struct flipper *f = arg;

	while (!f->stop) {
		*f->word = f->a;
		*f->word = f->b;
	}
	return NULL;
}

/* A queue number that is good when it is looked at and another one later: the
 * first of many, so that there is time between the two. */
static void test_xsa_155_mapping(void **state)
{
	struct ctrlfront *cf = *state;
	struct flipper f = { (uint32_t *)cf->pages->pages, 1, 0xffffffff, false };
	unsigned said[4] = { 0 };
	pthread_t t;

	assert_int_equal(cf_call(cf, SET_SIZE, 128, 0, 0, NULL), OK);
	assert_int_equal(pthread_create(&t, NULL, flip, &f), 0);
	for (int i = 0; i < 100000 || ((!said[OK] || !said[INVALID]) && i < 2000000);
	     i++) {
		said[cf_call(cf, SET_MAPPING, cf->pages->refs[0], 128, 0, NULL)]++;
		assert_true(cf->hash.mapping[0] <= 1);
	}
	f.stop = true;
	pthread_join(t, NULL);
	assert_true(said[OK] && said[INVALID] && !said[TOO_LARGE]);
}

/* A reference that is one when it is mapped and another one afterwards. */
static void test_xsa_155_grefs(void **state)
{
	struct ctrlfront *cf = *state;
	struct flipper f = { (uint32_t *)cf->pages->pages, cf->pages->refs[1],
			     cf->pages->refs[2], false };
	uint32_t data;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, flip, &f), 0);
	for (int i = 0; i < 5000; i++) {
		uint32_t status = cf_call(cf, ADD, 0, cf->pages->refs[0], 1, NULL);

		if (status == OK) {
			assert_int_equal(netgref_find(cf->grefs, f.a, true) ==
						 cf->pages->pages + PLAT_PAGE_SIZE,
					 !!netgref_find(cf->grefs, f.a, true));
			assert_int_equal(netgref_find(cf->grefs, f.b, true) ==
						 cf->pages->pages + 2 * PLAT_PAGE_SIZE,
					 !!netgref_find(cf->grefs, f.b, true));
		}
		assert_int_equal(cf_call(cf, DEL, 0, cf->pages->refs[0], 1, &data), OK);
		assert_true(memhv_mapped(cf->hv) <= 3);
	}
	f.stop = true;
	pthread_join(t, NULL);
}

/* ------------------------------------------------------------------ XSA-216 */

/* What a response leaves of a slot is zero, whatever stood there. */
static void test_xsa_216(void **state)
{
	struct ctrlfront *cf = *state;
	uint8_t *slots = cf->ring->pages + sizeof(struct ring_shared);

	for (uint32_t i = 0; i < NETIF_CTRL_RING_SLOTS; i++) {
		struct xen_netif_ctrl_response rsp;
		static const uint8_t zero[4];

		cf_put(cf, 0xaaaa, (uint16_t)(i % 12), 0xaaaaaaaau, 0xaaaaaaaau,
		       0xaaaaaaaau);
		cf_push(cf);
		rsp = cf_take(cf);
		assert_true(rsp.status <= TOO_LARGE);
		assert_true(rsp.data <= NETGREF_MAX);
		assert_memory_equal(slots + (size_t)i * NETIF_CTRL_SLOT_SIZE +
					    sizeof(rsp),
				    zero, sizeof(zero));
	}
}

/* ----------------------------------------------------- XSA-361 362 365 367 */

static uint32_t add_three(struct ctrlfront *cf)
{
	return cf_grefs(cf, ADD, 1, 3, 0, NULL);
}

static uint32_t del_three(struct ctrlfront *cf)
{
	uint32_t data, status = cf_grefs(cf, DEL, 1, 3, 0, &data);

	assert_int_equal(data, status == OK ? 3 : 0);
	return status;
}

/* The n-th map of a request fails: it is refused, whole, and works again then. */
static void test_xsa_362(void **state)
{
	struct ctrlfront *cf = *state;
	grant_ref_t page = cf->pages->refs[0];

	for (unsigned n = 1; n <= 4; n++) {
		memhv_fail_map(cf->hv, n);
		assert_int_equal(add_three(cf), INVALID);
		assert_int_equal(memhv_mapped(cf->hv), 1);
		assert_null(cf->grefs);
	}
	assert_int_equal(add_three(cf), OK);
	memhv_fail_map(cf->hv, 1);
	assert_int_equal(del_three(cf), INVALID);
	assert_int_equal(memhv_mapped(cf->hv), 4);
	assert_int_equal(del_three(cf), OK);
	assert_int_equal(memhv_mapped(cf->hv), 1);
	memhv_fail_map(cf->hv, 1);
	assert_int_equal(cf_call(cf, SET_KEY, page, 40, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_KEY, page, 40, 0, NULL), OK);
	memset(cf->pages->pages, 0, PLAT_PAGE_SIZE);
	assert_int_equal(cf_call(cf, SET_SIZE, 4, 0, 0, NULL), OK);
	memhv_fail_map(cf->hv, 1);
	assert_int_equal(cf_call(cf, SET_MAPPING, page, 1, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_MAPPING, page, 4, 0, NULL), OK);
	assert_int_equal(cf_call(cf, SET_ALG, 1, 0, 0, NULL), OK);
	assert_int_equal(cf->broken, 0);
}

/* ------------------------------------------------------------------ XSA-371 */

/* However the ring ends, no mapping stays: cf_stop() counts after each test. */
static void test_xsa_371(void **state)
{
	struct ctrlfront *cf = *state;

	for (int i = 0; i < 50; i++) {
		assert_int_equal(cf_grefs(cf, ADD, 1, 512, i & 1, NULL), OK);
		assert_int_equal(cf_attach(cf), 0);
		assert_int_equal(memhv_mapped(cf->hv), 1);
	}
	assert_int_equal(cf_grefs(cf, ADD, 1, 512, 0, NULL), OK);
	cf->free_when_broken = true;
	atomic_store(&cf->f.r.shared->req_prod, cf->f.rsp_cons - 1);
	evtchn_notify(cf->ch);
	cf_turn(cf);
	assert_true(cf->broken < 0);
	assert_int_equal(memhv_mapped(cf->hv), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_xsa_270_mapping), CASE(test_xsa_270_key_and_size),
		CASE(test_xsa_270_grefs),   CASE(test_xsa_155_mapping),
		CASE(test_xsa_155_grefs),   CASE(test_xsa_216),
		CASE(test_xsa_362),	    CASE(test_xsa_371),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
