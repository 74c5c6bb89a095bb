/* SPDX-License-Identifier: MIT */
/*
 * A hostile frontend against netback's rings: published advisories, by number.
 * A good neighbour on the same worker watches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "hv/base/adapt.h"
#include "tests/lib/frames.h"
#include "tests/lib/vifpair.h"

#define MS 1000000ull

static struct vifpair vp;
static uint8_t buf[65536];

static int setup(void **state)
{
	(void)state;
	vifpair_start(&vp, NULL, "test", "tape", NULL, RV_SPLIT | RV_GSO);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vifpair_stop(&vp);
	return 0;
}

static const ring_idx_t jumps[] = { 257,	1000,	    65536,	0x7fffffff,
				    0x80000000, 0xfffffeff, 0xffffffff, 0xfffffffe };

/* Corrupted ring indexes: that vif is closed, the neighbour is untouched. */
static void test_xsa_39_tx_indexes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		for (int k = 0; k < 5; k++)
			assert_int_equal(rawvif_send(&vp.bad, 0, 1000, 500, 1),
					 NETIF_RSP_OKAY);
		vifpair_show(&vp.bad.tx, vp.bad.tx_ch, vp.bad.tx.req_prod_pub + jumps[i]);
		vifpair_closed(&vp);
		vifpair_neighbour(&vp, 10);
		vifpair_reconnect(&vp);
	}
}

/* RX requests are looked at when a packet comes: then, too. Taking back what
 * nobody has looked at yet is a frontend's right. */
static void test_xsa_39_rx_indexes(void **state)
{
	static const uint8_t frame[60] = { 2 };
	struct netif_pkt p;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(jumps) / sizeof(jumps[0]); i++) {
		testport_feed(testport_find("tape"), 0, NULL, frame, sizeof(frame));
		assert_int_equal(rawvif_recv(&vp.bad, &p, buf, 5000), sizeof(frame));
		vifpair_show(&vp.bad.rx, vp.bad.rx_ch, vp.bad.rx.req_prod_pub + jumps[i]);
		for (int k = 0; k < 300; k++)
			testport_feed(testport_find("tape"), 0, NULL, frame,
				      sizeof(frame));
		vifpair_closed(&vp);
		vifpair_neighbour(&vp, 10);
		vifpair_reconnect(&vp);
	}
}

/* A ring that was used to its end already when it is offered. */
static void test_xsa_39_rings_in_use(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct ring_shared *s = i & 1 ? vp.bad.tx.r.shared : vp.bad.rx.r.shared;

		rawvif_free(&vp.bad);
		rawback_fe_write(&vp.rb, VP_BAD, "state", "1");
		assert_true(rawback_wait_state(&vp.rb, VP_BAD, XenbusStateInitWait));
		rawvif_publish(&vp.bad, &vp.rb, VP_BAD, "", RV_SPLIT);
		s = i & 1 ? vp.bad.tx.r.shared : vp.bad.rx.r.shared;
		atomic_store(&s->rsp_prod, i * 0x12345671u);
		atomic_store(&s->req_prod, i * 0x12345671u + (1u << i / 2));
		rawback_fe_write(&vp.rb, VP_BAD, "state", "4");
		assert_true(rawback_wait_state(&vp.rb, VP_BAD,
					       i / 2 > 8 ? XenbusStateClosed
							 : XenbusStateConnected));
		if (i / 2 <= 8) /* the requests of nothing are answered or fatal */
			rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
		assert_true(rawback_wait_state(&vp.rb, VP_BAD, XenbusStateClosed));
		vifpair_neighbour(&vp, 2);
	}
	vifpair_reconnect(&vp);
}

struct flipper {
	_Atomic(uint8_t *) slot;
	_Atomic bool stop;
	pthread_t thread;
};

/* Rewrites what is checked in a TX request, as fast as it can. */
static void *flip_tx(void *arg)
{
	struct flipper *f = arg;

	for (uint32_t i = 0; !atomic_load(&f->stop); i++) {
		volatile struct netif_tx_request *r = (void *)atomic_load(&f->slot);

		r->size = i & 1 ? 60 : 4096;
		r->offset = (uint16_t)(i % 1024 < 1000 ? 0 : i);
		r->flags = (uint16_t)(i & 8 ? NETTXF_csum_blank : 0);
		r->gref = i & 16 ? vp.bad.tx_data->refs[0] : i;
	}
	return NULL;
}

