/* SPDX-License-Identifier: MIT */
/*
 * A hostile packet through the parser, tap's header, the checksum and the
 * segmentation. 32 bytes say what its meta is, what tap's header is and how the
 * packet lies in pieces; the others are the packet. Checked: no access leaves
 * the bytes given (ASan: each piece is exact), what is said about the packet
 * lies in it, and what was accepted comes out whole and right.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/net/netseg.h"
#include "ringproto/vnet.h"
#include "tests/lib/frames.h"

#define HEAD 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void *exact(const void *p, size_t n)
{
	void *copy = malloc(n ? n : 1);

	check(copy);
	return memcpy(copy, p, n);
}

static void run_parse(const uint8_t *hdr, size_t n)
{
	struct netframe f;

	if (netframe_parse(hdr, n, &f)) {
		check(n < NETFRAME_ETH_HLEN);
		return;
	}
	check(f.l3 <= n && f.l4 <= n && f.hdr_len <= n && f.tags <= NETFRAME_MAX_TAGS);
	check(!f.l4 || (f.kind && !f.fragment && f.l4 + f.l4_len <= f.end));
	check(!f.csum || (f.csum > f.l4 && f.csum + 2u <= n));
	check(!f.hdr_len || (f.csum && f.hdr_len <= f.end));
}

/* What is said in one language can be said in the other. */
static void run_vnet(const struct netif_meta *meta, const struct vnet_hdr *v,
		     const uint8_t *hdr, size_t n, uint32_t len)
{
	struct vnet_hdr out;
	struct netif_meta m;

	if (!vnet_from_meta(meta, hdr, n, len, &out)) {
		check(!vnet_to_meta(&out, hdr, n, len, &m));
		check(m.csum_blank == meta->csum_blank);
		check(!m.gso_type || m.gso_size == meta->gso_size);
	}
	if (!vnet_to_meta(v, hdr, n, len, &m)) {
		check(!vnet_from_meta(&m, hdr, n, len, &out));
		check(!m.csum_blank || out.csum_start == v->csum_start);
		check(!m.gso_type == !out.gso_type && out.gso_size == m.gso_size);
	}
}

/* The packet: private bytes, and pieces as long as how[] says. */
static void build(struct netbuf *b, const uint8_t *how, const uint8_t *p, size_t len)
{
	size_t n = len < NETBUF_HDR ? len : NETBUF_HDR, at = n;

	b->len = (uint32_t)len;
	b->iovcnt = 1;
	b->iov[0] = (struct iovec){ exact(p, n), n };
	for (; at < len; at += n) {
		n = how[b->iovcnt % 16] * 4u;
		if (n > len - at || b->iovcnt == NETBUF_IOVS - 1)
			n = len - at;
		b->iov[b->iovcnt++] = (struct iovec){ exact(p + at, n), n };
	}
}

/* Is the checksum right? By sums that are not netframe.h's. */
static void check_sum(const struct netbuf *b)
{
	uint8_t *flat = malloc(b->len), tail[4] = { 0 };
	struct netframe f;
	uint16_t sum;

	check(flat);
	netbuf_copy(b, 0, flat, b->len);
	check(!netframe_parse(flat, b->len, &f) && f.csum && f.end <= b->len);
	tail[1] = f.proto;
	netframe_put_be16(tail + 2, f.l4_len);
	sum = frame_ref_sum(tail, 4, 0);
	sum = frame_ref_sum(flat + f.l3 + (f.kind == NETFRAME_IPV4 ? 12 : 8),
			    f.kind == NETFRAME_IPV4 ? 8 : 32, sum);
	check(frame_ref_sum(flat + f.l4, f.l4_len, sum) == 0xffff);
	free(flat);
}

static void run_cut(const struct netbuf *b)
{
	uint32_t payload = 0, frames = 0, want;
	uint8_t hdr[NETBUF_HDR];
	struct netbuf out;
	struct netseg s;

	if (netseg_start(&s, b))
		return;
	want = s.cut.f.end - s.cut.f.hdr_len;
	while (netseg_next(&s, &out, hdr)) {
		check(out.iovcnt <= NETBUF_IOVS && out.len == netbuf_iov_bytes(&out));
		check(out.iov[0].iov_len ==
		      (out.len < NETBUF_HDR ? out.len : NETBUF_HDR));
		check(out.len - s.cut.f.hdr_len <= b->meta.gso_size);
		payload += out.len - s.cut.f.hdr_len;
		check(++frames <= b->len / NETCUT_MIN_SIZE + 1);
		check_sum(&out);
	}
	check(payload == want && frames);
}

/* A large UDP packet of the kernel's, in one piece. */
static void run_uso(const struct vnet_hdr *v, const uint8_t *pkt, size_t len, bool blank)
{
	const size_t n = len < NETCUT_HDR ? len : NETCUT_HDR;
	uint8_t *whole = exact(pkt, len), *frame;
	uint32_t payload = 0, frames = 0, want, size;
	struct netcut_flat c;

	if (vnet_cut(v, whole, n, (uint32_t)len, &c.cut))
		goto out;
	want = c.cut.f.end - c.cut.f.hdr_len;
	memcpy(c.hdr, whole, c.cut.f.hdr_len);
	while (c.cut.left) {
		struct netbuf b = { .iovcnt = 1 };

		frame = netcut_flat_next(&c, whole, blank, &size);
		check(frame >= whole && frame + size <= whole + len);
		check(size > c.cut.f.hdr_len && size <= c.cut.f.hdr_len + v->gso_size);
		check(!memcmp(frame + c.cut.f.hdr_len, pkt + c.cut.f.hdr_len + payload,
			      size - c.cut.f.hdr_len));
		payload += size - c.cut.f.hdr_len;
		frames++;
		b.len = size;
		b.iov[0] = (struct iovec){ frame, size };
		if (blank && netseg_csum(&b)) /* needs private bytes alone */
			check(size > NETBUF_HDR);
		else
			check_sum(&b);
	}
	check(payload == want && frames);
	check(frames <= NETCUT_FEW || frames <= want / NETCUT_MIN_SIZE + 1);
out:
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *pkt = data + HEAD, *hdr;
	struct netbuf b = { 0 };
	struct vnet_hdr v;
	size_t len, n;

	if (size < HEAD || size > HEAD + 65535)
		return 0;
	len = size - HEAD;
	b.meta.csum_blank = data[0] & 1;
	b.meta.data_validated = data[0] & 2;
	b.meta.gso_type = (data[0] >> 2 & 3) % 3;
	memcpy(&b.meta.gso_size, data + 1, 2);
	b.meta.gso_size += b.meta.gso_type && !b.meta.gso_size;
	memcpy(&v, data + 3, sizeof(v));
	n = data[13] < len ? data[13] : len; /* a header that is cut somewhere */
	hdr = exact(pkt, n);
	run_parse(hdr, n);
	run_vnet(&b.meta, &v, hdr, n, (uint32_t)len);
	free((void *)hdr);
	run_uso(&v, pkt, len, data[14] & 1);
	build(&b, data + 16, pkt, len);
	run_parse(b.iov[0].iov_base, b.iov[0].iov_len);
	run_cut(&b);
	if (!netseg_csum(&b))
		check_sum(&b);
	for (unsigned i = 0; i < b.iovcnt; i++)
		free(b.iov[i].iov_base);
	return 0;
}
