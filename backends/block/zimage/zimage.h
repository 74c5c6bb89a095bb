/* SPDX-License-Identifier: MIT */
/* A zstd seekable image as a read-only disk: frames decompressed one by one. */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_ZIMAGE_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_ZIMAGE_H

#include "backends/block/zimage/seektable.h"

#define ZIMAGE_FRAME_DEFAULT (64u << 10)
#define ZIMAGE_FRAME_LEAST   (16u << 10) /* what we write */
#define ZIMAGE_FRAME_MOST    (1u << 20)

struct zimage {
	int fd; /* its own */
	struct seektable table;
};

/*
 * Reads the table of fd, which the image owns from then on. On error fd stays
 * the caller's and *why gets one line. -errno as seektable_read()
 */
int zimage_open(int fd, struct zimage *z, char **why);
void zimage_close(struct zimage *z);

/* What a thread needs to decompress. NULL: no memory. */
struct zdec;
struct zdec *zdec_new(void);
void zdec_free(struct zdec *d);

/*
 * Decompresses frame i into out (the frame's len bytes) and checks its sum.
 * -ENODATA: the file is too short, -EILSEQ: zstd data damaged, -EBADMSG:
 * checksum wrong, -EIO, -ENOMEM. Nothing is read or written out of bounds
 * whatever the file holds.
 */
int zdec_frame(struct zdec *d, const struct zimage *z, uint32_t i, void *out);

/* One line of words for what zdec_frame() returned. */
const char *zdec_strerror(int err);

#endif
