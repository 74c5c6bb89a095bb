/* SPDX-License-Identifier: MIT */
/*
 * The control ring: a fixed sequence of questions and settings, one at a time,
 * beside the data that flows already. What a backend refuses is done without.
 *
 * Tables lie in a page of their own, which the backend may read until it has
 * answered. Control thread.
 */
#include <errno.h>
#include <string.h>

#include "frontends/net/netfront.h"

#define HASH_ENTRIES 128u
#define STAGE_MAX    (PLAT_PAGE_SIZE / (uint32_t)sizeof(struct xen_netif_gref))
#define HASH_TYPES                                                           \
	(XEN_NETIF_CTRL_HASH_TYPE_IPV4 | XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP | \
	 XEN_NETIF_CTRL_HASH_TYPE_IPV6 | XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP)

/* ------------------------------------------------------------------- asking */

static void ask(struct net_ctrl *c, uint16_t type, uint32_t a, uint32_t b, uint32_t d)
{
	c->asked.id++;
	c->asked.type = type;
	c->asked.data[0] = a;
	c->asked.data[1] = b;
	c->asked.data[2] = d;
	*(struct xen_netif_ctrl_request *)ring_front_next(&c->ring) = c->asked;
	c->waiting = true;
	if (ring_front_push(&c->ring))
		evtchn_notify(c->ch);
}

/* Entry i of the hash mapping: queues in turn. */
static void fill_mapping(struct tandem_net *net, uint32_t entries)
{
	uint32_t *map = (uint32_t *)net->ctrl.scratch;

	for (uint32_t i = 0; i < entries; i++)
		map[i] = i % net->nr_rings;
}

/* The pages that move, those first that move most. */
static void fill_staging(struct tandem_net *net, uint32_t entries)
{
	const struct tandem_net_queue *q = &net->queues[net->ctrl.queue];
	struct xen_netif_gref *g = (struct xen_netif_gref *)net->ctrl.scratch;

	for (uint32_t i = 0; i < entries; i++)
		g[i] = i < NET_PAGES
			       ? (struct xen_netif_gref){ q->rx.pages.arena->refs[i], 0,
							  0 }
			       : (struct xen_netif_gref){
					 q->tx.pages.arena->refs[i - NET_PAGES],
					 XEN_NETIF_CTRLF_GREF_readonly, 0
				 };
}

static uint32_t stage_entries(const struct tandem_net *net)
{
	uint32_t n = net->ctrl.told < STAGE_MAX ? net->ctrl.told : STAGE_MAX;

	return n < 2 * NET_PAGES ? n : 2 * NET_PAGES;
}

static void ask_hash(struct tandem_net *net)
{
	struct net_ctrl *c = &net->ctrl;
	uint32_t n = c->told < HASH_ENTRIES ? c->told : HASH_ENTRIES;

	switch (c->step) {
	case CTRL_HASH_ALGORITHM:
		ask(c, XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM,
		    XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ, 0, 0);
		break;
	case CTRL_HASH_KEY:
		memcpy(c->scratch, net->hash_key, NET_KEY_BYTES);
		ask(c, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, c->scratch_ref, NET_KEY_BYTES,
		    0);
		break;
	case CTRL_HASH_MAX:
		ask(c, XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE, 0, 0, 0);
		break;
	case CTRL_HASH_SIZE:
		ask(c, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, n, 0, 0);
		break;
	case CTRL_HASH_MAPPING:
		fill_mapping(net, n);
		ask(c, XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, c->scratch_ref, n, 0);
		break;
	case CTRL_HASH_TYPES:
		ask(c, XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS, 0, 0, 0);
		break;
	default: /* last: from now on it holds */
		ask(c, XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, c->told & HASH_TYPES, 0, 0);
		break;
	}
}

