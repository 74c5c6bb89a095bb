/* SPDX-License-Identifier: MIT */
/* A queue's life on its worker, and its rounds. */
#include "backends/block/blkq.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What is taken in one round: then it is the neighbours' turn. */
#define BLKQ_ROUND	 64	    /* requests */
#define BLKQ_ROUND_BYTES (4u << 20) /* some drivers copy at once */

const char *const blkq_counter_names[BLKQ_NR_COUNTERS] = {
	[BLKQ_READS] = "reads",
	[BLKQ_WRITES] = "writes",
	[BLKQ_FLUSHES] = "flushes",
	[BLKQ_BARRIERS] = "barriers",
	[BLKQ_DISCARDS] = "discards",
	[BLKQ_INDIRECT] = "indirect",
	[BLKQ_READ_BYTES] = "read_bytes",
	[BLKQ_WRITE_BYTES] = "write_bytes",
	[BLKQ_ERRORS] = "errors",
	[BLKQ_UNSUPPORTED] = "unsupported",
	[BLKQ_THROTTLED] = "throttled",
	[BLKQ_NOTIFIED] = "notifications_sent",
	[BLKQ_UNNOTIFIED] = "notifications_saved",
	[BLKQ_EVENTS] = "events",
	[BLKQ_MAPPED] = "pages_mapped",
	[BLKQ_PERSISTENT] = "pages_kept",
};

static void blkq_try_finish(struct blkq *q);
static void blkq_poll_channel(struct blkq *q);

/* ----------------------------------------------------------------- rounds */

static void blkq_fail(struct blkq *q, int err)
{
	if (q->failed)
		return;
	q->failed = true;
	if (!q->stopping)
		q->cfg.broken(q->cfg.arg, err);
}

static int blkq_take(struct blkq *q)
{
	int n = ring_back_avail(&q->ring), taken = 0;
	uint64_t bytes = 0;

	if (n < 0) {
		blkq_fail(q, n);
		return 0;
	}
	if (n > BLKQ_ROUND)
		n = BLKQ_ROUND;
	while (taken < n && bytes < BLKQ_ROUND_BYTES && q->free && !q->barrier &&
	       !q->waiting) {
		struct blkreq *req = q->free;

		q->free = req->next;
		bytes += blkreq_take(q, req);
		taken++;
	}
	return taken;
}

static int blkq_serve(struct blkq *q)
{
	int n = 0;

	if (q->waiting && !q->client.wake_at)
		n += blkreq_retry(q);
	if (q->barrier)
		n += blkreq_try_barrier(q->barrier);
	return n + blkq_take(q);
}

static int blkq_run(struct worker_client *c)
{
	struct blkq *q = (struct blkq *)c;
	int n = 0;

	if (q->client.wake_at && q->client.wake_at <= worker_now(q->worker))
		q->client.wake_at = 0;
	if (!q->failed && !q->stopping)
		n = blkq_serve(q);
	if (q->dev->ops->kick)
		q->dev->ops->kick(q->dq);
	if (q->dev->ops->poll && q->inflight)
		n += q->dev->ops->poll(q->dq);
	return n;
}

/* Runs after the round: what was answered becomes visible at once. */
static void blkq_flush(struct worker_client *c)
{
	struct blkq *q = (struct blkq *)c;

	if (ring_back_push(&q->ring)) {
		evtchn_notify(q->ch);
		blkq_count(q, BLKQ_NOTIFIED, 1);
	} else {
		blkq_count(q, BLKQ_UNNOTIFIED, 1);
	}
	if (q->stopping)
		blkq_try_finish(q);
}

static int blkq_arm(struct worker_client *c)
{
	struct blkq *q = (struct blkq *)c;
	uint64_t trim;
	int n;

	if (q->dev->ops->arm && q->inflight && q->dev->ops->arm(q->dq))
		return 1;
	if (q->failed || q->stopping)
		return 0;
	if (q->waiting || q->barrier)
		return 0; /* a completion or wake_at comes first */
	trim = pgrant_trim(&q->pg, worker_now(q->worker));
	if (trim)
		q->client.wake_at = trim;
	n = ring_back_arm(&q->ring);
	if (n < 0)
		blkq_fail(q, n);
	return n > 0;
}

/* ----------------------------------------------------------------- events */

static void blkq_event(struct worker_op *op, int res, uint32_t flags)
{
	struct blkq *q = (struct blkq *)((char *)op - offsetof(struct blkq, ch_op));

	if (!(flags & IORING_CQE_F_MORE))
		q->ch_polled = false;
	if (q->stopping) {
		blkq_try_finish(q);
		return;
	}
	if (res < 0 || evtchn_ack(q->ch) == -EPIPE) {
		blkq_fail(q, -EPIPE);
		return;
	}
	blkq_count(q, BLKQ_EVENTS, 1);
	if (!q->ch_polled && !q->failed)
		blkq_poll_channel(q);
	worker_client_wake(q->worker, &q->client);
}

static void blkq_poll_channel(struct blkq *q)
{
	q->ch_op.fn = blkq_event;
	io_uring_prep_poll_multishot(worker_sqe(q->worker, &q->ch_op), q->ch->fd, POLLIN);
	q->ch_polled = true;
}

/* ---------------------------------------------------------------- regions */

void blkq_new_region(struct blkq *q, void *addr)
{
	void *base;
	size_t len;

	for (uint32_t i = 0; i < q->nr_regions; i++)
		if ((uintptr_t)addr - (uintptr_t)q->region_base[i] < q->region_len[i]) {
			q->last_region = i;
			return;
		}
	if (q->nr_regions == BLKQ_MAX_REGIONS ||
	    gnttab_region(q->mapper, addr, &base, &len))
		return;
	q->last_region = q->nr_regions;
	q->region_base[q->nr_regions] = base;
	q->region_len[q->nr_regions++] = len;
	q->dev->ops->mem_add(q->dq, base, len);
}

