/* SPDX-License-Identifier: MIT */
/* Decompressing single frames of a zstd seekable image. */
#include "backends/block/zimage/zimage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct zdec {
	ZSTD_DCtx *dctx;
	uint8_t *buf; /* compressed bytes */
	size_t room;
};

int zimage_open(int fd, struct zimage *z, char **why)
{
	int err = seektable_read(fd, &z->table, why);

	if (!err)
		z->fd = fd;
	return err;
}

void zimage_close(struct zimage *z)
{
	seektable_free(&z->table);
	close(z->fd);
	z->fd = -1;
}

struct zdec *zdec_new(void)
{
	return calloc(1, sizeof(struct zdec));
}

void zdec_free(struct zdec *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->dctx);
	free(d->buf);
	free(d);
}

/* Context and buffer come with the first frame: an idle device has neither. */
static int zdec_prepare(struct zdec *d, size_t len)
{
	if (!d->dctx)
		d->dctx = ZSTD_createDCtx();
	if (!d->dctx)
		return -ENOMEM;
	if (d->room < len) {
		free(d->buf);
		d->buf = malloc(len);
		d->room = d->buf ? len : 0;
	}
	return d->buf ? 0 : -ENOMEM;
}

int zdec_frame(struct zdec *d, const struct zimage *z, uint32_t i, void *out)
{
	struct seekframe f = seektable_frame(&z->table, i);
	size_t n;
	int err;

	if (f.len == 0)
		return 0;
	err = zdec_prepare(d, f.file_len);
	if (!err)
		err = zimage_pread(z->fd, d->buf, f.file_len, f.file_off);
	if (err)
		return err;
	n = ZSTD_decompressDCtx(d->dctx, out, f.len, d->buf, f.file_len);
	if (ZSTD_isError(n) || n != f.len)
		return -EILSEQ;
	if (seektable_has_sums(&z->table) && (uint32_t)XXH64(out, f.len, 0) != f.sum)
		return -EBADMSG;
	return 0;
}

const char *zdec_strerror(int err)
{
	switch (err) {
	case -ENODATA:
		return "the file is too short";
	case -EILSEQ:
		return "damaged zstd data";
	case -EBADMSG:
		return "wrong checksum";
	default:
		return strerror(-err);
	}
}
