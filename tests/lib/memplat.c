/* SPDX-License-Identifier: MIT */
/* The platform in memory: grants and event channels. memplat_xs.c: xenstore. */
#include "tests/lib/memplat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lib/memplat_int.h"

#define MEM_LARGE 256u /* pages */

/* ----------------------------------------------------------------- grants */

static void mem_arena_unlink(struct memhv *hv, struct mem_arena *a)
{
	for (unsigned i = 0; i < MEM_ARENAS; i++)
		if (hv->arena[i] == a)
			hv->arena[i] = NULL;
}

/* Zeroed. Large ones get their pages as they are touched: fuzzing is faster. */
static uint8_t *mem_pages_new(uint32_t nr)
{
	size_t len = (size_t)nr * PLAT_PAGE_SIZE;
	void *p;

	if (nr < MEM_LARGE) {
		p = aligned_alloc(PLAT_PAGE_SIZE, len);
		return p ? memset(p, 0, len) : NULL;
	}
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void mem_pages_free(uint8_t *p, uint32_t nr)
{
	if (nr < MEM_LARGE)
		free(p);
	else
		munmap(p, (size_t)nr * PLAT_PAGE_SIZE);
}

static int mem_arena_new(struct plat *p, domid_t peer, uint32_t nr, bool ro,
			 struct gnttab_arena **out)
{
	struct memhv *hv = ((struct memplat *)p)->hv;
	struct mem_arena *a = calloc(1, sizeof(*a));
	unsigned slot;

	pthread_mutex_lock(&hv->lock);
	for (slot = 1; slot < MEM_ARENAS && hv->arena[slot]; slot++)
		;
	if (!a || slot == MEM_ARENAS)
		goto full;
	a->refs = calloc(nr, sizeof(*a->refs));
	a->mapped = calloc(nr, sizeof(*a->mapped));
	a->revoked = calloc(nr, sizeof(*a->revoked));
	a->a.pages = mem_pages_new(nr);
	if (!a->refs || !a->mapped || !a->revoked || !a->a.pages)
		abort(); /* a test machine without memory */
	for (uint32_t i = 0; i < nr; i++)
		a->refs[i] = gref_make(slot, i + 1);
	a->owner = p->domid;
	a->a.plat = p;
	a->a.nr_pages = nr;
	a->a.peer = peer;
	a->a.readonly = ro;
	a->a.refs = a->refs;
	hv->arena[slot] = a;
	pthread_mutex_unlock(&hv->lock);
	*out = &a->a;
	return 0;
full:
	pthread_mutex_unlock(&hv->lock);
	free(a);
	return -ENOMEM;
}

static int mem_end_access(struct gnttab_arena *ga, uint32_t page)
{
	struct mem_arena *a = (struct mem_arena *)ga;
	struct memhv *hv = ((struct memplat *)ga->plat)->hv;
	int err = 0;

	pthread_mutex_lock(&hv->lock);
	if (a->mapped[page])
		err = -EBUSY;
	else
		a->revoked[page] = true;
	pthread_mutex_unlock(&hv->lock);
	return err;
}

static int mem_grant(struct gnttab_arena *ga, uint32_t page)
{
	((struct mem_arena *)ga)->revoked[page] = false;
	return 0;
}

static void mem_arena_release(struct mem_arena *a)
{
	free(a->refs);
	free(a->mapped);
	free(a->revoked);
	mem_pages_free(a->a.pages, a->a.nr_pages);
	free(a);
}

static void mem_arena_free(struct gnttab_arena *ga)
{
	struct mem_arena *a = (struct mem_arena *)ga;
	struct memhv *hv = ((struct memplat *)ga->plat)->hv;
	bool now;

	pthread_mutex_lock(&hv->lock);
	mem_arena_unlink(hv, a);
	a->dead = true;
	now = !a->nr_mapped;
	pthread_mutex_unlock(&hv->lock);
	if (now)
		mem_arena_release(a);
}

static int mem_mapper_new(struct plat *p, domid_t peer, struct gnttab_mapper **m)
{
	*m = calloc(1, sizeof(**m));
	if (!*m)
		return -ENOMEM;
	(*m)->plat = p;
	(*m)->peer = peer;
	return 0;
}

static void mem_mapper_free(struct gnttab_mapper *m)
{
	free(m);
}

static int mem_map_one(struct memhv *hv, struct gnttab_mapper *m, grant_ref_t ref,
		       int prot, struct mem_page *out)
{
	uint32_t slot = gref_arena(ref), page = gref_entry(ref) - 1;
	struct mem_arena *a = slot < MEM_ARENAS ? hv->arena[slot] : NULL;

	if (!a || a->owner != m->peer || page >= a->a.nr_pages || a->revoked[page])
		return -ENOENT;
	if (a->a.peer != m->plat->domid || (prot == GNTTAB_WRITE && a->a.readonly))
		return -EACCES;
	a->mapped[page]++;
	a->nr_mapped++;
	hv->mapped++;
	out->arena = a;
	out->addr = a->a.pages + (size_t)page * PLAT_PAGE_SIZE;
	return 0;
}

/* A page that the arena's owner may have freed meanwhile: found by address. */
static void mem_unmap_one(struct memhv *hv, struct mem_arena *a, const void *addr)
{
	size_t page = (size_t)((const uint8_t *)addr - a->a.pages) / PLAT_PAGE_SIZE;

	if (page >= a->a.nr_pages || !a->mapped[page])
		abort(); /* an unmap without its map: a bug of the program tested */
	a->mapped[page]--;
	hv->mapped--;
	if (!--a->nr_mapped && a->dead)
		mem_arena_release(a);
}

static bool mem_injected(struct memhv *hv)
{
	if (hv->fail_map && !--hv->fail_map)
		return true;
	return hv->fail_every && ++hv->calls % hv->fail_every == 0;
}

/* The arena that holds addr, dead ones too. */
static struct mem_arena *mem_find(struct memhv *hv, const void *addr)
{
	struct mem_page *pg;

	for (pg = hv->pages; pg; pg = pg->next)
		if (pg->addr == addr)
			return pg->arena;
	return NULL;
}

static int mem_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			int prot, void **addrs)
{
	struct memhv *hv = ((struct memplat *)m->plat)->hv;
	uint32_t i;
	int err = 0;

	pthread_mutex_lock(&hv->lock);
	if (mem_injected(hv))
		err = -ENOMEM;
	for (i = 0; !err && i < n; i++) {
		struct mem_page *pg = calloc(1, sizeof(*pg));

		if (!pg)
			abort();
		err = mem_map_one(hv, m, refs[i], prot, pg);
		if (err) {
			free(pg);
			break;
		}
		addrs[i] = pg->addr;
		pg->next = hv->pages;
		hv->pages = pg;
	}
	pthread_mutex_unlock(&hv->lock);
	if (err && i)
		gnttab_unmap_refs(m, refs, i, prot, addrs);
	return err;
}

