/* SPDX-License-Identifier: MIT */
/* The granted-page pool: a bitmap allocator over grant arenas. */
#include "frontends/pool.h"

#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"

#define WORD_BITS 64u

static bool page_used(const struct pool_arena *a, uint32_t page)
{
	return a->used[page / WORD_BITS] >> (page % WORD_BITS) & 1;
}

static void pages_mark(struct pool_arena *a, uint32_t first, uint32_t n, bool used)
{
	for (uint32_t i = first; i < first + n; i++) {
		uint64_t bit = UINT64_C(1) << (i % WORD_BITS);

		if (used)
			a->used[i / WORD_BITS] |= bit;
		else
			a->used[i / WORD_BITS] &= ~bit;
	}
}

/* First of n free pages in a row within [from, to), or `to`. */
static uint32_t pages_search(const struct pool_arena *a, uint32_t n, uint32_t from,
			     uint32_t to)
{
	uint32_t len = 0;

	for (uint32_t i = from; i < to; i++) {
		if (!len && i % WORD_BITS == 0 && a->used[i / WORD_BITS] == UINT64_MAX) {
			i += WORD_BITS - 1;
			continue;
		}
		len = page_used(a, i) ? 0 : len + 1;
		if (len == n)
			return i + 1 - n;
	}
	return to;
}

static void *arena_take(struct pool_arena *a, uint32_t n)
{
	uint32_t nr = a->arena->nr_pages, first;

	first = pages_search(a, n, a->next_look, nr);
	if (first == nr)
		first = pages_search(a, n, 0, nr);
	if (first == nr)
		return NULL;
	pages_mark(a, first, n, true);
	a->run[first] = n;
	a->next_look = first + n;
	return a->arena->pages + (size_t)first * PLAT_PAGE_SIZE;
}

/* Adds an arena with room for `pages`. */
static struct pool_arena *pool_grow(struct pool *pool, uint32_t pages)
{
	unsigned nr = atomic_load_explicit(&pool->nr, memory_order_relaxed);
	size_t left = (pool->limit - pool->granted) / PLAT_PAGE_SIZE;
	struct pool_arena *a = &pool->arenas[nr];
	uint32_t want = POOL_ARENA_BYTES / PLAT_PAGE_SIZE;

	if (want > left)
		want = (uint32_t)left;
	if (want < pages)
		want = pages;
	if (nr == POOL_MAX_ARENAS || pages > left || want > GNTTAB_ARENA_MAX_PAGES)
		return NULL;
	cleanup_free uint64_t *used = calloc(want / WORD_BITS + 1, sizeof(*used));
	cleanup_free uint32_t *run = calloc(want, sizeof(*run));
	if (!used || !run ||
	    gnttab_arena_new(pool->plat, pool->peer, want, false, &a->arena))
		return NULL;
	a->used = take_ptr(used);
	a->run = take_ptr(run);
	a->next_look = 0;
	a->win = (struct pool_window){ .base = (uintptr_t)a->arena->pages,
				       .bytes = (size_t)want * PLAT_PAGE_SIZE,
				       .refs = a->arena->refs };
	pool->granted += a->win.bytes;
	/* release: pairs with the acquire in pool_find() */
	atomic_store_explicit(&pool->nr, nr + 1, memory_order_release);
	return a;
}

void pool_init(struct pool *pool, struct plat *plat, domid_t peer, size_t limit)
{
	memset(pool, 0, sizeof(*pool));
	pool->plat = plat;
	pool->peer = peer;
	pool->limit = limit;
	pthread_mutex_init(&pool->lock, NULL);
}

void pool_free(struct pool *pool)
{
	for (unsigned i = 0; i < pool->nr; i++) {
		gnttab_arena_free(pool->arenas[i].arena);
		free(pool->arenas[i].used);
		free(pool->arenas[i].run);
	}
	pthread_mutex_destroy(&pool->lock);
	memset(pool, 0, sizeof(*pool));
}

void *pool_take(struct pool *pool, size_t bytes)
{
	size_t pages = bytes / PLAT_PAGE_SIZE + (bytes % PLAT_PAGE_SIZE != 0);
	struct pool_arena *fresh;
	void *p = NULL;

	if (!pages || pages > GNTTAB_ARENA_MAX_PAGES)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; !p && i < pool->nr; i++)
		p = arena_take(&pool->arenas[i], (uint32_t)pages);
	if (!p) {
		fresh = pool_grow(pool, (uint32_t)pages);
		if (fresh)
			p = arena_take(fresh, (uint32_t)pages);
	}
	pthread_mutex_unlock(&pool->lock);
	return p;
}

void pool_give(struct pool *pool, void *p)
{
	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; p && i < pool->nr; i++) {
		struct pool_arena *a = &pool->arenas[i];
		uintptr_t at = (uintptr_t)p - a->win.base;
		uint32_t page = (uint32_t)(at / PLAT_PAGE_SIZE);

		if (at >= a->win.bytes)
			continue;
		if (at % PLAT_PAGE_SIZE || !a->run[page])
			break;
		pages_mark(a, page, a->run[page], false);
		a->run[page] = 0;
		a->next_look = page;
		break;
	}
	pthread_mutex_unlock(&pool->lock);
}

bool pool_find(struct pool *pool, const void *addr, struct pool_window *win)
{
	/* acquire: pairs with the release in pool_grow() */
	unsigned nr = atomic_load_explicit(&pool->nr, memory_order_acquire);

	for (unsigned i = 0; i < nr; i++) {
		if ((uintptr_t)addr - pool->arenas[i].win.base >=
		    pool->arenas[i].win.bytes)
			continue;
		*win = pool->arenas[i].win;
		return true;
	}
	return false;
}
