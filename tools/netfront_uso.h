/* SPDX-License-Identifier: MIT */
/*
 * tandem-netfront: large UDP packets (USO) from the tap. The kernel hands them over
 * whole, netif does not know them: they are cut on their way into granted pages.
 *
 * Other packets are read straight into granted pages. Which kind the next one is
 * nobody knows beforehand: after a large one of UDP there is room for a frame, and
 * what is longer goes into private memory.
 */
#ifndef TANDEM_TOOLS_NETFRONT_USO_H
#define TANDEM_TOOLS_NETFRONT_USO_H

#include "frontends/include/tandem_net.h"
#include "ringproto/vnet.h"

#define USO_BYTES 65600u /* no packet of the kernel's has as many */

struct uso {
	bool expected; /* as of the last large packet */
	bool csum, csum6;
	uint32_t frame;		     /* bytes that one may have on the vif */
	struct netcut_flat cut;	     /* of what bytes[] has */
	struct tandem_net_pkt whole; /* len: bytes[] are this packet, as it is */
	uint8_t bytes[USO_BYTES];
};

/* Is there something to send before the tap is looked at again? */
static inline bool uso_busy(const struct uso *u)
{
	return u->cut.cut.left || u->whole.len;
}

/* Where the bytes go that a packet has beyond its first n. */
static inline struct iovec uso_rest(struct uso *u, uint32_t n)
{
	return (struct iovec){ u->bytes + n, sizeof(u->bytes) - n };
}

/* A packet of len bytes was read, the first n of them into pkt and the rest as
 * uso_rest() said: it is large UDP, or larger than its room. 0: now u is busy.
 * -EINVAL: it is not what v says, -EMSGSIZE: its frames are too large. */
int uso_take(struct uso *u, const struct vnet_hdr *v, const struct tandem_net_pkt *pkt,
	     uint32_t n, uint32_t len);
/* Sends. False: there is no room for all of it now. */
bool uso_send(struct uso *u, struct tandem_net_queue *q);

/* What v says of a packet of p->len bytes in p->iov, into *p. A blank checksum that the
 * vif does not take is filled in. -EINVAL: it is not that, or netif cannot say it. */
int uso_meta(const struct uso *u, const struct vnet_hdr *v, struct tandem_net_pkt *p);

#endif
