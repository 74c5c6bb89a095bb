/* SPDX-License-Identifier: MIT */
/* Queues of netback without a thread. */
#include "tests/lib/netqsim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/netvlan.h"
#include "tests/lib/netcheck.h"

#define FILL 0x5c

static void __attribute__((noreturn)) wrong(const char *what)
{
	fprintf(stderr, "netqsim: %s\n", what);
	abort();
}

/* --------------------------------------------------------------------- port */

static struct netqsim *sim_of(struct netdrv_queue *q)
{
	return (struct netqsim *)((char *)q - offsetof(struct netqsim, pq));
}

static int sim_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			   struct netdrv_client *client, struct netdrv_queue **q)
{
	struct netqsim *s = (struct netqsim *)dev;

	(void)index;
	s->pq = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	*q = &s->pq;
	return 0;
}

static void sim_queue_stop(struct netdrv_queue *q)
{
	(void)q;
}

/* Guest pages, or memory of the queue's own. */
static bool sim_may_touch(const struct netqsim *s, const struct iovec *v)
{
	const uint8_t *p = v->iov_base, *pages = s->data->pages;
	const uint8_t *own = (const uint8_t *)netq_scratch();
	const uint8_t *q = (const uint8_t *)s->q;

	if (p >= q && p + v->iov_len <= q + sizeof(*s->q))
		return true;
	if (p >= own && p + v->iov_len <= own + sizeof(struct netq_scratch))
		return true;
	return p >= pages && p + v->iov_len <= pages + NETQSIM_PAGES * NETIF_PAGE_SIZE;
}

static void sim_take(struct netqsim *s, const struct netbuf *b)
{
	const char *what = netcheck_sent(b, &s->port.info.send);
	static uint8_t all[XEN_NETIF_MAX_TX_SIZE + NETBUF_TAG];

	if (what)
		wrong(what);
	for (unsigned i = 0; i < b->iovcnt; i++)
		if (!sim_may_touch(s, &b->iov[i]))
			wrong("an iovec outside of what is granted");
	netbuf_copy(b, 0, all, b->len);
	s->sent++;
	s->sent_bytes += b->len;
	if (s->on_send)
		s->on_send(s, b);
	if (!s->echo || !netqsim_feed(s, &b->meta, b->len))
		return;
	memcpy(s->wait[(s->wait_tail - 1) % NETQSIM_WAIT].head, all,
	       b->len < 64 ? b->len : 64);
}

static int sim_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct netqsim *s = sim_of(q);

	if (!n || n > NETDRV_BATCH)
		wrong("a batch of none or too many");
	if (n > s->room)
		n = s->room;
	for (unsigned i = 0; i < n; i++)
		sim_take(s, pkts[i]);
	return (int)n;
}

static int sim_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct netqsim *s = sim_of(q);
	struct netqsim_pkt *p = &s->wait[s->wait_head % NETQSIM_WAIT];
	static uint8_t all[XEN_NETIF_MAX_TX_SIZE + NETBUF_TAG];

	if (s->wait_head == s->wait_tail)
		return 0;
	s->wait_head++;
	if (p->len > netbuf_iov_bytes(b)) {
		q->drops++;
		return -EMSGSIZE;
	}
	memset(all, FILL, p->len);
	memcpy(all, p->head, p->len < sizeof(p->head) ? p->len : sizeof(p->head));
	b->len = p->len;
	b->meta = p->meta;
	netbuf_fill(b, all, p->len);
	return 1;
}

static int sim_arm(struct netdrv_queue *q, bool want_recv)
{
	struct netqsim *s = sim_of(q);

	return want_recv && s->wait_head != s->wait_tail;
}

static void sim_close(struct netdrv *dev)
{
	(void)dev; /* it is part of the simulation */
}

static const struct netdrv_ops sim_ops = {
	.name = "sim",
	.close = sim_close,
	.queue_start = sim_queue_start,
	.queue_stop = sim_queue_stop,
	.send = sim_send,
	.recv = sim_recv,
	.arm = sim_arm,
};

bool netqsim_feed(struct netqsim *s, const struct netif_meta *m, uint32_t len)
{
	struct netqsim_pkt *p = &s->wait[s->wait_tail % NETQSIM_WAIT];

	if (s->port.info.no_recv || s->wait_tail - s->wait_head == NETQSIM_WAIT)
		return false;
	p->meta = *m;
	p->len = len;
	memset(p->head, FILL, sizeof(p->head));
	s->wait_tail++;
	return true;
}

/* ------------------------------------------------------------ start and stop */

static void sim_news(void *arg)
{
	(void)arg;
}

static void sim_broken(void *arg, int err)
{
	struct netqsim *s = arg;

	(void)err;
	if (s->broken)
		wrong("broken twice");
	s->broken = true;
}

