/* SPDX-License-Identifier: MIT */
/* What the fault port shall do wrong, and to which packets. */
#ifndef TANDEM_BACKENDS_NET_NETFAULT_H
#define TANDEM_BACKENDS_NET_NETFAULT_H

#include <stdbool.h>
#include <stdint.h>

enum netfault_way { NETFAULT_SEND, NETFAULT_RECV, NETFAULT_WAYS };

/* Each: so many of 2^32 packets. */
struct netfault_chances {
	uint64_t loss, dup, corrupt, reorder, delay;
	uint64_t delay_us;
};

struct netfault_plan {
	char inner[32], target[1024]; /* target "": the port's own */
	char options[1024];	      /* the inner driver's; "": none */
	struct netfault_chances way[NETFAULT_WAYS];
	uint64_t seed;
};

/* What happens to one packet. */
struct netfault_fate {
	bool lost, dup;
	bool reorder; /* the next one overtakes it */
	bool corrupt;
	uint32_t corrupt_bit; /* modulo the packet's bits */
	uint64_t delay_ns;    /* 0: none */
};

/* Reads options. -EINVAL with *why. */
int netfault_plan_parse(struct netfault_plan *plan, const char *options, char **why);
/* Does nothing happen to any packet of that way? */
bool netfault_plan_idle(const struct netfault_plan *plan, enum netfault_way way);
/* Of packet n of a queue: the same plan, the same fate. */
struct netfault_fate netfault_plan_fate(const struct netfault_plan *plan,
					enum netfault_way way, uint32_t queue,
					uint64_t n);

#endif
