/* SPDX-License-Identifier: MIT */
/* What netback asks the opener for: a port's files and interfaces. */
#ifndef TANDEM_TOOLS_OPENER_NET_H
#define TANDEM_TOOLS_OPENER_NET_H

#include "backends/net/netdrv.h"
#include "tools/opener.h"

int opener_net_start(const struct opener_rules *rules, struct opener **op);
/* Runs the driver's open_files() there: p->fds, made and found_mtu come back. op is a
 * struct opener. *why: malloc'd, on error, or NULL. */
int opener_net_open(void *op, struct netdrv_params *p, char **why);

#endif
