/* SPDX-License-Identifier: MIT */
/* A queue's life on its worker, and its rounds. */
#include "backends/net/netq.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *const netq_counter_names[NETQ_NR_COUNTERS] = {
#define X(id, name) [NETQ_##id] = (name),
	NETQ_COUNTERS(X)
#undef X
};

static void netq_try_finish(struct netq *q);

/* ----------------------------------------------------------------- rounds */

static void netq_fail(struct netq *q, int err)
{
	if (q->failed)
		return;
	q->failed = true;
	q->client.wake_at = 0;
	if (!q->stopping)
		q->cfg.broken(q->cfg.arg, err);
}

static int netq_run(struct worker_client *c)
{
	struct netq *q = (struct netq *)c;
	int tx, rx;

	if (q->client.wake_at && q->client.wake_at <= worker_now(q->worker))
		q->client.wake_at = 0;
	if (q->failed || q->stopping)
		return 0;
	tx = netq_tx_run(q);
	if (tx < 0) {
		netq_fail(q, tx);
		return 0;
	}
	rx = netq_rx_run(q);
	if (rx < 0) {
		netq_fail(q, rx);
		return tx;
	}
	return tx + rx;
}

static void netq_push(struct netq *q, struct ring_back *r, struct netq_chan *c)
{
	if (r->rsp_prod_pvt == r->rsp_prod_pub)
		return;
	if (ring_back_push(r)) {
		evtchn_notify(c->ch);
		netq_count(q, NETQ_NOTIFIED, 1);
	} else {
		netq_count(q, NETQ_UNNOTIFIED, 1);
	}
}

/* Runs after the round: what was answered becomes visible at once. */
static void netq_flush(struct worker_client *c)
{
	struct netq *q = (struct netq *)c;

	netq_push(q, &q->tx, &q->chan[0]);
	netq_push(q, &q->rx, &q->chan[q->nr_chans - 1]);
	if (q->stopping)
		netq_try_finish(q);
}

static int netq_arm(struct worker_client *c)
{
	struct netq *q = (struct netq *)c;
	int n;

	if (q->failed || q->stopping)
		return 0;
	if (q->ops->arm && q->ops->arm(q->pq, !q->starving || q->stalled))
		return 1;
	if (q->cfg.inbox && (!q->starving || q->stalled) &&
	    netinbox_arm(q->cfg.inbox[q->cfg.index]))
		return 1;
	if (q->replay && (!q->starving || q->stalled) && netinbox_arm(q->replay))
		return 1;
	n = q->held ? 0 : ring_back_arm(&q->tx);
	if (!n && q->starving)
		n = ring_back_arm(&q->rx);
	if (n < 0)
		netq_fail(q, n);
	return n > 0;
}

static void netq_port_ready(struct netdrv_client *pc)
{
	struct netq *q = (struct netq *)((char *)pc - offsetof(struct netq, port_client));

	worker_client_wake(q->worker, &q->client);
}

static bool netq_port_take(struct netdrv_client *pc, const struct netbuf *b)
{
	struct netq *q = (struct netq *)((char *)pc - offsetof(struct netq, port_client));

	return !q->failed && !q->stopping && netq_rx_take(q, b);
}

/* ----------------------------------------------------------------- events */

static void netq_event(struct worker_op *op, int res, uint32_t flags);

static void netq_poll_channel(struct netq_chan *c)
{
	c->op.fn = netq_event;
	io_uring_prep_poll_multishot(worker_sqe(c->q->worker, &c->op), c->ch->fd, POLLIN);
	c->polled = true;
}

static void netq_event(struct worker_op *op, int res, uint32_t flags)
{
	struct netq_chan *c =
		(struct netq_chan *)((char *)op - offsetof(struct netq_chan, op));
	struct netq *q = c->q;

	if (!(flags & IORING_CQE_F_MORE))
		c->polled = false;
	if (q->stopping) {
		netq_try_finish(q);
		return;
	}
	if (res < 0 || evtchn_ack(c->ch) == -EPIPE) {
		netq_fail(q, -EPIPE);
		return;
	}
	netq_count(q, NETQ_EVENTS, 1);
	if (!c->polled && !q->failed)
		netq_poll_channel(c);
	worker_client_wake(q->worker, &q->client);
}

