/* SPDX-License-Identifier: MIT */
/*
 * The header that a tap device with IFF_VNET_HDR puts in front of each packet
 * (virtio's struct virtio_net_hdr, in the machine's byte order), and what it
 * says in netif's words. Freestanding.
 *
 * netif says that a checksum is blank, virtio also where it is, so both ways
 * look at the packet's headers: `hdr` is its first min(pkt_len, NETBUF_HDR)
 * bytes or more, in private memory.
 */
#ifndef TANDEM_RINGPROTO_VNET_H
#define TANDEM_RINGPROTO_VNET_H

#include "ringproto/netcut.h"
#include "ringproto/netframe.h"
#include "ringproto/netif_pkt.h"

#define VNET_F_NEEDS_CSUM 1 /* the checksum at csum_start + csum_offset is blank */
#define VNET_F_DATA_VALID 2

#define VNET_GSO_NONE	0
#define VNET_GSO_TCPV4	1
#define VNET_GSO_UDP	3
#define VNET_GSO_TCPV6	4
#define VNET_GSO_UDP_L4 5
#define VNET_GSO_ECN	0x80 /* a bit besides: TCP's CWR flag is set */

struct vnet_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len; /* through the TCP or UDP header */
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};
_Static_assert(sizeof(struct vnet_hdr) == 10, "virtio_net.h");
_Static_assert(offsetof(struct vnet_hdr, hdr_len) == 2, "virtio_net.h");
_Static_assert(offsetof(struct vnet_hdr, gso_size) == 4, "virtio_net.h");
_Static_assert(offsetof(struct vnet_hdr, csum_start) == 6, "virtio_net.h");
_Static_assert(offsetof(struct vnet_hdr, csum_offset) == 8, "virtio_net.h");

/* Is this TCP over what the XEN_NETIF_GSO_TYPE_* says, with its whole header? */
static inline bool vnet_gso_ok(const struct netframe *f, uint8_t gso_type)
{
	return f->hdr_len && f->proto == NETFRAME_PROTO_TCP &&
	       f->kind == (gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? NETFRAME_IPV4
								: NETFRAME_IPV6);
}

/*
 * On the way to a tap. -EINVAL: the packet is not what its meta says: no TCP or
 * UDP whose checksum could be blank, a large segment that is not TCP of that
 * kind or whose checksum is not blank, an IP packet that is longer than the frame.
 */
static inline int vnet_from_meta(const struct netif_meta *m, const uint8_t *hdr,
				 size_t hdr_bytes, uint32_t pkt_len, struct vnet_hdr *v)
{
	struct netframe f;

	*v = (struct vnet_hdr){ 0 };
	if (!m->csum_blank) {
		if (m->data_validated)
			v->flags = VNET_F_DATA_VALID;
		return m->gso_type ? -EINVAL : 0;
	}
	if (netframe_parse(hdr, hdr_bytes, &f) || !f.csum || f.end > pkt_len)
		return -EINVAL;
	v->flags = VNET_F_NEEDS_CSUM;
	v->hdr_len = f.hdr_len;
	v->csum_start = f.l4;
	v->csum_offset = (uint16_t)(f.csum - f.l4);
	if (!m->gso_type)
		return 0;
	if (!m->gso_size || !vnet_gso_ok(&f, m->gso_type))
		return -EINVAL;
	if (f.end - f.hdr_len <= m->gso_size) /* one segment: nothing to do */
		return 0;
	v->gso_size = m->gso_size;
	v->gso_type =
		m->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
	if (hdr[f.l4 + 13] & 0x80)
		v->gso_type |= VNET_GSO_ECN;
	return 0;
}

/*
 * From a tap; no field of *v is believed. -EINVAL: the packet is not what it
 * says, or netif cannot say so: large UDP packets (vnet_cut()), a blank checksum
 * elsewhere than where the headers have one.
 */
static inline int vnet_to_meta(const struct vnet_hdr *v, const uint8_t *hdr,
			       size_t hdr_bytes, uint32_t pkt_len, struct netif_meta *m)
{
	const uint8_t gso = v->gso_type & (uint8_t)~VNET_GSO_ECN;
	struct netframe f;

	*m = (struct netif_meta){ 0 };
	if (!(v->flags & VNET_F_NEEDS_CSUM)) {
		m->data_validated = v->flags & VNET_F_DATA_VALID;
		return gso ? -EINVAL : 0;
	}
	if (netframe_parse(hdr, hdr_bytes, &f) || !f.csum || f.end > pkt_len ||
	    v->csum_start != f.l4 || (uint32_t)v->csum_start + v->csum_offset != f.csum)
		return -EINVAL;
	m->csum_blank = m->data_validated = true;
	if (gso == VNET_GSO_NONE)
		return 0;
	if (gso == VNET_GSO_TCPV4)
		m->gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
	else if (gso == VNET_GSO_TCPV6)
		m->gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
	else
		return -EINVAL;
	if (!v->gso_size || !vnet_gso_ok(&f, m->gso_type))
		return -EINVAL;
	if (f.end - f.hdr_len > v->gso_size)
		m->gso_size = v->gso_size;
	else
		m->gso_type = XEN_NETIF_GSO_TYPE_NONE;
	return 0;
}

/* Large UDP packets (USO) are nothing that netif can say: they are cut. */
static inline bool vnet_is_uso(const struct vnet_hdr *v)
{
	return v->gso_type == VNET_GSO_UDP_L4;
}

/*
 * Begins to cut one; no field of *v is believed. -EINVAL: the packet is not what it
 * says, or netcut_start() does not cut such.
 */
static inline int vnet_cut(const struct vnet_hdr *v, const uint8_t *hdr, size_t hdr_bytes,
			   uint32_t pkt_len, struct netcut *c)
{
	struct netframe f;

	if (!vnet_is_uso(v) || !(v->flags & VNET_F_NEEDS_CSUM) || v->hdr_len > pkt_len ||
	    netframe_parse(hdr, hdr_bytes, &f) || f.proto != NETFRAME_PROTO_UDP ||
	    !f.csum || f.end > pkt_len || v->csum_start != f.l4 ||
	    (uint32_t)v->csum_start + v->csum_offset != f.csum)
		return -EINVAL;
	return netcut_start(c, &f, hdr, v->gso_size);
}

#endif
