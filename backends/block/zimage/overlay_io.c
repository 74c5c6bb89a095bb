/* SPDX-License-Identifier: MIT */
/* Plain system calls for the overlay's file, and the boot's identity. */
#include "backends/block/zimage/overlay_int.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* So many iovecs at a time: short writes need a copy of them. */
#define IOV_CHUNK 64

/* A chunk of the iovecs from (*iov)[0] at skip on, for one call. */
static int iov_chunk(struct iovec *chunk, const struct iovec *iov, int iovcnt,
		     size_t skip)
{
	int n = iovcnt < IOV_CHUNK ? iovcnt : IOV_CHUNK;

	memcpy(chunk, iov, (size_t)n * sizeof(*iov));
	chunk[0].iov_base = (char *)chunk[0].iov_base + skip;
	chunk[0].iov_len -= skip;
	return n;
}

static int plain_write(void *ctx, int fd, const struct iovec *iov, int iovcnt,
		       uint64_t off)
{
	struct iovec chunk[IOV_CHUNK];
	size_t skip = 0;

	(void)ctx;
	while (iovcnt) {
		ssize_t n;

		if (iov->iov_len == skip) {
			iov++;
			iovcnt--;
			skip = 0;
			continue;
		}
		n = pwritev(fd, chunk, iov_chunk(chunk, iov, iovcnt, skip), (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		off += (uint64_t)n;
		skip += (size_t)n;
		while (iovcnt && skip >= iov->iov_len) {
			skip -= iov->iov_len;
			iov++;
			iovcnt--;
		}
	}
	return 0;
}

static int plain_sync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int plain_punch(void *ctx, int fd, uint64_t off, uint64_t len)
{
	int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	(void)ctx;
	while (fallocate(fd, mode, (off_t)off, (off_t)len) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int plain_resize(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

const struct overlay_io overlay_io_plain = {
	.write = plain_write,
	.sync = plain_sync,
	.punch = plain_punch,
	.resize = plain_resize,
};

int overlay_boot_read(int fd, uint8_t boot[OVERLAY_BOOT_LEN])
{
	char text[64];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	unsigned digits = 0;
	ssize_t i;

	if (n < 0)
		return -errno;
	memset(boot, 0, OVERLAY_BOOT_LEN);
	for (i = 0; i < n && digits < 2 * OVERLAY_BOOT_LEN; i++) {
		int c = tolower((unsigned char)text[i]);

		if (!isxdigit(c))
			continue;
		c = isdigit(c) ? c - '0' : c - 'a' + 10;
		boot[digits / 2] = (uint8_t)(boot[digits / 2] << 4 | c);
		digits++;
	}
	return digits == 2 * OVERLAY_BOOT_LEN ? 0 : -EIO;
}
