/* SPDX-License-Identifier: MIT */
/*
 * Ethernet, IPv4 and UDP or TCP with correct checksums. Only the number in the
 * payload (and TCP's sequence number) differ from packet to packet, so the sum
 * of the rest is kept.
 */
#include "backends/net/gen_frame.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ETH_HDR	  14u
#define IP_HDR	  20u
#define L4	  (ETH_HDR + IP_HDR)
#define TCP_SEQ	  (L4 + 4u)
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define IP_DF	  0x4000u
#define TCP_ACK	  0x5010u /* 5 words of header, ACK */
#define TTL	  64u

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffffu);
}

/* One's complement sums are kept in the order of bytes in memory: no swaps. */
static uint32_t sum_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffffu) + (sum >> 16);
	return (uint32_t)sum;
}

static uint32_t sum_bytes(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;
	uint16_t w;

	for (; len > 1; len -= 2, p += 2) {
		memcpy(&w, p, 2);
		sum += w;
	}
	if (len) {
		w = 0;
		memcpy(&w, p, 1);
		sum += w;
	}
	return sum_fold(sum);
}

static uint32_t sum_u64(uint64_t v)
{
	return sum_fold((v & 0xffffffffu) + (v >> 32));
}

static void put_sum(uint8_t *p, uint32_t sum)
{
	uint16_t w = (uint16_t)sum;

	memcpy(p, &w, 2);
}

static void frame_ip(struct gen_frame *f, const struct gen_flow *flow)
{
	uint8_t *ip = f->bytes + ETH_HDR;

	memcpy(f->bytes, flow->dst_mac, 6);
	memcpy(f->bytes + 6, flow->src_mac, 6);
	put16(f->bytes + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, f->len - ETH_HDR);
	put16(ip + 6, IP_DF);
	ip[8] = TTL;
	ip[9] = flow->tcp ? PROTO_TCP : PROTO_UDP;
	put32(ip + 12, flow->src_ip);
	put32(ip + 16, flow->dst_ip);
	put_sum(ip + 10, ~sum_bytes(ip, IP_HDR));
}

static uint32_t frame_pseudo_sum(const struct gen_frame *f)
{
	uint8_t tail[4] = { 0, f->bytes[ETH_HDR + 9] };

	put16(tail + 2, f->len - L4);
	return sum_fold((uint64_t)sum_bytes(f->bytes + ETH_HDR + 12, 8) +
			sum_bytes(tail, 4));
}

int gen_frame_build(struct gen_frame *f, const struct gen_flow *flow, uint32_t len,
		    bool blank)
{
	uint8_t *l4;

	*f = (struct gen_frame){ .bytes = calloc(1, len),
				 .len = len,
				 .hdr = flow->tcp ? GEN_TCP_HDR : GEN_UDP_HDR,
				 .csum_at = (uint16_t)(L4 + (flow->tcp ? 16 : 6)),
				 .tcp = flow->tcp,
				 .blank = blank };
	if (!f->bytes)
		return -ENOMEM;
	frame_ip(f, flow);
	l4 = f->bytes + L4;
	put16(l4, flow->src_port);
	put16(l4 + 2, flow->dst_port);
	if (flow->tcp) {
		put32(l4 + 8, 1);
		put16(l4 + 12, TCP_ACK);
		put16(l4 + 14, 0xffff);
	} else {
		put16(l4 + 4, len - L4);
	}
	for (uint32_t i = f->hdr + GEN_NUMBER; i < len; i++)
		f->bytes[i] = (uint8_t)(i - f->hdr);
	f->base_sum = sum_fold((uint64_t)frame_pseudo_sum(f) + sum_bytes(l4, len - L4));
	if (blank)
		put_sum(f->bytes + f->csum_at, frame_pseudo_sum(f));
	gen_frame_number(f, 0);
	return 0;
}

void gen_frame_free(struct gen_frame *f)
{
	free(f->bytes);
	f->bytes = NULL;
}

void gen_frame_number(struct gen_frame *f, uint64_t n)
{
	uint64_t be = htobe64(n);
	uint64_t sum = f->base_sum;

	memcpy(f->bytes + f->hdr, &be, sizeof(be));
	sum += sum_u64(be);
	if (f->tcp) {
		uint32_t seq = htobe32((uint32_t)n * (f->len - f->hdr));

		memcpy(f->bytes + TCP_SEQ, &seq, sizeof(seq));
		sum += sum_u64(seq);
	}
	if (f->blank)
		return;
	sum = ~sum_fold(sum) & 0xffffu;
	if (!sum && !f->tcp)
		sum = 0xffff; /* UDP: 0 says that there is none */
	put_sum(f->bytes + f->csum_at, (uint32_t)sum);
}
