/* SPDX-License-Identifier: MIT */
/* The platform's dispatcher: checks arguments, then calls the implementation. */
#include "hv/plat/plat.h"

#include <errno.h>
#include <string.h>

#include "hv/plat/plat_ops.h"

#define CLAIM_PATH_MAX 192

int plat_open(const char *spec, const char *domain, struct plat **plat,
	      const char **err_what)
{
	const char *what;

	if (!err_what)
		err_what = &what;
	*err_what = "platform";
	if (!spec || !strcmp(spec, "proc"))
		return plat_proc_open(domain, plat, err_what);
	if (!strncmp(spec, "fault:", 6))
		return plat_fault_open(spec, domain, plat, err_what);
	*err_what = "platform (there are: proc, fault:...)";
	return -EINVAL;
}

void plat_close(struct plat *p)
{
	if (p)
		p->ops->close(p);
}

domid_t plat_domid(const struct plat *p)
{
	return p->domid;
}

const char *plat_domain_name(const struct plat *p)
{
	return p->name;
}

static int claim(struct plat *p, const char *path, bool take)
{
	if (!path || strnlen(path, CLAIM_PATH_MAX) >= CLAIM_PATH_MAX)
		return -EINVAL;
	return p->ops->claim(p, path, take);
}

int plat_claim(struct plat *p, const char *path)
{
	return claim(p, path, true);
}

int plat_unclaim(struct plat *p, const char *path)
{
	return claim(p, path, false);
}

int gnttab_arena_new(struct plat *p, domid_t peer, uint32_t nr_pages, bool readonly,
		     struct gnttab_arena **arena)
{
	int err;

	if (!nr_pages || nr_pages > GNTTAB_ARENA_MAX_PAGES ||
	    peer >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	err = p->ops->arena_new(p, peer, nr_pages, readonly, arena);
	if (!err)
		(*arena)->plat = p;
	return err;
}

int gnttab_end_access(struct gnttab_arena *a, uint32_t page)
{
	return page < a->nr_pages ? a->plat->ops->end_access(a, page) : -EINVAL;
}

int gnttab_grant(struct gnttab_arena *a, uint32_t page)
{
	return page < a->nr_pages ? a->plat->ops->grant(a, page) : -EINVAL;
}

void gnttab_arena_free(struct gnttab_arena *a)
{
	if (a)
		a->plat->ops->arena_free(a);
}

int gnttab_mapper_new(struct plat *p, domid_t peer, struct gnttab_mapper **m)
{
	int err;

	if (peer >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	err = p->ops->mapper_new(p, peer, m);
	if (err)
		return err;
	(*m)->plat = p;
	(*m)->peer = peer;
	return 0;
}

void gnttab_mapper_free(struct gnttab_mapper *m)
{
	if (m)
		m->plat->ops->mapper_free(m);
}

int gnttab_map_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		    int prot, void **addrs)
{
	if (prot != GNTTAB_READ && prot != GNTTAB_WRITE)
		return -EINVAL;
	return n ? m->plat->ops->map_refs(m, refs, n, prot, addrs) : 0;
}

void gnttab_unmap_refs(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		       int prot, void **addrs)
{
	if (n)
		m->plat->ops->unmap_refs(m, refs, n, prot, addrs);
}

int gnttab_map_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		    void **addr)
{
	if (!n || n > GNTTAB_ARENA_MAX_PAGES)
		return -EINVAL;
	return m->plat->ops->map_ring(m, refs, n, addr);
}

void gnttab_unmap_ring(struct gnttab_mapper *m, const grant_ref_t *refs, uint32_t n,
		       void *addr)
{
	if (addr)
		m->plat->ops->unmap_ring(m, refs, n, addr);
}

int gnttab_region(struct gnttab_mapper *m, const void *addr, void **base, size_t *len)
{
	return m->plat->ops->region(m, addr, base, len);
}

int evtchn_alloc_unbound(struct plat *p, domid_t remote, struct evtchn **ch)
{
	int err;

	if (remote >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	err = p->ops->evtchn_alloc(p, remote, ch);
	if (!err)
		(*ch)->plat = p;
	return err;
}

int evtchn_bind_interdomain(struct plat *p, domid_t remote, evtchn_port_t remote_port,
			    struct evtchn **ch)
{
	int err;

	if (remote >= DOMID_FIRST_RESERVED || !remote_port ||
	    remote_port >= EVTCHN_2L_NR_CHANNELS)
		return -EINVAL;
	err = p->ops->evtchn_bind(p, remote, remote_port, ch);
	if (!err)
		(*ch)->plat = p;
	return err;
}

void evtchn_notify(struct evtchn *ch)
{
	ch->plat->ops->evtchn_notify(ch);
}

int evtchn_ack(struct evtchn *ch)
{
	return ch->plat->ops->evtchn_ack(ch);
}

void evtchn_close(struct evtchn *ch)
{
	if (ch)
		ch->plat->ops->evtchn_close(ch);
}

int xenstore_fd(struct plat *p)
{
	return p->ops->xs_fd(p);
}

int xenstore_next_event(struct plat *p, char **path, char **token)
{
	return p->ops->xs_event(p, path, token);
}
