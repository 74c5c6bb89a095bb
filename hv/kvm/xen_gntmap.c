/* SPDX-License-Identifier: MIT */
/* GNTTABOP_map_grant_ref, unmap_grant_ref and copy: other domains' pages (grant_table.h).
 */
#include "hv/kvm/xen_gntmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/kvm/hypercall.h"
#include "hv/kvm/xen_grant.h"

/* A mapping of the guest's. */
struct xen_handle {
	struct xen_grant grant; /* arena NULL: the handle is free */
	uint64_t gfn;
};

/* ------------------------------------------------------------------------ map */

/* A free handle; XEN_MAX_HANDLES: there is none. */
static uint32_t handle_new(struct xen_domain *x)
{
	uint32_t n = x->nr_handles ? 2 * x->nr_handles : 64;
	struct xen_handle *more;

	for (uint32_t i = 0; i < x->nr_handles; i++) {
		uint32_t h = (x->next_handle + i) % x->nr_handles;

		if (!x->handles[h].grant.arena) {
			x->next_handle = h + 1;
			return h;
		}
	}
	if (n > XEN_MAX_HANDLES)
		return XEN_MAX_HANDLES;
	more = realloc(x->handles, n * sizeof(*more));
	if (!more)
		return XEN_MAX_HANDLES;
	memset(more + x->nr_handles, 0, (n - x->nr_handles) * sizeof(*more));
	x->next_handle = x->nr_handles;
	x->handles = more;
	x->nr_handles = n;
	return x->next_handle++;
}

static int16_t map_page(struct vm *vm, struct gnttab_map_grant_ref *m)
{
	const uint64_t gfn = m->host_addr >> XEN_PAGE_SHIFT;
	const bool write = !(m->flags & GNTMAP_readonly);
	struct xen_domain *x = &vm->xen;
	struct xen_grant g;
	uint32_t handle;
	int16_t status;

	if ((m->flags & ~GNTMAP_readonly) != GNTMAP_host_map)
		return GNTST_general_error; /* neither devices nor page tables here */
	/* nothing that is placed already is covered, nor what KVM writes to */
	if (m->host_addr % XEN_PAGE_SIZE || gfn == x->shared_gfn ||
	    gmem_placed(&vm->mem, gfn))
		return GNTST_bad_virt_addr;
	handle = handle_new(x);
	if (handle == XEN_MAX_HANDLES)
		return GNTST_no_device_space;
	status = xen_grant_take(vm, m->dom, m->ref, write, &g);
	if (status != GNTST_okay)
		return status;
	if (gmem_place(&vm->mem, gfn, xen_grant_fd(&g), g.page,
		       write ? GMEM_RW : GMEM_RO)) {
		xen_grant_drop(vm, &g);
		return GNTST_bad_virt_addr;
	}
	x->handles[handle] = (struct xen_handle){ g, gfn };
	m->handle = handle;
	m->dev_bus_addr = m->host_addr;
	return GNTST_okay;
}

int64_t gnttab_map(struct vcpu *v, uint64_t va)
{
	struct gnttab_map_grant_ref m;

	if (guest_copy_in(v, &m, va, sizeof(m)))
		return -EFAULT;
	m.handle = UINT32_MAX;
	m.status = map_page(v->vm, &m);
	return guest_copy_out(v, va, &m, sizeof(m));
}

/* ---------------------------------------------------------------------- unmap */

static int16_t unmap_page(struct vm *vm, const struct gnttab_unmap_grant_ref *u)
{
	struct xen_handle *h;

	if (u->handle >= vm->xen.nr_handles || !vm->xen.handles[u->handle].grant.arena)
		return GNTST_bad_handle;
	h = &vm->xen.handles[u->handle];
	if (u->host_addr && u->host_addr != h->gfn << XEN_PAGE_SHIFT)
		return GNTST_bad_virt_addr;
	/* -ENOENT: the guest took the page away itself, by its number */
	(void)gmem_remove(&vm->mem, h->gfn);
	xen_grant_drop(vm, &h->grant);
	*h = (struct xen_handle){ .gfn = 0 };
	return GNTST_okay;
}

