/* SPDX-License-Identifier: MIT */
/*
 * A hostile frontend against a queue of netback: the input is a program that
 * fills slots of both rings, moves the producers, rewrites and revokes pages,
 * and says what the port does. Beside it, on the same worker, an honest guest
 * whose packets come back. What must hold: no crash, nothing mapped at the end,
 * the port's contract, an answer a request, a worker that can sleep, and the
 * neighbour's packets.
 *
 * Input: three bytes of configuration, then operations, a byte each with their
 * operands behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/lib/frames.h"
#include "tests/lib/netqsim.h"

#define BAD    2
#define GOOD   3
#define VLAN   100 /* frame_make()'s */
#define SETTLE 200 /* rounds, 50 ms each, after which nothing may be left to do */

static struct netqsim bad, good;

/* ---------------------------------------------------------------- neighbour */

static void neighbour_recv(uint8_t mark)
{
	struct netif_pkt p;
	int avail = ring_front_avail(&good.rx);
	const uint8_t *page;
	uint8_t want[60];

	if (avail <= 0 || netif_rx_take(&good.rx, &avail, &p) || p.size != 60)
		abort();
	page = good.data->pages + (size_t)(1 + p.slot[0].id % 8) * NETIF_PAGE_SIZE;
	memset(want, mark & ~1, sizeof(want));
	if (memcmp(page, want, sizeof(want)))
		abort();
	netqsim_post(&good, 1 + good.rx.req_prod_pvt % 8);
}

/* A round, in which the neighbour's packet goes out and comes back. */
static void one_round(void)
{
	static uint8_t mark;
	struct netif_tx_response rsp;

	netqsim_send(&good, 0, ++mark);
	(void)fuzz_worker_round();
	netqsim_check(&bad);
	netqsim_check(&good);
	if (ring_front_avail(&good.tx) != 1)
		abort();
	ring_copy_response(&good.tx, &rsp, sizeof(rsp));
	if (rsp.status != NETIF_RSP_OKAY)
		abort();
	neighbour_recv(mark);
}

/* ----------------------------------------------------------------- hostility */

static grant_ref_t take_gref(struct input *in)
{
	uint8_t a = input_u8(in);

	return a < 250 ? bad.data->refs[a % NETQSIM_PAGES] : a * 0x01010101u;
}

static void publish(_Atomic ring_idx_t *prod, const struct ring_base *r, const void *slot,
		    size_t len)
{
	memcpy(ring_slot(r, atomic_load(prod)), slot, len);
	atomic_fetch_add(prod, 1);
}

static void tx_slot(struct input *in, bool tame)
{
	struct netif_tx_request req = { .gref = take_gref(in) };

	req.flags = input_u8(in) & 15;
	req.size = input_u16(in);
	req.id = req.size;
	if (tame) {
		req.size %= 4097;
		req.offset = (uint16_t)(4096 - req.size);
	} else {
		req.offset = input_u16(in);
	}
	publish(&bad.tx.r.shared->req_prod, &bad.tx.r, &req, sizeof(req));
}

static void tx_extra(struct input *in)
{
	struct netif_extra_info x;

	input_bytes(in, &x, sizeof(x));
	x.type %= 7;
	if (x.type == XEN_NETIF_EXTRA_TYPE_GSO)
		x.u.gso.type %= 3;
	publish(&bad.tx.r.shared->req_prod, &bad.tx.r, &x, sizeof(x));
}

/* A frame that is one, but for one byte, in slots of `size` bytes. */
static void put_frame(const uint8_t *frame, struct netif_pkt *p, uint32_t size)
{
	uint32_t at = 0;

	for (p->nr_slots = 0; at < p->size && p->nr_slots < NETIF_PKT_SLOTS;) {
		uint32_t n = p->size - at < size ? p->size - at : size;
		uint32_t page = p->nr_slots;

		memcpy(bad.data->pages + page * NETIF_PAGE_SIZE, frame + at, n);
		p->slot[p->nr_slots++] =
			(struct netif_slot){ .gref = bad.data->refs[page],
					     .size = (uint16_t)n };
		at += n;
	}
	bad.tx.req_prod_pvt = atomic_load(&bad.tx.r.shared->req_prod);
	netif_tx_put(&bad.tx, p);
	atomic_store(&bad.tx.r.shared->req_prod, bad.tx.req_prod_pvt);
}

