/* SPDX-License-Identifier: MIT */
/*
 * One packet as both rings tell it, and the only code that turns chains of
 * slots into packets and back. Freestanding; the rings' rules are ring.h's.
 *
 * netif_tx_take()    backend: the next packet of the TX ring
 * netif_rx_take()    frontend: the next packet of the RX ring
 * netif_tx_put()     frontend: a packet's requests
 * netif_rx_put()     backend: a packet's responses
 */
#ifndef TANDEM_RINGPROTO_NETIF_PKT_H
#define TANDEM_RINGPROTO_NETIF_PKT_H

#include "ringproto/netif.h"

#define NETIF_PAGE_SIZE	  4096u
#define NETIF_ETH_HLEN	  14u
#define NETIF_PKT_SLOTS	  XEN_NETIF_NR_SLOTS_MIN /* of data, at most */
#define NETIF_FATAL_SLOTS 20 /* as many are an attack: the reference backend's limit */
#define NETIF_HASH_TYPES  4  /* XEN_NETIF_CTRL_HASH_TYPE_*, by number of the bit */

/* What a packet is besides its bytes; the same on both rings. */
struct netif_meta {
	bool csum_blank;     /* the transport checksum covers the pseudo header only */
	bool data_validated; /* the checksum need not be checked */
	uint8_t gso_type;    /* XEN_NETIF_GSO_TYPE_* */
	uint8_t hash_alg;    /* XEN_NETIF_CTRL_HASH_ALGORITHM_*; 0: no hash */
	uint8_t hash_type;   /* as in the extra */
	uint16_t gso_size;   /* bytes of payload a segment; nonzero if gso_type is set */
	uint32_t hash;
};

struct netif_slot {
	grant_ref_t gref; /* TX only */
	uint16_t id;
	uint16_t offset;
	uint16_t size; /* its own bytes */
};

/* A packet in slots. */
struct netif_pkt {
	struct netif_meta meta;
	uint32_t size;	    /* bytes, the sum of the slots' */
	uint16_t nr_slots;  /* of data: slot[0..) */
	uint16_t nr_extras; /* slots that held extras */
	uint8_t mcast;	    /* XEN_NETIF_EXTRA_TYPE_MCAST_*: not a packet but a request */
	uint8_t mcast_addr[6];
	struct netif_slot slot[NETIF_FATAL_SLOTS];
};

/* ------------------------------------------------------------------- extras */

/* Takes what one extra says into *p. -EPROTO: it says nothing that exists. */
static inline int netif_extra_take(const struct netif_extra_info *x, struct netif_pkt *p)
{
	switch (x->type) {
	case XEN_NETIF_EXTRA_TYPE_GSO:
		if (!x->u.gso.size || (x->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
				       x->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6))
			return -EPROTO;
		p->meta.gso_type = x->u.gso.type;
		p->meta.gso_size = x->u.gso.size;
		return 0;
	case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
	case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
		p->mcast = x->type;
		memcpy(p->mcast_addr, x->u.mcast.addr, sizeof(p->mcast_addr));
		return 0;
	case XEN_NETIF_EXTRA_TYPE_HASH: /* one that nobody defined is none */
		if (x->u.hash.algorithm != XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ ||
		    x->u.hash.type >= NETIF_HASH_TYPES)
			return 0;
		p->meta.hash_type = x->u.hash.type;
		p->meta.hash_alg = x->u.hash.algorithm;
		memcpy(&p->meta.hash, x->u.hash.value, sizeof(p->meta.hash));
		return 0;
	case XEN_NETIF_EXTRA_TYPE_XDP: /* room in front of the data: of no use here */
		return 0;
	default:
		return -EPROTO;
	}
}

/* The extras that a packet needs, in x[0..2). Returns how many. */
static inline unsigned netif_extras_of(const struct netif_meta *m,
				       struct netif_extra_info *x)
{
	unsigned n = 0;

	if (m->gso_type) {
		x[n] = (struct netif_extra_info){ .type = XEN_NETIF_EXTRA_TYPE_GSO };
		x[n].u.gso.size = m->gso_size;
		x[n++].u.gso.type = m->gso_type;
	}
	if (m->hash_alg) {
		x[n] = (struct netif_extra_info){ .type = XEN_NETIF_EXTRA_TYPE_HASH };
		x[n].u.hash.type = m->hash_type;
		x[n].u.hash.algorithm = m->hash_alg;
		memcpy(x[n++].u.hash.value, &m->hash, sizeof(m->hash));
	}
	for (unsigned i = 0; i + 1 < n; i++)
		x[i].flags = XEN_NETIF_EXTRA_FLAG_MORE;
	return n;
}

