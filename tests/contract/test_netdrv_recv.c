/* SPDX-License-Identifier: MIT */
/*
 * The contract of network drivers (backends/net/netdrv.h), for every row of
 * tests/lib/netcase.c: what the other end gives comes out of the port as it was,
 * and whoever waits for it hears of it.
 */
#include <errno.h>

#include "tests/contract/netdrv_rows.h"

/* Whatever is given comes into room that fits to the byte, in any pieces. */
static void test_recv_shapes(void **state)
{
	struct netcase_dev *d = *state;

	if (!kase->give)
		skip();
	netrig_start(&rig, d->dev, 0, 0);
	for (unsigned l = 0; l < NLENS; l++)
		for (unsigned pieces = lens[l] > NETBUF_HDR;
		     pieces < NETBUF_IOVS && fits(lens[l]); pieces += 1 + pieces / 3) {
			netrig_frame(frame, lens[l], l * 32 + pieces);
			assert_true(kase->give(d, frame, lens[l]));
			assert_int_equal(recv_ours(lens[l], pieces), lens[l]);
			assert_memory_equal(seen, frame, lens[l]);
		}
	netrig_stop(&rig);
}

/* What does not fit is gone, counted, and does not hold up the next one. */
static void test_recv_too_large(void **state)
{
	struct netcase_dev *d = *state;
	uint64_t drops;

	if (d->dev->info.no_recv)
		skip();
	netrig_start(&rig, d->dev, 0, 0);
	if (kase->comes) {
		assert_int_equal(recv_ours(40, 0), -EMSGSIZE);
		assert_true(netrig_drops(&rig) >= 1);
		assert_true(recv_ours(NETRIG_MAX, 18) >= 14);
	}
	for (unsigned l = 0; l < NLENS && kase->give; l++) {
		if (!fits(lens[l]))
			continue;
		drops = netrig_drops(&rig);
		netrig_frame(frame, lens[l], l);
		assert_true(kase->give(d, frame, lens[l]));
		assert_int_equal(recv_ours(lens[l] - 1, lens[l] > NETBUF_HDR + 1),
				 -EMSGSIZE);
		assert_true(netrig_drops(&rig) > drops);
		netrig_frame(frame, lens[l], l + 100);
		assert_true(kase->give(d, frame, lens[l]));
		assert_int_equal(recv_ours(lens[l], lens[l] > NETBUF_HDR ? 2 : 0),
				 lens[l]);
		assert_memory_equal(seen, frame, lens[l]);
	}
	netrig_stop(&rig);
}

/* A worker that sleeps, or is about to, hears of each packet. */
static void test_wake_ups(void **state)
{
	struct netcase_dev *d = *state;
	uint32_t rounds = kase->wakes ? kase->wakes : 100000;

	if (d->dev->info.no_recv)
		skip();
	netrig_start(&rig, d->dev, 0, 0);
	netrig_frame(frame, 64, 1);
	netrig_stream(&rig, kase->give ? got_ours : got_any, NULL);
	if (!kase->give)
		assert_true(netrig_wait_received(&rig, 1000, WAIT_MS));
	for (uint32_t i = 0; kase->give && i < rounds; i++) {
		if (!kase->give(d, frame, 64))
			fail_msg("round %u: nothing could be given", i);
		if (!netrig_wait_received(&rig, i + 1, WAIT_MS))
			fail_msg("round %u of %u: no packet came", i, rounds);
	}
	print_message("%s: %lu packets, %lu sleeps, woken %lu times\n", kase->name,
		      (unsigned long)rig.received, (unsigned long)rig.sleeps,
		      (unsigned long)rig.readies);
	if (kase->give)
		assert_true(rig.readies > rounds / 100);
	netrig_stop(&rig);
}

/* Who has no room is not told of packets. */
static void test_no_want(void **state)
{
	struct netcase_dev *d = *state;

	netrig_start(&rig, d->dev, 0, 0);
	pause_ms(5);
	assert_int_equal(netrig_arm(&rig, false), 0);
	netrig_frame(frame, 64, 1);
	if (kase->give)
		assert_true(kase->give(d, frame, 64));
	pause_ms(5);
	assert_int_equal(rig.readies, 0);
	if (kase->give)
		assert_int_equal(recv_ours(64, 0), 64);
	netrig_stop(&rig);
}

/* ---------------------------------------------------------------- meta */

struct meta_seen {
	struct netdrv_caps caps;
	_Atomic uint64_t bad, gso, blank;
};

static bool got_meta(struct netrig *r, const struct netbuf *b)
{
	struct meta_seen *m = r->got_arg;

	m->blank += b->meta.csum_blank;
	m->gso += b->meta.gso_type != 0;
	if (b->meta.csum_blank && !m->caps.csum && !m->caps.csum6)
		m->bad++;
	if (b->meta.gso_type &&
	    (!b->meta.gso_size || !b->meta.csum_blank ||
	     !(b->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? m->caps.tso4
							    : m->caps.tso6)))
		m->bad++;
	if (b->len < 14 || b->len > NETRIG_MAX)
		m->bad++;
	return true;
}

static void check_meta(const struct netdrv_caps *caps)
{
	static struct meta_seen m;
	struct netcase_dev *d;

	(void)case_teardown(NULL); /* what the guest takes is told to a new device */
	d = dev_open = netcase_open(kase, 1);
	m = (struct meta_seen){ .caps = *caps };

	if (d->dev->ops->set_guest)
		assert_int_equal(d->dev->ops->set_guest(d->dev, caps), 0);
	else
		m.caps = (struct netdrv_caps){ 0 };
	netrig_start(&rig, d->dev, 0, 0);
	if (!d->dev->info.no_recv) {
		netrig_stream(&rig, got_meta, &m);
		netrig_frame(frame, 64, 1);
		/* one by one: a port may lose what it has no room for */
		for (uint64_t i = 0; i < 200 && kase->give; i++) {
			assert_true(kase->give(d, frame, 64));
			assert_true(netrig_wait_received(&rig, i + 1, WAIT_MS));
		}
		assert_true(netrig_wait_received(&rig, 200, WAIT_MS));
	}
	netrig_stop(&rig);
	assert_int_equal(m.bad, 0);
}

static void test_meta(void **state)
{
	(void)state;
	check_meta(&(struct netdrv_caps){ 0 });
	check_meta(&(struct netdrv_caps){ .csum = true });
	check_meta(&(struct netdrv_caps){ .csum = true, .tso4 = true });
	check_meta(&(struct netdrv_caps){ true, true, true, true });
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		CASE_TEST(test_recv_shapes), CASE_TEST(test_recv_too_large),
		CASE_TEST(test_no_want),     CASE_TEST(test_wake_ups),
		CASE_TEST(test_meta),
	};

	return rows_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
