/* SPDX-License-Identifier: MIT */
/*
 * tap's header beside Linux's own, the way into netif's words and back, and
 * headers that say what the packet is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/virtio_net.h>

#include "ringproto/vnet.h"
#include "tests/lib/frames.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HDR	     128u

static uint8_t buf[FRAMES_MAX];

#define SAME_FIELD(f)                                         \
	assert_int_equal(offsetof(struct vnet_hdr, f),        \
			 offsetof(struct virtio_net_hdr, f)); \
	assert_int_equal(sizeof(((struct vnet_hdr *)0)->f),   \
			 sizeof(((struct virtio_net_hdr *)0)->f))

static void test_layout(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct vnet_hdr), sizeof(struct virtio_net_hdr));
	SAME_FIELD(flags);
	SAME_FIELD(gso_type);
	SAME_FIELD(hdr_len);
	SAME_FIELD(gso_size);
	SAME_FIELD(csum_start);
	SAME_FIELD(csum_offset);
	assert_int_equal(VNET_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(VNET_F_DATA_VALID, VIRTIO_NET_HDR_F_DATA_VALID);
	assert_int_equal(VNET_GSO_NONE, VIRTIO_NET_HDR_GSO_NONE);
	assert_int_equal(VNET_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(VNET_GSO_UDP, VIRTIO_NET_HDR_GSO_UDP);
	assert_int_equal(VNET_GSO_TCPV6, VIRTIO_NET_HDR_GSO_TCPV6);
	assert_int_equal(VNET_GSO_UDP_L4, 5); /* newer than some headers */
	assert_int_equal(VNET_GSO_ECN, VIRTIO_NET_HDR_GSO_ECN);
}

static int from_meta(struct netif_meta m, const struct frame *at, struct vnet_hdr *v)
{
	memset(v, 0xaa, sizeof(*v));
	return vnet_from_meta(&m, buf, at->len < HDR ? at->len : HDR, (uint32_t)at->len,
			      v);
}

static int to_meta(const struct vnet_hdr *v, const struct frame *at, struct netif_meta *m)
{
	memset(m, 0xaa, sizeof(*m));
	return vnet_to_meta(v, buf, at->len < HDR ? at->len : HDR, (uint32_t)at->len, m);
}

static bool meta_is(const struct netif_meta *m, bool blank, bool valid, uint8_t gso,
		    uint16_t size)
{
	return m->csum_blank == blank && m->data_validated == valid &&
	       m->gso_type == gso && m->gso_size == size && !m->hash_alg && !m->hash;
}

static const struct frame_spec specs[] = {
	{ .proto = 6, .payload = 4000 },
	{ .proto = 6, .payload = 4000, .l4_options = 12, .tags = 1, .ip_options = 8 },
	{ .proto = 6, .payload = 4000, .tcp_flags = 0x90 },
	{ .v6 = true, .proto = 6, .payload = 4000, .l4_options = 20 },
	{ .v6 = true, .proto = 6, .payload = 4000, .hopopts = true, .tags = 2 },
	{ .proto = 17, .payload = 1000 },
	{ .v6 = true, .proto = 17, .payload = 1000, .tags = 1 },
	{ .proto = 17, .payload = 0, .pad = 18 },
	{ .proto = 1, .payload = 64 },
	{ .v6 = true, .proto = 58, .payload = 64 },
};

/* What has a checksum can have a blank one; nothing else. */
static void test_checksum(void **state)
{
	struct netif_meta m;
	struct vnet_hdr v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct frame at = frame_make(buf, &specs[i]);

		if (!at.csum) {
			assert_int_equal(from_meta((struct netif_meta){ .csum_blank =
										true },
						   &at, &v),
					 -EINVAL);
			continue;
		}
		assert_int_equal(from_meta((struct netif_meta){ .csum_blank = true }, &at,
					   &v),
				 0);
		assert_int_equal(v.flags, VNET_F_NEEDS_CSUM);
		assert_int_equal(v.gso_type | v.gso_size, 0);
		assert_int_equal(v.hdr_len, at.data);
		assert_int_equal(v.csum_start, at.l4);
		assert_int_equal(v.csum_start + v.csum_offset, at.csum);
		assert_int_equal(to_meta(&v, &at, &m), 0);
		assert_true(meta_is(&m, true, true, 0, 0));
	}
}

static void test_validated(void **state)
{
	struct frame_spec arp = { .proto = 1 };
	struct frame at = frame_make(buf, &arp);
	struct netif_meta m;
	struct vnet_hdr v;

	(void)state;
	netframe_put_be16(buf + 12, NETFRAME_TYPE_ARP);
	for (unsigned valid = 0; valid < 2; valid++) {
		assert_int_equal(from_meta((struct netif_meta){ .data_validated = valid },
					   &at, &v),
				 0);
		assert_int_equal(v.flags, valid ? VNET_F_DATA_VALID : 0);
		assert_int_equal(v.gso_type | v.hdr_len | v.gso_size | v.csum_start |
					 v.csum_offset,
				 0);
		assert_int_equal(to_meta(&v, &at, &m), 0);
		assert_true(meta_is(&m, false, valid, 0, 0));
	}
}

