/* SPDX-License-Identifier: MIT */
/* Vif strings as tandem takes them: keys, limits, and what each error says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/net/netdrv.h"
#include "tools/vif_spec.h"

static void parse(const char *s, struct vif_spec *v)
{
	char *why;

	if (vif_spec_parse(1, &s, v, &why))
		fail_msg("'%s': %s", s, why);
	assert_null(why);
}

static void test_all_keys(void **state)
{
	struct vif_spec v;
	char text[VIF_RATE_TEXT], mac[VIF_MAC_TEXT];

	(void)state;
	parse("mac=00:16:3E:aB:02:03, bridge=br0,gatewaydev=eth0,type=vif,model=e1000,"
	      "vifname=guest0-lan,script=/etc/xen/scripts/vif-bridge,"
	      "ip=192.0.2.1 192.0.2.0/24 2001:db8::1/128,backend=drv0,rate=10Mb/s@20ms,"
	      "devid=3,mtu=9000,untrusted,queues=4,antispoof=1,vlan=100,isolated=0,"
	      "port=fault;inner=tap;inner-options=a=1;;b=2",
	      &v);
	assert_string_equal(vif_mac_text(v.mac, mac), "00:16:3e:ab:02:03");
	assert_true(v.has_mac);
	assert_string_equal(v.bridge, "br0");
	assert_string_equal(v.gatewaydev, "eth0");
	assert_int_equal(v.type, VIF_TYPE_VIF);
	assert_string_equal(v.model, "e1000");
	assert_string_equal(v.vifname, "guest0-lan");
	assert_string_equal(v.script, "/etc/xen/scripts/vif-bridge");
	assert_string_equal(v.ip, "192.0.2.1 192.0.2.0/24 2001:db8::1/128");
	assert_string_equal(v.backend, "drv0");
	assert_string_equal(vif_rate_text(&v.rate, text), "25000,20000");
	assert_int_equal(v.devid, 3);
	assert_int_equal(v.mtu, 9000);
	assert_int_equal(v.trusted, VIF_NO);
	assert_int_equal(v.queues, 4);
	assert_int_equal(v.antispoof, VIF_YES);
	assert_int_equal(v.vlan, 100);
	assert_int_equal(v.isolated, VIF_NO);
	assert_string_equal(v.port_driver, "fault");
	assert_null(v.port_target);
	assert_string_equal(v.port_options, "inner=tap,inner-options=a=1;b=2");
	vif_spec_clear(&v);
	assert_null(v.bridge);
}

/* The same value again contradicts nothing, other than in disk strings. */
static void test_same_again(void **state)
{
	struct vif_spec v;

	(void)state;
	parse("bridge=br0,mac=02:00:00:00:00:01,mtu=9000,trusted=1,bridge=br0,"
	      "mac=02:00:00:00:00:01,mtu=9000,trusted",
	      &v);
	assert_string_equal(v.bridge, "br0");
	vif_spec_clear(&v);
}

static void test_defaults(void **state)
{
	static const char *const empty[] = { "", ",", "  ", ", ,\t" };
	struct vif_spec v;

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
		parse(empty[i], &v);
		assert_string_equal(v.bridge, "xenbr0");
		assert_false(v.has_mac);
		assert_null(v.port_driver);
		assert_null(v.backend);
		assert_int_equal(v.devid, VIF_DEVID_NONE);
		assert_int_equal(v.rate.usec, 0);
		assert_int_equal(v.mtu + v.queues + v.vlan, 0);
		assert_int_equal(v.antispoof, VIF_UNSET);
		vif_spec_clear(&v);
	}
}

/* One key an argument, as xl network-attach takes them; the same again is fine. */
static void test_several(void **state)
{
	static const char *const parts[] = {
		"mac=02:00:00:00:00:01",      "bridge=br0,mtu=68",
		"devid=0,bridge=br0",	      "netdev=eth0",
		"gatewaydev=eth0,rate=1MB/s", "rate=1000KB/s,trusted,trusted=1,devid=0"
	};
	struct vif_spec v;
	char *why;

	(void)state;
	assert_int_equal(vif_spec_parse(6, parts, &v, &why), 0);
	assert_int_equal(v.devid, 0);
	assert_int_equal(v.mtu, 68);
	assert_string_equal(v.gatewaydev, "eth0");
	assert_int_equal(v.trusted, VIF_YES);
	assert_int_equal(v.rate.bytes, 50000);
	vif_spec_clear(&v);
}

struct port {
	const char *string, *driver, *target, *options, *bridge;
};

