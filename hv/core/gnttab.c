/* SPDX-License-Identifier: MIT */
/* Arenas: memory, entries, who has them. */
#include "hv/core/gnttab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static int memfd_sealed(const char *name, uint32_t pages, int seals)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	int err;

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, flags);
	if (fd < 0)
		return -ENOMEM;
	if (ftruncate(fd, (off_t)pages * ARENA_PAGE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | seals) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

uint32_t arena_entry_pages(const struct arena *a)
{
	const uint32_t per_page = ARENA_PAGE / sizeof(struct grant_entry_v1);

	return a->vm ? a->total / per_page : a->first;
}

/* A VM's RAM is its own process's. */
static uint32_t arena_charge(const struct arena *a)
{
	return a->vm ? 0 : a->total;
}

uint32_t arena_nr_fds(const struct arena *a)
{
	return a->entries != a->data ? 2 : 1;
}

static struct grant_entry_v1 *entries_map(const struct arena *a)
{
	void *p = mmap(NULL, (size_t)arena_entry_pages(a) * ARENA_PAGE,
		       PROT_READ | PROT_WRITE, MAP_SHARED, a->entries, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void entries_unmap(const struct arena *a, struct grant_entry_v1 *e)
{
	/* cannot fail: mapped by entries_map() */
	(void)munmap(e, (size_t)arena_entry_pages(a) * ARENA_PAGE);
}

static int entries_fill(const struct arena *a)
{
	struct grant_entry_v1 *e = entries_map(a);
	unsigned flags = GTF_permit_access | (a->readonly ? GTF_readonly : 0);

	if (!e)
		return -ENOMEM;
	for (uint32_t i = a->first; i < a->total; i++) {
		e[i].domid = a->peer;
		e[i].frame = i;
		atomic_store_explicit(&e[i].flags, (uint16_t)flags, memory_order_relaxed);
	}
	entries_unmap(a, e);
	return 0;
}

/*
 * Takes `flags` away from every entry, whatever the two ends do meanwhile; of a
 * VM's, which many have, from those for `peer` (NULL: all).
 */
static void entries_clear(const struct arena *a, unsigned flags,
			  const struct domain *peer)
{
	struct grant_entry_v1 *e = entries_map(a);

	/* without memory for that nothing is safe or unsafe: only less exact */
	for (uint32_t i = a->first; e && i < a->total; i++) {
		if (a->vm && peer && e[i].domid != peer->id)
			continue;
		if (atomic_load_explicit(&e[i].flags, memory_order_relaxed) & flags)
			atomic_fetch_and(&e[i].flags, (uint16_t)~flags);
	}
	if (e)
		entries_unmap(a, e);
}

static void arena_free(struct arena *a)
{
	struct domain *dom = a->dom;

	if (a->entries != a->data)
		close(a->entries);
	close(a->data);
	dom->arenas[a->id] = NULL;
	dom->nr_arenas--;
	dom->pages -= arena_charge(a);
	domain_uncharge_fds(dom, arena_nr_fds(a));
	free(a);
	domain_reap(dom);
}

void arena_insert(struct arena *a)
{
	a->dom->pages += arena_charge(a);
	a->dom->nr_arenas++;
	a->dom->arenas[a->id] = a;
	LIST_INSERT_HEAD(&a->owner->arenas, a, link);
}

/* The first free id, if the domain may have one more for this peer. */
static int arena_free_id(const struct domain *dom, uint64_t peer_serial, uint32_t *id)
{
	uint32_t to_peer = 0, found = GREF_ARENAS;

	for (uint32_t i = dom->vm; i < GREF_ARENAS; i++) /* 0: the VM's memory */
		if (dom->arenas[i])
			to_peer += dom->arenas[i]->peer_serial == peer_serial;
		else if (found == GREF_ARENAS)
			found = i;
	*id = found;
	return found == GREF_ARENAS || to_peer >= dom->reg->limits.arenas_per_peer
		       ? -ENOMEM
		       : 0;
}

static int arena_memory(struct arena *a)
{
	int err;

	a->data = memfd_sealed("tandem-arena", a->total, a->readonly ? 0 : F_SEAL_SEAL);
	if (a->data < 0)
		return a->data;
	a->entries = a->data;
	if (a->readonly) {
		a->entries = memfd_sealed("tandem-grants", a->first, F_SEAL_SEAL);
		if (a->entries < 0) {
			err = a->entries;
			goto close_data;
		}
	}
	err = entries_fill(a);
	if (!err)
		return 0;
	if (a->entries != a->data)
		close(a->entries);
close_data:
	close(a->data);
	return err;
}

/* Entries for their own pages too, so that an entry's number is its page's. */
static uint32_t entry_pages_for(uint32_t pages)
{
	const uint32_t per_page = ARENA_PAGE / sizeof(struct grant_entry_v1);

	return (pages + per_page - 2) / (per_page - 1);
}

int arena_create(struct client *c, domid_t peer, uint32_t pages, bool readonly,
		 struct arena **arena)
{
	struct domain *dom = c->dom, *to = domain_by_id(dom->reg, peer);
	struct arena *a;
	uint32_t id;
	int err;

	if (!pages || pages > ARENA_MAX_PAGES)
		return -EINVAL;
	if (!to)
		return -ENOENT;
	err = arena_free_id(dom, to->serial, &id);
	if (err)
		return err;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->first = entry_pages_for(pages);
	a->total = a->first + pages;
	a->id = id;
	a->dom = dom;
	a->owner = c;
	a->peer = peer;
	a->peer_serial = to->serial;
	a->readonly = readonly;
	err = -ENOMEM;
	if (a->total > dom->reg->limits.arena_pages - dom->pages)
		goto free_arena;
	err = domain_charge_fds(dom, readonly ? 2 : 1);
	if (err)
		goto free_arena;
	err = arena_memory(a);
	if (err)
		goto uncharge;
	arena_insert(a);
	*arena = a;
	return 0;
uncharge:
	domain_uncharge_fds(dom, readonly ? 2 : 1);
free_arena:
	free(a);
	return err;
}

static void arena_disown(struct arena *a)
{
	LIST_REMOVE(a, link);
	a->owner = NULL;
	if (LIST_EMPTY(&a->maps))
		arena_free(a);
	else
		entries_clear(a, GTF_type_mask, NULL);
}

int arena_destroy(struct client *c, uint32_t id)
{
	struct arena *a = id < GREF_ARENAS ? c->dom->arenas[id] : NULL;

	if (!a || a->owner != c)
		return -ENOENT;
	arena_disown(a);
	return 0;
}

static struct arena *arena_find(struct client *c, domid_t granter, uint32_t id)
{
	/* a dead domain's arenas can still be let go */
	struct domain *dom =
		granter < DOMID_FIRST_RESERVED ? c->dom->reg->by_id[granter] : NULL;

	return dom && id < GREF_ARENAS ? dom->arenas[id] : NULL;
}

static struct arena_map *arena_map_of(const struct arena *a, const struct client *c)
{
	struct arena_map *m;

	LIST_FOREACH (m, &a->maps, by_arena)
		if (m->client == c)
			return m;
	return NULL;
}

/* May the domain have it? */
static bool arena_is_for(const struct arena *a, const struct domain *dom)
{
	const struct registry *reg = dom->reg;

	if (!a->vm)
		return a->peer == dom->id && a->peer_serial == dom->serial;
	return dom == a->dom || (reg->vm_serves &&
				 reg->vm_serves(reg->vm_serves_arg, a->dom->id, dom->id));
}

int arena_map(struct client *c, domid_t granter, uint32_t id, struct arena **arena)
{
	struct arena *a = arena_find(c, granter, id);
	struct arena_map *m;

	if (!a || !a->owner)
		return -ENOENT;
	if (!arena_is_for(a, c->dom))
		return -EACCES;
	if (a->readonly && !(fcntl(a->data, F_GET_SEALS) & F_SEAL_FUTURE_WRITE))
		return -EAGAIN;
	*arena = a;
	if (arena_map_of(a, c))
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->arena = a;
	m->client = c;
	LIST_INSERT_HEAD(&a->maps, m, by_arena);
	LIST_INSERT_HEAD(&c->maps, m, by_client);
	return 0;
}

static bool arena_mapped_by(const struct arena *a, const struct domain *dom)
{
	const struct arena_map *m;

	LIST_FOREACH (m, &a->maps, by_arena)
		if (m->client->dom == dom)
			return true;
	return false;
}

static void arena_map_drop(struct arena_map *m)
{
	const struct domain *dom = m->client->dom;
	struct arena *a = m->arena;

	LIST_REMOVE(m, by_arena);
	LIST_REMOVE(m, by_client);
	free(m);
	if (!a->owner && LIST_EMPTY(&a->maps))
		arena_free(a);
	else if (a->owner && !arena_mapped_by(a, dom))
		entries_clear(a, GTF_reading | GTF_writing, dom);
}

int arena_unmap(struct client *c, domid_t granter, uint32_t id)
{
	struct arena *a = arena_find(c, granter, id);
	struct arena_map *m = a ? arena_map_of(a, c) : NULL;

	if (!m)
		return -ENOENT;
	arena_map_drop(m);
	return 0;
}

/* Another description of the same file: reopened, not duplicated. */
static int fd_reopen(int fd, int flags)
{
	char path[32];
	int n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = open(path, flags | O_CLOEXEC);
	return n < 0 ? -errno : n;
}

int arena_fds(const struct arena *a, bool owner, int fds[2])
{
	bool ro = a->readonly && !owner;

	fds[0] = fd_reopen(a->data, ro ? O_RDONLY : O_RDWR);
	if (fds[0] < 0)
		return -ENOMEM;
	if (arena_nr_fds(a) == 1)
		return 1;
	fds[1] = fd_reopen(a->entries, O_RDWR);
	if (fds[1] < 0) {
		close(fds[0]);
		return -ENOMEM;
	}
	return 2;
}

void gnttab_client_end(struct client *c)
{
	while (!LIST_EMPTY(&c->maps))
		arena_map_drop(LIST_FIRST(&c->maps));
	while (!LIST_EMPTY(&c->arenas))
		arena_disown(LIST_FIRST(&c->arenas));
}
