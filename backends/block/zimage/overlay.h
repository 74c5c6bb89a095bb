/* SPDX-License-Identifier: MIT */
/*
 * The writable overlay of a read-only image: a sparse file beside it.
 *
 * File, little endian (docs/formats.md):
 *	0	header: identity of the base, sizes, checksum
 *	512	boot record: the boot in which the map is current, checksum
 *	4096	map: 2 bits a 512-byte sector
 *	data	sector n of the disk at data_off + n * 512, a hole until written
 *
 * A sector is in one of three states:
 *	BASE	never written: read it from the base
 *	PENDING	written, perhaps not on stable storage yet
 *	SETTLED	written, and the data was on stable storage before this state was
 *
 * Crash consistency. A write puts the data into the file, then BASE -> PENDING
 * into the map, both through the page cache, and is acknowledged after that. A
 * flush is fdatasync (data and PENDING are stable), PENDING -> SETTLED, and
 * fdatasync again. So:
 *  - The process dies, the machine does not: the page cache has every
 *    acknowledged write. Opened again within the same boot, PENDING counts as
 *    written.
 *  - The machine dies: any subset of what was not synced may be on disk, in any
 *    order. A PENDING sector's data may be missing, so PENDING counts as BASE,
 *    which is what the sector held when the last flush was acknowledged. A
 *    SETTLED sector's data is at least as new as the last flush.
 * The boot record tells the two apart; it is rewritten only when no PENDING is
 * left, so a torn one (wrong checksum: "another boot") loses nothing.
 * A torn map write is harmless by design: each sector's two bits stand alone,
 * and every state a sector can have at that moment is right for it.
 * A discard is a write of zeros by way of a hole.
 *
 * Sectors are 512 bytes: no write ever needs to read the base first.
 */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_OVERLAY_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_OVERLAY_H

#include <sys/uio.h>

#include "backends/block/zimage/seektable.h"

#define OVERLAY_SUFFIX	   ".overlay"
#define OVERLAY_SECTOR	   512u
#define OVERLAY_HEADER_LEN 4096u
#define OVERLAY_BOOT_OFF   512u
#define OVERLAY_BOOT_LEN   16u

struct overlay;

/* Which base an overlay belongs to. */
struct overlay_base {
	uint64_t file_size, size; /* bytes; decompressed */
	uint8_t id[ZIMAGE_ID_LEN];
};

/* How the file is written: tests record it. All -errno. */
struct overlay_io {
	void *ctx;
	int (*write)(void *ctx, int fd, const struct iovec *iov, int iovcnt,
		     uint64_t off);
	int (*sync)(void *ctx, int fd);
	int (*punch)(void *ctx, int fd, uint64_t off, uint64_t len);
	int (*resize)(void *ctx, int fd, uint64_t size);
};

struct overlay_stat {
	uint64_t size;	   /* of the disk: the base's, rounded up to 4096 */
	uint64_t settled;  /* sectors */
	uint64_t pending;  /* sectors */
	uint64_t invalid;  /* sectors whose two bits are none of the states */
	uint64_t data_off; /* of the disk's byte 0 in the file */
	bool same_boot;
};

struct overlay_base overlay_base_of(const struct seektable *t);

/* The running system's boot, from /proc. fd: of the file boot_id. -EIO... */
int overlay_boot_read(int fd, uint8_t boot[OVERLAY_BOOT_LEN]);
#define OVERLAY_BOOT_FILE "/proc/sys/kernel/random/boot_id"

/*
 * Opens the overlay in fd, which it owns from then on; on error fd stays the
 * caller's and *why gets one line. An empty file becomes a new overlay unless
 * readonly. Recovers as above (readonly: in memory only). io NULL: plain system
 * calls. Locks the file against other users: -EBUSY after two seconds.
 * -EBADMSG: damaged or no overlay; -ESTALE: belongs to another base.
 */
int overlay_open(int fd, bool readonly, const struct overlay_base *base,
		 const uint8_t boot[OVERLAY_BOOT_LEN], const struct overlay_io *io,
		 struct overlay **ov, char **why);
/* Flushes and frees. -errno of the flush. */
int overlay_close(struct overlay *ov);

/* The file's descriptor and where the disk's byte 0 lies in it. */
int overlay_fd(const struct overlay *ov);
uint64_t overlay_data_off(const struct overlay *ov);
bool overlay_can_discard(const struct overlay *ov);

/*
 * Of [off, off + len), how many bytes from off on are alike: *present says
 * whether they are in the overlay. off and len in sectors' multiples, len > 0.
 * No lock; sees every write that was acknowledged before.
 */
uint64_t overlay_run(const struct overlay *ov, uint64_t off, uint64_t len, bool *present);

/*
 * From any thread. off and len: multiples of 512, inside; the iovecs hold len
 * bytes. -ENOSPC, -EIO...: nothing that was acknowledged is lost.
 */
int overlay_write(struct overlay *ov, uint64_t off, uint64_t len, const struct iovec *iov,
		  int iovcnt);
int overlay_discard(struct overlay *ov, uint64_t off, uint64_t len);
/* What was acknowledged before is on stable storage. An error is for good. */
int overlay_flush(struct overlay *ov);
/* So much is PENDING that a flush of its own accord is due. */
bool overlay_wants_flush(const struct overlay *ov);

/* The base is about to be replaced by `next`, which holds all of the overlay:
 * from now on a base `next` finds an empty overlay. */
int overlay_mark_merged(struct overlay *ov, const struct overlay_base *next);
/* Empties the overlay; only overlay_close() may follow. */
int overlay_reset(struct overlay *ov);

void overlay_stats(const struct overlay *ov, struct overlay_stat *st);

#endif
