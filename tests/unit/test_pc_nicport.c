/* SPDX-License-Identifier: MIT */
/* Cards' ports: frames that wait, large segments, checksums; and over a switch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/drivers.h"
#include "backends/net/switch.h"
#include "backends/pc/nicport_net.h"
#include "backends/worker.h"
#include "ringproto/netframe.h"
#include "tests/lib/fakenic.h"
#include "tests/lib/fakepc.h"

/* A card that takes `room` frames more. */
struct card {
	unsigned room, got, missed;
	uint64_t bytes;
	uint32_t last_len;
	uint8_t last[2048];
};

static bool card_receive(void *arg, const struct nicframe *f)
{
	struct card *c = arg;

	if (!c->room)
		return false;
	c->room--;
	c->got++;
	c->bytes += f->len;
	c->last_len = f->len;
	memcpy(c->last, f->data, f->len < sizeof(c->last) ? f->len : sizeof(c->last));
	return true;
}

static void card_missed(void *arg)
{
	((struct card *)arg)->missed++;
}

static const struct nicport_card card_ops = { card_receive, card_missed };

static struct fakepc *f;
static struct fakenic nic;
static struct card card;

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(false);
	fakenic_init(&nic);
	memset(&card, 0, sizeof(card));
	nicport_attach(&nic.port, &f->bus, &card_ops, &card);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nicport_detach(&nic.port);
	fakenic_fini(&nic);
	fakepc_close(f);
	return 0;
}

static void put(uint8_t seed)
{
	uint8_t frame[100];

	fakenic_frame(frame, NULL, sizeof(frame), seed);
	fakenic_put(&nic, frame, sizeof(frame), false);
}

static void test_frames_wait(void **state)
{
	(void)state;
	card.room = 1;
	put(1);
	put(2);
	put(3);
	assert_int_equal(card.got, 1);
	assert_int_equal(fakenic_waiting(&nic), 2);
	assert_int_equal(f->alarm, f->now + NIC_RETRY);
	card.room = 1;
	nicport_run(&nic.port);
	assert_int_equal(card.got, 2);
	/* without a word from the card it is looked at from time to time */
	card.room = 1;
	fakepc_pass(f, NIC_RETRY);
	assert_int_equal(card.got, 3);
	assert_int_equal(f->alarm, 0);
	assert_int_equal(card.missed, 0);
}

static void test_frames_are_missed(void **state)
{
	(void)state;
	put(1);
	put(2);
	fakepc_pass(f, NIC_WAIT - 1);
	assert_int_equal(card.missed, 0);
	fakepc_pass(f, NIC_RETRY + 1);
	assert_int_equal(card.missed, 2);
	/* and the next ones at once, until there is room */
	put(3);
	assert_int_equal(card.missed, 3);
	card.room = 1;
	put(4);
	assert_int_equal(card.got, 1);
	put(5);
	assert_int_equal(card.missed, 3);
	assert_int_equal(fakenic_waiting(&nic), 1);
	nicport_detach(&nic.port);
	assert_int_equal(f->alarm, 0);
	nicport_run(&nic.port);
	assert_int_equal(fakenic_waiting(&nic), 0);
}

static void check_cut(unsigned n, uint32_t payload, uint32_t mss)
{
	const uint32_t hdr = NETFRAME_ETH_HLEN + NETFRAME_IPV4_HLEN + NETFRAME_TCP_HLEN;

	assert_int_equal(nic.nr_sent, n);
	for (unsigned i = 0; i < n && i < FAKENIC_KEEP; i++) {
		const uint32_t want = i + 1 < n ? mss : payload - mss * (n - 1);

		assert_int_equal(nic.sent[i].len, hdr + want);
		assert_true(fakenic_ipv4_ok(nic.sent[i].bytes, nic.sent[i].len));
	}
	fakenic_clear(&nic);
}

