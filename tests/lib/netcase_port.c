/* SPDX-License-Identifier: MIT */
/* Ports of the kernel's and their other ends: packet sockets. */
#include "tests/lib/netcase_port.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/tap.h"
#include "tests/lib/netns.h"

#define MTU 65521 /* a tap's largest: frames of 65535 bytes */

const struct netcase_bad port_tap_bad[] = {
	{ NULL, "queues=2", 0 },
	{ 0 },
};

const struct netcase_bad port_packet_bad[] = {
	{ "none0", NULL, -ENODEV },
	{ "a-name-that-is-too-long", NULL, -ENAMETOOLONG },
	{ "lo", "promisc=off", 0 },
	{ 0 },
};

/* lo's mtu is larger than a frame. */
const struct netcase_bad port_xdp_bad[] = {
	{ "none0", NULL, -ENODEV },
	{ "lo", NULL, 0 },
	{ "lo", "mode=fast", 0 },
	{ "lo", "mode", 0 },
	{ 0 },
};

static const char *enter(bool privileged, const char *not_here)
{
	static int entered[2];

	if (!entered[privileged])
		entered[privileged] = netns_enter(privileged) ? -1 : 1;
	return entered[privileged] > 0 ? NULL : not_here;
}

/* The kernel gives AF_XDP to real root alone: so it is tried. */
const char *port_no_xdp(void)
{
	struct netdrv_params p = { .driver = "xdp", .target = "tnd0" };
	const char *reason = enter(true, "for root only");
	static char *why;
	int err;

	if (reason)
		return reason;
	netns_run("ip link add name tnd0 type veth peer name tnd1");
	free(why);
	why = NULL;
	err = netdrv_find("xdp")->open_files(&p, &why);
	while (p.nfds)
		close(p.fds[--p.nfds]);
	netns_run("ip link del tnd0");
	return err ? why : NULL;
}

const char *port_no_net(void)
{
	return enter(false, "no network of its own");
}

const char *port_no_tap(void)
{
	const char *reason = port_no_net();
	char made[IFACE_NAME_MAX];
	int fd, err;

	if (reason)
		return reason;
	err = tap_open(NULL, 1, &fd, made);
	if (err)
		return tap_strerror(err);
	close(fd);
	return NULL;
}

/*
 * Made beforehand, so that the other end is there before the first frame, and with a
 * queue that gets nothing, so that it is up before the port has opened it.
 */
void port_tap_setup(struct netcase_dev *d)
{
	struct ifreq ifr = { .ifr_flags = IFF_DETACH_QUEUE };
	char made[IFACE_NAME_MAX];
	int fd;

	netns_run("ip tuntap add mode tap multi_queue vnet_hdr name tnd0");
	assert_int_equal(tap_open("tnd0", 1, &fd, made), 0);
	assert_int_equal(ioctl(fd, TUNSETQUEUE, &ifr), 0);
	netns_up("tnd0");
	d->params.ifname = "tnd0";
	d->params.mtu = MTU;
	d->fd = netns_peer("tnd0", false);
	d->end = (void *)(intptr_t)fd;
}

void port_tap_teardown(struct netcase_dev *d)
{
	close((int)(intptr_t)d->end);
	close(d->fd);
	netns_run("ip link del tnd0");
}

void port_veth_setup(struct netcase_dev *d)
{
	unsigned mtu = d->c->max_len ? d->c->max_len - 14 : MTU;

	netns_run("ip link add name tnd0 mtu %u type veth peer name tnd1 mtu %u", mtu,
		  mtu);
	netns_run("ip link set tnd0 up");
	netns_up("tnd1");
	netns_up("tnd0");
	d->params.target = "tnd0";
	d->fd = netns_peer("tnd1", false);
}

void port_veth_teardown(struct netcase_dev *d)
{
	close(d->fd);
	netns_run("ip link del tnd1");
}

ssize_t port_take(struct netcase_dev *d, void *frame, size_t size, int timeout_ms)
{
	struct pollfd p = { .fd = d->fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 ? recv(d->fd, frame, size, 0) : 0;
}

bool port_give(struct netcase_dev *d, const void *frame, size_t len)
{
	return send(d->fd, frame, len, 0) == (ssize_t)len;
}
