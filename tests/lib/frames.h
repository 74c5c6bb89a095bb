/* SPDX-License-Identifier: MIT */
/*
 * Ethernet frames for tests, made field by field, and checksums the slow way:
 * they share no line with ringproto/netframe.h.
 */
#ifndef TANDEM_TESTS_LIB_FRAMES_H
#define TANDEM_TESTS_LIB_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_MAX 65600u /* bytes that a frame's buffer has */

/* What a frame is made of; zero: the plainest. */
struct frame_spec {
	unsigned tags; /* VLAN tags: 100, 101, ...; the outer of two is 802.1ad */
	bool v6;
	uint8_t proto;	     /* 6, 17 or another, which is payload alone */
	unsigned ip_options; /* IPv4: bytes, a multiple of 4 */
	uint8_t ext[12];     /* IPv6: extension headers' numbers; a 0 ends them */
	bool hopopts;	     /* IPv6: in front of ext[] */
	unsigned ext_size;   /* of each of them; 0: 8 */
	unsigned l4_options; /* TCP: bytes, a multiple of 4 */
	uint8_t tcp_flags;
	uint32_t payload;
	unsigned pad; /* bytes behind the IP packet, 0xee */
	bool blank;   /* the checksum covers the pseudo header only */
};

/* Where it lies. */
struct frame {
	size_t l3, l4, csum, data, end, len;
};

struct frame frame_make(uint8_t *buf, const struct frame_spec *s);

/* One's complement sum of big-endian words, bit by bit, not complemented. */
uint16_t frame_ref_sum(const uint8_t *p, size_t len, uint16_t start);

/* Are the checksums of IPv4 and of TCP or UDP right? Trusts its own reading of
 * a well-formed frame without routing headers. */
bool frame_sums_right(const uint8_t *buf, size_t len);

#endif
