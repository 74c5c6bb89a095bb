/* SPDX-License-Identifier: MIT */
/*
 * Blank checksums, large segments and VLAN tags through the kernel's ports, both
 * ways; and what a guest does not take, or lies about.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/net/vnetport.h"
#include "tests/lib/netcase_port.h"
#include "tests/lib/portside.h"

#define WAIT_MS 3000
#define GSO	1448
#define LARGE	20000 /* bytes of payload */

static const char *row; /* the one that runs */
static uint8_t buf[FRAMES_MAX];
static struct portside s;

static bool is_tap(void)
{
	return !strcmp(row, "tap");
}

static uint8_t vnet_gso(bool v6)
{
	return v6 ? VNET_GSO_TCPV6 : VNET_GSO_TCPV4;
}

static uint8_t netif_gso(bool v6)
{
	return v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
}

static int all_start(void **state)
{
	(void)state;
	portside_start(&s, row, &portside_all);
	return 0;
}

static int none_start(void **state)
{
	(void)state;
	portside_start(&s, row, &portside_none);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	portside_stop(&s);
	return 0;
}

static uint64_t refused(void)
{
	char stats[256], *at;

	s.d->dev->ops->stats(s.d->dev, stats, sizeof(stats));
	at = strstr(stats, "\"refused\":");
	assert_non_null(at);
	return strtoull(at + 10, NULL, 10);
}

/* ------------------------------------------------------------------ as they are */

static void test_blank_out(void **state)
{
	const struct netif_meta meta = { .csum_blank = true, .data_validated = true };

	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct frame_spec spec = { .v6 = i & 1,
						 .proto = i & 2 ? 6 : 17,
						 .payload = 700,
						 .blank = true };
		struct frame f = frame_make(buf, &spec);

		portside_send(&s, buf, f.len, &meta);
		assert_int_equal(portside_take(&s, WAIT_MS), f.len);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_int_equal(s.vh.flags & VNET_F_NEEDS_CSUM, VNET_F_NEEDS_CSUM);
		assert_int_equal(s.vh.gso_type, VNET_GSO_NONE);
		assert_int_equal(s.vh.csum_start, f.l4);
		assert_int_equal(s.vh.csum_start + s.vh.csum_offset, f.csum);
	}
}

static void test_large_out(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const struct frame_spec spec = {
			.v6 = v6, .proto = 6, .payload = LARGE, .blank = true
		};
		struct frame f = frame_make(buf, &spec);
		struct netif_meta meta = { .csum_blank = true,
					   .gso_type = netif_gso(v6),
					   .gso_size = GSO };

		portside_send(&s, buf, f.len, &meta);
		assert_int_equal(portside_take(&s, WAIT_MS), f.len);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_int_equal(s.vh.gso_type, vnet_gso(v6));
		assert_int_equal(s.vh.gso_size, GSO);
	}
}

static void test_blank_in(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		const struct frame_spec spec = { .tags = i / 4,
						 .v6 = i & 1,
						 .proto = i & 2 ? 6 : 17,
						 .payload = 1300,
						 .blank = true };
		struct frame f = frame_make(buf, &spec);
		struct vnet_hdr vh = portside_blank(&f);

		portside_give(&s, buf, f.len, &vh);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		assert_true(s.meta.csum_blank || frame_sums_right(s.bytes, f.len));
		if (!spec.tags)
			assert_true(s.meta.csum_blank);
		if (s.meta.csum_blank)
			assert_memory_equal(s.bytes, buf, f.len);
	}
}

static void test_large_in(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const struct frame_spec spec = {
			.v6 = v6, .proto = 6, .payload = LARGE, .blank = true
		};
		struct frame f = frame_make(buf, &spec);
		struct vnet_hdr vh = portside_blank(&f);

		vh.gso_type = vnet_gso(v6);
		vh.gso_size = GSO;
		portside_give(&s, buf, f.len, &vh);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_true(s.meta.csum_blank);
		assert_int_equal(s.meta.gso_type, netif_gso(v6));
		assert_int_equal(s.meta.gso_size, GSO);
	}
}

