/* SPDX-License-Identifier: MIT */
/*
 * Event channels: two pipes a channel, or two eventfds.
 *
 * Pipes are for process domains. Each end reads one pipe and writes to the other, through
 * descriptions of its own (reopened, never duplicated), so that neither can touch the
 * other's O_NONBLOCK. An end also gets a read description of the pipe it writes to
 * ("keep"): while it holds that, its write cannot raise SIGPIPE. Pipes are one
 * page; a write to a full one is lost in a pending event.
 *
 * Eventfds are for channels of which either end is a VM: KVM signals and listens
 * on nothing else. They cannot be reopened, so the ends share O_NONBLOCK, and
 * whoever has one reads and writes it by hv/base/evsignal.h.
 *
 * A port may be local: only its number is taken here, for what the VM's own
 * process serves (timers, events between its vcpus). So a domain's ports are one
 * space, and this table is what it looks like.
 *
 * The channel's life, as in Xen: a port is allocated unbound, for one remote
 * domain; that domain binds; when either end closes (or its client dies) the
 * other falls back to unbound for the same remote domain, so that a restarted
 * backend may bind again.
 *
 * It falls back with its channel: descriptors that the staying end waits on are
 * sure to remain good, and it need not be told
 * (port_status() tells). What follows from that:
 *  - the staying end sees no EPIPE or HUP. The hypervisor holds both pipes
 *    open; only when it is gone as well as the other end does a read end
 *    report the end (-EPIPE from evtchn_ack).
 *  - an event sent while nobody was bound is still in the pipe for the next
 *    binder. One that the dead end had read but not acted on is lost; so each
 *    bind leaves one event pending for the binder, as Xen's does.
 *  - whoever was bound before may have kept descriptors and so can send or
 *    steal events of its successor. That is the same domain (no other can bind),
 *    so it harms none but itself. The staying end sees spurious or missing
 *    events, which it must survive from any peer.
 */
#ifndef TANDEM_HV_CORE_EVTCHN_H
#define TANDEM_HV_CORE_EVTCHN_H

#include "hv/core/domain.h"

struct channel;

struct port {
	struct domain *dom;
	struct client *owner;
	evtchn_port_t nr;
	int local;	    /* EVTCHNSTAT_virq, EVTCHNSTAT_ipi, or 0 */
	struct channel *ch; /* NULL: local */
	int side;	    /* waits on ch's descriptor `side`, signals the other */
	domid_t remote;
	uint64_t remote_serial;
	LIST_ENTRY(port) link; /* in owner->ports */
};

enum { EVTCHN_WAIT, EVTCHN_NOTIFY, EVTCHN_KEEP, EVTCHN_NR_FDS };

/*
 * `want`: the port's number, or 0 for the lowest that is free. Errors of all three:
 * -EINVAL want is out of range, -EEXIST it is taken, -ENOMEM no port free, over
 * quota, no memory.
 */
/* -ENOENT no such domain. */
int port_alloc_unbound(struct client *c, domid_t remote, evtchn_port_t want,
		       struct port **port);
/* -EINVAL: no such remote port, or it is not unbound, or not for this domain. */
int port_bind_interdomain(struct client *c, domid_t remote, evtchn_port_t remote_port,
			  evtchn_port_t want, struct port **port);
/* -EINVAL: kind is neither EVTCHNSTAT_virq nor EVTCHNSTAT_ipi. */
int port_alloc_local(struct client *c, uint32_t kind, evtchn_port_t want,
		     struct port **port);
/* -EINVAL: not a port of this client. */
int port_close(struct client *c, evtchn_port_t nr);
/* A port of the client's domain: EVTCHNSTAT_*, or -EINVAL out of range. */
int port_status(const struct client *c, evtchn_port_t nr, domid_t *remote);
/* Is its channel one of eventfds? */
bool port_is_eventfd(const struct port *p);
/* New descriptors of a port that is not local, the caller's to close: their
 * number (an eventfd has no EVTCHN_KEEP), or -ENOMEM. */
int port_fds(const struct port *p, int fds[EVTCHN_NR_FDS]);

/* Closes all ports of the client. */
void evtchn_client_end(struct client *c);

#endif
