/* SPDX-License-Identifier: MIT */
/*
 * Large UDP packets with tap's header cut into frames: each frame judged byte by
 * byte, and headers that say what the packet is not. TCP: test_netseg.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ringproto/vnet.h"
#include "tests/lib/frames.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t buf[FRAMES_MAX], was[FRAMES_MAX];

static const struct frame_spec specs[] = {
	{ .proto = 17, .payload = 60000 },
	{ .proto = 17, .payload = 9999, .tags = 1 },
	{ .proto = 17, .payload = 7001, .tags = 2, .ip_options = 40, .pad = 3 },
	{ .proto = 17, .payload = 1, .pad = 17 },
	{ .v6 = true, .proto = 17, .payload = 60001 },
	{ .v6 = true, .proto = 17, .payload = 3000, .hopopts = true, .ext = { 60, 43 } },
	{ .v6 = true, .proto = 17, .payload = 2944, .tags = 2 },
};

static struct vnet_hdr header(const struct frame *at, uint16_t size)
{
	return (struct vnet_hdr){ .flags = VNET_F_NEEDS_CSUM,
				  .gso_type = VNET_GSO_UDP_L4,
				  .hdr_len = (uint16_t)at->data,
				  .gso_size = size,
				  .csum_start = (uint16_t)at->l4,
				  .csum_offset = 6 };
}

static int cut(const struct vnet_hdr *v, size_t len, struct netcut *c)
{
	memset(c, 0xaa, sizeof(*c));
	return vnet_cut(v, buf, len < NETCUT_HDR ? len : NETCUT_HDR, (uint32_t)len, c);
}

/* The one's complement sum that stands in a blank checksum: of the pseudo header. */
static uint16_t pseudo(const uint8_t *p, const struct frame *at, bool v6, uint32_t udp)
{
	uint8_t tail[4] = { 0, 17, (uint8_t)(udp >> 8), (uint8_t)udp };

	return frame_ref_sum(tail, 4,
			     frame_ref_sum(p + at->l3 + (v6 ? 8 : 12), v6 ? 32 : 8, 0));
}

/* The index'th frame, with `n` bytes of payload from `done` on. */
static void check_frame(const struct frame_spec *s, const struct frame *at, uint8_t *p,
			uint32_t done, uint32_t n, uint32_t index, bool blank)
{
	const uint32_t udp = (uint32_t)(at->data - at->l4) + n;
	uint8_t want[256];

	assert_memory_equal(p + at->data, was + at->data + done, n);
	assert_int_equal(netframe_be16(p + at->l4 + 4), udp);
	memcpy(want, was, at->data);
	memcpy(want + at->l4 + 4, p + at->l4 + 4, 4); /* length and checksum */
	if (s->v6) {
		assert_int_equal(netframe_be16(p + at->l3 + 4),
				 at->data - at->l3 - 40 + n);
		memcpy(want + at->l3 + 4, p + at->l3 + 4, 2);
	} else {
		assert_int_equal(netframe_be16(p + at->l3 + 2), at->data - at->l3 + n);
		assert_int_equal(netframe_be16(p + at->l3 + 4),
				 (netframe_be16(was + at->l3 + 4) + index) & 0xffff);
		assert_int_equal(frame_ref_sum(p + at->l3, at->l4 - at->l3, 0), 0xffff);
		memcpy(want + at->l3 + 2, p + at->l3 + 2, 4);
		memcpy(want + at->l3 + 10, p + at->l3 + 10, 2);
	}
	assert_memory_equal(p, want, at->data);
	if (blank)
		assert_int_equal(netframe_be16(p + at->csum), pseudo(p, at, s->v6, udp));
	else
		assert_true(frame_sums_right(p, at->data + n));
}

static void cut_all(const struct frame_spec *s, uint16_t size, bool blank)
{
	struct frame at = frame_make(buf, s);
	struct vnet_hdr v = header(&at, size);
	const bool few = (s->payload + size - 1) / size <= NETCUT_FEW;
	uint32_t done = 0, index = 0, len;
	struct netcut_flat c;

	memcpy(was, buf, at.len);
	if (size > s->payload || (size < NETCUT_MIN_SIZE && !few)) {
		assert_int_equal(cut(&v, at.len, &c.cut), -EINVAL);
		return;
	}
	assert_int_equal(cut(&v, at.len, &c.cut), 0);
	assert_int_equal(c.cut.left, (s->payload + size - 1) / size);
	memcpy(c.hdr, buf, c.cut.f.hdr_len);
	do {
		uint32_t n = s->payload - done < size ? s->payload - done : size;
		uint8_t *p;

		assert_int_equal(netcut_payload(&c.cut), n);
		p = netcut_flat_next(&c, buf, blank, &len);
		assert_int_equal(len, at.data + n);
		assert_ptr_equal(p, buf + done);
		check_frame(s, &at, p, done, n, index++, blank);
		done += n;
	} while (done < s->payload);
	assert_int_equal(c.cut.left, 0);
}

