/* SPDX-License-Identifier: MIT */
/*
 * Mapping a peer's pages: a lookup in an arena that is mapped already, one read of
 * the entry, marks in it. No system call after an arena's first touch.
 *
 * The entries are the peer's to write: grant_use.h. While an entry is pinned
 * (somebody here has it mapped) the page that was found first counts, whatever
 * the entry says meanwhile; so unmap undoes exactly what map did.
 */
#include "hv/plat/proc_map.h"

#include <errno.h>
#include <stdlib.h>

/* Marks the entry in use and notes its page, if it grants that to us now. */
static int entry_pin(const struct proc_mapper *m, const struct peer_arena *pa, uint32_t e,
		     bool write)
{
	struct entry_use *use = &pa->use[e];
	bool pinned = use->readers || use->writers;

	if (write && pa->readonly)
		return -EACCES;
	return grant_use(&pa->entries[e], m->pp->plat.domid, write, &pa->frames,
			 pinned ? &use->page : NULL, &use->page);
}

static int map_one(const struct proc_mapper *m, struct mapper_arena *ma, uint32_t e,
		   bool write, void **addr)
{
	struct peer_arena *pa = ma->pa;
	struct entry_use *use;
	uint32_t *count;
	int err;

	if (e < pa->first || e >= pa->total)
		return -ENOENT;
	use = &pa->use[e];
	count = write ? &ma->count[e].writes : &ma->count[e].reads;
	if (*count == UINT32_MAX)
		return -ENOMEM;
	if (!use->writers && (write || !use->readers)) {
		err = entry_pin(m, pa, e, write);
		if (err)
			return err;
	}
	if (!(*count)++)
		++*(write ? &use->writers : &use->readers);
	ma->live++;
	*addr = pa->data + (size_t)use->page * PLAT_PAGE_SIZE;
	return 0;
}

/* One mapper less has the entry; its last one takes the marks away. */
static void entry_unpin(const struct peer_arena *pa, uint32_t e, bool write)
{
	struct entry_use *use = &pa->use[e];
	unsigned clear = 0;

	--*(write ? &use->writers : &use->readers);
	if (!use->writers && write)
		clear |= GTF_writing;
	if (!use->writers && !use->readers)
		clear |= GTF_reading;
	if (clear)
		grant_unuse(&pa->entries[e], clear);
}

static void unmap_one(struct mapper_arena *ma, uint32_t e, bool write)
{
	uint32_t *count;

	if (e >= ma->pa->total)
		return;
	count = write ? &ma->count[e].writes : &ma->count[e].reads;
	if (!*count)
		return; /* not mapped through this mapper */
	ma->live--;
	if (!--*count)
		entry_unpin(ma->pa, e, write);
}

/* The mapper's counts of an arena that it touches for the first time. */
static int mapper_arena_new(struct proc_mapper *m, uint32_t id)
{
	struct mapper_arena *ma;
	struct peer_arena *pa;
	int err = peer_arena_get(m->pp, m->peer, id, &pa);

	if (err)
		return err;
	ma = calloc(1, sizeof(*ma) + pa->total * sizeof(ma->count[0]));
	if (!ma) {
		peer_arena_put(m->pp, pa);
		return -ENOMEM;
	}
	ma->pa = pa;
	m->arenas[id] = ma;
	m->used[m->nr_used++] = (uint16_t)id;
	return 0;
}

/* The arena of a reference, locked; the one before is unlocked. */
static struct mapper_arena *arena_step(struct proc_mapper *m, struct mapper_arena *at,
				       grant_ref_t ref)
{
	struct mapper_arena *ma = m->arenas[gref_arena(ref)];

	if (ma == at)
		return at;
	if (at)
		pthread_mutex_unlock(&at->pa->lock);
	if (ma)
		pthread_mutex_lock(&ma->pa->lock);
	return ma;
}

int proc_map_refs(struct gnttab_mapper *mp, const grant_ref_t *refs, uint32_t n, int prot,
		  void **addrs)
{
	struct proc_mapper *m = mapper_of(mp);
	struct mapper_arena *at = NULL;
	uint32_t i;
	int err = 0;

	for (i = 0; i < n; i++) {
		at = arena_step(m, at, refs[i]);
		if (!at) {
			err = mapper_arena_new(m, gref_arena(refs[i]));
			if (err)
				break;
			at = arena_step(m, NULL, refs[i]);
		}
		err = map_one(m, at, gref_entry(refs[i]), prot == GNTTAB_WRITE,
			      &addrs[i]);
		if (err)
			break;
	}
	if (at)
		pthread_mutex_unlock(&at->pa->lock);
	if (err)
		proc_unmap_refs(mp, refs, i, prot, addrs);
	return err;
}

void proc_unmap_refs(struct gnttab_mapper *mp, const grant_ref_t *refs, uint32_t n,
		     int prot, void **addrs)
{
	struct proc_mapper *m = mapper_of(mp);
	struct mapper_arena *at = NULL;

	(void)addrs; /* entries know their pages */
	for (uint32_t i = 0; i < n; i++) {
		at = arena_step(m, at, refs[i]);
		if (at)
			unmap_one(at, gref_entry(refs[i]), prot == GNTTAB_WRITE);
	}
	if (at)
		pthread_mutex_unlock(&at->pa->lock);
}

int proc_mapper_new(struct plat *p, domid_t peer, struct gnttab_mapper **mp)
{
	struct plat_proc *pp = proc_of(p);
	struct proc_mapper *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->pp = pp;
	LIST_INIT(&m->windows);
	err = peer_get(pp, peer, &m->peer);
	if (err) {
		free(m);
		return err;
	}
	pthread_mutex_lock(&pp->lock);
	LIST_INSERT_HEAD(&pp->mappers, m, link);
	pthread_mutex_unlock(&pp->lock);
	*mp = &m->m;
	return 0;
}

/* Undoes what the mapper still has of one arena. */
static void mapper_arena_free(struct plat_proc *pp, struct mapper_arena *ma)
{
	if (ma->live) {
		pthread_mutex_lock(&ma->pa->lock);
		for (uint32_t e = ma->pa->first; e < ma->pa->total; e++) {
			if (ma->count[e].reads)
				entry_unpin(ma->pa, e, false);
			if (ma->count[e].writes)
				entry_unpin(ma->pa, e, true);
		}
		pthread_mutex_unlock(&ma->pa->lock);
	}
	peer_arena_put(pp, ma->pa);
	free(ma);
}

void proc_mapper_free(struct gnttab_mapper *mp)
{
	struct proc_mapper *m = mapper_of(mp);

	while (!LIST_EMPTY(&m->windows))
		proc_window_free(LIST_FIRST(&m->windows));
	for (uint32_t i = 0; i < m->nr_used; i++)
		mapper_arena_free(m->pp, m->arenas[m->used[i]]);
	pthread_mutex_lock(&m->pp->lock);
	LIST_REMOVE(m, link);
	pthread_mutex_unlock(&m->pp->lock);
	peer_put(m->pp, m->peer);
	free(m);
}

void proc_mappers_end(struct plat_proc *pp)
{
	while (!LIST_EMPTY(&pp->mappers))
		proc_mapper_free(&LIST_FIRST(&pp->mappers)->m);
}
