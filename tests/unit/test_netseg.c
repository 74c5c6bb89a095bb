/* SPDX-License-Identifier: MIT */
/*
 * Checksums and segmentation in software: packets in pieces of every kind, and
 * each frame that comes out judged byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/net/netseg.h"
#include "tests/lib/frames.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t buf[FRAMES_MAX];	 /* the packet, as a whole */
static uint8_t priv[NETBUF_HDR]; /* its first bytes, as netback has them */
static uint8_t out[FRAMES_MAX];	 /* a frame */

static const struct frame_spec specs[] = {
	{ .proto = 6, .payload = 20000, .tcp_flags = 0x99 },
	{ .proto = 6, .payload = 65440, .l4_options = 12, .tcp_flags = 0x10 },
	{ .proto = 6, .payload = 5000, .l4_options = 40, .tags = 2, .tcp_flags = 0xff },
	{ .proto = 6, .payload = 5000, .ip_options = 40, .pad = 3, .tcp_flags = 0x18 },
	{ .v6 = true, .proto = 6, .payload = 20000, .tcp_flags = 0x11 },
	{ .v6 = true, .proto = 6, .payload = 9999, .l4_options = 12, .tags = 1 },
	{ .v6 = true, .proto = 6, .payload = 3000, .hopopts = true, .ext = { 60, 43 } },
	{ .proto = 6, .payload = 74, .tcp_flags = 0x18 },
	{ .proto = 6, .payload = 1 },
	{ .v6 = true, .proto = 6, .payload = 0, .tcp_flags = 0x12 },
};

/*
 * buf as a netbuf: the private bytes, then pieces in buf, `cuts` of them cut
 * where chance will have it. Some are empty.
 */
static struct netbuf in_pieces(size_t len, unsigned cuts)
{
	struct netbuf b = { .len = (uint32_t)len, .iovcnt = 1 };
	size_t at = len < NETBUF_HDR ? len : NETBUF_HDR;

	memcpy(priv, buf, at);
	memset(buf, 0xdb, at); /* nobody reads these again */
	b.iov[0] = (struct iovec){ priv, at };
	for (; at < len && b.iovcnt < NETBUF_IOVS; b.iovcnt++) {
		size_t n = len - at;

		if (cuts && b.iovcnt < NETBUF_IOVS - 1) {
			n = (size_t)random() % (n / 2 + 2);
			cuts--;
		}
		b.iov[b.iovcnt] = (struct iovec){ buf + at, n };
		at += n;
	}
	return b;
}

/* The frame flat in out[]; that its iovecs are what netdrv.h promises. */
static void flatten(const struct netbuf *b, const uint8_t *hdr)
{
	assert_true(b->iovcnt >= 1 && b->iovcnt <= NETBUF_IOVS);
	assert_int_equal(netbuf_iov_bytes(b), b->len);
	assert_ptr_equal(b->iov[0].iov_base, hdr);
	assert_int_equal(b->iov[0].iov_len, b->len < NETBUF_HDR ? b->len : NETBUF_HDR);
	for (unsigned i = 1; i < b->iovcnt; i++) {
		const uint8_t *p = b->iov[i].iov_base;

		assert_true(p >= buf + NETBUF_HDR && p < buf + sizeof(buf));
	}
	netbuf_copy(b, 0, out, b->len);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)netframe_be16(p) << 16 | netframe_be16(p + 2);
}

/* One frame of `n` bytes of payload from `done` on, against the packet `was`. */
static void check_frame(const struct frame_spec *s, const struct frame *at,
			const uint8_t *was, uint32_t done, uint32_t n, uint32_t index)
{
	const bool first = !done, last = done + n == s->payload;
	uint8_t flags = was[at->l4 + 13], want[256];

	assert_true(frame_sums_right(out, at->data + n));
	assert_memory_equal(out + at->data, was + at->data + done, n);
	assert_int_equal(be32(out + at->l4 + 4), be32(was + at->l4 + 4) + done);
	flags &= (uint8_t)((first ? 0xff : 0x7f) & (last ? 0xff : 0xf6));
	assert_int_equal(out[at->l4 + 13], flags);
	if (s->v6) {
		assert_int_equal(netframe_be16(out + at->l3 + 4),
				 at->data - at->l3 - 40 + n);
	} else {
		assert_int_equal(netframe_be16(out + at->l3 + 2), at->data - at->l3 + n);
		assert_int_equal(netframe_be16(out + at->l3 + 4),
				 (netframe_be16(was + at->l3 + 4) + index) & 0xffff);
	}
	/* every other byte of the headers is the packet's */
	memcpy(want, was, at->data);
	if (s->v6) {
		memcpy(want + at->l3 + 4, out + at->l3 + 4, 2);
	} else {
		memcpy(want + at->l3 + 2, out + at->l3 + 2, 4);
		memcpy(want + at->l3 + 10, out + at->l3 + 10, 2);
	}
	memcpy(want + at->l4 + 4, out + at->l4 + 4, 4);
	want[at->l4 + 13] = out[at->l4 + 13];
	memcpy(want + at->csum, out + at->csum, 2);
	assert_memory_equal(out, want, at->data);
}

