/* SPDX-License-Identifier: MIT */
/* memory_op: the physmap and ballooning (memory.h). */
#include <errno.h>
#include <string.h>

#include "hv/kvm/hypercall.h"
#include "hv/kvm/pvh.h"
#include "hv/kvm/xen_evtchn.h"

#define MAX_ORDER  9	 /* 2 MiB at once */
#define MAX_EXTENT 65536 /* gfns of one call */

/* The shared info page takes a page of RAM over, with what it held before. */
static int map_shared_info(struct vm *vm, uint64_t gfn)
{
	uint64_t offset;
	void *to, *from;
	int err;

	if (gmem_ram_offset(&vm->mem, gfn, &offset))
		return -EINVAL;
	to = gmem_ptr(&vm->mem, gfn << XEN_PAGE_SHIFT, XEN_PAGE_SIZE);
	if (!to)
		return -EINVAL;
	if (gfn == vm->xen.shared_gfn)
		return 0;
	from = vm->xen.shared_gfn == XEN_GFN_NONE
		       ? NULL
		       : gmem_ptr(&vm->mem, vm->xen.shared_gfn << XEN_PAGE_SHIFT,
				  XEN_PAGE_SIZE);
	if (from)
		memcpy(to, from, XEN_PAGE_SIZE);
	else
		memset(to, 0, XEN_PAGE_SIZE);
	err = vm->hw->shared_info(vm, gfn);
	if (err)
		return err;
	vm->xen.shared_gfn = gfn;
	for (unsigned i = 0; i < vm->nvcpus && i < XEN_LEGACY_MAX_VCPUS && !err; i++)
		if (!vm->vcpu[i]->xen.info_registered)
			err = xen_vcpu_info_set(vm->vcpu[i],
						(gfn << XEN_PAGE_SHIFT) +
							i * sizeof(struct vcpu_info));
	return err;
}

/* A frame of the grant table, which grows as far as it is asked for. */
static int map_gnttab(struct vm *vm, uint64_t idx, uint64_t gfn)
{
	struct xen_domain *x = &vm->xen;
	int err;

	if (idx >= XEN_GNTTAB_FRAMES) /* the status frames of version 2 too */
		return -EINVAL;
	if (gfn == x->shared_gfn)
		return -EINVAL;
	err = gmem_place(&vm->mem, gfn, x->gnttab_fd, idx, GMEM_RW);
	if (err)
		return err;
	for (unsigned i = 0; i < XEN_GNTTAB_FRAMES; i++)
		if (x->gnttab_gfn[i] == gfn)
			x->gnttab_gfn[i] = XEN_GFN_NONE; /* this gfn was another's */
	if (x->gnttab_gfn[idx] != XEN_GFN_NONE)
		/* cannot fail: it was placed there */
		(void)gmem_remove(&vm->mem, x->gnttab_gfn[idx]);
	x->gnttab_gfn[idx] = gfn;
	if (x->gnttab_frames < idx + 1)
		x->gnttab_frames = (unsigned)idx + 1;
	return 0;
}

static int physmap_add(struct vcpu *v, unsigned space, uint64_t idx, uint64_t gfn)
{
	switch (space) {
	case XENMAPSPACE_shared_info:
		return idx ? -EINVAL : map_shared_info(v->vm, gfn);
	case XENMAPSPACE_grant_table:
		return map_gnttab(v->vm, idx, gfn);
	default:
		return -ENOSYS;
	}
}

static int64_t add_to_physmap(struct vcpu *v, uint64_t va)
{
	struct xen_add_to_physmap a;

	if (guest_copy_in(v, &a, va, sizeof(a)))
		return -EFAULT;
	if (!domid_is_self(v, a.domid))
		return -ESRCH;
	return physmap_add(v, a.space, a.idx, a.gpfn);
}

static int64_t add_to_physmap_batch(struct vcpu *v, uint64_t va)
{
	struct xen_add_to_physmap_batch b;

	if (guest_copy_in(v, &b, va, sizeof(b)))
		return -EFAULT;
	if (!domid_is_self(v, b.domid))
		return -ESRCH;
	for (unsigned i = 0; i < b.size; i++) {
		uint64_t idx, gfn;
		int32_t err;

		if (guest_copy_in(v, &idx, b.idxs + i * 8u, 8) ||
		    guest_copy_in(v, &gfn, b.gpfns + i * 8u, 8))
			return -EFAULT;
		err = physmap_add(v, b.space, idx, gfn);
		if (guest_copy_out(v, b.errs + i * 4u, &err, 4))
			return -EFAULT;
	}
	return 0;
}

