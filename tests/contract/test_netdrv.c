/* SPDX-License-Identifier: MIT */
/*
 * The contract of network drivers (backends/net/netdrv.h), for every row of
 * tests/lib/netcase.c: what a port takes reaches the other end as it was, and
 * the other way round.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/lib/netcase.h"
#include "tests/lib/netrig.h"

#define WAIT_MS	   5000
#define MAX_QUEUES 4u

static const struct netcase *kase; /* the one that runs */
static uint8_t frame[NETRIG_MAX], seen[NETRIG_MAX + 1];
/* Not on the stack: a test that fails leaves them to the teardown. */
static struct netcase_dev *dev_open;
static struct netrig rig;

static const uint32_t lens[] = { 14,  15,   59,	  60,	64,   127,  128,   129,
				 256, 1499, 1514, 4095, 4097, 9014, 32768, 65535 };
#define NLENS (sizeof(lens) / sizeof(lens[0]))

static bool fits(uint32_t len)
{
	return len >= (kase->min_len ? kase->min_len : 14u) &&
	       len <= (kase->max_len ? kase->max_len : NETRIG_MAX);
}

static int case_setup(void **state)
{
	*state = dev_open = netcase_open(kase, MAX_QUEUES);
	return 0;
}

static int case_teardown(void **state)
{
	(void)state;
	if (rig.worker)
		netrig_stop(&rig);
	if (dev_open)
		netcase_close(dev_open);
	dev_open = NULL;
	return 0;
}

/* The next of our frames at the other end, which must be this one. */
static void assert_taken(struct netcase_dev *d, const uint8_t *want, uint32_t len)
{
	ssize_t n;

	do {
		n = kase->take(d, seen, sizeof(seen), WAIT_MS);
		assert_true(n > 0);
	} while (!netrig_frame_is_ours(seen, (size_t)n));
	assert_int_equal(n, len);
	assert_memory_equal(seen, want, len);
}

/* The next of our frames that the port gives, into room made anew for each.
 * What recv() said of it; other frames are passed over. */
static int recv_ours(uint32_t room, unsigned pieces)
{
	for (;;) {
		struct netpkt *p = netpkt_room(room, pieces, room + pieces);
		int ret = netrig_recv(&rig, p, WAIT_MS);

		if (ret > 0) {
			netpkt_bytes(p, seen);
			ret = (int)p->b.len;
		}
		netpkt_free(p);
		if (ret <= 0 || !kase->give || netrig_frame_is_ours(seen, (size_t)ret))
			return ret;
	}
}

static bool got_any(struct netrig *r, const struct netbuf *b)
{
	(void)r;
	(void)b;
	return true;
}

static bool got_ours(struct netrig *r, const struct netbuf *b)
{
	(void)r;
	return netrig_frame_is_ours(b->iov[0].iov_base, b->len);
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* ------------------------------------------------------------------- tests */

static void test_open_close(void **state)
{
	unsigned fds = netrig_fds();

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct netcase_dev *d = netcase_open(kase, 1);

		assert_true(d->dev->info.mtu >= 68);
		assert_in_range(d->dev->info.max_queues, 1, 1024);
		assert_true(d->dev->info.no_recv || d->dev->ops->recv);
		netcase_close(d);
	}
	assert_int_equal(netrig_fds(), fds);
}

static void test_bad(void **state)
{
	unsigned fds = netrig_fds();

	(void)state;
	for (const struct netcase_bad *b = kase->bad; b && (b->target || b->options);
	     b++) {
		struct netdrv_params p = { .driver = kase->driver,
					   .target = b->target,
					   .options = b->options };
		struct netdrv *dev;
		char *why;
		int err = netrig_try_open(kase->ops, &p, &dev, &why);

		if (err != (b->err ? b->err : -EINVAL) || !why || strlen(why) < 8 ||
		    strchr(why, '\n'))
			fail_msg("target %s, options %s: %d (%s)", b->target, b->options,
				 err, why);
		free(why);
	}
	assert_int_equal(netrig_fds(), fds);
}

