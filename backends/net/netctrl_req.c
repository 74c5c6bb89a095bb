/* SPDX-License-Identifier: MIT */
/* The control ring's requests, one by one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/netctrl_int.h"
#include "hv/base/cleanup.h"

#define GREFS_A_PAGE (PLAT_PAGE_SIZE / sizeof(struct xen_netif_gref))

#define SUCCESS XEN_NETIF_CTRL_STATUS_SUCCESS
#define INVALID XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER

/* --------------------------------------------------------------------- hash */

/* The page of a request that needs none is NULL. */
static uint32_t serve_hash_page(struct netctrl *c,
				const struct xen_netif_ctrl_request *req)
{
	grant_ref_t ref = req->data[0];
	void *page = NULL;
	uint32_t status;

	if (req->data[1] && gnttab_map_refs(c->mapper, &ref, 1, GNTTAB_READ, &page))
		return INVALID;
	if (req->type == XEN_NETIF_CTRL_TYPE_SET_HASH_KEY)
		status = nethash_set_key(&c->hash, page, req->data[1]);
	else
		status = nethash_set_mapping(&c->hash, page, req->data[2], req->data[1],
					     c->nr_queues);
	if (page)
		gnttab_unmap_refs(c->mapper, &ref, 1, GNTTAB_READ, &page);
	return status;
}

/* ---------------------------------------------------------- static mappings */

static int gref_prot(const struct netgref_entry *e)
{
	return e->readonly ? GNTTAB_READ : GNTTAB_WRITE;
}

static void grefs_unmap(struct netctrl *c, struct netgref_entry *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		gnttab_unmap_refs(c->mapper, &e[i].ref, 1, gref_prot(&e[i]), &e[i].addr);
}

/* Maps what the frontend listed, all or nothing. */
static int grefs_map(struct netctrl *c, const struct xen_netif_gref *in, uint32_t n,
		     struct netgref_entry *e)
{
	for (uint32_t i = 0; i < n; i++) {
		bool ro = in[i].flags & XEN_NETIF_CTRLF_GREF_readonly;

		e[i] = (struct netgref_entry){ .ref = in[i].ref, .readonly = ro };
		if (in[i].flags & ~XEN_NETIF_CTRLF_GREF_readonly ||
		    gnttab_map_refs(c->mapper, &e[i].ref, 1, gref_prot(&e[i]),
				    &e[i].addr)) {
			grefs_unmap(c, e, i);
			return -EINVAL;
		}
	}
	return 0;
}

/* The queues take `new`; the old table goes when they have. */
static void grefs_swap(struct netctrl *c, struct netgref *new)
{
	c->client->grefs_changed(c->arg, new);
	netgref_free(c->grefs);
	c->grefs = new;
	c->grefs_changed = true;
}

/* The page with the list of ADD and DEL, copied once. NULL: there is none. */
static void *grefs_list_map(struct netctrl *c, const struct xen_netif_ctrl_request *req,
			    struct xen_netif_gref *in)
{
	grant_ref_t ref = req->data[1];
	void *page;

	if (req->data[0] >= c->nr_queues || req->data[2] > GREFS_A_PAGE ||
	    gnttab_map_refs(c->mapper, &ref, 1, GNTTAB_WRITE, &page))
		return NULL;
	memcpy(in, page, req->data[2] * sizeof(*in));
	atomic_signal_fence(memory_order_seq_cst);
	return page;
}

static void grefs_list_unmap(struct netctrl *c, const struct xen_netif_ctrl_request *req,
			     void *page)
{
	grant_ref_t ref = req->data[1];

	gnttab_unmap_refs(c->mapper, &ref, 1, GNTTAB_WRITE, &page);
}

static uint32_t serve_add_grefs(struct netctrl *c,
				const struct xen_netif_ctrl_request *req)
{
	uint32_t n = req->data[2], had = c->grefs ? c->grefs->nr : 0;
	struct xen_netif_gref in[GREFS_A_PAGE];
	cleanup_free struct netgref_entry *e = NULL;
	struct netgref *new;
	void *page = grefs_list_map(c, req, in);

	if (!page)
		return INVALID;
	grefs_list_unmap(c, req, page);
	if (!n)
		return SUCCESS;
	e = calloc(had + n, sizeof(*e));
	if (!e || grefs_map(c, in, n, e))
		return INVALID;
	(void)netgref_list(c->grefs, e + n);
	if (netgref_build(e, had + n, &new)) {
		grefs_unmap(c, e, n);
		return INVALID;
	}
	grefs_swap(c, new);
	return SUCCESS;
}