static void ask_staging(struct tandem_net *net)
{
	struct net_ctrl *c = &net->ctrl;
	uint32_t n;

	if (c->step == CTRL_STAGE_MAX) {
		ask(c, XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE, c->queue, 0, 0);
		return;
	}
	n = stage_entries(net);
	fill_staging(net, n);
	ask(c, XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING, c->queue, c->scratch_ref, n);
}

/* ----------------------------------------------------------------- answered */

static void note_end(struct tandem_net *net)
{
	pthread_mutex_lock(&net->lock);
	net->info.asking = false;
	pthread_mutex_unlock(&net->lock);
	net_changed(net);
}

/* What is next, of what is wanted at all. */
static void next(struct tandem_net *net, enum net_ctrl_step step)
{
	struct net_ctrl *c = &net->ctrl;

	if (step < CTRL_STAGE_MAX && !net->opts.hash)
		step = CTRL_STAGE_MAX;
	if (step > CTRL_STAGE) {
		step = CTRL_STAGE_MAX;
		c->queue++;
	}
	if (step >= CTRL_STAGE_MAX && (net->opts.no_staging || c->queue >= net->nr_rings))
		step = CTRL_END;
	c->step = step;
	if (step == CTRL_END)
		note_end(net);
}

static void note_hash(struct tandem_net *net)
{
	pthread_mutex_lock(&net->lock);
	net->info.hash = true;
	pthread_mutex_unlock(&net->lock);
	net_changed(net);
}

static void note_staged(struct tandem_net *net, uint32_t entries)
{
	pthread_mutex_lock(&net->lock);
	net->info.staged += entries;
	pthread_mutex_unlock(&net->lock);
	net_changed(net);
}

/* The answer to c->asked. */
static void answered(struct tandem_net *net, uint32_t status, uint32_t data)
{
	struct net_ctrl *c = &net->ctrl;
	bool ok = status == XEN_NETIF_CTRL_STATUS_SUCCESS;

	if (c->step < CTRL_STAGE_MAX && !ok) {
		next(net, CTRL_STAGE_MAX);
		return;
	}
	switch (c->step) {
	case CTRL_HASH_MAX:
	case CTRL_HASH_TYPES:
	case CTRL_STAGE_MAX:
		c->told = ok ? data : 0;
		/* none: without a mapping queues are taken modulo, without types or
		 * staged pages there is nothing more to say */
		if (!c->told)
			next(net, c->step == CTRL_HASH_MAX     ? CTRL_HASH_TYPES
				  : c->step == CTRL_HASH_TYPES ? CTRL_STAGE_MAX
							       : CTRL_STAGE + 1);
		else
			next(net, c->step + 1);
		return;
	case CTRL_HASH_FLAGS:
		note_hash(net);
		break;
	case CTRL_STAGE:
		if (ok)
			note_staged(net, stage_entries(net));
		break;
	default:
		break;
	}
	next(net, c->step + 1);
}

static int take_answer(struct tandem_net *net)
{
	struct net_ctrl *c = &net->ctrl;
	struct xen_netif_ctrl_response rsp;

	ring_copy_response(&c->ring, &rsp, sizeof(rsp));
	if (!c->waiting || rsp.id != c->asked.id || rsp.type != c->asked.type)
		return -EPROTO;
	c->waiting = false;
	answered(net, rsp.status, rsp.data);
	return 0;
}

int net_ctrl_run(struct tandem_net *net)
{
	struct net_ctrl *c = &net->ctrl;
	int avail;

	if (!c->asked.id) /* the first time */
		next(net, CTRL_HASH_ALGORITHM);
	for (;;) {
		if (!c->waiting && c->step < CTRL_STAGE_MAX)
			ask_hash(net);
		else if (!c->waiting && c->step < CTRL_END)
			ask_staging(net);
		avail = ring_front_arm(&c->ring);
		if (avail > 0)
			avail = take_answer(net);
		else
			break;
		if (avail < 0)
			break;
	}
	return avail < 0 ? -EPROTO : 0;
}
