/* SPDX-License-Identifier: MIT */
/*
 * A vif's control ring (netif.h, Control messages): hash steering and static
 * grant mappings, as the frontend asks for them.
 *
 * It runs on the control thread's event loop. A turn serves NETCTRL_TURN
 * requests at most, and one that changes mappings ends it: for that all queues
 * are called. What is left waits until the loop has been round.
 *
 * A request that cannot be done is answered with its status and changes
 * nothing. What ends the ring is a frontend that breaks the index rules.
 */
#ifndef TANDEM_BACKENDS_NET_NETCTRL_H
#define TANDEM_BACKENDS_NET_NETCTRL_H

#include "backends/net/netgref.h"
#include "backends/net/nethash.h"
#include "hv/base/evloop.h"
#include "hv/plat/plat.h"

#define NETCTRL_TURN 16u

struct netctrl;

/* All on the control thread, each before the response is seen. */
struct netctrl_client {
	/* The queues' steering from now on; *h is valid for the call. */
	void (*hash_changed)(void *arg, const struct nethash *h);
	/* The queues' table from now on, NULL for none. It stays netctrl's. Returns
	 * when no queue uses the one before any more. */
	void (*grefs_changed)(void *arg, const struct netgref *t);
	/* The ring is dead: -EPROTO, the frontend broke the rules; -EPIPE, the
	 * event channel. The one call that may free the netctrl; the table of
	 * mappings is good until then. */
	void (*broken)(void *arg, int err);
};

/*
 * Maps the ring and binds the event channel of a frontend that has connected,
 * with its `nr_queues` queues. *client outlives it. Errors as gnttab_map_ring()
 * and evtchn_bind_interdomain(); -EPROTO: the ring's indexes are impossible.
 */
int netctrl_new(struct plat *p, struct evloop *loop, domid_t frontend,
		grant_ref_t ring_ref, evtchn_port_t port, uint32_t nr_queues,
		const struct netctrl_client *client, void *arg, struct netctrl **ctrl);
/* Unmaps everything: no queue uses a table of it any more. Calls nobody. NULL is
 * allowed. */
void netctrl_free(struct netctrl *c);

#endif
