/* SPDX-License-Identifier: MIT */
/* What netframe_parse() says about frames of every kind, cut at every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ringproto/netframe.h"
#include "tests/lib/frames.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t buf[FRAMES_MAX];

/* A copy of exactly n bytes, so that ASan and valgrind see each one beyond. */
static int parse_exact(const uint8_t *p, size_t n, struct netframe *f)
{
	uint8_t *copy = malloc(n ? n : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, p, n);
	memset(f, 0xaa, sizeof(*f));
	err = netframe_parse(copy, n, f);
	free(copy);
	return err;
}

static const struct frame_spec specs[] = {
	{ .proto = 6, .payload = 100 },
	{ .proto = 6, .payload = 1, .pad = 5, .ip_options = 4 },
	{ .proto = 6, .payload = 1448, .l4_options = 12, .tags = 1 },
	{ .proto = 6, .payload = 0, .l4_options = 40, .ip_options = 40, .tags = 2 },
	{ .proto = 17, .payload = 0, .pad = 18 },
	{ .proto = 17, .payload = 1471, .tags = 1 },
	{ .proto = 1, .payload = 64 },
	{ .v6 = true, .proto = 6, .payload = 100 },
	{ .v6 = true, .proto = 6, .payload = 3, .l4_options = 12, .tags = 2, .pad = 1 },
	{ .v6 = true, .proto = 17, .payload = 77 },
	{ .v6 = true, .proto = 58, .payload = 64 },
	{ .v6 = true, .proto = 6, .payload = 100, .hopopts = true },
	{ .v6 = true, .proto = 6, .payload = 9, .hopopts = true, .ext = { 60, 43, 60 } },
	{ .v6 = true, .proto = 17, .payload = 9, .ext = { 44 } }, /* whole: no fragment */
	{ .v6 = true, .proto = 17, .payload = 9, .ext = { 60 }, .ext_size = 2048 },
};

/* One spec cut after n bytes: what is known is right, and nothing else is. */
static void check_cut(const struct frame_spec *s, const struct frame *at, size_t n)
{
	const bool l4 = s->proto == 6 || s->proto == 17;
	const size_t fixed = s->proto == 6 ? 20 : 8;
	const size_t l3_known = s->v6 ? at->l3 + 40 : at->l3 + 20 + s->ip_options;
	struct netframe f;

	assert_int_equal(parse_exact(buf, n, &f), n < 14 ? -EINVAL : 0);
	if (n < at->l3)
		return;
	assert_int_equal(f.l3, at->l3);
	assert_int_equal(f.tags, s->tags);
	assert_int_equal(f.vlan, s->tags ? 100 : 0);
	assert_int_equal(f.ethertype, s->v6 ? NETFRAME_TYPE_IPV6 : NETFRAME_TYPE_IPV4);
	assert_int_equal(f.kind, n < l3_known ? NETFRAME_OTHER
				 : s->v6      ? NETFRAME_IPV6
					      : NETFRAME_IPV4);
	assert_int_equal(f.end, n < l3_known ? 0 : at->end);
	assert_false(f.fragment);
	assert_int_equal(f.l4, n < at->l4 ? 0 : at->l4);
	assert_int_equal(f.proto, n < at->l4 ? 0 : s->proto);
	assert_int_equal(f.csum, l4 && n >= at->l4 + fixed ? at->csum : 0);
	assert_int_equal(f.hdr_len, l4 && n >= at->data ? at->data : 0);
	assert_int_equal(f.l4_len, n < at->l4 ? 0 : at->end - at->l4);
}

static void test_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct frame at = frame_make(buf, &specs[i]);

		for (size_t n = 0; n <= at.len; n++)
			check_cut(&specs[i], &at, n);
	}
}

static void test_not_ip(void **state)
{
	static const uint16_t types[] = { NETFRAME_TYPE_ARP, 0x88cc, 46, 0, 0xffff };
	struct netframe f;

	(void)state;
	memset(buf, 0x45, 128);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		netframe_put_be16(buf + 12, types[i]);
		assert_int_equal(parse_exact(buf, 128, &f), 0);
		assert_int_equal(f.ethertype, types[i]);
		assert_int_equal(f.kind, NETFRAME_OTHER);
		assert_int_equal(f.l3, 14);
		assert_int_equal(f.l4 | f.proto | f.csum | f.hdr_len | f.end, 0);
	}
}

/* The third tag is not looked behind. */
static void test_three_tags(void **state)
{
	struct frame_spec s = { .proto = 6, .payload = 60, .tags = 3 };
	struct netframe f;

	(void)state;
	frame_make(buf, &s);
	assert_int_equal(parse_exact(buf, 128, &f), 0);
	assert_int_equal(f.tags, 2);
	assert_int_equal(f.ethertype, NETFRAME_TYPE_VLAN);
	assert_int_equal(f.kind, NETFRAME_OTHER);
}

