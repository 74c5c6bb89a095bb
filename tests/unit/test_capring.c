/* SPDX-License-Identifier: MIT */
/* The ring of captured packets: both ends, and each against a hostile other. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ringproto/capring.h"

#define PAGES	3u
#define RING	((PAGES - 1) * CAPRING_PAGE_SIZE)
#define SNAPLEN 1000u

struct rig {
	uint8_t *pages;
	struct capring_writer w;
	struct capring_reader r;
};

static int setup(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));

	assert_non_null(g);
	g->pages = aligned_alloc(CAPRING_PAGE_SIZE, PAGES * CAPRING_PAGE_SIZE);
	assert_non_null(g->pages);
	memset(g->pages, 0, PAGES * CAPRING_PAGE_SIZE);
	assert_int_equal(capring_writer_init(&g->w, g->pages, PAGES, SNAPLEN), 0);
	assert_int_equal(capring_reader_init(&g->r, g->pages, PAGES, SNAPLEN), 0);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct rig *g = *state;

	free(g->pages);
	free(g);
	return 0;
}

/* A packet whose bytes follow from its number. */
static bool write_one(struct capring_writer *w, uint32_t n, uint32_t len, bool *told)
{
	uint8_t bytes[2000];

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(n * 7 + i);
	if (!capring_begin(w, len, n & 1, n))
		return false;
	capring_add(w, bytes, len / 3); /* in two pieces */
	capring_add(w, bytes + len / 3, len - len / 3);
	*told = capring_end(w);
	return true;
}

static void expect_one(struct capring_reader *r, uint32_t n, uint32_t len)
{
	struct capring_record rec = { 0 };
	uint8_t buf[SNAPLEN];

	assert_int_equal(capring_take(r, &rec, buf), 1);
	assert_int_equal(rec.len, len);
	assert_int_equal(rec.caplen, len < SNAPLEN ? len : SNAPLEN);
	assert_int_equal(rec.ns, n);
	assert_int_equal(rec.direction, n & 1);
	for (uint32_t i = 0; i < rec.caplen; i++)
		if (buf[i] != (uint8_t)(n * 7 + i))
			fail_msg("packet %u, byte %u", n, i);
}

static void test_bounds(void **state)
{
	struct rig *g = *state;

	assert_int_equal(capring_writer_init(&g->w, g->pages, 1, 1), -EINVAL);
	assert_int_equal(capring_writer_init(&g->w, g->pages, 258, 1), -EINVAL);
	assert_int_equal(capring_writer_init(&g->w, g->pages, 2, 0), -EINVAL);
	assert_int_equal(capring_writer_init(&g->w, g->pages, 2, 65536), -EINVAL);
	assert_int_equal(capring_reader_init(&g->r, g->pages, 1, 1), -EINVAL);
	assert_int_equal(capring_reader_init(&g->r, g->pages, 2, 65536), -EINVAL);
}

/* Every length goes round the end, and longer ones are cut. */
static void test_lengths(void **state)
{
	struct rig *g = *state;
	bool told;

	for (uint32_t n = 0; n < 1500; n++) {
		assert_true(write_one(&g->w, n, n, &told));
		expect_one(&g->r, n, n);
	}
	assert_true(g->r.cons > 50 * RING);
	assert_int_equal(capring_drops(&g->r), 0);
}

static void test_full(void **state)
{
	struct rig *g = *state;
	uint32_t n = 0, fit = RING / 128; /* 104 bytes and the header */
	struct capring_record rec = { 0 };
	uint8_t buf[SNAPLEN];
	bool told;

	while (write_one(&g->w, n, 104, &told))
		n++;
	assert_int_equal(n, fit);
	assert_int_equal(capring_drops(&g->r), 1);
	assert_false(write_one(&g->w, n, 0, &told));
	assert_int_equal(capring_drops(&g->r), 2);
	expect_one(&g->r, 0, 104);
	assert_true(write_one(&g->w, fit, 104, &told)); /* into the room of that one */
	for (n = 1; n <= fit; n++)
		expect_one(&g->r, n, 104);
	assert_int_equal(capring_take(&g->r, &rec, buf), 0);
}

