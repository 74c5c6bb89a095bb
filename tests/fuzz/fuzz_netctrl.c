/* SPDX-License-Identifier: MIT */
/*
 * netback's control ring against a frontend that writes what it likes: the input
 * is a program of requests, page writes, failed maps and rounds of the loop.
 * Checked: a turn's bound, what the queues are told, and that each page is
 * unmapped in the end (the platform in memory checks each unmap).
 */
#include <stdlib.h>
#include <string.h>

#include "backends/net/netctrl.h"
#include "tests/fuzz/input.h"
#include "tests/lib/memplat.h"

#define BACK   1
#define FRONT  5
#define PAGES  24u
#define RO     4u
#define ROUNDS 64

struct fuzz {
	struct memhv *hv;
	struct plat *front, *back;
	struct evloop *loop;
	struct gnttab_arena *ring, *pages, *ro;
	struct evtchn *ch;
	struct ring_shared *shared;
	ring_idx_t prod; /* requests put */
	struct netctrl *ctrl;
	uint32_t nr_queues;
	const struct netgref *grefs;
	struct input in;
};

/* ---------------------------------------------------------- the ring's owner */

/* A packet of the input's bytes goes to a queue that there is. */
static void hash_changed(void *arg, const struct nethash *h)
{
	struct fuzz *z = arg;
	struct netif_meta m = { 0 };
	size_t len = z->in.left < 128 ? z->in.left : 128;
	uint32_t queue;

	must(h->mapping_size <= NETHASH_MAPPING_MAX);
	for (uint32_t i = 0; i < NETHASH_MAPPING_MAX; i++)
		must(h->mapping[i] < z->nr_queues);
	if (nethash_steer(h, z->in.p, len, z->nr_queues, &queue, &m))
		must(queue < z->nr_queues && m.hash_alg);
}

static void check_gref(struct fuzz *z, const struct gnttab_arena *a)
{
	for (uint32_t i = 0; i < a->nr_pages; i++) {
		const uint8_t *p = netgref_find(z->grefs, a->refs[i], false);

		must(!p || p == a->pages + (size_t)i * PLAT_PAGE_SIZE);
		must(!a->readonly || !netgref_find(z->grefs, a->refs[i], true));
	}
}

static void grefs_changed(void *arg, const struct netgref *t)
{
	struct fuzz *z = arg;

	check_gref(z, z->pages); /* of the old table: all of it is still good */
	z->grefs = t;
	must(!t || (t->nr && t->nr <= PAGES + RO + 1));
	check_gref(z, z->pages);
	check_gref(z, z->ro);
}

static void broken(void *arg, int err)
{
	struct fuzz *z = arg;

	must(err < 0);
	netctrl_free(z->ctrl);
	z->ctrl = NULL;
}

static const struct netctrl_client client = { hash_changed, grefs_changed, broken };

/* -------------------------------------------------------------- the frontend */

/* A reference that there is, mostly. */
static grant_ref_t pick_ref(struct fuzz *z)
{
	uint8_t n = input_u8(&z->in);

	if (n < PAGES)
		return z->pages->refs[n];
	if (n < PAGES + RO)
		return z->ro->refs[n - PAGES];
	return n == 255 ? input_u32(&z->in) : z->ring->refs[0];
}

/* A number that is small, or near a bound, or anything. */
static uint32_t pick_number(struct fuzz *z)
{
	uint8_t n = input_u8(&z->in);

	if (n < 130)
		return n;
	if (n < 140)
		return 508u + n - 130;
	return n < 200 ? n - 200u : input_u32(&z->in);
}

static void *slot(struct fuzz *z, ring_idx_t i)
{
	return z->ring->pages + sizeof(struct ring_shared) +
	       (size_t)(i % NETIF_CTRL_RING_SLOTS) * NETIF_CTRL_SLOT_SIZE;
}

static void put_request(struct fuzz *z)
{
	struct xen_netif_ctrl_request req = { 0 };
	bool list;

	req.id = input_u8(&z->in);
	req.type = input_u8(&z->in) % 13;
	list = req.type >= XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING;
	req.data[0] = list ? input_u8(&z->in) % 5 : 0;
	if (req.type == XEN_NETIF_CTRL_TYPE_SET_HASH_KEY ||
	    req.type == XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING)
		req.data[0] = pick_ref(z);
	else if (!list)
		req.data[0] = pick_number(z);
	req.data[1] = list ? pick_ref(z) : pick_number(z);
	if (list && req.data[1] == z->ring->refs[0])
		req.data[1] = z->pages->refs[0]; /* statuses over the responses */
	req.data[2] = pick_number(z);
	memcpy(slot(z, z->prod++), &req, sizeof(req));
}

