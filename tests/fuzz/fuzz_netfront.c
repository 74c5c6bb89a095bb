/* SPDX-License-Identifier: MIT */
/*
 * A hostile backend against netfront. The input is a program of it: keys and
 * states it writes, what it does to the shared pages, and between that what the
 * caller and the control thread do. All on one thread, over the platform in
 * memory; front_round() stands for the control thread.
 *
 * Checked besides memory errors: each page is at one place, and what is lent to
 * the caller lies in the pages of that direction.
 */
#include <string.h>

#include "frontends/net/netfront.h"
#include "hv/base/log.h"
#include "tests/fuzz/back_keys.h"
#include "tests/lib/memplat.h"

#define BE_DIR	 "/local/domain/1/backend/vif/2/0"
#define FE_DIR	 "/local/domain/2/device/vif/0"
#define MAX_HELD 64
#define MAX_OPS	 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct input in;
	struct memhv *hv;
	struct plat *be;
	struct tandem_net *net;
	struct tandem_net_pkt room[MAX_HELD], got[MAX_HELD];
	struct tandem_net_queue *got_of[MAX_HELD];
	unsigned nr_room, nr_got;
};

/* --------------------------------------------------------------- the backend */

/* One of the keys that a frontend reads: a number, text, or gone. */
static void op_key(struct fuzz *f)
{
	static const char *const names[] = {
		"feature-sg",
		"feature-no-csum-offload",
		"feature-ipv6-csum-offload",
		"feature-gso-tcpv4",
		"feature-gso-tcpv6",
		"feature-split-event-channels",
		"feature-ctrl-ring",
		"feature-multicast-control",
		"feature-rx-copy",
		"multi-queue-max-queues",
		"mtu",
		"carrier",
		"online",
	};
	const char *name = names[input_u8(&f->in) % (sizeof(names) / sizeof(names[0]))];
	uint8_t kind = input_u8(&f->in);

	if (kind < 128)
		back_number(f->be, BE_DIR, name, kind & 1);
	else if (kind < 160)
		back_number(f->be, BE_DIR, name, UINT64_C(1) << (kind - 128));
	else
		back_odd_key(f->be, BE_DIR, name, kind, &f->in);
}

static struct tandem_net_queue *some_queue(struct fuzz *f)
{
	return &f->net->queues[input_u8(&f->in) % f->net->nr_queues];
}

/* Four bytes anywhere in the shared pages. */
static void op_poke(struct fuzz *f)
{
	struct gnttab_arena *a = f->net->ring_pages;
	uint32_t at = input_u32(&f->in), value = input_u32(&f->in);

	if (!a)
		return;
	at %= at & 0x80000000u ? 64 : a->nr_pages * 4096 - 3;
	memcpy(a->pages + at, &value, sizeof(value));
}

/* The next response of a ring, and the producer behind it. */
static void put(struct ring_front *r, const void *rsp, size_t len, unsigned by)
{
	ring_idx_t prod = atomic_load(&r->r.shared->rsp_prod);

	memcpy(ring_slot(&r->r, prod), rsp, len);
	atomic_store(&r->r.shared->rsp_prod, prod + by);
}

/* A right answer to something in flight, or one with a field changed. */
static void op_tx_answer(struct fuzz *f)
{
	struct tandem_net_queue *q = some_queue(f);
	uint8_t how = input_u8(&f->in);
	struct netif_tx_response rsp = { .id = input_u8(&f->in) };

	if (!q->tx.ch)
		return;
	for (unsigned i = 0; i < 256 && q->tx.pages.at[rsp.id % 256] != PAGE_RING; i++)
		rsp.id = (uint16_t)((rsp.id + 1) % 256);
	if (how & 1)
		rsp.status = (int16_t)(how & 2 ? -(how >> 6) : (how >> 6));
	if (how & 4)
		rsp.id ^= (uint16_t)input_u32(&f->in);
	put(&q->tx.ring, &rsp, sizeof(rsp), how & 32 ? input_u32(&f->in) : 1);
}

static void op_rx_answer(struct fuzz *f)
{
	struct tandem_net_queue *q = some_queue(f);
	uint8_t how = input_u8(&f->in);
	uint32_t w = input_u32(&f->in);
	struct netif_rx_response rsp = {
		.flags = how & 15,
		.status = (int16_t)(how & 64 ? w : w % 2048),
		.offset = (uint16_t)(how & 128 ? w >> 16 : w >> 24),
	};
	struct netif_extra_info x = { .type = (uint8_t)(w >> 8) % 8 };

	if (!q->rx.ch)
		return;
	rsp.id = atomic_load(&q->rx.ring.r.shared->rsp_prod) % 256;
	if (how & 32)
		rsp.id ^= (uint16_t)input_u8(&f->in);
	put(&q->rx.ring, &rsp, sizeof(rsp), 1);
	if (!(rsp.flags & NETRXF_extra_info))
		return;
	w = input_u32(&f->in);
	memcpy(&x.u, &w, sizeof(w));
	x.flags = how >> 7;
	put(&q->rx.ring, &x, sizeof(x), 1);
}

