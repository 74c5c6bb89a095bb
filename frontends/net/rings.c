/* SPDX-License-Identifier: MIT */
/*
 * Rings, pages and event channels of a vif: made for a connection, taken off
 * when it ends. Control thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontends/net/netfront.h"

#define CTRL_PAGES 2u /* its ring, and one for tables */

/* -------------------------------------------------------------------- pages */

/* A queue's pages: once made, they stay. */
static int pages_new(struct tandem_net *net, struct net_pages *p, bool readonly)
{
	int err;

	if (p->arena)
		return 0;
	err = gnttab_arena_new(net->front.plat, net->front.xb.backend_id, NET_PAGES,
			       readonly, &p->arena);
	if (err) {
		p->arena = NULL;
		return err;
	}
	/* the first ones are taken first */
	for (unsigned i = NET_PAGES; i--;)
		net_page_give(p, (uint16_t)i);
	return 0;
}

void net_pages_free(struct tandem_net *net)
{
	for (unsigned i = 0; i < net->nr_queues; i++) {
		struct tandem_net_queue *q = &net->queues[i];

		if (q->tx.pages.arena)
			gnttab_arena_free(q->tx.pages.arena);
		if (q->rx.pages.arena)
			gnttab_arena_free(q->rx.pages.arena);
	}
}

/* -------------------------------------------------------------------- rings */

static int channels_new(struct tandem_net *net, struct tandem_net_queue *q)
{
	struct plat *plat = net->front.plat;
	domid_t be = net->front.xb.backend_id;
	struct evtchn *tx, *rx;
	int err = evtchn_alloc_unbound(plat, be, &tx);

	if (err)
		return err;
	rx = tx;
	if (net->split)
		err = evtchn_alloc_unbound(plat, be, &rx);
	if (err) {
		evtchn_close(tx);
		return err;
	}
	qlock_lock(&q->lock);
	q->tx.ch = tx;
	q->rx.ch = rx;
	q->cut = false;
	qlock_unlock(&q->lock);
	return 0;
}

static int queue_new(struct tandem_net *net, struct tandem_net_queue *q)
{
	uint8_t *pages = net->ring_pages->pages + (size_t)q->index * 2 * PLAT_PAGE_SIZE;
	int err;

	if ((err = pages_new(net, &q->tx.pages, true)) ||
	    (err = pages_new(net, &q->rx.pages, false)) || (err = channels_new(net, q)))
		return err;
	qlock_lock(&q->lock);
	ring_front_init(&q->tx.ring, pages, PLAT_PAGE_SIZE, NETIF_TX_SLOT_SIZE);
	ring_front_init(&q->rx.ring, pages + PLAT_PAGE_SIZE, PLAT_PAGE_SIZE,
			NETIF_RX_SLOT_SIZE);
	/* the backend does not know of them yet: nobody to notify */
	net_rx_post(q);
	(void)ring_front_push(&q->rx.ring);
	qlock_unlock(&q->lock);
	return 0;
}

static int ctrl_new(struct tandem_net *net)
{
	struct net_ctrl *c = &net->ctrl;
	uint32_t first = net->nr_rings * 2;
	uint8_t *pages = net->ring_pages->pages + (size_t)first * PLAT_PAGE_SIZE;
	int err;

	memset(c, 0, sizeof(*c));
	err = evtchn_alloc_unbound(net->front.plat, net->front.xb.backend_id, &c->ch);
	if (err) {
		c->ch = NULL;
		return err;
	}
	ring_front_init(&c->ring, pages, PLAT_PAGE_SIZE, NETIF_CTRL_SLOT_SIZE);
	c->scratch = pages + PLAT_PAGE_SIZE;
	c->scratch_ref = net->ring_pages->refs[first + 1];
	return 0;
}