/* Every value of one byte of a frame: kind and csum are known exactly when
 * `ok` says so. */
static void every_byte(size_t at, uint8_t kind, bool (*ok)(uint8_t v))
{
	const uint8_t was = buf[at];
	struct netframe f;

	for (unsigned v = 0; v < 256; v++) {
		buf[at] = (uint8_t)v;
		assert_int_equal(parse_exact(buf, 128, &f), 0);
		assert_int_equal(f.kind, ok((uint8_t)v) ? kind : NETFRAME_OTHER);
	}
	buf[at] = was;
}

static bool v4_lengths(uint8_t v)
{
	return v >= 0x45 && v <= 0x4f;
}

static bool v6_version(uint8_t v)
{
	return v >> 4 == 6;
}

static bool v4_total_low(uint8_t v) /* the high byte is 0, the header has 20 */
{
	return v >= 20;
}

static void test_malformed_ip(void **state)
{
	struct frame_spec s4 = { .proto = 6, .payload = 200 }, s6 = s4;

	(void)state;
	frame_make(buf, &s4);
	every_byte(14, NETFRAME_IPV4, v4_lengths);
	buf[16] = 0;
	every_byte(17, NETFRAME_IPV4, v4_total_low);
	s6.v6 = true;
	frame_make(buf, &s6);
	every_byte(14, NETFRAME_IPV6, v6_version);
}

/* An IP packet that ends within its transport header has no such header,
 * whatever follows in the frame. */
static void test_ends_early(void **state)
{
	struct netframe f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct frame at = frame_make(buf, &specs[i]);
		size_t hlen = at.data - at.l4, l4_at = at.l4 - at.l3;

		if (!at.csum)
			continue;
		for (size_t n = 0; n <= hlen; n++) {
			netframe_put_be16(buf + at.l3 + (specs[i].v6 ? 4 : 2),
					  (uint32_t)(l4_at + n - specs[i].v6 * 40));
			if (specs[i].proto == 17)
				netframe_put_be16(buf + at.l4 + 4, (uint32_t)n);
			assert_int_equal(parse_exact(buf, at.len, &f), 0);
			assert_int_equal(f.l4, at.l4);
			assert_int_equal(f.l4_len, n);
			assert_int_equal(f.hdr_len, n < hlen ? 0 : at.data);
			assert_int_equal(!!f.csum, n >= (specs[i].proto == 6 ? 20 : 8));
		}
	}
}

static void test_tcp_lengths(void **state)
{
	struct frame_spec s = { .proto = 6, .payload = 200 };
	struct frame at = frame_make(buf, &s);
	struct netframe f;

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		buf[at.l4 + 12] = (uint8_t)v;
		assert_int_equal(parse_exact(buf, 128, &f), 0);
		assert_int_equal(f.csum, at.csum);
		assert_int_equal(f.hdr_len, v >> 4 < 5 ? 0 : at.l4 + (v >> 4) * 4u);
	}
}

/* UDP's own length: what it leaves out is not summed; an impossible one is none. */
static void test_udp_lengths(void **state)
{
	struct frame_spec s = { .proto = 17, .payload = 100 };
	struct frame at = frame_make(buf, &s);
	struct netframe f;

	(void)state;
	for (unsigned v = 0; v < 0x10000; v++) {
		const bool ok = v >= 8 && v <= 108;

		netframe_put_be16(buf + at.l4 + 4, v);
		assert_int_equal(netframe_parse(buf, 128, &f), 0);
		assert_int_equal(f.proto, 17);
		assert_int_equal(f.csum, ok ? at.csum : 0);
		assert_int_equal(f.hdr_len, ok ? at.data : 0);
		if (ok)
			assert_int_equal(f.l4_len, v);
	}
}

static void test_fragments(void **state)
{
	struct frame_spec s = { .proto = 17, .payload = 100 };
	struct frame at = frame_make(buf, &s);
	struct netframe f;

	(void)state;
	for (unsigned v = 0; v < 0x10000; v++) {
		netframe_put_be16(buf + at.l3 + 6, v);
		assert_int_equal(netframe_parse(buf, 128, &f), 0);
		assert_int_equal(f.kind, NETFRAME_IPV4);
		assert_int_equal(f.fragment, v & 0x2000 || v & 0x1fff);
		assert_int_equal(f.l4, f.fragment ? 0 : at.l4);
		assert_int_equal(f.csum, f.fragment ? 0 : at.csum);
		assert_int_equal(f.proto, f.fragment ? 0 : 17);
	}
	s.v6 = true;
	s.ext[0] = 44;
	at = frame_make(buf, &s);
	for (unsigned v = 0; v < 0x10000; v++) {
		netframe_put_be16(buf + at.l3 + 42, v);
		assert_int_equal(netframe_parse(buf, 128, &f), 0);
		assert_int_equal(f.kind, NETFRAME_IPV6);
		assert_int_equal(f.fragment, v & 1 || v >> 3);
		assert_int_equal(f.l4, f.fragment ? 0 : at.l4);
		assert_int_equal(f.csum, f.fragment ? 0 : at.csum);
	}
}