static void op_ctrl_answer(struct fuzz *f)
{
	struct net_ctrl *c = &f->net->ctrl;
	uint8_t how = input_u8(&f->in);
	struct xen_netif_ctrl_response rsp = { .data = how & 1 ? input_u32(&f->in)
							       : how };

	if (!c->ch)
		return;
	rsp.id = c->asked.id;
	rsp.type = c->asked.type;
	if (how & 2)
		rsp.status = how >> 6;
	if (how & 4 && how & 8)
		rsp.id ^= input_u8(&f->in);
	put(&c->ring, &rsp, sizeof(rsp), 1);
}

/* ----------------------------------------------------------------- the caller */

static bool within(const struct gnttab_arena *a, const struct iovec *iov)
{
	const uint8_t *at = iov->iov_base;
	size_t bytes = (size_t)a->nr_pages * 4096;

	return at >= a->pages && iov->iov_len && iov->iov_len <= bytes &&
	       (size_t)(at - a->pages) <= bytes - iov->iov_len;
}

static void check_iovs(const struct tandem_net_pkt *p, const struct gnttab_arena *a,
		       size_t bytes)
{
	size_t sum = 0;

	must(p->iovcnt && p->iovcnt <= TANDEM_NET_IOVS);
	for (unsigned i = 0; i < p->iovcnt; i++) {
		must(within(a, &p->iov[i]));
		sum += p->iov[i].iov_len;
	}
	must(sum == bytes);
}

static void op_room(struct fuzz *f)
{
	struct tandem_net_queue *q = some_queue(f);
	uint8_t n = input_u8(&f->in) % 8;
	uint32_t bytes = input_u32(&f->in);

	bytes = bytes & 0x80000000u ? bytes % 70000 : bytes % 3000;
	if (n > MAX_HELD - f->nr_room)
		n = (uint8_t)(MAX_HELD - f->nr_room);
	for (int got = tandem_net_room(q, f->room + f->nr_room, n, bytes); got > 0;
	     got--) {
		struct tandem_net_pkt *p = &f->room[f->nr_room++];

		check_iovs(p, p->owner_->tx.pages.arena, bytes);
		memset(p->iov[0].iov_base, 'x', p->iov[0].iov_len);
	}
}

static void op_commit(struct fuzz *f)
{
	struct tandem_net_queue *q = some_queue(f);
	uint8_t n = input_u8(&f->in) % 8, how = input_u8(&f->in);

	if (n > f->nr_room)
		n = (uint8_t)f->nr_room;
	for (unsigned i = 0; i < n; i++) {
		struct tandem_net_pkt *p = &f->room[f->nr_room - 1 - i];

		p->len = how & 1 ? input_u32(&f->in) : 14u + how;
		p->csum_blank = how & 2;
		p->gso_type = how & 4 ? how >> 6 : 0;
		p->gso_size = how & 8 ? 1000 : 0;
	}
	f->nr_room -= n;
	(void)tandem_net_commit(q, f->room + f->nr_room, n);
	if (how & 16)
		tandem_net_kick(q);
}

static void op_recv(struct fuzz *f)
{
	struct tandem_net_queue *q = some_queue(f);
	unsigned n = input_u8(&f->in) % 32;

	if (n > MAX_HELD - f->nr_got)
		n = MAX_HELD - f->nr_got;
	for (int got = tandem_net_recv(q, f->got + f->nr_got, n); got > 0; got--) {
		struct tandem_net_pkt *p = &f->got[f->nr_got];

		check_iovs(p, q->rx.pages.arena, p->len);
		must(p->len >= 14);
		f->got_of[f->nr_got++] = q;
	}
}

static void op_done(struct fuzz *f)
{
	for (unsigned n = input_u8(&f->in) % 32; n && f->nr_got; n--) {
		f->nr_got--;
		tandem_net_done(f->got_of[f->nr_got], &f->got[f->nr_got], 1);
	}
}

static void op_wait(struct fuzz *f)
{
	struct tandem_net_queue *q = some_queue(f);
	uint8_t how = input_u8(&f->in);
	const uint8_t addr[6] = { 1, 0, 0, 0, 0, how & 3 };

	if (how & 16)
		(void)tandem_net_mcast(f->net, addr, how & 4);
	else if (how & 8)
		(void)tandem_net_arm(q, how & 3);
	else
		(void)tandem_net_wait(q, how & 3, 0);
	if (how & 32)
		(void)tandem_net_fd(q);
}

