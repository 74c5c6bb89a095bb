/* SPDX-License-Identifier: MIT */
/*
 * What ports of the kernel's share whose packets have a struct vnet_hdr in front:
 * the iovecs around a packet, and what the header says.
 */
#ifndef TANDEM_BACKENDS_NET_VNETPORT_H
#define TANDEM_BACKENDS_NET_VNETPORT_H

#include "backends/net/netdrv.h"
#include "ringproto/vnet.h"

/* header, packet, and a byte that only what is too large reaches */
#define VNETPORT_IOVS (1 + NETBUF_IOVS + 1)

/* A packet on its way out. */
struct vnetport_out {
	struct vnet_hdr vh;
	int iovcnt;
	struct iovec iov[VNETPORT_IOVS];
};

/* -EINVAL: it is not what its meta says, and goes nowhere. */
int vnetport_out(struct vnetport_out *o, const struct netbuf *b);

/* Room for a packet from outside; returns how many iovecs. `spare`: a byte. */
int vnetport_room(const struct netbuf *b, struct vnet_hdr *vh, struct iovec *iov,
		  uint8_t *spare);
/*
 * The kernel filled in n bytes: sets len and meta. A checksum that the guest
 * would have to fill in is filled in, if it does not do that. 1, or -EMSGSIZE: too large,
 * or nothing that the guest could be given.
 */
int vnetport_took(struct netbuf *b, const struct vnet_hdr *vh, size_t n,
		  const struct netdrv_caps *guest);

#endif
