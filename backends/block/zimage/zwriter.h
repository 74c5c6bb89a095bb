/* SPDX-License-Identifier: MIT */
/*
 * Writing a zstd seekable image: a few threads read and compress frames, the
 * caller's thread writes them in order and the seek table behind them.
 */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_ZWRITER_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_ZWRITER_H

#include "backends/block/zimage/zimage.h"

#define ZWRITER_THREADS_MAX 64

struct zwriter {
	int fd; /* the caller's; written from its position on */
	uint32_t frame_size;
	int level;	  /* of zstd */
	unsigned threads; /* 1..ZWRITER_THREADS_MAX */
	uint64_t size;
	void *ctx; /* for the functions */
	/*
	 * Fills buf with [off, off + len) of the disk. On thread `thread` of
	 * 0..threads-1. 1: all zeros, buf is untouched; 0: buf is filled;
	 * -errno.
	 */
	int (*read)(void *ctx, unsigned thread, uint64_t off, void *buf, size_t len);
	/* On the caller's thread, now and then. False: stop with -ECANCELED. */
	bool (*progress)(void *ctx, uint64_t done);
};

enum zwriter_where { ZWRITER_READ, ZWRITER_WRITE };

/* Runs to the end. 0 or -errno; *where says which side failed. */
int zwriter_run(const struct zwriter *w, enum zwriter_where *where);

#endif
