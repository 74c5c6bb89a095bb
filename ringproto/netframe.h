/* SPDX-License-Identifier: MIT */
/*
 * What the headers of an Ethernet frame say, and the internet checksum.
 * Freestanding.
 *
 * netframe_parse() reads the first bytes of a packet, which must be private:
 * they may say anything, but not something else a moment later. The sum takes
 * memory that changes.
 */
#ifndef TANDEM_RINGPROTO_NETFRAME_H
#define TANDEM_RINGPROTO_NETFRAME_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NETFRAME_ETH_HLEN  14u
#define NETFRAME_MAX_TAGS  2 /* 802.1Q, 802.1ad */
#define NETFRAME_MAX_EXT   8 /* IPv6 extension headers that are walked */
#define NETFRAME_IPV4_HLEN 20u
#define NETFRAME_IPV6_HLEN 40u
#define NETFRAME_TCP_HLEN  20u
#define NETFRAME_UDP_HLEN  8u

#define NETFRAME_TYPE_IPV4 0x0800
#define NETFRAME_TYPE_ARP  0x0806
#define NETFRAME_TYPE_VLAN 0x8100
#define NETFRAME_TYPE_IPV6 0x86dd
#define NETFRAME_TYPE_QINQ 0x88a8

#define NETFRAME_PROTO_HOPOPTS	0 /* as the next header of IPv6 alone */
#define NETFRAME_PROTO_TCP	6
#define NETFRAME_PROTO_UDP	17
#define NETFRAME_PROTO_ROUTING	43
#define NETFRAME_PROTO_FRAGMENT 44
#define NETFRAME_PROTO_DSTOPTS	60

enum netframe_kind {
	NETFRAME_OTHER, /* no IP, or its header is not whole, or is none */
	NETFRAME_IPV4,
	NETFRAME_IPV6,
};

/* Offsets count from the frame's first byte; 0: not known. */
struct netframe {
	uint8_t kind;	    /* NETFRAME_* */
	uint8_t proto;	    /* of what stands at l4 */
	uint8_t tags;	    /* VLAN tags in front of l3 */
	bool fragment;	    /* of an IP packet: then l4 is not known */
	uint16_t ethertype; /* behind the tags */
	uint16_t vlan;	    /* the outer tag's TCI, if there are tags */
	uint16_t l3;
	uint16_t l4;
	uint16_t hdr_len; /* through the TCP or UDP header, if that is whole */
	uint16_t csum;	  /* the TCP or UDP header's checksum */
	uint32_t l4_len;  /* bytes from l4 that the checksum covers */
	uint32_t end;	  /* of the IP packet: what follows pads the frame */
};

static inline uint16_t netframe_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void netframe_put_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ------------------------------------------------------------------ headers */

/* The transport header at `at` <= n, of which the first n bytes are readable. */
static inline void netframe_parse_l4(const uint8_t *hdr, size_t n, struct netframe *f,
				     size_t at, uint8_t proto)
{
	const size_t have = n - at;
	size_t hlen;

	f->l4 = (uint16_t)at;
	f->proto = proto;
	f->l4_len = f->end - (uint32_t)at;
	if (proto == NETFRAME_PROTO_TCP && have >= NETFRAME_TCP_HLEN) {
		f->csum = (uint16_t)(at + 16);
		hlen = (hdr[at + 12] >> 4) * 4u;
		if (hlen >= NETFRAME_TCP_HLEN && hlen <= have)
			f->hdr_len = (uint16_t)(at + hlen);
	} else if (proto == NETFRAME_PROTO_UDP && have >= NETFRAME_UDP_HLEN) {
		hlen = netframe_be16(hdr + at + 4);
		if (hlen < NETFRAME_UDP_HLEN || hlen > f->l4_len)
			return;
		f->l4_len = (uint32_t)hlen;
		f->csum = (uint16_t)(at + 6);
		f->hdr_len = (uint16_t)(at + NETFRAME_UDP_HLEN);
	}
}

