/* SPDX-License-Identifier: MIT */
/* Packets of many slots: extras, their places, and what is done for a port or a
 * guest that cannot carry them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/frames.h"
#include "tests/lib/rawvif.h"
#include "tests/lib/testport.h"

static struct rawback rb;
static struct rawvif f;
static uint8_t buf[65536], frame[FRAMES_MAX];

static const struct netif_meta large_v4 = { .csum_blank = true,
					    .data_validated = true,
					    .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
					    .gso_size = 1448 };

static int setup(void **state)
{
	(void)state;
	testport_info = (struct netdrv_info){ 0 };
	rawvif_back(&rb, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rawvif_close(&f);
	rawback_detach(&rb, 0);
	rawback_stop(&rb);
	return 0;
}

static struct testport *connect_vif(unsigned flags)
{
	rawvif_attach(&rb, 0, "test", "tape", NULL, NULL);
	assert_true(rawvif_connect(&f, &rb, 0, flags));
	return testport_find("tape");
}

static void fill(uint32_t len, uint32_t seed)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)((i + seed) * 2654435761u >> 24);
	frame[0] = 2;
}

/* ----------------------------------------------------------------------- RX */

static const uint32_t lengths[] = { 14,	   60,	  127,	 128,	129,  1514, 4095,
				    4096,  4097,  8191,	 8192,	8193, 9014, 20000,
				    40000, 61440, 61441, 65534, 65535 };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

/* One packet to the guest: whole, in as few slots as there may be. */
static void receive(struct testport *tp, const struct netif_meta *m, uint32_t len)
{
	ring_idx_t at = f.rx.rsp_cons;
	struct netif_extra_info x;
	struct netif_pkt p;

	fill(len, len * 31 + at);
	memset(f.rx_data->pages, 0xa5, NETIF_RING_SLOTS * NETIF_PAGE_SIZE);
	assert_true(testport_feed(tp, 0, m, frame, len));
	while (ring_front_arm(&f.rx) == 0)
		usleep(100);
	memcpy(&x, ring_slot(&f.rx.r, at + 1), sizeof(x));
	assert_int_equal(rawvif_recv(&f, &p, buf, 5000), len);
	assert_memory_equal(buf, frame, len);
	assert_int_equal(p.nr_slots, (len + 4095) / 4096);
	assert_int_equal(p.nr_extras, m ? 1 : 0);
	assert_int_equal(f.rx.rsp_cons - at, p.nr_slots + p.nr_extras);
	if (m) {
		assert_int_equal(x.type, XEN_NETIF_EXTRA_TYPE_GSO);
		assert_int_equal(x.flags, 0);
		assert_int_equal(x.u.gso.size, m->gso_size);
		assert_int_equal(x.u.gso.type, m->gso_type);
	}
	assert_int_equal(p.meta.csum_blank, m ? 1 : 0);
	/* nothing behind the packet's end in its last page */
	for (uint32_t i = p.slot[p.nr_slots - 1].size; i < 4096 && !m; i += 64)
		if (p.nr_slots == 1)
			assert_int_equal(f.rx_data->pages[p.slot[0].id * 4096u + i],
					 0xa5);
}

/* A guest that takes large segments: room is left for the extra, and closed
 * where there is none. */
static void test_rx_with_and_without_extra(void **state)
{
	struct testport *tp = connect_vif(RV_SPLIT | RV_GSO);

	(void)state;
	assert_true(tp->guest.tso4 && tp->guest.tso6 && tp->guest.csum);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < LENGTHS; i++) {
			receive(tp, NULL, lengths[i]);
			receive(tp, lengths[i] > 1500 ? &large_v4 : NULL, lengths[i]);
		}
	assert_int_equal(rawvif_stat(&rb, 0, "rx_gso"), 3 * (long)(LENGTHS - 5));
	assert_int_equal(rawvif_stat(&rb, 0, "rx_errors"), 0);
}

