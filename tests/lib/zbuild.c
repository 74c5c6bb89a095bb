/* SPDX-License-Identifier: MIT */
/* Foreign images: written by hand, not by our own writer. */
#include "tests/lib/zbuild.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SKIP_LEN 5u

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		p[i] = i / 256 % 3 ? (uint8_t)(seed >> 56) : (uint8_t)(i / 64);
	}
}

/* One frame at *to; its length. */
static uint32_t put_frame(uint8_t *to, size_t room, const uint8_t *from, uint32_t len)
{
	if (!len) {
		put32(to, 0x184D2A50);
		put32(to + 4, SKIP_LEN);
		memset(to + 8, 0x5a, SKIP_LEN);
		return 8 + SKIP_LEN;
	}
	size_t n = ZSTD_compress(to, room, from, len, 3);

	if (ZSTD_isError(n))
		abort();
	return (uint32_t)n;
}

/* The entry of the seal, which follows the frames; the seal itself later. */
static uint8_t *put_entry(uint8_t *p, unsigned flags, uint32_t file_len,
			  const uint8_t *disk, uint32_t len)
{
	put32(p, file_len);
	put32(p + 4, len);
	if (flags & ZBUILD_SUMS)
		put32(p + 8, (uint32_t)XXH64(disk, len, 0));
	return p + (flags & ZBUILD_SUMS ? 12 : 8);
}

static void put_seal(uint8_t *to, const uint8_t *table, size_t len)
{
	XXH128_canonical_t id;

	XXH128_canonicalFromHash(&id, XXH3_128bits(table, len));
	put32(to, 0x184D2A5D);
	put32(to + 4, 24);
	memcpy(to + 8, "tandemZI", 8);
	memcpy(to + 16, id.digest, 16);
}

void zbuild_make(struct zbuild *b, const uint32_t *sizes, unsigned n, unsigned flags)
{
	size_t room = 128 + n * 12, at = 0, off = 0;
	uint8_t *table = need(malloc(64 + n * 12)), *p = table + 8;
	unsigned seal = flags & ZBUILD_SEAL ? 32 : 0;

	b->disk_len = 0;
	for (unsigned i = 0; i < n; i++) {
		b->disk_len += sizes[i];
		room += ZSTD_compressBound(sizes[i]) + 16;
	}
	b->disk = need(malloc(b->disk_len + 1));
	fill(b->disk, b->disk_len, n);
	b->file = need(malloc(room));
	for (unsigned i = 0; i < n; i++) {
		uint32_t len =
			put_frame(b->file + at, room - at, b->disk + off, sizes[i]);

		p = put_entry(p, flags, len, b->disk + off, sizes[i]);
		at += len;
		off += sizes[i];
	}
	if (seal)
		p = put_entry(p, flags, seal, b->disk, 0);
	put32(p, n + (seal != 0));
	p[4] = flags & ZBUILD_SUMS ? 0x80 : 0;
	put32(p + 5, 0x8F92EAB1);
	p += 9;
	put32(table, 0x184D2A5E);
	put32(table + 4, (uint32_t)(p - table - 8));
	if (seal)
		put_seal(b->file + at, table + 8, (size_t)(p - table - 8));
	memcpy(b->file + at + seal, table, (size_t)(p - table));
	b->file_len = at + seal + (size_t)(p - table);
	free(table);
}

void zbuild_free(struct zbuild *b)
{
	free(b->file);
	free(b->disk);
}

int zbuild_fd(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0 || (len && write(fd, bytes, len) != (ssize_t)len))
		abort();
	return fd;
}
