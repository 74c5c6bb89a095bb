/* SPDX-License-Identifier: MIT */
/*
 * The backend's end of a ringproto/capring.h: the other end's pages, mapped, and its
 * event channel. Control thread only.
 */
#ifndef TANDEM_BACKENDS_NET_CAPEND_H
#define TANDEM_BACKENDS_NET_CAPEND_H

#include "hv/plat/plat.h"
#include "ringproto/capring.h"

/* Values of capture/state and replay/state. */
#define CAPEND_WANTED 1u
#define CAPEND_RUNS   4u
#define CAPEND_ENDING 5u
#define CAPEND_CLOSED 6u

/* What the other end's keys say. */
struct capend_config {
	struct plat *plat;
	domid_t peer;
	grant_ref_t refs[CAPRING_PAGES_MAX];
	uint32_t nr_refs;
	evtchn_port_t port;
	uint32_t snaplen;
};

struct capend {
	struct capend_config cfg;
	struct gnttab_mapper *mapper;
	void *pages; /* cfg.nr_refs in a row */
	struct evtchn *ch;
};

/* "12 13 14" into refs. -EINVAL */
int capend_parse_refs(struct capend_config *cfg, const char *s);
/* Errors as gnttab_map_ring() and evtchn_bind_interdomain(); *e is closed then. */
int capend_open(struct capend *e, const struct capend_config *cfg);
void capend_close(struct capend *e);

#endif
