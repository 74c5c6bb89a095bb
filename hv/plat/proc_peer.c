/* SPDX-License-Identifier: MIT */
/* Peers' arenas in this process: looked up when first touched, shared, counted. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/base/clock.h"
#include "hv/plat/proc_map.h"
#include "hv/proc/hvclient.h"

#define MISS_MAX       64u /* failed lookups a peer in a window; then no more calls */
#define MISS_WINDOW_NS 100000000u /* 100 ms */

static struct proc_peer *peer_find(struct plat_proc *pp, domid_t domid)
{
	struct proc_peer *p;

	LIST_FOREACH (p, &pp->peers, link) {
		if (p->domid == domid)
			return p;
	}
	p = calloc(1, sizeof(*p));
	if (p) {
		p->domid = domid;
		LIST_INSERT_HEAD(&pp->peers, p, link);
	}
	return p;
}

int peer_get(struct plat_proc *pp, domid_t domid, struct proc_peer **peer)
{
	struct proc_peer *p;

	pthread_mutex_lock(&pp->lock);
	p = peer_find(pp, domid);
	if (p)
		p->mappers++;
	pthread_mutex_unlock(&pp->lock);
	*peer = p;
	return p ? 0 : -ENOMEM;
}

void peer_put(struct plat_proc *pp, struct proc_peer *peer)
{
	pthread_mutex_lock(&pp->lock);
	if (!--peer->mappers) {
		LIST_REMOVE(peer, link);
		free(peer);
	}
	pthread_mutex_unlock(&pp->lock);
}

/* May the peer cause one more lookup that fails? */
static bool peer_may_miss(struct proc_peer *peer)
{
	uint64_t now = clock_ns();

	if (now >= peer->miss_end) {
		peer->miss_end = now + MISS_WINDOW_NS;
		peer->misses = 0;
	}
	return peer->misses < MISS_MAX;
}

static void arena_munmap(struct peer_arena *pa)
{
	/* cannot fail: mapped by arena_mmap() */
	if (pa->entries_len)
		(void)munmap(pa->entries, pa->entries_len);
	(void)munmap(pa->data, pa->data_len);
}

static void *memfd_map(int fd, size_t len, int prot)
{
	return mmap(NULL, len, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);
}

static int arena_mmap(struct peer_arena *pa, const struct hvclient_arena *a)
{
	const int rw = PROT_READ | PROT_WRITE;

	pa->data_len = (size_t)a->pages * PLAT_PAGE_SIZE;
	pa->data = memfd_map(a->data, pa->data_len, a->readonly ? PROT_READ : rw);
	if (pa->data == MAP_FAILED)
		return -ENOMEM;
	pa->entries = (struct grant_entry_v1 *)(void *)pa->data;
	if (a->entries < 0)
		return 0;
	pa->entries_len = (size_t)a->entry_pages * PLAT_PAGE_SIZE;
	pa->entries = memfd_map(a->entries, pa->entries_len, rw);
	if (pa->entries != MAP_FAILED)
		return 0;
	pa->entries_len = 0;
	arena_munmap(pa);
	return -ENOMEM;
}

/* Which entries there are, and what their frames are in data. */
static void arena_layout(struct peer_arena *pa, const struct hvclient_arena *a)
{
	const uint32_t per_page = PLAT_PAGE_SIZE / sizeof(struct grant_entry_v1);

	pa->vm = a->vm;
	pa->readonly = a->readonly;
	pa->first = a->vm ? 0 : a->entry_pages;
	pa->total = a->vm ? a->entry_pages * per_page : a->pages;
	pa->frames.first = pa->first;
	pa->frames.end = a->vm ? a->low_pages : a->pages;
	pa->frames.high_first = HVCALL_VM_HIGH_FRAME;
	pa->frames.high_pages = a->pages - pa->frames.end;
}

static void arena_call_unmap(struct plat_proc *pp, const struct peer_arena *pa)
{
	struct hvcall call = {
		.op = HVCALL_ARENA_UNMAP,
		.domid = pa->peer->domid,
		.id = pa->id,
	};
	struct hvreply reply;

	/* cannot fail but with the hypervisor gone, and its note with it */
	(void)proc_call(pp, &call, &reply, NULL, NULL);
}

static int arena_call_map(struct plat_proc *pp, struct peer_arena *pa)
{
	struct hvcall call = {
		.op = HVCALL_ARENA_MAP,
		.domid = pa->peer->domid,
		.id = pa->id,
	};
	int fds[HVCALL_MAX_FDS], nfds, err;
	struct hvclient_arena a;
	struct hvreply reply;

	err = proc_call(pp, &call, &reply, fds, &nfds);
	if (err)
		return err;
	err = hvclient_arena_parse(&reply, fds, nfds, &a);
	if (!err) {
		arena_layout(pa, &a);
		err = arena_mmap(pa, &a);
		close(a.data);
		if (a.entries >= 0)
			close(a.entries);
	}
	if (err)
		arena_call_unmap(pp, pa);
	return err;
}

static int peer_arena_new(struct plat_proc *pp, struct proc_peer *peer, uint32_t id,
			  struct peer_arena **out)
{
	struct peer_arena *pa = calloc(1, sizeof(*pa));
	int err;

	if (!pa)
		return -ENOMEM;
	pa->peer = peer;
	pa->id = id;
	err = arena_call_map(pp, pa);
	if (err)
		goto free_arena;
	pa->use = calloc(pa->total, sizeof(*pa->use));
	if (!pa->use) {
		err = -ENOMEM;
		goto unmap;
	}
	/* cannot fail: default attributes */
	(void)pthread_mutex_init(&pa->lock, NULL);
	peer->arenas[id] = pa;
	*out = pa;
	return 0;
unmap:
	arena_munmap(pa);
	arena_call_unmap(pp, pa);
free_arena:
	free(pa);
	return err;
}

int peer_arena_get(struct plat_proc *pp, struct proc_peer *peer, uint32_t id,
		   struct peer_arena **pa)
{
	int err = 0;

	pthread_mutex_lock(&pp->lock);
	*pa = peer->arenas[id];
	if (!*pa) {
		err = peer_may_miss(peer) ? peer_arena_new(pp, peer, id, pa) : -ENOENT;
		/* not sealed yet is not granted yet */
		if (err == -EAGAIN)
			err = -EACCES;
		if (err == -ENOENT || err == -EACCES)
			peer->misses++;
	}
	if (!err)
		(*pa)->refs++;
	pthread_mutex_unlock(&pp->lock);
	return err;
}

void peer_arena_put(struct plat_proc *pp, struct peer_arena *pa)
{
	pthread_mutex_lock(&pp->lock);
	if (!--pa->refs) {
		pa->peer->arenas[pa->id] = NULL;
		arena_munmap(pa);
		arena_call_unmap(pp, pa);
		pthread_mutex_destroy(&pa->lock);
		free(pa->use);
		free(pa);
	}
	pthread_mutex_unlock(&pp->lock);
}
