/* SPDX-License-Identifier: MIT */
/* A vif in a VLAN, over a port that knows of none: what the port gets and what the
 * guest does, byte for byte, and what neither does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/frames.h"
#include "tests/lib/rawvif.h"
#include "tests/lib/testport.h"

#define VLAN 10u
#define MACS 12u

static struct rawback rb;
static struct rawvif f;
static struct testport *tp;
static uint8_t frame[FRAMES_MAX], tagged[FRAMES_MAX], buf[65536];

static const struct netif_meta plain,
	blank = { .csum_blank = true, .data_validated = true };

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

static void connect_as(unsigned flags)
{
	assert_true(rawvif_connect(&f, &rb, 0, flags));
	tp = testport_find("tape");
}

static void connect_vif(const char *key, const char *value)
{
	const char *const keys[] = { "vlan", "10", key, value, NULL };

	rawvif_attach(&rb, 0, "test", "tape", NULL, keys);
	connect_as(RV_SPLIT | RV_GSO);
}

static void reconnect_as(unsigned flags)
{
	rawvif_close(&f);
	rawback_fe_write(&rb, 0, "state", "1");
	connect_as(flags);
}

static struct netif_meta large(bool v6)
{
	struct netif_meta m = blank;

	m.gso_type = v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
	m.gso_size = 1448;
	return m;
}

/* Bytes that follow from len, of nobody's Ethernet type. */
static void fill(uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)((i + len) * 2654435761u >> 24);
	frame[0] = 2;
	memcpy(frame + MACS, "\x88\xb5", 2);
}

/* `from` with a tag, into tagged[]. */
static void put_tag(const uint8_t *from, size_t len, unsigned type, unsigned tci)
{
	const uint8_t tag[4] = { (uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(tci >> 8),
				 (uint8_t)tci };

	memcpy(tagged, from, MACS);
	memcpy(tagged + MACS, tag, 4);
	memcpy(tagged + MACS + 4, from + MACS, len - MACS);
}

/* The guest sends it, in slots of at most `slot` bytes. */
static int transmit(const struct netif_meta *m, const uint8_t *bytes, size_t len,
		    uint32_t slot)
{
	struct netif_pkt p = { .meta = *m, .size = (uint32_t)len };
	struct netif_tx_response rsp;
	int status = NETIF_RSP_OKAY;

	for (uint32_t done = 0; done < len; p.nr_slots++) {
		uint32_t n = len - done < slot ? (uint32_t)len - done : slot;

		memcpy(f.tx_data->pages + p.nr_slots * NETIF_PAGE_SIZE, bytes + done, n);
		p.slot[p.nr_slots] =
			(struct netif_slot){ .gref = f.tx_data->refs[p.nr_slots],
					     .size = (uint16_t)n };
		done += n;
	}
	netif_tx_put(&f.tx, &p);
	rawvif_push(&f);
	for (unsigned i = 0; i < netif_pkt_ring_slots(&p); i++) {
		assert_true(rawvif_tx_response(&f, &rsp));
		if (rsp.status != NETIF_RSP_NULL)
			status = rsp.status;
	}
	return status;
}

/* The last that the port got is tagged[]. */
static const struct testport_pkt *sent_tagged(size_t len)
{
	const struct testport_pkt *got = &tp->sent[tp->kept - 1];

	assert_int_equal(got->len, len + 4);
	assert_memory_equal(got->bytes, tagged, len + 4);
	return got;
}

/* ----------------------------------------------------------------------- TX */

static const uint32_t lengths[] = { 14,	  15,	16,    18,    60,   124,  127,
				    128,  129,	132,   133,   1514, 4092, 4096,
				    4097, 9014, 40000, 65532, 65535 };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static void test_tx_gets_the_tag(void **state)
{
	static const uint32_t slots[] = { 4096, 4001, 3700 };
	uint64_t bytes = 0;

	(void)state;
	connect_vif(NULL, NULL);
	for (unsigned i = 0; i < 3 * LENGTHS; i++) {
		uint32_t len = lengths[i % LENGTHS];

		fill(len);
		put_tag(frame, len, 0x8100, VLAN);
		assert_int_equal(transmit(&plain, frame, len, slots[i / LENGTHS]),
				 NETIF_RSP_OKAY);
		assert_true(testport_wait(tp, i + 1));
		sent_tagged(len);
		bytes += len;
	}
	/* counted as the guest sent them */
	assert_int_equal(rawvif_stat(&rb, 0, "tx_bytes"), bytes);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_dropped_vlan"), 0);
}

/* A priority stays, a VLAN of the guest's own choice does not pass, be it the right
 * one; another kind of tag is payload. */
static void test_tx_of_tagged_packets(void **state)
{
	static const unsigned bad[] = { VLAN, VLAN | 0xe000, 20, 0xfff, 1 };

	(void)state;
	connect_vif(NULL, NULL);
	fill(100);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_tag(frame, 100, 0x8100, bad[i]);
		assert_int_equal(transmit(&plain, tagged, 104, 4096), NETIF_RSP_OKAY);
	}
	for (uint32_t len = 14; len < 18; len++) { /* a tag that is not whole */
		put_tag(frame, 100, 0x8100, 0);
		assert_int_equal(transmit(&plain, tagged, len, 4096), NETIF_RSP_OKAY);
	}
	assert_int_equal(rawvif_stat(&rb, 0, "tx_dropped_vlan"), 9);
	assert_int_equal(atomic_load(&tp->nr_sent), 0);
	put_tag(frame, 100, 0x8100, 0xa000);
	assert_int_equal(transmit(&plain, tagged, 104, 4096), NETIF_RSP_OKAY);
	assert_true(testport_wait(tp, 1));
	put_tag(frame, 100, 0x8100, 0xa000 | VLAN);
	sent_tagged(100);
	put_tag(frame, 100, 0x88a8, 20);
	memcpy(buf, tagged, 104);
	assert_int_equal(transmit(&plain, buf, 104, 4096), NETIF_RSP_OKAY);
	assert_true(testport_wait(tp, 2));
	put_tag(buf, 104, 0x8100, VLAN);
	sent_tagged(104);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_errors"), 0);
}