/* Bytes that the writer never adds are zeros, too many are passed over. */
static void test_pieces(void **state)
{
	struct rig *g = *state;
	struct capring_record rec = { 0 };
	uint8_t buf[SNAPLEN];

	memset(g->pages + CAPRING_PAGE_SIZE, 0xaa, RING);
	assert_true(capring_begin(&g->w, 300, 0, 1));
	capring_add(&g->w, "abc", 3);
	(void)capring_end(&g->w);
	assert_true(capring_begin(&g->w, 2, 0, 2));
	capring_add(&g->w, "abc", 3);
	capring_add(&g->w, "def", 3);
	(void)capring_end(&g->w);
	assert_int_equal(capring_take(&g->r, &rec, buf), 1);
	assert_memory_equal(buf, "abc\0\0\0", 6);
	for (int i = 3; i < 300; i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(capring_take(&g->r, &rec, buf), 1);
	assert_int_equal(rec.caplen, 2);
	assert_memory_equal(buf, "ab", 2);
	assert_int_equal(capring_take(&g->r, &rec, buf), 0);
}

static void test_events(void **state)
{
	struct rig *g = *state;
	bool told;

	assert_false(capring_sleep(&g->r));
	assert_true(write_one(&g->w, 0, 100, &told));
	assert_true(told);
	assert_true(write_one(&g->w, 1, 100, &told));
	assert_false(told); /* once is enough */
	assert_true(capring_sleep(&g->r));
	expect_one(&g->r, 0, 100);
	expect_one(&g->r, 1, 100);
	assert_true(write_one(&g->w, 2, 100, &told));
	assert_false(told); /* the reader is awake */
	expect_one(&g->r, 2, 100);
	assert_false(capring_sleep(&g->r));
	assert_true(write_one(&g->w, 3, 0, &told));
	assert_true(told);
}

/* A writer that waits is told when there is as much room as it wanted, once. */
static void test_room(void **state)
{
	const uint32_t room = (uint32_t)capring_room(1000);
	struct rig *g = *state;
	uint32_t put = 0;
	bool told;

	assert_int_equal(capring_room_sleep(&g->w, RING), 1);
	while (capring_room_sleep(&g->w, room) == 1)
		assert_true(write_one(&g->w, put++, 1000, &told));
	assert_int_equal(put, RING / room);
	assert_int_equal(capring_drops(&g->r), 0);
	assert_false(capring_freed(&g->r)); /* nothing was taken */
	assert_int_equal(capring_room_sleep(&g->w, 3 * room), 0);
	expect_one(&g->r, 0, 1000);
	assert_false(capring_freed(&g->r));
	expect_one(&g->r, 1, 1000);
	expect_one(&g->r, 2, 1000);
	assert_true(capring_freed(&g->r));
	assert_false(capring_freed(&g->r));
	expect_one(&g->r, 3, 1000);
	assert_false(capring_freed(&g->r)); /* the writer is awake */
	assert_int_equal(capring_room_sleep(&g->w, 4 * room), 1);
	assert_int_equal(capring_room_sleep(&g->w, RING), 0);
	for (uint32_t n = 4; n < put; n++)
		expect_one(&g->r, n, 1000);
	assert_true(capring_freed(&g->r));
	assert_int_equal(capring_room_sleep(&g->w, RING), 1);
}

/* Another reader goes on where the one before it ended. */
static void test_next_reader(void **state)
{
	struct rig *g = *state;
	bool told;

	for (uint32_t n = 0; n < 5; n++)
		assert_true(write_one(&g->w, n, 300, &told));
	expect_one(&g->r, 0, 300);
	expect_one(&g->r, 1, 300);
	capring_refuse(&g->r);
	memset(&g->r, 0, sizeof(g->r));
	assert_int_equal(capring_reader_init(&g->r, g->pages, PAGES, SNAPLEN), 0);
	capring_refuse(&g->r);
	for (uint32_t n = 2; n < 5; n++)
		expect_one(&g->r, n, 300);
	assert_false(capring_sleep(&g->r));
	assert_int_equal(capring_refused(&g->w), 2);
}

/* A queue that finds the ring in use, and not free again soon, drops. */
static void test_busy(void **state)
{
	struct rig *g = *state;
	bool told;

	assert_true(capring_begin(&g->w, 10, 0, 0));
	assert_false(write_one(&g->w, 1, 10, &told));
	assert_int_equal(capring_drops(&g->r), 1);
	(void)capring_end(&g->w);
	assert_true(write_one(&g->w, 2, 10, &told));
}

/* ------------------------------------------------------------------- hostile */

static void put_record(struct rig *g, uint32_t len, uint32_t caplen, uint8_t direction,
		       uint64_t prod)
{
	struct capring_record rec = { .len = len,
				      .caplen = caplen,
				      .direction = direction };

	memcpy(g->pages + CAPRING_PAGE_SIZE, &rec, sizeof(rec));
	g->w.shared->prod = prod;
}

static void test_hostile_writer(void **state)
{
	static const struct {
		uint32_t len, caplen;
		uint8_t direction;
		uint64_t prod;
	} bad[] = {
		{ 8, 8, 0, RING + 8 },
		{ 8, 8, 0, UINT64_MAX },
		{ 8, 8, 0, 16 },
		{ 8, 8, 0, 33 },
		{ 8, 16, 0, 40 },
		{ 2000, SNAPLEN + 1, 0, 2048 },
		{ 65536, 8, 0, 32 },
		{ 8, 8, 2, 32 },
		{ 8, 8, 0, 24 },
		{ SNAPLEN, SNAPLEN, 0, 1000 },
		{ UINT32_MAX, UINT32_MAX, 0, 32 },
		{ 8, 8, 255, 32 },
	};
	struct rig *g = *state;
	struct capring_record rec = { 0 };
	uint8_t buf[SNAPLEN];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_record(g, bad[i].len, bad[i].caplen, bad[i].direction, bad[i].prod);
		if (capring_take(&g->r, &rec, buf) != -EPROTO)
			fail_msg("row %zu is believed", i);
		assert_int_equal(g->r.cons, 0);
	}
	put_record(g, 8, 8, 1, 32);
	assert_int_equal(capring_take(&g->r, &rec, buf), 1);
	g->w.shared->prod = 24; /* backward */
	assert_int_equal(capring_take(&g->r, &rec, buf), -EPROTO);
}

