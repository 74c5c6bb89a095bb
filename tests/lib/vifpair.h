/* SPDX-License-Identifier: MIT */
/*
 * Two vifs on one worker of one netback: one whose frontend misbehaves, and a
 * neighbour whose packets come back to it (testport.h, "echo").
 */
#ifndef TANDEM_TESTS_LIB_VIFPAIR_H
#define TANDEM_TESTS_LIB_VIFPAIR_H

#include "tests/lib/rawvif.h"
#include "tests/lib/testport.h"

#define VP_BAD	0u
#define VP_GOOD 1u

struct vifpair {
	struct rawback rb;
	struct rawvif bad, good;
	unsigned flags; /* rawvif.h, the bad one's */
	uint32_t seed;
};

/* The bad one's port, and how it connects; cfg NULL: the default. */
void vifpair_start(struct vifpair *vp, const struct netback_config *cfg,
		   const char *driver, const char *target, const char *options,
		   unsigned flags);
/* Closes both, and checks that no grant is left mapped (XSA-371). */
void vifpair_stop(struct vifpair *vp);

/* The neighbour sends n packets and has each back as it was: the longest round
 * trip, ns. */
uint64_t vifpair_neighbour(struct vifpair *vp, int n);
/* The bad one was closed for what it did; it connects anew. */
void vifpair_closed(struct vifpair *vp);
void vifpair_reconnect(struct vifpair *vp);

/* Shows a producer index, and says so. */
void vifpair_show(struct ring_front *r, struct evtchn *ch, ring_idx_t prod);

#endif
