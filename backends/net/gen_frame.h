/* SPDX-License-Identifier: MIT */
/* The generator's frames: built once, then only numbered. */
#ifndef TANDEM_BACKENDS_NET_GEN_FRAME_H
#define TANDEM_BACKENDS_NET_GEN_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define GEN_UDP_HDR 42u /* Ethernet, IPv4, UDP */
#define GEN_TCP_HDR 54u
#define GEN_NUMBER  8u /* the payload's first bytes: the packet's number, big endian */

struct gen_flow {
	uint8_t src_mac[6], dst_mac[6];
	uint32_t src_ip, dst_ip; /* host order, like the ports */
	uint16_t src_port, dst_port;
	bool tcp;
};

struct gen_frame {
	uint8_t *bytes;
	uint32_t len;
	uint16_t hdr;	   /* bytes before the payload */
	uint16_t csum_at;  /* of the transport's checksum */
	bool tcp;	   /* the sequence number follows the payload's bytes */
	bool blank;	   /* checksum of the pseudo header alone */
	uint32_t base_sum; /* of all that is summed, for number 0 */
};

/* len > headers and number. -ENOMEM */
int gen_frame_build(struct gen_frame *f, const struct gen_flow *flow, uint32_t len,
		    bool blank);
void gen_frame_free(struct gen_frame *f);
/* The frame is now packet number n of its flow. */
void gen_frame_number(struct gen_frame *f, uint64_t n);

#endif
