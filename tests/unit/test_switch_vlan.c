/* SPDX-License-Identifier: MIT */
/* The switch's VLANs and isolation: who hears whom, with which tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/switchrig.h"

#define BIT(n) (1u << (n))

enum { PLAIN, PLAIN2, ACCESS10, ACCESS10B, ACCESS20, TRUNK, NATIVE, ALL, PORTS };

static const struct {
	uint16_t untagged;
	uint16_t tagged[4];
	bool all;
} spec[PORTS] = {
	[PLAIN] = { 0, { 0 }, false },
	[PLAIN2] = { 0, { 0 }, false },
	[ACCESS10] = { 10, { 0 }, false },
	[ACCESS10B] = { 10, { 0 }, false },
	[ACCESS20] = { 20, { 0 }, false },
	[TRUNK] = { SWITCH_VLAN_NONE, { 10, 30 }, false },
	[NATIVE] = { 20, { 10, 4094 }, false },
	[ALL] = { 0, { 0 }, true },
};

/* What the ports above mean, said once more: 0 untagged, 1 tagged, -1 not. */
static int has(int port, uint16_t vlan)
{
	if (spec[port].untagged == vlan)
		return 0;
	if (!vlan)
		return -1;
	for (int i = 0; i < 4; i++)
		if (spec[port].tagged[i] == vlan)
			return 1;
	return spec[port].all ? 1 : -1;
}

static struct switchrig *matrix(void)
{
	struct switchrig *r = switchrig_new(NULL);

	for (int i = 0; i < PORTS; i++) {
		struct switch_port_params p = { .vlan = spec[i].untagged,
						.trunk_all = spec[i].all };

		for (int k = 0; k < 4 && spec[i].tagged[k]; k++)
			p.trunk[spec[i].tagged[k] / 64] |= UINT64_C(1)
							   << spec[i].tagged[k] % 64;
		assert_int_equal(switchrig_port(r, &p), i);
	}
	return r;
}

/* The frame of `len` bytes without its tag came to `port` as has() says. */
static void check_form(struct switchrig *r, int port, uint16_t vlan, uint16_t prio,
		       uint32_t len)
{
	uint32_t at = 12;
	uint16_t tci;

	if (has(port, vlan) == 1) {
		assert_memory_equal(r->data + 12, "\x81\0", 2);
		tci = (uint16_t)(r->data[14] << 8 | r->data[15]);
		assert_int_equal(tci & 0xfff, vlan);
		assert_int_equal(tci & 0xf000, prio);
		at = 16;
	}
	assert_int_equal(r->len, at - 12 + len);
	assert_memory_equal(r->data + at, "\x88\xb5", 2);
	for (uint32_t k = 2; k < len - 12; k++) /* counted from the frame's end */
		assert_int_equal(r->data[at + k], (uint8_t)(9 + len - 12 - k));
}

static void check_one(struct switchrig *r, int from, uint16_t tci, uint32_t len)
{
	uint16_t vlan = tci & 0xfff;
	bool allowed;

	if (vlan) {
		allowed = has(from, vlan) == 1;
	} else {
		vlan = spec[from].untagged;
		allowed = vlan != SWITCH_VLAN_NONE;
	}
	switchrig_send(r, (unsigned)from, 0, 9, tci, len + (tci ? 4 : 0));
	for (int to = 0; to < PORTS; to++) {
		bool came = switchrig_take(r, (unsigned)to);

		assert_int_equal(came, allowed && to != from && has(to, vlan) >= 0);
		if (came)
			check_form(r, to, vlan, tci & 0xf000, len);
		assert_false(switchrig_take(r, (unsigned)to));
	}
}

/* Every port, every kind of tag, sizes around the end of the header. */
static void test_matrix(void **state)
{
	static const uint16_t tci[] = { 0,    10,     20,     30,     40,    4094,
					4095, 0xe000, 0xe00a, 0x5014, 0x101e };
	static const uint32_t len[] = { 14, 60, 124, 125, 127, 128, 129, 132, 1514 };
	struct switchrig *r = matrix();

	(void)state;
	for (int from = 0; from < PORTS; from++)
		for (unsigned i = 0; i < sizeof(tci) / sizeof(tci[0]); i++)
			for (unsigned k = 0; k < sizeof(len) / sizeof(len[0]); k++)
				check_one(r, from, tci[i], len[k]);
	assert_true(switchrig_stat(r, ACCESS10, "drop_vlan") > 0);
	switchrig_free(r);
}

