/* SPDX-License-Identifier: MIT */
/* A card's port for tests: it keeps what is sent, and gives what a test puts in. */
#ifndef TANDEM_TESTS_LIB_FAKENIC_H
#define TANDEM_TESTS_LIB_FAKENIC_H

#include "backends/pc/nicport.h"

#define FAKENIC_KEEP 128u

struct fakenic_frame {
	struct netif_meta meta;
	uint32_t len;
	bool validated;
	uint8_t *bytes; /* of malloc's, so that each byte beyond is seen */
};

struct fakenic {
	struct nicport port; /* first */
	bool full;	     /* takes nothing more */
	struct fakenic_frame sent[FAKENIC_KEEP], in[FAKENIC_KEEP];
	unsigned nr_sent; /* in all; kept are the first */
	unsigned in_at, in_n;
};

void fakenic_init(struct fakenic *f);
void fakenic_fini(struct fakenic *f);
/* Forgets what was sent. */
void fakenic_clear(struct fakenic *f);
/* A frame comes; padded to NIC_FRAME_MIN. What has no room is kept for later. */
void fakenic_put(struct fakenic *f, const uint8_t *bytes, uint32_t len, bool validated);
/* Frames that wait. */
unsigned fakenic_waiting(const struct fakenic *f);

/* A frame to `to` (NULL: broadcast) of len bytes in all, the payload's from seed. */
void fakenic_frame(uint8_t *frame, const uint8_t *to, uint32_t len, uint8_t seed);
/* An IPv4 packet of TCP or UDP (proto) over it, len bytes in all, without checksums
 * and, if `lengths` is not set, without lengths. Where the transport header is. */
uint32_t fakenic_ipv4(uint8_t *frame, uint32_t len, uint8_t proto, bool lengths);
/* Is the whole of it right: lengths, header and transport checksum? */
bool fakenic_ipv4_ok(const uint8_t *frame, uint32_t len);

#endif