static inline void netframe_parse_ipv4(const uint8_t *hdr, size_t len, struct netframe *f)
{
	const uint8_t *ip = hdr + f->l3;
	size_t hlen, total;

	if (len - f->l3 < NETFRAME_IPV4_HLEN)
		return;
	hlen = (ip[0] & 15u) * 4;
	total = netframe_be16(ip + 2);
	if (ip[0] >> 4 != 4 || hlen < NETFRAME_IPV4_HLEN || total < hlen ||
	    len - f->l3 < hlen)
		return;
	f->kind = NETFRAME_IPV4;
	f->end = (uint32_t)(f->l3 + total);
	f->fragment = netframe_be16(ip + 6) & 0x3fff; /* more to come, or an offset */
	if (!f->fragment)
		netframe_parse_l4(hdr, f->end < len ? f->end : len, f, f->l3 + hlen,
				  ip[9]);
}

/*
 * Walks the extension headers. A routing header with stops to come leaves l4
 * unknown: the address that the checksum covers is not the IP header's.
 */
static inline void netframe_parse_ipv6(const uint8_t *hdr, size_t len, struct netframe *f)
{
	const uint8_t *p = hdr + f->l3;
	size_t at = f->l3 + NETFRAME_IPV6_HLEN, n;
	uint8_t proto;

	if (len - f->l3 < NETFRAME_IPV6_HLEN || p[0] >> 4 != 6)
		return;
	f->kind = NETFRAME_IPV6;
	f->end = (uint32_t)(at + netframe_be16(p + 4));
	n = f->end < len ? f->end : len;
	proto = p[6];
	for (unsigned ext = 0; ext <= NETFRAME_MAX_EXT; ext++) {
		if (proto != NETFRAME_PROTO_HOPOPTS && proto != NETFRAME_PROTO_ROUTING &&
		    proto != NETFRAME_PROTO_DSTOPTS && proto != NETFRAME_PROTO_FRAGMENT) {
			netframe_parse_l4(hdr, n, f, at, proto);
			return;
		}
		if (n - at < 8)
			return;
		p = hdr + at;
		if (proto == NETFRAME_PROTO_FRAGMENT && netframe_be16(p + 2) & 0xfff9) {
			f->fragment = true;
			return;
		}
		if (proto == NETFRAME_PROTO_ROUTING && p[3])
			return;
		at += proto == NETFRAME_PROTO_FRAGMENT ? 8u : (p[1] + 1u) * 8;
		if (at > n)
			return;
		proto = p[0];
	}
}

/*
 * What the first `len` bytes of a packet say. What they do not hold is not
 * known, and no error: a packet may be larger than what the caller looks at,
 * and f->end may lie behind the packet's end, which the caller checks where it
 * matters. -EINVAL: less than an Ethernet header.
 */
static inline int netframe_parse(const uint8_t *hdr, size_t len, struct netframe *f)
{
	*f = (struct netframe){ 0 };
	if (len < NETFRAME_ETH_HLEN)
		return -EINVAL;
	f->ethertype = netframe_be16(hdr + 12);
	f->l3 = NETFRAME_ETH_HLEN;
	while ((f->ethertype == NETFRAME_TYPE_VLAN ||
		f->ethertype == NETFRAME_TYPE_QINQ) &&
	       f->tags < NETFRAME_MAX_TAGS && len - f->l3 >= 4) {
		if (!f->tags++)
			f->vlan = netframe_be16(hdr + f->l3);
		f->ethertype = netframe_be16(hdr + f->l3 + 2);
		f->l3 = (uint16_t)(f->l3 + 4);
	}
	if (f->ethertype == NETFRAME_TYPE_IPV4)
		netframe_parse_ipv4(hdr, len, f);
	else if (f->ethertype == NETFRAME_TYPE_IPV6)
		netframe_parse_ipv6(hdr, len, f);
	return 0;
}

/* --------------------------------------------------------------- checksums */

/* A one's complement sum over pieces of any length: start with { 0 }. */
struct netsum {
	uint64_t sum;
	bool odd; /* the bytes so far are an odd number */
};

/* Of 16-bit words as they lie in memory, into 32 bits. */
static inline uint32_t netsum_fold32(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	return (uint32_t)(sum + (sum >> 32));
}

static inline uint16_t netsum_fold16(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)(sum + (sum >> 16));
}

