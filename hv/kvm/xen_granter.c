/* SPDX-License-Identifier: MIT */
/* Granters and their arenas: looked up, mapped, pinned, let go. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/base/clock.h"
#include "hv/kvm/xen_grant.h"

#define ENTRIES_PER_PAGE (XEN_PAGE_SIZE / sizeof(struct grant_entry_v1))
#define HIGH_FRAME	 ((uint32_t)(GMEM_HIGH >> XEN_PAGE_SHIFT))
#define MISS_MAX	 64u /* lookups that fail, in a window: a guest that names */
#define MISS_WINDOW_NS	 100000000u /* what it was not given must not busy the others */

/* ------------------------------------------------------------------- arenas */

/* This guest's own memory, for a guest that uses its own grants. */
static int own_memory(const struct vm *vm, uint32_t id, struct xen_memory *m)
{
	if (id)
		return -ENOENT;
	*m = (struct xen_memory){
		.vm = true,
		.pages = (uint32_t)(vm->mem.ram_bytes / XEN_PAGE_SIZE),
		.low_pages = (uint32_t)(vm->mem.low_bytes / XEN_PAGE_SIZE),
		.entry_pages = XEN_GNTTAB_FRAMES,
		.data = fcntl(vm->mem.ram_fd, F_DUPFD_CLOEXEC, 0),
		.entries = fcntl(vm->xen.gnttab_fd, F_DUPFD_CLOEXEC, 0),
	};
	if (m->data >= 0 && m->entries >= 0)
		return 0;
	if (m->data >= 0)
		close(m->data);
	if (m->entries >= 0)
		close(m->entries);
	return -ENOMEM;
}

static int memory_get(const struct vm *vm, domid_t granter, uint32_t id,
		      struct xen_memory *m)
{
	if (granter == vm->xen.domid)
		return own_memory(vm, id, m);
	if (!vm->xen.remote || !vm->xen.remote->memory_get)
		return -ENOENT;
	return vm->xen.remote->memory_get(vm->xen.remote_arg, granter, id, m);
}

static void memory_put(const struct vm *vm, const struct grant_arena *a)
{
	close(a->m.data);
	if (a->granter->domid != vm->xen.domid)
		vm->xen.remote->memory_put(vm->xen.remote_arg, a->granter->domid, a->id);
}