static void cut_all(const struct frame_spec *s, uint16_t size, unsigned cuts)
{
	static uint8_t was[FRAMES_MAX];
	struct frame at = frame_make(buf, s);
	struct netbuf pkt, frame;
	uint32_t done = 0, index = 0;
	uint8_t hdr[NETBUF_HDR];
	struct netseg seg;

	memcpy(was, buf, at.len);
	pkt = in_pieces(at.len, cuts);
	pkt.meta = (struct netif_meta){ .csum_blank = true,
					.gso_type = s->v6 ? 2 : 1,
					.gso_size = size,
					.hash_alg = 1,
					.hash = 77 };
	assert_int_equal(netseg_start(&seg, &pkt), 0);
	assert_int_equal(seg.cut.left, s->payload ? (s->payload + size - 1) / size : 1);
	do {
		uint32_t n = s->payload - done < size ? s->payload - done : size;

		memset(hdr, 0xaa, sizeof(hdr));
		memset(&frame, 0xaa, sizeof(frame));
		assert_int_equal(netseg_next(&seg, &frame, hdr), 1);
		assert_int_equal(frame.len, at.data + n);
		assert_false(frame.meta.csum_blank);
		assert_true(frame.meta.data_validated);
		assert_int_equal(frame.meta.gso_type | frame.meta.gso_size, 0);
		assert_int_equal(frame.meta.hash, 77);
		flatten(&frame, hdr);
		check_frame(s, &at, was, done, n, index++);
		done += n;
	} while (done < s->payload);
	assert_int_equal(seg.cut.left, 0);
	assert_int_equal(netseg_next(&seg, &frame, hdr), 0);
	assert_int_equal(netseg_next(&seg, &frame, hdr), 0);
}

static void test_segments(void **state)
{
	static const uint16_t sizes[] = { 1448, 8948, 48, 73, 74, 75, 536, 65535 };

	(void)state;
	srandom(1448);
	for (size_t i = 0; i < ARRAY_LEN(specs); i++)
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++)
			for (unsigned cuts = 0; cuts < NETBUF_IOVS; cuts++)
				cut_all(&specs[i], sizes[k], cuts);
}

static int start_with(struct netbuf *b, uint8_t type, uint16_t size)
{
	struct netseg seg;

	b->meta.gso_type = type;
	b->meta.gso_size = size;
	return netseg_start(&seg, b);
}

static void test_refused(void **state)
{
	static const struct frame_spec no[] = {
		{ .proto = 17, .payload = 3000 },
		{ .proto = 1, .payload = 3000 },
		{ .v6 = true, .proto = 58, .payload = 3000 },
		/* 142 bytes of headers */
		{ .proto = 6,
		  .payload = 3000,
		  .ip_options = 40,
		  .l4_options = 40,
		  .tags = 2 },
		{ .v6 = true,
		  .proto = 6,
		  .payload = 3000,
		  .hopopts = true,
		  .ext_size = 64 },
	};
	struct frame at;
	struct netbuf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		at = frame_make(buf, &no[i]);
		b = in_pieces(at.len, 3);
		assert_int_equal(start_with(&b, 1, 1448), -EINVAL);
		assert_int_equal(start_with(&b, 2, 1448), -EINVAL);
	}
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct frame_spec s = { .v6 = v6, .proto = 6, .payload = 3000 };

		at = frame_make(buf, &s);
		b = in_pieces(at.len, 0);
		assert_int_equal(start_with(&b, v6 ? 2 : 1, 48), 0);
		assert_int_equal(start_with(&b, v6 ? 2 : 1, 47), -EINVAL);
		assert_int_equal(start_with(&b, v6 ? 2 : 1, 0), -EINVAL);
		assert_int_equal(start_with(&b, v6 ? 1 : 2, 1448), -EINVAL);
		assert_int_equal(start_with(&b, v6 ? 2 : 1, 1448), 0);
		b.len--; /* shorter than the IP packet; then more than its iovecs */
		assert_int_equal(start_with(&b, v6 ? 2 : 1, 1448), -EINVAL);
		b.len += 2;
		assert_int_equal(start_with(&b, v6 ? 2 : 1, 1448), -EINVAL);
	}
}

