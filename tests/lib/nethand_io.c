/* SPDX-License-Identifier: MIT */
/* A network backend by hand: packets, answers, control requests. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/nethand.h"

#define WAIT_STEPS 20000 /* of 100 us */

static int wait_request(struct ring_back *r)
{
	for (unsigned i = 0; i < WAIT_STEPS; i++) {
		int n = ring_back_arm(r);

		assert_true(n >= 0);
		if (n)
			return n;
		usleep(100);
	}
	return 0;
}

uint8_t *nh_page(struct nethand *nh, grant_ref_t ref, int prot)
{
	void *addr;

	/* the platform in memory has one address for a page: look and let go */
	assert_int_equal(gnttab_map_refs(nh->mapper, &ref, 1, prot, &addr), 0);
	gnttab_unmap_refs(nh->mapper, &ref, 1, prot, &addr);
	return addr;
}

/* ----------------------------------------------------------------------- TX */

int nh_tx_take(struct nethand *nh, unsigned qi, struct netif_pkt *p)
{
	int avail = wait_request(&nh->q[qi].tx);

	return avail ? netif_tx_take(&nh->q[qi].tx, &avail, p) : -ETIMEDOUT;
}

size_t nh_tx_bytes(struct nethand *nh, const struct netif_pkt *p, uint8_t *buf)
{
	size_t at = 0;

	for (unsigned i = 0; i < p->nr_slots; i++) {
		const struct netif_slot *s = &p->slot[i];

		memcpy(buf + at, nh_page(nh, s->gref, GNTTAB_READ) + s->offset, s->size);
		at += s->size;
	}
	return at;
}

static void tx_put(struct nethand *nh, unsigned qi, uint16_t id, int16_t status)
{
	const struct netif_tx_response rsp = { .id = id, .status = status };

	memcpy(ring_back_next(&nh->q[qi].tx, NETIF_TX_SLOT_SIZE), &rsp, sizeof(rsp));
}

static void tx_push(struct nethand *nh, unsigned qi)
{
	if (ring_back_push(&nh->q[qi].tx))
		evtchn_notify(nh->q[qi].tx_ch);
}

void nh_tx_answer(struct nethand *nh, unsigned qi, uint16_t id, int16_t status)
{
	tx_put(nh, qi, id, status);
	tx_push(nh, qi);
}

void nh_tx_okay(struct nethand *nh, unsigned qi, const struct netif_pkt *p)
{
	for (unsigned i = 0; i < p->nr_slots; i++) {
		tx_put(nh, qi, p->slot[i].id, NETIF_RSP_OKAY);
		for (unsigned e = 0; !i && e < p->nr_extras; e++)
			tx_put(nh, qi, 0, NETIF_RSP_NULL);
	}
	tx_push(nh, qi);
}

/* ----------------------------------------------------------------------- RX */

bool nh_rx_take(struct nethand *nh, unsigned qi, struct netif_rx_request *req)
{
	struct ring_back *r = &nh->q[qi].rx;

	if (ring_back_avail(r) <= 0)
		return false;
	ring_copy_request(r, req, 0, sizeof(*req));
	ring_back_consume(r);
	return true;
}

void nh_rx_answer(struct nethand *nh, unsigned qi, struct netif_rx_response rsp)
{
	memcpy(ring_back_next(&nh->q[qi].rx, sizeof(rsp)), &rsp, sizeof(rsp));
}

void nh_rx_push(struct nethand *nh, unsigned qi)
{
	if (ring_back_push(&nh->q[qi].rx))
		evtchn_notify(nh->q[qi].rx_ch);
}

void nh_rx_send(struct nethand *nh, unsigned qi, const void *data, uint32_t len,
		const struct netif_meta *meta)
{
	struct netif_pkt p = { .size = len };
	struct netif_rx_request req;
	const uint8_t *from = data;
	unsigned extras;

	if (meta)
		p.meta = *meta;
	extras = (p.meta.gso_type ? 1u : 0u) + (p.meta.hash_alg ? 1u : 0u);
	while (len) {
		uint16_t n = (uint16_t)(len < 4096 ? len : 4096);

		assert_true(nh_rx_take(nh, qi, &req));
		memcpy(nh_page(nh, req.gref, GNTTAB_WRITE), from, n);
		p.slot[p.nr_slots++] = (struct netif_slot){ 0, req.id, 0, n };
		from += n;
		len -= n;
		/* extras take the slots behind the first */
		for (; extras; extras--)
			assert_true(nh_rx_take(nh, qi, &req));
	}
	netif_rx_put(&nh->q[qi].rx, &p);
	nh_rx_push(nh, qi);
}

/* ------------------------------------------------------------------ control */

bool nh_ctrl_take(struct nethand *nh, struct xen_netif_ctrl_request *req)
{
	if (!nh->ctrl_page || !wait_request(&nh->ctrl))
		return false;
	ring_copy_request(&nh->ctrl, req, 0, sizeof(*req));
	ring_back_consume(&nh->ctrl);
	return true;
}

void nh_ctrl_answer(struct nethand *nh, uint16_t id, uint16_t type, uint32_t status,
		    uint32_t data)
{
	nh_ctrl_answers(nh, 1, id, type, status, data);
}

void nh_ctrl_answers(struct nethand *nh, unsigned times, uint16_t id, uint16_t type,
		     uint32_t status, uint32_t data)
{
	const struct xen_netif_ctrl_response rsp = { id, type, status, data };

	for (unsigned i = 0; i < times; i++)
		memcpy(ring_back_next(&nh->ctrl, NETIF_CTRL_SLOT_SIZE), &rsp,
		       sizeof(rsp));
	if (ring_back_push(&nh->ctrl))
		evtchn_notify(nh->ctrl_ch);
}

/* ---------------------------------------------------------------- the caller */

void nh_check_works(struct nethand *nh)
{
	uint8_t out[100], in[100];

	for (unsigned i = 0; i < nh->nr_queues; i++) {
		struct tandem_net_queue *q = tandem_net_queue(nh->net, i);
		struct iovec iov = { out, sizeof(out) };
		struct tandem_net_pkt pkt;
		struct netif_pkt p;

		memset(out, (int)(i + 1), sizeof(out));
		/* its state says Connected a moment before its queues run */
		for (int t = 0; t < 10000 && tandem_net_send(q, &iov, 1, NULL); t++)
			usleep(100);
		tandem_net_kick(q);
		assert_int_equal(nh_tx_take(nh, i, &p), 0);
		assert_int_equal(nh_tx_bytes(nh, &p, in), sizeof(out));
		assert_memory_equal(in, out, sizeof(out));
		nh_tx_okay(nh, i, &p);
		nh_rx_send(nh, i, out, sizeof(out), NULL);
		assert_true(tandem_net_wait(q, TANDEM_NET_RX, 5000000) & TANDEM_NET_RX);
		assert_int_equal(tandem_net_recv(q, &pkt, 1), 1);
		assert_int_equal(pkt.len, sizeof(out));
		assert_memory_equal(pkt.iov[0].iov_base, out, sizeof(out));
		tandem_net_done(q, &pkt, 1);
	}
}
