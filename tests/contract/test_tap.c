/* SPDX-License-Identifier: MIT */
/* Taps and interfaces (hv/base/tap.h, iface.h) against the kernel's own. */
#include <errno.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/tap.h"
#include "tests/lib/netns.h"

static void close_all(const int *fds, unsigned n)
{
	while (n)
		close(fds[--n]);
}

static void test_made_and_gone(void **state)
{
	char made[IFACE_NAME_MAX];
	int fd, index;

	(void)state;
	assert_int_equal(tap_open("vif1.0", 1, &fd, made), 0);
	assert_string_equal(made, "vif1.0");
	assert_true(iface_is_tap("vif1.0"));
	assert_false(iface_is_bridge("vif1.0"));
	close(fd);
	assert_int_equal(iface_index("vif1.0", &index), -ENODEV);
	assert_int_equal(tap_open(NULL, 1, &fd, made), 0);
	assert_int_equal(strncmp(made, "tap", 3), 0);
	assert_int_equal(iface_index(made, &index), 0);
	close(fd);
	assert_int_equal(tap_open("tnd%d", 1, &fd, made), 0);
	assert_string_equal(made, "tnd0");
	close(fd);
}

/* A frame each way, with the virtio header in front; csum and GSO off. */
static void test_frames(void **state)
{
	uint8_t out[TAP_VNET_HDR + 60] = { 0 }, in[2048];
	char made[IFACE_NAME_MAX];
	int fd, peer;

	(void)state;
	assert_int_equal(tap_open("t0", 1, &fd, made), 0);
	assert_int_equal(iface_set_up("t0"), 0);
	peer = netns_peer("t0", false);
	memset(out + TAP_VNET_HDR, 0xff, 6);
	memcpy(out + TAP_VNET_HDR + 12, "\x88\xb5", 2);
	strcpy((char *)out + TAP_VNET_HDR + 14, "in");
	assert_int_equal(write(fd, out, sizeof(out)), sizeof(out));
	assert_int_equal(netns_take(peer, 0, in, sizeof(in)), 60);
	assert_memory_equal(in, out + TAP_VNET_HDR, 60);
	strcpy((char *)out + TAP_VNET_HDR + 14, "out");
	assert_int_equal(write(peer, out + TAP_VNET_HDR, 60), 60);
	assert_int_equal(netns_take(fd, TAP_VNET_HDR, in, sizeof(in)), sizeof(out));
	assert_memory_equal(in, out, sizeof(out));
	close(peer);
	close(fd);
}

static void test_queues(void **state)
{
	char made[IFACE_NAME_MAX];
	int fds[TAP_MAX_QUEUES], more;
	bool uso;

	(void)state;
	assert_int_equal(tap_open("q0", 0, fds, made), -EMLINK);
	assert_int_equal(tap_open("q0", TAP_MAX_QUEUES + 1, fds, made), -EMLINK);
	assert_int_equal(tap_open("q0", 4, fds, made), 0);
	uso = tap_has_uso(fds[0]);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(tap_set_offload(fds[i], true, true, true, false), 0);
		assert_int_equal(tap_set_offload(fds[i], false, false, false, true),
				 uso ? 0 : -EINVAL);
	}
	close_all(fds, 4);
	/* one queue of a tap that others made for many */
	netns_run("ip tuntap add mode tap multi_queue vnet_hdr name q1");
	assert_int_equal(tap_open("q1", 1, fds, made), 0);
	close(fds[0]);
	assert_int_equal(tap_open("q1", 2, fds, made), 0);
	close_all(fds, 2);
	/* many of one that has one */
	netns_run("ip tuntap add mode tap vnet_hdr name q2");
	assert_int_equal(tap_open("q2", 2, fds, made), -EMLINK);
	assert_int_equal(tap_open("q2", 1, fds, made), 0);
	assert_int_equal(tap_open("q2", 1, &more, made), -EBUSY);
	close(fds[0]);
	netns_run("ip link del q1; ip link del q2");
}

static void test_wrong_names(void **state)
{
	char made[IFACE_NAME_MAX];
	int fd;

	(void)state;
	netns_run("ip link add name w0 type veth peer name w1");
	assert_int_equal(tap_open("w0", 1, &fd, made), -EEXIST);
	assert_int_equal(tap_open("w0", 2, &fd, made), -EEXIST);
	assert_int_equal(tap_open("a/b", 1, &fd, made), -EINVAL);
	assert_int_equal(tap_open("sixteen.letters.", 1, &fd, made), -ENAMETOOLONG);
	assert_int_equal(tap_open("fifteen.letters", 1, &fd, made), 0);
	close(fd);
	netns_run("ip link del w0");
}

/* In the network of somebody else, without rights over it. */
static void test_no_permission(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	netns_run("ip link add name br0 type bridge");
	netns_run("ip link add name p0 type veth peer name p1");
	pid = fork();
	if (!pid) {
		char made[IFACE_NAME_MAX];
		int fd, err;

		if (netns_drop_rights())
			_exit(2);
		err = tap_open("t9", 1, &fd, made);
		if ((err != -EPERM && err != -EACCES) ||
		    !strstr(tap_strerror(err), "no permission"))
			_exit(3);
		_exit(iface_join_bridge("br0", "p0") == -EPERM &&
				      iface_set_mtu("p0", 1400) == -EPERM
			      ? 0
			      : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	netns_run("ip link del br0; ip link del p0");
}

static void test_interfaces(void **state)
{
	static const uint8_t mac[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
	char made[IFACE_NAME_MAX];
	uint32_t mtu;
	int fd;

	(void)state;
	netns_run("ip link add name br0 type bridge; ip link add name br1 type bridge");
	assert_int_equal(tap_open("t0", 1, &fd, made), 0);
	assert_true(iface_is_bridge("br0"));
	assert_false(iface_is_tap("br0"));
	assert_int_equal(iface_set_mtu("t0", 9000), 0);
	assert_int_equal(iface_mtu("t0", &mtu), 0);
	assert_int_equal(mtu, 9000);
	assert_int_equal(iface_set_mtu("t0", 5), -EINVAL);
	assert_int_equal(iface_set_mac("t0", mac), 0);
	netns_run("ip link show dev t0 | grep -q fe:ff:ff:ff:ff:ff");
	assert_int_equal(iface_join_bridge("none", "t0"), -ENODEV);
	assert_int_equal(iface_join_bridge("lo", "t0"), -EOPNOTSUPP);
	assert_int_equal(iface_join_bridge("br0", "t0"), 0);
	netns_run("ip link show master br0 | grep -q t0");
	assert_int_equal(iface_join_bridge("br1", "t0"), -EBUSY);
	assert_int_equal(iface_mtu("", &mtu), -ENAMETOOLONG);
	assert_int_equal(iface_mtu("sixteen.letters.", &mtu), -ENAMETOOLONG);
	close(fd);
	netns_run("ip link del br0; ip link del br1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_and_gone), cmocka_unit_test(test_frames),
		cmocka_unit_test(test_queues),	      cmocka_unit_test(test_wrong_names),
		cmocka_unit_test(test_no_permission), cmocka_unit_test(test_interfaces),
	};
	char made[IFACE_NAME_MAX];
	int err = netns_enter(false), fd;

	if (err)
		return err;
	err = tap_open(NULL, 1, &fd, made);
	if (err) {
		printf("%s\n", tap_strerror(err));
		return 77;
	}
	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
