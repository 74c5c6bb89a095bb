/* SPDX-License-Identifier: MIT */
/*
 * Decompressed frames of one image, shared by all its queues.
 *
 * A frame in the cache is immutable and counted: a reader holds no lock while
 * it copies. The cache itself holds one reference; eviction (CLOCK, a hand a
 * shard) drops that one, the last reference frees. A frame that is being
 * decompressed is in the table already, so that concurrent misses find it and
 * wait: it is decompressed once.
 *
 * Memory is bounded by the size given plus one frame a pool thread: waiters copy
 * on the pool thread and keep nothing.
 */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_ZCACHE_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_ZCACHE_H

#include "backends/block/zimage/zpool.h"

struct zcache;
struct zframe;

/* One that waits for a frame. fn runs on a pool thread; data is the whole
 * frame and NULL if err (as zdec_frame()) is not 0. */
struct zwait {
	struct zwait *next;
	void (*fn)(struct zwait *w, const uint8_t *data, int err);
};

struct zcache_stats {
	uint64_t hits, waits, misses, ahead, evicted, bytes;
};

/* bytes: of decompressed frames kept. z and pool outlive the cache. -ENOMEM */
int zcache_new(const struct zimage *z, struct zpool *pool, uint64_t bytes,
	       struct zcache **cache);
/* No frame is loading or held: after zpool_free(). */
void zcache_free(struct zcache *c);

/* The frame if it is there, to be put; NULL otherwise. */
struct zframe *zcache_hit(struct zcache *c, uint32_t index);
const uint8_t *zframe_data(const struct zframe *f);
void zcache_put(struct zframe *f);

/* Loads frame index, or joins its loading; w->fn will be called, even before
 * this returns. -ENOMEM: it will not. */
int zcache_wait(struct zcache *c, uint32_t index, struct zwait *w);
/* Loads frame index when there is nothing better to do. */
void zcache_ahead(struct zcache *c, uint32_t index);

void zcache_stats(struct zcache *c, struct zcache_stats *s);

#endif
