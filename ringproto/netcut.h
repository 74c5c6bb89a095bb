/* SPDX-License-Identifier: MIT */
/*
 * A large TCP or UDP packet cut into frames: how many there are, and the headers
 * of each. Freestanding.
 *
 * The packet's headers must be private memory, as for netframe_parse(). Of its
 * payload nothing is looked at but what a checksum covers.
 */
#ifndef TANDEM_RINGPROTO_NETCUT_H
#define TANDEM_RINGPROTO_NETCUT_H

#include "ringproto/netframe.h"

#define NETCUT_HDR 128u /* bytes of headers, at most */
/* Segments are not smaller: 64 KiB in single bytes would be 65,000 frames. Those
 * of UDP may be, if they are as few as one sendmsg() makes of it. */
#define NETCUT_MIN_SIZE 48u
#define NETCUT_FEW	128u

#define NETCUT_TCP_FIN 0x01
#define NETCUT_TCP_PSH 0x08
#define NETCUT_TCP_CWR 0x80

/* Where cutting stands. */
struct netcut {
	struct netframe f; /* of the packet */
	uint32_t size;	   /* bytes of payload that a frame has; the last one less */
	uint32_t left;	   /* frames that are still to come */
	uint32_t at;	   /* where the next one's payload begins in the packet */
	uint16_t ipv4_id;  /* the next one's: each has its own */
};

/*
 * Begins to cut a packet that netframe_parse() said this of, and that has f->end
 * bytes. -EINVAL: no TCP or UDP, headers that do not end within NETCUT_HDR,
 * segments that are too small; UDP that is not all of its IP packet, or less than one
 * segment.
 */
static inline int netcut_start(struct netcut *c, const struct netframe *f,
			       const uint8_t *hdr, uint32_t size)
{
	const uint32_t bytes = f->end - f->hdr_len;

	if (!f->hdr_len || f->hdr_len > NETCUT_HDR || !size)
		return -EINVAL;
	*c = (struct netcut){
		.f = *f,
		.size = size,
		.left = bytes ? (bytes + size - 1) / size : 1,
		.at = f->hdr_len,
		.ipv4_id = netframe_be16(hdr + f->l3 + 4),
	};
	if (f->proto == NETFRAME_PROTO_TCP)
		return size < NETCUT_MIN_SIZE ? -EINVAL : 0;
	if (f->proto != NETFRAME_PROTO_UDP || size > bytes ||
	    f->l4 + f->l4_len != f->end ||
	    (size < NETCUT_MIN_SIZE && c->left > NETCUT_FEW))
		return -EINVAL;
	return 0;
}

/* Bytes of payload that the next frame has. */
static inline uint32_t netcut_payload(const struct netcut *c)
{
	uint32_t rest = c->f.end - c->at;

	return rest < c->size ? rest : c->size;
}

static inline void netcut_tcp(const struct netcut *c, uint8_t *tcp)
{
	uint32_t seq = (uint32_t)netframe_be16(tcp + 4) << 16 | netframe_be16(tcp + 6);

	seq += c->at - c->f.hdr_len;
	netframe_put_be16(tcp + 4, seq >> 16);
	netframe_put_be16(tcp + 6, seq);
	if (c->at != c->f.hdr_len)
		tcp[13] &= (uint8_t)~NETCUT_TCP_CWR; /* said once, by the first */
	if (c->left > 1)
		tcp[13] &= (uint8_t) ~(NETCUT_TCP_FIN | NETCUT_TCP_PSH); /* by the last */
}

/*
 * The next frame's headers, from the packet's: f.hdr_len bytes each. Its transport
 * checksum is not done; returns what netframe_blank() and netframe_sum_start() want
 * to know for it.
 */
static inline struct netframe netcut_headers(const struct netcut *c, const uint8_t *whole,
					     uint8_t *hdr)
{
	const uint32_t n = netcut_payload(c);
	uint8_t *l3 = hdr + c->f.l3, *l4 = hdr + c->f.l4;
	struct netframe f = c->f;
	struct netsum sum = { 0 };
	uint16_t csum;

	f.end = f.hdr_len + n;
	f.l4_len = f.end - f.l4;
	memcpy(hdr, whole, f.hdr_len);
	if (f.kind == NETFRAME_IPV4) {
		netframe_put_be16(l3 + 2, f.end - f.l3);
		netframe_put_be16(l3 + 4, c->ipv4_id);
		netframe_put_be16(l3 + 10, 0);
		netsum_add(&sum, l3, (size_t)(l4 - l3));
		csum = netsum_end(&sum);
		memcpy(l3 + 10, &csum, 2);
	} else {
		netframe_put_be16(l3 + 4, f.end - f.l3 - NETFRAME_IPV6_HLEN);
	}
	if (f.proto == NETFRAME_PROTO_TCP)
		netcut_tcp(c, l4);
	else
		netframe_put_be16(l4 + 4, f.l4_len);
	return f;
}

/* To the frame behind the one whose headers were made. */
static inline void netcut_step(struct netcut *c)
{
	c->at += netcut_payload(c);
	c->ipv4_id++;
	c->left--;
}

/* ------------------------------------------- a packet in one piece of memory */

/* The headers are kept apart: each frame's own are written in front of its
 * payload, over what went before. */
struct netcut_flat {
	struct netcut cut;
	uint8_t hdr[NETCUT_HDR];
};

/*
 * The next frame of the packet at `whole`, which is private: its first byte, and
 * its length. blank: its checksum covers the pseudo header only. cut.left is not 0.
 */
static inline uint8_t *netcut_flat_next(struct netcut_flat *c, uint8_t *whole, bool blank,
					uint32_t *len)
{
	uint8_t *frame = whole + c->cut.at - c->cut.f.hdr_len;
	struct netframe f = netcut_headers(&c->cut, c->hdr, frame);
	struct netframe_sum sum;

	if (blank) {
		netframe_blank(frame, &f);
	} else {
		netframe_sum_start(&sum, frame, &f);
		netframe_sum_piece(&sum, frame, f.end);
		netframe_sum_end(&sum, frame, &f);
	}
	netcut_step(&c->cut);
	*len = f.end;
	return frame;
}

#endif