/* One tag or two, of all lengths that end near an iovec's. */
static void test_tags_in(void **state)
{
	static const struct vnet_hdr none;

	(void)state;
	for (unsigned i = 0; i < 120; i++) {
		const struct frame_spec spec = { .tags = 1 + i % 2,
						 .proto = 17,
						 .payload = i < 60 ? i * 3 : 3000 + i };
		struct frame f = frame_make(buf, &spec);

		portside_give(&s, buf, f.len, &none);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		assert_memory_equal(s.bytes, buf, f.len);
	}
}

/* ---------------------------------------------------------- guests that take less */

static void test_blank_filled(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct frame_spec spec = { .v6 = i & 1,
						 .proto = i & 2 ? 6 : 17,
						 .payload = 1201,
						 .blank = true };
		struct frame f = frame_make(buf, &spec);
		struct vnet_hdr vh = portside_blank(&f);

		portside_give(&s, buf, f.len, &vh);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		assert_false(s.meta.csum_blank);
		assert_true(frame_sums_right(s.bytes, f.len));
	}
}

/* The kernel cuts for a tap; what it does not cut is lost, and the next is not. */
static void test_large_cut(void **state)
{
	const struct frame_spec spec = { .proto = 6, .payload = LARGE, .blank = true };
	const struct frame_spec next = { .proto = 6, .payload = 99 };
	struct frame f = frame_make(buf, &spec);
	struct vnet_hdr vh = portside_blank(&f), none = { 0 };
	size_t got = 0;

	(void)state;
	vh.gso_type = VNET_GSO_TCPV4;
	vh.gso_size = GSO;
	portside_give(&s, buf, f.len, &vh);
	while (is_tap() && got < LARGE) {
		int n = portside_recv(&s, WAIT_MS);

		assert_in_range(n, f.data + 1, f.data + GSO);
		assert_false(s.meta.csum_blank || s.meta.gso_type);
		assert_true(frame_sums_right(s.bytes, (size_t)n));
		assert_memory_equal(s.bytes + f.data, buf + f.data + got,
				    (size_t)n - f.data);
		got += (size_t)n - f.data;
	}
	assert_int_equal(got, is_tap() ? LARGE : 0);
	if (!is_tap()) {
		assert_int_equal(portside_recv(&s, WAIT_MS), -EMSGSIZE);
		assert_int_equal(netrig_drops(&s.rig), 1);
	}
	f = frame_make(buf, &next);
	portside_give(&s, buf, f.len, &none);
	assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
}

/* Checksums over IPv4 alone, as old guests have it. */
static void test_blank_half(void **state)
{
	const struct netdrv_caps v4 = { .csum = true, .tso4 = true };

	(void)state;
	portside_start(&s, row, &v4);
	for (int v6 = 0; v6 < 2; v6++) {
		const struct frame_spec spec = {
			.v6 = v6, .proto = 6, .payload = 1000, .blank = true
		};
		struct frame f = frame_make(buf, &spec);
		struct vnet_hdr vh = portside_blank(&f);

		portside_give(&s, buf, f.len, &vh);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		assert_int_equal(s.meta.csum_blank, !v6);
		assert_int_equal(frame_sums_right(s.bytes, f.len), v6);
	}
	portside_stop(&s);
}

/* ------------------------------------------------------------------ lies */

