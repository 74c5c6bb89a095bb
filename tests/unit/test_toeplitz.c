/* SPDX-License-Identifier: MIT */
/*
 * The Toeplitz hash: the vectors that Microsoft publishes for receive-side
 * scaling, and Xen's own code for any key and data.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define XEN_NETIF_DEFINE_TOEPLITZ
#include <xen/io/netif.h>

#include "ringproto/toeplitz.h"

static const uint8_t ms_key[TOEPLITZ_KEY_MAX] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

struct vector {
	int family;
	const char *src, *dst;
	uint16_t sport, dport;
	uint32_t ip_hash, tcp_hash;
};

static const struct vector vectors[] = {
	{ AF_INET, "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ AF_INET, "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ AF_INET, "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de,
	  0x5c2b394a },
	{ AF_INET, "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ AF_INET, "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5,
	  0x10e828a2 },
	{ AF_INET6, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5,
	  0x40207d3d },
	{ AF_INET6, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c,
	  0xdde51bbf },
	{ AF_INET6, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf",
	  44251, 38024, 0x4b61e985, 0x02d1feef },
};

static void test_vectors(void **state)
{
	struct toeplitz t;

	(void)state;
	toeplitz_init(&t, ms_key, sizeof(ms_key));
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		size_t n = v->family == AF_INET ? 4 : 16;
		uint16_t ports[2] = { htons(v->sport), htons(v->dport) };
		uint8_t data[TOEPLITZ_DATA_MAX];

		assert_int_equal(inet_pton(v->family, v->src, data), 1);
		assert_int_equal(inet_pton(v->family, v->dst, data + n), 1);
		memcpy(data + 2 * n, ports, sizeof(ports));
		assert_int_equal(toeplitz_hash(&t, data, 2 * n), v->ip_hash);
		assert_int_equal(toeplitz_hash(&t, data, 2 * n + 4), v->tcp_hash);
	}
}

/* Bit by bit, as the text of netif.h has it: any key, any data. */
static void test_reference(void **state)
{
	uint8_t key[TOEPLITZ_KEY_MAX], data[TOEPLITZ_DATA_MAX];
	struct toeplitz t;

	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 2000; round++) {
		size_t klen = round % (TOEPLITZ_KEY_MAX + 1);

		for (size_t i = 0; i < klen; i++)
			key[i] = (uint8_t)random();
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)random();
		toeplitz_init(&t, key, klen);
		for (size_t len = 0; len <= sizeof(data); len += 4)
			assert_int_equal(toeplitz_hash(&t, data, len),
					 xen_netif_toeplitz_hash(key, (unsigned)klen,
								 data, (unsigned)len));
	}
}

static void test_no_key(void **state)
{
	struct toeplitz t;

	(void)state;
	toeplitz_init(&t, NULL, 0);
	assert_int_equal(toeplitz_hash(&t, ms_key, TOEPLITZ_DATA_MAX), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
