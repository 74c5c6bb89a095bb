/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend against libtandem: published advisories, by number. Each
 * ends with that disk's I/O failed, or with nothing at all; a second disk of
 * the same process goes on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/handback.h"
#include "tests/lib/memplat_int.h"
#include "tests/lib/platfail.h"
#include "tests/lib/storm.h"

/* ----------------------------------------------------------------- XSA-391 */

static void rewrite(void *hb)
{
	hb_state(hb, XenbusStateConnected);
}

static void notify(void *hb)
{
	evtchn_notify(((struct handback *)hb)->be.q[0].ch);
}

/* Events and watches without end: I/O goes on, and nobody burns a CPU. */
static void test_xsa_391(void **state)
{
	struct hb_pair *f = *state;
	double cpu;

	hb_up(&f->hb, NULL);
	for (unsigned kind = 0; kind < 2; kind++) {
		struct storm s;
		uint64_t start;
		double elapsed;

		start = clock_ns();
		cpu = storm_cpu(f->hb.disk->front.thread);
		storm_start(&s, kind ? rewrite : notify, &f->hb);
		for (unsigned i = 0; i < 200; i++) {
			hb_check_works(&f->hb);
			usleep(1000);
		}
		assert_true(storm_stop(&s) > 1000);
		cpu = storm_cpu(f->hb.disk->front.thread) - cpu;
		elapsed = (double)(clock_ns() - start) / 1e9;
		if (cpu > elapsed / 2) /* unpaced it is all of it */
			fail_msg("the control thread took %.2f s of %.2f", cpu, elapsed);
	}
}

/* ----------------------------------------------------------------- XSA-396 */

/* A page that the backend keeps mapped is never given a second use. */
static void test_xsa_396(void **state)
{
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;
	struct blkif_req req;
	struct tandem_io io;
	struct gnttab_mapper *mapper; /* outlives the connection */
	uint8_t *buf;
	void *kept;

	hb_up(hb, NULL);
	buf = tandem_alloc(hb->disk, 4096);
	hb_submit(hb, &io, 0, buf);
	assert_true(hb_take(hb, 0, &req));
	assert_int_equal(gnttab_mapper_new(hb->be.be, RAWBE_FRONT, &mapper), 0);
	assert_int_equal(gnttab_map_refs(mapper, &req.seg[0].gref, 1, GNTTAB_WRITE,
					 &kept),
			 0);
	hb_okay(hb, 0, &req);
	assert_int_equal(hb_finish(hb, &io), 0);
	memset(kept, 0, 4096);
	hb_again(hb);
	/* opened again: secrets go through other pages */
	hb_up(hb, NULL);
	for (unsigned i = 0; i < 64; i++)
		memset(tandem_alloc(hb->disk, 65536), 's', 65536);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(((uint8_t *)kept)[i], 0);
	memset(kept, 'k', 4096); /* still the backend's own */
	gnttab_unmap_refs(mapper, &req.seg[0].gref, 1, GNTTAB_WRITE, &kept);
	gnttab_mapper_free(mapper);
	hb_check_works(hb);
}

/* ----------------------------------------------------------------- XSA-403 */

static const char canary[8] = "CaNaRy!";

static void no_canary(struct memhv *hv)
{
	assert_int_equal(memhv_search(hv, RAWBE_FRONT, canary, sizeof(canary)), 0);
}

/* No granted byte holds anything but this disk's data. */
static void test_xsa_403(void **state)
{
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;
	struct blkif_req req;
	struct tandem_io io;
	uint8_t *heap[64], *buf;

	/* memory that was used and freed, and what stands around the buffer */
	for (unsigned i = 0; i < 64; i++) {
		heap[i] = malloc(65536);
		for (unsigned k = 0; k < 65536; k += sizeof(canary))
			memcpy(heap[i] + k, canary, sizeof(canary));
	}
	buf = heap[0];
	for (unsigned i = 1; i < 64; i++)
		free(heap[i]);
	hb_up(hb, NULL);
	no_canary(hb->be.hv);
	for (unsigned len = 512; len <= 8192; len += 512) {
		uint8_t *at = buf + 4096 + len + 3;

		memset(at, 'd', len);
		io = (struct tandem_io){ .op = TANDEM_WRITE, .buf = at, .len = len };
		assert_int_equal(tandem_submit(tandem_queue(hb->disk, 0), &io), 0);
		tandem_kick(tandem_queue(hb->disk, 0));
		assert_true(hb_take(hb, 0, &req));
		no_canary(hb->be.hv);
		hb_okay(hb, 0, &req);
		assert_int_equal(hb_finish(hb, &io), 0);
		for (unsigned k = 0; k < len + 16; k++)
			at[k] = (uint8_t)canary[k % sizeof(canary)];
		/* a failed read brings nothing, and takes nothing along */
		io = (struct tandem_io){ .op = TANDEM_READ, .buf = at, .len = len };
		assert_int_equal(tandem_submit(tandem_queue(hb->disk, 0), &io), 0);
		tandem_kick(tandem_queue(hb->disk, 0));
		assert_true(hb_take(hb, 0, &req));
		hb_answer(hb, 0, req.id, req.operation, BLKIF_RSP_ERROR);
		assert_int_equal(hb_finish(hb, &io), -EIO);
		assert_int_equal(at[0], canary[0]);
		no_canary(hb->be.hv);
	}
	free(buf);
}

