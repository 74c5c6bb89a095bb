/* SPDX-License-Identifier: MIT */
/* What the overlay's own files share; overlay.h says how it works. */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_OVERLAY_INT_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_OVERLAY_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/block/zimage/overlay.h"

#define MAP_PAGE	 4096u
#define MAP_PAGE_WORDS	 (MAP_PAGE / 8)
#define MAP_PAGE_SECTORS (MAP_PAGE * 4)
#define MAP_WORD_SECTORS 32u
#define MAP_LOCKS	 64u
/* One bit of each sector's two: 01 PENDING, 11 SETTLED, 10 invalid. */
#define MAP_PRESENT UINT64_C(0x5555555555555555)

/* Sectors that became PENDING since the last flush began. */
struct extent {
	uint64_t first, count;
};

struct pending_log {
	struct extent *extent;
	size_t count, room;
};

struct overlay {
	int fd;
	bool readonly, can_discard;
	bool merged;	     /* nothing in it counts any more */
	bool same_boot, any; /* anything in the map when it was loaded */
	struct overlay_io io;
	struct overlay_base base;
	uint64_t size; /* of the disk */
	uint64_t map_len, data_off;

	_Atomic uint64_t *map;		      /* words as on disk; mmap, map_len bytes */
	pthread_mutex_t page_lock[MAP_LOCKS]; /* of map pages, by number */

	pthread_mutex_t log_lock; /* inside a page lock */
	struct pending_log log;
	atomic_size_t log_count;

	pthread_mutex_t flush_lock; /* outside all others */
	int error;		    /* of a flush: for good */
};

extern const struct overlay_io overlay_io_plain;

/* overlay_map.c */
enum map_change { MAP_TO_PENDING, MAP_TO_SETTLED };

/* Changes sectors [first, first + count) in the file, then in memory. To
 * PENDING: those that are BASE, and logs them. To SETTLED: those PENDING. */
int map_change(struct overlay *ov, uint64_t first, uint64_t count, enum map_change to);
/* Fills the map from the file. -EBADMSG: invalid states, *why */
int map_load(struct overlay *ov, char **why);
/* Every PENDING sector: logged, or with drop made BASE, in the file too unless
 * readonly. */
int map_recover(struct overlay *ov, bool drop);

#endif