static void *memfd_map(int fd, size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void arena_munmap(struct grant_arena *a)
{
	/* cannot fail: mapped below */
	if (a->data)
		(void)munmap(a->data, a->data_len);
	if (a->entries_len)
		(void)munmap(a->entries, a->entries_len);
	free(a->pin);
}

static int arena_mmap(struct grant_arena *a)
{
	const struct xen_memory *m = &a->m;
	const int rw = PROT_READ | PROT_WRITE;

	a->data_len = (size_t)m->pages * XEN_PAGE_SIZE;
	a->data = memfd_map(m->data, a->data_len, m->readonly ? PROT_READ : rw);
	a->pin = calloc(xen_memory_total(m), sizeof(*a->pin));
	if (!a->data || !a->pin)
		return -ENOMEM;
	a->entries = (struct grant_entry_v1 *)(void *)a->data;
	if (m->entries < 0)
		return 0;
	a->entries = memfd_map(m->entries, (size_t)m->entry_pages * XEN_PAGE_SIZE, rw);
	if (!a->entries)
		return -ENOMEM;
	a->entries_len = (size_t)m->entry_pages * XEN_PAGE_SIZE;
	return 0;
}

static void arena_free(struct vm *vm, struct grant_arena *a)
{
	arena_munmap(a);
	memory_put(vm, a);
	LIST_REMOVE(a, link);
	vm->xen.grants.nr_arenas--;
	free(a);
}

static int arena_new(struct vm *vm, struct granter *g, uint32_t id,
		     struct grant_arena **out)
{
	struct grant_arena *a;
	int err;

	if (vm->xen.grants.nr_arenas == XEN_MAX_ARENAS)
		return -ENOSPC;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->granter = g;
	a->id = id;
	err = memory_get(vm, g->domid, id, &a->m);
	if (err) {
		free(a);
		return err;
	}
	LIST_INSERT_HEAD(&g->arenas, a, link);
	vm->xen.grants.nr_arenas++;
	err = arena_mmap(a);
	if (a->m.entries >= 0)
		close(a->m.entries);
	a->m.entries = -1;
	if (err)
		arena_free(vm, a);
	else
		*out = a;
	return err;
}

/* ----------------------------------------------------------------- granters */

static struct granter *granter_get(struct vm *vm, domid_t domid)
{
	struct granter *g;

	LIST_FOREACH (g, &vm->xen.grants.granters, link)
		if (g->domid == domid)
			return g;
	g = calloc(1, sizeof(*g));
	if (g) {
		g->domid = domid;
		LIST_INSERT_HEAD(&vm->xen.grants.granters, g, link);
	}
	return g;
}

static void granter_free(struct vm *vm, struct granter *g)
{
	while (!LIST_EMPTY(&g->arenas))
		arena_free(vm, LIST_FIRST(&g->arenas));
	LIST_REMOVE(g, link);
	free(g);
}

/* A miss is remembered for its window; then the granter may be forgotten. */
static bool granter_idle(const struct granter *g)
{
	return !g->uses && (!g->misses || clock_ns() >= g->miss_end);
}

void xen_grant_sweep(struct vm *vm)
{
	struct granter *g = LIST_FIRST(&vm->xen.grants.granters), *next;

	for (; g; g = next) {
		next = LIST_NEXT(g, link);
		if (granter_idle(g))
			granter_free(vm, g);
		else if (!g->uses)
			while (!LIST_EMPTY(&g->arenas))
				arena_free(vm, LIST_FIRST(&g->arenas));
	}
}

static bool granter_may_miss(struct granter *g)
{
	uint64_t now = clock_ns();

	if (now >= g->miss_end) {
		g->miss_end = now + MISS_WINDOW_NS;
		g->misses = 0;
	}
	return g->misses < MISS_MAX;
}

static int arena_get(struct vm *vm, struct granter *g, uint32_t id,
		     struct grant_arena **out)
{
	struct grant_arena *a;
	int err;

	LIST_FOREACH (a, &g->arenas, link)
		if (a->id == id) {
			*out = a;
			return 0;
		}
	if (!granter_may_miss(g))
		return -EAGAIN;
	err = arena_new(vm, g, id, out);
	if (err)
		g->misses++;
	return err;
}

/* --------------------------------------------------------------------- pins */

/* A VM's references are entries of its one table; a process's name an arena, too. */
static int ref_find(struct vm *vm, domid_t granter, grant_ref_t ref,
		    struct grant_arena **a, uint32_t *entry)
{
	struct granter *g = granter_get(vm, granter);
	int err = g ? arena_get(vm, g, gref_arena(ref), a) : -ENOMEM;

	*entry = gref_entry(ref);
	if (!err &&
	    (*entry < xen_memory_first(&(*a)->m) || *entry >= xen_memory_total(&(*a)->m)))
		return -ERANGE;
	return err;
}

static int16_t status_of(int err, grant_ref_t ref)
{
	switch (err) {
	case 0:
		return GNTST_okay;
	case -ENOENT: /* no such domain; or it has no such arena */
		return gref_arena(ref) ? GNTST_bad_gntref : GNTST_bad_domain;
	case -ERANGE:
		return GNTST_bad_gntref;
	case -EINVAL:
		return GNTST_bad_page;
	case -ENOMEM:
	case -ENOSPC:
		return GNTST_no_device_space;
	default: /* not granted, or not to us, or not so */
		return GNTST_general_error;
	}
}

static int entry_pin(const struct vm *vm, struct grant_arena *a, uint32_t entry,
		     bool write)
{
	const struct xen_memory *m = &a->m;
	const struct grant_frames frames = { .first = xen_memory_first(m),
					     .end = m->vm ? m->low_pages : m->pages,
					     .high_first = HIGH_FRAME,
					     .high_pages = m->vm ? m->pages - m->low_pages
								 : 0 };
	struct grant_pin *pin = &a->pin[entry];
	bool pinned = pin->readers || pin->writers;
	int err = 0;

	if (write && m->readonly)
		return -EACCES;
	if (!pin->writers && (write || !pin->readers))
		err = grant_use(&a->entries[entry], vm->xen.domid, write, &frames,
				pinned ? &pin->page : NULL, &pin->page);
	if (!err)
		++*(write ? &pin->writers : &pin->readers);
	return err;
}

int16_t xen_grant_pin(struct vm *vm, domid_t granter, grant_ref_t ref, bool write,
		      struct grant_use_ref *use)
{
	int err = ref_find(vm, granter, ref, &use->arena, &use->entry);

	if (!err)
		err = entry_pin(vm, use->arena, use->entry, write);
	if (err)
		return status_of(err, ref);
	use->write = write;
	use->page = use->arena->pin[use->entry].page;
	use->arena->granter->uses++;
	return GNTST_okay;
}

void xen_grant_unpin(struct vm *vm, const struct grant_use_ref *use)
{
	struct grant_arena *a = use->arena;
	struct grant_pin *pin = &a->pin[use->entry];
	unsigned clear = 0;

	(void)vm;
	--*(use->write ? &pin->writers : &pin->readers);
	if (!pin->writers && use->write)
		clear |= GTF_writing;
	if (!pin->writers && !pin->readers)
		clear |= GTF_reading;
	if (clear)
		grant_unuse(&a->entries[use->entry], clear);
	a->granter->uses--;
}

void xen_grants_fini(struct vm *vm)
{
	struct xen_grants *gs = &vm->xen.grants;

	for (uint32_t i = 0; i < gs->nr_maps; i++) {
		const struct grant_map *m = &gs->map[i];
		const struct grant_use_ref use = { m->arena, m->entry, 0, m->write };

		if (m->arena)
			xen_grant_unpin(vm, &use);
	}
	free(gs->map);
	gs->map = NULL;
	gs->nr_maps = gs->free_map = 0;
	while (!LIST_EMPTY(&gs->granters))
		granter_free(vm, LIST_FIRST(&gs->granters));
}