/* XSA-423: headers that end anywhere in or behind the private bytes. */
static void test_xsa_423_cut_headers(void **state)
{
	struct frame_spec s = { .proto = 6, .payload = 3000, .l4_options = 12 };

	(void)state;
	for (size_t n = 0; n <= NETBUF_HDR + 10; n++) {
		struct frame at = frame_make(buf, &s);
		struct netbuf b = in_pieces(at.len, 0);
		uint8_t *exact = malloc(n ? n : 1);

		/* the first n bytes private, the rest elsewhere */
		assert_non_null(exact);
		memcpy(buf, priv, NETBUF_HDR);
		memcpy(exact, buf, n);
		b.iov[0] = (struct iovec){ exact, n };
		b.iov[1] = (struct iovec){ buf + n, at.len - n };
		assert_int_equal(start_with(&b, 1, 1448),
				 n >= at.data && n <= NETBUF_HDR ? 0 : -EINVAL);
		b.meta.csum_blank = true;
		assert_int_equal(netseg_csum(&b),
				 n >= at.l4 + 20 && n <= NETBUF_HDR ? 0 : -EINVAL);
		assert_int_equal(b.meta.csum_blank, n < at.l4 + 20 || n > NETBUF_HDR);
		free(exact);
	}
}

static void test_fill(void **state)
{
	static const struct frame_spec more[] = {
		{ .proto = 17, .payload = 1472, .blank = true },
		{ .proto = 17, .payload = 0, .blank = true, .pad = 18 },
		{ .proto = 17,
		  .payload = 33,
		  .blank = true,
		  .tags = 1,
		  .ip_options = 12 },
		{ .v6 = true, .proto = 17, .payload = 8932, .blank = true },
		{ .v6 = true, .proto = 17, .payload = 1, .ext = { 44 }, .blank = true },
		{ .v6 = true,
		  .proto = 6,
		  .payload = 1440,
		  .hopopts = true,
		  .blank = true },
		{ .proto = 6, .payload = 1448, .l4_options = 12, .blank = true },
		{ .proto = 6, .payload = 0, .l4_options = 40, .pad = 2, .blank = true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		for (unsigned cuts = 0; cuts < NETBUF_IOVS; cuts++) {
			struct frame at = frame_make(buf, &more[i]);
			struct netbuf b = in_pieces(at.len, cuts);

			if (cuts & 1) /* what the guest left there is of no matter */
				priv[at.csum] ^= 0xff;
			b.meta.csum_blank = true;
			assert_int_equal(netseg_csum(&b), 0);
			assert_false(b.meta.csum_blank);
			assert_true(b.meta.data_validated);
			flatten(&b, priv);
			assert_true(frame_sums_right(out, at.len));
		}
	}
}

static void test_fill_refused(void **state)
{
	static const struct frame_spec no[] = {
		{ .proto = 1, .payload = 100 },
		{ .v6 = true, .proto = 58, .payload = 100 },
		{ .proto = 6, .payload = 100, .tags = 3 },
		{ .v6 = true, .proto = 6, .payload = 9, .hopopts = true, .ext_size = 64 },
	};
	struct frame_spec s = { .proto = 17, .payload = 100 };
	struct netbuf b;
	struct frame at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		at = frame_make(buf, &no[i]);
		b = in_pieces(at.len, 2);
		assert_int_equal(netseg_csum(&b), -EINVAL);
	}
	at = frame_make(buf, &s);
	netframe_put_be16(buf + at.l3 + 6, 0x2000); /* a fragment */
	b = in_pieces(at.len, 2);
	assert_int_equal(netseg_csum(&b), -EINVAL);
	at = frame_make(buf, &s);
	b = in_pieces(at.len - 1, 2); /* cut short */
	assert_int_equal(netseg_csum(&b), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_xsa_423_cut_headers),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_fill_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