/* ------------------------------------------------------------------- pages */

void *netq_map(struct netq *q, grant_ref_t ref, int prot, bool *mapped)
{
	void *addr = netgref_find(q->grefs, ref, prot == GNTTAB_WRITE);

	*mapped = false;
	if (addr)
		return addr;
	if (gnttab_map_refs(q->mapper, &ref, 1, prot, &addr))
		return NULL;
	*mapped = true;
	netq_count(q, NETQ_MAPPED, 1);
	return addr;
}

/* -------------------------------------------------------------------- life */

static bool netq_busy(const struct netq *q)
{
	for (unsigned i = 0; i < q->nr_chans; i++)
		if (q->chan[i].polled || q->chan[i].cancelling)
			return true;
	return false;
}

/* The last thing a stopping queue does on its worker. */
static void netq_try_finish(struct netq *q)
{
	if (q->finished || netq_busy(q))
		return;
	q->finished = true;
	worker_client_remove(q->worker, &q->client);
	if (q->cfg.inbox)
		netinbox_stop(q->cfg.inbox[q->cfg.index]);
	if (q->replay)
		netinbox_stop(q->replay);
	q->replay = NULL;
	q->ops->queue_stop(q->pq);
	q->pq = NULL;
	netq_rx_drop(q);
	q->cfg.stopped(q->cfg.arg);
}

static void netq_cancelled(struct worker_op *op, int res, uint32_t flags)
{
	struct netq_chan *c =
		(struct netq_chan *)((char *)op - offsetof(struct netq_chan, cancel_op));

	(void)res;
	(void)flags;
	c->cancelling = false;
	netq_try_finish(c->q);
}

static void netq_stop_call(void *arg)
{
	struct netq *q = arg;

	q->stopping = true;
	for (unsigned i = 0; i < q->nr_chans; i++) {
		struct netq_chan *c = &q->chan[i];

		if (!c->polled)
			continue;
		c->cancelling = true;
		c->cancel_op.fn = netq_cancelled;
		io_uring_prep_cancel(worker_sqe(q->worker, &c->cancel_op), &c->op, 0);
	}
	worker_client_wake(q->worker, &q->client);
	if (!q->client.flushing)
		netq_try_finish(q);
}

void netq_stop(struct netq *q)
{
	worker_call(q->worker, netq_stop_call, q);
}

struct netq_call {
	struct netq *q;
	const void *arg;
	int err;
};

static void netq_throttle_call(void *arg)
{
	struct netq_call *c = arg;

	c->q->cfg.throttle = (struct throttle *)(uintptr_t)c->arg;
	/* what was held may go: the time to wait was the old limit's */
	if (c->q->held && !c->q->finished)
		worker_client_wake(c->q->worker, &c->q->client);
}

void netq_set_throttle(struct netq *q, struct throttle *t)
{
	struct netq_call c = { .q = q, .arg = t };

	worker_call(q->worker, netq_throttle_call, &c);
}

static void netq_hash_call(void *arg)
{
	struct netq_call *c = arg;

	memcpy(&c->q->hash, c->arg, sizeof(c->q->hash));
	netq_rx_size(c->q);
}

void netq_set_hash(struct netq *q, const struct nethash *h)
{
	struct netq_call c = { .q = q, .arg = h };

	worker_call(q->worker, netq_hash_call, &c);
}

static void netq_grefs_call(void *arg)
{
	struct netq_call *c = arg;

	c->q->grefs = c->arg;
	netq_rx_remap(c->q);
}

void netq_set_grefs(struct netq *q, const struct netgref *t)
{
	struct netq_call c = { .q = q, .arg = t };

	worker_call(q->worker, netq_grefs_call, &c);
}

static void netq_capture_call(void *arg)
{
	struct netq_call *c = arg;

	c->q->cap = (struct netcap *)(uintptr_t)c->arg;
}

void netq_set_capture(struct netq *q, struct netcap *cap)
{
	struct netq_call c = { .q = q, .arg = cap };

	worker_call(q->worker, netq_capture_call, &c);
}

