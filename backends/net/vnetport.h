/* SPDX-License-Identifier: MIT */
/*
 * What ports of the kernel's share whose packets have a struct vnet_hdr in front:
 * the iovecs around a packet, and what the header says.
 */
#ifndef TANDEM_BACKENDS_NET_VNETPORT_H
#define TANDEM_BACKENDS_NET_VNETPORT_H

#include "backends/net/netdrv.h"
#include "ringproto/vnet.h"

/* header, packet, and what there is more of it */
#define VNETPORT_IOVS  (1 + NETBUF_IOVS + 1)
#define VNETPORT_LARGE 65600u /* bytes: no packet of the kernel's has as many */

/* A packet on its way out. */
struct vnetport_out {
	struct vnet_hdr vh;
	int iovcnt;
	struct iovec iov[VNETPORT_IOVS];
};

/* -EINVAL: it is not what its meta says, and goes nowhere. */
int vnetport_out(struct vnetport_out *o, const struct netbuf *b);

/*
 * What comes in, of one queue. The kernel fills in the room itself, but where the last
 * large packet was one of UDP: then all but the first bytes of the next large one
 * go into private memory, where they are needed if it is another.
 *
 *	if vnetport_cutting(in): vnetport_next(in, b, guest)
 *	else:	n = readv(fd, iov, vnetport_room(in, b, iov));
 *		vnetport_gather(in, b, n);
 *		vnetport_took(in, b, n, guest);
 */
struct vnetport_in {
	struct vnet_hdr vh;
	bool uso;      /* as of the last large packet */
	bool flat;     /* the packet is in large[], not in the room */
	uint32_t room; /* bytes of the packet that went into the room */
	struct netcut_flat cut;
	uint8_t large[VNETPORT_LARGE];
};

/* Room for header and packet, iov[VNETPORT_IOVS]; returns how many iovecs. */
int vnetport_room(struct vnetport_in *in, const struct netbuf *b, struct iovec *iov);
/* The kernel filled in n bytes: puts those of the packet in one place, large[] if
 * in->flat and else the room, if that is large enough. */
void vnetport_gather(struct vnetport_in *in, struct netbuf *b, size_t n);
/*
 * Sets len and meta. A checksum that the guest would have to fill in is filled
 * in, if it does not do that. Of a large UDP packet this is the first frame, others
 * follow. 1, or -EMSGSIZE: too large, or nothing that the guest could be given.
 */
int vnetport_took(struct vnetport_in *in, struct netbuf *b, size_t n,
		  const struct netdrv_caps *guest);

/* Are there frames left of a large UDP packet? They are next: 1, or -EMSGSIZE, they do
 * not fit into the room, and are gone, all of them. */
static inline bool vnetport_cutting(const struct vnetport_in *in)
{
	return in->cut.cut.left;
}
int vnetport_next(struct vnetport_in *in, struct netbuf *b,
		  const struct netdrv_caps *guest);

#endif