/* Queues come and go on a device, idle and asleep. */
static void test_start_stop(void **state)
{
	struct netcase_dev *d = *state;

	for (int i = 0; i < 30; i++) {
		netrig_start(&rig, d->dev, 0, i % 2 ? 50000 : 0);
		if (i % 3)
			pause_ms(1);
		netrig_stop(&rig);
	}
}

/* ... and in the middle of it. */
static void test_start_stop_busy(void **state)
{
	struct netcase_dev *d = *state;
	struct netpkt *pkts[NETDRV_BATCH];

	netrig_frame(frame, 64, 1);
	for (unsigned i = 0; i < NETDRV_BATCH; i++)
		pkts[i] = netpkt_new(frame, 64, NETBUF_HDR, 0, i);
	for (int i = 0; i < 30; i++) {
		netrig_start(&rig, d->dev, 0, 20000);
		if (!d->dev->info.no_recv)
			netrig_stream(&rig, got_any, NULL);
		for (int k = 0; k < i % 4; k++) {
			(void)netrig_send(&rig, pkts, NETDRV_BATCH);
			if (kase->give)
				(void)kase->give(d, frame, 64);
		}
		netrig_stop(&rig);
		while (kase->take && kase->take(d, seen, sizeof(seen), 0) > 0)
			;
	}
	for (unsigned i = 0; i < NETDRV_BATCH; i++)
		netpkt_free(pkts[i]);
}

/* Every length in 1 to 19 pieces; the first holds the header, or more. */
static void test_send_shapes(void **state)
{
	struct netcase_dev *d = *state;
	static const uint32_t firsts[] = { NETBUF_HDR, NETBUF_HDR + 1, 300, 4096 };
	struct netpkt *p;

	netrig_start(&rig, d->dev, 0, 0);
	for (unsigned l = 0; l < NLENS; l++)
		for (unsigned pieces = 0; pieces < NETBUF_IOVS && fits(lens[l]);
		     pieces++) {
			uint32_t first = pieces ? firsts[(l + pieces) % 4] : lens[l];

			if (first < NETBUF_HDR)
				first = NETBUF_HDR;
			netrig_frame(frame, lens[l], l * 32 + pieces);
			p = netpkt_new(frame, lens[l], first, pieces, pieces);
			assert_true(netrig_send_all(&rig, &p, 1));
			if (kase->take)
				assert_taken(d, frame, lens[l]);
			netpkt_free(p);
		}
	netrig_stop(&rig);
}

/* Batches of all sizes, in order; more than there is room for waits for it. */
static void test_send_batches(void **state)
{
	struct netcase_dev *d = *state;
	struct netpkt *pkts[NETDRV_BATCH];

	netrig_start(&rig, d->dev, 0, 0);
	for (unsigned n = 1; n <= NETDRV_BATCH; n += n < 4 ? 1 : 20) {
		for (unsigned i = 0; i < n; i++) {
			netrig_frame(frame, 60 + i, n * 64 + i);
			pkts[i] = netpkt_new(frame, 60 + i, NETBUF_HDR, 0, 0);
		}
		assert_true(netrig_send_all(&rig, pkts, n));
		for (unsigned i = 0; i < n; i++) {
			netrig_frame(frame, 60 + i, n * 64 + i);
			if (kase->take)
				assert_taken(d, frame, 60 + i);
			netpkt_free(pkts[i]);
		}
	}
	netrig_stop(&rig);
}

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

/* ----------------------------------------------------------- many queues */

struct side {
	struct netrig rig;
	struct netpkt *pkts[NETDRV_BATCH];
	pthread_t thread;
};

/* cmocka's asserts belong to the main thread: a failure here ends the program. */
static void *side_thread(void *arg)
{
	struct side *s = arg;

	for (int i = 0; i < 100; i++)
		(void)netrig_send(&s->rig, s->pkts, NETDRV_BATCH);
	return NULL;
}