static const struct port ports[] = {
	{ "port=tap", "tap", NULL, NULL, NULL },
	{ "port=tap:", "tap", NULL, NULL, NULL },
	{ "port=tap;", "tap", NULL, NULL, NULL },
	{ "port=tap:tnd0", "tap", "tnd0", NULL, NULL },
	{ "port=tap,bridge=br0", "tap", NULL, NULL, "br0" },
	{ "port=switch,bridge=lan", "switch", "lan", NULL, "lan" },
	{ "port=switch:lan", "switch", "lan", NULL, NULL },
	{ "port=switch:lan,bridge=lan", "switch", "lan", NULL, "lan" },
	{ "port=packet:eth0;fanout=1", "packet", "eth0", "fanout=1", NULL },
	{ "port=xdp:eth0;mode=copy;queue=2", "xdp", "eth0", "mode=copy,queue=2", NULL },
	{ "port=pcap:/a:b=c;write=/d", "pcap", "/a:b=c", "write=/d", NULL },
	{ "port=pcap;write=/d", "pcap", NULL, "write=/d", NULL },
	{ "port=gen;size=64;rate=1000", "gen", NULL, "size=64,rate=1000", NULL },
	{ "port=sink", "sink", NULL, NULL, NULL },
	{ "port=switch:lan;trunk=1;;2;;5;macs=9", "switch", "lan", "trunk=1;2;5,macs=9",
	  NULL },
	{ "port=fault;inner=switch:lan;loss=10", "fault", NULL,
	  "inner=switch:lan,loss=10", NULL },
};

static void same(const char *string, const char *want, const char *got)
{
	if (want ? !got || strcmp(want, got) : got != NULL)
		fail_msg("'%s': expected '%s', got '%s'", string, want ? want : "none",
			 got ? got : "none");
}

static void test_ports(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		const struct port *p = &ports[i];
		struct vif_spec v;

		parse(p->string, &v);
		same(p->string, p->driver, v.port_driver);
		same(p->string, p->target, v.port_target);
		same(p->string, p->options, v.port_options);
		same(p->string, p->bridge, v.bridge);
		vif_spec_clear(&v);
	}
}

/* The names in the syntax are those of the backend's drivers. */
static void test_drivers(void **state)
{
	unsigned n = 0;

	(void)state;
	for (const struct netdrv_ops *ops; (ops = netdrv_nth(n)); n++) {
		char text[64], *why;
		const char *s = text;
		struct vif_spec v;

		snprintf(text, sizeof(text), "port=%s", ops->name);
		if (vif_spec_parse(1, &s, &v, &why) && !strstr(why, "names no target"))
			fail_msg("'%s': %s", text, why);
		free(why);
		vif_spec_clear(&v);
	}
	assert_int_equal(n, 8); /* a new one: name it in vif_check.c */
}

struct bad {
	const char *string;
	int err;
	const char *says[2]; /* parts of the line: key and value */
};