/* A routing header that is not at its last stop. */
static void test_routing(void **state)
{
	struct frame_spec s = { .v6 = true, .proto = 17, .payload = 60, .ext = { 43 } };
	struct frame at = frame_make(buf, &s);
	struct netframe f;

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		buf[at.l3 + 43] = (uint8_t)v;
		assert_int_equal(parse_exact(buf, 128, &f), 0);
		assert_int_equal(f.l4, v ? 0 : at.l4);
		assert_int_equal(f.proto, v ? 0 : 17);
	}
}

/* As many extension headers as are walked, and one more. */
static void test_extension_bound(void **state)
{
	struct frame_spec s = { .v6 = true, .proto = 6, .payload = 10 };
	struct netframe f;

	(void)state;
	for (unsigned n = 1; n < sizeof(s.ext); n++) {
		s.ext[n - 1] = 60;
		struct frame at = frame_make(buf, &s);

		assert_int_equal(parse_exact(buf, at.len, &f), 0);
		assert_int_equal(f.l4, n <= NETFRAME_MAX_EXT ? at.l4 : 0);
		assert_int_equal(f.hdr_len, n <= NETFRAME_MAX_EXT ? at.data : 0);
	}
	/* headers of every length, most of them behind the packet's end */
	memset(s.ext, 0, sizeof(s.ext));
	s.ext[0] = 60;
	struct frame at = frame_make(buf, &s);

	for (unsigned v = 1; v < 256; v++) {
		buf[at.l3 + 41] = (uint8_t)v;
		assert_int_equal(parse_exact(buf, at.len, &f), 0);
		assert_int_equal(f.l4, v <= 3 ? at.l4 + v * 8 : 0);
		assert_int_equal(f.csum, v == 1 ? at.l4 + 8 + 16 : 0); /* 22 bytes, 14 */
	}
}

/* An IP header that may pass at p, or behind a tag there. */
static void plausible(uint8_t *p, uint16_t type, uint16_t inner, unsigned how)
{
	netframe_put_be16(p, type);
	p += 2;
	if (type == NETFRAME_TYPE_VLAN || type == NETFRAME_TYPE_QINQ) {
		type = inner;
		netframe_put_be16(p + 2, type);
		p += 4;
	}
	if (type == NETFRAME_TYPE_IPV6) {
		static const uint8_t next[] = { 6, 17, 0, 43, 44, 60 };

		p[0] = 0x60;
		p[6] = next[how % 6];
		p[40] = next[how / 6 % 6];
		p[41] = how & 1;
		return;
	}
	p[0] = (uint8_t)(0x45 + how % 3);
	p[6] = 0x40;
	p[7] = 0;
	p[9] = how & 4 ? 6 : 17;
	p[24 + how % 3 * 4] = how & 3 ? 0 : p[24];
}

/* Random bytes behind sensible beginnings: what is said lies in the bytes. */
static void test_random(void **state)
{
	static const uint16_t types[] = { NETFRAME_TYPE_IPV4, NETFRAME_TYPE_IPV6,
					  NETFRAME_TYPE_VLAN, NETFRAME_TYPE_QINQ };
	unsigned known = 0;
	struct netframe f;

	(void)state;
	srandom(3);
	for (unsigned i = 0; i < 300000; i++) {
		const size_t n = (size_t)random() % 129;

		for (size_t b = 0; b < n; b++)
			buf[b] = (uint8_t)(random() >> 7);
		if (n >= 60)
			plausible(buf + 12, types[i % 4], types[i / 4 % 2], i / 8);
		if (parse_exact(buf, n, &f)) {
			assert_true(n < 14);
			continue;
		}
		assert_true(f.l3 <= n && f.l4 <= n && f.hdr_len <= n);
		assert_true(!f.csum || (f.csum > f.l4 && f.csum + 2u <= n));
		assert_true(!f.l4 || (f.kind && f.l4 + f.l4_len <= f.end));
		assert_true(!f.hdr_len || (f.csum && f.hdr_len <= f.end));
		known += f.hdr_len != 0;
	}
	assert_true(known > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_not_ip),
		cmocka_unit_test(test_three_tags),
		cmocka_unit_test(test_malformed_ip),
		cmocka_unit_test(test_ends_early),
		cmocka_unit_test(test_tcp_lengths),
		cmocka_unit_test(test_udp_lengths),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_routing),
		cmocka_unit_test(test_extension_bound),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
