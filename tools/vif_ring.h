/* SPDX-License-Identifier: MIT */
/*
 * A ring of packets between a verb and the backend of a vif (ringproto/capring.h):
 * finding the vif, the ring's pages and channel, its keys, the backend's answers.
 *
 * Functions that return int return 0, or 2 after saying what is wrong.
 */
#ifndef TANDEM_TOOLS_VIF_RING_H
#define TANDEM_TOOLS_VIF_RING_H

#include "ringproto/capring.h"
#include "tools/cmd_network.h"

#define VIF_RING_PAGES CAPRING_PAGES_MAX

/* What a ring is for; one of a kind a vif. */
struct vif_ring_kind {
	const char *dir;     /* its keys: "capture" */
	const char *busy;    /* there is one already */
	const char *refuses; /* "the backend ..." */
};

struct vif_ring {
	struct cli *c;
	const char *name; /* "guest0/0" */
	const struct vif_ring_kind *kind;
	uint32_t snaplen;
	struct dev_xs d;
	char claim[64];
	bool announced, watched;
	struct gnttab_arena *arena; /* VIF_RING_PAGES, zeroed */
	struct evtchn *ch;
	int signals; /* readable: SIGINT or SIGTERM came */
};

/* Finds the vif and claims it; from now on the two signals are only read. */
int vif_ring_open(struct vif_ring *r, struct cli *c, const struct vif_ring_kind *kind,
		  const char *name, uint32_t snaplen);
/* Removes the keys and the claim. */
void vif_ring_close(struct vif_ring *r);

/* Pages, unless there are some, and a channel. */
int vif_ring_make(struct vif_ring *r);
void vif_ring_free(struct vif_ring *r);
/* Tells the backend of it, and waits for its answer; from now on what changes in
 * the backend's directory makes xenstore_fd() readable. */
int vif_ring_agree(struct vif_ring *r);

/*
 * The backend's directory may have changed: 0, the backend still takes part; 1, it
 * does not, and another ring may be agreed on; 2 as ever, of xenstore.
 */
int vif_ring_news(struct vif_ring *r);
/* No other backend is to come, or this one said why it does not take part: says so
 * and returns 2. */
int vif_ring_left(struct vif_ring *r);
/* One of the kind's keys; malloc'd, or NULL. */
char *vif_ring_key(const struct vif_ring *r, const char *key);

#endif