/* Sends while the slot flips; false: closed, it was seen over a page's end. */
static bool send_flipping(struct flipper *f)
{
	struct netif_tx_request req = { .gref = vp.bad.tx_data->refs[0], .size = 60 };
	struct netif_tx_response rsp;

	atomic_store(&f->slot, ring_slot(&vp.bad.tx.r, vp.bad.tx.req_prod_pvt));
	rawvif_tx(&vp.bad, &req);
	rawvif_push(&vp.bad);
	while (ring_front_arm(&vp.bad.tx) == 0)
		if (rawback_be_num(&vp.rb, VP_BAD, "state") == XenbusStateClosed)
			return false;
	ring_copy_response(&vp.bad.tx, &rsp, sizeof(rsp));
	return true;
}

static void test_xsa_155_flipped_tx(void **state)
{
	unsigned sent = 0;

	(void)state;
	for (int round = 0; round < 10; round++) {
		struct flipper f = { .slot = ring_slot(&vp.bad.tx.r, 0) };

		assert_int_equal(pthread_create(&f.thread, NULL, flip_tx, &f), 0);
		while (sent < 1000u * (unsigned)(round + 1) && send_flipping(&f))
			sent++;
		atomic_store(&f.stop, true);
		pthread_join(f.thread, NULL);
		vifpair_neighbour(&vp, 10);
		rawback_fe_write(&vp.rb, VP_BAD, "state", "6");
		vifpair_closed(&vp);
		vifpair_reconnect(&vp);
	}
	assert_true(sent > 0);
}

/* Grant references of RX requests change while they are used. */
static void *flip_rx(void *arg)
{
	struct flipper *f = arg;

	for (uint32_t i = 0; !atomic_load(&f->stop); i++) {
		volatile struct netif_rx_request *r =
			(void *)ring_slot(&vp.bad.rx.r, i / 2);

		if (i & 1)
			r->gref = vp.bad.rx_data->refs[i / 2 % 256];
		else
			r->gref = i;
	}
	return NULL;
}

static void test_xsa_155_flipped_rx(void **state)
{
	uint8_t *frame = calloc(1, 60000);
	struct flipper f = { .slot = NULL };
	struct netif_meta m = { .csum_blank = true,
				.data_validated = true,
				.gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
				.gso_size = 1448 };

	(void)state;
	assert_int_equal(pthread_create(&f.thread, NULL, flip_rx, &f), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		struct netif_pkt p;
		int len;

		testport_feed(testport_find("tape"), 0, i & 1 ? &m : NULL, frame,
			      i & 1 ? 60000 : 1514);
		len = rawvif_recv(&vp.bad, &p, buf, 0);
		assert_true(len > 0 || len == -ETIMEDOUT || len == -EPROTO ||
			    len == -EINVAL);
	}
	atomic_store(&f.stop, true);
	pthread_join(f.thread, NULL);
	free(frame);
	vifpair_neighbour(&vp, 10);
}

/* No byte of a response is left as it was. */
static void test_xsa_216_response_padding(void **state)
{
	static const uint8_t frame[60] = { 2 };
	struct netif_extra_info x = { .type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
				      .u.mcast.addr = { 1, 0, 0x5e, 0, 0, 1 } };
	struct netif_tx_response rsp;
	struct netif_pkt p;

	(void)state;
	for (int i = 0; i < 300; i++) {
		testport_feed(testport_find("tape"), 0, NULL, frame, sizeof(frame));
		assert_int_equal(rawvif_recv(&vp.bad, &p, buf, 5000), sizeof(frame));
		/* what answers an extra holds no word of a neighbour's */
		rawvif_tx(&vp.bad, &(struct netif_tx_request){ .flags = NETTXF_extra_info,
							       .id = 7,
							       .size = 60 });
		memset(ring_slot(&vp.bad.tx.r, vp.bad.tx.req_prod_pvt), 0xaa, 12);
		rawvif_extra(&vp.bad, &x);
		rawvif_push(&vp.bad);
		assert_true(rawvif_tx_response(&vp.bad, &rsp));
		assert_int_equal(rsp.id, 7);
		assert_true(rawvif_tx_response(&vp.bad, &rsp));
		assert_int_equal(rsp.id, 0);
		assert_int_equal(rsp.status, NETIF_RSP_NULL);
	}
}

