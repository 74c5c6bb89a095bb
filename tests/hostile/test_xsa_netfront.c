/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend against netfront: published advisories, by number. Each ends
 * with that vif closed, or with nothing at all; a second vif of the same process
 * goes on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/memplat_int.h"
#include "tests/lib/nethand.h"

struct fixture {
	struct nethand nh, other;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	nh_start(&f->nh);
	nh_start(&f->other);
	nh_up(&f->other, NULL);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	nh_check_works(&f->other);
	nh_stop(&f->other);
	nh_stop(&f->nh);
	free(f);
	return 0;
}

static void send_one(struct nethand *nh, struct netif_pkt *p)
{
	struct tandem_net_queue *q = tandem_net_queue(nh->net, 0);
	static uint8_t out[5000];
	struct iovec iov = { out, sizeof(out) };

	assert_int_equal(tandem_net_send(q, &iov, 1, NULL), 0);
	tandem_net_kick(q);
	assert_int_equal(nh_tx_take(nh, 0, p), 0);
	assert_int_equal(p->nr_slots, 2);
}

/* The queue takes what was answered; otherwise it does when room gets short. */
static void reap(struct tandem_net_queue *q)
{
	qlock_lock(&q->lock);
	if (q->running)
		net_tx_reap(q);
	qlock_unlock(&q->lock);
}

/* The vif is closed for the protocol's sake. */
static void closes(struct nethand *nh)
{
	struct tandem_net_queue *q = tandem_net_queue(nh->net, 0);
	struct tandem_net_pkt p;

	for (unsigned i = 0; i < 5000 && !tandem_net_error(nh->net); i++) {
		if (tandem_net_recv(q, &p, 1) == 1)
			tandem_net_done(q, &p, 1);
		reap(q);
		usleep(1000);
	}
	assert_int_equal(tandem_net_error(nh->net), -EPROTO);
	nh_wait_front(nh, XenbusStateClosed);
	assert_int_equal(tandem_net_room(q, &p, 1, 100), -EPROTO);
	nh_over(nh);
}

/* ----------------------------------------------------------------- XSA-376 */

/* Transmit responses: each field wrong. */
static void test_xsa_376_tx(void **state)
{
	struct nethand *nh = &((struct fixture *)*state)->nh;
	struct netif_pkt p;

	for (unsigned how = 0; how < 7; how++) {
		uint16_t id;

		nh_up(nh, NULL);
		send_one(nh, &p);
		id = p.slot[0].id;
		switch (how) {
		case 0: /* never asked */
			nh_tx_answer(nh, 0, (uint16_t)(id + 100), 0);
			break;
		case 1: /* beyond all ids */
			nh_tx_answer(nh, 0, 256, 0);
			break;
		case 2:
			nh_tx_answer(nh, 0, 0xffff, 0);
			break;
		case 3: /* twice */
			nh_tx_answer(nh, 0, id, 0);
			nh_tx_answer(nh, 0, id, 0);
			break;
		case 4: /* unknown statuses */
			nh_tx_answer(nh, 0, id, 2);
			break;
		case 5:
			nh_tx_answer(nh, 0, id, -3);
			break;
		case 6: /* an extra that was not sent */
			nh_tx_answer(nh, 0, id, NETIF_RSP_NULL);
			break;
		}
		closes(nh);
	}
}

/* Producers that run ahead of, or behind, what can be. */
static void test_xsa_376_producers(void **state)
{
	static const uint32_t moves[] = { 1000, 257, 0x80000000u, 0xffffffffu };
	struct nethand *nh = &((struct fixture *)*state)->nh;
	struct netif_pkt p;

	for (unsigned i = 0; i < 8; i++) {
		struct ring_back *r;

		nh_up(nh, NULL);
		send_one(nh, &p);
		nh_tx_okay(nh, 0, &p);
		nh_check_works(nh);
		reap(tandem_net_queue(nh->net, 0));
		r = i & 1 ? &nh->q[0].rx : &nh->q[0].tx;
		atomic_fetch_add(&r->r.shared->rsp_prod, moves[i / 2]);
		closes(nh);
	}
}

/* Receive responses: the whole range of each field, one packet each. */
static void test_xsa_376_rx(void **state)
{
	struct nethand *nh = &((struct fixture *)*state)->nh;
	struct netif_rx_request req;
	struct tandem_net_pkt p;
	unsigned taken = 0;

	nh_up(nh, NULL);
	for (unsigned i = 0; i < 20000; i++) {
		struct netif_rx_response rsp = { 0 };
		uint32_t r = i * 2654435761u;

		assert_true(nh_rx_take(nh, 0, &req));
		rsp.id = req.id;
		rsp.offset = (uint16_t)(i & 1 ? r >> 16 : r >> 20);
		rsp.status = (int16_t)(i & 2 ? r : r & 0xfff);
		rsp.flags = i & 4 ? 3 & (r >> 8) : 0;
		nh_rx_answer(nh, 0, rsp);
		nh_rx_push(nh, 0);
		if (tandem_net_recv(tandem_net_queue(nh->net, 0), &p, 1) != 1)
			continue;
		taken++;
		/* what is lent is the page that was posted, and inside it */
		assert_int_equal(p.iovcnt, 1);
		assert_ptr_equal((uint8_t *)p.iov[0].iov_base,
				 nh_page(nh, req.gref, GNTTAB_WRITE) + rsp.offset);
		assert_in_range(rsp.offset + p.len, 14, 4096);
		tandem_net_done(tandem_net_queue(nh->net, 0), &p, 1);
	}
	assert_in_range(taken, 2000, 18000);
	nh_check_works(nh);
	/* ids are the slots' */
	assert_true(nh_rx_take(nh, 0, &req));
	nh_rx_answer(nh, 0,
		     (struct netif_rx_response){ .id = (uint16_t)(req.id + 1),
						 .status = 60 });
	nh_rx_push(nh, 0);
	closes(nh);
}

