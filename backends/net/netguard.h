/* SPDX-License-Identifier: MIT */
/*
 * What a vif may send and wants to receive: its own source addresses, and the
 * multicast groups that it asked for. One a vif, shared by its queues; any
 * thread.
 */
#ifndef TANDEM_BACKENDS_NET_NETGUARD_H
#define TANDEM_BACKENDS_NET_NETGUARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETGUARD_MAX_GROUPS 64 /* the reference backend's */
#define NETGUARD_MAX_IPS    16

struct netguard {
	uint8_t mac[6];
	bool antispoof;	     /* of mac, and of ip[] if there are any */
	_Atomic bool filter; /* multicast: only what was asked for */
	unsigned nr_ips;
	struct netguard_ip {
		uint8_t len; /* 4 or 16 */
		uint8_t addr[16];
	} ip[NETGUARD_MAX_IPS];
	pthread_mutex_t lock; /* of the groups */
	unsigned nr_groups;
	uint8_t group[NETGUARD_MAX_GROUPS][6];
};

/* Holds nothing that would have to be given back. */
void netguard_init(struct netguard *g);
/* Forgets the groups: another frontend. */
void netguard_reset(struct netguard *g);
/* "a.b.c.d e::f ...", as xl writes the key `ip`. -EINVAL */
int netguard_parse_ips(struct netguard *g, const char *s);

/* A group asked for, or no longer. -EINVAL: not a multicast address; -ENOSPC */
int netguard_group(struct netguard *g, const uint8_t *addr, bool add);

/* May the guest send this? hdr: the packet's first len bytes, private. */
bool netguard_may_send(const struct netguard *g, const uint8_t *hdr, size_t len);
/* Does the guest want this? */
bool netguard_wants(struct netguard *g, const uint8_t *hdr, size_t len);

#endif