/* ------------------------------------------------------------------- life */

/* The last thing a stopping queue does on its worker. */
static void blkq_try_finish(struct blkq *q)
{
	if (q->finished || q->inflight || q->ch_polled || q->cancelling)
		return;
	q->finished = true;
	worker_client_remove(q->worker, &q->client);
	for (uint32_t i = 0; i < q->nr_regions; i++)
		q->dev->ops->mem_remove(q->dq, q->region_base[i], q->region_len[i]);
	q->dev->ops->queue_stop(q->dq);
	q->dq = NULL;
	q->cfg.stopped(q->cfg.arg);
}

static void blkq_cancelled(struct worker_op *op, int res, uint32_t flags)
{
	struct blkq *q = (struct blkq *)((char *)op - offsetof(struct blkq, cancel_op));

	(void)res;
	(void)flags;
	q->cancelling = false;
	blkq_try_finish(q);
}

static void blkq_stop_call(void *arg)
{
	struct blkq *q = arg;

	q->stopping = true;
	blkreq_drop_waiting(q);
	if (q->ch_polled) {
		q->cancelling = true;
		q->cancel_op.fn = blkq_cancelled;
		io_uring_prep_cancel(worker_sqe(q->worker, &q->cancel_op), &q->ch_op, 0);
	}
	worker_client_wake(q->worker, &q->client);
	if (!q->client.flushing)
		blkq_try_finish(q);
}

void blkq_stop(struct blkq *q)
{
	worker_call(q->worker, blkq_stop_call, q);
}

struct blkq_start {
	struct blkq *q;
	int err;
};

static void blkq_start_call(void *arg)
{
	struct blkq_start *s = arg;
	struct blkq *q = s->q;

	s->err = q->dev->ops->queue_start(q->dev, q->worker, &q->dq);
	if (s->err)
		return;
	blkq_poll_channel(q);
	worker_client_add(q->worker, &q->client);
}

int blkq_start(struct blkq *q)
{
	struct blkq_start s = { .q = q };

	worker_call(q->worker, blkq_start_call, &s);
	return s.err;
}

struct blkq_resize {
	struct blkq *q;
	uint64_t bytes;
};

static void blkq_resize_call(void *arg)
{
	struct blkq_resize *r = arg;

	r->q->size = r->bytes;
}

void blkq_resize(struct blkq *q, uint64_t bytes)
{
	struct blkq_resize r = { q, bytes };

	worker_call(q->worker, blkq_resize_call, &r);
}

static int blkq_alloc_requests(struct blkq *q)
{
	uint32_t n = q->ring.r.mask + 1, max = q->cfg.max_indirect;

	q->reqs = aligned_alloc(64, n * sizeof(*q->reqs));
	if (!q->reqs)
		return -ENOMEM;
	memset(q->reqs, 0, n * sizeof(*q->reqs));
	for (uint32_t i = n; i-- > 0;) {
		q->reqs[i].q = q;
		q->reqs[i].next = q->free;
		q->free = &q->reqs[i];
	}
	if (!max)
		return 0;
	/* big and mostly never touched: quiet queues stay small */
	q->big = calloc(n, (size_t)max * (sizeof(struct iovec) + sizeof(struct blkseg)));
	q->desc = calloc(max, sizeof(*q->desc));
	return q->big && q->desc ? 0 : -ENOMEM;
}

int blkq_new(const struct blkq_config *cfg, struct blkq **out)
{
	struct blkq *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return -ENOMEM;
	q->cfg = *cfg;
	q->worker = cfg->worker;
	q->dev = cfg->dev;
	q->size = cfg->dev->info.size;
	q->client = (struct worker_client){ .run = blkq_run,
					    .arm = blkq_arm,
					    .flush = blkq_flush };
	q->waiting_tail = &q->waiting;
	err = gnttab_mapper_new(cfg->plat, cfg->frontend, &q->mapper);
	if (err)
		goto fail;
	err = gnttab_map_ring(q->mapper, cfg->ring_refs, cfg->nr_ring_refs,
			      &q->ring_pages);
	if (err)
		goto fail;
	err = ring_back_init(&q->ring, q->ring_pages,
			     (size_t)cfg->nr_ring_refs * RING_PAGE_SIZE,
			     blkif_slot_size(cfg->abi));
	if (err)
		goto fail;
	err = evtchn_bind_interdomain(cfg->plat, cfg->frontend, cfg->port, &q->ch);
	if (err)
		goto fail;
	err = pgrant_init(&q->pg, q->mapper, cfg->persistent ? cfg->max_persistent : 0);
	if (!err)
		err = blkq_alloc_requests(q);
	if (err)
		goto fail;
	*out = q;
	return 0;
fail:
	blkq_free(q);
	return err;
}

void blkq_free(struct blkq *q)
{
	if (!q)
		return;
	if (q->pg.mapper)
		pgrant_exit(&q->pg);
	if (q->ch)
		evtchn_close(q->ch);
	if (q->ring_pages)
		gnttab_unmap_ring(q->mapper, q->cfg.ring_refs, q->cfg.nr_ring_refs,
				  q->ring_pages);
	if (q->mapper)
		gnttab_mapper_free(q->mapper);
	free(q->desc);
	free(q->big);
	free(q->reqs);
	free(q);
}
