/* SPDX-License-Identifier: MIT */
/* What ports on an existing interface (packet, xdp) say about their target. */
#ifndef TANDEM_BACKENDS_NET_IFPORT_H
#define TANDEM_BACKENDS_NET_IFPORT_H

#include "backends/net/netdrv.h"

/*
 * In open_files(): checks what was asked for, sets found_mtu, and brings the
 * interface up. -errno with *why.
 */
int ifport_check(struct netdrv_params *p, int *index, char **why);
/* The kernel's answer to opening it, in words. Returns err. */
int ifport_refused(const struct netdrv_params *p, int err, char **why);

#endif
