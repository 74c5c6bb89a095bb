/* SPDX-License-Identifier: MIT */
/* Packets with a virtio header in front. */
#include "backends/net/vnetport.h"

#include <errno.h>
#include <string.h>

#include "backends/net/netseg.h"

#define FRAME 1600u /* bytes: most frames have no more */

static size_t private_bytes(const struct netbuf *b)
{
	return b->len < b->iov[0].iov_len ? b->len : b->iov[0].iov_len;
}

int vnetport_out(struct vnetport_out *o, const struct netbuf *b)
{
	o->iov[0] = (struct iovec){ &o->vh, sizeof(o->vh) };
	memcpy(o->iov + 1, b->iov, b->iovcnt * sizeof(b->iov[0]));
	o->iovcnt = 1 + b->iovcnt;
	return vnet_from_meta(&b->meta, b->iov[0].iov_base, private_bytes(b), b->len,
			      &o->vh);
}

/* Iovecs of the room that the kernel fills in: all, or as many as a frame needs. */
static unsigned straight(const struct vnetport_in *in, const struct netbuf *b,
			 uint32_t *bytes)
{
	size_t n = 0;
	unsigned i = 0;

	for (; i < b->iovcnt && (n < FRAME || !in->uso); i++)
		n += b->iov[i].iov_len;
	*bytes = (uint32_t)n;
	return i;
}

int vnetport_room(struct vnetport_in *in, const struct netbuf *b, struct iovec *iov)
{
	unsigned n = straight(in, b, &in->room);
	/* a byte at least, which only what is too large reaches */
	uint32_t at = in->room < sizeof(in->large) ? in->room : sizeof(in->large) - 1;

	iov[0] = (struct iovec){ &in->vh, sizeof(in->vh) };
	memcpy(iov + 1, b->iov, n * sizeof(b->iov[0]));
	iov[1 + n] = (struct iovec){ in->large + at, sizeof(in->large) - at };
	return (int)n + 2;
}

/* large[from..len) into the room behind its first `from` bytes. */
static void scatter(const struct vnetport_in *in, struct netbuf *b, size_t from,
		    size_t len)
{
	size_t skip = from;

	for (unsigned i = 0; from < len; i++) {
		size_t off = skip < b->iov[i].iov_len ? skip : b->iov[i].iov_len;
		size_t n = b->iov[i].iov_len - off;

		n = n < len - from ? n : len - from;
		memcpy((uint8_t *)b->iov[i].iov_base + off, in->large + from, n);
		skip -= off;
		from += n;
	}
}

void vnetport_gather(struct vnetport_in *in, struct netbuf *b, size_t n)
{
	const size_t len = n < sizeof(in->vh) ? 0 : n - sizeof(in->vh);

	in->flat = len && vnet_is_uso(&in->vh);
	if (in->flat) {
		in->uso = true;
		if (len < sizeof(in->large))
			netbuf_copy(b, 0, in->large, len < in->room ? len : in->room);
	} else if (len > in->room) {
		in->uso = false;
		if (len <= netbuf_iov_bytes(b))
			scatter(in, b, in->room, len);
	}
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
	if (netframe_parse(b->iov[0].iov_base, private_bytes(b), &f) || !f.csum)
		return false;
	if (f.kind == NETFRAME_IPV4 ? guest->csum : guest->csum6)
		return true;
	return !netseg_csum(b);
}

int vnetport_next(struct vnetport_in *in, struct netbuf *b,
		  const struct netdrv_caps *guest)
{
	const bool v4 = in->cut.cut.f.kind == NETFRAME_IPV4;
	const bool blank = v4 ? guest->csum : guest->csum6;
	uint8_t *frame;

	if (in->cut.cut.f.hdr_len + netcut_payload(&in->cut.cut) > netbuf_iov_bytes(b)) {
		in->cut.cut.left = 0;
		return -EMSGSIZE;
	}
	frame = netcut_flat_next(&in->cut, in->large, blank, &b->len);
	netbuf_fill(b, frame, b->len);
	b->meta = (struct netif_meta){ .csum_blank = blank, .data_validated = true };
	return 1;
}

static int took_flat(struct vnetport_in *in, struct netbuf *b, size_t len,
		     const struct netdrv_caps *guest)
{
	const size_t hdr = len < NETBUF_HDR ? len : NETBUF_HDR;

	if (len >= sizeof(in->large) ||
	    vnet_cut(&in->vh, in->large, hdr, (uint32_t)len, &in->cut.cut)) {
		in->cut.cut.left = 0;
		return -EMSGSIZE;
	}
	memcpy(in->cut.hdr, in->large, in->cut.cut.f.hdr_len);
	return vnetport_next(in, b, guest);
}

int vnetport_took(struct vnetport_in *in, struct netbuf *b, size_t n,
		  const struct netdrv_caps *guest)
{
	if (n < sizeof(in->vh) + NETIF_ETH_HLEN)
		return -EMSGSIZE;
	n -= sizeof(in->vh);
	if (in->flat)
		return took_flat(in, b, n, guest);
	if (n > netbuf_iov_bytes(b))
		return -EMSGSIZE;
	b->len = (uint32_t)n;
	if (vnet_to_meta(&in->vh, b->iov[0].iov_base, private_bytes(b), b->len, &b->meta))
		return -EMSGSIZE;
	return guest_takes(b, guest) ? 1 : -EMSGSIZE;
}