static void mem_unmap_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			   int prot, void **addrs)
{
	struct memhv *hv = ((struct memplat *)m->plat)->hv;

	(void)refs;
	(void)prot;
	pthread_mutex_lock(&hv->lock);
	for (uint32_t i = 0; i < n; i++) {
		struct mem_arena *a = mem_find(hv, addrs[i]);
		struct mem_page **pp;

		if (!a)
			abort();
		for (pp = &hv->pages; (*pp)->addr != addrs[i]; pp = &(*pp)->next)
			;
		struct mem_page *pg = *pp;

		*pp = pg->next;
		free(pg);
		mem_unmap_one(hv, a, addrs[i]);
	}
	pthread_mutex_unlock(&hv->lock);
}

/* Rings must be neighbours in one arena here. */
static int mem_map_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			void **addr)
{
	void *addrs[64];
	int err;

	for (uint32_t i = 1; i < n; i++)
		if (refs[i] != refs[0] + i)
			return -EINVAL;
	err = mem_map_refs(m, refs, n, GNTTAB_WRITE, addrs);
	if (!err)
		*addr = addrs[0];
	return err;
}

static void mem_unmap_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
			   void *addr)
{
	void *addrs[64];

	for (uint32_t i = 0; i < n; i++)
		addrs[i] = (uint8_t *)addr + (size_t)i * PLAT_PAGE_SIZE;
	mem_unmap_refs(m, refs, n, GNTTAB_WRITE, addrs);
}

static int mem_region(struct gnttab_mapper *m, const void *addr, void **base, size_t *len)
{
	struct memhv *hv = ((struct memplat *)m->plat)->hv;
	struct mem_arena *a;

	pthread_mutex_lock(&hv->lock);
	a = mem_find(hv, addr);
	pthread_mutex_unlock(&hv->lock);
	if (!a)
		return -ENOENT;
	*base = a->a.pages;
	*len = (size_t)a->a.nr_pages * PLAT_PAGE_SIZE;
	return 0;
}

/* --------------------------------------------------------- event channels */

/* Ports are used again, the longest free one first, as long as that is simple. */
static evtchn_port_t mem_port(struct memhv *hv)
{
	const struct mem_evtchn *c;

	do {
		hv->last_port = hv->last_port % 4000 + 1;
		for (c = hv->channels; c && c->ch.port != hv->last_port; c = c->next)
			;
	} while (c);
	return hv->last_port;
}

