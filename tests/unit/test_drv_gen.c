/* SPDX-License-Identifier: MIT */
/* The generator: every packet is valid, and they are in order and in time. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backends/net/netport.h"
#include "tests/lib/netrig.h"

#define WAIT_MS 10000

static struct netdrv *open_gen(const char *options)
{
	struct netdrv_params p = { .driver = "gen",
				   .options = options,
				   .mac = { 0, 0x16, 0x3e, 1, 2, 3 },
				   .queues = 2 };

	return netrig_open(NULL, &p);
}

/* What was seen of a flow; filled on the worker, read when it has ended. */
struct flow {
	uint64_t next, bytes, gso;
	uint16_t src_port;
	bool tcp, same;
	char wrong[128]; /* the first thing that was */
	uint32_t sizes[8], nsizes;
};

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

/* RFC 1071, word by word as it stands on the wire. */
static uint32_t sum16(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static const char *check_ip(const uint8_t *f, uint32_t len)
{
	static const uint8_t macs[12] = { 0, 0x16, 0x3e, 1, 2, 3, 2, 0, 0, 0, 0, 1 };

	if (memcmp(f, macs, sizeof(macs)) || be16(f + 12) != 0x0800)
		return "Ethernet";
	if (f[14] != 0x45 || be16(f + 16) != len - 14)
		return "IPv4 header or length";
	if (sum16(f + 14, 20, 0) != 0xffff)
		return "IPv4 checksum";
	if (be32(f + 26) != 0xc6120001 || be32(f + 30) != 0xc6130001)
		return "IPv4 addresses";
	return NULL;
}

static const char *check_l4(struct flow *s, const uint8_t *f, uint32_t len, bool blank)
{
	uint32_t pseudo = sum16(f + 26, 8, f[23] + len - 34);
	uint32_t hdr = s->tcp ? 54 : 42;
	uint64_t number;

	if (f[23] != (s->tcp ? 6 : 17) || be16(f + 36) != 9)
		return "protocol or destination port";
	if (!s->tcp && (be16(f + 38) != len - 34 || !be16(f + 40)))
		return "UDP length, or no checksum";
	if (blank ? be16(f + 50) != pseudo : sum16(f + 34, len - 34, pseudo) != 0xffff)
		return "checksum of the transport";
	if (be16(f + 34) != s->src_port)
		return "source port";
	memcpy(&number, f + hdr, 8);
	if (be64toh(number) != (s->same ? 0 : s->next))
		return "number";
	if (s->tcp && be32(f + 38) != (uint32_t)(s->next * (len - hdr)))
		return "TCP's sequence number";
	for (uint32_t i = hdr + 8; i < len; i++)
		if (f[i] != (uint8_t)(i - hdr))
			return "payload";
	return NULL;
}

static bool got(struct netrig *rig, const struct netbuf *b)
{
	static _Thread_local uint8_t f[65536];
	struct flow *s = rig->got_arg;
	const char *wrong;
	uint32_t i;

	netbuf_copy(b, 0, f, b->len);
	wrong = check_ip(f, b->len);
	if (!wrong)
		wrong = check_l4(s, f, b->len, b->meta.csum_blank);
	if (wrong && !s->wrong[0])
		snprintf(s->wrong, sizeof(s->wrong), "packet %lu of %u bytes: %s",
			 (unsigned long)s->next, b->len, wrong);
	s->next++;
	s->bytes += b->len;
	s->gso +=
		b->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV4 && b->meta.gso_size == 1448;
	for (i = 0; i < s->nsizes && s->sizes[i] != b->len; i++)
		;
	if (i == s->nsizes && i < 8)
		s->sizes[s->nsizes++] = b->len;
	return true;
}

/* Takes n packets or more of one queue. */
static struct flow run(struct netdrv *dev, uint32_t queue, bool tcp, uint64_t n)
{
	struct flow s = { .tcp = tcp, .src_port = (uint16_t)(49152 + queue) };
	struct netrig rig;

	netrig_start(&rig, dev, queue, 0);
	netrig_stream(&rig, got, &s);
	assert_true(netrig_wait_received(&rig, n, WAIT_MS));
	netrig_stop(&rig);
	if (s.wrong[0])
		fail_msg("%s", s.wrong);
	return s;
}

static void test_valid(void **state)
{
	static const struct {
		const char *options;
		bool tcp;
		uint32_t size;
	} cases[] = {
		{ NULL, false, 64 },
		{ "size=60", false, 60 },
		{ "size=61", false, 61 },
		{ "size=1514", false, 1514 },
		{ "size=9014", false, 9014 },
		{ "size=65535", false, 65535 },
		{ "proto=tcp", true, 64 },
		{ "proto=tcp,size=62", true, 62 },
		{ "proto=tcp,size=1513", true, 1513 },
		/* a guest that takes none of it gets one segment of each */
		{ "gso=1448", true, 1448 + 54 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct netdrv *dev = open_gen(cases[i].options);

		for (uint32_t queue = 0; queue < 2; queue++) {
			struct flow s = run(dev, queue, cases[i].tcp, 500);

			assert_int_equal(s.nsizes, 1);
			assert_int_equal(s.sizes[0], cases[i].size);
		}
		dev->ops->close(dev);
	}
}

/* So many that each sum comes, the one that would be 0 too. */
static void test_all_sums(void **state)
{
	struct netdrv *dev = open_gen("size=60");

	(void)state;
	(void)run(dev, 0, false, 140000);
	dev->ops->close(dev);
}

static void test_mix(void **state)
{
	struct netdrv *dev = open_gen("size=imix,count=1200");
	struct flow s = run(dev, 0, false, 1200);

	(void)state;
	assert_int_equal(s.nsizes, 3);
	assert_int_equal(s.bytes, 100 * (7 * 64 + 4 * 590 + 1514));
	dev->ops->close(dev);
}

static void test_gso(void **state)
{
	struct netdrv *dev = open_gen("gso=1448,count=200");
	const struct netdrv_caps caps = { .csum = true, .tso4 = true };
	struct flow s;

	(void)state;
	assert_int_equal(dev->ops->set_guest(dev, &caps), 0);
	s = run(dev, 0, true, 200);
	assert_int_equal(s.gso, 200);
	assert_int_equal(s.bytes, 200 * 65535);
	dev->ops->close(dev);
}

static void test_count(void **state)
{
	struct netdrv *dev = open_gen("count=77");
	struct flow s = { .src_port = 49152 };
	struct netrig rig;

	(void)state;
	netrig_start(&rig, dev, 0, 0);
	netrig_stream(&rig, got, &s);
	assert_true(netrig_wait_received(&rig, 77, WAIT_MS));
	assert_false(netrig_wait_received(&rig, 78, 20));
	assert_int_equal(netrig_arm(&rig, true), 0);
	netrig_stop(&rig);
	assert_int_equal(s.next, 77);
	assert_int_equal(netrig_stat(dev, "made"), 77);
	assert_int_equal(netrig_stat(dev, "made-bytes"), 77 * 64);
	dev->ops->close(dev);
}

static void test_same(void **state)
{
	struct netdrv *dev = open_gen("same=1,count=100");
	struct flow s = { .src_port = 49152, .same = true };
	struct netrig rig;

	(void)state;
	netrig_start(&rig, dev, 0, 0);
	netrig_stream(&rig, got, &s);
	assert_true(netrig_wait_received(&rig, 100, WAIT_MS));
	assert_false(netrig_wait_received(&rig, 101, 20));
	netrig_stop(&rig);
	assert_string_equal(s.wrong, "");
	dev->ops->close(dev);
}

/* Never faster than asked for; slower only as the machine is. */
static void test_rate(void **state)
{
	struct netdrv *dev = open_gen("rate=30011,size=imix");
	struct flow s = { .src_port = 49152 };
	struct timespec a, b;
	struct netrig rig;
	double secs;

	(void)state;
	netrig_start(&rig, dev, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	netrig_stream(&rig, got, &s);
	(void)netrig_wait_received(&rig, 9000, 300);
	netrig_stream(&rig, NULL, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	netrig_stop(&rig);
	secs = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
	print_message("%lu packets in %.3f s\n", (unsigned long)s.next, secs);
	/* 10 ms that were lost before are made up for */
	assert_true((double)s.next <= 30011 * (secs + 0.011) + 1);
	assert_true((double)s.next >= 30011 * secs / 4);
	assert_string_equal(s.wrong, "");
	dev->ops->close(dev);
}

/* The pace itself, over a clock made up: no packet more or less. */
static void test_pace(void **state)
{
	static const struct {
		uint64_t rate, step, end, want;
	} cases[] = {
		{ 7, 1000000, 10000000000, 70 + 1 },
		{ 30011, 20000, 1000000000, 30011 + 1 },
		{ 600000000, 100, 1000000, 600000 + 1 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct netport_pace p;
		uint64_t n = 0;

		netport_pace_start(&p, cases[i].rate, 0);
		for (uint64_t now = 0; now <= cases[i].end; now += cases[i].step)
			while (netport_pace_take(&p, now))
				n++;
		assert_int_equal(n, cases[i].want);
	}
}

static int busy_run(struct worker_client *c)
{
	(void)c;
	return 1;
}

static int idle_run(struct worker_client *c)
{
	(void)c;
	return 0;
}

static void busy_flush(struct worker_client *c)
{
	(void)c;
}

struct busy {
	struct worker_client client;
	struct worker *worker;
	struct netport_timer timer;
	_Atomic unsigned fired;
};

static void busy_fired(struct netport_timer *t)
{
	((struct busy *)((char *)t - offsetof(struct busy, timer)))->fired++;
}

static void busy_start(void *arg)
{
	struct busy *b = arg;

	netport_timer_start(&b->timer, b->worker, busy_fired);
	worker_client_add(b->worker, &b->client);
}

static void busy_set(void *arg)
{
	struct busy *b = arg;

	netport_timer_at(&b->timer, worker_now(b->worker) + 2000000);
}

static void busy_stop(void *arg)
{
	struct busy *b = arg;

	worker_client_remove(b->worker, &b->client);
	netport_timer_stop(&b->timer);
}

/* On a worker that never sleeps because of others, and one that always does. */
static void test_timer(void **state)
{
	(void)state;
	for (int busy = 0; busy < 2; busy++) {
		struct busy b = { .client = { .run = busy ? busy_run : idle_run,
					      .arm = busy ? busy_run : idle_run,
					      .flush = busy_flush } };

		assert_int_equal(worker_new(&b.worker, 0, -1), 0);
		assert_int_equal(worker_run(b.worker), 0);
		worker_call(b.worker, busy_start, &b);
		for (unsigned i = 0; i < 3; i++) {
			/* long enough for the timer to be looked at no more */
			nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
			assert_int_equal(b.fired, i);
			worker_call(b.worker, busy_set, &b);
			for (int ms = 0; ms < WAIT_MS && b.fired == i; ms++)
				nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
			assert_int_equal(b.fired, i + 1);
		}
		worker_call(b.worker, busy_stop, &b);
		worker_free(b.worker);
	}
}

static void test_options(void **state)
{
	struct netdrv *dev =
		open_gen("src-mac=0a:00:00:00:00:07,dst-mac=0a:00:00:00:00:08,"
			 "src-ip=10.1.2.3,dst-ip=10.4.5.6,src-port=1000,"
			 "dst-port=2000,count=1");
	static const uint8_t macs[12] = { 10, 0, 0, 0, 0, 8, 10, 0, 0, 0, 0, 7 };
	struct netpkt *room = netpkt_room(64, 0, 1);
	struct netrig rig;
	uint8_t f[64];

	(void)state;
	netrig_start(&rig, dev, 1, 0);
	assert_int_equal(netrig_recv(&rig, room, WAIT_MS), 1);
	netpkt_bytes(room, f);
	assert_memory_equal(f, macs, sizeof(macs));
	assert_int_equal(be32(f + 26), 0x0a010203);
	assert_int_equal(be32(f + 30), 0x0a040506);
	assert_int_equal(be16(f + 34), 1001);
	assert_int_equal(be16(f + 36), 2000);
	netrig_stop(&rig);
	netpkt_free(room);
	dev->ops->close(dev);
}

/* The MTU that somebody asked for is kept to, or made by large packets. */
static void test_mtu(void **state)
{
	struct netdrv_params p = { .driver = "gen", .options = "size=1515", .mtu = 1500 };
	struct netdrv *dev;
	char *why;

	(void)state;
	assert_int_equal(netrig_try_open(NULL, &p, &dev, &why), -EINVAL);
	assert_non_null(strstr(why, "1501"));
	free(why);
	p.mtu = 9000;
	dev = netrig_open(NULL, &p);
	assert_int_equal(dev->info.mtu, 9000);
	dev->ops->close(dev);
	p.mtu = 0;
	dev = netrig_open(NULL, &p);
	assert_int_equal(dev->info.mtu, 1501);
	dev->ops->close(dev);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),	cmocka_unit_test(test_all_sums),
		cmocka_unit_test(test_mix),	cmocka_unit_test(test_gso),
		cmocka_unit_test(test_count),	cmocka_unit_test(test_same),
		cmocka_unit_test(test_rate),	cmocka_unit_test(test_mtu),
		cmocka_unit_test(test_options), cmocka_unit_test(test_pace),
		cmocka_unit_test(test_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
