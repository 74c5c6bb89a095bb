/* SPDX-License-Identifier: MIT */
/* Checksums and TCP segmentation in software. */
#include "backends/net/netseg.h"

#include <string.h>

_Static_assert(NETCUT_HDR == NETBUF_HDR, "headers that can be cut are private");

/* What the private bytes say. -EINVAL: no whole IP packet. */
static int parse(const struct netbuf *b, struct netframe *f)
{
	const size_t n = b->iov[0].iov_len;

	if (n > NETBUF_HDR ||
	    netframe_parse(b->iov[0].iov_base, n < b->len ? n : b->len, f) ||
	    f->end > b->len || b->len > netbuf_iov_bytes(b))
		return -EINVAL;
	return 0;
}

/* The checksum over a whole packet, into its header in iov[0]. */
static void fill(const struct netbuf *b, const struct netframe *f)
{
	uint8_t *hdr = b->iov[0].iov_base;
	struct netframe_sum sum;

	netframe_sum_start(&sum, hdr, f);
	for (unsigned i = 0; i < b->iovcnt && sum.left; i++)
		netframe_sum_piece(&sum, b->iov[i].iov_base, b->iov[i].iov_len);
	netframe_sum_end(&sum, hdr, f);
}

int netseg_csum(struct netbuf *b)
{
	struct netframe f;

	if (parse(b, &f) || !f.csum)
		return -EINVAL;
	fill(b, &f);
	b->meta.csum_blank = false;
	b->meta.data_validated = true;
	return 0;
}

int netseg_start(struct netseg *s, const struct netbuf *pkt)
{
	const bool v4 = pkt->meta.gso_type == XEN_NETIF_GSO_TYPE_TCPV4;
	struct netframe f;

	if (parse(pkt, &f) || f.proto != NETFRAME_PROTO_TCP ||
	    f.kind != (v4 ? NETFRAME_IPV4 : NETFRAME_IPV6))
		return -EINVAL;
	*s = (struct netseg){ .pkt = pkt, .iov_at = f.hdr_len };
	return netcut_start(&s->cut, &f, pkt->iov[0].iov_base, pkt->meta.gso_size);
}

/* As much of the next `want` bytes as lies in one piece. */
static struct iovec take(struct netseg *s, size_t want)
{
	const struct iovec *iov = &s->pkt->iov[s->iov];
	struct iovec piece;

	for (; s->iov_at == iov->iov_len; iov++, s->iov++)
		s->iov_at = 0;
	piece.iov_base = (uint8_t *)iov->iov_base + s->iov_at;
	piece.iov_len = iov->iov_len - s->iov_at < want ? iov->iov_len - s->iov_at : want;
	s->iov_at += piece.iov_len;
	return piece;
}

int netseg_next(struct netseg *s, struct netbuf *out, uint8_t hdr[NETBUF_HDR])
{
	const uint32_t hdr_len = s->cut.f.hdr_len, n = netcut_payload(&s->cut);
	const size_t room = NETBUF_HDR - hdr_len;
	const size_t copy = n < room ? n : room;
	struct netframe f;

	if (!s->cut.left)
		return 0;
	f = netcut_headers(&s->cut, s->pkt->iov[0].iov_base, hdr);
	out->meta = s->pkt->meta;
	out->meta.csum_blank = false;
	out->meta.data_validated = true;
	out->meta.gso_type = XEN_NETIF_GSO_TYPE_NONE;
	out->meta.gso_size = 0;
	out->len = f.end;
	out->iov[0] = (struct iovec){ hdr, hdr_len + copy };
	out->iovcnt = 1;
	for (size_t done = 0; done < copy;) {
		struct iovec piece = take(s, copy - done);

		memcpy(hdr + hdr_len + done, piece.iov_base, piece.iov_len);
		done += piece.iov_len;
	}
	/* At most NETBUF_IOVS: all of the packet's iov[0] is in hdr now. */
	for (size_t done = copy; done < n;) {
		struct iovec piece = take(s, n - done);

		out->iov[out->iovcnt++] = piece;
		done += piece.iov_len;
	}
	fill(out, &f);
	netcut_step(&s->cut);
	return 1;
}
