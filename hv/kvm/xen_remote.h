/* SPDX-License-Identifier: MIT */
/*
 * Event channels to other domains, as the VM's owner gets them from its hypervisor. All
 * calls under vm->lock.
 */
#ifndef TANDEM_HV_KVM_XEN_REMOTE_H
#define TANDEM_HV_KVM_XEN_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/kvm/xen_abi.h"
#include "ringproto/grant_use.h"

struct vm;

/* The descriptors of a channel: eventfds, the VM's to close. */
struct xen_channel {
	int wait;   /* readable: an event for the guest */
	int notify; /* takes the guest's */
};

/* What another domain grants from: a process's arena, or a VM's RAM and its table. */
struct xen_memory {
	bool vm, readonly;
	uint32_t pages;	      /* of data; the entries' own included, if they are in it */
	uint32_t low_pages;   /* vm: of them below the hole */
	uint32_t entry_pages; /* that hold the entries: from data's start, or... */
	int data, entries;    /* ...of a descriptor of their own (else -1); the VM's
			       * to close */
};

/* The entries that may grant: [first, total). */
static inline uint32_t xen_memory_first(const struct xen_memory *m)
{
	return m->vm ? 0 : m->entry_pages;
}

static inline uint32_t xen_memory_total(const struct xen_memory *m)
{
	return m->vm ? m->entry_pages * (4096u / (uint32_t)sizeof(struct grant_entry_v1))
		     : m->pages;
}

struct xen_remote_ops {
	/* Port `port` of this domain, for `remote` to bind. -errno */
	int (*alloc)(void *arg, domid_t remote, evtchn_port_t port,
		     struct xen_channel *ch);
	/* Port `port` of this domain, bound to `remote_port` of `remote`. */
	int (*bind)(void *arg, domid_t remote, evtchn_port_t remote_port,
		    evtchn_port_t port, struct xen_channel *ch);
	void (*close)(void *arg, evtchn_port_t port);
	/* EVTCHNSTAT_unbound or EVTCHNSTAT_interdomain. */
	int (*status)(void *arg, evtchn_port_t port);
	/* Arena `id` of a granter, 0 for a VM's memory. -ENOENT, -EACCES. NULL: no
	 * other domain's grants can be used. */
	int (*memory_get)(void *arg, domid_t granter, uint32_t id, struct xen_memory *m);
	/* Nothing of it is in use any more. */
	void (*memory_put)(void *arg, domid_t granter, uint32_t id);
};

/* Before vm_start(). Without it a guest has no other domain to talk to. */
void xen_remote_set(struct vm *vm, const struct xen_remote_ops *ops, void *arg);

#endif