/* What the control thread would do. False: the vif is lost. */
static bool op_step(struct fuzz *f)
{
	int err;

	if (f->net->ctrl.ch && f->net->front.phase == FRONT_CONNECTED &&
	    net_ctrl_run(f->net))
		front_break(&f->net->front);
	err = front_round(&f->net->front);
	if (err)
		front_die(&f->net->front, err);
	return !err;
}

/* ----------------------------------------------------------------------- main */

static void check_pages(const struct net_pages *p)
{
	unsigned is_free = 0;

	if (!p->arena)
		return;
	for (unsigned i = 0; i < NET_PAGES; i++)
		is_free += p->at[i] == PAGE_FREE;
	must(is_free == p->nr_free);
	for (unsigned i = 0; i < p->nr_free; i++)
		must(p->at[p->free[i]] == PAGE_FREE);
}

static void start(struct fuzz *f)
{
	uint8_t how = input_u8(&f->in);
	const struct tandem_net_opts opts = { .queues = 1 + input_u8(&f->in) % 4,
					      .hash = how & 1,
					      .mcast_control = how & 2,
					      .no_split = how & 4,
					      .tx_off = input_u8(&f->in) & 31u,
					      .rx_off = input_u8(&f->in) & 31u,
					      .poll_us = TANDEM_NET_POLL_NEVER };
	struct plat *fe;

	f->hv = memhv_new();
	(void)memplat_open(f->hv, 1, &f->be);
	back_key(f->be, BE_DIR, "online", "1");
	back_key(f->be, BE_DIR, "feature-rx-copy", "1");
	back_key(f->be, BE_DIR, "feature-sg", "1");
	back_key(f->be, BE_DIR, "feature-gso-tcpv4", "1");
	back_key(f->be, BE_DIR, "feature-split-event-channels", "1");
	back_key(f->be, BE_DIR, "feature-ctrl-ring", "1");
	back_key(f->be, BE_DIR, "feature-multicast-control", "1");
	back_key(f->be, BE_DIR, "multi-queue-max-queues", "2");
	back_key(f->be, BE_DIR, "state", "1");
	(void)xenstore_write(f->be, XENSTORE_NO_TX, FE_DIR "/backend", BE_DIR);
	(void)xenstore_write(f->be, XENSTORE_NO_TX, FE_DIR "/backend-id", "1");
	(void)xenstore_write(f->be, XENSTORE_NO_TX, FE_DIR "/state", "1");
	(void)xenstore_write(f->be, XENSTORE_NO_TX, FE_DIR "/mac", "00:16:3e:01:02:03");
	(void)memplat_open(f->hv, 2, &fe);
	must(!net_prepare_plat(fe, "0", &opts, &f->net));
}

static bool one_op(struct fuzz *f)
{
	static void (*const ops[])(struct fuzz * f) = {
		op_key,	 op_poke,   op_tx_answer, op_rx_answer, op_ctrl_answer,
		op_room, op_commit, op_recv,	  op_done,	op_wait,
	};
	uint8_t op = input_u8(&f->in) % 13;

	switch (op) {
	case 10:
		back_number(f->be, BE_DIR, "state", input_u8(&f->in) % 10);
		return true;
	case 11:
		return op_step(f);
	case 12: /* InitWait, publish, Connected: the way in */
		back_number(f->be, BE_DIR, "state", input_u8(&f->in) & 1 ? 4 : 2);
		return op_step(f);
	default:
		ops[op](f);
		return true;
	}
}

static void finish(struct fuzz *f)
{
	for (unsigned i = 0; i < f->net->nr_queues; i++) {
		check_pages(&f->net->queues[i].tx.pages);
		check_pages(&f->net->queues[i].rx.pages);
	}
	for (unsigned i = 0; i < f->nr_room; i++)
		f->room[i].len = 0;
	(void)tandem_net_commit(f->net->queues, f->room, f->nr_room);
	while (f->nr_got--)
		tandem_net_done(f->got_of[f->nr_got], &f->got[f->nr_got], 1);
	for (unsigned i = 0; i < f->net->nr_queues; i++)
		/* nothing is on a ring, nothing lent: all are free */
		must(!f->net->queues[i].tx.pages.arena ||
		     (f->net->queues[i].tx.pages.nr_free == NET_PAGES &&
		      f->net->queues[i].rx.pages.nr_free == NET_PAGES &&
		      !f->net->queues[i].tx.promised));
	tandem_net_close(f->net);
	plat_close(f->be);
	memhv_free(f->hv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;
	bool alive = true;

	log_set_level(LOG_ERROR);
	memset(&f, 0, sizeof(f));
	f.in = (struct input){ data, size };
	start(&f);
	for (unsigned n = 0; alive && f.in.left && n < MAX_OPS; n++)
		alive = one_op(&f);
	if (alive)
		front_die(&f.net->front, -ENODEV);
	finish(&f);
	return 0;
}
