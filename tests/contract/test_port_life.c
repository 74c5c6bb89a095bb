/* SPDX-License-Identifier: MIT */
/*
 * Ports of the kernel's from being asked for to being gone: names, bridges,
 * rights, the opener, the sandbox, queues that nobody reads.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/base/iface.h"
#include "hv/base/sandbox.h"
#include "tests/lib/netcase_port.h"
#include "tests/lib/netns.h"
#include "tests/lib/portside.h"
#include "tools/opener_net.h"

#define WAIT_MS 3000

static bool root; /* real, so with xdp; else in a user namespace */
static struct portside s;

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* ------------------------------------------------------------------- errors */

struct wrong {
	struct netdrv_params p;
	int err;
	const char *words; /* in the one line */
};

static const struct wrong wrongs[] = {
	{ { .driver = "tap", .ifname = "sixteen.letters." },
	  -ENAMETOOLONG,
	  "vifname=sixteen.letters.: an interface's name has 15 characters" },
	{ { .driver = "tap", .ifname = "a/b" }, -EINVAL, "vifname=a/b: no interface" },
	{ { .driver = "tap", .ifname = "lo" }, -EEXIST, "vifname=lo: an interface" },
	{ { .driver = "tap", .ifname = "t0", .bridge = "br9" },
	  -ENODEV,
	  "bridge=br9: there is no such bridge" },
	{ { .driver = "tap", .ifname = "t0", .bridge = "a-name-that-is-too-long" },
	  -ENAMETOOLONG,
	  "bridge=a-name-that-is-too-long: there is no such bridge" },
	{ { .driver = "tap", .ifname = "t0", .bridge = "lo" },
	  -EOPNOTSUPP,
	  "bridge=lo: this interface is not a bridge" },
	{ { .driver = "tap", .ifname = "t0", .mtu = 70000 }, -EINVAL, "mtu=70000: t0" },
	{ { .driver = "packet" }, -EINVAL, "target=: packet needs" },
	{ { .driver = "packet", .target = "eth9" },
	  -ENODEV,
	  "target=eth9: there is no such interface" },
	{ { .driver = "packet", .target = "lo", .bridge = "br0" },
	  -EINVAL,
	  "bridge=br0: packet" },
	{ { .driver = "packet", .target = "v0", .mtu = 1501 },
	  -EINVAL,
	  "mtu=1501: target=v0 carries 1500 at most" },
	{ { .driver = "xdp", .target = "eth9" },
	  -ENODEV,
	  "target=eth9: there is no such interface" },
	{ { .driver = "xdp", .target = "lo" }, -EINVAL, "target=lo: its mtu is 65536" },
	{ { .driver = "xdp", .target = "v0", .options = "mode=fast" },
	  -EINVAL,
	  "options=mode=fast: want mode=skb or mode=native" },
};

static void check_wrong(const struct wrong *w,
			int (*open)(const struct netdrv_params *p, char **why))
{
	char *why = NULL;
	int err = open(&w->p, &why);

	if (err != w->err || !why || strncmp(why, w->words, strlen(w->words)) ||
	    strchr(why, '\n'))
		fail_msg("want %d <%s>, got %d <%s>", w->err, w->words, err, why);
	free(why);
}

static int open_here(const struct netdrv_params *p, char **why)
{
	struct netdrv *dev;

	return netrig_try_open(NULL, p, &dev, why);
}

