/* SPDX-License-Identifier: MIT */
/* The rows of the contract of network drivers. */
#include "tests/lib/netcase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/capfile.h"
#include "tests/lib/netcase_port.h"
#include "tests/lib/netcase_switch.h"
#include "tests/lib/netrig.h"

/* -------------------------------------------------------------------- pipe */

static void pipe_setup(struct netcase_dev *d)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	d->params.fds[0] = fds[0];
	d->params.nfds = 1;
	d->fd = fds[1];
}

static void pipe_teardown(struct netcase_dev *d)
{
	close(d->fd);
}

static ssize_t pipe_take(struct netcase_dev *d, void *frame, size_t size, int timeout_ms)
{
	struct pollfd p = { .fd = d->fd, .events = POLLIN };

	if (poll(&p, 1, timeout_ms) != 1)
		return 0;
	return recv(d->fd, frame, size, 0);
}

static bool pipe_give(struct netcase_dev *d, const void *frame, size_t len)
{
	return send(d->fd, frame, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* -------------------------------------------------------------------- pcap */

static void pcap_setup(struct netcase_dev *d)
{
	static const uint32_t sizes[] = { 60, 1514, 64, 14, 9000 };
	struct capfile c;
	uint8_t frame[9000];

	snprintf(d->dir, sizeof(d->dir), "/tmp/tandem-net.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->path, sizeof(d->path), "%s/in.pcap", d->dir);
	snprintf(d->out, sizeof(d->out), "%s/out.pcap", d->dir);
	capfile_start(&c, CAPFILE_PCAP, CAPFILE_ETHER);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		netrig_frame(frame, sizes[i], i);
		capfile_add(&c, i * UINT64_C(100000), frame, sizes[i], sizes[i]);
	}
	capfile_save(&c, d->path, c.len);
	capfile_free(&c);
	snprintf(d->text, sizeof(d->text), "%s%cwrite=%s", d->c->options,
		 strstr(d->c->options, "inner") ? ';' : ',', d->out);
	d->params.target = d->path;
	d->params.options = d->text;
	d->at = CAPFILE_HEADER;
}

static void pcap_teardown(struct netcase_dev *d)
{
	if (d->fd >= 0)
		close(d->fd);
	unlink(d->path);
	unlink(d->out);
	rmdir(d->dir);
}

static ssize_t pcap_take(struct netcase_dev *d, void *frame, size_t size, int timeout_ms)
{
	uint64_t ns;

	if (d->fd < 0)
		d->fd = open(d->out, O_RDONLY | O_CLOEXEC);
	return capfile_read(d->fd, &d->at, frame, size, &ns, timeout_ms);
}

/* -------------------------------------------------------------------- rows */

static const struct netcase_bad pcap_bad[] = {
	{ "/nonexistent/in.pcap", NULL, -ENOENT },
	{ "/dev/null", NULL, 0 },
	{ "/tmp", NULL, 0 },
	{ NULL, "write=", 0 },
	{ NULL, "write=/nonexistent/out.pcap", -ENOENT },
	{ NULL, "write=/dev/null", 0 },
	{ "/dev/null", "speed=0", 0 },
	{ "/dev/null", "speed=fast", 0 },
	{ "/dev/null", "rate=-1", 0 },
	{ "/dev/null", "loop=x", 0 },
	{ "/dev/null", "size=64", 0 },
	{ 0 },
};

static const struct netcase_bad sink_bad[] = {
	{ "somewhere", NULL, 0 },
	{ NULL, "size=64", 0 },
	{ 0 },
};

static const struct netcase_bad gen_bad[] = {
	{ "eth0", NULL, 0 },
	{ NULL, "size", 0 },
	{ NULL, "size=", 0 },
	{ NULL, "size=59", 0 },
	{ NULL, "size=65536", 0 },
	{ NULL, "size=-64", 0 },
	{ NULL, "size=9000x", 0 },
	{ NULL, "rate=1G", 0 },
	{ NULL, "rate=18446744073709551616", 0 },
	{ NULL, "colour=red", 0 },
	{ NULL, "=64", 0 },
	{ NULL, "proto=icmp", 0 },
	{ NULL, "proto=tcp,size=60", 0 },
	{ NULL, "gso=1448,size=1500", 0 },
	{ NULL, "gso=1448,size=imix", 0 },
	{ NULL, "src-mac=02:00:00:00:00", 0 },
	{ NULL, "src-mac=02:00:00:00:00:0g", 0 },
	{ NULL, "dst-ip=10.0.0.256", 0 },
	{ NULL, "dst-ip=::1", 0 },
	{ NULL, "dst-port=65536", 0 },
	{ 0 },
};

static const struct netcase_bad fault_bad[] = {
	{ NULL, "loss=1", 0 },
	{ NULL, "send-loss=1", 0 },
	{ NULL, "inner=", 0 },
	{ NULL, "inner=fault", 0 },
	{ NULL, "inner=nothing", 0 },
	{ NULL, "inner=gen,send-loss=101", 0 },
	{ NULL, "inner=gen,recv-dup=-1", 0 },
	{ NULL, "inner=gen,recv-dup=nan", 0 },
	{ NULL, "inner=gen,send-delay-us=10000001", 0 },
	{ NULL, "inner=gen,inner-options=size=1", 0 },
	{ NULL, "inner=gen:eth0", 0 },
	{ NULL, "inner=pcap:/nonexistent/in.pcap", -ENOENT },
	{ 0 },
};

static const struct netcase cases[] = {
	{ .name = "pipe",
	  .driver = "pipe",
	  .ops = &netpipe,
	  .setup = pipe_setup,
	  .teardown = pipe_teardown,
	  .take = pipe_take,
	  .give = pipe_give },
	{ .name = "sink", .driver = "sink", .bad = sink_bad },
	{ .name = "gen", .driver = "gen", .comes = true, .bad = gen_bad },
	{ .name = "gen, at a rate",
	  .driver = "gen",
	  .options = "rate=20000,size=1514",
	  .comes = true },
	{ .name = "gen, mix", .driver = "gen", .options = "size=imix", .comes = true },
	{ .name = "gen, large segments",
	  .driver = "gen",
	  .options = "gso=1448",
	  .comes = true },
	{ .name = "pcap",
	  .driver = "pcap",
	  .options = "rate=0,loop=0",
	  .setup = pcap_setup,
	  .teardown = pcap_teardown,
	  .take = pcap_take,
	  .comes = true,
	  .bad = pcap_bad },
	{ .name = "pcap, in its own time",
	  .driver = "pcap",
	  .options = "loop=0",
	  .setup = pcap_setup,
	  .teardown = pcap_teardown,
	  .take = pcap_take,
	  .comes = true },
	{ .name = "xdp",
	  .driver = "xdp",
	  .impossible = port_no_xdp,
	  .setup = port_veth_setup,
	  .teardown = port_veth_teardown,
	  .take = port_take,
	  .give = port_give,
	  .max_len = 3822 + 14,
	  .wakes = 20000,
	  .bad = port_xdp_bad },
	{ .name = "packet",
	  .driver = "packet",
	  .impossible = port_no_net,
	  .setup = port_veth_setup,
	  .teardown = port_veth_teardown,
	  .take = port_take,
	  .give = port_give,
	  .wakes = 20000,
	  .bad = port_packet_bad },
	{ .name = "tap",
	  .driver = "tap",
	  .impossible = port_no_tap,
	  .setup = port_tap_setup,
	  .teardown = port_tap_teardown,
	  .take = port_take,
	  .give = port_give,
	  .wakes = 20000,
	  .bad = port_tap_bad },
	{ .name = "fault on sink",
	  .driver = "fault",
	  .options = "inner=sink,send-loss=10,send-delay-us=50,send-delay=50" },
	{ .name = "fault on gen",
	  .driver = "fault",
	  .options = "inner=gen,inner-options=rate=50000;size=imix,recv-loss=10,"
		     "recv-corrupt=10,recv-dup=10,recv-reorder=10,recv-delay-us=100",
	  .comes = true,
	  .bad = fault_bad },
	{ .name = "fault on pcap",
	  .driver = "fault",
	  .options = "inner=pcap,recv-loss=20,send-delay-us=20,"
		     "inner-options=rate=0;loop=0",
	  .setup = pcap_setup,
	  .teardown = pcap_teardown,
	  .take = pcap_take,
	  .comes = true },
	{ .name = "switch",
	  .driver = "switch",
	  .options = "vlan=7",
	  .setup = switch_setup,
	  .teardown = switch_teardown,
	  .take = switch_end_take,
	  .give = switch_end_give,
	  .bad = switch_bad },
};

const struct netcase *netcase_nth(unsigned i)
{
	return i < sizeof(cases) / sizeof(cases[0]) ? &cases[i] : NULL;
}

struct netcase_dev *netcase_open(const struct netcase *c, uint32_t queues)
{
	struct netcase_dev *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->c = c;
	d->fd = -1;
	d->params = (struct netdrv_params){ .driver = c->driver,
					    .target = c->target,
					    .options = c->options,
					    .mac = { 0, 0x16, 0x3e, 1, 2, 3 },
					    .queues = queues };
	if (c->setup)
		c->setup(d);
	d->dev = netrig_open(c->ops, &d->params);
	return d;
}

void netcase_close(struct netcase_dev *d)
{
	d->dev->ops->close(d->dev);
	if (d->c->teardown)
		d->c->teardown(d);
	free(d);
}
