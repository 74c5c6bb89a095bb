/* SPDX-License-Identifier: MIT */
/*
 * One VLAN of each port (netvlan.h): the tag is on what the other end gets, and off
 * what the port gives; checksum blanks and large segments pass with it. The kernel takes
 * the outer tag off what it gives to packet sockets, ours and the test's, and says it
 * beside.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backends/net/netvlan.h"
#include "tests/lib/netcase_port.h"
#include "tests/lib/portside.h"

#define WAIT_MS 3000
#define VLAN	100u /* frame_make()'s first tag */
#define GSO	1448
#define LARGE	20000 /* bytes of payload */

static const char *row; /* the one that runs */
static uint8_t buf[FRAMES_MAX], tagged[FRAMES_MAX];
static struct portside s;

static int all_start(void **state)
{
	(void)state;
	portside_start_vlan(&s, row, &portside_all, VLAN);
	return 0;
}

static int none_start(void **state)
{
	(void)state;
	portside_start_vlan(&s, row, &portside_none, VLAN);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	portside_stop(&s);
	return 0;
}

static uint8_t netif_gso(bool v6)
{
	return v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
}

/* The same frame without and with its tag. */
static struct frame both(struct frame_spec spec)
{
	struct frame f = frame_make(buf, &spec);

	spec.tags = 1;
	frame_make(tagged, &spec);
	return f;
}

/* ---------------------------------------------------------------------- out */

static void test_out(void **state)
{
	static const struct netif_meta plain;

	(void)state;
	for (uint32_t payload = 0; payload < 3000; payload += 1 + payload / 8) {
		struct frame f =
			both((struct frame_spec){ .proto = 17, .payload = payload });

		portside_send(&s, buf, f.len, &plain);
		assert_int_equal(portside_take(&s, WAIT_MS), f.len);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_int_equal(s.tci, VLAN);
	}
}

/* The guest's priority goes along, its own VLAN does not go at all. */
static void test_out_priority(void **state)
{
	static const struct netif_meta plain;
	struct frame f = both((struct frame_spec){ .proto = 17, .payload = 100 });

	(void)state;
	portside_send(&s, tagged, f.len + 4, &plain);
	memcpy(tagged + 14, "\x60\x00", 2);
	portside_send(&s, tagged, f.len + 4, &plain);
	assert_int_equal(portside_take(&s, WAIT_MS), f.len);
	assert_memory_equal(s.bytes, buf, f.len);
	assert_int_equal(s.tci, 0x6000 | VLAN);
	assert_int_equal(portside_take(&s, 50), 0);
	assert_int_equal(netvlan_drops(s.d->dev).tx, 1);
}

/* As the kernel sees it, without the tag: the checksum's place is right. */
static void test_blank_out(void **state)
{
	const struct netif_meta meta = { .csum_blank = true, .data_validated = true };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct frame f = both((struct frame_spec){ .v6 = i & 1,
							   .proto = i & 2 ? 6 : 17,
							   .payload = 700,
							   .blank = true });

		portside_send(&s, buf, f.len, &meta);
		assert_int_equal(portside_take(&s, WAIT_MS), f.len);
		assert_int_equal(s.tci, VLAN);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_int_equal(s.vh.flags & VNET_F_NEEDS_CSUM, VNET_F_NEEDS_CSUM);
		assert_int_equal(s.vh.csum_start, f.l4);
		assert_int_equal(s.vh.csum_start + s.vh.csum_offset, f.csum);
	}
}

/* Up to headers that end where the private bytes do, before the tag comes. */
static void test_large_out(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		bool v6 = i & 1, deep = i >= 4;
		struct frame_spec spec = { .v6 = v6,
					   .proto = 6,
					   .payload = LARGE,
					   .ip_options = deep && !v6 ? 36 : 0,
					   .l4_options = i & 2	? 12
							 : deep ? 36
								: 0,
					   .blank = true };
		struct netif_meta meta = { .csum_blank = true,
					   .gso_type = netif_gso(v6),
					   .gso_size = GSO };
		struct frame f;

		if (deep && v6)
			memcpy(spec.ext, "\x3c", 2); /* 8 bytes */
		f = both(spec);
		if (deep)
			assert_in_range(f.data, 114, NETBUF_HDR);
		portside_send(&s, buf, f.len, &meta);
		assert_int_equal(portside_take(&s, WAIT_MS), f.len);
		assert_int_equal(s.tci, VLAN);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_int_equal(s.vh.gso_type, v6 ? VNET_GSO_TCPV6 : VNET_GSO_TCPV4);
		assert_int_equal(s.vh.gso_size, GSO);
	}
}

