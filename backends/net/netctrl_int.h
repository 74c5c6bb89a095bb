/* SPDX-License-Identifier: MIT */
/* What netctrl.c (the ring) and netctrl_req.c (the requests) share. */
#ifndef TANDEM_BACKENDS_NET_NETCTRL_INT_H
#define TANDEM_BACKENDS_NET_NETCTRL_INT_H

#include "backends/net/netctrl.h"

struct netctrl {
	struct evloop *loop;
	const struct netctrl_client *client;
	void *arg;
	uint32_t nr_queues;
	struct gnttab_mapper *mapper;
	grant_ref_t ring_ref;
	void *ring_page;
	struct ring_back ring;
	struct evtchn *ch;
	struct evsource *ch_source;
	int again_fd; /* readable: there are requests that a turn had left */
	struct evsource *again_source;
	bool again;
	bool hash_changed; /* in this turn: the client is told at its end */
	bool grefs_changed;
	struct nethash hash;
	struct netgref *grefs;
};

/* Does what a request says and fills in status and data. */
void netctrl_serve(struct netctrl *c, const struct xen_netif_ctrl_request *req,
		   struct xen_netif_ctrl_response *rsp);
/* Unmaps all static mappings. */
void netctrl_drop_grefs(struct netctrl *c);

#endif
