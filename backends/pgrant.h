/* SPDX-License-Identifier: MIT */
/*
 * Persistent grants: mappings that a queue keeps between requests, found by
 * grant reference. blkif.h, feature-persistent; limits as the reference
 * backend's: a full cache drops its least recently used twentieth at most
 * every 100 ms, an unused mapping goes after 60 s.
 *
 * One thread. The mappings belong to the mapper given at init.
 */
#ifndef TANDEM_BACKENDS_PGRANT_H
#define TANDEM_BACKENDS_PGRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/plat/plat.h"

#define PGRANT_DEFAULT_MAX 1056u
#define PGRANT_NONE	   UINT32_MAX

struct pgrant_entry {
	grant_ref_t ref;
	uint32_t users;	    /* requests that use it now */
	void *addr;	    /* NULL: free entry */
	uint64_t last_used; /* ns */
};

struct pgrant {
	struct gnttab_mapper *mapper;
	struct pgrant_entry *entries; /* max of them */
	uint32_t *slots;	      /* hash: entry + 1, or 0; a power of two */
	uint32_t slot_shift;	      /* 32 - log2(slots) */
	uint32_t max, used, free_hint;
	uint64_t last_trim;
};

/* max 0: nothing is ever kept. -ENOMEM */
int pgrant_init(struct pgrant *pg, struct gnttab_mapper *m, uint32_t max);
/* Unmaps all; none is in use. */
void pgrant_exit(struct pgrant *pg);

/* The entry that maps `ref`, now used once more, or PGRANT_NONE. */
uint32_t pgrant_get(struct pgrant *pg, grant_ref_t ref, uint64_t now);
/* Keeps a fresh writable mapping, used once. PGRANT_NONE: no room, the caller's. */
uint32_t pgrant_add(struct pgrant *pg, grant_ref_t ref, void *addr, uint64_t now);
void pgrant_put(struct pgrant *pg, uint32_t entry);
/* Drops what has to go. Returns when to call again, 0: no need. */
uint64_t pgrant_trim(struct pgrant *pg, uint64_t now);

#endif