static void test_tx_spoofed(void **state)
{
	(void)state;
	connect_vif("antispoof", "1");
	fill(60);
	assert_int_equal(transmit(&plain, frame, 60, 4096), NETIF_RSP_ERROR);
	memcpy(frame + 6, "\x00\x16\x3e\x01\x02\x03", 6);
	assert_int_equal(transmit(&plain, frame, 60, 4096), NETIF_RSP_OKAY);
	put_tag(frame, 60, 0x8100, VLAN);
	assert_true(testport_wait(tp, 1));
	sent_tagged(60);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_spoofed"), 1);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_dropped_vlan"), 0);
}

/* A port that carries them gets large segments whole, up to the largest. */
static void test_tx_large(void **state)
{
	(void)state;
	connect_vif(NULL, NULL);
	for (unsigned i = 0; i < 4; i++) {
		struct frame_spec s = { .v6 = i & 1, .proto = 6, .blank = true };
		struct netif_meta m = large(i & 1);
		const struct testport_pkt *got;
		size_t len;

		s.payload = i & 2 ? 10000 : 65535 - (uint32_t)frame_make(frame, &s).len;
		len = frame_make(frame, &s).len;
		put_tag(frame, len, 0x8100, VLAN);
		assert_int_equal(transmit(&m, frame, len, 4096), NETIF_RSP_OKAY);
		assert_true(testport_wait(tp, i + 1));
		got = sent_tagged(len);
		assert_int_equal(got->meta.gso_size, 1448);
		assert_int_equal(got->meta.gso_type, m.gso_type);
		assert_true(got->meta.csum_blank);
	}
	assert_int_equal(rawvif_stat(&rb, 0, "tx_gso"), 4);
}

/* One that does not gets frames, each with the tag and right in itself. */
static void test_tx_for_a_plain_port(void **state)
{
	unsigned n = 0;

	(void)state;
	testport_info = (struct netdrv_info){ .mtu = 1500, .max_queues = 1 };
	connect_vif(NULL, NULL);
	for (unsigned i = 0; i < 4; i++) {
		bool cut = i & 2;
		struct frame_spec s = { .v6 = i & 1,
					.proto = 6,
					.l4_options = 12,
					.payload = cut ? 20000 : 700,
					.blank = true };
		struct netif_meta m = cut ? large(i & 1) : blank;
		struct frame fr = frame_make(frame, &s);
		size_t at = fr.data;

		assert_int_equal(transmit(&m, frame, fr.len, 3000), NETIF_RSP_OKAY);
		for (; at < fr.end; n++) {
			const struct testport_pkt *got = &tp->sent[n];

			assert_true(testport_wait(tp, n + 1));
			assert_in_range(got->len, fr.data + 5, fr.data + 1448 + 4);
			put_tag(frame, fr.len, 0x8100, VLAN);
			assert_memory_equal(got->bytes, tagged, 18);
			assert_memory_equal(got->bytes + fr.data + 4, frame + at,
					    got->len - fr.data - 4);
			assert_true(frame_sums_right(got->bytes, got->len));
			at += got->len - fr.data - 4;
		}
	}
	assert_int_equal(n, 2 + 2 * 14);
	assert_int_equal(rawvif_stat(&rb, 0, "tx_errors"), 0);
}