/* All queues at once, with the counters read beside them. */
static void test_queues(void **state)
{
	struct netcase_dev *d = *state;
	uint32_t n = d->dev->info.max_queues;
	static struct side side[MAX_QUEUES];
	char stats[1024];

	dev_open = NULL; /* a failure leaves it, and its queues, as they are */
	n = n < MAX_QUEUES ? n : MAX_QUEUES;
	netrig_frame(frame, 128, 3);
	for (uint32_t i = 0; i < n; i++) {
		netrig_start(&side[i].rig, d->dev, i, i % 2 ? 20000 : 0);
		for (unsigned k = 0; k < NETDRV_BATCH; k++)
			side[i].pkts[k] = netpkt_new(frame, 128, NETBUF_HDR, 0, k);
		if (!d->dev->info.no_recv)
			netrig_stream(&side[i].rig, got_any, NULL);
	}
	for (uint32_t i = 0; i < n; i++)
		assert_false(
			pthread_create(&side[i].thread, NULL, side_thread, &side[i]));
	for (int i = 0; i < 20 && d->dev->ops->stats; i++) {
		d->dev->ops->stats(d->dev, stats, sizeof(stats));
		assert_in_range(strlen(stats), 5, sizeof(stats) - 2);
		d->dev->ops->stats(d->dev, (char *)seen, 8); /* too little room */
		assert_true(strlen((char *)seen) < 8);
	}
	while (kase->take && kase->take(d, seen, sizeof(seen), 20) > 0)
		;
	for (uint32_t i = 0; i < n; i++) {
		pthread_join(side[i].thread, NULL);
		if (kase->comes)
			assert_true(netrig_wait_received(&side[i].rig, 100, WAIT_MS));
		netrig_stop(&side[i].rig);
		for (unsigned k = 0; k < NETDRV_BATCH; k++)
			netpkt_free(side[i].pkts[k]);
	}
	dev_open = d;
}

static void test_table(void **state)
{
	const struct netdrv_ops *ops;

	(void)state;
	for (unsigned i = 0; (ops = netdrv_nth(i)); i++) {
		assert_true(strlen(ops->name) > 0 && strlen(ops->summary) > 0);
		assert_null(strchr(ops->summary, '\n'));
		assert_ptr_equal(netdrv_find(ops->name), ops);
		assert_true(ops->open && ops->close && ops->queue_start &&
			    ops->queue_stop && ops->send);
	}
	assert_null(netdrv_find("no-such-driver"));
	assert_null(netdrv_find(""));
}

/* Every row, or those of the name that is given. */
int main(int argc, char **argv)
{
	static const struct CMUnitTest table[] = { cmocka_unit_test(test_table) };
	static const struct CMUnitTest tests[] = {
#define CASE_TEST(f) cmocka_unit_test_setup_teardown(f, case_setup, case_teardown)
		cmocka_unit_test(test_open_close),
		cmocka_unit_test(test_bad),
		CASE_TEST(test_start_stop),
		CASE_TEST(test_start_stop_busy),
		CASE_TEST(test_send_shapes),
		CASE_TEST(test_send_batches),
		CASE_TEST(test_recv_shapes),
		CASE_TEST(test_recv_too_large),
		CASE_TEST(test_no_want),
		CASE_TEST(test_wake_ups),
		CASE_TEST(test_meta),
		CASE_TEST(test_queues),
	};
	int failed = cmocka_run_group_tests_name("table", table, NULL, NULL);

	for (unsigned i = 0; (kase = netcase_nth(i)); i++) {
		const char *reason;

		if (argc > 1 && strcmp(argv[1], kase->name) != 0)
			continue;
		reason = kase->impossible ? kase->impossible() : NULL;
		print_message("--- %s%s%s\n", kase->name, reason ? ": skipped: " : "",
			      reason ? reason : "");
		if (!reason)
			failed += cmocka_run_group_tests_name(kase->name, tests, NULL,
							      NULL);
	}
	return failed;
}
