/* SPDX-License-Identifier: MIT */
/*
 * Offloads in software, for ports and guests that cannot carry them: a blank
 * checksum is filled in, a large TCP segment is cut into frames.
 *
 * A packet is netdrv.h's: its first min(len, NETBUF_HDR) bytes are private, and
 * nothing else is interpreted. What the guest changes behind them while it is
 * summed spoils its own checksum.
 */
#ifndef TANDEM_BACKENDS_NET_NETSEG_H
#define TANDEM_BACKENDS_NET_NETSEG_H

#include "backends/net/netdrv.h"
#include "ringproto/netcut.h"

/*
 * Fills in the TCP or UDP checksum of a packet that is no large segment, and
 * says so in b->meta. -EINVAL: there is none within the private bytes, or the
 * IP packet is longer than the frame.
 */
int netseg_csum(struct netbuf *b);

/* Where cutting stands. The packet must live as long, and stay as it is. */
struct netseg {
	const struct netbuf *pkt;
	struct netcut cut;
	size_t iov_at; /* where the next frame's payload begins, in iov */
	uint16_t iov;
};

/*
 * Begins to cut a packet with meta.gso_type. -EINVAL: it is not TCP of that
 * kind, its headers do not end within NETBUF_HDR, its segments would be smaller
 * than NETCUT_MIN_SIZE, or the IP packet is longer than the frame.
 */
int netseg_start(struct netseg *s, const struct netbuf *pkt);

/*
 * The next frame: *out is whole and ready for send(), every checksum filled in.
 * hdr becomes out->iov[0], its other iovecs lie in the packet's memory. 1; 0:
 * that was all.
 */
int netseg_next(struct netseg *s, struct netbuf *out, uint8_t hdr[NETBUF_HDR]);

#endif