static int64_t remove_from_physmap(struct vcpu *v, uint64_t va)
{
	struct xen_domain *x = &v->vm->xen;
	struct xen_remove_from_physmap r;
	int err;

	if (guest_copy_in(v, &r, va, sizeof(r)))
		return -EFAULT;
	if (!domid_is_self(v, r.domid))
		return -ESRCH;
	if (r.gpfn == x->shared_gfn)
		return -EINVAL;
	err = gmem_remove(&v->vm->mem, r.gpfn);
	if (!err)
		for (unsigned i = 0; i < XEN_GNTTAB_FRAMES; i++)
			if (x->gnttab_gfn[i] == r.gpfn)
				x->gnttab_gfn[i] = XEN_GFN_NONE;
	if (err == -ENOENT && !gmem_release(&v->vm->mem, r.gpfn)) {
		x->pages--;
		err = 0;
	}
	return err;
}

/* One extent of 2^order pages to the host, or back. */
static bool extent_change(struct vm *vm, uint64_t gfn, unsigned order, bool populate)
{
	uint64_t n = 1ull << order, done;

	if (gfn > UINT64_MAX - n ||
	    (!populate && vm->xen.shared_gfn >= gfn && vm->xen.shared_gfn - gfn < n))
		return false;
	for (done = 0; done < n; done++)
		if (populate ? gmem_populate(&vm->mem, gfn + done)
			     : gmem_release(&vm->mem, gfn + done))
			break;
	vm->xen.pages = populate ? vm->xen.pages + done : vm->xen.pages - done;
	return done == n;
}

/* How many extents were done. */
static int64_t reservation(struct vcpu *v, uint64_t va, bool populate)
{
	struct xen_memory_reservation r;
	uint64_t i, gfn;

	if (guest_copy_in(v, &r, va, sizeof(r)))
		return -EFAULT;
	if (!domid_is_self(v, r.domid))
		return -ESRCH;
	if (r.extent_order > MAX_ORDER)
		return -EPERM;
	if (r.nr_extents > MAX_EXTENT)
		return -EINVAL;
	for (i = 0; i < r.nr_extents; i++)
		if (guest_copy_in(v, &gfn, r.extent_start + i * 8, 8) ||
		    !extent_change(v->vm, gfn, r.extent_order, populate))
			break;
	return (int64_t)i;
}

static int64_t memory_map(struct vcpu *v, uint64_t va)
{
	struct hvm_memmap_table_entry e[PVH_MEMMAP_MAX];
	struct xen_memory_map m;
	unsigned n = pvh_memmap(&v->vm->mem, e);

	if (guest_copy_in(v, &m, va, sizeof(m)))
		return -EFAULT;
	if (m.nr_entries < n)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		struct xen_e820 out = { e[i].addr, e[i].size, e[i].type };

		if (guest_copy_out(v, m.buffer + i * sizeof(out), &out, sizeof(out)))
			return -EFAULT;
	}
	m.nr_entries = n;
	return guest_copy_out(v, va, &m, sizeof(m));
}

/* Calls whose argument is a domain id. */
static int64_t ask(struct vcpu *v, uint64_t cmd, uint64_t va)
{
	const struct gmem *m = &v->vm->mem;
	domid_t domid;

	if (guest_copy_in(v, &domid, va, sizeof(domid)))
		return -EFAULT;
	if (!domid_is_self(v, domid))
		return -ESRCH;
	switch (cmd) {
	case XENMEM_current_reservation:
		return (int64_t)v->vm->xen.pages;
	case XENMEM_maximum_reservation:
		return (int64_t)(m->ram_bytes / XEN_PAGE_SIZE);
	default: /* XENMEM_maximum_gpfn */
		return (int64_t)((m->ram_bytes > m->low_bytes
					  ? GMEM_HIGH + m->ram_bytes - m->low_bytes
					  : GMEM_HIGH) /
				 XEN_PAGE_SIZE) -
		       1;
	}
}

int64_t xen_memory_op(struct vcpu *v, const uint64_t arg[6])
{
	switch (arg[0]) {
	case XENMEM_increase_reservation:
	case XENMEM_populate_physmap:
		return reservation(v, arg[1], true);
	case XENMEM_decrease_reservation:
		return reservation(v, arg[1], false);
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return ask(v, arg[0], arg[1]);
	case XENMEM_add_to_physmap:
		return add_to_physmap(v, arg[1]);
	case XENMEM_add_to_physmap_batch:
		return add_to_physmap_batch(v, arg[1]);
	case XENMEM_remove_from_physmap:
		return remove_from_physmap(v, arg[1]);
	case XENMEM_memory_map:
		return memory_map(v, arg[1]);
	default:
		return guest_unknown(v, "unknown memory_op", arg[0]);
	}
}
