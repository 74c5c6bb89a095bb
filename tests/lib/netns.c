/* SPDX-License-Identifier: MIT */
/* Namespaces for tests, and a peer on the kernel's side. */
#include "tests/lib/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/iface.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	abort();
}

static bool put(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool become_root(unsigned uid, unsigned gid)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!put("/proc/self/uid_map", map) || !put("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return put("/proc/self/gid_map", map);
}

int netns_enter(bool privileged)
{
	const struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };
	const int flags = CLONE_NEWNET | CLONE_NEWNS;
	unsigned uid = geteuid(), gid = getegid();

	/* a wish: in a user namespace root's io_urings count, too, those that the
	 * kernel has still to take down and other tests' among them */
	(void)setrlimit(RLIMIT_MEMLOCK, &any);
	if (privileged ? unshare(flags) < 0
		       : unshare(flags | CLONE_NEWUSER) < 0 || !become_root(uid, gid)) {
		printf("no network namespace here%s: %s\n",
		       privileged ? " (root only)" : "", strerror(errno));
		return 77;
	}
	/* cannot fail in a way that matters: interfaces that say nothing on their own */
	(void)put("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	/* sysfs that shows this network; nothing mounted here is seen outside */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 || iface_set_up("lo")) {
		printf("no network namespace here: %s\n", strerror(errno));
		return 77;
	}
	return 0;
}

void netns_run(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	must(system(cmd) == 0, cmd);
}

void netns_up(const char *ifname)
{
	struct ifreq ifr = { 0 };
	cleanup_close int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	netns_run("ip link set %s up", ifname);
	for (int i = 0; i < 5000 && !(ifr.ifr_flags & IFF_RUNNING); i++) {
		usleep(1000);
		must(!ioctl(sock, SIOCGIFFLAGS, &ifr), ifname);
	}
	/* the flag comes a little before the packets, but both under one lock */
	netns_run("ip link set %s up", ifname);
}

int netns_peer(const char *ifname, bool vnet)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ALL) };
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	must(sock >= 0, "a packet socket");
	must(!iface_index(ifname, &sll.sll_ifindex), ifname);
	must(!setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) &&
		     (!vnet ||
		      !setsockopt(sock, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one))),
	     "its options");
	must(!bind(sock, (struct sockaddr *)&sll, sizeof(sll)), "its interface");
	return sock;
}

size_t netns_take(int sock, size_t skip, void *buf, size_t len)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	uint8_t *b = buf;

	while (poll(&pfd, 1, 2000) > 0) {
		ssize_t n = read(sock, buf, len);

		if (n >= (ssize_t)skip + 14 && b[skip + 12] == 0x88 &&
		    b[skip + 13] == 0xb5)
			return (size_t)n;
	}
	return 0;
}

int netns_drop_rights(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}
