/* SPDX-License-Identifier: MIT */
/* What kernels are packed with. Every decoder is given its bounds. */
#include <bzlib.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "hv/kvm/image.h"

#define LZMA_MEMORY (192ull << 20)
#define LZ4_BLOCK   (8u << 20) /* of the legacy frame */

static int64_t unpack_gzip(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in,
		       .avail_in = (uInt)len,
		       .next_out = out,
		       .avail_out = (uInt)max };
	int64_t n;
	int ret;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	ret = inflate(&z, Z_FINISH);
	n = (int64_t)z.total_out;
	/* cannot fail: it was initialised */
	(void)inflateEnd(&z);
	if (ret == Z_STREAM_END)
		return n;
	return ret == Z_BUF_ERROR && !z.avail_out ? -EFBIG : -EBADMSG;
}

static int64_t unpack_lzma(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret ret = in[0] == 0xfd ? lzma_stream_decoder(&s, LZMA_MEMORY, 0)
				     : lzma_alone_decoder(&s, LZMA_MEMORY);
	int64_t n;

	if (ret != LZMA_OK)
		return -ENOMEM;
	s.next_in = in;
	s.avail_in = len;
	s.next_out = out;
	s.avail_out = max;
	/* RUN, as four bytes follow the stream */
	do
		ret = lzma_code(&s, LZMA_RUN);
	while (ret == LZMA_OK && s.avail_in && s.avail_out);
	n = (int64_t)s.total_out;
	lzma_end(&s);
	if (ret == LZMA_STREAM_END)
		return n;
	if (ret == LZMA_MEM_ERROR || ret == LZMA_MEMLIMIT_ERROR)
		return -ENOMEM;
	/* an lzma stream may have no end mark: full is then its end */
	if (ret == LZMA_OK && !s.avail_out)
		return in[0] == 0xfd ? -EFBIG : n;
	return -EBADMSG;
}

static int64_t unpack_zstd(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
	size_t frame = ZSTD_findFrameCompressedSize(in, len), n;

	if (ZSTD_isError(frame))
		return -EBADMSG;
	n = ZSTD_decompress(out, max, in, frame);
	if (!ZSTD_isError(n))
		return (int64_t)n;
	return ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall ? -EFBIG : -EBADMSG;
}

static int64_t unpack_bzip2(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
	bz_stream b = { .next_in = (char *)(uintptr_t)in,
			.avail_in = (unsigned)len,
			.next_out = (char *)out,
			.avail_out = (unsigned)max };
	int64_t n;
	int ret;

	if (BZ2_bzDecompressInit(&b, 0, 0) != BZ_OK)
		return -ENOMEM;
	do
		ret = BZ2_bzDecompress(&b);
	while (ret == BZ_OK && b.avail_in && b.avail_out);
	n = (int64_t)((uint64_t)b.total_out_hi32 << 32 | b.total_out_lo32);
	/* cannot fail: it was initialised */
	(void)BZ2_bzDecompressEnd(&b);
	if (ret == BZ_STREAM_END)
		return n;
	return ret == BZ_OK && !b.avail_out ? -EFBIG : -EBADMSG;
}

/* Blocks of up to 8 MiB, each behind its packed length; then the kernel's size. */
static int64_t unpack_lz4(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
	size_t at = 4, n = 0;

	while (at + 4 <= len && n < max) {
		uint32_t packed = in[at] | (uint32_t)in[at + 1] << 8 |
				  (uint32_t)in[at + 2] << 16 | (uint32_t)in[at + 3] << 24;
		size_t room = max - n < LZ4_BLOCK ? max - n : LZ4_BLOCK;
		int got;

		at += 4;
		if (packed > len - at)
			return -EBADMSG;
		got = LZ4_decompress_safe((const char *)in + at, (char *)out + n,
					  (int)packed, (int)room);
		if (got <= 0)
			return -EBADMSG;
		n += (size_t)got;
		at += packed;
	}
	return (int64_t)n;
}

static const struct {
	uint8_t magic[4];
	uint8_t len;
	int64_t (*unpack)(const uint8_t *in, size_t len, uint8_t *out, size_t max);
} packers[] = {
	{ { 0x1f, 0x8b }, 2, unpack_gzip },
	{ { 0xfd, '7', 'z', 'X' }, 4, unpack_lzma },
	{ { 0x5d, 0x00, 0x00 }, 3, unpack_lzma },
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, unpack_zstd },
	{ { 'B', 'Z', 'h' }, 3, unpack_bzip2 },
	{ { 0x02, 0x21, 0x4c, 0x18 }, 4, unpack_lz4 },
};

int64_t unpack(const uint8_t *in, size_t len, uint8_t *out, size_t max)
{
	if (len > IMAGE_MAX_PACKED || max > IMAGE_MAX_UNPACKED)
		return -EFBIG;
	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++)
		if (len >= packers[i].len &&
		    !memcmp(in, packers[i].magic, packers[i].len))
			return packers[i].unpack(in, len, out, max);
	return -ENOTSUP;
}