/* --------------------------------------------------------- XSA-441, 457, 465 */

/* Closed by us in the middle of a storm, again and again. */
static void test_xsa_441_457_465_close(void **state)
{
	struct hb_pair *f = *state;

	for (unsigned i = 0; i < 20; i++) {
		struct storm s;

		hb_up(&f->hb, NULL);
		storm_start(&s, i & 1 ? rewrite : notify, &f->hb);
		usleep(500);
		front_stop(&f->hb.disk->front); /* what tandem_close() does first */
		(void)storm_stop(&s);
		hb_again(&f->hb);
	}
}

/* Each allocation fails once: at opening, and at a reconnect. */
static void test_xsa_441_457_465_memory(void **state)
{
	const struct tandem_opts opts = { .queues = 2 };
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;
	bool more = true;

	for (int n = 1; more; n++) {
		platfail_in(n);
		hb_open(hb, &opts);
		hb_state(hb, XenbusStateInitWait);
		for (int i = 0; i < 50000 && !platfail_done() &&
				hb_get(hb, "state") != XenbusStateInitialised;
		     i++)
			usleep(100);
		more = platfail_done();
		if (more) {
			assert_int_equal(hb_opened(hb), -ENOMEM);
			hb_state(hb, XenbusStateInitialising);
			continue;
		}
		hb_map(hb);
		hb_state(hb, XenbusStateConnected);
		assert_int_equal(hb_opened(hb), 0);
	}
	platfail_in(2); /* the second queue's ring, at a reconnect */
	hb_drop(hb);
	hb_state(hb, XenbusStateClosed);
	hb_wait_front(hb, XenbusStateInitialising);
	hb_state(hb, XenbusStateInitWait);
	hb_wait_front(hb, XenbusStateClosed);
	assert_int_equal(tandem_flush(hb->disk), -ENOMEM);
	platfail_in(0);
}

static unsigned count_arenas(struct memhv *hv)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MEM_ARENAS; i++)
		n += hv->arena[i] != NULL;
	return n;
}

/* Every state of the backend at every step; afterwards it behaves. */
static void test_xsa_441_457_465_states(void **state)
{
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;
	unsigned arenas = 0;

	hb_up(hb, NULL);
	hb_check_works(hb);
	arenas = count_arenas(hb->be.hv);
	for (unsigned step = 0; step < 3; step++) {
		for (unsigned s = 0; s <= 9; s++) {
			/* connected; InitWait seen; published */
			if (step) {
				hb_drop(hb);
				hb_state(hb, XenbusStateClosed);
				hb_wait_front(hb, XenbusStateInitialising);
			}
			if (step == 2) {
				hb_state(hb, XenbusStateInitWait);
				hb_wait_front(hb, XenbusStateInitialised);
			}
			hb_setn(hb, "state", s);
			usleep(3000);
			hb_drop(hb);
			hb_state(hb, XenbusStateClosed);
			hb_wait_front(hb, XenbusStateInitialising);
			hb_connect(hb);
			hb_check_works(hb);
			assert_int_equal(count_arenas(hb->be.hv), arenas);
		}
	}
}

/* States that flip as fast as they can be written, then a backend that works. */
static void test_xsa_441_457_465_flips(void **state)
{
	struct hb_pair *f = *state;
	struct handback *hb = &f->hb;
	uint32_t seed = 7;
	double cpu;

	hb_up(hb, NULL);
	hb_drop(hb);
	cpu = storm_cpu(hb->disk->front.thread);
	for (unsigned i = 0; i < 20000; i++) {
		seed = seed * 1664525u + 1013904223u;
		hb_setn(hb, "state", (seed >> 24) % 7);
	}
	cpu = storm_cpu(hb->disk->front.thread) - cpu;
	if (cpu > 2)
		fail_msg("the control thread took %.2f s", cpu);
	hb_state(hb, XenbusStateClosed);
	hb_wait_front(hb, XenbusStateInitialising);
	hb_connect(hb);
	hb_check_works(hb);
	assert_in_range(count_arenas(hb->be.hv), 1, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_xsa_391, hb_pair_setup,
						hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_396, hb_pair_setup,
						hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_403, hb_pair_setup,
						hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_441_457_465_close, hb_pair_setup,
						hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_441_457_465_memory,
						hb_pair_setup, hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_441_457_465_states,
						hb_pair_setup, hb_pair_teardown),
		cmocka_unit_test_setup_teardown(test_xsa_441_457_465_flips, hb_pair_setup,
						hb_pair_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