/* Chains: without an end, too long, extras that are none. */
static void test_xsa_376_chains(void **state)
{
	struct nethand *nh = &((struct fixture *)*state)->nh;
	struct netif_rx_request req;
	struct netif_extra_info x = { 0 };
	struct tandem_net_pkt p;
	struct tandem_net_info info;

	for (unsigned how = 0; how < 3; how++) {
		nh_up(nh, NULL);
		for (unsigned i = 0; i < (how ? 1 : 5); i++) {
			assert_true(nh_rx_take(nh, 0, &req));
			nh_rx_answer(nh, 0,
				     (struct netif_rx_response){
					     .id = req.id,
					     .status = 60,
					     .flags = how ? NETRXF_extra_info
							  : NETRXF_more_data });
		}
		x.type = how == 1 ? 77 : XEN_NETIF_EXTRA_TYPE_GSO;
		if (how) /* unknown, or of size 0 */
			memcpy(ring_back_next(&nh->q[0].rx, 8), &x, sizeof(x));
		nh_rx_push(nh, 0);
		closes(nh);
	}
	/* 200 slots are no packet, but they are free again */
	nh_up(nh, NULL);
	for (unsigned round = 0; round < 5; round++) {
		for (unsigned i = 0; i < 200; i++) {
			assert_true(nh_rx_take(nh, 0, &req));
			nh_rx_answer(nh, 0,
				     (struct netif_rx_response){
					     .id = req.id,
					     .status = 60,
					     .flags = i < 199 ? NETRXF_more_data : 0 });
		}
		nh_rx_push(nh, 0);
		assert_int_equal(tandem_net_recv(tandem_net_queue(nh->net, 0), &p, 1), 0);
	}
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.stats.rx_bad, 5);
	nh_check_works(nh);
}

/* Control ring: answers to nothing, of another id or type; sizes without end. */
static void test_xsa_376_ctrl(void **state)
{
	const struct tandem_net_opts opts = { .hash = true, .queues = 2 };
	struct nethand *nh = &((struct fixture *)*state)->nh;
	struct xen_netif_ctrl_request req;

	nh_set(nh, "feature-ctrl-ring", "1");
	for (unsigned how = 0; how < 3; how++) {
		nh_up(nh, &opts);
		assert_true(nh_ctrl_take(nh, &req));
		if (how == 0)
			nh_ctrl_answer(nh, (uint16_t)(req.id + 1), req.type, 0, 0);
		if (how == 1)
			nh_ctrl_answer(nh, req.id, 10, 0, 0);
		/* in one push: the frontend may write the next slot after the first */
		if (how == 2)
			nh_ctrl_answers(nh, 2, req.id, req.type, 0, 0);
		closes(nh);
	}
	nh_up(nh, &opts);
	for (unsigned i = 0; i < 11; i++) {
		assert_true(nh_ctrl_take(nh, &req));
		if (req.type == XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING)
			assert_in_range(req.data[1], 1, 1024);
		if (req.type == XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING)
			assert_in_range(req.data[2], 1, 512);
		nh_ctrl_answer(nh, req.id, req.type, 0, UINT32_MAX);
	}
	nh_check_works(nh);
}

/* ----------------------------------------------------------------- XSA-522 */

/* A first slot shorter than an Ethernet header, alone and with more behind it. */
static void test_xsa_522(void **state)
{
	struct nethand *nh = &((struct fixture *)*state)->nh;
	struct tandem_net_info info;
	struct netif_rx_request req;
	struct tandem_net_pkt p;

	nh_up(nh, NULL);
	for (int16_t len = 0; len < 14; len++)
		for (unsigned more = 0; more < 2; more++) {
			for (unsigned i = 0; i <= more; i++) {
				struct netif_rx_response rsp = {
					.status = i ? 1000 : len,
					.flags = i < more ? NETRXF_more_data : 0
				};

				assert_true(nh_rx_take(nh, 0, &req));
				rsp.id = req.id;
				nh_rx_answer(nh, 0, rsp);
			}
			nh_rx_push(nh, 0);
			assert_int_equal(tandem_net_recv(tandem_net_queue(nh->net, 0), &p,
							 1),
					 0);
		}
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.stats.rx_bad, 28);
	nh_check_works(nh);
}

/* What was not agreed on is not taken: large segments, blank checksums, chains. */
static void test_unwanted(void **state)
{
	const struct tandem_net_opts opts = { .rx_off = TANDEM_NET_ALL };
	const struct netif_meta metas[] = {
		{ .csum_blank = true },
		{ .gso_type = 1, .gso_size = 100 },
		{ .gso_type = 2, .gso_size = 100 },
		{ 0 },
	};
	struct nethand *nh = &((struct fixture *)*state)->nh;
	static uint8_t data[5000];
	struct tandem_net_info info;
	struct tandem_net_pkt p;

	nh_up(nh, &opts);
	for (unsigned i = 0; i < 4; i++) {
		nh_rx_send(nh, 0, data, metas[i].csum_blank ? 100 : 5000, &metas[i]);
		assert_int_equal(tandem_net_recv(tandem_net_queue(nh->net, 0), &p, 1), 0);
	}
	tandem_net_get_info(nh->net, &info);
	assert_int_equal(info.stats.rx_unwanted, 4);
	nh_check_works(nh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_xsa_376_tx, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsa_376_producers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsa_376_rx, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsa_376_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsa_376_ctrl, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xsa_522, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unwanted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
