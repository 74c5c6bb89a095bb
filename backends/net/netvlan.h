/* SPDX-License-Identifier: MIT */
/*
 * A port's access to one VLAN: a port around another one. What the guest sends gets
 * an 802.1Q tag, and of what comes only packets with the tag of that VLAN go on, without
 * it; their priority says nothing. So netback's path knows of no tags, and ports
 * of vifs without a VLAN are what they were.
 *
 * As on an access port of the switch, a guest may send a priority (a tag of VLAN
 * 0), which its packet keeps; with any other 802.1Q tag of its own it is dropped.
 * No byte behind the header moves: a tag goes where NETBUF_TAG has left room.
 */
#ifndef TANDEM_BACKENDS_NET_NETVLAN_H
#define TANDEM_BACKENDS_NET_NETVLAN_H

#include "backends/net/netdrv.h"

#define NETVLAN_MAX 4094u

/* Packets that were dropped, of queues as they run or ran last. */
struct netvlan_drops {
	uint64_t tx; /* the guest's, with a tag of its own */
	uint64_t rx; /* without a tag, or with another VLAN's */
};

/* Puts itself around *dev, which becomes its own. vlan: 1..NETVLAN_MAX. -ENOMEM:
 * *dev is as it was. */
int netvlan_wrap(struct netdrv **dev, uint16_t vlan);
/* Of a device that netvlan_wrap() made; while its queues run. */
struct netvlan_drops netvlan_drops(const struct netdrv *dev);

#endif
