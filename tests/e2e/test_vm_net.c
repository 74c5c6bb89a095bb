/* SPDX-License-Identifier: MIT */
/*
 * A VM's interfaces served by tandem-netback: rings and packets are pages of the
 * guest's RAM. Two of them on one switch, so that what one sends the other gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/rawvif.h"
#include "tests/lib/vmrig.h"

#define FRAME  1400u
#define ROUNDS 300u

static struct vmrig rig;
static struct rawvif vif[2];
static uint8_t got[65536];

static int setup(void **state)
{
	(void)state;
	vmrig_start(&rig, "vif", TANDEM_NETBACK, "--switch=lan");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vmrig_stop(&rig);
	return 0;
}

static void connect_both(void)
{
	static const char *const keys[2][3] = { { "mac", "00:16:3e:01:02:00", NULL },
						{ "mac", "00:16:3e:01:02:01", NULL } };

	for (unsigned i = 0; i < 2; i++) {
		vmrig_device(&rig, i);
		rawvif_attach(&rig.rb, i, "switch", "lan", NULL, keys[i]);
		assert_true(rawvif_connect(&vif[i], &rig.rb, i, i ? RV_SPLIT : 0));
	}
}

/* A frame from vif `from` to the other's address; its bytes follow from the round. */
static void frame_make(uint8_t *f, unsigned from, unsigned round)
{
	const uint8_t head[14] = { 0,	 0x16, 0x3e, 1, 2, (uint8_t)!from,
				   0,	 0x16, 0x3e, 1, 2, (uint8_t)from,
				   0x88, 0xb5 /* for experiments */ };

	memcpy(f, head, sizeof(head));
	for (unsigned i = sizeof(head); i < FRAME; i++)
		f[i] = (uint8_t)(round * 7 + i * 13 + (i >> 8));
}

/* In slots of `slot` bytes. */
static void frame_send(struct rawvif *v, const uint8_t *frame, unsigned slot)
{
	struct netif_tx_response rsp;
	unsigned slots = 0;

	for (unsigned at = 0; at < FRAME; at += slot, slots++) {
		unsigned n = FRAME - at < slot ? FRAME - at : slot;

		memcpy(v->tx_data->pages + (size_t)slots * NETIF_PAGE_SIZE, frame + at,
		       n);
		rawvif_tx(v, &(struct netif_tx_request){
				     .gref = v->tx_data->refs[slots],
				     .flags = at + n < FRAME ? NETTXF_more_data : 0,
				     .id = (uint16_t)slots,
				     .size = (uint16_t)(at ? n : FRAME) });
	}
	rawvif_push(v);
	while (slots--) {
		assert_true(rawvif_tx_response(v, &rsp));
		assert_int_equal(rsp.status, NETIF_RSP_OKAY);
	}
}

static void exchange(unsigned rounds)
{
	uint8_t frame[FRAME];
	struct netif_pkt p;

	for (unsigned round = 0; round < rounds; round++) {
		unsigned from = round & 1;

		frame_make(frame, from, round);
		frame_send(&vif[from], frame, round % 3 ? FRAME : 200);
		memset(got, 0, FRAME);
		assert_int_equal(rawvif_recv(&vif[!from], &p, got, 5000), FRAME);
		assert_memory_equal(got, frame, FRAME);
	}
}

static void test_exchange(void **state)
{
	(void)state;
	connect_both();
	exchange(ROUNDS);
	for (unsigned i = 0; i < 2; i++)
		rawvif_close(&vif[i]);
	assert_int_equal(vmrig_entries(&rig, ~0u), 0);
}

/* A killed backend's marks go; the next one serves the same VM. */
static void test_killed(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		connect_both();
		exchange(4);
		vmrig_backend_end(&rig, true);
		assert_true(vmrig_unused(&rig));
		for (unsigned k = 0; k < 2; k++)
			rawvif_free(&vif[k]);
		assert_int_equal(vmrig_entries(&rig, ~0u), 0);
		for (unsigned k = 0; k < 2; k++)
			rawback_detach(&rig.rb, k);
		vmrig_backend_start(&rig, "--switch=lan");
	}
	connect_both();
	exchange(4);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_exchange),
		T(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