/* 10^6 events a second on both channels: the neighbour is served. */
static void *storm(void *arg)
{
	_Atomic bool *stop = arg;

	while (!atomic_load(stop)) {
		evtchn_notify(vp.bad.tx_ch);
		evtchn_notify(vp.bad.rx_ch);
	}
	return NULL;
}

static void test_xsa_331_332_event_storm(void **state)
{
	_Atomic bool stop = false;
	pthread_t t;
	uint64_t worst;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, storm, &stop), 0);
	worst = vifpair_neighbour(&vp, 2000);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	assert_in_range(worst, 0, 500 * MS);
}

/* An event without anything behind it costs one look. */
static void test_events_without_work(void **state)
{
	long before = rawvif_stat(&vp.rb, VP_BAD, "notifications_sent");

	(void)state;
	for (int i = 0; i < 10000; i++)
		evtchn_notify(i & 1 ? vp.bad.tx_ch : vp.bad.rx_ch);
	vifpair_neighbour(&vp, 10);
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "notifications_sent"), before);
	assert_int_equal(rawvif_stat(&vp.rb, VP_BAD, "tx_packets"), 0);
}

/* Sends the same large segments again as soon as they are answered. */
static void *flood(void *arg)
{
	struct netif_pkt p = { .meta = { .csum_blank = true,
					 .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
					 .gso_size = 48 },
			       .size = 15 * NETIF_PAGE_SIZE,
			       .nr_slots = 15 };
	_Atomic bool *stop = arg;
	int n;

	for (unsigned i = 0; i < 15; i++)
		p.slot[i] = (struct netif_slot){ .gref = vp.bad.tx_data->refs[i],
						 .size = NETIF_PAGE_SIZE };
	while (!atomic_load(stop)) {
		while (ring_front_free(&vp.bad.tx) >= netif_pkt_ring_slots(&p))
			netif_tx_put(&vp.bad.tx, &p);
		rawvif_push(&vp.bad);
		n = ring_front_avail(&vp.bad.tx);
		vp.bad.tx.rsp_cons += n > 0 ? (ring_idx_t)n : 0;
	}
	return NULL;
}

static int setup_plain(void **state)
{
	testport_info = (struct netdrv_info){ .mtu = 1500, .max_queues = 4 };
	return setup(state);
}

/* A ring that is full of the dearest packets, all the time. */
static void test_neighbour_beside_a_full_ring(void **state)
{
	const struct frame_spec spec = { .proto = 6, .payload = 4000, .blank = true };
	const unsigned ip_len = 15 * NETIF_PAGE_SIZE - NETIF_ETH_HLEN;
	static uint8_t frame[FRAMES_MAX];
	_Atomic bool stop = false;
	uint64_t worst;
	pthread_t t;

	(void)state;
	frame_make(frame, &spec);
	frame[16] = (uint8_t)(ip_len >> 8);
	frame[17] = (uint8_t)ip_len;
	memcpy(vp.bad.tx_data->pages, frame, NETIF_PAGE_SIZE);
	assert_int_equal(pthread_create(&t, NULL, flood, &stop), 0);
	worst = vifpair_neighbour(&vp, 200);
	/* on a busy machine the flood begins late */
	for (int i = 0; i < 1000 && !rawvif_stat(&vp.rb, VP_BAD, "tx_gso"); i++)
		usleep(10000);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	testport_info = (struct netdrv_info){ 0 };
	assert_in_range(worst, 0, 500 * MS);
	assert_true(rawvif_stat(&vp.rb, VP_BAD, "tx_gso") > 0);
	assert_true(atomic_load(&testport_find("tape")->nr_sent) > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_xsa_39_tx_indexes),
		T(test_xsa_39_rx_indexes),
		T(test_xsa_39_rings_in_use),
		T(test_xsa_155_flipped_tx),
		T(test_xsa_155_flipped_rx),
		T(test_xsa_216_response_padding),
		T(test_xsa_331_332_event_storm),
		T(test_events_without_work),
		cmocka_unit_test_setup_teardown(test_neighbour_beside_a_full_ring,
						setup_plain, teardown),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
