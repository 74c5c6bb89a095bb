/* SPDX-License-Identifier: MIT */
/*
 * The stream of a saved machine, as bytes: a row of chunks, each with a head that names
 * its kind, number, sizes and checksums, in a skippable frame of zstd's format, and its
 * contents behind it as an ordinary frame. So `zstd -t` tests such a file, too.
 *
 * The first head carries magic and version instead; the last chunk says how many there
 * were and a checksum of all their heads, which hold those of the contents. A chunk that
 * is damaged, missing, repeated or out of order is never seen by whoever reads.
 */
#ifndef TANDEM_HV_KVM_SAVE_STREAM_H
#define TANDEM_HV_KVM_SAVE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#define SAVE_FRAME   0x184d2a5du /* a skippable frame, zstd's format */
#define SAVE_MAGIC   0x4d56444eu /* "NDVM" */
#define SAVE_VERSION 1u
#define SAVE_MAX     (1u << 21) /* bytes of a chunk, before compression */
#define SAVE_STALL_S 60		/* a peer that moves nothing for so long is gone */

enum save_kind {
	SAVE_CONFIG = 1, /* JSON, the toolstack's */
	SAVE_MACHINE,	 /* save_state.h: items of the machine */
	SAVE_VCPU,	 /* items of a vcpu; one chunk each, in order */
	SAVE_PAGES,	 /* save_ram.h: page numbers, then pages; later ones count */
	SAVE_RELEASED,	 /* page numbers that the guest gave away */
	SAVE_SPECIAL,	 /* the pages of the hole */
	SAVE_END,
	SAVE_DEVICES, /* devices.h; before the machine */
	SAVE_LAST = SAVE_DEVICES,
};

struct save_head {
	uint32_t frame, frame_size;  /* SAVE_FRAME, what follows of the head */
	uint32_t kind, number;	     /* the first: SAVE_MAGIC, SAVE_VERSION */
	uint32_t raw, stored;	     /* bytes before and after compression */
	uint32_t data_sum, head_sum; /* crc32 of what is stored; of all before this */
};
_Static_assert(sizeof(struct save_head) == 32, "a file's format");

/* Where a stream is: also what one reader hands to the next (save_reader_resume()). */
struct save_place {
	uint32_t chunks, sum;
};

struct save_writer;
/* fd stays the caller's. NULL: out of memory. */
struct save_writer *save_writer_new(int fd, int level);
void save_writer_free(struct save_writer *w);
/* The head of all. 0 or -errno: -ETIMEDOUT, -EPIPE... */
int save_write_start(struct save_writer *w);
/* -E2BIG more than SAVE_MAX; else as above. */
int save_write(struct save_writer *w, enum save_kind kind, const void *data, size_t len);
int save_write_end(struct save_writer *w);
/* Bytes that were written. */
uint64_t save_written(const struct save_writer *w);

struct save_reader;
/* The beginning of a stream, or (place) behind some of its chunks. */
struct save_reader *save_reader_new(int fd, const struct save_place *place);
void save_reader_free(struct save_reader *r);
/* Reads the head of all. Errors as save_read(). */
int save_read_start(struct save_reader *r);
/*
 * The next chunk; *data is good until the next call. SAVE_END comes last and is checked
 * here. -EBADMSG: it is damaged, cut short, newer, or no such stream: save_why().
 */
int save_read(struct save_reader *r, uint32_t *kind, const uint8_t **data, size_t *len);
/* What is wrong, for a person. */
const char *save_why(const struct save_reader *r);
struct save_place save_place(const struct save_reader *r);

#endif
