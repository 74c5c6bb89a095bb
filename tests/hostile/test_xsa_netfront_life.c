/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend against netfront, what lasts: storms, pages that it keeps,
 * what it finds in them, states at any moment, memory that is not there.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/log.h"
#include "tests/lib/nethand.h"
#include "tests/lib/platfail.h"
#include "tests/lib/storm.h"

/* ----------------------------------------------------------------- XSA-391 */

static void rewrite(void *nh)
{
	nh_state(nh, XenbusStateConnected);
}

static void notify(void *nh)
{
	evtchn_notify(((struct nethand *)nh)->q[0].rx_ch);
}

/* Who waits for packets that never come, while events do. */
static void *waiter(void *arg)
{
	struct nethand *nh = arg;
	double *cpu = malloc(sizeof(*cpu));

	tandem_net_look(tandem_net_queue(nh->net, 0), 0);
	assert_int_equal(tandem_net_wait(tandem_net_queue(nh->net, 0), TANDEM_NET_RX,
					 400000),
			 0);
	*cpu = storm_cpu(pthread_self());
	return cpu;
}

/* Events and watches without end: nobody burns a CPU. */
static void test_xsa_391(void **state)
{
	const struct tandem_net_opts opts = { .poll_us = TANDEM_NET_POLL_NEVER };
	struct nethand *nh = *state;

	nh_up(nh, &opts);
	for (unsigned kind = 0; kind < 2; kind++) {
		struct storm s;
		pthread_t w;
		double *waited, control;
		uint64_t sleeps = nh->net->queues[0].stats.sleeps;

		control = storm_cpu(nh->net->front.thread);
		storm_start(&s, kind ? rewrite : notify, nh);
		pthread_create(&w, NULL, waiter, nh);
		pthread_join(w, (void **)&waited);
		control = storm_cpu(nh->net->front.thread) - control;
		assert_true(storm_stop(&s) > 1000);
		if (control > 0.25 || *waited > 0.1)
			fail_msg("control %.2f s, waiter %.2f s", control, *waited);
		/* ten a millisecond at most */
		assert_in_range(nh->net->queues[0].stats.sleeps - sleeps, 1, 5000);
		free(waited);
		nh_check_works(nh);
	}
}

/* ----------------------------------------------------------------- XSA-396 */

/* A page that the backend keeps mapped is never given a second use. */
static void test_xsa_396(void **state)
{
	struct nethand *nh = *state;
	struct netif_rx_request req;
	struct tandem_net_queue *q;
	static struct tandem_net_pkt room[128];
	void *kept;

	nh_up(nh, NULL);
	assert_true(nh_rx_take(nh, 0, &req));
	assert_int_equal(gnttab_map_refs(nh->mapper, &req.gref, 1, GNTTAB_WRITE, &kept),
			 0);
	nh_over(nh);
	memset(kept, 0, 4096);
	/* opened again: secrets go through other pages */
	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	assert_int_equal(tandem_net_room(q, room, 128, 4096), 128);
	for (unsigned i = 0; i < 128; i++) {
		memset(room[i].iov[0].iov_base, 's', 4096);
		room[i].len = 0;
	}
	tandem_net_commit(q, room, 128);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(((uint8_t *)kept)[i], 0);
	memset(kept, 'k', 4096); /* still the backend's own */
	gnttab_unmap_refs(nh->mapper, &req.gref, 1, GNTTAB_WRITE, &kept);
	nh_check_works(nh);
}

/* ----------------------------------------------------------------- XSA-403 */

static const char canary[8] = "CaNaRy!";

static void no_canary(struct memhv *hv)
{
	assert_int_equal(memhv_search(hv, NH_FE, canary, sizeof(canary)), 0);
}

/* No granted byte holds anything but this vif's packets; those that are sent
 * cannot be written, and those that come lie apart. */
