/* SPDX-License-Identifier: MIT */
/* netback: serves the virtual interfaces that the toolstack made for this domain. */
#ifndef TANDEM_BACKENDS_NET_NETBACK_H
#define TANDEM_BACKENDS_NET_NETBACK_H

#include "backends/backend.h"
#include "backends/net/netdrv.h"

struct netback_config {
	struct backend_config be;
	uint32_t max_queues;	     /* a vif; 1..NETBACK_MAX_QUEUES */
	uint64_t stall_ns;	     /* without room for so long: what comes is dropped */
	const char *const *switches; /* strings, netswitches.h */
	unsigned nr_switches;
	struct evloop *loop; /* the control rings'; netback_new() sets it */
	/* Opens a driver's descriptors (the privileged opener). As
	 * netdrv_ops.open_files. */
	int (*open_files)(void *arg, struct netdrv_params *p, char **why);
	void *open_arg;
	struct netswitches *sw; /* netback_new() sets it */
};
extern const struct netback_config netback_config_default;

#define NETBACK_MAX_QUEUES 16u

/* A backend (backend.h) of interfaces and its switches; *cfg outlives it. -EINVAL:
 * cfg; of a switch, a log line says what is wrong. */
int netback_new(struct plat *p, struct evloop *loop, struct netback_config *cfg,
		void (*lost)(void *arg), void *lost_arg, struct backend **be);

#endif
