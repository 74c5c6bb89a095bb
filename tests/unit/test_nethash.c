/* SPDX-License-Identifier: MIT */
/*
 * The hash configuration: what may be set in which order, and the hash, its
 * type and the queue of packets of all kinds.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/net/nethash.h"

#define OK	 XEN_NETIF_CTRL_STATUS_SUCCESS
#define UNKNOWN	 XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED
#define INVALID	 XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER
#define OVERFLOW XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW
#define TOEPLITZ XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ
#define IPV4	 XEN_NETIF_CTRL_HASH_TYPE_IPV4
#define IPV4_TCP XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP
#define IPV6	 XEN_NETIF_CTRL_HASH_TYPE_IPV6
#define IPV6_TCP XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP

static const uint8_t ms_key[TOEPLITZ_KEY_MAX] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static struct nethash hash_with(uint32_t flags)
{
	struct nethash h;

	nethash_init(&h);
	assert_int_equal(nethash_set_algorithm(&h, TOEPLITZ), OK);
	assert_int_equal(nethash_set_key(&h, ms_key, sizeof(ms_key)), OK);
	assert_int_equal(nethash_set_flags(&h, flags), OK);
	return h;
}

/* ------------------------------------------------------------------ packets */

struct frame {
	uint8_t b[128];
	size_t len;
	size_t l3, l4;
};

static void frame_eth(struct frame *f, uint16_t type, bool tagged)
{
	memset(f, 0, sizeof(*f));
	f->l3 = 14;
	if (tagged) {
		memcpy(f->b + 12, (uint8_t[]){ 0x81, 0x00, 0x00, 0x07 }, 4);
		f->l3 += 4;
	}
	f->b[f->l3 - 2] = (uint8_t)(type >> 8);
	f->b[f->l3 - 1] = (uint8_t)type;
}

static void frame_ports(struct frame *f, uint8_t proto)
{
	uint16_t ports[2] = { htons(2794), htons(1766) };

	memcpy(f->b + f->l4, ports, 4);
	f->b[f->l4 + 12] = 5 << 4; /* TCP's length */
	if (proto == IPPROTO_UDP)
		f->b[f->l4 + 5] = 8;
	f->len = f->l4 + 20;
}

/* The first IPv4 and the first IPv6 vector of test_toeplitz.c. */
static void frame_v4(struct frame *f, uint8_t proto, bool tagged, unsigned options)
{
	uint8_t *ip;

	frame_eth(f, 0x0800, tagged);
	ip = f->b + f->l3;
	f->l4 = f->l3 + 20 + options * 4;
	ip[0] = (uint8_t)(0x45 + options);
	ip[3] = (uint8_t)(40 + options * 4);
	ip[9] = proto;
	inet_pton(AF_INET, "66.9.149.187", ip + 12);
	inet_pton(AF_INET, "161.142.100.80", ip + 16);
	frame_ports(f, proto);
}

static void frame_v6(struct frame *f, uint8_t proto, bool extension)
{
	uint8_t *ip;

	frame_eth(f, 0x86dd, false);
	ip = f->b + f->l3;
	f->l4 = f->l3 + 40 + (extension ? 8 : 0);
	ip[0] = 0x60;
	ip[5] = extension ? 28 : 20;
	ip[6] = extension ? 60 : proto;
	ip[40] = proto;
	inet_pton(AF_INET6, "3ffe:2501:200:1fff::7", ip + 8);
	inet_pton(AF_INET6, "3ffe:2501:200:3::1", ip + 24);
	frame_ports(f, proto);
}

#define V4_IP  0x323e8fc2u
#define V4_TCP 0x51ccc178u
#define V6_IP  0x2cc18cd5u
#define V6_TCP 0x40207d3du

static void check_hash(uint32_t flags, const struct frame *f, uint32_t hash, int type)
{
	struct nethash h = hash_with(flags);
	struct netif_meta m = { 0 };
	uint32_t q = 77;

	assert_true(nethash_steer(&h, f->b, f->len, 7, &q, &m));
	assert_int_equal(m.hash, hash);
	assert_int_equal(m.hash_type, type);
	assert_int_equal(m.hash_alg, TOEPLITZ);
	assert_int_equal(q, hash % 7);
}

static void check_none(uint32_t flags, const struct frame *f)
{
	struct nethash h = hash_with(flags);
	struct netif_meta m = { 0 }, zero = { 0 };
	uint32_t q = 77;

	assert_false(nethash_steer(&h, f->b, f->len, 7, &q, &m));
	assert_int_equal(q, 77);
	assert_memory_equal(&m, &zero, sizeof(m));
}

