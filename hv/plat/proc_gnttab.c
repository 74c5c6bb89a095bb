/* SPDX-License-Identifier: MIT */
/*
 * Arenas, the granting side. The entries are shared with the peer, which may
 * write anything there: nothing read from them is used for more than "is the
 * page said to be in use".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/plat/proc_int.h"

#define ENTRY_TRIES 16 /* a peer that keeps changing an entry has it in use */

struct proc_arena {
	struct gnttab_arena a;
	struct plat_proc *pp;
	uint32_t id, first, total;
	uint8_t *base; /* entries, then a.pages */
	LIST_ENTRY(proc_arena) link;
	grant_ref_t refs[];
};

static struct proc_arena *arena_of(struct gnttab_arena *a)
{
	return (struct proc_arena *)a;
}

static struct grant_entry_v1 *entry_of(struct gnttab_arena *a, uint32_t page)
{
	struct proc_arena *pa = arena_of(a);

	return (struct grant_entry_v1 *)pa->base + pa->first + page;
}

uint32_t proc_entry_pages(uint32_t total)
{
	const uint32_t per_page = PLAT_PAGE_SIZE / sizeof(struct grant_entry_v1);

	return (total + per_page - 1) / per_page;
}

/* Data writable, then sealed against any new writer, then the entries over it. */
static int arena_mmap(struct proc_arena *pa, int data, int entries)
{
	const int rw = PROT_READ | PROT_WRITE;
	size_t len = (size_t)pa->total * PLAT_PAGE_SIZE;
	void *p = mmap(NULL, len, rw, MAP_SHARED, data, 0);
	int err;

	if (p == MAP_FAILED)
		return -ENOMEM;
	pa->base = p;
	if (entries < 0)
		return 0;
	if (fcntl(data, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
		err = -errno;
	else if (mmap(p, (size_t)pa->first * PLAT_PAGE_SIZE, rw, MAP_SHARED | MAP_FIXED,
		      entries, 0) == MAP_FAILED)
		err = -ENOMEM;
	else
		return 0;
	/* cannot fail: mapped above */
	(void)munmap(p, len);
	return err;
}

static int arena_call(struct proc_arena *pa)
{
	bool ro = pa->a.readonly;
	struct hvcall call = {
		.op = HVCALL_ARENA_CREATE,
		.domid = pa->a.peer,
		.value = pa->a.nr_pages,
		.flags = ro ? HVCALL_ARENA_RO : 0,
	};
	struct hvreply reply;
	int fds[HVCALL_MAX_FDS] = { -1, -1 }, err;

	err = proc_call_fds(pa->pp, &call, &reply, fds, ro ? 2 : 1);
	if (err)
		return err;
	pa->id = reply.id;
	pa->first = reply.value;
	pa->total = pa->first + pa->a.nr_pages;
	if (pa->id < GREF_ARENAS && pa->first == proc_entry_pages(pa->total))
		err = arena_mmap(pa, fds[0], ro ? fds[1] : -1);
	else
		err = -EPROTO;
	close(fds[0]);
	if (ro)
		close(fds[1]);
	if (err) {
		call = (struct hvcall){ .op = HVCALL_ARENA_DESTROY, .id = pa->id };
		/* cannot fail: made above, or the hypervisor is gone */
		(void)proc_call(pa->pp, &call, &reply, NULL, NULL);
	}
	return err;
}

int proc_arena_new(struct plat *p, domid_t peer, uint32_t nr_pages, bool readonly,
		   struct gnttab_arena **arena)
{
	struct plat_proc *pp = proc_of(p);
	struct proc_arena *pa = calloc(1, sizeof(*pa) + nr_pages * sizeof(grant_ref_t));
	int err;

	if (!pa)
		return -ENOMEM;
	pa->pp = pp;
	pa->a.nr_pages = nr_pages;
	pa->a.peer = peer;
	pa->a.readonly = readonly;
	err = arena_call(pa);
	if (err) {
		free(pa);
		return err;
	}
	pa->a.pages = pa->base + (size_t)pa->first * PLAT_PAGE_SIZE;
	for (uint32_t i = 0; i < nr_pages; i++)
		pa->refs[i] = gref_make(pa->id, pa->first + i);
	pa->a.refs = pa->refs;
	pthread_mutex_lock(&pp->lock);
	LIST_INSERT_HEAD(&pp->arenas, pa, link);
	pthread_mutex_unlock(&pp->lock);
	*arena = &pa->a;
	return 0;
}

int proc_end_access(struct gnttab_arena *a, uint32_t page)
{
	struct grant_entry_v1 *e = entry_of(a, page);
	uint16_t flags = atomic_load(&e->flags);

	/* pairs with the mapper's compare-and-swap: one of the two loses */
	for (int i = 0; i < ENTRY_TRIES; i++) {
		if (flags & (GTF_reading | GTF_writing))
			return -EBUSY;
		if (atomic_compare_exchange_weak(&e->flags, &flags, GTF_invalid))
			return 0;
	}
	return -EBUSY;
}

int proc_grant(struct gnttab_arena *a, uint32_t page)
{
	struct grant_entry_v1 *e = entry_of(a, page);
	uint16_t flags = atomic_load(&e->flags);
	unsigned want = GTF_permit_access | (a->readonly ? GTF_readonly : 0);

	if ((flags & GTF_type_mask) == GTF_permit_access)
		return 0;
	e->domid = a->peer;
	e->frame = arena_of(a)->first + page;
	/* pairs with the mapper's load: it sees who and where with the flags */
	atomic_store_explicit(&e->flags, (uint16_t)want, memory_order_release);
	return 0;
}

static void arena_free(struct proc_arena *pa)
{
	struct hvcall call = { .op = HVCALL_ARENA_DESTROY, .id = pa->id };
	struct hvreply reply;

	/* The hypervisor revokes what is granted. Cannot fail but with the
	 * hypervisor gone, and then nobody maps anything any more. */
	(void)proc_call(pa->pp, &call, &reply, NULL, NULL);
	/* cannot fail: mapped by arena_mmap() */
	(void)munmap(pa->base, (size_t)pa->total * PLAT_PAGE_SIZE);
	free(pa);
}

void proc_arena_free(struct gnttab_arena *a)
{
	struct proc_arena *pa = arena_of(a);

	pthread_mutex_lock(&pa->pp->lock);
	LIST_REMOVE(pa, link);
	pthread_mutex_unlock(&pa->pp->lock);
	arena_free(pa);
}

void proc_arenas_end(struct plat_proc *pp)
{
	while (!LIST_EMPTY(&pp->arenas)) {
		struct proc_arena *pa = LIST_FIRST(&pp->arenas);

		LIST_REMOVE(pa, link);
		arena_free(pa);
	}
}
