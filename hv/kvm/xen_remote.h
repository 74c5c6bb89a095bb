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

struct vm;

/* The descriptors of a channel: eventfds, the VM's to close. */
struct xen_channel {
	int wait;   /* readable: an event for the guest */
	int notify; /* takes the guest's */
};

/* Another domain's memory with its grant entries, as far as it is for this one. */
struct xen_arena_fds {
	bool vm, readonly;
	uint32_t pages;	      /* of data */
	uint32_t low_pages;   /* vm: of them below the hole */
	uint32_t entry_pages; /* that hold the entries, from `entries`' start */
	int data, entries;    /* memfds, the VM's to close; may be the same */
};

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
	/* Arena `id` of a domain (0: a VM's memory). -ENOENT, -EACCES */
	int (*arena_open)(void *arg, domid_t granter, uint32_t id,
			  struct xen_arena_fds *a);
	void (*arena_close)(void *arg, domid_t granter, uint32_t id);
};

/* Before vm_start(). Without it a guest has no other domain to talk to. */
void xen_remote_set(struct vm *vm, const struct xen_remote_ops *ops, void *arg);

#endif
