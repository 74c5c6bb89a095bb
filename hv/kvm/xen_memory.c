/* SPDX-License-Identifier: MIT */
/* memory_op: the physmap and ballooning (memory.h). */
#include <errno.h>
#include <string.h>

#include "hv/kvm/hypercall.h"
#include "hv/kvm/pvh.h"
#include "hv/kvm/xen_balloon.h"
#include "hv/kvm/xen_compat.h"
#include "hv/kvm/xen_evtchn.h"

/* Where a call that was made in parts goes on stands above its number. */
#define CMD_BITS 6
#define CMD_MASK ((1u << CMD_BITS) - 1)

/*
 * A guest that wakes up has interrupts that it wants to stay off, and on whose ports it
 * does nothing but bind them again: Linux's that kick a vcpu out of a spinlock's queue.
 * So there every port begins masked, as toolstacks leave them for paravirtualized guests.
 */
static void shared_info_clear(struct vm *vm, struct shared_info *s)
{
	struct shared_info32 *s32 = (struct shared_info32 *)(void *)s;

	memset(s, 0, XEN_PAGE_SIZE);
	if (vm->xen.woken && vm->xen.compat)
		memset(s32->evtchn_mask, 0xff, sizeof(s32->evtchn_mask));
	else if (vm->xen.woken)
		memset(s->evtchn_mask, 0xff, sizeof(s->evtchn_mask));
}

/* A page for it: RAM as it is; elsewhere, as in the platform device's memory, one is
 * placed. *page: where; NULL: the same memory as before. */
static int shared_info_page(struct vm *vm, uint64_t gfn, void **page)
{
	const uint64_t special = (PVH_SHARED_GPA - GMEM_SPECIAL) / XEN_PAGE_SIZE;
	const bool moves = vm->xen.shared_gfn != XEN_GFN_NONE &&
			   gmem_placed(&vm->mem, vm->xen.shared_gfn);
	uint64_t offset;
	int err;

	*page = NULL;
	if (gmem_ram_offset(&vm->mem, gfn, &offset)) {
		if (gmem_placed(&vm->mem, gfn))
			return -EINVAL; /* a grant's frame, or another domain's page */
		err = gmem_place(&vm->mem, gfn, vm->mem.special_fd, special, GMEM_RW);
		if (err || moves)
			return err;
	}
	*page = gmem_ptr(&vm->mem, gfn << XEN_PAGE_SHIFT, XEN_PAGE_SIZE);
	return *page ? 0 : -EINVAL;
}

void xen_shared_info_unplace(struct vm *vm, uint64_t gfn)
{
	if (gfn != XEN_GFN_NONE && gmem_placed(&vm->mem, gfn))
		/* cannot fail: it was placed there */
		(void)gmem_remove(&vm->mem, gfn);
}

/* The shared info page takes a page over, with what it held before. */
static int map_shared_info(struct vm *vm, uint64_t gfn)
{
	const uint64_t old = vm->xen.shared_gfn;
	const void *from;
	void *to;
	int err;

	if (gfn == old)
		return 0;
	err = shared_info_page(vm, gfn, &to);
	if (err)
		return err;
	from = old == XEN_GFN_NONE
		       ? NULL
		       : gmem_ptr(&vm->mem, old << XEN_PAGE_SHIFT, XEN_PAGE_SIZE);
	if (to && from)
		memcpy(to, from, XEN_PAGE_SIZE);
	else if (to)
		shared_info_clear(vm, to);
	err = vm->hw->shared_info(vm, gfn);
	if (err) {
		xen_shared_info_unplace(vm, gfn);
		return err;
	}
	vm->xen.shared_gfn = gfn;
	xen_shared_info_unplace(vm, old);
	for (unsigned i = 0; i < vm->nvcpus && i < XEN_LEGACY_MAX_VCPUS && !err; i++)
		if (!vm->vcpu[i]->xen.info_registered)
			err = xen_vcpu_info_set(vm->vcpu[i],
						(gfn << XEN_PAGE_SHIFT) +
							i * sizeof(struct vcpu_info));
	return err;
}

/* Another domain's page lies there: only unmapping its grant takes that away. */
static bool is_foreign(const struct vm *vm, uint64_t gfn)
{
	for (unsigned i = 0; i < XEN_GNTTAB_FRAMES; i++)
		if (vm->xen.gnttab_gfn[i] == gfn)
			return false;
	return gmem_placed(&vm->mem, gfn);
}

/* A frame of the grant table, which grows as far as it is asked for. */
static int map_gnttab(struct vm *vm, uint64_t idx, uint64_t gfn)
{
	struct xen_domain *x = &vm->xen;
	int err;

	if (idx >= XEN_GNTTAB_FRAMES) /* the status frames of version 2 too */
		return -EINVAL;
	if (gfn == x->shared_gfn || is_foreign(vm, gfn))
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
	int err;

	switch (space) {
	case XENMAPSPACE_shared_info:
		if (idx)
			return -EINVAL;
		err = xen_layout_latch(v);
		return err ? err : map_shared_info(v->vm, gfn);
	case XENMAPSPACE_grant_table:
		return map_gnttab(v->vm, idx, gfn);
	default:
		return -ENOSYS;
	}
}