static void test_xsa_403(void **state)
{
	struct nethand *nh = *state;
	struct tandem_net_queue *q;
	struct netif_pkt p;
	uint8_t *heap[64], *buf;
	void *addr;

	/* memory that was used and freed, and what stands around the packet */
	for (unsigned i = 0; i < 64; i++) {
		heap[i] = malloc(65536);
		for (unsigned k = 0; k < 65536; k += sizeof(canary))
			memcpy(heap[i] + k, canary, sizeof(canary));
	}
	buf = heap[0];
	for (unsigned i = 1; i < 64; i++)
		free(heap[i]);
	nh_up(nh, NULL);
	q = tandem_net_queue(nh->net, 0);
	no_canary(nh->hv);
	for (uint32_t len = 14; len < 20000; len = len * 5 / 4 + 1) {
		struct iovec iov = { buf + 4099, len };

		memset(iov.iov_base, 'd', len);
		assert_int_equal(tandem_net_send(q, &iov, 1, NULL), 0);
		tandem_net_kick(q);
		assert_int_equal(nh_tx_take(nh, 0, &p), 0);
		no_canary(nh->hv);
		for (unsigned i = 0; i < p.nr_slots; i++)
			assert_int_equal(gnttab_map_refs(nh->mapper, &p.slot[i].gref, 1,
							 GNTTAB_WRITE, &addr),
					 -EACCES);
		nh_tx_okay(nh, 0, &p);
		for (unsigned k = 0; k < len + 16; k++)
			buf[4099 + k] = (uint8_t)canary[(4099 + k) % sizeof(canary)];
	}
	free(buf);
	nh_check_works(nh);
}

/* --------------------------------------------------------- XSA-441, 457, 465 */

/* Closed by us in the middle of a storm, again and again. */
static void test_xsa_441_457_465_close(void **state)
{
	struct nethand *nh = *state;

	for (unsigned i = 0; i < 20; i++) {
		struct storm s;

		nh_up(nh, NULL);
		storm_start(&s, i & 1 ? rewrite : notify, nh);
		usleep(500);
		front_stop(&nh->net->front); /* what tandem_net_close() does first */
		(void)storm_stop(&s);
		nh_over(nh);
	}
}

/* Each allocation fails once: at opening, then at a reconnect. */
static void test_xsa_441_457_465_memory(void **state)
{
	const struct tandem_net_opts opts = { .queues = 2 };
	struct nethand *nh = *state;
	bool more = true;

	nh_set(nh, "feature-ctrl-ring", "1");
	for (int n = 1; more; n++) {
		assert_in_range(n, 1, 20);
		platfail_in(n);
		nh_open(nh, &opts);
		nh_state(nh, XenbusStateInitWait);
		for (int i = 0; i < 50000 && !platfail_done() &&
				nh_get(nh, "state") != XenbusStateConnected;
		     i++)
			usleep(100);
		more = platfail_done();
		if (more) {
			assert_int_equal(nh_opened(nh), -ENOMEM);
			nh_state(nh, XenbusStateInitialising);
			continue;
		}
		platfail_in(0);
		nh_map(nh);
		nh_state(nh, XenbusStateConnected);
		assert_int_equal(nh_opened(nh), 0);
	}
	nh_check_works(nh);
	platfail_in(2);
	nh_drop(nh);
	nh_state(nh, XenbusStateClosed);
	nh_wait_front(nh, XenbusStateInitialising);
	nh_state(nh, XenbusStateInitWait);
	nh_wait_front(nh, XenbusStateClosed);
	assert_int_equal(tandem_net_error(nh->net), -EIO);
	platfail_in(0);
}

static size_t heap_in_use(void)
{
	return mallinfo2().uordblks;
}

/* Every state after every other, at every step of ours: bounded memory, and an
 * honest backend is met in the end. */
static void test_xsa_441_457_465_states(void **state)
{
	struct nethand *nh = *state;
	size_t before = 0;

	for (unsigned round = 0; round < 3; round++) {
		nh_up(nh, NULL);
		for (unsigned a = 0; a < 9; a++)
			for (unsigned b = 0; b < 9; b++) {
				nh_state(nh, (enum xenbus_state)a);
				usleep(200);
				nh_state(nh, (enum xenbus_state)b);
				usleep(200);
			}
		nh_drop(nh);
		nh_state(nh, XenbusStateClosed);
		nh_wait_front(nh, XenbusStateInitialising);
		nh_connect(nh);
		nh_wait_front(nh, XenbusStateConnected);
		nh_check_works(nh);
		nh_over(nh);
		if (round == 1)
			before = heap_in_use();
	}
	if (heap_in_use() > before + 65536)
		fail_msg("%zu bytes more", heap_in_use() - before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_xsa_391, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_396, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_403, nh_setup, nh_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_441_457_465_close, nh_setup,
						nh_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_441_457_465_memory, nh_setup,
						nh_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_441_457_465_states, nh_setup,
						nh_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
