/* SPDX-License-Identifier: MIT */
/* Packets with a virtio header in front. */
#include "backends/net/vnetport.h"

#include <errno.h>
#include <string.h>

#include "backends/net/netseg.h"

static size_t private_bytes(uint32_t len)
{
	return len < NETBUF_HDR ? len : NETBUF_HDR;
}

int vnetport_out(struct vnetport_out *o, const struct netbuf *b)
{
	o->iov[0] = (struct iovec){ &o->vh, sizeof(o->vh) };
	memcpy(o->iov + 1, b->iov, b->iovcnt * sizeof(b->iov[0]));
	o->iovcnt = 1 + b->iovcnt;
	return vnet_from_meta(&b->meta, b->iov[0].iov_base, private_bytes(b->len), b->len,
			      &o->vh);
}

int vnetport_room(const struct netbuf *b, struct vnet_hdr *vh, struct iovec *iov,
		  uint8_t *spare)
{
	iov[0] = (struct iovec){ vh, sizeof(*vh) };
	memcpy(iov + 1, b->iov, b->iovcnt * sizeof(b->iov[0]));
	iov[1 + b->iovcnt] = (struct iovec){ spare, 1 };
	return 2 + b->iovcnt;
}

static bool guest_takes(struct netbuf *b, const struct netdrv_caps *guest)
{
	struct netframe f;

	if (b->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV4)
		return guest->tso4 && guest->csum;
	if (b->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV6)
		return guest->tso6 && guest->csum6;
	if (!b->meta.csum_blank || (guest->csum && guest->csum6))
		return true;
	/* cannot fail: vnet_to_meta() has found the checksum */
	if (netframe_parse(b->iov[0].iov_base, private_bytes(b->len), &f) || !f.csum)
		return false;
	if (f.kind == NETFRAME_IPV4 ? guest->csum : guest->csum6)
		return true;
	return !netseg_csum(b);
}

int vnetport_took(struct netbuf *b, const struct vnet_hdr *vh, size_t n,
		  const struct netdrv_caps *guest)
{
	if (n < sizeof(*vh) + NETIF_ETH_HLEN || n - sizeof(*vh) > netbuf_iov_bytes(b))
		return -EMSGSIZE;
	b->len = (uint32_t)(n - sizeof(*vh));
	if (vnet_to_meta(vh, b->iov[0].iov_base, private_bytes(b->len), b->len, &b->meta))
		return -EMSGSIZE;
	return guest_takes(b, guest) ? 1 : -EMSGSIZE;
}
