/* SPDX-License-Identifier: MIT */
/*
 * A vif of several queues, and a user of each: for ports that send a packet back
 * to the queue that it came from (testport.h, "echo").
 */
#ifndef TANDEM_TESTS_LIB_VIFQUEUES_H
#define TANDEM_TESTS_LIB_VIFQUEUES_H

#include "tests/lib/rawvif.h"

#define VIFQUEUES 4u

/* A control ring, and pages for its requests. */
struct vifctrl {
	struct rawback *rb;
	struct gnttab_arena *ring, *pages; /* 8 */
	struct ring_front f;
	struct evtchn *ch;
};

/* All queues of vif 0; every second one has two channels. ctrl: or NULL. */
void vifqueues_connect(struct rawback *rb, struct rawvif *f, unsigned flags,
		       struct vifctrl *ctrl);
/* Closes; the frontend starts anew. */
void vifqueues_disconnect(struct rawback *rb, struct rawvif *f, struct vifctrl *ctrl);
/* Their memory alone. */
void vifqueues_free(struct rawvif *f, struct vifctrl *ctrl);

/* n packets on each queue at once, out and back: none may be lost or changed.
 * meanwhile (or NULL) is called again and again until they are through. */
void vifqueues_use(struct rawvif *f, unsigned n, void (*meanwhile)(void));

/* A request's response: its status. data: or NULL. */
uint32_t vifctrl_call(struct vifctrl *c, uint16_t type, uint32_t d0, uint32_t d1,
		      uint32_t d2, uint32_t *data);
/* ADD or DEL of all pages of f's data, of queue `queue`. */
uint32_t vifctrl_grefs(struct vifctrl *c, uint16_t type, const struct rawvif *f,
		       uint32_t queue);

#endif