/* MTU 9000 in three slots, none of them for an extra. */
static void test_rx_mtu_9000(void **state)
{
	struct testport *tp;

	(void)state;
	testport_info = (struct netdrv_info){ .mtu = 9000, .max_queues = 1 };
	rawvif_attach(&rb, 0, "test", "tape", NULL, NULL);
	rawvif_publish(&f, &rb, 0, "", RV_SPLIT | RV_NO_CSUM);
	rawback_fe_num(&rb, 0, "feature-sg", 1);
	assert_true(rawback_wait_state(&rb, 0, XenbusStateInitWait));
	rawback_fe_num(&rb, 0, "state", XenbusStateConnected);
	assert_true(rawback_wait_state(&rb, 0, XenbusStateConnected));
	tp = testport_find("tape");
	assert_false(tp->guest.tso4 || tp->guest.tso6 || tp->guest.csum);
	for (int round = 0; round < 100; round++)
		for (size_t i = 0; i < LENGTHS && lengths[i] <= 9014; i++)
			receive(tp, NULL, lengths[i]);
	fill(20000, 1);
	assert_true(testport_feed(tp, 0, NULL, frame, 20000)); /* over three pages */
	receive(tp, NULL, 60);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_port"), 1);
}

/* Without feature-sg a packet is one slot, or too large. */
static void test_rx_without_sg(void **state)
{
	struct testport *tp;

	(void)state;
	testport_info = (struct netdrv_info){ .mtu = 9000, .max_queues = 1 };
	tp = connect_vif(RV_SPLIT);
	for (size_t i = 0; i < LENGTHS && lengths[i] <= 4096; i++)
		receive(tp, NULL, lengths[i]);
	fill(9014, 1);
	assert_true(testport_feed(tp, 0, NULL, frame, 4097));
	assert_true(testport_feed(tp, 0, NULL, frame, 9014));
	receive(tp, NULL, 1514);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_port"), 2);
}

/* ----------------------------------------------------------------------- TX */

