/* SPDX-License-Identifier: MIT */
/* A device's throttle: two token buckets under a lock. */
#include "backends/throttle.h"

#include <pthread.h>
#include <stdlib.h>

#define NS_PER_S 1000000000ull

/*
 * A bucket is kept as time: `ready` is when the last paid unit has been earned.
 * Something may go while that lies no further ahead than the burst allows.
 */
struct bucket {
	uint64_t rate;	/* units a second, 0: no bound */
	uint64_t ready; /* ns */
};

struct throttle {
	pthread_mutex_t lock;
	uint64_t burst_ns;
	struct bucket requests, bytes;
};

struct throttle *throttle_new(uint64_t iops, uint64_t bps, uint64_t burst_ms)
{
	struct throttle *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	t->requests.rate = iops;
	t->bytes.rate = bps;
	t->burst_ns = burst_ms > 3600000 ? 3600 * NS_PER_S : burst_ms * 1000000;
	return t;
}

void throttle_free(struct throttle *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* How long `units` take to earn; 128 bits since both factors are a guest's. */
static uint64_t bucket_cost(const struct bucket *b, uint64_t units)
{
	unsigned __int128 ns = (unsigned __int128)units * NS_PER_S / b->rate;

	return ns > 3600 * NS_PER_S ? 3600 * NS_PER_S : (uint64_t)ns;
}

static uint64_t bucket_wait(const struct bucket *b, uint64_t now, uint64_t burst)
{
	return !b->rate || b->ready <= now + burst ? 0 : b->ready - now - burst;
}

static void bucket_pay(struct bucket *b, uint64_t units, uint64_t now)
{
	if (!b->rate)
		return;
	if (b->ready < now)
		b->ready = now;
	b->ready += bucket_cost(b, units);
}

uint64_t throttle_take(struct throttle *t, uint64_t bytes, uint64_t now)
{
	uint64_t a, b;

	pthread_mutex_lock(&t->lock);
	a = bucket_wait(&t->requests, now, t->burst_ns);
	b = bucket_wait(&t->bytes, now, t->burst_ns);
	if (!a && !b) {
		bucket_pay(&t->requests, 1, now);
		bucket_pay(&t->bytes, bytes, now);
	}
	pthread_mutex_unlock(&t->lock);
	return a > b ? a : b;
}