/*
 * Marks what is to go: its index in gone[], its entry in out[], its status in
 * in[]. How many.
 */
static uint32_t grefs_pick(const struct netgref *t, struct xen_netif_gref *in, uint32_t n,
			   bool *gone, struct netgref_entry *out)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct netgref_entry *e = netgref_entry(t, in[i].ref);

		in[i].status = INVALID;
		if (!e || gone[e->index])
			continue;
		in[i].status = SUCCESS;
		gone[e->index] = true;
		out[k++] = *e;
	}
	return k;
}

/* Takes out of the table what is marked, and unmaps it: out[0..k). */
static int grefs_remove(struct netctrl *c, const bool *gone, struct netgref_entry *out,
			uint32_t k)
{
	cleanup_free struct netgref_entry *e = calloc(c->grefs->nr, sizeof(*e));
	struct netgref *new;
	uint32_t n, left = 0;

	if (!e)
		return -ENOMEM;
	n = netgref_list(c->grefs, e);
	for (uint32_t i = 0; i < n; i++)
		if (!gone[e[i].index])
			e[left++] = e[i];
	if (netgref_build(e, left, &new))
		return -ENOMEM;
	grefs_swap(c, new);
	grefs_unmap(c, out, k);
	return 0;
}

static uint32_t serve_del_grefs(struct netctrl *c,
				const struct xen_netif_ctrl_request *req, uint32_t *data)
{
	struct netgref_entry out[GREFS_A_PAGE];
	struct xen_netif_gref in[GREFS_A_PAGE];
	bool gone[NETGREF_MAX] = { false };
	uint32_t n = req->data[2], k, status = SUCCESS;
	uint8_t *page = grefs_list_map(c, req, in);

	if (!page)
		return INVALID;
	k = grefs_pick(c->grefs, in, n, gone, out);
	if (k && grefs_remove(c, gone, out, k)) {
		status = INVALID;
		k = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint16_t said = status == SUCCESS ? in[i].status : INVALID;

		memcpy(page + i * sizeof(in[0]) + offsetof(struct xen_netif_gref, status),
		       &said, sizeof(said));
	}
	grefs_list_unmap(c, req, page);
	*data = k;
	return status;
}

void netctrl_drop_grefs(struct netctrl *c)
{
	for (uint32_t i = 0; c->grefs && c->grefs->nr; i++) {
		struct netgref_entry *e = &c->grefs->e[i];

		if (!e->addr)
			continue;
		grefs_unmap(c, e, 1);
		c->grefs->nr--;
	}
	netgref_free(c->grefs);
	c->grefs = NULL;
}

/* ----------------------------------------------------------------- requests */

static uint32_t serve_hash(struct netctrl *c, const struct xen_netif_ctrl_request *req)
{
	switch (req->type) {
	case XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM:
		return nethash_set_algorithm(&c->hash, req->data[0]);
	case XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS:
		return nethash_set_flags(&c->hash, req->data[0]);
	case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE:
		return nethash_set_mapping_size(&c->hash, req->data[0]);
	default:
		return serve_hash_page(c, req);
	}
}

void netctrl_serve(struct netctrl *c, const struct xen_netif_ctrl_request *req,
		   struct xen_netif_ctrl_response *rsp)
{
	switch (req->type) {
	case XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS:
		rsp->status = nethash_get_flags(&c->hash, &rsp->data);
		break;
	case XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE:
		rsp->data = NETHASH_MAPPING_MAX;
		break;
	case XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM:
	case XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS:
	case XEN_NETIF_CTRL_TYPE_SET_HASH_KEY:
	case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE:
	case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING:
		rsp->status = serve_hash(c, req);
		c->hash_changed |= rsp->status == SUCCESS;
		break;
	case XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE:
		/* one table for all: what each queue may be sure of */
		if (req->data[0] < c->nr_queues)
			rsp->data = NETGREF_MAX / c->nr_queues;
		else
			rsp->status = INVALID;
		break;
	case XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING:
		rsp->status = serve_add_grefs(c, req);
		break;
	case XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING:
		rsp->status = serve_del_grefs(c, req, &rsp->data);
		break;
	default:
		rsp->status = XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED;
	}
}