/* The frame in slots of at most `slot` bytes; all of them answered so. */
static void transmit(const struct netif_meta *m, uint32_t len, uint32_t slot, int status)
{
	struct netif_pkt p = { .meta = *m, .size = len };
	struct netif_tx_response rsp;
	uint32_t done = 0;

	for (; done < len; p.nr_slots++) {
		uint32_t n = len - done < slot ? len - done : slot;

		memcpy(f.tx_data->pages + p.nr_slots * NETIF_PAGE_SIZE, frame + done, n);
		p.slot[p.nr_slots] =
			(struct netif_slot){ .gref = f.tx_data->refs[p.nr_slots],
					     .id = (uint16_t)(7 + p.nr_slots),
					     .size = (uint16_t)n };
		done += n;
	}
	netif_tx_put(&f.tx, &p);
	rawvif_push(&f);
	for (unsigned i = 0; i < netif_pkt_ring_slots(&p); i++) {
		bool extra = m->gso_type && i == 1;

		assert_true(rawvif_tx_response(&f, &rsp));
		assert_int_equal(rsp.status, extra ? NETIF_RSP_NULL : status);
		if (!extra)
			assert_int_equal(rsp.id, 7 + i - (m->gso_type && i > 1));
	}
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The nth of the frames that a large segment is cut into, from its own bytes. */
static void check_segment(const struct testport_pkt *got, const struct frame *fr,
			  uint32_t mss, uint32_t nth, bool last)
{
	uint32_t at = (uint32_t)fr->data + nth * mss;
	uint32_t n = last ? (uint32_t)fr->end - at : mss;
	const uint8_t *b = got->bytes, *l4 = b + fr->l4;

	assert_int_equal(got->meta.gso_type, 0);
	assert_false(got->meta.csum_blank);
	assert_int_equal(got->len, fr->data + n);
	assert_memory_equal(b + fr->data, frame + at, n);
	assert_memory_equal(b, frame, fr->l3);
	assert_int_equal(be32(l4 + 4), be32(frame + fr->l4 + 4) + nth * mss);
	assert_int_equal(l4[13], last ? 0x19 : 0x10);
	assert_memory_equal(l4 + 20, frame + fr->l4 + 20, fr->data - fr->l4 - 20);
	assert_true(frame_sums_right(b, got->len));
}

/* A port without TSO and checksums gets frames, byte for byte what they should
 * be, whatever slots they came in. */
static void test_tx_cut_for_the_port(void **state)
{
	static const uint32_t payloads[] = { 1, 1448, 1449, 10000, 40000, 60000 };
	static const uint32_t slots[] = { 4096, 3700, 4001 };
	struct testport *tp;

	(void)state;
	testport_info = (struct netdrv_info){ .mtu = 1500, .max_queues = 1 };
	tp = connect_vif(RV_SPLIT | RV_GSO);
	for (unsigned i = 0; i < 2 * 6 * 3; i++) {
		struct frame_spec s = { .v6 = i & 1,
					.proto = 6,
					.l4_options = 12,
					.tcp_flags = 0x19, /* FIN, PSH, ACK */
					.payload = payloads[i / 2 % 6],
					.blank = true };
		struct frame fr = frame_make(frame, &s);
		struct netif_meta m = large_v4;
		uint32_t n = (s.payload + 1447) / 1448;

		if (s.v6)
			m.gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
		testport_clear(tp);
		transmit(&m, (uint32_t)fr.len, slots[i / 12], NETIF_RSP_OKAY);
		assert_true(testport_wait(tp, n));
		assert_int_equal(atomic_load(&tp->nr_sent), n);
		for (uint32_t k = 0; k < n; k++)
			check_segment(&tp->sent[k], &fr, 1448, k, k + 1 == n);
	}
	assert_int_equal(rawvif_stat(&rb, 0, "tx_gso"), 36);
}

/* What is not what it says cannot be cut. */
static void test_tx_large_that_is_none(void **state)
{
	struct frame_spec s = { .proto = 17, .payload = 4000, .blank = true };
	struct netif_meta m = large_v4;
	struct frame fr;

	(void)state;
	testport_info = (struct netdrv_info){ .mtu = 1500, .max_queues = 1 };
	connect_vif(RV_SPLIT | RV_GSO);
	fr = frame_make(frame, &s);
	transmit(&m, (uint32_t)fr.len, 4096, NETIF_RSP_ERROR); /* UDP */
	s.proto = 6;
	fr = frame_make(frame, &s);
	m.gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
	transmit(&m, (uint32_t)fr.len, 4096, NETIF_RSP_ERROR); /* IPv4 */
	m = large_v4;
	m.gso_size = 1;
	transmit(&m, (uint32_t)fr.len, 4096, NETIF_RSP_ERROR);
	m = large_v4;
	transmit(&m, 60, 4096, NETIF_RSP_ERROR); /* cut short */
	transmit(&m, (uint32_t)fr.len, 4096, NETIF_RSP_OKAY);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_errors"), 4);
}

/* A blank checksum is filled in for a port that carries none, in any slots. */
static void test_tx_blank_checksum(void **state)
{
	const struct netif_meta m = { .csum_blank = true, .data_validated = true };
	struct testport *tp;
	unsigned n = 0;

	(void)state;
	testport_info = (struct netdrv_info){ .mtu = 9000, .max_queues = 1 };
	tp = connect_vif(RV_SPLIT | RV_GSO);
	for (uint32_t payload = 0; payload < 9000; payload += 1 + payload)
		for (unsigned i = 0; i < 8; i++) {
			struct frame_spec s = { .v6 = i & 1,
						.proto = i & 2 ? 6 : 17,
						.tags = i >> 2,
						.payload = payload,
						.blank = true };
			struct frame fr = frame_make(frame, &s);
			const uint8_t *got;

			transmit(&m, (uint32_t)fr.len, 700, NETIF_RSP_OKAY);
			assert_true(testport_wait(tp, ++n));
			assert_int_equal(tp->sent[n - 1].len, fr.len);
			got = tp->sent[n - 1].bytes;
			assert_true(frame_sums_right(got, fr.len));
			assert_false(tp->sent[n - 1].meta.csum_blank);
			memcpy(frame + fr.csum, got + fr.csum, 2); /* and nothing else */
			assert_memory_equal(got, frame, fr.len);
		}
	/* of what has none */
	transmit(&m,
		 (uint32_t)frame_make(frame,
				      &(struct frame_spec){ .proto = 1, .payload = 40 })
			 .len,
		 4096, NETIF_RSP_ERROR);
}

/* A port that carries all gets the large segment whole. */
static void test_tx_large_as_it_is(void **state)
{
	struct testport *tp = connect_vif(RV_SPLIT | RV_GSO);
	struct frame_spec s = { .proto = 6, .payload = 65000, .blank = true };
	struct frame fr = frame_make(frame, &s);

	(void)state;
	transmit(&large_v4, (uint32_t)fr.len, 4096, NETIF_RSP_OKAY);
	assert_true(testport_wait(tp, 1));
	assert_int_equal(tp->sent[0].len, fr.len);
	assert_memory_equal(tp->sent[0].bytes, frame, fr.len);
	assert_int_equal(tp->sent[0].meta.gso_size, 1448);
	assert_true(tp->sent[0].meta.csum_blank);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_rx_with_and_without_extra),
		T(test_rx_mtu_9000),
		T(test_rx_without_sg),
		T(test_tx_cut_for_the_port),
		T(test_tx_large_that_is_none),
		T(test_tx_blank_checksum),
		T(test_tx_large_as_it_is),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
