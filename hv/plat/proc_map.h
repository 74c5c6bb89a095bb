/* SPDX-License-Identifier: MIT */
/*
 * The mapping side's objects: peers' arenas, which all mappers of a process share,
 * and the mappers' own counts.
 *
 * Two levels of counts, by grant entry. A mapper counts its own maps without a
 * lock: that is what it must still undo. The shared counts are the number of
 * mappers that have the entry (for reading, for writing); they change under the
 * arena's lock, and with their first and last step the entry's GTF_* marks.
 */
#ifndef TANDEM_HV_PLAT_PROC_MAP_H
#define TANDEM_HV_PLAT_PROC_MAP_H

#include "hv/plat/proc_int.h"
#include "ringproto/grant_use.h"

/* What all mappers of this process have of an entry. */
struct entry_use {
	uint32_t readers, writers; /* mappers */
	uint32_t page;		   /* while there are any: pinned */
};

/*
 * A peer's arena in this process, or its memory if it is a VM. Entries that may
 * grant are [first, total); page p of the data stands at data + p * PLAT_PAGE_SIZE.
 */
struct peer_arena {
	struct proc_peer *peer;
	uint32_t id, first, total;
	bool readonly;
	bool vm;
	struct grant_entry_v1 *entries;
	uint8_t *data;
	struct grant_frames frames;
	size_t data_len, entries_len; /* mapped; entries_len 0: they stand in data */
	uint32_t refs;		      /* mappers that touched it; plat_proc.lock */
	pthread_mutex_t lock;
	struct entry_use *use; /* [total], under lock */
};

/* A granting domain, while there is a mapper for it. All under plat_proc.lock. */
struct proc_peer {
	domid_t domid;
	uint32_t mappers;
	uint32_t misses;   /* lookups that failed in this window: a peer that */
	uint64_t miss_end; /* names arenas it does not have must not busy the broker */
	LIST_ENTRY(proc_peer) link;
	struct peer_arena *arenas[GREF_ARENAS];
};

/* One mapper's maps of one arena, by entry. */
struct mapper_arena {
	struct peer_arena *pa;
	uint64_t live; /* maps that are not undone */
	struct {
		uint32_t reads, writes;
	} count[];
};

/* map_ring's pages that did not lie in a row: a window of their own. */
struct mapper_window {
	void *addr;
	size_t len;
	LIST_ENTRY(mapper_window) link;
};

struct proc_mapper {
	struct gnttab_mapper m;
	struct plat_proc *pp;
	struct proc_peer *peer;
	LIST_ENTRY(proc_mapper) link;
	LIST_HEAD(mapper_window_list, mapper_window) windows;
	uint32_t nr_used;
	uint16_t used[GREF_ARENAS]; /* the ids in `arenas`, for walks */
	struct mapper_arena *arenas[GREF_ARENAS];
};

static inline struct proc_mapper *mapper_of(struct gnttab_mapper *m)
{
	return (struct proc_mapper *)m;
}

/* proc_ring.c */
void proc_window_free(struct mapper_window *w);

/* proc_peer.c */
int peer_get(struct plat_proc *pp, domid_t domid, struct proc_peer **peer);
void peer_put(struct plat_proc *pp, struct proc_peer *peer);
/* The arena, mapped if it was not; a reference. -ENOENT, -EACCES, -ENOMEM... */
int peer_arena_get(struct plat_proc *pp, struct proc_peer *peer, uint32_t id,
		   struct peer_arena **pa);
void peer_arena_put(struct plat_proc *pp, struct peer_arena *pa);

#endif
