/* SPDX-License-Identifier: MIT */
/*
 * The contract of network drivers (backends/net/netdrv.h), for every row of
 * tests/lib/netcase.c: devices and queues come and go, and what a port takes
 * reaches the other end as it was.
 */
#include "tests/contract/netdrv_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv)
{
	static const struct CMUnitTest table[] = { cmocka_unit_test(test_table) };
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_close),
		cmocka_unit_test(test_bad),
		CASE_TEST(test_start_stop),
		CASE_TEST(test_start_stop_busy),
		CASE_TEST(test_send_shapes),
		CASE_TEST(test_send_batches),
		CASE_TEST(test_queues),
	};
	int failed = cmocka_run_group_tests_name("table", table, NULL, NULL);

	return failed + rows_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