static void test_large(void **state)
{
	static uint8_t big[NIC_TX_MAX];
	const uint32_t hdr = NETFRAME_ETH_HLEN + NETFRAME_IPV4_HLEN + NETFRAME_TCP_HLEN;

	(void)state;
	/* a port that carries none, lengths that the guest left out */
	fakenic_frame(big, NULL, hdr + 4000, 1);
	fakenic_ipv4(big, hdr + 4000, NETFRAME_PROTO_TCP, false);
	assert_int_equal(nicport_send_large(&nic.port, big, hdr + 4000, 1460), 0);
	check_cut(3, 4000, 1460);
	/* one that does */
	nic.port.tso4 = true;
	fakenic_ipv4(big, hdr + 4000, NETFRAME_PROTO_TCP, false);
	assert_int_equal(nicport_send_large(&nic.port, big, hdr + 4000, 1460), 0);
	assert_int_equal(nic.nr_sent, 1);
	assert_int_equal(nic.sent[0].len, hdr + 4000);
	assert_int_equal(nic.sent[0].meta.gso_type, XEN_NETIF_GSO_TYPE_TCPV4);
	assert_int_equal(nic.sent[0].meta.gso_size, 1460);
	assert_true(nic.sent[0].meta.csum_blank);
	assert_int_equal(netframe_be16(nic.sent[0].bytes + 16), hdr + 4000 - 14);
	fakenic_clear(&nic);
	/* larger than netif's largest: cut all the same */
	fakenic_frame(big, NULL, 65535 + 14, 1);
	fakenic_ipv4(big, 65535 + 14, NETFRAME_PROTO_TCP, false);
	assert_int_equal(nicport_send_large(&nic.port, big, 65535 + 14, 1460), 0);
	check_cut(45, 65535 - 40, 1460);
	/* UDP */
	fakenic_frame(big, NULL, 42 + 3000, 1);
	fakenic_ipv4(big, 42 + 3000, NETFRAME_PROTO_UDP, false);
	assert_int_equal(nicport_send_large(&nic.port, big, 42 + 3000, 1472), 0);
	assert_int_equal(nic.nr_sent, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(fakenic_ipv4_ok(nic.sent[i].bytes, nic.sent[i].len));
	fakenic_clear(&nic);
	/* what is none */
	fakenic_frame(big, NULL, 1000, 1);
	assert_int_equal(nicport_send_large(&nic.port, big, 1000, 500), -22);
	fakenic_ipv4(big, 1000, NETFRAME_PROTO_TCP, false);
	assert_int_equal(nicport_send_large(&nic.port, big, 1000, 0), -22);
	assert_int_equal(nicport_send_large(&nic.port, big, 1000, 5), -22);
	assert_int_equal(nicport_send_large(&nic.port, big, NIC_TX_MAX + 1, 500), -22);
	big[14] = 0x4f; /* more header than there is */
	assert_int_equal(nicport_send_large(&nic.port, big, 40, 500), -22);
	assert_int_equal(nic.nr_sent, 0);
}

static void test_sums(void **state)
{
	const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	uint8_t frame[200];
	struct nicframe in = { .data = frame, .len = sizeof(frame) };
	struct nicsum s;
	uint32_t l4;

	(void)state;
	/* of the polynomial's definition, by hand: all zeros give the complement's rest
	 */
	assert_int_equal(nic_fcs((const uint8_t *)"123456789", 9), 0xcbf43926);
	/* well-known places of 01:00:5e:00:00:01 in 64-bit filters */
	assert_int_equal(nic_crc_be(group) >> 26, 31);
	fakenic_frame(frame, NULL, sizeof(frame), 1);
	s = nic_sum(&in);
	assert_false(s.ip || s.tcp || s.udp);
	l4 = fakenic_ipv4(frame, sizeof(frame), NETFRAME_PROTO_TCP, true);
	s = nic_sum(&in);
	assert_true(s.ip && s.ip4 && s.tcp && s.ip_bad && s.l4_bad);
	nic_sum_ip(frame, sizeof(frame));
	s = nic_sum(&in);
	assert_true(!s.ip_bad && s.l4_bad);
	nic_sum_l4(frame, sizeof(frame), NETFRAME_PROTO_UDP);
	assert_true(nic_sum(&in).l4_bad);
	nic_sum_l4(frame, sizeof(frame), NETFRAME_PROTO_TCP);
	assert_true(fakenic_ipv4_ok(frame, sizeof(frame)));
	frame[l4 + 30] ^= 1;
	assert_true(nic_sum(&in).l4_bad);
	in.validated = true;
	assert_false(nic_sum(&in).l4_bad);
	in.validated = false;
	fakenic_ipv4(frame, sizeof(frame), NETFRAME_PROTO_UDP, true);
	s = nic_sum(&in);
	assert_true(s.udp && s.l4_none && !s.l4_bad);
	/* longer than the frame: no packet */
	in.len = 150;
	assert_false(nic_sum(&in).ip);
}

/* ------------------------------------------------------------------- over a switch */

#define CARDS 2

static pthread_mutex_t board = PTHREAD_MUTEX_INITIALIZER;

static void board_lock(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&board);
}

static void board_unlock(void *arg)
{
	(void)arg;
	pthread_mutex_unlock(&board);
}

static void wait_got(struct card *c, unsigned n)
{
	for (unsigned i = 0; i < 5000; i++) {
		unsigned got;

		board_lock(NULL);
		got = c->got;
		board_unlock(NULL);
		if (got >= n)
			return;
		usleep(2000);
	}
	fail_msg("%u frames came of %u", c->got, n);
}

struct over {
	struct worker *worker;
	struct netdrv *dev[CARDS];
	struct nicnet *net[CARDS];
	struct card card[CARDS];
};