/* ----------------------------------------------------------------- TX, backend */

static inline int netif_tx_take_extras(struct ring_back *r, int *avail,
				       struct netif_pkt *p)
{
	struct netif_extra_info x;
	int err;

	do {
		if (!*avail)
			return -EPROTO;
		ring_copy_request(r, &x, 0, sizeof(x));
		ring_back_consume(r);
		--*avail;
		p->nr_extras++;
		err = netif_extra_take(&x, p);
		if (err)
			return err;
	} while (x.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return 0;
}

/* The slots behind the first; `left` is what the packet's size leaves for them. */
static inline int netif_tx_take_rest(struct ring_back *r, int *avail, struct netif_pkt *p)
{
	uint32_t left = p->size;
	struct netif_tx_request req;
	int drop = 0;

	do {
		if (!*avail || p->nr_slots + 1 == NETIF_FATAL_SLOTS)
			return -EPROTO;
		ring_copy_request(r, &req, 0, sizeof(req));
		ring_back_consume(r);
		--*avail;
		if (req.offset + (uint32_t)req.size > NETIF_PAGE_SIZE)
			return -EPROTO;
		p->slot[p->nr_slots++] =
			(struct netif_slot){ req.gref, req.id, req.offset, req.size };
		if (req.size > left)
			drop = -EINVAL;
		else
			left -= req.size;
	} while (req.flags & NETTXF_more_data);
	p->slot[0].size = (uint16_t)left;
	return p->nr_slots > NETIF_PKT_SLOTS ? -E2BIG : drop;
}

/*
 * The next packet of the TX ring; ring_back_avail() returned *avail > 0, which
 * is counted down. 0: *p is a packet, or with p->mcast set a request.
 * -EINVAL, -E2BIG: it is taken off the ring, and owes NETIF_RSP_ERROR for each
 * of its slots. -EPROTO: the frontend breaks the protocol.
 */
static inline int netif_tx_take(struct ring_back *r, int *avail, struct netif_pkt *p)
{
	struct netif_tx_request req;
	int err = 0;

	ring_copy_request(r, &req, 0, sizeof(req));
	ring_back_consume(r);
	--*avail;
	p->meta = (struct netif_meta){
		.csum_blank = req.flags & NETTXF_csum_blank,
		.data_validated = req.flags & (NETTXF_data_validated | NETTXF_csum_blank),
	};
	p->size = req.size;
	p->nr_slots = 1;
	p->nr_extras = 0;
	p->mcast = 0;
	p->slot[0] = (struct netif_slot){ req.gref, req.id, req.offset, req.size };
	if (req.flags & NETTXF_extra_info)
		err = netif_tx_take_extras(r, avail, p);
	if (err || p->mcast)
		return err;
	if (req.flags & NETTXF_more_data)
		err = netif_tx_take_rest(r, avail, p);
	if (err)
		return err;
	if (p->size < NETIF_ETH_HLEN)
		return -EINVAL;
	return p->slot[0].offset + (uint32_t)p->slot[0].size > NETIF_PAGE_SIZE ? -EPROTO
									       : 0;
}

/* ---------------------------------------------------------------- TX, frontend */

/* Slots that a packet takes on either ring. */
static inline unsigned netif_pkt_ring_slots(const struct netif_pkt *p)
{
	return p->nr_slots + (p->meta.gso_type ? 1u : 0u) + (p->meta.hash_alg ? 1u : 0u);
}

/* Writes a packet's requests; ring_front_free() was enough. */
static inline void netif_tx_put(struct ring_front *f, const struct netif_pkt *p)
{
	struct netif_extra_info x[2];
	unsigned extras = netif_extras_of(&p->meta, x);

	for (unsigned i = 0; i < p->nr_slots; i++) {
		struct netif_tx_request req = {
			.gref = p->slot[i].gref,
			.offset = p->slot[i].offset,
			.flags = i + 1u < p->nr_slots ? NETTXF_more_data : 0,
			.id = p->slot[i].id,
			.size = i ? p->slot[i].size : (uint16_t)p->size,
		};

		if (!i) {
			if (p->meta.csum_blank)
				req.flags |= NETTXF_csum_blank;
			if (p->meta.data_validated)
				req.flags |= NETTXF_data_validated;
			if (extras)
				req.flags |= NETTXF_extra_info;
		}
		memcpy(ring_front_next(f), &req, sizeof(req));
		for (unsigned e = 0; !i && e < extras; e++)
			memcpy(ring_front_next(f), &x[e], sizeof(x[e]));
	}
}

/* ----------------------------------------------------------------- RX, backend */

/* What the first response says of a packet, besides whether more follows. */
static inline uint16_t netif_rx_flags(const struct netif_meta *m)
{
	if (m->csum_blank)
		return NETRXF_csum_blank | NETRXF_data_validated;
	return m->data_validated ? NETRXF_data_validated : 0;
}

/* netif_rx_put() of a packet that one slot holds, without extras: most are. */
static inline void netif_rx_put_one(struct ring_back *r, const struct netif_meta *m,
				    uint16_t id, uint16_t size)
{
	struct netif_rx_response rsp = { .id = id,
					 .flags = netif_rx_flags(m),
					 .status = (int16_t)size };

	memcpy(ring_back_next(r, sizeof(rsp)), &rsp, sizeof(rsp));
}

/*
 * Writes a packet's responses, which answer the next netif_pkt_ring_slots()
 * requests in the order in which they were taken: the first slot's, the
 * extras', the other slots'. slot[].id are those requests' ids.
 */
static inline void netif_rx_put(struct ring_back *r, const struct netif_pkt *p)
{
	struct netif_extra_info x[2];
	unsigned extras = netif_extras_of(&p->meta, x);

	for (unsigned i = 0; i < p->nr_slots; i++) {
		struct netif_rx_response rsp = {
			.id = p->slot[i].id,
			.offset = p->slot[i].offset,
			.flags = i + 1u < p->nr_slots ? NETRXF_more_data : 0,
			.status = (int16_t)p->slot[i].size,
		};

		if (!i) {
			rsp.flags |= netif_rx_flags(&p->meta);
			if (extras)
				rsp.flags |= NETRXF_extra_info;
		}
		memcpy(ring_back_next(r, sizeof(rsp)), &rsp, sizeof(rsp));
		for (unsigned e = 0; !i && e < extras; e++)
			memcpy(ring_back_next(r, sizeof(x[e])), &x[e], sizeof(x[e]));
	}
}

/* ---------------------------------------------------------------- RX, frontend */

static inline int netif_rx_take_extras(struct ring_front *f, int *avail,
				       struct netif_pkt *p)
{
	struct netif_extra_info x;

