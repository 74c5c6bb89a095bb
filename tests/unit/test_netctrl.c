/* SPDX-License-Identifier: MIT */
/*
 * netback's control ring: the messages about hashing, ids, turns, events, and
 * what ends a ring. test_netctrl_grefs.c has those about static mappings.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/ctrlfront.h"

#define OK	    XEN_NETIF_CTRL_STATUS_SUCCESS
#define UNKNOWN	    XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED
#define INVALID	    XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER
#define TOO_LARGE   XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW
#define GET_FLAGS   XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS
#define SET_FLAGS   XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS
#define SET_KEY	    XEN_NETIF_CTRL_TYPE_SET_HASH_KEY
#define GET_SIZE    XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE
#define SET_SIZE    XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE
#define SET_MAPPING XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING
#define SET_ALG	    XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM
#define ADD	    XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING

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

/* ----------------------------------------------------------------- messages */

static void test_hash(void **state)
{
	struct ctrlfront *cf = *state;
	uint32_t *map = (uint32_t *)(cf->pages->pages + PLAT_PAGE_SIZE), data;
	struct toeplitz key;

	for (uint32_t i = 0; i < 40; i++)
		cf->ro->pages[i] = (uint8_t)(i * 7 + 1);
	for (uint32_t i = 0; i < 64; i++)
		map[i] = i % QUEUES;
	assert_int_equal(cf_call(cf, GET_FLAGS, 0, 0, 0, NULL), UNKNOWN);
	assert_int_equal(cf_call(cf, SET_FLAGS, 3, 0, 0, NULL), INVALID);
	assert_int_equal(cf->hash_calls, 0);
	assert_int_equal(cf_call(cf, SET_ALG, 1, 0, 0, NULL), OK);
	assert_int_equal(cf->hash.algorithm, 1);
	assert_int_equal(cf_call(cf, GET_FLAGS, 0, 0, 0, &data), OK);
	assert_int_equal(data, 15);
	assert_int_equal(cf_call(cf, SET_FLAGS, 15, 0, 0, NULL), OK);
	assert_int_equal(cf->hash.flags, 15);
	/* pages that may only be read are good enough */
	assert_int_equal(cf_call(cf, SET_KEY, cf->ro->refs[0], 40, 0, NULL), OK);
	toeplitz_init(&key, cf->ro->pages, 40);
	assert_memory_equal(&cf->hash.key, &key, sizeof(key));
	assert_int_equal(cf_call(cf, GET_SIZE, 0, 0, 0, &data), OK);
	assert_int_equal(data, 128);
	assert_int_equal(cf_call(cf, SET_SIZE, 128, 0, 0, NULL), OK);
	assert_int_equal(cf_call(cf, SET_MAPPING, cf->pages->refs[1], 64, 64, NULL), OK);
	assert_int_equal(cf->hash.mapping_size, 128);
	for (uint32_t i = 0; i < 128; i++)
		assert_int_equal(cf->hash.mapping[i], i < 64 ? 0 : i % QUEUES);
	assert_int_equal(cf->hash_calls, 5);
	/* an empty key needs no page */
	assert_int_equal(cf_call(cf, SET_KEY, 0, 0, 0, NULL), OK);
	toeplitz_init(&key, NULL, 0);
	assert_memory_equal(&cf->hash.key, &key, sizeof(key));
	assert_int_equal(memhv_mapped(cf->hv), 1); /* the ring */
}

static void test_hash_refused(void **state)
{
	struct ctrlfront *cf = *state;
	uint32_t *map = (uint32_t *)cf->pages->pages;
	grant_ref_t ref = cf->pages->refs[0];

	assert_int_equal(cf_call(cf, SET_ALG, 2, 0, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_ALG, UINT32_MAX, 0, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_ALG, 1, 0, 0, NULL), OK);
	assert_int_equal(cf_call(cf, SET_FLAGS, 16, 0, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_KEY, ref, 41, 0, NULL), TOO_LARGE);
	assert_int_equal(cf_call(cf, SET_KEY, 0xdead, 40, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_SIZE, 129, 0, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_MAPPING, ref, 1, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_SIZE, 8, 0, 0, NULL), OK);
	assert_int_equal(cf_call(cf, SET_MAPPING, ref, 9, 0, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_MAPPING, ref, 8, 1, NULL), INVALID);
	assert_int_equal(cf_call(cf, SET_MAPPING, ref, 129, 0, NULL), TOO_LARGE);
	assert_int_equal(cf_call(cf, SET_MAPPING, 0xdead, 1, 0, NULL), INVALID);
	map[7] = QUEUES;
	assert_int_equal(cf_call(cf, SET_MAPPING, ref, 8, 0, NULL), INVALID);
	map[7] = QUEUES - 1;
	assert_int_equal(cf_call(cf, SET_MAPPING, ref, 8, 0, NULL), OK);
	assert_int_equal(cf->hash_calls, 3);
	assert_int_equal(cf->hash.mapping[7], QUEUES - 1);
}

