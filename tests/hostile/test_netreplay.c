/* SPDX-License-Identifier: MIT */
/*
 * A hostile writer of a vif's replay: it may harm neither the backend nor the vif's
 * neighbour, whatever stands in its pages and keys. And a guest that takes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/replayer.h"
#include "tests/lib/vifpair.h"

#define MS 1000000ull

static struct vifpair vp;
static struct replayer rp;
static uint8_t buf[65536];

static int setup_flags(unsigned flags)
{
	vifpair_start(&vp, NULL, "test", "tape", NULL, flags);
	replayer_open(&rp, &vp.rb, VP_BAD);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_flags(RV_SPLIT | RV_GSO);
}

static int setup_empty(void **state)
{
	(void)state;
	return setup_flags(RV_SPLIT | RV_EMPTY);
}

static int teardown(void **state)
{
	(void)state;
	replayer_close(&rp);
	vifpair_stop(&vp);
	return 0;
}

static void fresh(void)
{
	replayer_close(&rp);
	replayer_open(&rp, &vp.rb, VP_BAD);
}

/* The backend let go of the ring and said why; a good one works. */
static void refused(const char *what)
{
	struct netif_pkt p;

	if (!replayer_wait(&rp, 6) || !replayer_has_error(&rp))
		fail_msg("%s was not refused", what);
	assert_true(replayer_released(&rp));
	vifpair_neighbour(&vp, 5);
	fresh();
	assert_int_equal(replayer_ask(&rp), 4);
	assert_true(replayer_put(&rp, 200, 9));
	assert_int_equal(rawvif_recv(&vp.bad, &p, buf, 5000), 200);
	assert_true(replayer_is(buf, 200, 9));
	(void)xenstore_rm(vp.rb.dom0, XENSTORE_NO_TX,
			  "/local/domain/1/backend/vif/2/0/replay");
	assert_true(replayer_released(&rp));
	fresh();
}

static void test_lengths(void **state)
{
	static const struct {
		const char *what;
		struct capring_record rec;
		uint64_t by;
	} bad[] = {
		{ "more than the packet", { .len = 100, .caplen = 101 }, 128 },
		{ "more than was written", { .len = 500, .caplen = 500 }, 128 },
		{ "more than the ring", { .len = 65535, .caplen = 65535 }, 128 },
		{ "more than a packet can be", { .len = 65536, .caplen = 100 }, 128 },
		{ "no number", { .len = UINT32_MAX, .caplen = UINT32_MAX }, 128 },
		{ "another direction",
		  { .len = 100, .caplen = 100, .direction = 2 },
		  128 },
		{ "less than a header", { .len = 0 }, 8 },
		{ "not in lines", { .len = 100, .caplen = 100 }, 129 },
		{ "too many bytes", { .len = 100, .caplen = 100 }, 65536 + 8 },
		{ "backwards", { .len = 100, .caplen = 100 }, UINT64_MAX - 127 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(replayer_ask(&rp), 4);
		replayer_raw(&rp, &bad[i].rec, bad[i].by);
		refused(bad[i].what);
	}
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "rx_packets"), 10);
}

static void test_keys(void **state)
{
	static const char *const bad[][2] = {
		{ "ring-refs", "" },
		{ "ring-refs", "1 x" },
		{ "ring-refs", "1" },
		{ "ring-refs", "4000000000 4000000001" },
		{ "ring-refs", "1 1 1 99999" },
		{ "domid", "32752" },
		{ "domid", "-1" },
		{ "domid", "7" },
		{ "event-channel", "99999" },
		{ "event-channel", "x" },
		{ "snaplen", "0" },
		{ "snaplen", "65536" },
	};
	char key[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(replayer_ask(&rp), 4);
		snprintf(key, sizeof(key), "replay/%s", bad[i][0]);
		rawback_be_write(&vp.rb, VP_BAD, key, bad[i][1]);
		rawback_be_write(&vp.rb, VP_BAD, "replay/state", "1");
		refused(bad[i][1]);
	}
	/* states that nobody answers with, or out of turn */
	for (unsigned i = 0; i < 2000; i++) {
		static const char *const states[] = { "1", "5", "4", "6", "9",
						      "x", "",	"1", "2" };

		rawback_be_write(&vp.rb, VP_BAD, "replay/state", states[i * 7 % 9]);
	}
	vifpair_neighbour(&vp, 5);
	rawback_be_write(&vp.rb, VP_BAD, "replay/state", "5");
	assert_true(replayer_wait(&rp, 6));
}

