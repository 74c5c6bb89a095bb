/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_map_grant_ref, unmap_grant_ref and copy, as a guest with an own physical
 * address space has them: a page of the granter's lies at a guest-physical address, over
 * what was there, which comes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/kvm/xen_grant.h"

/* ------------------------------------------------------------------ handles */

static struct grant_map *map_alloc(struct xen_grants *gs, uint32_t *handle)
{
	if (!gs->map)
		gs->map = calloc(XEN_MAPTRACK_MAX, sizeof(*gs->map));
	if (!gs->map)
		return NULL;
	if (gs->free_map) {
		*handle = gs->free_map - 1;
		gs->free_map = gs->map[*handle].next_free;
		return &gs->map[*handle];
	}
	if (gs->nr_maps == XEN_MAPTRACK_MAX)
		return NULL;
	*handle = gs->nr_maps++;
	return &gs->map[*handle];
}

static void map_free(struct xen_grants *gs, uint32_t handle)
{
	gs->map[handle].arena = NULL;
	gs->map[handle].next_free = gs->free_map;
	gs->free_map = handle + 1;
}

/* ----------------------------------------------------------------- map, unmap */

static int16_t place(struct vm *vm, const struct grant_use_ref *use, uint64_t gfn)
{
	int err = gmem_place(&vm->mem, gfn, use->arena->m.data, use->page,
			     use->write ? GMEM_RW : GMEM_RO);

	if (!err)
		return GNTST_okay;
	return err == -ENOMEM || err == -ENOSPC ? GNTST_no_device_space
						: GNTST_general_error;
}

int16_t xen_grant_map(struct vm *vm, struct gnttab_map_grant_ref *op)
{
	const uint64_t gfn = op->host_addr >> XEN_PAGE_SHIFT;
	struct xen_grants *gs = &vm->xen.grants;
	bool write = !(op->flags & GNTMAP_readonly);
	struct grant_use_ref use;
	struct grant_map *map;
	uint32_t handle;
	int16_t status;

	if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
		return GNTST_bad_gntref;
	/* the guest has no device that would reach a page but by its address */
	if (op->flags & ~(GNTMAP_host_map | GNTMAP_readonly))
		return GNTST_general_error;
	/* not over what is placed already, nor below KVM's feet */
	if (gfn == vm->xen.shared_gfn || gmem_placed(&vm->mem, gfn))
		return GNTST_general_error;
	map = map_alloc(gs, &handle);
	if (!map)
		return GNTST_no_device_space;
	status = xen_grant_pin(vm, op->dom, op->ref, write, &use);
	if (status)
		goto out_handle;
	status = place(vm, &use, gfn);
	if (status)
		goto out_pin;
	*map = (struct grant_map){
		.arena = use.arena, .entry = use.entry, .gfn = gfn, .write = write
	};
	op->handle = handle;
	op->dev_bus_addr = gfn << XEN_PAGE_SHIFT;
	return GNTST_okay;
out_pin:
	xen_grant_unpin(vm, &use);
out_handle:
	map_free(gs, handle);
	return status;
}

int16_t xen_grant_unmap(struct vm *vm, const struct gnttab_unmap_grant_ref *op)
{
	struct xen_grants *gs = &vm->xen.grants;
	const struct grant_map *map;
	struct grant_use_ref use;

	if (op->handle >= gs->nr_maps || !gs->map[op->handle].arena)
		return GNTST_bad_handle;
	map = &gs->map[op->handle];
	if (!op->host_addr)
		return GNTST_okay; /* only a mapping for devices: there is none */
	if (op->host_addr >> XEN_PAGE_SHIFT != map->gfn)
		return GNTST_general_error;
	/* when this returns no vcpu sees the page any more: KVM is told by the kernel */
	if (gmem_remove(&vm->mem, map->gfn))
		return GNTST_general_error;
	use = (struct grant_use_ref){ map->arena, map->entry, 0, map->write };
	xen_grant_unpin(vm, &use);
	map_free(gs, op->handle);
	return GNTST_okay;
}

/* --------------------------------------------------------------------- copy */

/* One end of a copy. */
struct copy_end {
	uint8_t *at;
	bool pinned;
	struct grant_use_ref use;
};

static int16_t copy_end_take(struct vm *vm, const struct gnttab_copy_ptr *p, bool by_gref,
			     bool write, struct copy_end *end)
{
	uint64_t offset;
	int16_t status;

	if (!by_gref) {
		/* by page only its own, and only RAM: not what others have placed there
		 */
		if (p->domid != DOMID_SELF)
			return GNTST_permission_denied;
		if (gmem_ram_offset(&vm->mem, p->u.gmfn, &offset))
			return GNTST_bad_page;
		end->at = gmem_ptr(&vm->mem, p->u.gmfn << XEN_PAGE_SHIFT, XEN_PAGE_SIZE);
		return end->at ? GNTST_okay : GNTST_bad_page;
	}
	status = xen_grant_pin(vm, p->domid == DOMID_SELF ? vm->xen.domid : p->domid,
			       p->u.ref, write, &end->use);
	if (status)
		return status;
	end->pinned = true;
	end->at = end->use.arena->data + (size_t)end->use.page * XEN_PAGE_SIZE;
	return GNTST_okay;
}

static void copy_end_drop(struct vm *vm, const struct copy_end *end)
{
	if (end->pinned)
		xen_grant_unpin(vm, &end->use);
}

int16_t xen_grant_copy(struct vm *vm, const struct gnttab_copy *op)
{
	struct copy_end from = { 0 }, to = { 0 };
	int16_t status;

	if (op->source.offset + op->len > (int)XEN_PAGE_SIZE ||
	    op->dest.offset + op->len > (int)XEN_PAGE_SIZE)
		return GNTST_bad_copy_arg;
	status = copy_end_take(vm, &op->source, op->flags & GNTCOPY_source_gref, false,
			       &from);
	if (!status)
		status = copy_end_take(vm, &op->dest, op->flags & GNTCOPY_dest_gref, true,
				       &to);
	/* both may be the same page */
	if (!status)
		memmove(to.at + op->dest.offset, from.at + op->source.offset, op->len);
	copy_end_drop(vm, &to);
	copy_end_drop(vm, &from);
	return status;
}