	do {
		if (!*avail)
			return -EPROTO;
		ring_copy_response(f, &x, sizeof(x));
		--*avail;
		p->nr_extras++;
		if (netif_extra_take(&x, p))
			return -EPROTO;
	} while (x.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return 0;
}

/*
 * The next packet of the RX ring; ring_front_avail() returned *avail > 0, which
 * is counted down by all slots of the chain. The frontend's requests carry the
 * number of their slot as id: what is answered otherwise is -EPROTO. 0, or
 * -EINVAL, -E2BIG: not a packet, but its slots are free again all the same.
 */
static inline int netif_rx_take(struct ring_front *f, int *avail, struct netif_pkt *p)
{
	struct netif_rx_response rsp;
	bool first = true;
	int drop = 0;

	p->size = 0;
	p->nr_slots = p->nr_extras = 0;
	p->mcast = 0;
	p->meta = (struct netif_meta){ 0 };
	do {
		ring_idx_t slot = f->rsp_cons & f->r.mask;

		if (!*avail)
			return -EPROTO;
		ring_copy_response(f, &rsp, sizeof(rsp));
		--*avail;
		if (rsp.id != slot)
			return -EPROTO;
		if (rsp.status < 0 || rsp.offset + (uint32_t)rsp.status > NETIF_PAGE_SIZE)
			drop = -EINVAL;
		if (p->nr_slots == NETIF_PKT_SLOTS)
			drop = -E2BIG;
		if (!drop) {
			p->slot[p->nr_slots] =
				(struct netif_slot){ 0, rsp.id, rsp.offset,
						     (uint16_t)rsp.status };
			p->size += (uint16_t)rsp.status;
		}
		if (first) {
			first = false;
			p->meta.csum_blank = rsp.flags & NETRXF_csum_blank;
			p->meta.data_validated =
				rsp.flags & (NETRXF_data_validated | NETRXF_csum_blank);
			if (rsp.flags & NETRXF_extra_info &&
			    netif_rx_take_extras(f, avail, p))
				return -EPROTO;
		}
		if (!drop)
			p->nr_slots++;
	} while (rsp.flags & NETRXF_more_data);
	if (!drop && (p->slot[0].size < NETIF_ETH_HLEN || p->mcast))
		drop = -EINVAL;
	return drop;
}

#endif