static const struct bad bad[] = {
	{ "frobnicate=1", -EINVAL, { "unknown key 'frobnicate'", "'1'" } },
	{ "=1", -EINVAL, { "unknown key ''", "'1'" } },
	{ "br0", -EINVAL, { "'br0'", "key=value" } },
	{ "mac=", -EINVAL, { "mac ''", "six pairs" } },
	{ "mac=00:16:3e:01:02", -EINVAL, { "mac '00:16:3e:01:02'", "six pairs" } },
	{ "mac=00:16:3e:01:02:03:04", -EINVAL, { "mac", "03:04" } },
	{ "mac=00:16:3e:01:02:0g", -EINVAL, { "mac", "0g" } },
	{ "mac=0:16:3e:1:2:3", -EINVAL, { "mac", "0:16" } },
	{ "mac=00-16-3e-01-02-03", -EINVAL, { "mac", "00-16" } },
	{ "mac=01:16:3e:01:02:03", -EINVAL, { "multicast", "01:16" } },
	{ "mac=ff:ff:ff:ff:ff:ff", -EINVAL, { "multicast", "ff:ff" } },
	{ "mac=00:00:00:00:00:00", -EINVAL, { "mac '00:00", "leave it out" } },
	{ "mac=02:00:00:00:00:01,mac=02:00:00:00:00:02", -EINVAL, { "mac", "twice" } },
	{ "bridge=", -EINVAL, { "bridge", "empty" } },
	{ "bridge=br0,bridge=br1", -EINVAL, { "bridge", "twice" } },
	{ "gatewaydev=a,netdev=b", -EINVAL, { "netdev", "twice" } },
	{ "bridge=br/0", -EINVAL, { "bridge", "br/0" } },
	{ "bridge=..", -EINVAL, { "bridge", "'..'" } },
	{ "bridge=br0 ", -EINVAL, { "bridge", "'br0 '" } },
	{ "vifname=abcdefghijklmnop", -EINVAL, { "vifname", "abcdefghijklmnop" } },
	{ "gatewaydev=a b", -EINVAL, { "gatewaydev", "a b" } },
	{ "type=vhost", -EINVAL, { "type", "vhost" } },
	{ "type=vif,type=ioemu", -EINVAL, { "type", "twice" } },
	{ "ip=10.0.0", -EINVAL, { "ip", "10.0.0" } },
	{ "ip=10.0.0.1/33", -EINVAL, { "ip", "/33" } },
	{ "ip=10.0.0.1/", -EINVAL, { "ip", "10.0.0.1/" } },
	{ "ip=10.0.0.1 x", -EINVAL, { "ip", "10.0.0.1 x" } },
	{ "ip= ", -EINVAL, { "ip", "address" } },
	{ "ip=2001:db8::/129", -EINVAL, { "ip", "/129" } },
	{ "rate=10", -EINVAL, { "rate '10'", "10Mb/s" } },
	{ "rate=0MB/s", -EINVAL, { "rate", "0MB/s" } },
	{ "rate=1b/s", -EINVAL, { "rate", "1b/s" } },
	{ "rate=5000000000B/s", -EINVAL, { "rate", "too large" } },
	{ "rate=4294967295GB/s@4294s", -EINVAL, { "rate", "too large" } },
	{ "rate=1MB/s@0ms", -EINVAL, { "rate", "@0ms" } },
	{ "rate=1MB/s,rate=2MB/s", -EINVAL, { "rate", "twice" } },
	{ "devid=-1", -EINVAL, { "devid", "-1" } },
	{ "devid=2147483648", -EINVAL, { "devid", "2147483648" } },
	{ "devid=99999999999999999999", -EINVAL, { "devid", "9999" } },
	{ "devid=0,devid=1", -EINVAL, { "devid", "twice" } },
	{ "mtu=67", -EINVAL, { "mtu", "67" } },
	{ "mtu=65522", -EINVAL, { "mtu", "65522" } },
	{ "mtu=9k", -EINVAL, { "mtu", "9k" } },
	{ "mtu=1500,mtu=9000", -EINVAL, { "mtu", "twice" } },
	{ "queues=0", -EINVAL, { "queues", "'0'" } },
	{ "queues=17", -EINVAL, { "queues", "17" } },
	{ "vlan=4095", -EINVAL, { "vlan", "4095" } },
	{ "vlan=0", -EINVAL, { "vlan", "'0'" } },
	{ "antispoof=yes", -EINVAL, { "antispoof", "yes" } },
	{ "isolated=2", -EINVAL, { "isolated", "'2'" } },
	{ "isolated=1,isolated=0", -EINVAL, { "isolated", "twice" } },
	{ "trusted,untrusted", -EINVAL, { "trusted", "twice" } },
	{ "port=", -EINVAL, { "port", "empty" } },
	{ "port=veth:x", -EINVAL, { "port 'veth:x'", "switch" } },
	{ "port=:x", -EINVAL, { "port ':x'", "unknown" } },
	{ "port=tapx", -EINVAL, { "port 'tapx'", "unknown" } },
	{ "port=packet", -EINVAL, { "port 'packet'", "packet:eth0" } },
	{ "port=pcap:in.pcap", -EINVAL, { "in.pcap", "relative" } },
	{ "port=switch", -EINVAL, { "port 'switch'", "switch:lan0" } },
	{ "port=switch:a,bridge=b", -EINVAL, { "bridge=b", "port=switch:a" } },
	{ "port=packet:eth0,bridge=b", -EINVAL, { "bridge=b", "port=packet" } },
	{ "port=tap,port=sink", -EINVAL, { "port", "twice" } },
	{ "port=fault:tap", -EINVAL, { "port 'fault:tap'", "inner=" } },
	{ "port=sink:x", -EINVAL, { "port 'sink:x'", "no target" } },
	{ "script=vif-route", -ENOTSUP, { "not supported", "script=vif-route" } },
	{ "accel=1", -ENOTSUP, { "not supported", "accel" } },
	{ "forwarddev=eth1", -ENOTSUP, { "not supported", "forwarddev" } },
	{ "colo_sock_mirror_id=x", -ENOTSUP, { "not supported", "colo_sock_mirror_id" } },
	{ "bridge=b\x1br", -EINVAL, { "control character", "0x1b" } },
	{ "bridge=br0\n", -EINVAL, { "control character", "0x0a" } },
};

static void check_bad(const char *string, int err, const char *const *says)
{
	struct vif_spec v;
	char *why;
	int got = vif_spec_parse(1, &string, &v, &why);

	if (got != err || !why)
		fail_msg("'%s': %d, expected %d", string, got, err);
	for (int i = 0; i < 2; i++)
		if (!strstr(why, says[i]))
			fail_msg("'%s': '%s' says nothing of '%s'", string, why, says[i]);
	if (strpbrk(why, "\n\x1b"))
		fail_msg("'%s': '%s' is not one clean line", string, why);
	assert_null(v.bridge);
	assert_null(v.port_driver);
	free(why);
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		check_bad(bad[i].string, bad[i].err, bad[i].says);
}

static void test_long(void **state)
{
	static const char *const says[] = { "longer", "3000" };
	char s[VIF_SPEC_MAX + 2];
	struct vif_spec v;

	(void)state;
	memset(s, 'x', sizeof(s));
	memcpy(s, "model=", 6);
	s[VIF_SPEC_MAX + 1] = '\0';
	check_bad(s, -EINVAL, says);
	s[VIF_SPEC_MAX] = '\0';
	parse(s, &v);
	assert_int_equal(strlen(v.model), VIF_SPEC_MAX - 6);
	vif_spec_clear(&v);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys), cmocka_unit_test(test_same_again),
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_several),
		cmocka_unit_test(test_ports),	 cmocka_unit_test(test_drivers),
		cmocka_unit_test(test_bad),	 cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