/* Bytes into a page; or a list of references. */
static void write_page(struct fuzz *z)
{
	uint8_t *page =
		z->pages->pages + input_u8(&z->in) % PAGES * (size_t)PLAT_PAGE_SIZE;
	uint8_t n = input_u8(&z->in);
	uint32_t at = input_u8(&z->in) * 4u;

	for (; n & 0x80 && n-- > 0x80 && z->in.left; at += 8) {
		struct xen_netif_gref g = { pick_ref(z), input_u8(&z->in) & 3, 0 };

		memcpy(page + at, &g, sizeof(g));
	}
	for (; n && n < 0x80 && z->in.left; n--)
		page[at++] = input_u8(&z->in);
}

static void one_round(struct fuzz *z)
{
	ring_idx_t at = atomic_load(&z->shared->rsp_prod), end;
	struct xen_netif_ctrl_response rsp;

	if (input_u8(&z->in) & 1)
		atomic_store(&z->shared->req_prod, z->prod);
	evtchn_notify(z->ch);
	(void)evloop_once(z->loop, 0);
	end = atomic_load(&z->shared->rsp_prod);
	/* an event's turn and that of what was left */
	must(end - at <= 2 * NETCTRL_TURN);
	for (; at != end; at++) {
		memcpy(&rsp, slot(z, at), sizeof(rsp));
		must(rsp.status <= XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW);
	}
}

static void step(struct fuzz *z)
{
	uint32_t at;

	switch (input_u8(&z->in) % 9) {
	case 0:
	case 1:
	case 2:
		put_request(z);
		break;
	case 3:
		write_page(z);
		break;
	case 4: /* bytes of the ring, but for what one_round() looks at */
		at = input_u32(&z->in) % PLAT_PAGE_SIZE;
		if (at / 4 != offsetof(struct ring_shared, rsp_prod) / 4)
			z->ring->pages[at] = input_u8(&z->in);
		break;
	case 5: /* a producer near the truth */
		atomic_store(&z->shared->req_prod,
			     atomic_load(&z->shared->rsp_prod) + input_u8(&z->in) - 4u);
		break;
	case 6:
		memhv_fail_map(z->hv, input_u8(&z->in) % 8);
		break;
	default:
		one_round(z);
	}
}

/* --------------------------------------------------------------------- frame */

static void fuzz_start(struct fuzz *z)
{
	z->nr_queues = 1 + input_u8(&z->in) % 8;
	z->hv = memhv_new();
	z->loop = evloop_new();
	must(z->hv && z->loop && !memplat_open(z->hv, BACK, &z->back) &&
	     !memplat_open(z->hv, FRONT, &z->front) &&
	     !gnttab_arena_new(z->front, BACK, 1, false, &z->ring) &&
	     !gnttab_arena_new(z->front, BACK, PAGES, false, &z->pages) &&
	     !gnttab_arena_new(z->front, BACK, RO, true, &z->ro) &&
	     !evtchn_alloc_unbound(z->front, BACK, &z->ch));
	z->shared = (struct ring_shared *)z->ring->pages;
	must(!netctrl_new(z->back, z->loop, FRONT, z->ring->refs[0], z->ch->port,
			  z->nr_queues, &client, z, &z->ctrl));
}

static void fuzz_end(struct fuzz *z)
{
	netctrl_free(z->ctrl);
	must(!memhv_mapped(z->hv));
	evtchn_close(z->ch);
	gnttab_arena_free(z->ring);
	gnttab_arena_free(z->pages);
	gnttab_arena_free(z->ro);
	evloop_free(z->loop);
	plat_close(z->front);
	plat_close(z->back);
	memhv_free(z->hv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz z = { .in = { data, size } };

	fuzz_start(&z);
	while (z.in.left && z.ctrl)
		step(&z);
	for (int i = 0; i < ROUNDS && z.ctrl; i++)
		one_round(&z);
	fuzz_end(&z);
	return 0;
}
