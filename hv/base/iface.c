/* SPDX-License-Identifier: MIT */
/* Network interfaces: what is asked of the kernel by ioctl. */
#include "hv/base/iface.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hv/base/cleanup.h"

_Static_assert(IFACE_NAME_MAX == IFNAMSIZ, "the kernel's");

/* One request about `name`; the rest of *ifr is the caller's. */
static int iface_do(const char *name, unsigned long what, struct ifreq *ifr)
{
	cleanup_close int sock = -1;

	if (!name[0] || strlen(name) >= IFNAMSIZ)
		return -ENAMETOOLONG;
	strcpy(ifr->ifr_name, name);
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	return ioctl(sock, what, ifr) < 0 ? -errno : 0;
}

int iface_index(const char *name, int *index)
{
	struct ifreq ifr = { 0 };
	int err = iface_do(name, SIOCGIFINDEX, &ifr);

	*index = ifr.ifr_ifindex;
	return err;
}

int iface_mtu(const char *name, uint32_t *mtu)
{
	struct ifreq ifr = { 0 };
	int err = iface_do(name, SIOCGIFMTU, &ifr);

	*mtu = (uint32_t)ifr.ifr_mtu;
	return err;
}

int iface_set_mtu(const char *name, uint32_t mtu)
{
	struct ifreq ifr = { .ifr_mtu = (int)mtu };

	return iface_do(name, SIOCSIFMTU, &ifr);
}

int iface_set_mac(const char *name, const uint8_t mac[6])
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return iface_do(name, SIOCSIFHWADDR, &ifr);
}

int iface_set_up(const char *name)
{
	struct ifreq ifr = { 0 };
	int err = iface_do(name, SIOCGIFFLAGS, &ifr);

	if (err || ifr.ifr_flags & IFF_UP)
		return err;
	ifr.ifr_flags |= IFF_UP;
	return iface_do(name, SIOCSIFFLAGS, &ifr);
}

uint32_t iface_rx_queues(const char *name)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (void *)&ch };

	if (iface_do(name, SIOCETHTOOL, &ifr) || !(ch.rx_count + ch.combined_count))
		return 1;
	return ch.rx_count + ch.combined_count;
}

/* What driver it says it is of, and on what "bus". */
static bool iface_is(const char *name, const char *driver, const char *bus)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&info };

	return !iface_do(name, SIOCETHTOOL, &ifr) &&
	       !strncmp(info.driver, driver, sizeof(info.driver)) &&
	       !strncmp(info.bus_info, bus, sizeof(info.bus_info));
}

bool iface_is_tap(const char *name)
{
	return iface_is(name, "tun", "tap");
}

bool iface_is_bridge(const char *name)
{
	return iface_is(name, "bridge", "N/A");
}

int iface_join_bridge(const char *bridge, const char *name)
{
	struct ifreq ifr = { 0 };
	int index, err = iface_index(bridge, &index);

	if (err)
		return err;
	err = iface_index(name, &ifr.ifr_ifindex);
	return err ? err : iface_do(bridge, SIOCBRADDIF, &ifr);
}