static void tx_frame(struct input *in)
{
	static uint8_t frame[FRAMES_MAX];
	uint8_t a = input_u8(in), b = input_u8(in), c = input_u8(in);
	struct frame_spec s = { .tags = a & 3 ? 0 : 1 + (a >> 2 & 1),
				.v6 = a & 8,
				.proto = a & 16 ? 17 : 6,
				.ip_options = a & 32 ? 4u * (b & 3) : 0,
				.l4_options = 4u * (b >> 2 & 7),
				.tcp_flags = b,
				.blank = a & (64 | 128),
				.pad = c & 3,
				.payload = input_u8(in) * (a & 128 ? 60u : 1u) };
	struct frame f = frame_make(frame, &s);
	struct netif_pkt p = { .meta = { .csum_blank = s.blank,
					 .data_validated = s.blank },
			       .size = (uint32_t)f.len };

	if (a & 128) {
		p.meta.gso_type = s.v6 ^ (c >> 7) ? XEN_NETIF_GSO_TYPE_TCPV6
						  : XEN_NETIF_GSO_TYPE_TCPV4;
		p.meta.gso_size = (uint16_t)(1 + (input_u8(in) << (c >> 4 & 3)));
	}
	if (c & 4)
		frame[input_u8(in) % f.len] = input_u8(in);
	put_frame(frame, &p, c & 8 ? 1u + input_u8(in) : NETIF_PAGE_SIZE);
}

static void rx_slot(struct input *in)
{
	uint8_t n = input_u8(in) % 20;

	do {
		struct netif_rx_request req = { .id = input_u8(in),
						.gref = take_gref(in) };

		publish(&bad.rx.r.shared->req_prod, &bad.rx.r, &req, sizeof(req));
	} while (n--);
}

static void feed(struct input *in)
{
	static uint8_t frame[FRAMES_MAX];
	uint8_t a = input_u8(in);
	const struct netdrv_caps *g = &bad.q->cfg.guest;
	struct netif_meta m = { .data_validated = a & 1, .hash_type = a & 3 };

	if (a & 2) {
		m.hash_alg = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
		m.hash = a;
	}
	if ((a & 4 && g->tso4) || (a & 8 && g->tso6)) {
		m.gso_type = a & 4 && g->tso4 ? XEN_NETIF_GSO_TYPE_TCPV4
					      : XEN_NETIF_GSO_TYPE_TCPV6;
		m.gso_size = 1448;
		m.csum_blank = true;
	}
	if (!netqsim_feed(&bad, &m, input_u16(in)) || !(a & 16))
		return;
	frame_make(frame, &(struct frame_spec){ .tags = bad.dev != &bad.port && a & 128,
						.v6 = a & 32,
						.proto = a & 64 ? 6 : 17 });
	memcpy(bad.wait[(bad.wait_tail - 1) % NETQSIM_WAIT].head, frame, 58);
}

/* What the control ring sets: hashes that are asked for, pages that stay. */
static void new_hash(struct input *in)
{
	uint8_t a = input_u8(in);
	struct nethash h;

	nethash_init(&h);
	(void)nethash_set_algorithm(&h, a >> 7);
	(void)nethash_set_flags(&h, a & NETHASH_TYPES);
	netq_set_hash(bad.q, &h);
}

static void new_grefs(uint16_t pages)
{
	static struct netgref *table;
	static struct netgref_entry old[16], e[16];
	static uint32_t nr_old;
	struct netgref *was = table;
	struct gnttab_mapper *m = bad.q->mapper;
	uint32_t n = 0;

	for (uint32_t i = 0; i < 16; i++) {
		e[n].ref = bad.data->refs[i];
		e[n].readonly = i & 1;
		if (pages & 1u << i &&
		    !gnttab_map_refs(m, &e[n].ref, 1, i & 1 ? GNTTAB_READ : GNTTAB_WRITE,
				     &e[n].addr))
			n++;
	}
	if (netgref_build(e, n, &table))
		abort();
	netq_set_grefs(bad.q, table);
	netgref_free(was);
	for (uint32_t i = 0; i < nr_old; i++)
		gnttab_unmap_refs(m, &old[i].ref, 1,
				  old[i].readonly ? GNTTAB_READ : GNTTAB_WRITE,
				  &old[i].addr);
	memcpy(old, e, sizeof(e));
	nr_old = n;
}

