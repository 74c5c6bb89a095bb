/* SPDX-License-Identifier: MIT */
/* Network interfaces of the namespace that this process is in, by name. */
#ifndef TANDEM_HV_BASE_IFACE_H
#define TANDEM_HV_BASE_IFACE_H

#include <stdbool.h>
#include <stdint.h>

#define IFACE_NAME_MAX 16 /* NUL included */

/*
 * All: 0 or -errno; -ENODEV: there is no such interface, -ENAMETOOLONG: there
 * cannot be (or the name is empty), -EPERM: CAP_NET_ADMIN is wanted.
 */
int iface_index(const char *name, int *index);
int iface_mtu(const char *name, uint32_t *mtu);
int iface_set_mtu(const char *name, uint32_t mtu); /* -EINVAL: not with this one */
int iface_set_mac(const char *name, const uint8_t mac[6]);
int iface_set_up(const char *name);

/* Queues that it receives on; 1 where it does not say. */
uint32_t iface_rx_queues(const char *name);

/* Is it a tap? */
bool iface_is_tap(const char *name);
/* Is it a bridge? */
bool iface_is_bridge(const char *name);
/* Makes `name` a port of a Linux bridge, which is the -ENODEV here. -EBUSY: it is
 * another bridge's; -EOPNOTSUPP: `bridge` is none. */
int iface_join_bridge(const char *bridge, const char *name);

#endif
