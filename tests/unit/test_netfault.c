/* SPDX-License-Identifier: MIT */
/* The fault port: its plan is kept to, the same for the same seed. */
#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/net/netfault.h"
#include "tests/lib/capfile.h"
#include "tests/lib/netrig.h"

#define WAIT_MS 10000
#define N	2000u
#define GEN	"inner=gen,inner-options=count=2000;size=128,"

static struct netfault_plan parse(const char *options)
{
	struct netfault_plan plan;
	char *why = NULL;

	if (netfault_plan_parse(&plan, options, &why))
		fail_msg("%s", why);
	return plan;
}

static void test_options(void **state)
{
	struct netfault_plan p = parse("inner=pcap:in.pcap,inner-options=rate=0;loop=2,"
				       "seed=7,send-loss=0.5,recv-delay-us=100");

	(void)state;
	assert_string_equal(p.inner, "pcap");
	assert_string_equal(p.target, "in.pcap");
	assert_string_equal(p.options, "rate=0,loop=2");
	assert_int_equal(p.seed, 7);
	assert_int_equal(p.way[NETFAULT_SEND].loss, 0x100000000 / 200);
	assert_int_equal(p.way[NETFAULT_RECV].delay, 0x100000000);
	assert_false(netfault_plan_idle(&p, NETFAULT_SEND));
	p = parse("inner=gen,send-loss=1");
	assert_true(netfault_plan_idle(&p, NETFAULT_RECV));
}

static void test_chances(void **state)
{
	struct netfault_plan p = parse("inner=gen,send-loss=10,send-dup=50,recv-loss=100,"
				       "send-corrupt=1,send-delay=25,send-delay-us=3");
	unsigned lost = 0, dup = 0, corrupt = 0, delay = 0, both = 0;

	(void)state;
	for (uint64_t n = 0; n < 100000; n++) {
		struct netfault_fate f = netfault_plan_fate(&p, NETFAULT_SEND, 0, n);

		lost += f.lost;
		dup += f.dup;
		corrupt += f.corrupt;
		both += f.lost && f.dup;
		delay += f.delay_ns == 3000;
		assert_false(f.reorder);
		assert_true(netfault_plan_fate(&p, NETFAULT_RECV, 0, n).lost);
	}
	assert_in_range(lost, 9500, 10500);
	assert_in_range(dup, 49000, 51000);
	assert_in_range(corrupt, 850, 1150);
	assert_in_range(delay, 24000, 26000);
	assert_in_range(both, 4600, 5400); /* one says nothing of the other */
}

static void test_seeds(void **state)
{
	struct netfault_plan a = parse("inner=gen,seed=1,send-loss=50,recv-loss=50");
	struct netfault_plan b = parse("inner=gen,seed=2,send-loss=50,recv-loss=50");
	unsigned seeds = 0, queues = 0, ways = 0;

	(void)state;
	for (uint64_t n = 0; n < 10000; n++) {
		bool lost = netfault_plan_fate(&a, NETFAULT_SEND, 0, n).lost;

		assert_int_equal(lost, netfault_plan_fate(&a, NETFAULT_SEND, 0, n).lost);
		seeds += lost == netfault_plan_fate(&b, NETFAULT_SEND, 0, n).lost;
		queues += lost == netfault_plan_fate(&a, NETFAULT_SEND, 1, n).lost;
		ways += lost == netfault_plan_fate(&a, NETFAULT_RECV, 0, n).lost;
	}
	assert_in_range(seeds, 4700, 5300);
	assert_in_range(queues, 4700, 5300);
	assert_in_range(ways, 4700, 5300);
}

/* What came, in order. */
struct trace {
	uint64_t number[2 * N];
	unsigned n, spoilt;
	uint8_t last[128];
};

static bool got(struct netrig *rig, const struct netbuf *b)
{
	struct trace *t = rig->got_arg;
	unsigned bits = 0;
	uint64_t be;
	uint8_t f[128];

	netbuf_copy(b, 0, f, b->len);
	memcpy(&be, f + 42, 8);
	/* everything but checksum and number is the same in all packets */
	for (unsigned i = 0; i < 128; i++)
		if (t->n && (i < 40 || i >= 50))
			bits += (unsigned)__builtin_popcount(f[i] ^ t->last[i]);
	if (!t->n)
		memcpy(t->last, f, sizeof(f));
	t->spoilt += bits == 1;
	if (bits > 1)
		t->spoilt += 1000000; /* more than a bit */
	if (t->n < 2 * N)
		t->number[t->n++] = be64toh(be);
	return true;
}

