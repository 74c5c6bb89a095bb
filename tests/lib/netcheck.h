/* SPDX-License-Identifier: MIT */
/* What a port may count on of a packet that it is sent (netdrv.h). */
#ifndef TANDEM_TESTS_LIB_NETCHECK_H
#define TANDEM_TESTS_LIB_NETCHECK_H

#include "backends/net/netdrv.h"

static inline const char *netcheck_meta(const struct netif_meta *m,
					const struct netdrv_caps *can)
{
	if (m->gso_type > XEN_NETIF_GSO_TYPE_TCPV6 || !m->gso_type != !m->gso_size)
		return "a large segment's kind or size";
	if ((m->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 && !can->tso4) ||
	    (m->gso_type == XEN_NETIF_GSO_TYPE_TCPV6 && !can->tso6))
		return "a large segment that the port cannot carry";
	if (m->csum_blank && !m->gso_type && !can->csum && !can->csum6)
		return "a blank checksum that the port cannot carry";
	return NULL;
}

/* Does it begin with a tag that netvlan.h may have put there? Then it may be longer. */
static inline uint32_t netcheck_tag(const struct netbuf *b)
{
	const uint8_t *hdr = b->iov[0].iov_base;

	return b->iov[0].iov_len >= 18 && hdr[12] == 0x81 && !hdr[13] ? NETBUF_TAG : 0;
}

/* NULL, or what is wrong. */
static inline const char *netcheck_sent(const struct netbuf *b,
					const struct netdrv_caps *can)
{
	size_t bytes = 0;
	uint32_t tag;

	if (!b->iovcnt || b->iovcnt > NETBUF_IOVS)
		return "the number of iovecs";
	tag = netcheck_tag(b);
	if (b->len < NETIF_ETH_HLEN || b->len > XEN_NETIF_MAX_TX_SIZE + tag)
		return "its length";
	if (b->iov[0].iov_len != (b->len < NETBUF_HDR ? b->len : NETBUF_HDR) &&
	    b->iov[0].iov_len != (b->len < NETBUF_HDR + tag ? b->len : NETBUF_HDR + tag))
		return "the private bytes";
	for (unsigned i = 0; i < b->iovcnt; i++) {
		if (!b->iov[i].iov_len || b->iov[i].iov_len > NETIF_PAGE_SIZE)
			return "an iovec's length";
		bytes += b->iov[i].iov_len;
	}
	if (bytes != b->len)
		return "iovecs do not add up";
	return netcheck_meta(&b->meta, can);
}

#endif