/* ----------------------------------------------------------------------- in */

static void test_in(void **state)
{
	static const struct vnet_hdr none;

	(void)state;
	for (uint32_t payload = 0; payload < 3000; payload += 1 + payload / 8) {
		struct frame f =
			both((struct frame_spec){ .proto = 17, .payload = payload });

		tagged[14] = (uint8_t)(payload << 5); /* a priority says nothing */
		portside_give(&s, tagged, f.len + 4, &none);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_false(s.meta.csum_blank || s.meta.gso_type);
	}
	assert_int_equal(netvlan_drops(s.d->dev).rx, 0);
}

/* Without a tag, of another VLAN, of another kind: none of them is lost in the port. */
static void test_in_of_others(void **state)
{
	static const struct vnet_hdr none;
	struct frame f = both((struct frame_spec){ .proto = 17, .payload = 100 });
	struct frame_spec qinq = { .tags = 2, .proto = 17, .payload = 100 };

	(void)state;
	portside_give(&s, buf, f.len, &none);
	assert_int_equal(portside_recv(&s, WAIT_MS), -EMSGSIZE);
	tagged[15] = 99;
	portside_give(&s, tagged, f.len + 4, &none);
	assert_int_equal(portside_recv(&s, WAIT_MS), -EMSGSIZE);
	frame_make(buf, &qinq); /* 802.1ad's, of the same number */
	portside_give(&s, buf, f.len + 8, &none);
	assert_int_equal(portside_recv(&s, WAIT_MS), -EMSGSIZE);
	assert_int_equal(netvlan_drops(s.d->dev).rx, 3);
	assert_int_equal(netrig_drops(&s.rig), 0);
	/* a second tag is the guest's */
	memcpy(buf + 12, "\x81\x00", 2);
	portside_give(&s, buf, f.len + 8, &none);
	tagged[15] = 101;
	assert_int_equal(portside_recv(&s, WAIT_MS), f.len + 4);
	assert_memory_equal(s.bytes, tagged, f.len + 4);
}

/* A blank that the kernel leaves is the guest's to fill in, or it is filled in. */
static void test_blank_in(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct frame f = both((struct frame_spec){ .v6 = i & 1,
							   .proto = i & 2 ? 6 : 17,
							   .payload = 1300,
							   .blank = true });
		struct vnet_hdr vh = portside_blank(&f);

		vh.csum_start += 4;
		vh.hdr_len += 4;
		portside_give(&s, tagged, f.len + 4, &vh);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		if (s.meta.csum_blank)
			assert_memory_equal(s.bytes, buf, f.len);
		else
			assert_true(frame_sums_right(s.bytes, f.len));
	}
}

static void test_blank_filled(void **state)
{
	test_blank_in(state);
	assert_false(s.meta.csum_blank);
}

/* Whole, or in the segments that the kernel cuts for who cannot take a tagged one. */
static void test_large_in(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct frame f = both((struct frame_spec){
			.v6 = v6, .proto = 6, .payload = LARGE, .blank = true });
		struct vnet_hdr vh = portside_blank(&f);
		size_t got = 0;

		vh.csum_start += 4;
		vh.hdr_len += 4;
		vh.gso_type = v6 ? VNET_GSO_TCPV6 : VNET_GSO_TCPV4;
		vh.gso_size = GSO;
		portside_give(&s, tagged, f.len + 4, &vh);
		while (got < LARGE) {
			int n = portside_recv(&s, WAIT_MS);

			assert_in_range(n, f.data + 1, f.len);
			if (s.meta.gso_type)
				assert_int_equal(s.meta.gso_size, GSO);
			if (!s.meta.csum_blank)
				assert_true(frame_sums_right(s.bytes, (size_t)n));
			assert_memory_equal(s.bytes, buf, f.l3);
			assert_memory_equal(s.bytes + f.data, buf + f.data + got,
					    (size_t)n - f.data);
			got += (size_t)n - f.data;
		}
		assert_int_equal(got, LARGE);
	}
}