static int mem_evtchn_new(struct plat *p, domid_t remote, struct mem_evtchn **out)
{
	struct memhv *hv = ((struct memplat *)p)->hv;
	struct mem_evtchn *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ch.plat = p;
	c->ch.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c->ch.port = mem_port(hv);
	c->owner = p->domid;
	c->remote = remote;
	c->next = hv->channels;
	hv->channels = c;
	*out = c;
	return 0;
}

static int mem_evtchn_alloc(struct plat *p, domid_t remote, struct evtchn **ch)
{
	struct memhv *hv = ((struct memplat *)p)->hv;
	struct mem_evtchn *c;
	int err;

	pthread_mutex_lock(&hv->lock);
	err = mem_evtchn_new(p, remote, &c);
	pthread_mutex_unlock(&hv->lock);
	if (!err)
		*ch = &c->ch;
	return err;
}

static int mem_evtchn_bind(struct plat *p, domid_t remote, evtchn_port_t port,
			   struct evtchn **ch)
{
	struct memhv *hv = ((struct memplat *)p)->hv;
	struct mem_evtchn *r, *c;
	uint64_t one = 1; /* the binder finds an event pending */
	int err = -EINVAL;

	pthread_mutex_lock(&hv->lock);
	for (r = hv->channels; r; r = r->next)
		if (r->ch.port == port && r->owner == remote && r->remote == p->domid &&
		    !r->peer)
			break;
	if (r && mem_injected(hv))
		err = -ENOMEM;
	else if (r)
		err = mem_evtchn_new(p, remote, &c);
	if (!err) {
		c->peer = r;
		r->peer = c;
		*ch = &c->ch;
		(void)!write(c->ch.fd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&hv->lock);
	return err;
}

static void mem_evtchn_notify(struct evtchn *ch)
{
	struct mem_evtchn *c = (struct mem_evtchn *)ch;
	struct memhv *hv = ((struct memplat *)ch->plat)->hv;
	uint64_t one = 1;

	pthread_mutex_lock(&hv->lock);
	if (c->peer)
		(void)!write(c->peer->ch.fd, &one, sizeof(one));
	pthread_mutex_unlock(&hv->lock);
}

static int mem_evtchn_ack(struct evtchn *ch)
{
	uint64_t n;

	(void)!read(ch->fd, &n, sizeof(n));
	return 0;
}

static void mem_evtchn_close(struct evtchn *ch)
{
	struct mem_evtchn *c = (struct mem_evtchn *)ch, **p;
	struct memhv *hv = ((struct memplat *)ch->plat)->hv;

	pthread_mutex_lock(&hv->lock);
	for (p = &hv->channels; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	if (c->peer)
		c->peer->peer = NULL;
	pthread_mutex_unlock(&hv->lock);
	close(c->ch.fd);
	free(c);
}

/* ------------------------------------------------------------------- plat */

static void mem_close(struct plat *p)
{
	struct memplat *mp = (struct memplat *)p;

	mem_xs_close(mp);
	free(mp);
}

static int mem_claim(struct plat *p, const char *path, bool take)
{
	(void)p;
	(void)path;
	(void)take;
	return 0;
}

static const struct plat_ops mem_ops = {
	.name = "mem",
	.close = mem_close,
	.claim = mem_claim,
	.arena_new = mem_arena_new,
	.end_access = mem_end_access,
	.grant = mem_grant,
	.arena_free = mem_arena_free,
	.mapper_new = mem_mapper_new,
	.mapper_free = mem_mapper_free,
	.map_refs = mem_map_refs,
	.unmap_refs = mem_unmap_refs,
	.map_ring = mem_map_ring,
	.unmap_ring = mem_unmap_ring,
	.region = mem_region,
	.evtchn_alloc = mem_evtchn_alloc,
	.evtchn_bind = mem_evtchn_bind,
	.evtchn_notify = mem_evtchn_notify,
	.evtchn_ack = mem_evtchn_ack,
	.evtchn_close = mem_evtchn_close,
	.xs_request = mem_xs_request,
	.xs_fd = mem_xs_fd,
	.xs_event = mem_xs_event,
};

int memplat_open(struct memhv *hv, domid_t domid, struct plat **p)
{
	struct memplat *mp = calloc(1, sizeof(*mp));

	if (!mp)
		return -ENOMEM;
	mp->p.ops = &mem_ops;
	mp->p.domid = domid;
	snprintf(mp->p.name, sizeof(mp->p.name), "mem%u", domid);
	mp->hv = hv;
	mem_xs_open(mp);
	*p = &mp->p;
	return 0;
}
