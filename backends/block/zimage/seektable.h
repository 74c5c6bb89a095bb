/* SPDX-License-Identifier: MIT */
/*
 * The seek table of a zstd seekable image: which frame holds which bytes.
 *
 * On disk, at the end of the file, little endian: a skippable frame {magic
 * 0x184D2A5E, size u32}, an entry a frame {compressed size u32, decompressed
 * size u32, and with checksums: low 32 bits of XXH64 of the decompressed bytes
 * u32}, then a footer {frames u32, descriptor u8 (bit 7: checksums, bits 6..2
 * zero), magic 0x8F92EAB1}. The frames lie before it without gaps.
 *
 * The table has no checksum of its own: one wrong size would move all that
 * follows. So our images end with one more skippable frame, an entry of no
 * decompressed bytes that others pass over: {magic 0x184D2A5D, size 24, "tandemZI",
 * XXH3-128 of entries and footer}. Images without it are read too.
 *
 * Every byte is hostile: what seektable_read() accepts is consistent with
 * itself and with the size of the file.
 */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_SEEKTABLE_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_SEEKTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEKTABLE_SKIP_MAGIC	0x184D2A5Eu
#define SEEKTABLE_FOOTER_MAGIC	0x8F92EAB1u
#define SEEKTABLE_SEAL_MAGIC	0x184D2A5Du
#define SEEKTABLE_SEAL_TEXT	"tandemZI"
#define SEEKTABLE_SEAL_LEN	32u
#define SEEKTABLE_HEADER_LEN	8u
#define SEEKTABLE_FOOTER_LEN	9u
#define SEEKTABLE_SUMS		0x80u
#define SEEKTABLE_RESERVED_BITS 0x7Cu

/* Bounds on what an image may ask for: memory, not the format. */
#define ZIMAGE_FRAME_MAX      (16u << 20)		      /* decompressed */
#define ZIMAGE_COMPRESSED_MAX (ZIMAGE_FRAME_MAX + (1u << 20)) /* one frame */
#define ZIMAGE_FRAMES_MAX     (32u << 20)

#define ZIMAGE_ID_LEN 16

struct seekmark;

struct seektable {
	uint8_t *raw; /* the entries as on disk */
	struct seekmark *marks;
	uint32_t frames;    /* entries */
	uint32_t live;	    /* entries up to the last that holds anything */
	uint32_t entry_len; /* 8, or 12 with checksums */
	uint32_t uniform;   /* size of every live frame but the last; 0: they vary */
	uint32_t max_frame; /* largest decompressed */
	uint64_t size;	    /* decompressed bytes in all */
	uint64_t data_len;  /* compressed bytes before the table */
	uint64_t file_size;
	uint8_t id[ZIMAGE_ID_LEN]; /* hash of the table: the image's identity */
};

struct seekframe {
	uint64_t file_off, off; /* compressed, decompressed */
	uint32_t file_len, len;
	uint32_t sum; /* if the table has checksums */
};

static inline bool seektable_has_sums(const struct seektable *t)
{
	return t->entry_len == 12;
}

/*
 * Reads and checks the table of fd. -EIO, -ENOMEM, -EBADMSG: not a sound
 * seekable image. On error *why gets one line (malloc'd) and t holds nothing.
 */
int seektable_read(int fd, struct seektable *t, char **why);
void seektable_free(struct seektable *t);

/* The frame that holds byte off. off < t->size. */
uint32_t seektable_find(const struct seektable *t, uint64_t off);
/* i < t->frames */
struct seekframe seektable_frame(const struct seektable *t, uint32_t i);

/* Where frame i lies in the disk, without where it lies in the file: cheap if
 * all frames are of one size. i < t->frames */
struct seekplace {
	uint64_t off;
	uint32_t len;
};
struct seekplace seektable_place(const struct seektable *t, uint32_t i);

/* A table under construction (zwriter). */
struct seekbuild {
	uint8_t *raw;
	size_t frames, room;
};

/* -ENOMEM, -EFBIG over ZIMAGE_FRAMES_MAX */
int seekbuild_add(struct seekbuild *b, uint32_t file_len, uint32_t len, uint32_t sum);
/* What ends the file: seal and table, malloc'd, the length in *len; NULL: no
 * memory. Adds the seal's entry. */
uint8_t *seekbuild_finish(struct seekbuild *b, size_t *len);
void seekbuild_free(struct seekbuild *b);

/* *why = the formatted line, unless why is NULL. Returns err. */
int zimage_why(char **why, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* pread of exactly len bytes. -EIO, -ENODATA at the end of the file */
int zimage_pread(int fd, void *buf, size_t len, uint64_t off);

#endif