/* Each kind of large segment over each frame: only TCP of its kind passes. */
static void test_gso(void **state)
{
	struct netif_meta m = { .csum_blank = true, .gso_size = 1448 }, back;
	struct vnet_hdr v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		struct frame at = frame_make(buf, &specs[i]);

		for (unsigned type = 1; type <= 2; type++) {
			const bool ok = specs[i].proto == 6 && specs[i].v6 == (type == 2);
			const bool cwr = specs[i].tcp_flags & 0x80;

			m.gso_type = (uint8_t)type;
			m.csum_blank = true;
			assert_int_equal(from_meta(m, &at, &v), ok ? 0 : -EINVAL);
			m.csum_blank = false;
			if (!ok)
				continue;
			assert_int_equal(v.gso_type,
					 (type == 1 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6) |
						 (cwr ? VNET_GSO_ECN : 0));
			assert_int_equal(v.gso_size, 1448);
			assert_int_equal(v.hdr_len, at.data);
			assert_int_equal(to_meta(&v, &at, &back), 0);
			assert_true(meta_is(&back, true, true, (uint8_t)type, 1448));
			assert_int_equal(from_meta(m, &at, &v), -EINVAL); /* not blank */
		}
	}
}

/* A large segment that is one segment is an ordinary packet. */
static void test_one_segment(void **state)
{
	struct netif_meta m = { .csum_blank = true, .gso_type = 1, .gso_size = 1000 };
	struct frame_spec s = { .proto = 6 };
	struct vnet_hdr v;

	(void)state;
	for (s.payload = 999; s.payload <= 1001; s.payload++) {
		struct frame at = frame_make(buf, &s);

		assert_int_equal(from_meta(m, &at, &v), 0);
		assert_int_equal(v.gso_type, s.payload > 1000 ? VNET_GSO_TCPV4 : 0);
		assert_int_equal(v.gso_size, s.payload > 1000 ? 1000 : 0);
		v.gso_type = VNET_GSO_TCPV4 | VNET_GSO_ECN;
		v.gso_size = 1000;
		assert_int_equal(to_meta(&v, &at, &m), 0);
		assert_true(meta_is(&m, true, true, s.payload > 1000,
				    s.payload > 1000 ? 1000 : 0));
		m = (struct netif_meta){ .csum_blank = true,
					 .gso_type = 1,
					 .gso_size = 1000 };
	}
	m.gso_size = 0;
	assert_int_equal(from_meta(m, &(struct frame){ .len = 1100 }, &v), -EINVAL);
}

/* Every value of every field of a right header, one at a time. */
static void test_hostile_fields(void **state)
{
	struct frame_spec s = { .proto = 6, .payload = 4000 };
	struct frame at = frame_make(buf, &s);
	const struct vnet_hdr good = { 1, VNET_GSO_TCPV4, 54, 1000, 34, 16 };
	struct netif_meta m;
	struct vnet_hdr v;

	(void)state;
	for (unsigned x = 0; x < 0x10000; x++) {
		v = good;
		v.flags = (uint8_t)x;
		assert_int_equal(to_meta(&v, &at, &m), x & 1 ? 0 : -EINVAL);
		v = good;
		v.gso_type = (uint8_t)x;
		assert_int_equal(to_meta(&v, &at, &m), (x & 0x7f) <= 1 ? 0 : -EINVAL);
		v = good;
		v.hdr_len = (uint16_t)x; /* of no use here */
		assert_int_equal(to_meta(&v, &at, &m), 0);
		v = good;
		v.gso_size = (uint16_t)x;
		assert_int_equal(to_meta(&v, &at, &m), x ? 0 : -EINVAL);
		assert_true(!x || m.gso_size == (x < 4000 ? x : 0));
		v = good;
		v.csum_start = (uint16_t)x;
		assert_int_equal(to_meta(&v, &at, &m), x == 34 ? 0 : -EINVAL);
		v = good;
		v.csum_offset = (uint16_t)x;
		assert_int_equal(to_meta(&v, &at, &m), x == 16 ? 0 : -EINVAL);
	}
}

/* A frame cut anywhere: its IP packet does not fit into it. */
static void test_short_frame(void **state)
{
	struct frame_spec s = { .proto = 17, .payload = 300 };
	struct frame at = frame_make(buf, &s), cut = at;
	const struct vnet_hdr good = { 1, 0, 42, 0, 34, 6 };
	struct netif_meta m = { .csum_blank = true }, back;
	struct vnet_hdr v;

	(void)state;
	for (cut.len = 0; cut.len < at.len; cut.len++) {
		assert_int_equal(from_meta(m, &cut, &v), -EINVAL);
		assert_int_equal(to_meta(&good, &cut, &back), -EINVAL);
	}
	assert_int_equal(from_meta(m, &at, &v), 0);
	assert_memory_equal(&v, &good, sizeof(v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),	    cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_validated),   cmocka_unit_test(test_gso),
		cmocka_unit_test(test_one_segment), cmocka_unit_test(test_hostile_fields),
		cmocka_unit_test(test_short_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