int net_rings_new(struct tandem_net *net)
{
	uint32_t nr = net->nr_rings * 2 + (net->use_ctrl ? CTRL_PAGES : 0);
	int err = gnttab_arena_new(net->front.plat, net->front.xb.backend_id, nr, false,
				   &net->ring_pages);

	if (err)
		net->ring_pages = NULL;
	for (unsigned i = 0; i < net->nr_rings && !err; i++)
		err = queue_new(net, &net->queues[i]);
	if (!err && net->use_ctrl)
		err = ctrl_new(net);
	if (err) {
		net_rings_drop(net);
		xenbus_fail(&net->front.xb, err,
			    "%s: no memory or event channel for %u queues: %s",
			    net->front.xb.path, net->nr_rings, strerror(-err));
	}
	return err;
}

static void queue_drop(struct tandem_net_queue *q)
{
	struct evtchn *tx, *rx;

	qlock_lock(&q->lock);
	tx = q->tx.ch;
	rx = q->rx.ch == tx ? NULL : q->rx.ch;
	q->tx.ch = q->rx.ch = NULL;
	if (tx) {
		net_tx_forget(q);
		net_rx_forget(q);
	}
	qlock_unlock(&q->lock);
	if (tx)
		evtchn_close(tx);
	if (rx)
		evtchn_close(rx);
}

void net_rings_drop(struct tandem_net *net)
{
	for (unsigned i = 0; i < net->nr_queues; i++)
		queue_drop(&net->queues[i]);
	if (net->ctrl.ch)
		evtchn_close(net->ctrl.ch);
	net->ctrl.ch = NULL;
	gnttab_arena_free(net->ring_pages);
	net->ring_pages = NULL;
}

/* ------------------------------------------------------------ start and stop */

/* Which queue each sends through. All are locked. */
static void assign_senders(struct tandem_net *net)
{
	for (unsigned i = 0; i < net->nr_queues; i++)
		net->queues[i].senders = 0;
	for (unsigned i = 0; i < net->nr_queues; i++) {
		struct tandem_net_queue *to = &net->queues[i % net->nr_rings];

		if (i >= net->nr_rings)
			to->senders++;
		/* release: pairs with the acquire in net_sender_lock() */
		atomic_store_explicit(&net->queues[i].to, to, memory_order_release);
	}
}

/* The list of multicast addresses, to a backend that does not know it yet. */
static void repeat_mcast(struct tandem_net *net)
{
	for (unsigned i = 0; net->use_mcast && i < net->nr_mcast; i++)
		/* cannot fail: the ring is empty and holds twice as many */
		(void)net_tx_mcast(&net->queues[0], net->mcast[i], true);
}

void net_rings_start(struct tandem_net *net)
{
	for (unsigned i = 0; i < net->nr_queues; i++)
		qlock_lock(&net->queues[i].lock);
	assign_senders(net);
	for (unsigned i = 0; i < net->nr_rings; i++) {
		struct tandem_net_queue *q = &net->queues[i];

		q->active = net->info.tx.active;
		q->active_rx = net->info.rx.active;
		q->running = true;
	}
	repeat_mcast(net);
	for (unsigned i = 0; i < net->nr_queues; i++)
		net_queue_watch(&net->queues[i], true);
	net->up = true;
	for (unsigned i = 0; i < net->nr_queues; i++)
		qlock_unlock(&net->queues[i].lock);
	net_changed(net);
}

void net_rings_stop(struct tandem_net *net)
{
	for (unsigned i = 0; i < net->nr_queues; i++)
		qlock_lock(&net->queues[i].lock);
	for (unsigned i = 0; i < net->nr_queues; i++) {
		net_queue_watch(&net->queues[i], false);
		/* what the backend answered before it went is answered */
		if (net->queues[i].running)
			(void)net_tx_reap(&net->queues[i]);
		net->queues[i].running = false;
	}
	net->up = false;
	for (unsigned i = 0; i < net->nr_queues; i++)
		qlock_unlock(&net->queues[i].lock);
	net_changed(net);
}
