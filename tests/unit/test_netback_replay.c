/* SPDX-License-Identifier: MIT */
/* A vif's replay, the backend's half: what is written comes to the guest, once and in
 * order, beside what its port has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/replayer.h"
#include "tests/lib/vifpair.h"

static struct vifpair vp;
static struct replayer rp;
static uint8_t buf[65536];

static void start(const char *driver, unsigned flags)
{
	vifpair_start(&vp, NULL, driver, strcmp(driver, "test") ? NULL : "tape", NULL,
		      flags);
	replayer_open(&rp, &vp.rb, VP_BAD);
}

static int setup(void **state)
{
	(void)state;
	start("test", RV_SPLIT | RV_GSO);
	return 0;
}

static int setup_empty(void **state)
{
	(void)state;
	start("test", RV_SPLIT | RV_EMPTY);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	replayer_close(&rp);
	vifpair_stop(&vp);
	return 0;
}

/* The guest's next packet is the one of that seed. */
static void expect(uint32_t len, uint32_t seed)
{
	struct netif_pkt p;

	assert_int_equal(rawvif_recv(&vp.bad, &p, buf, 5000), (int)len);
	assert_true(replayer_is(buf, len, seed));
	assert_int_equal(p.meta.gso_type, 0);
	assert_false(p.meta.csum_blank);
}

static void expect_nothing(unsigned ms)
{
	struct netif_pkt p;

	assert_int_equal(rawvif_recv(&vp.bad, &p, buf, ms), -ETIMEDOUT);
}

static uint32_t len_of(uint32_t n)
{
	return 14 + n * 37 % 1505;
}

/* Far more than the ring and the inbox hold. */
static void test_all_in_order(void **state)
{
	uint32_t put = 0;

	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	for (uint32_t got = 0; got < 20000; got++) {
		while (put < 20000 && replayer_put(&rp, len_of(put), put))
			put++;
		expect(len_of(got), got);
	}
	expect_nothing(20);
	assert_int_equal(capring_refused(&rp.w), 0);
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "rx_packets"), 20000);
}

/* What the port has comes too, while the replay could fill every round. */
static void test_beside_the_port(void **state)
{
	static const uint8_t frame[60] = { 2, 0xee, 0xee };
	unsigned from_port = 0, replayed = 0;
	struct netif_pkt p;

	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	for (int i = 0; i < 20000 && from_port < 100; i++) {
		while (replayer_put(&rp, 60, 7))
			;
		(void)testport_feed(testport_find("tape"), 0, NULL, frame, sizeof(frame));
		assert_int_equal(rawvif_recv(&vp.bad, &p, buf, 5000), 60);
		if (memcmp(buf, frame, sizeof(frame)) != 0)
			replayed++;
		else
			from_port++;
	}
	assert_int_equal(from_port, 100);
	assert_in_range(replayed, 10, 20000);
}

static void test_what_no_port_gives(void **state)
{
	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	assert_true(replayer_put(&rp, 13, 1));
	assert_true(replayer_put(&rp, 1500 + 19, 2));
	assert_true(replayer_put(&rp, 65535 / 2, 3));
	assert_true(replayer_put(&rp, 1500 + 18, 4));
	expect(1518, 4);
	expect_nothing(20);
	assert_int_equal(capring_refused(&rp.w), 3);
}

/* A guest that takes nothing: all of it waits. The end is told when it has it. */
static void test_waits_for_the_guest(void **state)
{
	uint32_t put = 0;

	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	for (int i = 0; i < 50; i++, usleep(1000))
		while (replayer_put(&rp, 100, put))
			put++;
	assert_in_range(replayer_unread(&rp), 60000, 65536);
	rawback_be_write(&vp.rb, VP_BAD, "replay/state", "5");
	usleep(50000);
	assert_int_equal(rawback_be_num(&vp.rb, VP_BAD, "replay/state"), 5);
	rawvif_post(&vp.bad, 256);
	for (uint32_t got = 0; got < put; got++)
		expect(100, got);
	assert_true(replayer_wait(&rp, 6));
	assert_false(replayer_has_error(&rp));
	assert_int_equal(replayer_unread(&rp), 0);
	assert_true(replayer_put(&rp, 100, 0));
	expect_nothing(20);
}

/* Another reader of the same pages goes on where the one before it ended, as when
 * a backend dies. */
static void test_reads_on(void **state)
{
	uint32_t put = 0;
	struct evtchn *old;

	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	while (replayer_put(&rp, 1000, put))
		put++;
	for (uint32_t got = 0; got < put; got++)
		expect(1000, got);
	old = rp.ch;
	assert_int_equal(evtchn_alloc_unbound(vp.rb.dom0, RF_BE, &rp.ch), 0);
	evtchn_close(old);
	assert_true(replayer_put(&rp, 500, 1));
	usleep(20000); /* nobody reads */
	assert_int_equal(replayer_unread(&rp), capring_room(500));
	assert_int_equal(replayer_ask(&rp), 4);
	assert_true(replayer_put(&rp, 600, 2));
	expect(500, 1);
	expect(600, 2);
}

/* The guest comes and goes: what is in the ring stays there. */
static void test_guest_reconnects(void **state)
{
	(void)state;
	assert_int_equal(replayer_ask(&rp), 4);
	assert_true(replayer_put(&rp, 100, 1));
	expect(100, 1);
	rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
	vifpair_closed(&vp);
	assert_true(replayer_put(&rp, 100, 2));
	assert_true(replayer_put(&rp, 100, 3));
	usleep(20000);
	vifpair_reconnect(&vp);
	expect(100, 2);
	expect(100, 3);
}

/* A port that gives nothing; a replay that is over leaves the queue as it was. */
static void test_port_without_packets(void **state)
{
	(void)state;
	teardown(NULL);
	start("sink", RV_SPLIT | RV_EMPTY);
	assert_int_equal(replayer_ask(&rp), 4);
	assert_true(replayer_put(&rp, 100, 1));
	rawvif_post(&vp.bad, 64);
	expect(100, 1);
	rawback_be_write(&vp.rb, VP_BAD, "replay/state", "5");
	assert_true(replayer_wait(&rp, 6));
	assert_int_equal(rawback_be_num(&vp.rb, VP_BAD, "carrier"), 1);
	assert_int_equal(replayer_ask(&rp), 4);
	assert_true(replayer_put(&rp, 100, 2));
	expect(100, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside_the_port, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_no_port_gives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_the_guest, setup_empty,
						teardown),
		cmocka_unit_test_setup_teardown(test_reads_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest_reconnects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port_without_packets, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("a vif's replay", tests, NULL, NULL);
}