/* ---------------------------------------------------------------------- floods */

struct flood {
	pthread_t thread;
	_Atomic bool stop;
	bool scribble;
};

static void *flood(void *arg)
{
	struct flood *f = arg;
	unsigned seed = 1;

	while (!atomic_load(&f->stop)) {
		if (!f->scribble) {
			(void)replayer_put(&rp, 60 + (unsigned)rand_r(&seed) % 1400, 1);
		} else {
			uint32_t *words = (uint32_t *)(void *)rp.arena->pages;
			size_t n = rand_r(&seed) % 64u ? 64 : REPLAYER_PAGES * 1024;

			__atomic_store_n(&words[(unsigned)rand_r(&seed) % n],
					 (uint32_t)rand_r(&seed) & 0xffff8u,
					 __ATOMIC_RELAXED);
		}
		evtchn_notify(rp.ch);
	}
	return NULL;
}

/* Packets and events without end: the neighbour, and the vif's own port, are heard. */
static void test_flood(void **state)
{
	static const uint8_t frame[60] = { 2, 0xee, 0xee };
	struct flood f = { 0 };
	struct netif_pkt p;
	unsigned mine = 0;

	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	assert_int_equal(pthread_create(&f.thread, NULL, flood, &f), 0);
	assert_in_range(vifpair_neighbour(&vp, 200), 0, 1000 * MS);
	for (int i = 0; i < 20000 && mine < 20; i++) {
		(void)testport_feed(testport_find("tape"), 0, NULL, frame, sizeof(frame));
		if (rawvif_recv(&vp.bad, &p, buf, 5000) == 60 &&
		    !memcmp(buf, frame, sizeof(frame)))
			mine++;
	}
	/* the control thread hears of keys */
	assert_true(rawvif_stat(&vp.rb, VP_GOOD, "rx_packets") >= 200);
	atomic_store(&f.stop, true);
	pthread_join(f.thread, NULL);
	assert_int_equal(mine, 20);
}

/* Pages that change while they are read, the positions first of all. */
static void test_scribble(void **state)
{
	struct flood f = { .scribble = true };
	struct netif_pkt p;
	int n;

	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	assert_int_equal(pthread_create(&f.thread, NULL, flood, &f), 0);
	for (int i = 0; i < 300; i++) {
		rawback_be_write(&vp.rb, VP_BAD, "replay/state", i % 7 ? "1" : "5");
		n = rawvif_recv(&vp.bad, &p, buf, 1);
		assert_true(n == -ETIMEDOUT || (n >= 14 && n <= 1518));
		if (i % 20 == 0)
			assert_in_range(vifpair_neighbour(&vp, 2), 0, 1000 * MS);
	}
	atomic_store(&f.stop, true);
	pthread_join(f.thread, NULL);
	rawback_be_write(&vp.rb, VP_BAD, "replay/state", "1");
	rawback_be_write(&vp.rb, VP_BAD, "replay/state", "x");
	vifpair_neighbour(&vp, 5);
}

/* The keys go away with packets in the ring and in a full inbox: nothing is kept. */
static void test_keys_go_away(void **state)
{
	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	for (int i = 0; i < 20; i++, usleep(1000))
		while (replayer_put(&rp, 1000, 1))
			;
	(void)xenstore_rm(vp.rb.dom0, XENSTORE_NO_TX,
			  "/local/domain/1/backend/vif/2/0/replay");
	assert_true(replayer_released(&rp));
	vifpair_neighbour(&vp, 5);
}

/* The guest takes nothing, and leaves; its neighbour is served all the while. */
static void test_guest_takes_nothing(void **state)
{
	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	for (int i = 0; i < 100; i++) {
		while (replayer_put(&rp, 1000, 1))
			;
		assert_in_range(vifpair_neighbour(&vp, 5), 0, 1000 * MS);
	}
	for (int i = 0; i < 20; i++) {
		rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
		vifpair_closed(&vp);
		vifpair_reconnect(&vp);
		vifpair_neighbour(&vp, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scribble, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys_go_away, setup_empty, teardown),
		cmocka_unit_test_setup_teardown(test_guest_takes_nothing, setup_empty,
						teardown),
	};

	return cmocka_run_group_tests_name("a hostile writer of a replay", tests, NULL,
					   NULL);
}
