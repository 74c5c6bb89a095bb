/* SPDX-License-Identifier: MIT */
/*
 * The pool: memory granted to one peer domain, in arenas that are added as
 * they are needed and stay until pool_free().
 *
 * What the pool hands out is page-granular, so that the peer never sees bytes
 * of anything but a caller's buffer. Its own bookkeeping lies outside.
 *
 * Threads: any.
 */
#ifndef TANDEM_FRONTENDS_POOL_H
#define TANDEM_FRONTENDS_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "hv/plat/plat.h"

#define POOL_MAX_ARENAS	 256
#define POOL_ARENA_BYTES (16u << 20) /* an arena's usual size */

/* One arena, as the data path looks at it: an address is in it if
 * address - base < bytes, and its page's reference is refs[that >> 12]. */
struct pool_window {
	uintptr_t base;
	size_t bytes;
	const grant_ref_t *refs;
};

struct pool_arena {
	struct pool_window win;
	struct gnttab_arena *arena;
	uint64_t *used;	    /* a bit a page */
	uint32_t *run;	    /* at an allocation's first page: its pages */
	uint32_t next_look; /* where the search starts */
};

struct pool {
	struct plat *plat;
	domid_t peer;
	size_t limit, granted; /* bytes */
	pthread_mutex_t lock;
	_Atomic unsigned nr;
	struct pool_arena arenas[POOL_MAX_ARENAS];
};

/* limit: bytes of all arenas together. */
void pool_init(struct pool *pool, struct plat *plat, domid_t peer, size_t limit);
void pool_free(struct pool *pool);

/* Page-aligned, contiguous. NULL: the limit is reached or no memory. */
void *pool_take(struct pool *pool, size_t bytes);
/* p came from pool_take(); anything else is ignored. NULL is allowed. */
void pool_give(struct pool *pool, void *p);

/* The arena that holds addr. False: none does. */
bool pool_find(struct pool *pool, const void *addr, struct pool_window *win);

#endif
