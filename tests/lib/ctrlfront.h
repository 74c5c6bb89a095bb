/* SPDX-License-Identifier: MIT */
/*
 * A frontend by hand for netback's control ring, over the platform in memory:
 * both ends on one thread, the backend's event loop turned by the test.
 */
#ifndef TANDEM_TESTS_LIB_CTRLFRONT_H
#define TANDEM_TESTS_LIB_CTRLFRONT_H

#include "backends/net/netctrl.h"
#include "tests/lib/memplat.h"

#define CF_PAGES    600u /* that the backend may write */
#define CF_PAGES_RO 8u

struct ctrlfront {
	struct memhv *hv;
	struct plat *front, *back;
	struct evloop *loop;
	struct gnttab_arena *ring, *pages, *ro;
	struct evtchn *ch;
	struct ring_front f;
	struct netctrl *ctrl;
	uint32_t nr_queues;
	uint16_t next_id;
	/* what the backend's owner was told */
	struct nethash hash;
	const struct netgref *grefs;
	unsigned hash_calls, grefs_calls;
	unsigned mapped; /* pages, at the last grefs_changed() */
	int broken;
	bool free_when_broken;
};

void cf_start(struct ctrlfront *cf, uint32_t nr_queues);
/* Frees all; nothing may be mapped then. */
void cf_stop(struct ctrlfront *cf);
/* The backend's end again, as a backend that starts anew. */
int cf_attach(struct ctrlfront *cf);

void cf_put(struct ctrlfront *cf, uint16_t id, uint16_t type, uint32_t d0, uint32_t d1,
	    uint32_t d2);
/* Publishes what was put. Returns whether the backend asked to be told. */
bool cf_push(struct ctrlfront *cf);
/* One round of the backend's loop. */
void cf_turn(struct ctrlfront *cf);
/* Responses there are now; all of them are taken. */
unsigned cf_drain(struct ctrlfront *cf);
/* The next response. */
struct xen_netif_ctrl_response cf_take(struct ctrlfront *cf);
/* One request and its response: the status. *data may be NULL. */
uint32_t cf_call(struct ctrlfront *cf, uint16_t type, uint32_t d0, uint32_t d1,
		 uint32_t d2, uint32_t *data);

/* The list of ADD and DEL in page 0, and the request; gref i is page from + i. */
uint32_t cf_grefs(struct ctrlfront *cf, uint16_t type, uint32_t from, uint32_t n,
		  uint16_t flags, uint32_t *data);
static inline struct xen_netif_gref *cf_list(struct ctrlfront *cf)
{
	return (struct xen_netif_gref *)cf->pages->pages;
}

#endif
