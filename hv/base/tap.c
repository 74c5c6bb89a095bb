/* SPDX-License-Identifier: MIT */
/* Taps: making and opening them. */
#include "hv/base/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* TUN_F_USO4 and _USO6, which go together; newer than some headers. */
#define USO 0x60ul

/* One queue of ifr->ifr_name; the kernel writes the name back. */
static int queue_open(struct ifreq *ifr, int *out)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int size = TAP_VNET_HDR, err;

	if (fd < 0)
		return errno == ENODEV || errno == ENXIO ? -ENOENT : -errno;
	if (ioctl(fd, TUNSETIFF, ifr) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, 0) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

/* Why the kernel does not take that name; it says EINVAL to all of this. */
static int refused(const char *name, unsigned queues)
{
	int index;

	if (iface_index(name, &index))
		return -EINVAL;
	if (!iface_is_tap(name))
		return -EEXIST;
	return queues > 1 ? -EMLINK : -EBUSY;
}

int tap_open(const char *name, unsigned queues, int *fds, char made[IFACE_NAME_MAX])
{
	const short flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct ifreq ifr = { .ifr_flags = flags };
	unsigned n = 0;
	int err;

	if (!queues || queues > TAP_MAX_QUEUES)
		return -EMLINK;
	if (name && strlen(name) >= sizeof(ifr.ifr_name))
		return -ENAMETOOLONG;
	if (name)
		strcpy(ifr.ifr_name, name);
	if (queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	err = queue_open(&ifr, &fds[0]);
	if (err == -EINVAL && queues == 1 && name && iface_is_tap(name)) {
		/* made by somebody for more queues than one */
		ifr.ifr_flags = flags | IFF_MULTI_QUEUE;
		err = queue_open(&ifr, &fds[0]);
	}
	if (err == -EINVAL && name)
		err = refused(name, queues);
	for (n = !err; !err && n < queues; n += !err) {
		ifr.ifr_flags = flags | IFF_MULTI_QUEUE;
		err = queue_open(&ifr, &fds[n]);
	}
	if (err) {
		while (n)
			close(fds[--n]);
		return err;
	}
	memcpy(made, ifr.ifr_name, IFACE_NAME_MAX);
	return 0;
}

const char *tap_strerror(int err)
{
	switch (err) {
	case -ENOENT:
		return "no taps here: there is no /dev/net/tun (modprobe tun)";
	case -EACCES:
		return "no permission to open /dev/net/tun";
	case -EPERM:
		return "no permission: a tap is made by root (CAP_NET_ADMIN), or "
		       "beforehand by 'ip tuntap add mode tap user NAME'";
	case -ENAMETOOLONG:
		return "an interface's name has 15 characters at most";
	case -EINVAL:
		return "no interface can have this name";
	case -EEXIST:
		return "an interface of this name is there, and is not a tap";
	case -EBUSY:
		return "this tap is in use";
	case -EMLINK:
		return "this tap has not so many queues (multi_queue)";
	default:
		return strerror(-err);
	}
}

int tap_set_offload(int fd, bool csum, bool tso4, bool tso6, bool uso)
{
	unsigned long f = 0;

	if (csum || tso4 || tso6 || uso)
		f |= TUN_F_CSUM;
	if (tso4)
		f |= TUN_F_TSO4;
	if (tso6)
		f |= TUN_F_TSO6;
	if (tso4 || tso6)
		f |= TUN_F_TSO_ECN;
	if (uso)
		f |= USO;
	return ioctl(fd, TUNSETOFFLOAD, f) < 0 ? -errno : 0;
}

bool tap_has_uso(int fd)
{
	bool has = !ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | USO);

	return !ioctl(fd, TUNSETOFFLOAD, 0) && has;
}

int tap_set_carrier(int fd, bool on)
{
	int carrier = on;

	return ioctl(fd, TUNSETCARRIER, &carrier) < 0 ? -errno : 0;
}
