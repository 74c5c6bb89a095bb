/* SPDX-License-Identifier: MIT */
/* The cache of decompressed frames: sharded, CLOCK, each frame loaded once. */
#include "backends/block/zimage/zcache.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SHARDS_MAX  16u
#define BUCKETS_MAX (1u << 16)
/* A frame costs this besides its data: hostile images have tiny frames. */
#define FRAME_COST 256u
/* Frames a shard should hold at least, or sharding wastes the cache. */
#define SHARD_FRAMES 8u
#define AHEAD_MAX    32u

struct zframe {
	struct zframe *hash_next;
	struct zframe *prev, *next; /* the shard's clock; ready frames only */
	struct zcache *cache;
	struct zwait *waiters;
	struct ztask task;
	atomic_uint refs;
	atomic_bool used; /* since the hand came by */
	bool ready, ahead;
	uint32_t index, len;
	uint8_t *data;
};

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct zframe **bucket;
	struct zframe *hand;
	struct zcache_stats stats;
};

struct zcache {
	const struct zimage *image;
	struct zpool *pool;
	atomic_uint ahead; /* frames that read-ahead has under way */
	uint64_t shard_bytes;
	uint32_t shards, buckets; /* powers of two */
	struct shard shard[SHARDS_MAX];
};

static uint32_t mix(uint32_t index)
{
	return (uint32_t)((index * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

static struct shard *shard_of(struct zcache *c, uint32_t index)
{
	return &c->shard[mix(index) & (c->shards - 1)];
}

static struct zframe **bucket_of(struct zcache *c, uint32_t index)
{
	return &shard_of(c, index)->bucket[(mix(index) >> 4) & (c->buckets - 1)];
}

static struct zframe *lookup(struct zcache *c, uint32_t index)
{
	struct zframe *f = *bucket_of(c, index);

	while (f && f->index != index)
		f = f->hash_next;
	return f;
}

static void unhash(struct zframe *f)
{
	struct zframe **p = bucket_of(f->cache, f->index);

	while (*p != f)
		p = &(*p)->hash_next;
	*p = f->hash_next;
}

void zcache_put(struct zframe *f)
{
	/* acq_rel: the copies of all holders are before the free */
	if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(f->data);
	free(f);
}

const uint8_t *zframe_data(const struct zframe *f)
{
	return f->data;
}

static void clock_add(struct shard *s, struct zframe *f)
{
	if (!s->hand) {
		s->hand = f->prev = f->next = f;
	} else {
		f->next = s->hand;
		f->prev = s->hand->prev;
		f->prev->next = f->next->prev = f;
	}
	s->stats.bytes += f->len + FRAME_COST;
}

static void clock_remove(struct shard *s, struct zframe *f)
{
	if (f->next == f) {
		s->hand = NULL;
	} else {
		f->prev->next = f->next;
		f->next->prev = f->prev;
		if (s->hand == f)
			s->hand = f->next;
	}
	s->stats.bytes -= f->len + FRAME_COST;
}

/* Makes room for f. Ends: a full turn of the hand clears every used bit that
 * no reader sets again, and the second turn is not asked. */
static void shard_evict(struct zcache *c, struct shard *s, const struct zframe *f)
{
	uint64_t need = f->len + FRAME_COST;
	uint64_t turns = 2 * (s->stats.bytes / FRAME_COST + 1);

	while (s->hand && s->stats.bytes + need > c->shard_bytes) {
		struct zframe *old = s->hand;

		if (turns &&
		    atomic_exchange_explicit(&old->used, false, memory_order_relaxed)) {
			turns--;
			s->hand = old->next;
			continue;
		}
		clock_remove(s, old);
		unhash(old);
		s->stats.evicted++;
		zcache_put(old);
	}
}

/* On a pool thread: loads the frame, admits it, serves who waited. */
static void frame_load(struct ztask *task, struct zdec *dec)
{
	struct zframe *f =
		(struct zframe *)((char *)task - offsetof(struct zframe, task));
	struct zcache *c = f->cache;
	struct shard *s = shard_of(c, f->index);
	struct zwait *w, *next;
	int err = -ENOMEM;

	f->data = malloc(f->len ? f->len : 1);
	if (f->data && dec)
		err = zdec_frame(dec, c->image, f->index, f->data);
	pthread_mutex_lock(&s->lock);
	w = f->waiters;
	f->waiters = NULL;
	if (err) {
		unhash(f);
	} else {
		shard_evict(c, s, f);
		f->ready = true;
		clock_add(s, f);
		atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&s->lock);
	if (f->ahead)
		atomic_fetch_sub_explicit(&c->ahead, 1, memory_order_relaxed);
	for (; w; w = next) {
		next = w->next;
		w->fn(w, err ? NULL : f->data, err);
	}
	zcache_put(f);
}

static struct zframe *frame_new(struct zcache *c, uint32_t index)
{
	struct zframe *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->cache = c;
	f->index = index;
	f->len = seektable_frame(&c->image->table, index).len;
	f->task.run = frame_load;
	atomic_init(&f->refs, 1);
	f->hash_next = *bucket_of(c, index);
	*bucket_of(c, index) = f;
	return f;
}

struct zframe *zcache_hit(struct zcache *c, uint32_t index)
{
	struct shard *s = shard_of(c, index);
	struct zframe *f;

	pthread_mutex_lock(&s->lock);
	f = lookup(c, index);
	if (f && f->ready) {
		atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
		atomic_store_explicit(&f->used, true, memory_order_relaxed);
		s->stats.hits++;
	} else {
		f = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return f;
}

int zcache_wait(struct zcache *c, uint32_t index, struct zwait *w)
{
	struct shard *s = shard_of(c, index);
	struct zframe *f;
	bool load = false, ready = false;

	pthread_mutex_lock(&s->lock);
	f = lookup(c, index);
	if (!f) {
		load = true;
		f = frame_new(c, index);
		if (!f) {
			pthread_mutex_unlock(&s->lock);
			return -ENOMEM;
		}
		s->stats.misses++;
	} else if (f->ready) { /* since the caller looked */
		ready = true;
		atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
		s->stats.hits++;
	} else {
		s->stats.waits++;
	}
	if (!ready) {
		w->next = f->waiters;
		f->waiters = w;
	}
	pthread_mutex_unlock(&s->lock);
	if (load)
		zpool_submit(c->pool, &f->task, ZPOOL_SOON);
	if (ready) {
		w->fn(w, f->data, 0);
		zcache_put(f);
	}
	return 0;
}

void zcache_ahead(struct zcache *c, uint32_t index)
{
	struct shard *s = shard_of(c, index);
	struct zframe *f = NULL;

	if (atomic_load_explicit(&c->ahead, memory_order_relaxed) >= AHEAD_MAX)
		return;
	pthread_mutex_lock(&s->lock);
	if (!lookup(c, index))
		f = frame_new(c, index);
	if (f) {
		f->ahead = true;
		s->stats.ahead++;
		atomic_fetch_add_explicit(&c->ahead, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&s->lock);
	if (f)
		zpool_submit(c->pool, &f->task, ZPOOL_LATER);
}

/* Shards and buckets that fit how many frames of the largest size there are. */
static void zcache_shape(struct zcache *c, uint64_t bytes)
{
	uint64_t frames = bytes / (c->image->table.max_frame + FRAME_COST) + 1;

	c->shards = 1;
	while (c->shards < SHARDS_MAX && c->shards * 2 * SHARD_FRAMES <= frames)
		c->shards *= 2;
	c->buckets = 16;
	while (c->buckets < BUCKETS_MAX && c->buckets < 2 * frames / c->shards)
		c->buckets *= 2;
	c->shard_bytes = bytes / c->shards;
}

int zcache_new(const struct zimage *z, struct zpool *pool, uint64_t bytes,
	       struct zcache **out)
{
	struct zcache *c = aligned_alloc(_Alignof(struct zcache), sizeof(*c));
	uint32_t i;

	if (!c)
		return -ENOMEM;
	*c = (struct zcache){ .image = z, .pool = pool };
	zcache_shape(c, bytes);
	for (i = 0; i < c->shards; i++)
		pthread_mutex_init(&c->shard[i].lock, NULL);
	for (i = 0; i < c->shards; i++) {
		c->shard[i].bucket = calloc(c->buckets, sizeof(struct zframe *));
		if (!c->shard[i].bucket) {
			zcache_free(c);
			return -ENOMEM;
		}
	}
	*out = c;
	return 0;
}

void zcache_free(struct zcache *c)
{
	uint32_t i;

	if (!c)
		return;
	for (i = 0; i < c->shards; i++) {
		struct shard *s = &c->shard[i];

		while (s->hand) {
			struct zframe *f = s->hand;

			clock_remove(s, f);
			zcache_put(f);
		}
		free(s->bucket);
		pthread_mutex_destroy(&s->lock);
	}
	free(c);
}

void zcache_stats(struct zcache *c, struct zcache_stats *sum)
{
	uint32_t i;

	*sum = (struct zcache_stats){ 0 };
	for (i = 0; i < c->shards; i++) {
		struct shard *s = &c->shard[i];

		pthread_mutex_lock(&s->lock);
		sum->hits += s->stats.hits;
		sum->waits += s->stats.waits;
		sum->misses += s->stats.misses;
		sum->ahead += s->stats.ahead;
		sum->evicted += s->stats.evicted;
		sum->bytes += s->stats.bytes;
		pthread_mutex_unlock(&s->lock);
	}
}
