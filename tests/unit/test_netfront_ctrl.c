/* SPDX-License-Identifier: MIT */
/* netfront's control ring: the hash, and pages that stay mapped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/nethand.h"

static int setup(void **state)
{
	(void)nh_setup(state);
	nh_set(*state, "feature-ctrl-ring", "1");
	return 0;
}

/* Takes the next request, which is of that type, and answers it. */
static struct xen_netif_ctrl_request expect(struct nethand *nh, uint16_t type,
					    uint32_t status, uint32_t data)
{
	struct xen_netif_ctrl_request req;

	assert_true(nh_ctrl_take(nh, &req));
	assert_int_equal(req.type, type);
	nh_ctrl_answer(nh, req.id, req.type, status, data);
	return req;
}

/* No more comes, and info says what it should. */
static void settled(struct nethand *nh, bool hash, unsigned staged)
{
	struct tandem_net_info info;

	for (int i = 0; i < 50000; i++) {
		tandem_net_get_info(nh->net, &info);
		if (info.hash == hash && info.staged == staged)
			break;
		usleep(100);
	}
	assert_int_equal(info.hash, hash);
	assert_int_equal(info.staged, staged);
	usleep(2000);
	assert_int_equal(ring_back_avail(&nh->ctrl), 0);
	nh_check_works(nh);
}

/* Which grants the table names, and that each is there once. */
static void check_table(struct nethand *nh, const struct xen_netif_ctrl_request *req)
{
	const struct xen_netif_gref *g = (void *)nh_page(nh, req->data[1], GNTTAB_WRITE);
	uint32_t n = req->data[2];

	assert_in_range(n, 1, 512);
	for (uint32_t i = 0; i < n; i++) {
		bool ro = g[i].flags & XEN_NETIF_CTRLF_GREF_readonly;

		assert_int_equal(ro, i >= 256);
		assert_non_null(nh_page(nh, g[i].ref, ro ? GNTTAB_READ : GNTTAB_WRITE));
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(g[k].ref, g[i].ref);
	}
}

static void test_staging(void **state)
{
	static const uint32_t limits[] = { 512, 100, 100000, 0 };
	const struct tandem_net_opts opts = { .queues = 2 };
	struct nethand *nh = *state;
	struct xen_netif_ctrl_request req;

	nh_up(nh, &opts);
	for (unsigned round = 0; round < 4; round++) {
		uint32_t n = limits[round] < 512 ? limits[round] : 512;

		for (unsigned q = 0; q < 2; q++) {
			req = expect(nh, XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0,
				     limits[round]);
			assert_int_equal(req.data[0], q);
			if (!n)
				continue;
			assert_true(nh_ctrl_take(nh, &req));
			assert_int_equal(req.type, XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING);
			assert_int_equal(req.data[0], q);
			assert_int_equal(req.data[2], n);
			check_table(nh, &req);
			nh_ctrl_answer(nh, req.id, req.type, 0, 0);
		}
		settled(nh, false, 2 * n);
		if (round < 3)
			nh_again(nh);
	}
}

/* A backend that refuses is done without. */
static void test_staging_refused(void **state)
{
	struct nethand *nh = *state;

	nh_up(nh, NULL);
	expect(nh, XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 1, 512);
	settled(nh, false, 0);
	nh_again(nh);
	expect(nh, XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0, 64);
	expect(nh, XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, 2, 0);
	settled(nh, false, 0);
}

static void expect_key(struct nethand *nh)
{
	struct xen_netif_ctrl_request req;
	uint8_t zero[40] = { 0 };

	assert_true(nh_ctrl_take(nh, &req));
	assert_int_equal(req.type, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY);
	assert_int_equal(req.data[1], 40);
	assert_memory_not_equal(nh_page(nh, req.data[0], GNTTAB_READ), zero, 40);
	nh_ctrl_answer(nh, req.id, req.type, 0, 0);
}

static void expect_mapping(struct nethand *nh, uint32_t entries)
{
	struct xen_netif_ctrl_request req;
	const uint32_t *map;

	req = expect(nh, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, 0, 0);
	assert_int_equal(req.data[0], entries);
	assert_true(nh_ctrl_take(nh, &req));
	assert_int_equal(req.type, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING);
	assert_int_equal(req.data[1], entries);
	assert_int_equal(req.data[2], 0);
	map = (void *)nh_page(nh, req.data[0], GNTTAB_READ);
	for (uint32_t i = 0; i < entries; i++)
		assert_int_equal(map[i], i % 3);
	nh_ctrl_answer(nh, req.id, req.type, 0, 0);
}

static void test_hash(void **state)
{
	const struct tandem_net_opts opts = { .queues = 3,
					      .hash = true,
					      .no_staging = true };
	struct nethand *nh = *state;
	struct xen_netif_ctrl_request req;

	nh_up(nh, &opts);
	for (unsigned round = 0; round < 3; round++) {
		uint32_t max = round == 0 ? 2048 : round == 1 ? 64 : 0;

		req = expect(nh, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 0, 0);
		assert_int_equal(req.data[0], XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);
		expect_key(nh);
		expect(nh, XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE, 0, max);
		if (max)
			expect_mapping(nh, max < 128 ? max : 128);
		expect(nh, XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, 0, 0xfffffff7);
		req = expect(nh, XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, 0, 0);
		assert_int_equal(req.data[0], 7);
		settled(nh, true, 0);
		if (round < 2)
			nh_again(nh);
	}
}

/* Refused at each step: no hash, and staging comes next all the same. */
static void test_hash_refused(void **state)
{
	const struct tandem_net_opts opts = { .queues = 2, .hash = true };
	struct nethand *nh = *state;
	struct xen_netif_ctrl_request req;

	nh_up(nh, &opts);
	for (unsigned at = 0; at < 7; at++) {
		for (unsigned i = 0; i <= at; i++) {
			assert_true(nh_ctrl_take(nh, &req));
			nh_ctrl_answer(nh, req.id, req.type, i == at ? 1 + at % 3 : 0,
				       128);
		}
		for (unsigned q = 0; q < 2; q++)
			expect(nh, XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, 0, 0);
		settled(nh, false, 0);
		if (at < 6)
			nh_again(nh);
	}
}

/* Nothing is asked, nothing offered, or nobody answers. */
static void test_without(void **state)
{
	const struct tandem_net_opts none = { .no_ctrl = true, .hash = true };
	const struct tandem_net_opts idle = { .no_staging = true };
	struct nethand *nh = *state;

	nh_up(nh, &none);
	assert_int_equal(nh_get(nh, "ctrl-ring-ref"), -1);
	nh_check_works(nh);
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	tandem_net_close(nh->net);
	nh->net = NULL;
	nh_state(nh, XenbusStateInitialising);
	nh_up(nh, &idle);
	assert_int_equal(nh_get(nh, "ctrl-ring-ref"), -1);
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	tandem_net_close(nh->net);
	nh->net = NULL;
	nh_state(nh, XenbusStateInitialising);
	nh_up(nh, NULL); /* the question stays open */
	nh_check_works(nh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_staging, setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_staging_refused, setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_hash, setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_hash_refused, setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_without, setup, nh_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
