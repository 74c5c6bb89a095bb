/* SPDX-License-Identifier: MIT */
/* What a guest has of Xen: its objects, and who does the kernel's share of them. */
#ifndef TANDEM_HV_KVM_XEN_DOMAIN_H
#define TANDEM_HV_KVM_XEN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "hv/kvm/xen_abi.h"
#include "hv/kvm/xen_shared.h"

#define XEN_VERSION	  (4u << 16 | 17u) /* the ABI that is offered: 4.17 */
#define XEN_GNTTAB_FRAMES 64u		   /* at most; 512 entries each */
#define XEN_NR_PORTS	  EVTCHN_2L_NR_CHANNELS
#define XEN_NR_PORTS32	  1024u /* of a guest of 32 bits */
#define XEN_GFN_NONE	  UINT64_MAX
#define XEN_MAX_ROUTES	  1024u /* event channels to other domains */
#define XEN_MAX_KEPT	  256u

struct vm;
struct vcpu;

/* One event channel port. */
struct xen_port {
	uint8_t state; /* EVTCHNSTAT_* */
	uint8_t virq;
	uint16_t vcpu;	/* who is told */
	domid_t remote; /* unbound, interdomain */
	evtchn_port_t remote_port;
	int notify_fd; /* the guest's sends go here; -1: to remote_port */
	int wait_fd;   /* a channel to another domain: its events come from here, and
			* both are owned; -1: no such */
};

struct xen_vcpu {
	uint64_t info_gpa; /* XEN_GFN_NONE: nowhere yet */
	bool info_registered;
	uint8_t upcall_vector; /* by the local APIC; 0: the callback vector */
	evtchn_port_t virq[NR_VIRQS];
	bool initialised; /* by VCPUOP_initialise: VCPUOP_up may follow */
};

/* Which ports have an irqfd; 0: this slot has none. */
struct xen_routes {
	evtchn_port_t port[XEN_MAX_ROUTES];
	unsigned n;
};

struct xen_timers;
struct xen_line;
/* Pages that the guest has given away and a backend still uses. */
struct xen_balloon {
	uint32_t kept[XEN_MAX_KEPT];
	unsigned nkept;
};

struct xen_remote_ops;

struct granter;
struct grant_map;

/* Others' grants that are in use here (xen_grant.h). */
struct xen_grants {
	LIST_HEAD(granter_list, granter) granters;
	uint32_t nr_arenas;
	struct grant_map *map;	    /* by handle; NULL: none was ever mapped */
	uint32_t nr_maps, free_map; /* handles ever used; a free one + 1, or 0 */
};

struct xen_domain {
	domid_t domid;
	uint64_t shared_gfn;
	bool compat;		 /* the shared pages are those of guests of 32 bits */
	struct xen_port *port;	 /* XEN_NR_PORTS */
	evtchn_port_t nr_ports;	 /* all above are closed */
	struct evsignal *signal; /* to eventfds that other domains have, too */
	uint64_t param[HVM_NR_PARAMS];
	int gnttab_fd; /* a memfd of XEN_GNTTAB_FRAMES pages */
	unsigned gnttab_frames;
	uint64_t gnttab_gfn[XEN_GNTTAB_FRAMES];
	struct xen_grants grants;
	uint64_t pages;	    /* that the guest has of its RAM */
	uint64_t max_pages; /* that it may take back up to */
	struct xen_balloon balloon;
	bool runstate_update;
	struct xen_line *line;	   /* NULL: none: xen_line.c */
	struct xen_timers *timers; /* NULL: none: xen_timer.c */
	bool woken; /* it was saved, or suspended, and is to set all of this up again */
	struct xen_routes routes;
	const struct xen_remote_ops *remote; /* NULL: no other domains */
	void *remote_arg;
	uint64_t calls[XEN_NR_HYPERCALLS];
};

/*
 * What KVM does where it knows Xen, and this process where it does not. All under
 * the lock. 0 or -errno.
 */
struct xen_hw_ops {
	/* A guest's virtual address as the vcpu, this thread's, sees it. -EFAULT */
	int (*translate)(struct vcpu *v, uint64_t va, uint64_t *gpa);
	int (*shared_info)(struct vm *vm, uint64_t gfn);
	/* The shared pages' layout. */
	int (*long_mode)(struct vm *vm, bool on);
	int (*vcpu_info)(struct vcpu *v, uint64_t gpa);
	int (*time_info)(struct vcpu *v, uint64_t gpa);
	int (*runstate_area)(struct vcpu *v, uint64_t gpa);
	int (*runstate_get)(struct vcpu *v, struct vcpu_runstate_info *info);
	int (*runstate_update_flag)(struct vm *vm, bool on);
	int (*callback_vector)(struct vm *vm, uint8_t vector);
	int (*upcall_vector)(struct vcpu *v, uint8_t vector);
	/* Interrupts it by that vector, if it has one, as its flag is set already. */
	int (*upcall)(struct vcpu *v);
	/* A vcpu's state: vcpu_state.c. */
	int (*vcpu_context)(struct vcpu *v, const struct vcpu_hvm_context *c);
	int (*vcpu_up)(struct vcpu *v, bool up);
	int (*vcpu_is_up)(struct vcpu *v); /* 1 or 0 */
	int (*vcpu_nmi)(struct vcpu *v);
	/* Where the guest's sends on a port go (port->state, notify_fd...); again
	 * after a change of its vcpu. */
	int (*port_bind)(struct vm *vm, evtchn_port_t port, const struct xen_port *p,
			 bool update);
	void (*port_unbind)(struct vm *vm, evtchn_port_t port);
	/* fd raises the port, without this process where KVM can. */
	int (*port_listen)(struct vm *vm, evtchn_port_t port, int fd);
	void (*port_deaf)(struct vm *vm, evtchn_port_t port, int fd);
	/* A port has another vcpu. */
	int (*port_moved)(struct vm *vm);
	/* Makes a port pending for a vcpu, and tells it. */
	int (*raise)(struct vm *vm, evtchn_port_t port, unsigned vcpu);
	/* VIRQ_TIMER of v arrives at this port; 0: nowhere. */
	int (*timer_port)(struct vcpu *v, evtchn_port_t port);
	/* One shot at guest time ns; 0: none. */
	int (*timer_set)(struct vcpu *v, uint64_t ns);
};
extern const struct xen_hw_ops xen_hw_kvm;
extern const struct xen_hw_ops xen_hw_user;

int xen_domain_init(struct vm *vm, domid_t domid);
void xen_domain_fini(struct vm *vm);
/*
 * Of a machine that stands: no event channel, grant or shared page of the guest's is
 * left, as in a new domain. -errno: KVM refuses, and it is half done.
 */
int xen_domain_renew(struct vm *vm);

#endif