static void netq_replay_call(void *arg)
{
	struct netq_call *c = arg;
	struct netq *q = c->q;

	if (q->replay)
		netinbox_stop(q->replay);
	q->replay = NULL;
	netq_rx_unstall(q);
	if (!c->arg || q->stopping || q->finished)
		return;
	q->replay = (struct netinbox *)(uintptr_t)c->arg;
	c->err = netinbox_start(q->replay, q->worker, &q->port_client);
	if (c->err)
		q->replay = NULL;
	else
		worker_client_wake(q->worker, &q->client);
}

int netq_set_replay(struct netq *q, struct netinbox *box)
{
	struct netq_call c = { .q = q, .arg = box };

	worker_call(q->worker, netq_replay_call, &c);
	return c.err;
}

static void netq_start_call(void *arg)
{
	struct netq_call *c = arg;
	struct netq *q = c->q;

	c->err = q->ops->queue_start(q->cfg.port, q->cfg.index, q->worker,
				     &q->port_client, &q->pq);
	if (!c->err && q->cfg.inbox) {
		c->err = netinbox_start(q->cfg.inbox[q->cfg.index], q->worker,
					&q->port_client);
		if (c->err)
			q->ops->queue_stop(q->pq);
	}
	if (c->err)
		return;
	for (unsigned i = 0; i < q->nr_chans; i++)
		netq_poll_channel(&q->chan[i]);
	worker_client_add(q->worker, &q->client);
}

int netq_start(struct netq *q)
{
	struct netq_call c = { .q = q };

	worker_call(q->worker, netq_start_call, &c);
	return c.err;
}

static int netq_map_ring(struct netq *q, grant_ref_t ref, uint32_t slot,
			 struct ring_back *r, void **page)
{
	int err = gnttab_map_ring(q->mapper, &ref, 1, page);

	if (err)
		*page = NULL;
	return err ? err : ring_back_init(r, *page, RING_PAGE_SIZE, slot);
}

static int netq_bind(struct netq *q)
{
	const evtchn_port_t port[2] = { q->cfg.tx_port, q->cfg.rx_port };
	unsigned n = port[0] == port[1] ? 1 : 2;
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		q->chan[i].q = q;
		err = evtchn_bind_interdomain(q->cfg.plat, q->cfg.frontend, port[i],
					      &q->chan[i].ch);
		if (!err)
			q->nr_chans = i + 1;
	}
	return err;
}

int netq_new(const struct netq_config *cfg, struct netq **out)
{
	struct netq *q = aligned_alloc(64, (sizeof(*q) + 63) & ~(size_t)63);
	int err;

	if (!q)
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	q->cfg = *cfg;
	q->worker = cfg->worker;
	q->ops = cfg->port->ops;
	q->client = (struct worker_client){ .run = netq_run,
					    .arm = netq_arm,
					    .flush = netq_flush };
	q->port_client = (struct netdrv_client){ .ready = netq_port_ready,
						 .take = netq_port_take };
	nethash_init(&q->hash);
	q->cut = !(cfg->port->info.send.tso4 && cfg->port->info.send.tso6);
	netq_rx_size(q);
	err = gnttab_mapper_new(cfg->plat, cfg->frontend, &q->mapper);
	if (!err)
		err = netq_map_ring(q, cfg->tx_ref, NETIF_TX_SLOT_SIZE, &q->tx,
				    &q->tx_page);
	if (!err)
		err = netq_map_ring(q, cfg->rx_ref, NETIF_RX_SLOT_SIZE, &q->rx,
				    &q->rx_page);
	if (!err)
		err = netq_bind(q);
	if (err) {
		netq_free(q);
		return err;
	}
	*out = q;
	return 0;
}

void netq_free(struct netq *q)
{
	if (!q)
		return;
	for (unsigned i = 0; i < q->nr_chans; i++)
		evtchn_close(q->chan[i].ch);
	if (q->tx_page)
		gnttab_unmap_ring(q->mapper, &q->cfg.tx_ref, 1, q->tx_page);
	if (q->rx_page)
		gnttab_unmap_ring(q->mapper, &q->cfg.rx_ref, 1, q->rx_page);
	if (q->mapper)
		gnttab_mapper_free(q->mapper);
	free(q);
}
