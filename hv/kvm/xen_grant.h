/* SPDX-License-Identifier: MIT */
/*
 * What this guest uses of other domains' memory by their grants. All under vm->lock.
 *
 * An arena is what the hypervisor gives of a granter: a process domain's arena, or
 * a VM's whole memory with its table (this guest's own too). It is looked up when first
 * named and kept for as long as anything of its granter is mapped, so that copies do
 * not ask each time and nothing is held of a domain that is not served any more.
 *
 * An entry is pinned while it is mapped or copied: the page that was found first
 * counts, whatever the granter writes meanwhile, and its marks go with the last pin.
 */
#ifndef TANDEM_HV_KVM_XEN_GRANT_H
#define TANDEM_HV_KVM_XEN_GRANT_H

#include <sys/queue.h>

#include "hv/kvm/hypercall.h"
#include "hv/kvm/xen_remote.h"

#define XEN_MAPTRACK_MAX 16384u /* mapped grants: two of 65530 mappings each, at most */
#define XEN_MAX_ARENAS	 256u	/* that a guest holds; a descriptor each */

struct grant_pin {
	uint32_t readers, writers;
	uint32_t page; /* while there are any */
};

struct grant_arena {
	struct granter *granter;
	uint32_t id;
	struct xen_memory m; /* without m.entries, which is closed */
	struct grant_entry_v1 *entries;
	uint8_t *data;
	size_t data_len, entries_len; /* mapped */
	struct grant_pin *pin;	      /* [m.total] */
	LIST_ENTRY(grant_arena) link;
};

struct granter {
	domid_t domid;
	uint32_t uses; /* pins, in all its arenas */
	uint32_t misses;
	uint64_t miss_end; /* when they are forgotten */
	LIST_HEAD(grant_arena_list, grant_arena) arenas;
	LIST_ENTRY(granter) link;
};

/* A mapped grant; its index is the guest's handle. */
struct grant_map {
	struct grant_arena *arena; /* NULL: this handle is free */
	uint32_t entry, next_free;
	uint64_t gfn;
	bool write;
};

/* A grant in use, for as long as it is pinned. */
struct grant_use_ref {
	struct grant_arena *arena;
	uint32_t entry, page;
	bool write;
};

/* Pins a grant to this domain. GNTST_okay, or what the guest gets. */
int16_t xen_grant_pin(struct vm *vm, domid_t granter, grant_ref_t ref, bool write,
		      struct grant_use_ref *use);
void xen_grant_unpin(struct vm *vm, const struct grant_use_ref *use);
/* Lets arenas go whose granters have nothing in use: at the end of a call. */
void xen_grant_sweep(struct vm *vm);

/* Everything that is mapped is let go; the pages stay where they are. */
void xen_grants_fini(struct vm *vm);

/* The operations: one, of a batch. Its status. */
int16_t xen_grant_map(struct vm *vm, struct gnttab_map_grant_ref *op);
int16_t xen_grant_unmap(struct vm *vm, const struct gnttab_unmap_grant_ref *op);
int16_t xen_grant_copy(struct vm *vm, const struct gnttab_copy *op);

#endif