int64_t gnttab_unmap(struct vcpu *v, uint64_t va)
{
	struct gnttab_unmap_grant_ref u;

	if (guest_copy_in(v, &u, va, sizeof(u)))
		return -EFAULT;
	u.status = unmap_page(v->vm, &u);
	return guest_copy_out(v, va, &u, sizeof(u));
}

/* ----------------------------------------------------------------------- copy */

/* One end of a copy: a grant, or the guest's own page. */
struct copy_end {
	struct xen_grant grant;
	bool granted;
	uint64_t gpa;
	off_t at; /* in the grant's memfd */
};

static int16_t end_open(struct vm *vm, const struct gnttab_copy_ptr *p, bool granted,
			bool write, struct copy_end *e)
{
	int16_t status;

	*e = (struct copy_end){ .granted = granted };
	if (!granted) {
		if (p->domid != DOMID_SELF && p->domid != vm->xen.domid)
			return GNTST_permission_denied;
		if (p->u.gmfn >> (GMEM_ADDR_BITS - XEN_PAGE_SHIFT))
			return GNTST_bad_page;
		e->gpa = (p->u.gmfn << XEN_PAGE_SHIFT) + p->offset;
		return GNTST_okay;
	}
	status = xen_grant_take(vm, p->domid, p->u.ref, write, &e->grant);
	e->granted = status == GNTST_okay;
	e->at = (off_t)e->grant.page * XEN_PAGE_SIZE + p->offset;
	return status;
}

static void end_close(struct vm *vm, const struct copy_end *e)
{
	if (e->granted)
		xen_grant_drop(vm, &e->grant);
}

static int16_t copy_bytes(struct vm *vm, const struct copy_end *from,
			  const struct copy_end *to, size_t len)
{
	uint8_t buf[XEN_PAGE_SIZE];
	const void *p;

	if (from->granted) {
		/* by the file: no mapping that somebody could take away */
		if (pread(xen_grant_fd(&from->grant), buf, len, from->at) != (ssize_t)len)
			return GNTST_bad_page;
	} else {
		p = gmem_ptr_ro(&vm->mem, from->gpa, len);
		if (!p)
			return GNTST_bad_page;
		memcpy(buf, p, len);
	}
	if (to->granted)
		return pwrite(xen_grant_fd(&to->grant), buf, len, to->at) == (ssize_t)len
			       ? GNTST_okay
			       : GNTST_bad_page;
	return gmem_write(&vm->mem, to->gpa, buf, len) ? GNTST_bad_page : GNTST_okay;
}

static int16_t copy_one(struct vm *vm, const struct gnttab_copy *c)
{
	struct copy_end from, to;
	int16_t status;

	if (c->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref) ||
	    c->source.offset + c->len > XEN_PAGE_SIZE ||
	    c->dest.offset + c->len > XEN_PAGE_SIZE)
		return GNTST_bad_copy_arg;
	status = end_open(vm, &c->source, c->flags & GNTCOPY_source_gref, false, &from);
	if (status != GNTST_okay)
		return status;
	status = end_open(vm, &c->dest, c->flags & GNTCOPY_dest_gref, true, &to);
	if (status == GNTST_okay)
		status = copy_bytes(vm, &from, &to, c->len);
	end_close(vm, &to);
	end_close(vm, &from);
	return status;
}

int64_t gnttab_copy_one(struct vcpu *v, uint64_t va)
{
	struct gnttab_copy c;

	if (guest_copy_in(v, &c, va, sizeof(c)))
		return -EFAULT;
	c.status = copy_one(v->vm, &c);
	return guest_copy_out(v, va + offsetof(struct gnttab_copy, status), &c.status,
			      sizeof(c.status));
}
