/* SPDX-License-Identifier: MIT */
/*
 * Other domains' grants, as a VM uses them: arenas (a process's, or a VM's whole
 * memory) are opened when a grant of theirs is first used, entries are used as
 * ringproto/grant_use.h says, and pages are placed into the guest's memory. Under
 * vm->lock.
 */
#ifndef TANDEM_HV_KVM_XEN_GRANT_H
#define TANDEM_HV_KVM_XEN_GRANT_H

#include "hv/kvm/vm.h"
#include "hv/kvm/xen_remote.h"
#include "ringproto/grant_use.h"

#define XEN_MAX_HANDLES 65536u /* grants that a guest has mapped at once */

/* Where a grant leads. */
struct xen_grant {
	struct xen_arena *arena;
	uint32_t entry;
	uint32_t page; /* of the arena's data */
	bool write;
};

/* Marks the entry for as long as it is used. GNTST_* */
int16_t xen_grant_take(struct vm *vm, domid_t granter, grant_ref_t ref, bool write,
		       struct xen_grant *g);
void xen_grant_drop(struct vm *vm, const struct xen_grant *g);
/* The memfd that g->page is a page of. */
int xen_grant_fd(const struct xen_grant *g);

/* Arenas of a domain that nothing uses go, so that it may end them; all: at the end. */
void xen_grant_idle(struct vm *vm, domid_t granter);
void xen_grant_fini(struct vm *vm);

#endif