/* One address in two VLANs is two. */
static void test_addresses_are_a_vlans(void **state)
{
	struct switchrig *r = matrix();

	(void)state;
	switchrig_send(r, ACCESS10, 0, 5, 0, 60);
	switchrig_send(r, ACCESS20, 0, 5, 0, 60);
	for (unsigned i = 0; i < PORTS; i++)
		switchrig_drain(r, i);
	switchrig_send(r, ALL, 5, 6, 10, 64);
	assert_int_equal(switchrig_who(r), BIT(ACCESS10));
	switchrig_send(r, ALL, 5, 6, 20, 64);
	assert_int_equal(switchrig_who(r), BIT(ACCESS20));
	switchrig_send(r, ALL, 5, 6, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(PLAIN) | BIT(PLAIN2));
	assert_int_equal(switchrig_stat(r, -1, "moved"), 0);
	switchrig_free(r);
}

/* A tag cut off in the middle, and one behind another one. */
static void test_odd_tags(void **state)
{
	uint8_t frame[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,
			      0,    0,	  0,	9,    0x81, 0,	  0, 10 };
	struct switchrig *r = matrix();

	(void)state;
	for (size_t len = 14; len < 18; len++) {
		switchrig_send_raw(r, ALL, frame, len, NULL);
		assert_int_equal(switchrig_who(r), 0);
	}
	assert_int_equal(switchrig_stat(r, ALL, "drop_vlan"), 4);
	/* the inner tag is none of the switch's business */
	memcpy(frame + 16, "\x81\0\0\x14", 4);
	switchrig_send_raw(r, ALL, frame, sizeof(frame), NULL);
	assert_true(switchrig_take(r, ACCESS10));
	assert_int_equal(r->len, 60);
	assert_memory_equal(r->data + 12, "\x81\0\0\x14", 4);
	assert_false(switchrig_take(r, ACCESS20));
	switchrig_free(r);
}

/* The largest packets are too large with one tag more. */
static void test_no_room_for_a_tag(void **state)
{
	static uint8_t frame[65535] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
	struct netif_meta meta = { .csum_blank = true,
				   .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
				   .gso_size = 1448 };
	struct switchrig *r = matrix();
	const struct netdrv_caps all = { true, true, true, true };

	(void)state;
	for (int i = 0; i < PORTS; i++)
		switch_port_caps(r->port[i], &all);
	switchrig_send_raw(r, ACCESS10, frame, 65535, &meta);
	assert_int_equal(switchrig_who(r), BIT(ACCESS10B));
	assert_int_equal(switchrig_stat(r, ACCESS10, "drop_mtu"), 3);
	switchrig_send_raw(r, ACCESS10, frame, 65531, &meta);
	assert_int_equal(switchrig_who(r),
			 BIT(ACCESS10B) | BIT(TRUNK) | BIT(NATIVE) | BIT(ALL));
	assert_int_equal(r->meta.gso_size, 1448);
	assert_true(r->meta.csum_blank);
	switchrig_free(r);
}

/* Isolated ports hear the others, and not each other. */
static void test_isolation(void **state)
{
	struct switch_port_params alone = { .isolated = true };
	struct switchrig *r = switchrig_new(NULL);

	(void)state;
	switchrig_port(r, &alone);
	switchrig_port(r, &alone);
	switchrig_port(r, NULL);
	switchrig_send(r, 0, 0, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(2));
	switchrig_send(r, 1, 0, 11, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(2));
	switchrig_send(r, 2, 0, 12, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(0) | BIT(1));
	switchrig_send(r, 0, 11, 10, 0, 60);
	assert_int_equal(switchrig_who(r), 0);
	assert_int_equal(switchrig_stat(r, 0, "drop_isolated"), 1);
	switchrig_send(r, 0, 99, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(2));
	switchrig_send(r, 0, 12, 10, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(2));
	switchrig_send(r, 2, 11, 12, 0, 60);
	assert_int_equal(switchrig_who(r), BIT(1));
	switchrig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_addresses_are_a_vlans),
		cmocka_unit_test(test_odd_tags),
		cmocka_unit_test(test_no_room_for_a_tag),
		cmocka_unit_test(test_isolation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