static void test_wrong(void **state)
{
	unsigned fds = netrig_fds();
	int index;

	(void)state;
	netns_run("ip link add name v0 type veth peer name v1");
	for (unsigned i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
		check_wrong(&wrongs[i], open_here);
	assert_int_equal(netrig_fds(), fds);
	assert_int_equal(iface_index("t0", &index), -ENODEV);
	netns_run("ip link del v0");
}

/* Without rights over the network. */
static void test_no_rights(void **state)
{
	static const struct wrong all[] = {
		{ { .driver = "tap", .ifname = "t0" },
		  -EPERM,
		  "vifname=t0: no permission" },
		{ { .driver = "packet", .target = "lo" },
		  -EPERM,
		  "target=lo: no permission: packet is for root" },
		{ { .driver = "xdp", .target = "v0" },
		  -EPERM,
		  "target=v0: no permission: xdp is for root" },
	};
	int status;
	pid_t pid;

	(void)state;
	netns_run("ip link add name v0 type veth peer name v1; ip link set v0 up");
	pid = fork();
	if (!pid) {
		int bad = netns_drop_rights() != 0;

		for (unsigned i = 0; i < 3; i++) {
			char *why = NULL;
			int err = open_here(&all[i].p, &why);

			/* the device node may be closed to others, too */
			if ((err != -EPERM && err != -EACCES) || !why ||
			    strncmp(why, all[i].words, strlen(all[i].words))) {
				fprintf(stderr, "%d %s\n", err, why);
				bad = 1;
			}
			free(why);
		}
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	netns_run("ip link del v0");
}

/* ------------------------------------------------------------ through the opener */

static struct opener *opener;

static int open_there(const struct netdrv_params *params, char **why)
{
	struct netdrv_params p = *params;
	int err = opener_net_open(opener, &p, why);

	for (int i = 0; i < p.nfds; i++)
		close(p.fds[i]);
	return err;
}

static void test_opener(void **state)
{
	const struct opener_rules rules = { 0 };
	struct netdrv_params p = { .driver = "tap",
				   .ifname = "vif1.0",
				   .bridge = "br0",
				   .queues = NETDRV_MAX_FDS };
	const struct netdrv_ops *ops = netdrv_find("tap");
	struct netdrv *dev;
	char *why = NULL;
	int index;

	(void)state;
	netns_run("ip link add name br0 mtu 1400 type bridge");
	netns_run("ip link add name v0 type veth peer name v1");
	assert_int_equal(opener_net_start(&rules, &opener), 0);
	for (unsigned i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
		if (!wrongs[i].p.bridge || strlen(wrongs[i].p.bridge) < 16)
			check_wrong(&wrongs[i], open_there);
	assert_int_equal(opener_net_open(opener, &p, &why), 0);
	assert_int_equal(p.nfds, NETDRV_MAX_FDS);
	assert_string_equal(p.made, "vif1.0");
	assert_int_equal(p.found_mtu, 1400);
	netns_run("ip link show up master br0 | grep -q 'vif1.0:'");
	netns_run("ip link show vif1.0 | grep -q 'mtu 1400'");
	netns_run("ip link show vif1.0 | grep -q fe:ff:ff:ff:ff:ff");
	assert_int_equal(ops->open(&p, &dev, &why), 0);
	assert_int_equal(dev->info.mtu, 1400);
	assert_int_equal(dev->info.max_queues, NETDRV_MAX_FDS);
	ops->close(dev);
	opener_stop(opener);
	/* nobody keeps it */
	assert_int_equal(iface_index("vif1.0", &index), -ENODEV);
	netns_run("ip link del br0; ip link del v0");
}

/* -------------------------------------------------------------- queues, the end */

#define FLOWS 200

static void give_flows(int peer)
{
	const struct frame_spec spec = { .proto = 17, .payload = 40 };
	struct frame f = frame_make(s.bytes, &spec);
	const struct vnet_hdr none = { 0 };

	s.peer = peer;
	for (uint16_t port = 0; port < FLOWS; port++) {
		memcpy(s.bytes + f.l4, &port, sizeof(port));
		portside_give(&s, s.bytes, f.len, &none);
	}
}

static unsigned count(struct netrig *rig)
{
	struct netpkt *room = netpkt_room(2048, 2, 1);
	unsigned n = 0;

	while (netrig_recv(rig, room, 50) > 0)
		n++;
	netpkt_free(room);
	return n;
}

/* Of four queues one or two run: each flow is read by one of those. */
static void test_queues_unread(void **state)
{
	const struct netdrv_params p = { .driver = "tap", .ifname = "q0", .queues = 4 };
	struct netdrv *dev = netrig_open(NULL, &p);
	struct netrig second;
	int peer = netns_peer("q0", true);
	unsigned n;

	(void)state;
	assert_int_equal(dev->info.max_queues, 4);
	netns_up("q0");
	netrig_start(&s.rig, dev, 0, 0);
	for (int round = 0; round < 3; round++) {
		give_flows(peer);
		assert_int_equal(count(&s.rig), FLOWS);
		netrig_start(&second, dev, 1, 0);
		give_flows(peer);
		n = count(&second);
		assert_in_range(n, 1, FLOWS - 1);
		assert_int_equal(n + count(&s.rig), FLOWS);
		netrig_stop(&second);
	}
	netrig_stop(&s.rig);
	close(peer);
	dev->ops->close(dev);
}

static bool got(struct netrig *rig, const struct netbuf *b)
{
	(void)rig;
	(void)b;
	return true;
}

/* Somebody deletes the interface: the worker goes on sleeping. */
static void test_deleted(void **state)
{
	static const char *const drivers[] = { "tap", "packet", "xdp" };

	(void)state;
	for (unsigned i = 0; i < (root ? 3 : 2); i++) {
		struct netdrv_params p = { .driver = drivers[i],
					   .target = i ? "v0" : NULL,
					   .ifname = "v0" };
		struct netdrv *dev;
		uint64_t sleeps;

		if (i)
			netns_run("ip link add name v0 type veth peer name v1");
		dev = netrig_open(NULL, &p);
		netrig_start(&s.rig, dev, 0, 0);
		netrig_stream(&s.rig, got, NULL);
		pause_ms(20);
		netns_run("ip link del v0");
		pause_ms(20);
		sleeps = s.rig.sleeps;
		pause_ms(100);
		assert_true(s.rig.sleeps - sleeps < 5);
		netrig_stop(&s.rig);
		dev->ops->close(dev);
	}
}

/* ------------------------------------------------------------------ no room */

static unsigned long arrived(const char *ifname)
{
	char path[128];
	unsigned long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/rx_packets", ifname);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &n), 1);
	fclose(f);
	return n;
}

/* A slow interface: send() says that there is no room, ready() that there is. */
static void test_no_room(void **state)
{
	const struct netdrv_params p = { .driver = "packet", .target = "v0" };
	struct netpkt *pkts[NETDRV_BATCH];
	uint8_t frame[1514];
	unsigned long before;
	struct netdrv *dev;

	(void)state;
	netns_run("ip link add name v0 type veth peer name v1");
	if (system("tc qdisc add dev v0 root tbf rate 50mbit burst 3000 limit 4000000")) {
		netns_run("ip link del v0");
		skip();
	}
	netns_run("ip link set v1 up");
	netns_up("v0");
	dev = netrig_open(NULL, &p);
	netrig_frame(frame, sizeof(frame), 1);
	for (unsigned i = 0; i < NETDRV_BATCH; i++)
		pkts[i] = netpkt_new(frame, sizeof(frame), NETBUF_HDR, 3, i);
	netrig_start(&s.rig, dev, 0, 0);
	before = arrived("v1");
	for (int i = 0; i < 10; i++)
		assert_true(netrig_send_all(&s.rig, pkts, NETDRV_BATCH));
	assert_true(s.rig.readies > 0);
	for (int i = 0; i < WAIT_MS && arrived("v1") - before < 10 * NETDRV_BATCH; i++)
		pause_ms(1);
	assert_int_equal(arrived("v1") - before, 10 * NETDRV_BATCH);
	netrig_stop(&s.rig);
	dev->ops->close(dev);
	for (unsigned i = 0; i < NETDRV_BATCH; i++)
		netpkt_free(pkts[i]);
	netns_run("ip link del v0");
}

/* ---------------------------------------------------------------- the sandbox */

/* In a child: everything after open_files() without rights. */
static void sandboxed_life(struct netdrv_params *p, const char *other)
{
	const struct netdrv_ops *ops = netdrv_find(p->driver);
	const struct sandbox_spec spec = { .uring_setup = true };
	const struct frame_spec udp = { .proto = 17, .payload = 400 };
	const struct netif_meta none = { 0 };
	struct vnet_hdr vh = { 0 };
	struct frame f = frame_make(s.bytes, &udp);
	char *why = NULL, stats[256];
	struct netrig second;
	struct netdrv *dev;

	assert_int_equal(ops->open_files(p, &why), 0);
	netns_up(other);
	s.peer = netns_peer(other, true);
	assert_true(sandbox_enter(&spec) >= 0);
	assert_true(socket(AF_PACKET, SOCK_RAW, 0) < 0);
	assert_int_equal(ops->open(p, &dev, &why), 0);
	if (ops->set_guest)
		assert_int_equal(ops->set_guest(dev, &portside_all), 0);
	netrig_start(&s.rig, dev, 0, 0);
	if (dev->info.max_queues > 1) {
		netrig_start(&second, dev, 1, 0);
		netrig_stop(&second);
	}
	portside_send(&s, s.bytes, f.len, &none);
	assert_int_equal(portside_take(&s, WAIT_MS), f.len);
	pause_ms(2);
	portside_give(&s, s.bytes, f.len, &vh);
	assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
	ops->stats(dev, stats, sizeof(stats));
	assert_non_null(strstr(stats, "\"refused\":0"));
	netrig_stop(&s.rig);
	ops->close(dev);
}

static void check_sandboxed(struct netdrv_params *p, const char *other)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		sandboxed_life(p, other);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_sandboxed(void **state)
{
	struct netdrv_params tap = { .driver = "tap", .ifname = "t0", .queues = 2 };
	struct netdrv_params packet = { .driver = "packet", .target = "v0" };
	struct netdrv_params xdp = { .driver = "xdp", .target = "v0" };

	(void)state;
	netns_run("ip link add name v0 type veth peer name v1; ip link set v1 up");
	check_sandboxed(&tap, "t0");
	check_sandboxed(&packet, "v1");
	if (root)
		check_sandboxed(&xdp, "v1");
	netns_run("ip link del v0");
}

/* ------------------------------------------------------------------------- xdp */

/* One program an interface; a holder that is killed leaves nothing behind. */
static void test_xdp_killed(void **state)
{
	const struct netdrv_params p = { .driver = "xdp", .target = "v0" };
	const struct wrong busy = { p, -EBUSY, "target=v0: another program has it" };
	int status, fds[2];
	char byte = 0;
	pid_t pid;

	(void)state;
	if (!root)
		skip();
	netns_run("ip link add name v0 type veth peer name v1");
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		(void)netrig_open(NULL, &p);
		(void)!write(fds[1], &byte, 1);
		pause();
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	netns_run("ip link show v0 | grep -q xdp");
	check_wrong(&busy, open_here);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pause_ms(50);
	netns_run("! ip link show v0 | grep -q xdp");
	netns_run("ip link del v0");
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),	cmocka_unit_test(test_no_rights),
		cmocka_unit_test(test_opener),	cmocka_unit_test(test_queues_unread),
		cmocka_unit_test(test_deleted), cmocka_unit_test(test_sandboxed),
		cmocka_unit_test(test_no_room), cmocka_unit_test(test_xdp_killed),
	};
	const char *reason;

	root = argc > 1 && !strcmp(argv[1], "root");
	reason = root ? port_no_xdp() : port_no_tap();
	if (reason) {
		printf("%s\n", reason);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
