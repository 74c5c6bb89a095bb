/* SPDX-License-Identifier: MIT */
/* Checksums and TCP segmentation in software. */
#include "backends/net/netseg.h"

#include <string.h>

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

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
	const uint32_t size = pkt->meta.gso_size;
	struct netframe f;

	if (parse(pkt, &f) || !f.hdr_len || f.proto != NETFRAME_PROTO_TCP ||
	    f.kind != (v4 ? NETFRAME_IPV4 : NETFRAME_IPV6) || size < NETSEG_MIN_SIZE)
		return -EINVAL;
	*s = (struct netseg){
		.pkt = pkt,
		.f = f,
		.left = (f.end - f.hdr_len + size - 1) / size,
		.at = f.hdr_len,
		.iov_at = f.hdr_len,
		.ipv4_id = netframe_be16((uint8_t *)pkt->iov[0].iov_base + f.l3 + 4),
	};
	if (!s->left)
		s->left = 1; /* no payload */
	return 0;
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

/* The headers of a frame with n bytes of payload, but for TCP's checksum. */
static void headers(const struct netseg *s, uint8_t *hdr, uint32_t n)
{
	const struct netframe *f = &s->f;
	uint8_t *l3 = hdr + f->l3, *l4 = hdr + f->l4;
	struct netsum sum = { 0 };
	uint32_t seq;
	uint16_t csum;

	memcpy(hdr, s->pkt->iov[0].iov_base, f->hdr_len);
	if (f->kind == NETFRAME_IPV4) {
		netframe_put_be16(l3 + 2, f->hdr_len - f->l3 + n);
		netframe_put_be16(l3 + 4, s->ipv4_id);
		netframe_put_be16(l3 + 10, 0);
		netsum_add(&sum, l3, (size_t)(l4 - l3));
		csum = netsum_end(&sum);
		memcpy(l3 + 10, &csum, 2);
	} else {
		netframe_put_be16(l3 + 4, f->hdr_len - f->l3 - NETFRAME_IPV6_HLEN + n);
	}
	seq = (uint32_t)netframe_be16(l4 + 4) << 16 | netframe_be16(l4 + 6);
	seq += s->at - f->hdr_len;
	netframe_put_be16(l4 + 4, seq >> 16);
	netframe_put_be16(l4 + 6, seq);
	if (s->at != f->hdr_len)
		l4[13] &= (uint8_t)~TCP_CWR; /* said once, by the first */
	if (s->left > 1)
		l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH); /* by the last */
}

int netseg_next(struct netseg *s, struct netbuf *out, uint8_t hdr[NETBUF_HDR])
{
	const uint32_t size = s->pkt->meta.gso_size, rest = s->f.end - s->at;
	const uint32_t n = rest < size ? rest : size;
	const size_t room = NETBUF_HDR - s->f.hdr_len;
	const size_t copy = n < room ? n : room;
	struct netframe f = s->f;

	if (!s->left)
		return 0;
	headers(s, hdr, n);
	out->meta = s->pkt->meta;
	out->meta.csum_blank = false;
	out->meta.data_validated = true;
	out->meta.gso_type = XEN_NETIF_GSO_TYPE_NONE;
	out->meta.gso_size = 0;
	out->len = s->f.hdr_len + n;
	out->iov[0] = (struct iovec){ hdr, s->f.hdr_len + copy };
	out->iovcnt = 1;
	for (size_t done = 0; done < copy;) {
		struct iovec piece = take(s, copy - done);

		memcpy(hdr + s->f.hdr_len + done, piece.iov_base, piece.iov_len);
		done += piece.iov_len;
	}
	/* At most NETBUF_IOVS: all of the packet's iov[0] is in hdr now. */
	for (size_t done = copy; done < n;) {
		struct iovec piece = take(s, n - done);

		out->iov[out->iovcnt++] = piece;
		done += piece.iov_len;
	}
	f.l4_len = out->len - f.l4;
	fill(out, &f);
	s->at += n;
	s->ipv4_id++;
	s->left--;
	return 1;
}
