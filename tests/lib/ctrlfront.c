/* SPDX-License-Identifier: MIT */
/* A frontend by hand for the control ring. */
#include "tests/lib/ctrlfront.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BACK  1
#define FRONT 5

static void cf_hash_changed(void *arg, const struct nethash *h)
{
	struct ctrlfront *cf = arg;

	cf->hash = *h;
	cf->hash_calls++;
}

static void cf_grefs_changed(void *arg, const struct netgref *t)
{
	struct ctrlfront *cf = arg;

	cf->grefs = t;
	cf->grefs_calls++;
	cf->mapped = memhv_mapped(cf->hv);
}

static void cf_broken(void *arg, int err)
{
	struct ctrlfront *cf = arg;

	cf->broken = err;
	if (!cf->free_when_broken)
		return;
	netctrl_free(cf->ctrl);
	cf->ctrl = NULL;
}

static const struct netctrl_client cf_client = {
	.hash_changed = cf_hash_changed,
	.grefs_changed = cf_grefs_changed,
	.broken = cf_broken,
};

int cf_attach(struct ctrlfront *cf)
{
	netctrl_free(cf->ctrl);
	cf->ctrl = NULL;
	cf->grefs = NULL;
	return netctrl_new(cf->back, cf->loop, FRONT, cf->ring->refs[0], cf->ch->port,
			   cf->nr_queues, &cf_client, cf, &cf->ctrl);
}

void cf_start(struct ctrlfront *cf, uint32_t nr_queues)
{
	memset(cf, 0, sizeof(*cf));
	cf->nr_queues = nr_queues;
	cf->hv = memhv_new();
	cf->loop = evloop_new();
	assert_non_null(cf->hv);
	assert_non_null(cf->loop);
	assert_int_equal(memplat_open(cf->hv, BACK, &cf->back), 0);
	assert_int_equal(memplat_open(cf->hv, FRONT, &cf->front), 0);
	assert_int_equal(gnttab_arena_new(cf->front, BACK, 1, false, &cf->ring), 0);
	assert_int_equal(gnttab_arena_new(cf->front, BACK, CF_PAGES, false, &cf->pages),
			 0);
	assert_int_equal(gnttab_arena_new(cf->front, BACK, CF_PAGES_RO, true, &cf->ro),
			 0);
	assert_int_equal(evtchn_alloc_unbound(cf->front, BACK, &cf->ch), 0);
	ring_front_init(&cf->f, cf->ring->pages, PLAT_PAGE_SIZE, NETIF_CTRL_SLOT_SIZE);
	assert_int_equal(cf_attach(cf), 0);
}

void cf_stop(struct ctrlfront *cf)
{
	netctrl_free(cf->ctrl);
	assert_int_equal(memhv_mapped(cf->hv), 0);
	evtchn_close(cf->ch);
	gnttab_arena_free(cf->ring);
	gnttab_arena_free(cf->pages);
	gnttab_arena_free(cf->ro);
	evloop_free(cf->loop);
	plat_close(cf->front);
	plat_close(cf->back);
	memhv_free(cf->hv);
}

void cf_put(struct ctrlfront *cf, uint16_t id, uint16_t type, uint32_t d0, uint32_t d1,
	    uint32_t d2)
{
	struct xen_netif_ctrl_request req = { id, type, { d0, d1, d2 } };

	assert_true(ring_front_free(&cf->f) > 0);
	memcpy(ring_front_next(&cf->f), &req, sizeof(req));
}

bool cf_push(struct ctrlfront *cf)
{
	bool told = ring_front_push(&cf->f);

	if (told)
		evtchn_notify(cf->ch);
	return told;
}

void cf_turn(struct ctrlfront *cf)
{
	assert_int_equal(evloop_once(cf->loop, 0), 0);
}

struct xen_netif_ctrl_response cf_take(struct ctrlfront *cf)
{
	struct xen_netif_ctrl_response rsp;

	for (int i = 0; i < 100 && !ring_front_avail(&cf->f); i++)
		cf_turn(cf);
	assert_true(ring_front_avail(&cf->f) > 0);
	ring_copy_response(&cf->f, &rsp, sizeof(rsp));
	return rsp;
}

unsigned cf_drain(struct ctrlfront *cf)
{
	struct xen_netif_ctrl_response rsp;
	int n = ring_front_avail(&cf->f);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++)
		ring_copy_response(&cf->f, &rsp, sizeof(rsp));
	return (unsigned)n;
}

uint32_t cf_call(struct ctrlfront *cf, uint16_t type, uint32_t d0, uint32_t d1,
		 uint32_t d2, uint32_t *data)
{
	struct xen_netif_ctrl_response rsp;
	uint16_t id = cf->next_id++;

	cf_put(cf, id, type, d0, d1, d2);
	cf_push(cf);
	rsp = cf_take(cf);
	assert_int_equal(rsp.id, id);
	assert_int_equal(rsp.type, type);
	if (data)
		*data = rsp.data;
	else
		assert_int_equal(rsp.data, 0);
	return rsp.status;
}

uint32_t cf_grefs(struct ctrlfront *cf, uint16_t type, uint32_t from, uint32_t n,
		  uint16_t flags, uint32_t *data)
{
	struct xen_netif_gref *list = cf_list(cf);

	for (uint32_t i = 0; i < n; i++)
		list[i] = (struct xen_netif_gref){ cf->pages->refs[from + i], flags,
						   0xaaaa };
	return cf_call(cf, type, 0, cf->pages->refs[0], n, data);
}
