/* SPDX-License-Identifier: MIT */
/*
 * netfront and netback, each the other's peer: what is sent comes back as it was,
 * over every kind of negotiation, and over backends that are killed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontends/net/netfront.h"
#include "tests/lib/rawvif.h"
#include "tests/lib/testport.h"

#define MAX_LEN 65535u

static struct rawback rb;
static struct tandem_net *net;
static uint32_t seed;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static int setup(void **state)
{
	struct netback_config cfg = netback_config_default;

	(void)state;
	cfg.be.workers = 2;
	cfg.be.poll_ns = 20000;
	seed = 1;
	testport_info = (struct netdrv_info){ .send = { true, true, true, true },
					      .mtu = 9000,
					      .max_queues = 4 };
	rawvif_back(&rb, &cfg);
	rawvif_attach(&rb, 0, "test", "echo", NULL, NULL);
	rawback_fe_write(&rb, 0, "mac", RV_MAC);
	return 0;
}

static void start(const struct tandem_net_opts *opts)
{
	struct plat *plat;
	char *why = NULL;

	assert_int_equal(memplat_open(rb.hv, RF_FE, &plat), 0);
	if (net_open_plat(plat, "0", opts, &net, &why))
		fail_msg("%s", why);
}

static int teardown(void **state)
{
	(void)state;
	tandem_net_close(net);
	net = NULL;
	rawback_stop(&rb);
	return 0;
}

/* ------------------------------------------------------------------ a packet */

/* An IPv4 frame from the vif's address whose bytes follow from `tag`. */
static void frame(uint8_t *p, uint32_t len, uint32_t tag)
{
	static const uint8_t head[14] = { 0x02, 0,    0,    0,	  0,	1,    0x00,
					  0x16, 0x3e, 0x01, 0x02, 0x03, 0x88, 0xb5 };

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(tag * 31 + i * 7 + (i >> 8));
	memcpy(p, head, len < sizeof(head) ? len : sizeof(head));
	if (len >= 22)
		memcpy(p + 14, &tag, sizeof(tag));
}

/* Does the packet that came back say what was sent with its tag? */
static void check(const struct tandem_net_pkt *pkt)
{
	static _Thread_local uint8_t got[MAX_LEN + 1], want[MAX_LEN + 1];
	uint32_t at = 0, tag;

	for (unsigned i = 0; i < pkt->iovcnt; i++) {
		memcpy(got + at, pkt->iov[i].iov_base, pkt->iov[i].iov_len);
		at += (uint32_t)pkt->iov[i].iov_len;
	}
	assert_int_equal(at, pkt->len);
	memcpy(&tag, got + 14, sizeof(tag));
	frame(want, at, tag);
	assert_memory_equal(got, want, at);
}

/* Takes what has come back on all queues. Returns how many. */
static unsigned drain(void)
{
	struct tandem_net_pkt pkts[16];
	unsigned n = 0;

	for (unsigned i = 0; i < net->nr_queues; i++) {
		struct tandem_net_queue *q = tandem_net_queue(net, i);
		int got = tandem_net_recv(q, pkts, 16);

		for (int k = 0; k < got; k++)
			check(&pkts[k]);
		if (got > 0)
			tandem_net_done(q, pkts, (unsigned)got);
		n += got > 0 ? (unsigned)got : 0;
	}
	return n;
}

/* Sends n packets of up to max bytes over the queues in turn, a few at a time. */
static void echo(unsigned n, uint32_t max)
{
	static uint8_t buf[MAX_LEN];
	unsigned sent = 0, back = 0, idle = 0;

	while (back < n && idle < 200000) {
		struct tandem_net_queue *q = tandem_net_queue(net, sent % net->nr_queues);
		uint32_t len = 22 + rnd(max - 21);
		struct iovec iov[2] = { { buf, 14 }, { buf + 14, len - 14 } };
		unsigned got;

		if (sent < n && sent - back < 12) {
			frame(buf, len, sent);
			if (!tandem_net_send(q, iov, 2, NULL))
				sent++;
			tandem_net_kick(q);
		}
		got = drain();
		back += got;
		idle = got ? 0 : idle + 1;
		if (!got)
			usleep(10);
	}
	assert_int_equal(back, n);
}

/* ---------------------------------------------------------------------- tests */

static void test_echo(void **state)
{
	static const struct tandem_net_opts opts[] = {
		{ 0 },
		{ .no_split = true, .no_ctrl = true },
		{ .no_staging = true, .poll_us = TANDEM_NET_POLL_NEVER },
		{ .queues = 4 },
		{ .queues = 4, .hash = true },
		{ .queues = 6, .no_split = true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(opts) / sizeof(opts[0]); i++) {
		start(&opts[i]);
		echo(1500, 9014);
		tandem_net_close(net);
		net = NULL;
	}
	start(NULL);
}

/* All pages are staged, each queue's. */
static void test_staged(void **state)
{
	const struct tandem_net_opts opts = { .queues = 3, .hash = true };
	struct tandem_net_info info;

	(void)state;
	start(&opts);
	for (int i = 0; i < 50000; i++) {
		tandem_net_get_info(net, &info);
		if (info.staged == 3 * 512 && info.hash)
			break;
		usleep(100);
	}
	assert_int_equal(info.staged, 3 * 512);
	assert_true(info.hash);
	echo(1000, 9014);
}

static void test_no_sg(void **state)
{
	const struct tandem_net_opts opts = { .tx_off = TANDEM_NET_SG,
					      .rx_off = TANDEM_NET_SG };

	(void)state;
	start(&opts);
	echo(1500, 1514);
}

/* The backend lets go and takes up again, with packets in flight: some are lost,
 * none is wrong, and what comes later arrives. */
static void test_restarts(void **state)
{
	const struct tandem_net_opts opts = { .queues = 2 };
	struct tandem_net_info info;

	(void)state;
	start(&opts);
	for (unsigned i = 1; i <= 8; i++) {
		static uint8_t buf[5000];
		struct iovec iov = { buf, sizeof(buf) };
		struct tandem_net_queue *q = tandem_net_queue(net, i % 2);

		for (unsigned k = 0; k < 40; k++) {
			frame(buf, sizeof(buf), k);
			(void)tandem_net_send(q, &iov, 1, NULL);
			tandem_net_kick(q);
		}
		/* what a new backend does to its predecessor's device: here it is
		 * the same, which sees the frontend go and lets go, too */
		rawback_be_write(&rb, 0, "state", "6");
		for (int k = 0; k < 100000; k++) {
			(void)drain();
			tandem_net_get_info(net, &info);
			if (info.reconnects >= i && info.carrier)
				break;
			usleep(100);
		}
		assert_true(info.reconnects >= i);
	}
	while (drain())
		;
	usleep(2000);
	(void)drain();
	echo(500, 9014);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_echo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_staged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_sg, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restarts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
