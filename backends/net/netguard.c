/* SPDX-License-Identifier: MIT */
/* Source addresses and multicast groups. */
#include "backends/net/netguard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdatomic.h>
#include <string.h>

#define ARP_LEN	   28u
#define ARP_SHA	   8u  /* sender's hardware address */
#define ARP_SPA	   14u /* sender's protocol address */
#define IPV4_LEN   20u
#define IPV4_SADDR 12u
#define IPV6_LEN   40u
#define IPV6_SADDR 8u
#define VLAN_LEN   4u

void netguard_init(struct netguard *g)
{
	*g = (struct netguard){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void netguard_reset(struct netguard *g)
{
	pthread_mutex_lock(&g->lock);
	g->nr_groups = 0;
	pthread_mutex_unlock(&g->lock);
}

int netguard_parse_ips(struct netguard *g, const char *s)
{
	char word[INET6_ADDRSTRLEN];

	for (g->nr_ips = 0; *s; s += strspn(s, " ,")) {
		size_t n = strcspn(s, " ,");
		struct netguard_ip *ip = &g->ip[g->nr_ips];

		if (!n || n >= sizeof(word) || g->nr_ips == NETGUARD_MAX_IPS)
			return -EINVAL;
		memcpy(word, s, n);
		word[n] = '\0';
		if (inet_pton(AF_INET, word, ip->addr) == 1)
			ip->len = 4;
		else if (inet_pton(AF_INET6, word, ip->addr) == 1)
			ip->len = 16;
		else
			return -EINVAL;
		g->nr_ips++;
		s += n;
	}
	return 0;
}

static unsigned group_find(const struct netguard *g, const uint8_t *addr)
{
	unsigned i = 0;

	while (i < g->nr_groups && memcmp(g->group[i], addr, 6))
		i++;
	return i;
}

int netguard_group(struct netguard *g, const uint8_t *addr, bool add)
{
	unsigned i;
	int err = 0;

	if (!(addr[0] & 1))
		return -EINVAL;
	pthread_mutex_lock(&g->lock);
	i = group_find(g, addr);
	if (add && i == g->nr_groups) {
		if (i == NETGUARD_MAX_GROUPS)
			err = -ENOSPC;
		else
			memcpy(g->group[g->nr_groups++], addr, 6);
	} else if (!add && i < g->nr_groups) {
		memcpy(g->group[i], g->group[--g->nr_groups], 6);
	}
	pthread_mutex_unlock(&g->lock);
	return err;
}

/* Is the address one of the vif's? Unspecified ones are everybody's: DHCP, DAD. */
static bool ip_is_own(const struct netguard *g, const uint8_t *addr, uint8_t len)
{
	static const uint8_t none[16];

	if (!memcmp(addr, none, len))
		return true;
	/* link-local ones follow from the MAC or are made up: IPv6 needs them */
	if (len == 16 && addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80)
		return true;
	for (unsigned i = 0; i < g->nr_ips; i++)
		if (g->ip[i].len == len && !memcmp(g->ip[i].addr, addr, len))
			return true;
	return false;
}

bool netguard_may_send(const struct netguard *g, const uint8_t *hdr, size_t len)
{
	size_t l3 = ETH_HLEN;
	uint16_t type;

	if (!g->antispoof)
		return true;
	if (memcmp(hdr + 6, g->mac, 6))
		return false;
	if (!g->nr_ips)
		return true;
	type = (uint16_t)(hdr[12] << 8 | hdr[13]);
	while (type == ETHERTYPE_VLAN && len >= l3 + VLAN_LEN) {
		type = (uint16_t)(hdr[l3 + 2] << 8 | hdr[l3 + 3]);
		l3 += VLAN_LEN;
	}
	switch (type) {
	case ETHERTYPE_IP:
		return len >= l3 + IPV4_LEN && ip_is_own(g, hdr + l3 + IPV4_SADDR, 4);
	case ETHERTYPE_IPV6:
		return len >= l3 + IPV6_LEN && ip_is_own(g, hdr + l3 + IPV6_SADDR, 16);
	case ETHERTYPE_ARP:
		return len >= l3 + ARP_LEN && !memcmp(hdr + l3 + ARP_SHA, g->mac, 6) &&
		       ip_is_own(g, hdr + l3 + ARP_SPA, 4);
	default:
		return false;
	}
}

bool netguard_wants(struct netguard *g, const uint8_t *hdr, size_t len)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	bool wants;

	if (!atomic_load_explicit(&g->filter, memory_order_relaxed) || len < ETH_HLEN ||
	    !(hdr[0] & 1) || !memcmp(hdr, everybody, 6))
		return true;
	pthread_mutex_lock(&g->lock);
	wants = group_find(g, hdr) < g->nr_groups;
	pthread_mutex_unlock(&g->lock);
	return wants;
}