/* The largest type that both the flags and the packet have. */
static void test_types(void **state)
{
	struct frame f;

	(void)state;
	frame_v4(&f, IPPROTO_TCP, false, 0);
	check_hash(NETHASH_TYPES, &f, V4_TCP, 1);
	check_hash(IPV4_TCP, &f, V4_TCP, 1);
	check_hash(IPV4 | IPV6_TCP, &f, V4_IP, 0);
	check_none(IPV6 | IPV6_TCP, &f);
	frame_v4(&f, IPPROTO_UDP, false, 0);
	check_hash(NETHASH_TYPES, &f, V4_IP, 0);
	check_none(IPV4_TCP | IPV6 | IPV6_TCP, &f);
	frame_v6(&f, IPPROTO_TCP, false);
	check_hash(NETHASH_TYPES, &f, V6_TCP, 3);
	check_hash(IPV6_TCP, &f, V6_TCP, 3);
	check_hash(IPV6 | IPV4_TCP, &f, V6_IP, 2);
	check_none(IPV4 | IPV4_TCP, &f);
	frame_v6(&f, IPPROTO_UDP, false);
	check_hash(NETHASH_TYPES, &f, V6_IP, 2);
	check_none(IPV6_TCP, &f);
	frame_eth(&f, 0x0806, false);
	f.len = 60;
	check_none(NETHASH_TYPES, &f);
}

/* Tags, options and extension headers in front; fragments have no ports. */
static void test_shapes(void **state)
{
	struct frame f;

	(void)state;
	frame_v4(&f, IPPROTO_TCP, true, 0);
	check_hash(NETHASH_TYPES, &f, V4_TCP, 1);
	frame_v4(&f, IPPROTO_TCP, false, 10);
	check_hash(NETHASH_TYPES, &f, V4_TCP, 1);
	frame_v6(&f, IPPROTO_TCP, true);
	check_hash(NETHASH_TYPES, &f, V6_TCP, 3);
	frame_v4(&f, IPPROTO_TCP, false, 0);
	f.b[f.l3 + 6] = 0x20; /* more fragments */
	check_hash(NETHASH_TYPES, &f, V4_IP, 0);
	f.b[f.l3 + 6] = 0;
	f.b[f.l3 + 7] = 9; /* an offset */
	check_hash(NETHASH_TYPES, &f, V4_IP, 0);
	check_none(IPV4_TCP, &f);
}

/* Cut at every byte: never a hash over bytes that are not there. ASan looks on. */
static void test_cut(void **state)
{
	struct nethash h = hash_with(NETHASH_TYPES);
	struct frame f;

	(void)state;
	for (int v = 0; v < 2; v++) {
		if (v)
			frame_v6(&f, IPPROTO_TCP, false);
		else
			frame_v4(&f, IPPROTO_TCP, false, 0);
		for (size_t len = 0; len <= f.len; len++) {
			uint8_t *cut = malloc(len ? len : 1);
			struct netif_meta m = { 0 };
			uint32_t q;

			memcpy(cut, f.b, len);
			if (nethash_steer(&h, cut, len, 4, &q, &m)) {
				assert_true(len >= f.l4);
				assert_int_equal(m.hash, m.hash_type & 1
								 ? (v ? V6_TCP : V4_TCP)
								 : (v ? V6_IP : V4_IP));
			} else {
				assert_true(len < f.l4);
			}
			free(cut);
		}
	}
}

static void test_queue(void **state)
{
	struct nethash h = hash_with(NETHASH_TYPES);
	uint32_t map[NETHASH_MAPPING_MAX], q;
	struct netif_meta m = { 0 };
	struct frame f;

	(void)state;
	for (uint32_t i = 0; i < NETHASH_MAPPING_MAX; i++)
		map[i] = 15 - i % 16;
	frame_v4(&f, IPPROTO_TCP, false, 0);
	for (uint32_t size = 1; size <= NETHASH_MAPPING_MAX; size++) {
		assert_int_equal(nethash_set_mapping_size(&h, size), OK);
		assert_true(nethash_steer(&h, f.b, f.len, 16, &q, &m));
		assert_int_equal(q, 0); /* a new table is all zero */
		assert_int_equal(nethash_set_mapping(&h, map, 0, size, 16), OK);
		assert_true(nethash_steer(&h, f.b, f.len, 16, &q, &m));
		assert_int_equal(q, map[V4_TCP % size]);
		/* a queue that there is, even where the caller has fewer now */
		assert_true(nethash_steer(&h, f.b, f.len, 1, &q, &m));
		assert_int_equal(q, 0);
	}
	assert_int_equal(nethash_set_mapping_size(&h, 0), OK);
	assert_true(nethash_steer(&h, f.b, f.len, 5, &q, &m));
	assert_int_equal(q, V4_TCP % 5);
	/* an empty key: always zero */
	assert_int_equal(nethash_set_key(&h, NULL, 0), OK);
	assert_true(nethash_steer(&h, f.b, f.len, 5, &q, &m));
	assert_int_equal(m.hash, 0);
	assert_int_equal(q, 0);
}

