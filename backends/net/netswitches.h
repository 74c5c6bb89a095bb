/* SPDX-License-Identifier: MIT */
/*
 * The switches of a backend (switch.h) as a person asks for them, with their
 * uplinks: ports of other drivers that lead outside.
 *
 * "NAME[,uplink=DRIVER:TARGET[;key=value...]]...[,ageing=SECONDS][,mtu=BYTES]"
 */
#ifndef TANDEM_BACKENDS_NET_NETSWITCHES_H
#define TANDEM_BACKENDS_NET_NETSWITCHES_H

#include "backends/net/netback.h"

struct netswitches;

/*
 * Makes the switches of cfg->switches and opens their uplinks' ports; before
 * privileges are dropped. On error *why gets one line for the person (malloc'd):
 * which string, what is wrong. -errno
 */
int netswitches_new(const struct netback_config *cfg, struct netswitches **s, char **why);
/* Joins the uplinks; the workers run. *why as above. */
int netswitches_start(struct netswitches *s, struct backend *be, char **why);
/* No vif has a port any more; the workers still run. NULL is allowed. */
void netswitches_free(struct netswitches *s);

#endif