/* The writer keeps its own position, and drops when the reader's is nonsense. */
static void test_hostile_reader(void **state)
{
	static const uint64_t cons[] = { 1, UINT64_MAX, UINT64_MAX - RING, 1ull << 63 };
	struct rig *g = *state;
	bool told;

	for (size_t i = 0; i < sizeof(cons) / sizeof(*cons); i++) {
		g->r.shared->cons = cons[i];
		g->r.shared->prod = cons[i];
		for (int k = 0; k < 100; k++)
			(void)write_one(&g->w, 1, 999, &told);
		assert_true(g->w.prod <= RING + 2000);
	}
	assert_true(capring_drops(&g->r) > 300);
	g->r.shared->cons = g->w.prod + 8;
	assert_int_equal(capring_room_sleep(&g->w, 100), -EPROTO);
	g->r.shared->cons = g->w.prod - RING - 8;
	assert_int_equal(capring_room_sleep(&g->w, 100), -EPROTO);
}

/* ------------------------------------------------------------------- threads */

#define WRITERS 3
#define EACH	20000u

static _Atomic unsigned running;

static void *writer(void *arg)
{
	struct rig *g = arg;
	bool told;

	for (uint32_t n = 0; n < EACH; n++) {
		(void)write_one(&g->w, n, n % 700, &told);
		if (n % 64 == 0)
			sched_yield();
	}
	running--;
	return NULL;
}

static void test_threads(void **state)
{
	struct rig *g = *state;
	pthread_t t[WRITERS];
	struct capring_record rec = { 0 };
	uint8_t buf[SNAPLEN];
	uint64_t got = 0;
	int ret;

	running = WRITERS;
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, writer, g), 0);
	do {
		bool last = !running;

		while ((ret = capring_take(&g->r, &rec, buf)) > 0) {
			uint32_t n = (uint32_t)rec.ns;

			assert_int_equal(rec.len, n % 700);
			for (uint32_t i = 0; i < rec.caplen; i++)
				if (buf[i] != (uint8_t)(n * 7 + i))
					fail_msg("packet %u, byte %u", n, i);
			got++;
		}
		assert_int_equal(ret, 0);
		if (last)
			break;
		sched_yield();
	} while (true);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	assert_true(got > 0);
	assert_int_equal(got + capring_drops(&g->r), WRITERS * EACH);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_bounds),	   TEST(test_lengths), TEST(test_full),
		TEST(test_pieces),	   TEST(test_events),  TEST(test_room),
		TEST(test_next_reader),	   TEST(test_busy),    TEST(test_hostile_writer),
		TEST(test_hostile_reader), TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