/* ----------------------------------------------------------------- settings */

static void test_algorithm(void **state)
{
	struct netif_meta m = { 0 };
	struct nethash h;
	struct frame f;
	uint32_t flags = 99, q;

	(void)state;
	frame_v4(&f, IPPROTO_TCP, false, 0);
	nethash_init(&h);
	assert_int_equal(nethash_get_flags(&h, &flags), UNKNOWN);
	assert_int_equal(flags, 99);
	assert_int_equal(nethash_set_flags(&h, IPV4), INVALID);
	assert_int_equal(nethash_set_flags(&h, 0), INVALID);
	assert_int_equal(nethash_set_algorithm(&h, 2), INVALID);
	assert_int_equal(nethash_set_algorithm(&h, UINT32_MAX), INVALID);
	assert_int_equal(h.algorithm, 0);
	assert_false(nethash_steer(&h, f.b, f.len, 4, &q, &m));
	assert_int_equal(nethash_set_algorithm(&h, TOEPLITZ), OK);
	assert_int_equal(nethash_get_flags(&h, &flags), OK);
	assert_int_equal(flags, 15);
	assert_false(nethash_steer(&h, f.b, f.len, 4, &q, &m));
	for (unsigned bit = 4; bit < 32; bit++)
		assert_int_equal(nethash_set_flags(&h, IPV4 | 1u << bit), INVALID);
	assert_int_equal(h.flags, 0);
	assert_int_equal(nethash_set_flags(&h, 15), OK);
	assert_true(nethash_steer(&h, f.b, f.len, 4, &q, &m));
	assert_int_equal(nethash_set_flags(&h, 0), OK);
	assert_false(nethash_steer(&h, f.b, f.len, 4, &q, &m));
	assert_int_equal(nethash_set_flags(&h, 15), OK);
	assert_int_equal(nethash_set_algorithm(&h, 0), OK);
	assert_false(nethash_steer(&h, f.b, f.len, 4, &q, &m));
}

static void test_key(void **state)
{
	struct nethash h = hash_with(15), was = h;
	uint8_t page[4096] = { 1 };

	(void)state;
	assert_int_equal(nethash_set_key(&h, page, 41), OVERFLOW);
	assert_int_equal(nethash_set_key(&h, page, 4097), OVERFLOW);
	assert_int_equal(nethash_set_key(&h, page, UINT32_MAX), OVERFLOW);
	assert_memory_equal(&h, &was, sizeof(h));
	/* a shorter key: the rest of the longer one is gone */
	assert_int_equal(nethash_set_key(&h, ms_key, 16), OK);
	toeplitz_init(&was.key, ms_key, 16);
	assert_memory_equal(&h, &was, sizeof(h));
}

static void test_mapping(void **state)
{
	uint32_t page[1024] = { 0 };
	struct nethash h = hash_with(15), was;

	(void)state;
	assert_int_equal(nethash_set_mapping(&h, page, 0, 1, 4), INVALID);
	assert_int_equal(nethash_set_mapping_size(&h, 129), INVALID);
	assert_int_equal(nethash_set_mapping_size(&h, UINT32_MAX), INVALID);
	assert_int_equal(nethash_set_mapping_size(&h, 100), OK);
	for (uint32_t i = 0; i < 100; i++)
		page[i] = i % 4;
	assert_int_equal(nethash_set_mapping(&h, page, 0, 100, 4), OK);
	was = h;
	assert_int_equal(nethash_set_mapping(&h, page, 0, 129, 4), OVERFLOW);
	assert_int_equal(nethash_set_mapping(&h, page, 0, UINT32_MAX, 4), OVERFLOW);
	assert_int_equal(nethash_set_mapping(&h, page, 0, 101, 4), INVALID);
	assert_int_equal(nethash_set_mapping(&h, page, 100, 1, 4), INVALID);
	assert_int_equal(nethash_set_mapping(&h, page, UINT32_MAX, 1, 4), INVALID);
	assert_int_equal(nethash_set_mapping(&h, page, 0, 100, 3), INVALID); /* 3 */
	assert_memory_equal(&h, &was, sizeof(h));
	/* a part leaves the rest as it is */
	page[0] = page[1] = 2;
	assert_int_equal(nethash_set_mapping(&h, page, 98, 2, 4), OK);
	was.mapping[98] = was.mapping[99] = 2;
	assert_memory_equal(&h, &was, sizeof(h));
	assert_int_equal(nethash_set_mapping(&h, NULL, 100, 0, 4), OK);
	assert_int_equal(nethash_set_mapping(&h, NULL, 101, 0, 4), INVALID);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),	  cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_cut),	  cmocka_unit_test(test_queue),
		cmocka_unit_test(test_algorithm), cmocka_unit_test(test_key),
		cmocka_unit_test(test_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