/* ----------------------------------------------------------------------- RX */

static void received(const struct netif_meta *m, uint32_t len)
{
	struct netif_pkt p;

	assert_int_equal(rawvif_recv(&f, &p, buf, 5000), len);
	assert_memory_equal(buf, frame, len);
	assert_int_equal(p.meta.csum_blank, m->csum_blank);
	assert_int_equal(p.meta.gso_type, m->gso_type);
	assert_int_equal(p.meta.gso_size, m->gso_size);
}

static void test_rx_loses_the_tag(void **state)
{
	const struct netif_meta m = large(false);

	(void)state;
	connect_vif(NULL, NULL);
	for (unsigned i = 0; i < 3 * LENGTHS; i++) {
		uint32_t len = lengths[i % LENGTHS];
		const struct netif_meta *meta = i & 1 && len > 1500 ? &m : &plain;

		fill(len);
		put_tag(frame, len, 0x8100, VLAN | i << 12);
		assert_true(testport_feed(tp, 0, meta, tagged, len + 4));
		received(meta, len);
	}
	assert_int_equal(rawvif_stat(&rb, 0, "rx_packets"), 3 * LENGTHS);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_vlan"), 0);
}

/* What has another tag, or none, or one that is not whole, is not the guest's. */
static void test_rx_of_others(void **state)
{
	static const unsigned bad[] = { 20, 0, VLAN + 1, 0xe000, 0xfff, VLAN | 0x800 };
	long dropped = 0;

	(void)state;
	connect_vif(NULL, NULL);
	for (unsigned i = 0; i < LENGTHS; i++) {
		fill(lengths[i]);
		assert_true(testport_feed(tp, 0, NULL, frame, lengths[i]));
		put_tag(frame, lengths[i], 0x8100, bad[i % 6]);
		assert_true(testport_feed(tp, 0, NULL, tagged, lengths[i] + 4));
		put_tag(frame, lengths[i], 0x88a8, VLAN);
		assert_true(testport_feed(tp, 0, NULL, tagged, lengths[i] + 4));
		dropped += 3;
	}
	for (uint32_t len = 14; len < 18; len++, dropped++) {
		put_tag(frame, 100, 0x8100, VLAN);
		assert_true(testport_feed(tp, 0, NULL, tagged, len));
	}
	/* behind the right tag, anything is the guest's */
	fill(100);
	put_tag(frame, 100, 0x8100, 20);
	memcpy(frame, tagged, 104);
	put_tag(frame, 104, 0x8100, VLAN);
	assert_true(testport_feed(tp, 0, NULL, tagged, 108));
	received(&plain, 104);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_vlan"), dropped);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_packets"), 1);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_port"), 0);
}

/* What is larger than the guest's room is the port's loss; and each connection
 * counts anew. */
static void test_rx_too_large(void **state)
{
	(void)state;
	testport_info = (struct netdrv_info){ .mtu = 1500, .max_queues = 1 };
	connect_vif(NULL, NULL);
	reconnect_as(RV_SPLIT);
	fill(5000);
	put_tag(frame, 5000, 0x8100, VLAN);
	assert_true(testport_feed(tp, 0, NULL, tagged, 4101));
	assert_true(testport_feed(tp, 0, NULL, frame, 60));
	assert_true(testport_feed(tp, 0, NULL, tagged, 4100));
	received(&plain, 4096);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_port"), 1);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_vlan"), 1);
	reconnect_as(RV_SPLIT);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_vlan"), 0);
}

/* Without a VLAN nothing is counted, and tags are the guest's affair. */
static void test_without_vlan(void **state)
{
	(void)state;
	rawvif_attach(&rb, 0, "test", "tape", NULL, NULL);
	connect_as(0);
	fill(100);
	put_tag(frame, 96, 0x8100, VLAN);
	memcpy(frame, tagged, 100);
	assert_int_equal(transmit(&plain, frame, 100, 4096), NETIF_RSP_OKAY);
	assert_true(testport_wait(tp, 1));
	assert_memory_equal(tp->sent[0].bytes, frame, 100);
	assert_true(testport_feed(tp, 0, NULL, frame, 100));
	received(&plain, 100);
	assert_int_equal(rawvif_stat(&rb, 0, "rx_dropped_vlan"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_tx_gets_the_tag),     T(test_tx_of_tagged_packets),
		T(test_tx_spoofed),	     T(test_tx_large),
		T(test_tx_for_a_plain_port), T(test_rx_loses_the_tag),
		T(test_rx_of_others),	     T(test_rx_too_large),
		T(test_without_vlan),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