/* ------------------------------------------------------------ other ports */

static const struct netcase *find(const char *name)
{
	for (unsigned i = 0; netcase_nth(i); i++)
		if (!strcmp(netcase_nth(i)->name, name))
			return netcase_nth(i);
	fail_msg("no row %s", name);
	return NULL;
}

/* This size, and then the next; the last is the largest that a guest sends. */
static uint32_t next_payload(uint32_t payload)
{
	const uint32_t largest = XEN_NETIF_MAX_TX_SIZE - 42;

	payload += 1 + payload / 8;
	return payload < 3000 || payload > largest ? payload : largest;
}

/* What a port without offloads or a kernel behind it sends and gives. */
static void test_bytes(void **state)
{
	const struct netcase *c = find(row);
	struct netcase_dev *d = netcase_open(c, 1);
	static uint8_t seen[FRAMES_MAX];
	struct netrig rig;

	(void)state;
	assert_int_equal(netvlan_wrap(&d->dev, VLAN), 0);
	netrig_start(&rig, d->dev, 0, 0);
	for (uint32_t n = 0; n < XEN_NETIF_MAX_TX_SIZE; n = next_payload(n)) {
		struct frame f = both((struct frame_spec){ .proto = 17, .payload = n });
		struct netpkt *p =
			netpkt_tag_room(netpkt_new(buf, (uint32_t)f.len, NETBUF_HDR,
						   f.len > 140 ? 3 : 1, n));

		if (c->take) {
			assert_true(netrig_send_all(&rig, &p, 1));
			assert_int_equal(c->take(d, seen, sizeof(seen), WAIT_MS),
					 f.len + 4);
			assert_memory_equal(seen, tagged, f.len + 4);
		}
		netpkt_free(p);
		if (!c->give)
			continue;
		p = netpkt_tag_room(netpkt_room((uint32_t)f.len, f.len > 140 ? 3 : 1, n));
		assert_true(c->give(d, tagged, f.len + 4));
		assert_int_equal(netrig_recv(&rig, p, WAIT_MS), 1);
		assert_int_equal(p->b.len, f.len);
		netpkt_bytes(p, seen);
		assert_memory_equal(seen, buf, f.len);
		assert_true(c->give(d, buf, f.len));
		assert_int_equal(netrig_recv(&rig, p, WAIT_MS), -EMSGSIZE);
		netpkt_free(p);
	}
	if (c->comes) { /* all of it has no tag */
		struct netpkt *p = netpkt_tag_room(netpkt_room(4096, 3, 0));

		assert_int_equal(netrig_recv(&rig, p, WAIT_MS), -EMSGSIZE);
		assert_true(netvlan_drops(d->dev).rx > 0);
		netpkt_free(p);
	}
	netrig_stop(&rig);
	netcase_close(d);
}

static int run_row(const char *name, const char *reason, const struct CMUnitTest *tests,
		   size_t n)
{
	row = name;
	print_message("--- %s%s%s\n", name, reason ? ": skipped: " : "",
		      reason ? reason : "");
	return reason ? 0 : _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

int main(void)
{
	static const struct CMUnitTest bytes[] = { cmocka_unit_test(test_bytes) };
	static const struct CMUnitTest tests[] = {
#define ALL(f)	cmocka_unit_test_setup_teardown(f, all_start, stop)
#define NONE(f) cmocka_unit_test_setup_teardown(f, none_start, stop)
		/* those in front: of a port without offloads, too */
		NONE(test_out),		 NONE(test_out_priority), NONE(test_in),
		NONE(test_in_of_others), ALL(test_blank_out),	  ALL(test_large_out),
		ALL(test_blank_in),	 NONE(test_blank_filled), ALL(test_large_in),
	};
	static const size_t all = sizeof(tests) / sizeof(tests[0]);
	int failed = 0;

	failed += run_row("pipe", NULL, bytes, 1);
	failed += run_row("pcap", NULL, bytes, 1);
	failed += run_row("gen", NULL, bytes, 1);
	failed += run_row("xdp", port_no_xdp(), tests, 4);
	failed += run_row("packet", port_no_net(), tests, all);
	return failed + run_row("tap", port_no_tap(), tests, all);
}
