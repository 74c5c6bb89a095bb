/* SPDX-License-Identifier: MIT */
/* Packets of the fault port that have to wait, in the order in which they came. */
#ifndef TANDEM_BACKENDS_NET_FAULT_LANE_H
#define TANDEM_BACKENDS_NET_FAULT_LANE_H

#include "backends/net/netdrv.h"

struct fault_held {
	struct fault_held *next;
	uint64_t due;	/* at the latest */
	uint64_t after; /* or when so many have passed */
	struct netif_meta meta;
	uint32_t len;
	uint8_t data[];
};

struct fault_lane {
	uint64_t seen, passed; /* packets */
	struct fault_held *first, **tail;
	unsigned count;
};

/* A copy, due at once. NULL: no memory */
struct fault_held *fault_held_new(const struct netbuf *b);
void fault_held_corrupt(struct fault_held *h, uint32_t bit);

/* Takes h. False: there is no room, it is lost. */
bool fault_lane_add(struct fault_lane *lane, struct fault_held *h);
/* The first that may go now, or NULL. */
struct fault_held **fault_lane_due(struct fault_lane *lane, uint64_t now);
struct fault_held *fault_lane_remove(struct fault_lane *lane, struct fault_held **p);
/* When the first is due at the latest; UINT64_MAX: there is none. */
uint64_t fault_lane_next(const struct fault_lane *lane);
void fault_lane_free(struct fault_lane *lane);

#endif