static void sim_stopped(void *arg)
{
	struct netqsim *s = arg;

	if (s->stopped)
		wrong("stopped twice");
	s->stopped = true;
}

void netqsim_start(struct netqsim *s, struct memhv *hv, struct plat *be, domid_t fe,
		   const struct netqsim_config *c)
{
	struct netq_config cfg = { .plat = be,
				   .frontend = fe,
				   .nr_queues = 1,
				   .guard = &s->guard,
				   .guest = c->guest,
				   .sg = c->sg,
				   .stall_ns = c->stall_ns ? c->stall_ns : 60000000000u,
				   .worker = fuzz_worker_get(),
				   .broken = sim_broken,
				   .stopped = sim_stopped,
				   .news = sim_news,
				   .arg = s };

	memset(s, 0, sizeof(*s));
	s->port = (struct netdrv){ .ops = &sim_ops,
				   .info = { .send = c->send,
					     .mtu = c->mtu ? c->mtu : 1500,
					     .max_queues = 1,
					     .no_recv = c->no_recv } };
	s->dev = &s->port;
	if (c->vlan && netvlan_wrap(&s->dev, c->vlan))
		wrong("no VLAN");
	cfg.port = s->dev;
	s->echo = c->echo;
	s->room = NETDRV_BATCH;
	netguard_init(&s->guard);
	if (c->bytes_per_s)
		s->throttle = throttle_new(0, c->bytes_per_s, 10);
	cfg.throttle = s->throttle;
	if (memplat_open(hv, fe, &s->fe) ||
	    gnttab_arena_new(s->fe, 1, 2, false, &s->rings) ||
	    gnttab_arena_new(s->fe, 1, NETQSIM_PAGES, c->readonly, &s->data) ||
	    evtchn_alloc_unbound(s->fe, 1, &s->ch))
		wrong("no frontend");
	ring_front_init(&s->tx, s->rings->pages, 4096, NETIF_TX_SLOT_SIZE);
	ring_front_init(&s->rx, s->rings->pages + 4096, 4096, NETIF_RX_SLOT_SIZE);
	cfg.tx_ref = s->rings->refs[0];
	cfg.rx_ref = s->rings->refs[1];
	cfg.tx_port = cfg.rx_port = s->ch->port;
	if (netq_new(&cfg, &s->q) || netq_start(s->q))
		wrong("no queue");
}

void netqsim_stop(struct netqsim *s)
{
	for (unsigned i = 0; i < s->q->nr_chans; i++)
		s->q->chan[i].polled =
			false; /* no io_uring tells of the cancelled poll */
	netq_stop(s->q);
	(void)fuzz_worker_round();
	if (!s->stopped)
		wrong("does not stop");
	netq_free(s->q);
	s->dev->ops->close(s->dev);
	evtchn_close(s->ch);
	gnttab_arena_free(s->data);
	gnttab_arena_free(s->rings);
	throttle_free(s->throttle);
	plat_close(s->fe);
}

/* ------------------------------------------------------------------ checking */

void netqsim_check(const struct netqsim *s)
{
	const struct netq *q = s->q;
	uint32_t held = 0;

	if (q->failed)
		return;
	if (q->held)
		held = q->held_pkt.nr_slots + q->held_pkt.nr_extras;
	if (ring_idx_diff(q->tx.req_cons, q->tx.rsp_prod_pvt) != held ||
	    q->tx.rsp_prod_pvt != q->tx.rsp_prod_pub)
		wrong("TX requests and answers do not match");
	if (q->rx_tail - q->rx_head > NETQ_RX_AHEAD ||
	    ring_idx_diff(q->rx.req_cons, q->rx.rsp_prod_pvt) !=
		    q->rx_tail - q->rx_head ||
	    q->rx.rsp_prod_pvt != q->rx.rsp_prod_pub)
		wrong("RX requests and answers do not match");
}

/* ------------------------------------------------------------ honest traffic */

void netqsim_post(struct netqsim *s, unsigned page)
{
	struct netif_rx_request req = {
		.id = s->rx.req_prod_pvt & (NETIF_RING_SLOTS - 1),
		.gref = s->data->refs[page],
	};

	memcpy(ring_front_next(&s->rx), &req, sizeof(req));
	(void)ring_front_push(&s->rx);
}

void netqsim_send(struct netqsim *s, unsigned page, uint8_t mark)
{
	struct netif_tx_request req = { .gref = s->data->refs[page], .size = 60 };

	memset(s->data->pages + (size_t)page * NETIF_PAGE_SIZE, mark & ~1, 60);
	memcpy(ring_front_next(&s->tx), &req, sizeof(req));
	(void)ring_front_push(&s->tx);
}