static void move(struct input *in)
{
	uint8_t a = input_u8(in);
	struct ring_shared *s = a & 1 ? bad.tx.r.shared : bad.rx.r.shared;

	if (a & 2)
		atomic_fetch_add(&s->req_prod, (ring_idx_t)(int8_t)input_u8(in));
	else
		input_bytes(in, s, 16);
}

static void step(struct input *in)
{
	uint8_t a;

	switch (input_u8(in) % 16) {
	case 0:
	case 1:
		tx_slot(in, true);
		break;
	case 2:
		tx_slot(in, false);
		break;
	case 3:
		tx_extra(in);
		break;
	case 4:
		tx_frame(in);
		break;
	case 5:
	case 6:
		rx_slot(in);
		break;
	case 7:
		feed(in);
		break;
	case 8:
		move(in);
		break;
	case 9:
		a = input_u8(in);
		input_bytes(in, bad.data->pages + (a % NETQSIM_PAGES) * 4096u,
			    input_u8(in));
		break;
	case 10:
		a = input_u8(in);
		if (a & 128)
			(void)gnttab_grant(bad.data, a % NETQSIM_PAGES);
		else
			(void)gnttab_end_access(bad.data, a % NETQSIM_PAGES);
		break;
	case 11:
		a = input_u8(in);
		bad.room = a % (NETDRV_BATCH + 1);
		netq_set_throttle(bad.q, a & 128 ? NULL : bad.throttle);
		break;
	case 12:
		new_hash(in);
		break;
	case 13:
		new_grefs(input_u16(in));
		break;
	default:
		one_round();
		break;
	}
}

/* ---------------------------------------------------------------------- run */

static void run(struct input *in, struct memhv *hv, struct plat *be)
{
	uint8_t a = input_u8(in), b = input_u8(in), c = input_u8(in);
	const struct netqsim_config honest = { .echo = true };
	const struct netqsim_config hostile = {
		.send = { .csum = a & 1, .csum6 = a & 1, .tso4 = a & 2, .tso6 = a & 4 },
		.guest = { .csum = a & 8,
			   .csum6 = a & 8,
			   .tso4 = a & 16,
			   .tso6 = a & 32 },
		.sg = a & 64,
		.readonly = a & 128,
		.mtu = b & 1 ? 9000 : 1500,
		.stall_ns = b & 2 ? 200000000u : 60000000000u,
		.bytes_per_s = b & 4 ? 1000u << (c & 15) : 0,
		.echo = b & 8,
		.no_recv = b & 16,
		.vlan = c & 128 ? VLAN : 0,
	};
	int rounds = 0;

	netqsim_start(&bad, hv, be, BAD, &hostile);
	netqsim_start(&good, hv, be, GOOD, &honest);
	bad.guard.filter = b & 32;
	bad.guard.antispoof = b & 64;
	memcpy(bad.guard.mac, "\x62\x72\x82\x92\xa2\xb2", 6); /* tx_frame()'s */
	if (b & 128)
		(void)netguard_parse_ips(&bad.guard, "10.0.0.1 fd00::1");
	for (unsigned i = 0; i < 8; i++)
		netqsim_post(&good, 1 + i);
	while (in->left)
		step(in);
	one_round();
	while (fuzz_worker_round())
		if (++rounds == SETTLE)
			abort(); /* the guest keeps the worker from its sleep */
	new_grefs(0);
	netqsim_stop(&good);
	netqsim_stop(&bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = { bytes, size };
	struct memhv *hv = memhv_new();
	struct plat *be;

	(void)fuzz_worker();
	if (memplat_open(hv, 1, &be))
		abort();
	run(&in, hv, be);
	if (memhv_mapped(hv))
		abort();
	plat_close(be);
	memhv_free(hv);
	return 0;
}