/* What a frame is not, its sender may say all the same: it goes nowhere. */
static void test_lies_out(void **state)
{
	const struct netif_meta lies[] = {
		{ .gso_type = XEN_NETIF_GSO_TYPE_TCPV4, .gso_size = GSO },
		{ .csum_blank = true,
		  .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
		  .gso_size = 0 },
		{ .csum_blank = true,
		  .gso_type = XEN_NETIF_GSO_TYPE_TCPV6,
		  .gso_size = 9 },
	};
	const struct frame_spec tcp = { .proto = 6, .payload = 5000, .blank = true };
	const struct frame_spec udp = { .proto = 17, .payload = 5000, .blank = true };
	const struct netif_meta honest = { .csum_blank = true };
	const struct netif_meta udp_gso = { .csum_blank = true,
					    .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
					    .gso_size = GSO };
	struct frame f = frame_make(buf, &tcp);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		portside_send(&s, buf, f.len, &lies[i]);
	portside_send(&s, buf, 40, &honest); /* in the middle of a header */
	f = frame_make(buf, &udp);
	portside_send(&s, buf, f.len, &udp_gso);
	memset(buf + 12, 0x88, 2); /* no IP at all */
	portside_send(&s, buf, f.len, &honest);
	assert_int_equal(refused(), 6);
	assert_int_equal(portside_take(&s, 50), 0);
	f = frame_make(buf, &tcp);
	portside_send(&s, buf, f.len, &honest);
	assert_int_equal(portside_take(&s, WAIT_MS), f.len);
}

/* A large UDP packet, which netif has no word for, comes as frames: by the port, or for
 * a guest without checksums by the kernel. */
static void give_udp(const struct frame_spec *spec, uint16_t size)
{
	static uint8_t was[FRAMES_MAX];
	struct frame f = frame_make(buf, spec);
	struct vnet_hdr vh = portside_blank(&f);

	memcpy(was, buf, f.len);
	vh.gso_type = VNET_GSO_UDP_L4;
	vh.gso_size = size;
	portside_give(&s, buf, f.len, &vh);
	for (size_t done = 0; done < spec->payload;) {
		size_t n = spec->payload - done < size ? spec->payload - done : size;
		struct netframe g;

		assert_int_equal(portside_recv(&s, WAIT_MS), f.data + n);
		assert_memory_equal(s.bytes + f.data, was + f.data + done, n);
		assert_int_equal(netframe_parse(s.bytes, f.data + n, &g), 0);
		assert_int_equal(g.end, f.data + n);
		assert_int_equal(g.l4 + g.l4_len, f.data + n);
		assert_false(s.meta.gso_type);
		assert_true(s.meta.csum_blank || frame_sums_right(s.bytes, f.data + n));
		done += n;
	}
}

static void test_udp_large(void **state)
{
	const struct frame_spec next = { .proto = 6, .payload = LARGE, .blank = true };

	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		const struct frame_spec udp = { .v6 = i & 1,
						.tags = i / 4 % 3,
						.proto = 17,
						.payload = i & 2 ? 5000 : 60000 + i,
						.blank = true };
		struct frame f;
		struct vnet_hdr vh;

		give_udp(&udp, i & 1 ? 1400 : 1371);
		if (!s.meta.csum_blank)
			continue;
		/* and another kind, for which there was less room */
		f = frame_make(buf, &next);
		vh = portside_blank(&f);
		vh.gso_type = VNET_GSO_TCPV4;
		vh.gso_size = GSO;
		portside_give(&s, buf, f.len, &vh);
		assert_int_equal(portside_recv(&s, WAIT_MS), f.len);
		assert_memory_equal(s.bytes, buf, f.len);
		assert_int_equal(s.meta.gso_size, GSO);
	}
	assert_int_equal(netrig_drops(&s.rig), 0);
}

/* A guest that takes checksums of IPv4 alone has those of IPv6 filled in. */
static void test_udp_half(void **state)
{
	const struct netdrv_caps v4 = { .csum = true };

	(void)state;
	portside_start(&s, row, &v4);
	for (int v6 = 0; v6 < 2; v6++) {
		const struct frame_spec udp = {
			.v6 = v6, .proto = 17, .payload = 5001, .blank = true
		};

		give_udp(&udp, 1000);
		assert_int_equal(s.meta.csum_blank, !v6);
	}
	portside_stop(&s);
}

