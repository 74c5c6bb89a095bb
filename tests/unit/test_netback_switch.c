/* SPDX-License-Identifier: MIT */
/* Two guests of one backend on one switch: packets go from pages to pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/rawvif.h"

#define SENDER	 0u
#define RECEIVER 1u
#define SEED	 0x5eedu

static struct rawback rb;
static struct rawvif from, to;
static uint8_t buf[65536], sent[65536];

static int setup(void **state)
{
	static const char *const switches[] = { "sw" };
	static const char *const other_mac[] = { "mac", "00:16:3e:01:02:04", NULL };
	struct netback_config cfg = netback_config_default;

	(void)state;
	cfg.switches = switches;
	cfg.nr_switches = 1;
	cfg.be.workers = 1;
	rawvif_back(&rb, &cfg);
	rawvif_attach(&rb, SENDER, "switch", "sw", NULL, NULL);
	rawvif_attach(&rb, RECEIVER, "switch", "sw", NULL, other_mac);
	assert_true(rawvif_connect(&from, &rb, SENDER, RV_SPLIT | RV_GSO));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rawvif_close(&from);
	rawvif_close(&to);
	rawback_detach(&rb, SENDER);
	rawback_detach(&rb, RECEIVER);
	rawback_stop(&rb);
	return 0;
}

/* What rawvif_send() puts into its pages from page 0 on. */
static void note_sent(uint32_t len)
{
	memcpy(sent, from.tx_data->pages, len);
}

static void receive(uint32_t len)
{
	struct netif_pkt p;

	assert_int_equal(rawvif_recv(&to, &p, buf, 5000), len);
	assert_memory_equal(buf, sent, len);
	assert_int_equal(p.nr_extras, 0);
}

static void test_every_length(void **state)
{
	static const uint32_t len[] = {
		60, 64, 127, 128, 129, 255, 256, 1000, 1513, 1514
	};

	(void)state;
	assert_true(rawvif_connect(&to, &rb, RECEIVER, RV_SPLIT | RV_GSO));
	for (unsigned slot = 40; slot < 4096; slot += 700)
		for (unsigned i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
			if ((len[i] + slot - 1) / slot > NETIF_PKT_SLOTS)
				continue;
			assert_int_equal(rawvif_send(&from, 0, len[i], slot,
						     SEED + i * 1000),
					 NETIF_RSP_OKAY);
			for (unsigned k = 0; k * slot < len[i]; k++)
				memcpy(sent + k * slot, from.tx_data->pages + k * 4096,
				       slot);
			receive(len[i]);
		}
	assert_int_equal(rawvif_stat(&rb, SENDER, "tx_errors"), 0);
	assert_int_equal(rawvif_stat(&rb, RECEIVER, "rx_errors"), 0);
}

/* No room at the receiver: packets wait, in order, and nothing is lost. */
static void test_no_room(void **state)
{
	(void)state;
	assert_true(rawvif_connect(&to, &rb, RECEIVER, RV_SPLIT | RV_GSO | RV_EMPTY));
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(rawvif_send(&from, i, 100 + i, 4096, SEED + i * 1000),
				 NETIF_RSP_OKAY);
	rawvif_post(&to, 64);
	for (unsigned i = 0; i < 100; i++) {
		memcpy(sent, from.tx_data->pages + i * 4096u, 100 + i);
		receive(100 + i);
		/* another behind those that wait */
		if (i == 50)
			assert_int_equal(rawvif_send(&from, 100, 300, 4096, SEED),
					 NETIF_RSP_OKAY);
	}
	memcpy(sent, from.tx_data->pages + 100 * 4096u, 300);
	receive(300);
}

/* A receiver that breaks its ring while others send to it: it alone is closed. */
static void test_broken_receiver(void **state)
{
	(void)state;
	assert_true(rawvif_connect(&to, &rb, RECEIVER, RV_SPLIT | RV_GSO | RV_EMPTY));
	atomic_store(&to.rx.r.shared->req_prod, NETIF_RING_SLOTS + 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(rawvif_send(&from, 0, 100, 4096, SEED), NETIF_RSP_OKAY);
	/* it was without room, and says that there is some */
	evtchn_notify(to.rx_ch);
	assert_true(rawback_wait_state(&rb, RECEIVER, XenbusStateClosed));
	assert_int_equal(rawvif_send(&from, 0, 100, 4096, SEED), NETIF_RSP_OKAY);
}

/* A page of the receiver's that cannot be written: an error for it, alone. */
static void test_bad_page(void **state)
{
	struct netif_rx_request *req;
	struct netif_pkt p;

	(void)state;
	assert_true(rawvif_connect(&to, &rb, RECEIVER, RV_SPLIT | RV_EMPTY));
	req = ring_front_next(&to.rx);
	*req = (struct netif_rx_request){ .id = 0, .gref = 0xfffff };
	assert_true(ring_front_push(&to.rx));
	to.posted = 1;
	rawvif_post(&to, 32);
	assert_int_equal(rawvif_send(&from, 0, 100, 4096, SEED), NETIF_RSP_OKAY);
	note_sent(100);
	assert_int_equal(rawvif_recv(&to, &p, buf, 5000), -EINVAL);
	receive(100);
	assert_int_equal(rawvif_stat(&rb, RECEIVER, "rx_errors"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_receiver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_page, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