static void test_frames(void **state)
{
	static const uint16_t sizes[] = { 1472, 1471, 1,    2,	  9,	48,    47,
					  536,	999,  1000, 2944, 8952, 60000, 65535 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++)
			for (unsigned blank = 0; blank < 2; blank++)
				cut_all(&specs[i], sizes[k], blank);
}

/* A checksum that comes out as zero is written as all ones: zero says "none". */
static void test_zero_sum(void **state)
{
	const struct frame_spec s = { .proto = 17, .payload = 2000 };
	struct frame at = frame_make(buf, &s);
	struct vnet_hdr v = header(&at, 1000);
	struct netcut_flat c;
	uint32_t len;
	uint16_t sum;

	(void)state;
	memset(buf + at.data, 0, 1000);
	for (unsigned again = 0; again < 2; again++) {
		uint8_t keep[2000];
		uint8_t *p;

		memcpy(keep, buf + at.data, sizeof(keep));
		assert_int_equal(cut(&v, at.len, &c.cut), 0);
		memcpy(c.hdr, buf, c.cut.f.hdr_len);
		p = netcut_flat_next(&c, buf, false, &len);
		sum = netframe_be16(p + at.csum);
		if (again)
			assert_int_equal(sum, 0xffff);
		frame_make(buf, &s);
		memcpy(buf + at.data, keep, sizeof(keep));
		/* this much more makes it zero */
		netframe_put_be16(buf + at.data, sum);
	}
}

/* Every value of every field of a right header, one at a time. */
static void test_hostile_fields(void **state)
{
	const struct frame_spec s = { .proto = 17, .payload = 4000 };
	struct frame at = frame_make(buf, &s);
	const struct vnet_hdr good = header(&at, 1000);
	struct netif_meta m;
	struct vnet_hdr v;
	struct netcut c;

	(void)state;
	assert_int_equal(vnet_to_meta(&good, buf, NETCUT_HDR, (uint32_t)at.len, &m),
			 -EINVAL); /* it has no words for it */
	for (unsigned x = 0; x < 0x10000; x++) {
		v = good;
		v.flags = (uint8_t)x;
		assert_int_equal(cut(&v, at.len, &c), x & 1 ? 0 : -EINVAL);
		v = good;
		v.gso_type = (uint8_t)x;
		assert_int_equal(cut(&v, at.len, &c), (x & 0xff) == 5 ? 0 : -EINVAL);
		v = good;
		v.hdr_len = (uint16_t)x;
		assert_int_equal(cut(&v, at.len, &c), x <= at.len ? 0 : -EINVAL);
		v = good;
		v.gso_size = (uint16_t)x;
		/* 4000 bytes in 128 pieces are 32 each */
		assert_int_equal(cut(&v, at.len, &c), x >= 32 && x <= 4000 ? 0 : -EINVAL);
		v = good;
		v.csum_start = (uint16_t)x;
		assert_int_equal(cut(&v, at.len, &c), x == at.l4 ? 0 : -EINVAL);
		v = good;
		v.csum_offset = (uint16_t)x;
		assert_int_equal(cut(&v, at.len, &c), x == 6 ? 0 : -EINVAL);
	}
}

/* What is no UDP, or not all of its IP packet, or has its headers too far behind. */
static void test_refused(void **state)
{
	static const struct frame_spec no[] = {
		{ .proto = 6, .payload = 3000 },
		{ .proto = 1, .payload = 3000 },
		{ .v6 = true, .proto = 58, .payload = 3000 },
		{ .proto = 17, .payload = 3000, .tags = 3 },
		{ .v6 = true,
		  .proto = 17,
		  .payload = 3000,
		  .hopopts = true,
		  .ext = { 60 },
		  .ext_size = 40 },
	};
	const struct frame_spec s = { .proto = 17, .payload = 3000 };
	struct vnet_hdr v;
	struct netcut c;
	struct frame at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		at = frame_make(buf, &no[i]);
		v = header(&at, 1000);
		assert_int_equal(cut(&v, at.len, &c), -EINVAL);
		v.csum_offset = 16;
		assert_int_equal(cut(&v, at.len, &c), -EINVAL);
	}
	at = frame_make(buf, &s);
	v = header(&at, 1000);
	v.hdr_len = 0; /* a hint that need not be given */
	for (size_t len = 0; len < at.len; len++)
		assert_int_equal(cut(&v, len, &c), -EINVAL);
	assert_int_equal(cut(&v, at.len, &c), 0);
	for (unsigned udp = 0; udp < 0x10000; udp++) {
		netframe_put_be16(buf + at.l4 + 4, udp);
		assert_int_equal(cut(&v, at.len, &c), udp == 3008 ? 0 : -EINVAL);
	}
	frame_make(buf, &s);
	netframe_put_be16(buf + at.l3 + 6, 0x2000); /* a fragment */
	assert_int_equal(cut(&v, at.len, &c), -EINVAL);
	frame_make(buf, &s);
	netframe_put_be16(buf + at.l3 + 2, 0xffff); /* longer than the frame */
	assert_int_equal(cut(&v, at.len, &c), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_zero_sum),
		cmocka_unit_test(test_hostile_fields),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