/* Ids of any value, twice the same too; types that there are not. */
static void test_ids(void **state)
{
	static const uint16_t ids[] = { 9, 0, 0xffff, 0x8000, 9, 1 };
	static const uint16_t types[] = { 0, 11, 12, 255, 256, 0xffff };
	struct ctrlfront *cf = *state;

	for (unsigned i = 0; i < 6; i++)
		cf_put(cf, ids[i], types[i], UINT32_MAX, UINT32_MAX, UINT32_MAX);
	cf_put(cf, 3, GET_SIZE, UINT32_MAX, 1, 2);
	cf_push(cf);
	for (unsigned i = 0; i < 6; i++) {
		struct xen_netif_ctrl_response rsp = cf_take(cf);

		assert_int_equal(rsp.id, ids[i]);
		assert_int_equal(rsp.type, types[i]);
		assert_int_equal(rsp.status, UNKNOWN);
		assert_int_equal(rsp.data, 0);
	}
	assert_int_equal(cf_take(cf).data, NETHASH_MAPPING_MAX);
}

/* Many changes in one turn: the queues hear of them once. */
static void test_one_call_a_turn(void **state)
{
	struct ctrlfront *cf = *state;

	cf_turn(cf); /* the event that a binder finds */
	cf_put(cf, 1, SET_ALG, 1, 0, 0);
	cf_put(cf, 2, SET_FLAGS, 5, 0, 0);
	cf_put(cf, 3, SET_SIZE, 5, 0, 0);
	cf_push(cf);
	cf_turn(cf);
	assert_int_equal(cf_drain(cf), 3);
	assert_int_equal(cf->hash_calls, 1);
	assert_int_equal(cf->hash.flags, 5);
	assert_int_equal(cf->hash.mapping_size, 5);
}

/* -------------------------------------------------------------------- turns */

static void count_neighbour(void *arg, uint32_t events)
{
	unsigned *n = arg;

	(void)events;
	++*n;
}

/* A full ring: some at a time, and others of the loop have their turn each time. */
static void test_flood(void **state)
{
	struct ctrlfront *cf = *state;
	int other = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	unsigned neighbour = 0, got = 0;
	struct evsource *src;

	cf_turn(cf);
	assert_int_equal(evloop_add(cf->loop, other, EPOLLIN, count_neighbour, &neighbour,
				    &src),
			 0);
	for (unsigned i = 0; i < NETIF_CTRL_RING_SLOTS; i++)
		cf_put(cf, (uint16_t)i, GET_SIZE, 0, 0, 0);
	cf_push(cf);
	for (unsigned round = 1; got < NETIF_CTRL_RING_SLOTS; round++) {
		unsigned n;

		evtchn_notify(cf->ch); /* more events buy no more turns */
		cf_turn(cf);
		n = cf_drain(cf);
		assert_int_equal(n, NETCTRL_TURN);
		assert_int_equal(neighbour, round);
		got += n;
	}
	evloop_del(src);
	close(other);
	/* and idle again: nothing is left to do */
	cf_turn(cf);
	cf_turn(cf);
	assert_int_equal(cf_drain(cf), 0);
	assert_int_equal(cf_call(cf, SET_ALG, 1, 0, 0, NULL), OK);
}

/* A frontend that asks without end: its share a round, and the loop returns. */
static void test_endless(void **state)
{
	struct ctrlfront *cf = *state;

	cf_turn(cf);
	for (unsigned round = 0; round < 1000; round++) {
		while (ring_front_free(&cf->f))
			cf_put(cf, 0, SET_ALG, round & 1, 0, 0);
		cf_push(cf);
		cf_turn(cf);
		assert_int_equal(cf_drain(cf), NETCTRL_TURN);
	}
	assert_int_equal(cf->hash_calls, 1000);
}