static void over_open(struct over *o, const struct netdrv_ops *ops, const char *target)
{
	char *why = NULL;

	memset(o, 0, sizeof(*o));
	assert_int_equal(worker_new(&o->worker, 0, -1), 0);
	assert_int_equal(worker_run(o->worker), 0);
	for (unsigned i = 0; i < CARDS; i++) {
		struct netdrv_params p = { .driver = ops->name,
					   .target = target,
					   .mac = { 2, 0, 0, 0, 0, (uint8_t)i },
					   .queues = 1 };
		struct nicnet_config cfg = { .worker = o->worker,
					     .lock = board_lock,
					     .unlock = board_unlock };

		assert_int_equal(ops->open(&p, &o->dev[i], &why), 0);
		cfg.dev = o->dev[i];
		assert_int_equal(nicnet_new(&cfg, &o->net[i]), 0);
		nicport_attach(nicnet_port(o->net[i]), &f->bus, &card_ops, &o->card[i]);
	}
}

static void over_close(struct over *o)
{
	for (unsigned i = 0; i < CARDS; i++) {
		board_lock(NULL);
		nicport_detach(nicnet_port(o->net[i]));
		board_unlock(NULL);
		nicnet_free(o->net[i]);
		o->dev[i]->ops->close(o->dev[i]);
	}
	worker_free(o->worker);
}

static void over_send(struct over *o, unsigned i, uint8_t *frame, uint32_t len)
{
	board_lock(NULL);
	nicport_send(nicnet_port(o->net[i]), frame, len);
	board_unlock(NULL);
}

static void test_over_a_switch(void **state)
{
	const struct switch_params sp = { 0 };
	static uint8_t big[NIC_TX_MAX];
	struct nicnet_counts n;
	struct over o;
	uint8_t frame[1514];
	char *why = NULL;

	(void)state;
	assert_int_equal(switch_create("nicnet", &sp, &why), 0);
	over_open(&o, &drv_switch, "nicnet");
	o.card[1].room = 40;
	for (unsigned i = 0; i < 100; i++) {
		fakenic_frame(frame, NULL, i ? 1514 : 42, (uint8_t)i);
		over_send(&o, 0, frame, i ? 1514 : 42);
	}
	/* those without room wait, and come when there is some */
	wait_got(&o.card[1], 40);
	usleep(20000);
	board_lock(NULL);
	assert_int_equal(o.card[1].got, 40);
	assert_int_equal(o.card[1].missed, 0);
	assert_int_equal(o.card[1].bytes, 60 + 39 * 1514);
	o.card[1].room = 1000;
	nicport_run(nicnet_port(o.net[1]));
	board_unlock(NULL);
	wait_got(&o.card[1], 100);
	assert_memory_equal(o.card[1].last, frame, sizeof(frame));
	assert_int_equal(o.card[0].got, 0);
	/* a large segment: the guest on the other side takes none */
	fakenic_frame(big, NULL, 54 + 60000, 1);
	fakenic_ipv4(big, 54 + 60000, NETFRAME_PROTO_TCP, false);
	board_lock(NULL);
	assert_true(nicport_may_send(nicnet_port(o.net[0])));
	assert_int_equal(nicport_send_large(nicnet_port(o.net[0]), big, 54 + 60000, 1460),
			 0);
	board_unlock(NULL);
	wait_got(&o.card[1], 142);
	assert_true(fakenic_ipv4_ok(o.card[1].last, o.card[1].last_len));
	nicnet_counts(o.net[0], &n);
	assert_int_equal(n.tx_packets, 101);
	assert_int_equal(n.tx_dropped + n.tx_errors, 0);
	nicnet_counts(o.net[1], &n);
	assert_int_equal(n.rx_packets, 142);
	over_close(&o);
	assert_int_equal(switch_destroy("nicnet"), 0);
}

/* A driver that gives nothing and takes all, until the inbox is full. */
static void test_over_a_sink(void **state)
{
	struct nicnet_counts n;
	uint8_t frame[1514];
	struct over o;

	(void)state;
	over_open(&o, &drv_sink, NULL);
	fakenic_frame(frame, NULL, sizeof(frame), 1);
	for (unsigned i = 0; i < 20000; i++) {
		while (!nicport_may_send(nicnet_port(o.net[0])))
			usleep(100);
		over_send(&o, 0, frame, sizeof(frame));
	}
	over_send(&o, 0, frame, 13);
	for (unsigned i = 0; i < 5000; i++) {
		nicnet_counts(o.net[0], &n);
		if (n.tx_packets == 20000)
			break;
		usleep(1000);
	}
	assert_int_equal(n.tx_packets, 20000);
	assert_int_equal(n.tx_bytes, 20000 * 1514);
	assert_int_equal(n.tx_dropped, 0);
	over_close(&o);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_frames_wait), T(test_frames_are_missed), T(test_large),
		T(test_sums),	     T(test_over_a_switch),	T(test_over_a_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
