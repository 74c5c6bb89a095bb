/* SPDX-License-Identifier: MIT */
/* Frames made field by field, and their checksums bit by bit. */
#include "tests/lib/frames.h"

#include <string.h>

static uint8_t *put16(uint8_t *p, unsigned v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Adds the words one bit at a time, each with its weight, carry end around. */
uint16_t frame_ref_sum(const uint8_t *p, size_t len, uint16_t start)
{
	uint32_t sum = start;

	for (size_t bit = 0; bit < len * 8; bit++) {
		if (!(p[bit / 8] >> (7 - bit % 8) & 1))
			continue;
		sum += 1u << (15 - bit % 16);
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)sum;
}

static uint16_t pseudo_sum(const uint8_t *l3, bool v6, uint8_t proto, size_t l4_len)
{
	uint8_t ps[40] = { 0 };

	if (v6) {
		memcpy(ps, l3 + 8, 32);
		put16(ps + 34, (unsigned)l4_len);
		ps[39] = proto;
		return frame_ref_sum(ps, 40, 0);
	}
	memcpy(ps, l3 + 12, 8);
	ps[9] = proto;
	put16(ps + 10, (unsigned)l4_len);
	return frame_ref_sum(ps, 12, 0);
}

static uint8_t *put_ipv4(uint8_t *p, const struct frame_spec *s, size_t l4_len)
{
	const unsigned hlen = 20 + s->ip_options;

	memset(p, 0, hlen);
	p[0] = (uint8_t)(0x40 | hlen / 4);
	put16(p + 2, (unsigned)(hlen + l4_len));
	put16(p + 4, 0xfffe); /* so that a second segment's id wraps */
	put16(p + 6, 0x4000);
	p[8] = 64;
	p[9] = s->proto;
	memcpy(p + 12, (const uint8_t[]){ 10, 0, 0, 1, 192, 168, 7, 254 }, 8);
	memset(p + 20, 1, s->ip_options);
	put16(p + 10, 0xffffu ^ frame_ref_sum(p, hlen, 0));
	return p + hlen;
}

static uint8_t *put_ipv6(uint8_t *p, const struct frame_spec *s, size_t l4_len)
{
	const unsigned size = s->ext_size ? s->ext_size : 8;
	uint8_t *next = p + 6, *start = p;

	memset(p, 0, 40);
	p[0] = 0x60;
	p[7] = 64;
	for (unsigned i = 0; i < 32; i++)
		p[8 + i] = (uint8_t)(0xfd ^ i * 37);
	p += 40;
	for (unsigned i = s->hopopts ? 0 : 1; !i || s->ext[i - 1]; i++) {
		*next = i ? s->ext[i - 1] : 0;
		memset(p, 0, size);
		next = p;
		p[1] = (uint8_t)(size / 8 - 1);
		p += size;
	}
	*next = s->proto;
	put16(start + 4, (unsigned)((size_t)(p - start) - 40 + l4_len));
	return p;
}

static uint8_t *put_l4(uint8_t *p, const struct frame_spec *s, size_t l4_len)
{
	put16(p, 40000);
	put16(p + 2, 5201);
	if (s->proto == 17) {
		put16(p + 4, (unsigned)l4_len);
		put16(p + 6, 0);
		return p + 8;
	}
	memset(p + 4, 0, 16);
	memcpy(p + 4, (const uint8_t[]){ 0xff, 0xff, 0xff, 0x00, 1, 2, 3, 4 }, 8);
	p[12] = (uint8_t)((20 + s->l4_options) / 4 << 4);
	p[13] = s->tcp_flags;
	put16(p + 14, 0x7210);
	memset(p + 20, 1, s->l4_options);
	return p + 20 + s->l4_options;
}

struct frame frame_make(uint8_t *buf, const struct frame_spec *s)
{
	const bool l4 = s->proto == 6 || s->proto == 17;
	const size_t hlen = s->proto == 6 ? 20 + s->l4_options : l4 ? 8 : 0;
	const size_t l4_len = hlen + s->payload;
	struct frame f = { 0 };
	uint8_t *p = buf;

	for (unsigned i = 0; i < 12; i++)
		*p++ = (uint8_t)(2 + i * 16);
	for (unsigned t = 0; t < s->tags; t++) {
		p = put16(p, t + 1 < s->tags ? 0x88a8 : 0x8100);
		p = put16(p, 100 + t);
	}
	p = put16(p, s->v6 ? 0x86dd : 0x0800);
	f.l3 = (size_t)(p - buf);
	p = s->v6 ? put_ipv6(p, s, l4_len) : put_ipv4(p, s, l4_len);
	f.l4 = (size_t)(p - buf);
	if (l4) {
		f.csum = f.l4 + (s->proto == 6 ? 16 : 6);
		p = put_l4(p, s, l4_len);
	}
	f.data = (size_t)(p - buf);
	for (uint32_t i = 0; i < s->payload; i++)
		*p++ = (uint8_t)(i * 7 + i / 251);
	f.end = (size_t)(p - buf);
	memset(p, 0xee, s->pad);
	f.len = f.end + s->pad;
	if (l4) {
		uint16_t sum = pseudo_sum(buf + f.l3, s->v6, s->proto, l4_len);

		if (!s->blank) {
			sum = 0xffffu ^ frame_ref_sum(buf + f.l4, l4_len, sum);
			if (!sum && s->proto == 17)
				sum = 0xffff;
		}
		put16(buf + f.csum, sum);
	}
	return f;
}

bool frame_sums_right(const uint8_t *buf, size_t len)
{
	const uint8_t *p = buf + 12, *l3;
	size_t l4_len;
	uint8_t proto;
	bool v6;

	while (get16(p) == 0x8100 || get16(p) == 0x88a8)
		p += 4;
	v6 = get16(p) == 0x86dd;
	l3 = p += 2;
	if (v6) {
		proto = p[6];
		l4_len = get16(p + 4);
		for (p += 40; proto == 0 || proto == 43 || proto == 60 || proto == 44;) {
			size_t n = proto == 44 ? 8 : (p[1] + 1u) * 8;

			proto = p[0];
			p += n;
			l4_len -= n;
		}
	} else {
		if (frame_ref_sum(p, (p[0] & 15u) * 4, 0) != 0xffff)
			return false;
		proto = p[9];
		l4_len = get16(p + 2) - (p[0] & 15u) * 4;
		p += (p[0] & 15u) * 4;
	}
	if ((size_t)(p - buf) + l4_len > len)
		return false;
	if (proto == 17 && !get16(p + 6))
		return false;
	return frame_ref_sum(p, l4_len, pseudo_sum(l3, v6, proto, l4_len)) == 0xffff;
}