/* All queues are called for it: one a turn. */
static void test_grefs_end_turn(void **state)
{
	struct ctrlfront *cf = *state;
	struct xen_netif_gref *list = cf_list(cf);

	cf_turn(cf);
	list[0] = (struct xen_netif_gref){ cf->pages->refs[1], 0, 0 };
	cf_put(cf, 0, GET_SIZE, 0, 0, 0);
	cf_put(cf, 1, ADD, 0, cf->pages->refs[0], 1);
	cf_put(cf, 2, GET_SIZE, 0, 0, 0);
	cf_push(cf);
	cf_turn(cf);
	assert_int_equal(cf_drain(cf), 2);
	cf_turn(cf);
	assert_int_equal(cf_drain(cf), 1);
}

/* An idle ring asks for an event, a busy one does not; none is lost. */
static void test_events(void **state)
{
	struct ctrlfront *cf = *state;

	cf_turn(cf);
	for (unsigned i = 0; i < 300; i++) {
		cf_put(cf, 1, GET_SIZE, 0, 0, 0);
		assert_true(cf_push(cf));
		cf_put(cf, 2, GET_SIZE, 0, 0, 0);
		assert_false(cf_push(cf));
		cf_turn(cf);
		assert_int_equal(cf_drain(cf), 2);
		/* ours: told only as we asked */
		assert_int_equal(ring_front_arm(&cf->f), 0);
	}
}

/* ---------------------------------------------------------------------- end */

static void check_breaks(struct ctrlfront *cf, ring_idx_t prod)
{
	atomic_store(&cf->f.r.shared->req_prod, prod);
	evtchn_notify(cf->ch);
	cf_turn(cf);
	assert_int_equal(cf->broken, -EPROTO);
	/* and nothing more is served, nor called */
	cf->broken = 0;
	atomic_store(&cf->f.r.shared->req_prod, prod + 1);
	evtchn_notify(cf->ch);
	cf_turn(cf);
	cf_turn(cf);
	assert_int_equal(cf->broken, 0);
	assert_int_equal(atomic_load(&cf->f.r.shared->rsp_prod), cf->f.rsp_cons);
}

static void test_overrun(void **state)
{
	check_breaks(*state, NETIF_CTRL_RING_SLOTS + 1);
}

static void test_backward(void **state)
{
	struct ctrlfront *cf = *state;

	assert_int_equal(cf_call(cf, SET_ALG, 1, 0, 0, NULL), OK);
	assert_int_equal(cf_call(cf, SET_ALG, 1, 0, 0, NULL), OK);
	cf->free_when_broken = true;
	check_breaks(cf, 1);
	assert_null(cf->ctrl);
	assert_int_equal(memhv_mapped(cf->hv), 0);
}

/* A backend that starts anew takes the ring up where it is. */
static void test_again(void **state)
{
	struct ctrlfront *cf = *state;

	assert_int_equal(cf_call(cf, SET_ALG, 1, 0, 0, NULL), OK);
	cf_put(cf, 7, GET_SIZE, 0, 0, 0);
	cf_push(cf);
	assert_int_equal(cf_attach(cf), 0);
	assert_int_equal(cf_take(cf).id, 7);
	assert_int_equal(cf_call(cf, GET_FLAGS, 0, 0, 0, NULL), UNKNOWN);
}

/* What cannot be attached to leaves nothing behind. */
static void test_attach_fails(void **state)
{
	struct ctrlfront *cf = *state;
	evtchn_port_t port = cf->ch->port;

	for (unsigned n = 1; n <= 2; n++) {
		memhv_fail_map(cf->hv, n);
		assert_int_equal(cf_attach(cf), -ENOMEM);
		assert_int_equal(memhv_mapped(cf->hv), 0);
	}
	cf->ch->port = 0;
	assert_int_equal(cf_attach(cf), -EINVAL);
	cf->ch->port = port;
	cf->nr_queues = 0;
	assert_int_equal(cf_attach(cf), -EINVAL);
	cf->nr_queues = QUEUES;
	atomic_store(&cf->f.r.shared->req_prod, 129);
	assert_int_equal(cf_attach(cf), -EPROTO);
	assert_int_equal(memhv_mapped(cf->hv), 0);
	atomic_store(&cf->f.r.shared->req_prod, 128);
	assert_int_equal(cf_attach(cf), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_hash),
		CASE(test_hash_refused),
		CASE(test_ids),
		CASE(test_one_call_a_turn),
		CASE(test_flood),
		CASE(test_endless),
		CASE(test_grefs_end_turn),
		CASE(test_events),
		CASE(test_overrun),
		CASE(test_backward),
		CASE(test_again),
		CASE(test_attach_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