/* 32-bit words into 64-bit sums: no carry to care for in 16 GiB. */
static inline uint64_t netsum_words(const uint8_t *p, size_t len)
{
	uint64_t a = 0, b = 0, c = 0, d = 0;
	uint32_t w[4];
	uint16_t h;

	for (; len >= 16; len -= 16, p += 16) {
		memcpy(w, p, 16);
		a += w[0];
		b += w[1];
		c += w[2];
		d += w[3];
	}
	for (; len >= 4; len -= 4, p += 4) {
		memcpy(w, p, 4);
		a += w[0];
	}
	if (len >= 2) {
		memcpy(&h, p, 2);
		b += h;
		p += 2;
	}
	if (len & 1) {
		h = 0;
		memcpy(&h, p, 1);
		c += h;
	}
	return a + b + c + d;
}

static inline void netsum_add(struct netsum *s, const void *data, size_t len)
{
	uint32_t sum = netsum_fold32(netsum_words(data, len));

	if (s->odd) /* its bytes stand in the other half of each word */
		sum = sum >> 8 | sum << 24;
	s->sum += sum;
	s->odd ^= len & 1;
}

/* The sum's complement, to be stored at a checksum's place with memcpy. */
static inline uint16_t netsum_end(const struct netsum *s)
{
	return (uint16_t)~netsum_fold16(netsum_fold32(s->sum));
}

/* The pseudo header in front of a transport header of `l4_len` bytes and data. */
static inline void netsum_add_pseudo(struct netsum *s, const uint8_t *hdr,
				     const struct netframe *f, uint32_t l4_len)
{
	uint8_t tail[4] = { 0, f->proto };

	netframe_put_be16(tail + 2, l4_len);
	if (f->kind == NETFRAME_IPV4)
		netsum_add(s, hdr + f->l3 + 12, 8);
	else
		netsum_add(s, hdr + f->l3 + 8, 32);
	netsum_add(s, tail, sizeof(tail));
}

/* ------------------------------------------- the transport checksum of a packet */

/* Leaves it to others: the sum of the pseudo header alone stands at f->csum. */
static inline void netframe_blank(uint8_t *hdr, const struct netframe *f)
{
	struct netsum sum = { 0 };
	uint16_t csum;

	netsum_add_pseudo(&sum, hdr, f, f->l4_len);
	csum = (uint16_t)~netsum_end(&sum);
	memcpy(hdr + f->csum, &csum, 2);
}

/*
 * Whatever pieces a packet lies in:
 *
 *	netframe_sum_start(&s, hdr, &f);
 *	for each piece, the one that hdr is the beginning of first
 *		netframe_sum_piece(&s, piece, its length);
 *	netframe_sum_end(&s, hdr, &f);
 *
 * f->csum is nonzero, and f->end is within the packet.
 */
struct netframe_sum {
	struct netsum sum;
	uint32_t skip; /* bytes in front of l4 */
	uint32_t left; /* bytes to sum */
};

static inline void netframe_sum_start(struct netframe_sum *s, const uint8_t *hdr,
				      const struct netframe *f)
{
	uint16_t old;

	*s = (struct netframe_sum){ .skip = f->l4, .left = f->l4_len };
	netsum_add_pseudo(&s->sum, hdr, f, f->l4_len);
	/* The field counts as zero: what it holds is taken off beforehand. */
	memcpy(&old, hdr + f->csum, 2);
	s->sum.sum += (uint16_t)~old;
}

static inline void netframe_sum_piece(struct netframe_sum *s, const void *piece,
				      size_t len)
{
	size_t skip = s->skip < len ? s->skip : len;
	size_t n = s->left < len - skip ? s->left : len - skip;

	netsum_add(&s->sum, (const uint8_t *)piece + skip, n);
	s->skip -= (uint32_t)skip;
	s->left -= (uint32_t)n;
}

/* Stores the checksum. Zero means "none" to UDP, which writes it as all ones. */
static inline void netframe_sum_end(const struct netframe_sum *s, uint8_t *hdr,
				    const struct netframe *f)
{
	uint16_t csum = netsum_end(&s->sum);

	if (!csum && f->proto == NETFRAME_PROTO_UDP)
		csum = 0xffff;
	memcpy(hdr + f->csum, &csum, 2);
}

#endif