static int64_t add_to_physmap(struct vcpu *v, uint64_t va)
{
	struct xen_add_to_physmap a;

	if (guest_struct_in(v, &a, va, FIELDS_add_to_physmap))
		return -EFAULT;
	if (!domid_is_self(v, a.domid))
		return -ESRCH;
	return physmap_add(v, a.space, a.idx, a.gpfn);
}

static int64_t add_to_physmap_batch(struct vcpu *v, uint64_t va)
{
	struct xen_add_to_physmap_batch b;

	if (guest_struct_in(v, &b, va, FIELDS_add_to_physmap_many))
		return -EFAULT;
	if (!domid_is_self(v, b.domid))
		return -ESRCH;
	for (unsigned i = 0; i < b.size; i++) {
		uint64_t idx, gfn;
		int32_t err;

		if (guest_word_in(v, &idx, b.idxs, i) ||
		    guest_word_in(v, &gfn, b.gpfns, i))
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

	if (guest_struct_in(v, &r, va, FIELDS_remove_from_physmap))
		return -EFAULT;
	if (!domid_is_self(v, r.domid))
		return -ESRCH;
	if (r.gpfn == x->shared_gfn || is_foreign(v->vm, r.gpfn))
		return -EINVAL;
	err = gmem_remove(&v->vm->mem, r.gpfn);
	if (!err)
		for (unsigned i = 0; i < XEN_GNTTAB_FRAMES; i++)
			if (x->gnttab_gfn[i] == r.gpfn)
				x->gnttab_gfn[i] = XEN_GFN_NONE;
	return err == -ENOENT ? xen_page_give_back(v->vm, r.gpfn) : err;
}

static int64_t memory_map(struct vcpu *v, uint64_t va)
{
	struct hvm_memmap_table_entry e[PVH_MEMMAP_MAX];
	struct xen_memory_map m;
	unsigned n = pvh_memmap(&v->vm->mem, e);

	if (guest_struct_in(v, &m, va, FIELDS_memory_map))
		return -EFAULT;
	if (m.nr_entries < n)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		struct xen_e820 out = { e[i].addr, e[i].size, e[i].type };

		if (guest_copy_out(v, m.buffer + i * sizeof(out), &out, sizeof(out)))
			return -EFAULT;
	}
	m.nr_entries = n;
	return guest_struct_out(v, va, &m, FIELDS_memory_map);
}

static int64_t maximum_gpfn(const struct gmem *m)
{
	const uint64_t high = m->ram_bytes - m->low_bytes;

	return (int64_t)((GMEM_HIGH + high) / XEN_PAGE_SIZE) - 1;
}

/* Calls whose argument is a domain id. */
static int64_t ask(struct vcpu *v, uint64_t cmd, uint64_t va)
{
	domid_t domid;

	if (guest_copy_in(v, &domid, va, sizeof(domid)))
		return -EFAULT;
	if (!domid_is_self(v, domid))
		return -ESRCH;
	switch (cmd) {
	case XENMEM_current_reservation:
		return (int64_t)v->vm->xen.pages;
	case XENMEM_maximum_reservation:
		return (int64_t)v->vm->xen.max_pages;
	default:
		return maximum_gpfn(&v->vm->mem);
	}
}

int64_t xen_memory_op(struct vcpu *v, const uint64_t arg[6])
{
	const uint64_t cmd = arg[0] & CMD_MASK, from = arg[0] >> CMD_BITS;

	switch (cmd) {
	case XENMEM_increase_reservation:
	case XENMEM_populate_physmap:
		return xen_reservation(v, arg[1], from, true);
	case XENMEM_decrease_reservation:
		return xen_reservation(v, arg[1], from, false);
	case XENMEM_maximum_ram_page:
		return maximum_gpfn(&v->vm->mem);
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return ask(v, cmd, arg[1]);
	case XENMEM_add_to_physmap:
		return add_to_physmap(v, arg[1]);
	case XENMEM_add_to_physmap_batch:
		return add_to_physmap_batch(v, arg[1]);
	case XENMEM_remove_from_physmap:
		return remove_from_physmap(v, arg[1]);
	case XENMEM_memory_map:
		return memory_map(v, arg[1]);
	case XENMEM_machine_memory_map:
	case XENMEM_set_memory_map:
	case XENMEM_set_pod_target:
	case XENMEM_get_pod_target:
		return -EPERM; /* the toolstack's, or dom0's */
	case XENMEM_machphys_mfn_list:
	case XENMEM_exchange:
	case XENMEM_machphys_mapping:
	case XENMEM_get_sharing_freed_pages:
	case XENMEM_get_sharing_shared_pages:
		return -ENOSYS; /* of other kinds of guests and hosts */
	default:
		return guest_unknown(v, "unknown memory_op", arg[0]);
	}
}