/* Runs until `least` came and nothing more does. */
static void trace(const char *options, unsigned least, struct trace *t)
{
	struct netdrv_params p = { .driver = "fault", .options = options };
	struct netdrv *dev = netrig_open(NULL, &p);
	struct netrig rig;

	memset(t, 0, sizeof(*t));
	netrig_start(&rig, dev, 0, 0);
	netrig_stream(&rig, got, t);
	assert_true(netrig_wait_received(&rig, least, WAIT_MS));
	assert_false(netrig_wait_received(&rig, UINT32_MAX, 50));
	netrig_stop(&rig);
	dev->ops->close(dev);
}

static void test_recv(void **state)
{
	struct trace *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	unsigned late = 0;

	(void)state;
	trace(GEN "recv-loss=100", 0, a);
	assert_int_equal(a->n, 0);
	trace(GEN "recv-delay-us=300", N, a); /* all the same: in order */
	assert_int_equal(a->n, N);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(a->number[i], i);

	trace(GEN "recv-loss=20,seed=3", 1000, a);
	trace(GEN "recv-loss=20,seed=3", 1000, b);
	assert_in_range(a->n, 1400, 1800);
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->number, b->number, a->n * sizeof(a->number[0]));
	trace(GEN "recv-loss=20,seed=4", 1000, b);
	assert_memory_not_equal(a->number, b->number, 1000 * sizeof(a->number[0]));

	trace(GEN "recv-dup=100", 2 * N, a);
	for (unsigned i = 0; i < 2 * N; i++)
		assert_int_equal(a->number[i], i / 2);

	/* each comes once, and soon after its turn */
	trace(GEN "recv-reorder=20", N, a);
	assert_int_equal(a->n, N);
	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(b->number[a->number[i]]++, 0);
		late += a->number[i] < i;
	}
	assert_in_range(late, 100, 500);
	free(a);
	free(b);
}

static void test_corrupt(void **state)
{
	struct trace *t = malloc(sizeof(*t));

	(void)state;
	trace(GEN "recv-corrupt=30,seed=2", N, t);
	assert_int_equal(t->n, N);
	/* where the checksum or the number was hit, this test does not see it */
	assert_in_range(t->spoilt, 450, 700);
	free(t);
}

/* What is sent, by what arrives in a recording. */
static void test_send(void **state)
{
	char dir[] = "/tmp/tandem-fault.XXXXXX", out[64], opt[256];
	struct netdrv_params p = { .driver = "fault", .options = opt };
	unsigned counts[100] = { 0 }, late = 0, n = 0;
	struct netpkt *pkts[100];
	off_t at = CAPFILE_HEADER;
	uint8_t frame[65];
	struct netdrv *dev;
	struct netrig rig;
	uint64_t ns;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(opt, sizeof(opt),
		 "inner=pcap,inner-options=write=%s,send-dup=30,send-reorder=20,"
		 "send-delay=10,send-delay-us=500",
		 out);
	dev = netrig_open(NULL, &p);
	netrig_start(&rig, dev, 0, 0);
	for (unsigned i = 0; i < 100; i++) {
		netrig_frame(frame, 64, 1);
		frame[20] = (uint8_t)i;
		pkts[i] = netpkt_new(frame, 64, NETBUF_HDR, 0, 0);
	}
	assert_true(netrig_send_all(&rig, pkts, 100));
	netrig_stop(&rig); /* what still waits goes out now */
	fd = open(out, O_RDONLY | O_CLOEXEC);
	while (capfile_read(fd, &at, frame, sizeof(frame), &ns, 0) == 64) {
		assert_true(frame[20] < 100);
		late += frame[20] < n++;
		counts[frame[20]]++;
	}
	for (unsigned i = 0; i < 100; i++) {
		assert_in_range(counts[i], 1, 2);
		netpkt_free(pkts[i]);
	}
	assert_int_equal(n, 100 + netrig_stat(dev, "send-dup"));
	assert_true(netrig_stat(dev, "send-dup") > 5);
	assert_true(netrig_stat(dev, "send-reorder") > 5);
	assert_int_equal(n, netrig_stat(dev, "recorded"));
	assert_true(late > 5);
	close(fd);
	dev->ops->close(dev);
	unlink(out);
	rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options), cmocka_unit_test(test_chances),
		cmocka_unit_test(test_seeds),	cmocka_unit_test(test_recv),
		cmocka_unit_test(test_corrupt), cmocka_unit_test(test_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