/* Any header in front of any frame: what is given on is what the guest takes. */
static void test_lies_in(void **state)
{
	const struct frame_spec specs[] = {
		{ .proto = 6, .payload = 4000, .blank = true },
		{ .v6 = true, .proto = 6, .payload = 1000 },
		{ .proto = 17, .payload = 20, .tags = 1 },
		{ .v6 = true, .proto = 17, .ext = { 60 }, .payload = 1400 },
	};
	static struct vnetport_in in;
	unsigned good = 0, filled = 0, cut = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		struct frame f = frame_make(buf, &specs[i % 4]);
		const struct netdrv_caps guest = { rand() & 1, rand() & 1, rand() & 1,
						   rand() & 1 };
		size_t n = sizeof(struct vnet_hdr) + (size_t)rand() % (f.len + 9);
		struct netbuf b = { .iovcnt = 2,
				    .iov = { { buf, NETBUF_HDR },
					     { buf + NETBUF_HDR, f.len - NETBUF_HDR } } };
		struct iovec iov[VNETPORT_IOVS];
		uint8_t *raw = (uint8_t *)&in.vh;

		if (f.len < NETBUF_HDR)
			b.iov[1].iov_len = 0;
		if (i & 16)
			n = f.len + sizeof(in.vh);
		assert_in_range(vnetport_room(&in, &b, iov), 3, 4);
		in.vh = portside_blank(&f);
		in.vh.gso_type = (uint8_t)(i & 64 ? rand() % 6 : 0);
		in.vh.gso_size = (uint16_t)(rand() % 2000);
		for (int k = rand() % 3; k; k--)
			raw[rand() % (int)sizeof(in.vh)] = (uint8_t)rand();
		/* what the kernel would have put behind the room */
		for (size_t k = in.room; k + sizeof(in.vh) < n; k++)
			in.large[k] = k < f.len ? buf[k] : 0;
		vnetport_gather(&in, &b, n);
		if (vnetport_took(&in, &b, n, &guest) < 0)
			continue;
		good++;
		cut += in.flat;
		if (in.flat)
			assert_true(b.len <= n - sizeof(in.vh) && b.len > f.data);
		else
			assert_int_equal(b.len, n - sizeof(in.vh));
		while (vnetport_cutting(&in) && vnetport_next(&in, &b, &guest) > 0)
			assert_false(b.meta.gso_type);
		assert_true(b.len <= netbuf_iov_bytes(&b) && b.len >= NETIF_ETH_HLEN);
		if (b.meta.csum_blank)
			assert_true(i & 1 ? guest.csum6 : guest.csum);
		if (!in.flat && in.vh.flags & VNET_F_NEEDS_CSUM) {
			assert_true(b.len >= f.end && b.meta.data_validated);
			assert_true(b.meta.csum_blank || frame_sums_right(buf, b.len));
			filled += !b.meta.csum_blank;
		}
		if (b.meta.gso_type)
			assert_true(b.meta.gso_size && b.meta.csum_blank &&
				    (i & 1 ? guest.tso6 : guest.tso4));
	}
	assert_true(good > 1000 && filled > 1000 && cut > 100);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define ALL(f)	cmocka_unit_test_setup_teardown(f, all_start, stop)
#define NONE(f) cmocka_unit_test_setup_teardown(f, none_start, stop)
		ALL(test_blank_out),
		ALL(test_large_out),
		ALL(test_blank_in),
		ALL(test_large_in),
		ALL(test_tags_in),
		NONE(test_tags_in),
		NONE(test_blank_filled),
		NONE(test_large_cut),
		cmocka_unit_test(test_blank_half),
		ALL(test_lies_out),
		ALL(test_udp_large),
		NONE(test_udp_large),
		cmocka_unit_test(test_udp_half),
		cmocka_unit_test(test_lies_in),
	};
	const char *reason = port_no_tap();
	int failed;

	if (reason) {
		printf("%s\n", reason);
		return 77;
	}
	row = "tap";
	failed = cmocka_run_group_tests_name(row, tests, NULL, NULL);
	row = "packet";
	return failed + cmocka_run_group_tests_name(row, tests, NULL, NULL);
}
