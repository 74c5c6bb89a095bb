/* SPDX-License-Identifier: MIT */
/* netframe.h's checksums against sums that are made bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ringproto/netframe.h"
#include "tests/lib/frames.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t buf[FRAMES_MAX];

/* RFC 1071's example, and an IPv4 header out of many a textbook. */
static void test_known_sums(void **state)
{
	static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
	static const uint8_t ip[] = { 0x45, 0, 0,    0x73, 0, 0, 0x40, 0,    0x40, 0x11,
				      0,    0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,	   0xc7 };
	struct netsum s = { 0 };
	uint16_t got;

	(void)state;
	netsum_add(&s, rfc, sizeof(rfc));
	got = netsum_end(&s);
	assert_memory_equal(&got, ((const uint8_t[]){ 0x22, 0x0d }), 2); /* ~ddf2 */
	s = (struct netsum){ 0 };
	netsum_add(&s, ip, sizeof(ip));
	got = netsum_end(&s);
	assert_memory_equal(&got, ((const uint8_t[]){ 0xb8, 0x61 }), 2);
}

static uint16_t sum_be(const struct netsum *s)
{
	uint16_t v = netsum_end(s);

	return (uint16_t)~netframe_be16((const uint8_t *)&v);
}

/* Every length and alignment, whole and in two pieces cut anywhere. */
static void test_sum_cuts(void **state)
{
	(void)state;
	srandom(1071);
	for (size_t i = 0; i < 512; i++)
		buf[i] = (uint8_t)(random() >> 5);
	for (size_t len = 0; len <= 140; len++) {
		const uint8_t *p = buf + len % 17;
		const uint16_t want = frame_ref_sum(p, len, 0);

		for (size_t cut = 0; cut <= len; cut++) {
			struct netsum s = { 0 };

			netsum_add(&s, p, cut);
			netsum_add(&s, p + cut, len - cut);
			assert_int_equal(sum_be(&s), want);
		}
	}
}

/* Many pieces of odd and even lengths, over all ones and over random bytes. */
static void test_sum_pieces(void **state)
{
	const size_t total = 65535;

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		struct netsum s = { 0 };

		for (size_t i = 0; i < total; i++)
			buf[i] = round ? (uint8_t)(random() >> 9) : 0xff;
		for (size_t at = 0, n; at < total; at += n) {
			n = (size_t)random() % (round == 1 ? 4 : 3000);
			if (n > total - at)
				n = total - at;
			netsum_add(&s, buf + at, n);
		}
		assert_int_equal(sum_be(&s), frame_ref_sum(buf, total, 0));
	}
}

static const struct frame_spec specs[] = {
	{ .proto = 6, .payload = 100 },
	{ .proto = 6, .payload = 1, .pad = 5, .ip_options = 4 },
	{ .proto = 6, .payload = 1448, .l4_options = 12, .tags = 1 },
	{ .proto = 17, .payload = 0, .pad = 18 },
	{ .proto = 17, .payload = 1471, .tags = 2 },
	{ .v6 = true, .proto = 6, .payload = 101, .pad = 1 },
	{ .v6 = true, .proto = 17, .payload = 77, .hopopts = true, .ext = { 60, 43 } },
};

/* Whole packets, their checksum spoilt or blank, in pieces of every size. */
static void test_packet_sums(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct frame at = frame_make(buf, &specs[i]);
		uint8_t hdr[FRAMES_MAX];
		struct netframe_sum s;
		struct netframe f;

		if (!at.csum)
			continue;
		assert_true(frame_sums_right(buf, at.len));
		for (size_t step = 1; step <= at.len; step++) {
			buf[at.csum] ^= 0x5a;
			assert_false(frame_sums_right(buf, at.len));
			assert_int_equal(netframe_parse(buf, at.len, &f), 0);
			memcpy(hdr, buf, at.data);
			netframe_sum_start(&s, hdr, &f);
			for (size_t n = 0; n < at.len; n += step)
				netframe_sum_piece(&s, buf + n,
						   step < at.len - n ? step : at.len - n);
			assert_int_equal(s.left, 0);
			netframe_sum_end(&s, hdr, &f);
			memcpy(buf, hdr, at.data);
			assert_true(frame_sums_right(buf, at.len));
		}
	}
}

/* A UDP checksum of zero is written as all ones; TCP's is zero. */
static void test_zero_sum(void **state)
{
	(void)state;
	for (unsigned proto = 6; proto <= 17; proto += 11) {
		struct frame_spec s = { .proto = (uint8_t)proto, .payload = 2 };
		struct frame at = frame_make(buf, &s);
		struct netframe_sum sum;
		struct netframe f;
		uint16_t was;

		/* the payload makes up for what is missing to all ones */
		memset(buf + at.data, 0, 2);
		assert_int_equal(netframe_parse(buf, at.len, &f), 0);
		netframe_sum_start(&sum, buf, &f);
		netframe_sum_piece(&sum, buf, at.len);
		was = netsum_end(&sum.sum);
		memcpy(buf + at.data, &was, 2);
		netframe_sum_start(&sum, buf, &f);
		netframe_sum_piece(&sum, buf, at.len);
		netframe_sum_end(&sum, buf, &f);
		assert_int_equal(netframe_be16(buf + at.csum), proto == 6 ? 0 : 0xffff);
		assert_true(frame_sums_right(buf, at.len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sums), cmocka_unit_test(test_sum_cuts),
		cmocka_unit_test(test_sum_pieces), cmocka_unit_test(test_packet_sums),
		cmocka_unit_test(test_zero_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
