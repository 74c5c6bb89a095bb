/* SPDX-License-Identifier: MIT */
/* Peers' arenas in this process: looked up when first touched, shared, counted. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hv/plat/proc_map.h"

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

static uint64_t now_ns(void)
{
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* May the peer cause one more lookup that fails? */
static bool peer_may_miss(struct proc_peer *peer)
{
	uint64_t now = now_ns();

	if (now >= peer->miss_end) {
		peer->miss_end = now + MISS_WINDOW_NS;
		peer->misses = 0;
	}
	return peer->misses < MISS_MAX;
}

static int arena_mmap(struct peer_arena *pa, int data, int entries)
{
	const int rw = PROT_READ | PROT_WRITE;
	size_t len = (size_t)pa->total * PLAT_PAGE_SIZE;
	void *p = mmap(NULL, len, pa->readonly ? PROT_READ : rw, MAP_SHARED, data, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	if (pa->readonly && mmap(p, (size_t)pa->first * PLAT_PAGE_SIZE, rw,
				 MAP_SHARED | MAP_FIXED, entries, 0) == MAP_FAILED) {
		/* cannot fail: mapped above */
		(void)munmap(p, len);
		return -ENOMEM;
	}
	pa->base = p;
	return 0;
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
	struct hvreply reply;

	err = proc_call(pp, &call, &reply, fds, &nfds);
	if (err)
		return err;
	pa->total = reply.value;
	pa->readonly = reply.flags & HVCALL_ARENA_RO;
	pa->first = proc_entry_pages(pa->total);
	if (nfds == (pa->readonly ? 2 : 1) && pa->first < pa->total &&
	    pa->total <= GREF_ENTRY_MASK)
		err = arena_mmap(pa, fds[0], pa->readonly ? fds[1] : -1);
	else
		err = -EPROTO;
	while (nfds > 0)
		close(fds[--nfds]);
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
	/* cannot fail: mapped by arena_call_map() */
	(void)munmap(pa->base, (size_t)pa->total * PLAT_PAGE_SIZE);
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
		/* cannot fail: mapped by arena_mmap() */
		(void)munmap(pa->base, (size_t)pa->total * PLAT_PAGE_SIZE);
		arena_call_unmap(pp, pa);
		pthread_mutex_destroy(&pa->lock);
		free(pa->use);
		free(pa);
	}
	pthread_mutex_unlock(&pp->lock);
}
