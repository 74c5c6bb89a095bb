/* SPDX-License-Identifier: MIT */
/* Other domains' grants: their arenas, and the marks on their entries. */
#include "hv/kvm/xen_grant.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ENTRIES_PER_PAGE (XEN_PAGE_SIZE / sizeof(struct grant_entry_v1))

struct entry_uses {
	uint16_t all, write; /* how often this VM uses it, and for writing */
};

struct xen_arena {
	struct xen_arena *next;
	domid_t granter;
	uint32_t id;
	struct xen_arena_fds fds;
	struct grant_entry_v1 *entries; /* shared with the granter */
	uint32_t nentries;
	struct grant_frames frames;
	struct entry_uses *uses;
	uint32_t used; /* takes that are not dropped */
};

/* What the guest grants itself: its own memory. */
static int own_fds(const struct vm *vm, struct xen_arena_fds *f)
{
	*f = (struct xen_arena_fds){
		.vm = true,
		.pages = (uint32_t)(vm->mem.ram_bytes / XEN_PAGE_SIZE),
		.low_pages = (uint32_t)(vm->mem.low_bytes / XEN_PAGE_SIZE),
		.entry_pages = XEN_GNTTAB_FRAMES,
		.data = dup(vm->mem.ram_fd),
		.entries = dup(vm->xen.gnttab_fd),
	};
	return f->data < 0 || f->entries < 0 ? -EMFILE : 0;
}

static void fds_close(const struct xen_arena_fds *f)
{
	if (f->data >= 0)
		close(f->data);
	if (f->entries >= 0 && f->entries != f->data)
		close(f->entries);
}

static int fds_open(struct vm *vm, domid_t granter, uint32_t id, struct xen_arena_fds *f)
{
	if (granter == vm->xen.domid)
		return own_fds(vm, f);
	if (!vm->xen.remote)
		return -ESRCH;
	return vm->xen.remote->arena_open(vm->xen.remote_arg, granter, id, f);
}

static void remote_close(struct vm *vm, domid_t granter, uint32_t id)
{
	if (granter != vm->xen.domid)
		vm->xen.remote->arena_close(vm->xen.remote_arg, granter, id);
}

static void arena_free(struct xen_arena *a)
{
	if (a->entries)
		munmap(a->entries, (size_t)a->fds.entry_pages * XEN_PAGE_SIZE);
	fds_close(&a->fds);
	free(a->uses);
	free(a);
}

/* Which pages an entry may name: a process's entries stand before its data. */
static struct grant_frames frames_of(const struct xen_arena_fds *f)
{
	if (f->vm)
		return (struct grant_frames){ 0, f->low_pages,
					      (uint32_t)(GMEM_HIGH >> XEN_PAGE_SHIFT),
					      f->pages - f->low_pages };
	return (struct grant_frames){ f->entry_pages, f->pages, 0, 0 };
}

static struct xen_arena *arena_new(struct vm *vm, domid_t granter, uint32_t id)
{
	struct xen_arena *a = calloc(1, sizeof(*a));
	void *p;

	if (!a)
		return NULL;
	a->fds.data = a->fds.entries = -1;
	a->granter = granter;
	a->id = id;
	if (fds_open(vm, granter, id, &a->fds))
		goto out_free;
	p = mmap(NULL, (size_t)a->fds.entry_pages * XEN_PAGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED, a->fds.entries, 0);
	if (p == MAP_FAILED)
		goto out_remote;
	a->entries = p;
	a->frames = frames_of(&a->fds);
	a->nentries = (uint32_t)(a->fds.entry_pages * ENTRIES_PER_PAGE);
	a->uses = calloc(a->nentries, sizeof(*a->uses));
	if (!a->uses)
		goto out_remote;
	a->next = vm->xen.arenas;
	vm->xen.arenas = a;
	return a;
out_remote:
	remote_close(vm, granter, id);
out_free:
	arena_free(a);
	return NULL;
}

/* An arena stays open until nothing of its domain is used and its channels close. */
static struct xen_arena *arena_get(struct vm *vm, domid_t granter, uint32_t id)
{
	struct xen_arena *a;

	for (a = vm->xen.arenas; a; a = a->next)
		if (a->granter == granter && a->id == id)
			return a;
	return arena_new(vm, granter, id);
}

/* A VM's reference is an entry; a process's names an arena, too. */
static struct xen_arena *arena_of_ref(struct vm *vm, domid_t granter, grant_ref_t ref,
				      uint32_t *entry)
{
	struct xen_arena *a = arena_get(vm, granter, gref_arena(ref));

	*entry = gref_entry(ref);
	if (!a || *entry >= a->nentries)
		return NULL;
	/* a process's entry i is its page i's */
	if (!a->fds.vm && (*entry < a->fds.entry_pages || *entry >= a->fds.pages))
		return NULL;
	return a;
}

int16_t xen_grant_take(struct vm *vm, domid_t granter, grant_ref_t ref, bool write,
		       struct xen_grant *g)
{
	int err;

	if (granter == DOMID_SELF)
		granter = vm->xen.domid;
	if (granter >= DOMID_FIRST_RESERVED)
		return GNTST_bad_domain;
	g->arena = arena_of_ref(vm, granter, ref, &g->entry);
	if (!g->arena)
		return GNTST_bad_gntref;
	if ((write && g->arena->fds.readonly) ||
	    g->arena->uses[g->entry].all == UINT16_MAX)
		return GNTST_permission_denied;
	g->write = write;
	err = grant_use(&g->arena->entries[g->entry], vm->xen.domid, write,
			&g->arena->frames, NULL, &g->page);
	if (err)
		return err == -EACCES ? GNTST_permission_denied : GNTST_bad_page;
	g->arena->uses[g->entry].all++;
	g->arena->uses[g->entry].write =
		(uint16_t)(g->arena->uses[g->entry].write + write);
	g->arena->used++;
	return GNTST_okay;
}

void xen_grant_drop(struct vm *vm, const struct xen_grant *g)
{
	struct entry_uses *u = &g->arena->uses[g->entry];
	unsigned marks = 0;

	(void)vm;
	u->all--;
	u->write = (uint16_t)(u->write - g->write);
	if (!u->all)
		marks |= GTF_reading;
	if (!u->write)
		marks |= GTF_writing;
	if (marks)
		grant_unuse(&g->arena->entries[g->entry], marks);
	g->arena->used--;
}

int xen_grant_fd(const struct xen_grant *g)
{
	return g->arena->fds.data;
}

void xen_grant_idle(struct vm *vm, domid_t granter)
{
	struct xen_arena **at = &vm->xen.arenas;

	while (*at) {
		struct xen_arena *a = *at;

		if (a->granter != granter || a->used) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		remote_close(vm, a->granter, a->id);
		arena_free(a);
	}
}

/* The hypervisor takes back what this VM leaves, the marks included. */
void xen_grant_fini(struct vm *vm)
{
	while (vm->xen.arenas) {
		struct xen_arena *a = vm->xen.arenas;

		vm->xen.arenas = a->next;
		arena_free(a);
	}
	free(vm->xen.handles);
}
