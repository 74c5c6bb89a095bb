/* SPDX-License-Identifier: MIT */
/*
 * "fault": a port around another one that loses, delays, reorders, duplicates
 * and corrupts packets, for tests; which ones is netfault_plan.c's. A packet that
 * has to wait is copied and stands in a lane, one for each way of each queue.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/drivers.h"
#include "backends/net/fault_lane.h"
#include "backends/net/netfault.h"
#include "backends/net/netport.h"

#define FAULT_PATIENT UINT64_C(10000000) /* ns that one waits to be overtaken */
#define FAULT_RETRY   UINT64_C(1000000)	 /* ns, where the inner port has no room */
#define FAULT_LOOK    64u		 /* packets that one recv() looks at */

struct fault_counts {
	_Atomic uint64_t lost, dup, corrupt, reorder, delay;
};

struct fault {
	struct netdrv drv; /* first */
	struct netdrv *inner;
	struct netfault_plan plan;
	struct fault_counts counts[NETFAULT_WAYS];
};

struct fault_queue {
	struct netdrv_queue q; /* first */
	struct fault *dev;
	uint32_t index;
	const struct netdrv_ops *ops; /* the inner driver's */
	struct netdrv_queue *inner;
	struct netdrv_client client; /* the inner queue's */
	struct fault_lane lane[NETFAULT_WAYS];
	bool want_recv;
	uint64_t drops; /* this driver's own */
	struct netport_timer timer;
};

/* ------------------------------------------------------------------- fates */

/* Looks again when the next one that waits is due. */
static void fault_schedule(struct fault_queue *fq)
{
	uint64_t at = fault_lane_next(&fq->lane[NETFAULT_SEND]);
	uint64_t recv = fault_lane_next(&fq->lane[NETFAULT_RECV]);

	if (fq->want_recv && recv < at)
		at = recv;
	if (at != UINT64_MAX)
		netport_timer_at(&fq->timer, at);
}

/*
 * What the fate of packet *b makes of it. Takes it where it is lost or waits;
 * otherwise 0, and *copy is what goes on in its place, or NULL: itself.
 */
static int fault_meet(struct fault_queue *fq, enum netfault_way way,
		      const struct netfault_fate *f, const struct netbuf *b,
		      struct fault_held **copy)
{
	struct fault_lane *lane = &fq->lane[way];
	struct fault_counts *c = &fq->dev->counts[way];
	uint64_t now = worker_now(fq->q.worker);
	struct fault_held *h;

	*copy = NULL;
	if (f->lost) {
		c->lost++;
		return 1;
	}
	if (!f->corrupt && !f->reorder && !f->delay_ns)
		return 0;
	h = fault_held_new(b);
	if (!h)
		goto no_room;
	if (f->corrupt) {
		c->corrupt++;
		fault_held_corrupt(h, f->corrupt_bit);
	}
	if (!f->reorder && !f->delay_ns) {
		*copy = h;
		return 0;
	}
	h->due = now + f->delay_ns;
	if (f->reorder) {
		c->reorder++;
		h->after = lane->passed + 1;
		h->due += FAULT_PATIENT;
	} else {
		c->delay++;
	}
	if (fault_lane_add(lane, h))
		return 1;
no_room:
	fq->drops++;
	return 1;
}

/* A second one, right behind the first. */
static void fault_dup(struct fault_queue *fq, enum netfault_way way,
		      const struct netbuf *b)
{
	struct fault_held *h = fault_held_new(b);

	if (h && fault_lane_add(&fq->lane[way], h))
		fq->dev->counts[way].dup++;
}

/* -------------------------------------------------------------------- send */

static int fault_send_held(struct fault_queue *fq, struct fault_held *h)
{
	struct netbuf b = { .meta = h->meta,
			    .len = h->len,
			    .iovcnt = 1,
			    .iov = { { h->data, h->len } } };
	struct netbuf *one = &b;

	return fq->ops->send(fq->inner, &one, 1);
}

/* Sends what has waited long enough; `all`: whatever waits. */
static void fault_release(struct fault_queue *fq, bool all)
{
	struct fault_lane *lane = &fq->lane[NETFAULT_SEND];
	uint64_t now = worker_now(fq->q.worker);
	struct fault_held **p;

	while ((p = fault_lane_due(lane, all ? UINT64_MAX : now))) {
		if (fault_send_held(fq, *p) != 1) {
			(*p)->due = now + FAULT_RETRY;
			(*p)->after = UINT64_MAX;
			if (!all)
				continue;
			fq->drops++; /* the port stops */
		}
		lane->passed++;
		free(fault_lane_remove(lane, p));
	}
}

/* One packet. False: the inner port has no room. */
static bool fault_send_one(struct fault_queue *fq, struct netbuf *b)
{
	struct fault_lane *lane = &fq->lane[NETFAULT_SEND];
	struct netfault_fate f =
		netfault_plan_fate(&fq->dev->plan, NETFAULT_SEND, fq->index, lane->seen);
	struct fault_held *copy;
	int sent;

	if (fault_meet(fq, NETFAULT_SEND, &f, b, &copy)) {
		lane->seen++;
		return true;
	}
	sent = copy ? fault_send_held(fq, copy) : fq->ops->send(fq->inner, &b, 1);
	free(copy);
	if (sent != 1)
		return false;
	lane->seen++;
	lane->passed++;
	if (f.dup)
		fault_dup(fq, NETFAULT_SEND, b);
	return true;
}

static int fault_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	struct fault_queue *fq = (struct fault_queue *)q;
	unsigned i = 0;

	if (netfault_plan_idle(&fq->dev->plan, NETFAULT_SEND))
		return fq->ops->send(fq->inner, pkts, n);
	fault_release(fq, false);
	while (i < n && fault_send_one(fq, pkts[i])) {
		i++;
		fault_release(fq, false);
	}
	fault_schedule(fq);
	q->drops = fq->drops + fq->inner->drops;
	return (int)i;
}

/* -------------------------------------------------------------------- recv */

static int fault_deliver(struct fault_queue *fq, struct fault_held *h, struct netbuf *b)
{
	int ret = -EMSGSIZE;

	if (h->len <= netbuf_iov_bytes(b)) {
		netbuf_fill(b, h->data, h->len);
		b->len = h->len;
		b->meta = h->meta;
		ret = 1;
	} else {
		fq->drops++;
	}
	free(h);
	return ret;
}

/* One look: 1, -EMSGSIZE: as recv(); 0: the inner port has none; -EAGAIN: the
 * packet does not come now. */
static int fault_recv_one(struct fault_queue *fq, struct netbuf *b)
{
	struct fault_lane *lane = &fq->lane[NETFAULT_RECV];
	struct fault_held **p = fault_lane_due(lane, worker_now(fq->q.worker));
	struct fault_held *copy;
	struct netfault_fate f;
	int ret;

	if (p) {
		lane->passed++;
		return fault_deliver(fq, fault_lane_remove(lane, p), b);
	}
	ret = fq->ops->recv(fq->inner, b);
	if (ret <= 0)
		return ret;
	f = netfault_plan_fate(&fq->dev->plan, NETFAULT_RECV, fq->index, lane->seen++);
	if (fault_meet(fq, NETFAULT_RECV, &f, b, &copy))
		return -EAGAIN;
	if (f.dup)
		fault_dup(fq, NETFAULT_RECV, b);
	lane->passed++;
	return copy ? fault_deliver(fq, copy, b) : 1;
}

static int fault_recv(struct netdrv_queue *q, struct netbuf *b)
{
	struct fault_queue *fq = (struct fault_queue *)q;
	int ret = -EAGAIN;

	fq->want_recv = true;
	for (unsigned i = 0; i < FAULT_LOOK && ret == -EAGAIN; i++)
		ret = fault_recv_one(fq, b);
	q->drops = fq->drops + fq->inner->drops;
	return ret == -EAGAIN ? 0 : ret;
}

static int fault_arm(struct netdrv_queue *q, bool want_recv)
{
	struct fault_queue *fq = (struct fault_queue *)q;

	fault_release(fq, false);
	fq->want_recv = want_recv;
	if (want_recv && fault_lane_due(&fq->lane[NETFAULT_RECV], worker_now(q->worker)))
		return 1;
	fault_schedule(fq);
	return fq->ops->arm ? fq->ops->arm(fq->inner, want_recv) : 0;
}

static void fault_ready(struct netdrv_client *c)
{
	struct fault_queue *fq =
		(struct fault_queue *)((char *)c - offsetof(struct fault_queue, client));

	fault_release(fq, false);
	fq->q.client->ready(fq->q.client);
}

static void fault_timer(struct netport_timer *t)
{
	struct fault_queue *fq =
		(struct fault_queue *)((char *)t - offsetof(struct fault_queue, timer));

	fault_release(fq, false);
	fault_schedule(fq);
	fq->q.client->ready(fq->q.client);
}

/* ---------------------------------------------------------- start and stop */

static int fault_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			     struct netdrv_client *client, struct netdrv_queue **q)
{
	struct fault *fault = (struct fault *)dev;
	struct fault_queue *fq = calloc(1, sizeof(*fq));
	int err;

	if (!fq)
		return -ENOMEM;
	fq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	fq->dev = fault;
	fq->index = index;
	fq->ops = fault->inner->ops;
	fq->client.ready = fault_ready;
	for (int way = 0; way < NETFAULT_WAYS; way++)
		fq->lane[way].tail = &fq->lane[way].first;
	err = fq->ops->queue_start(fault->inner, index, w, &fq->client, &fq->inner);
	if (err) {
		free(fq);
		return err;
	}
	netport_timer_start(&fq->timer, w, fault_timer);
	*q = &fq->q;
	return 0;
}

/* What waits to be sent goes out: it was taken. */
static void fault_queue_stop(struct netdrv_queue *q)
{
	struct fault_queue *fq = (struct fault_queue *)q;

	fault_release(fq, true);
	netport_timer_stop(&fq->timer);
	fq->ops->queue_stop(fq->inner);
	fault_lane_free(&fq->lane[NETFAULT_RECV]);
	free(fq);
}

/* Parameters of the inner driver; strings stand in plan. */
static int fault_inner(const struct netfault_plan *plan, const struct netdrv_params *p,
		       struct netdrv_params *inner, const struct netdrv_ops **ops,
		       char **why)
{
	*inner = *p;
	inner->driver = plan->inner;
	inner->options = plan->options[0] ? plan->options : NULL;
	if (plan->target[0])
		inner->target = plan->target;
	*ops = netdrv_find(plan->inner);
	if (*ops)
		return 0;
	*why = netdrv_why("options: inner=%s: no such driver", plan->inner);
	return -EINVAL;
}

static int fault_open_files(struct netdrv_params *p, char **why)
{
	const struct netdrv_ops *ops = NULL;
	struct netdrv_params inner;
	struct netfault_plan plan;
	int err = netfault_plan_parse(&plan, p->options, why);

	if (!err)
		err = fault_inner(&plan, p, &inner, &ops, why);
	if (!err && ops->open_files)
		err = ops->open_files(&inner, why);
	if (err)
		return err;
	memcpy(p->fds, inner.fds, sizeof(p->fds));
	p->nfds = inner.nfds;
	memcpy(p->made, inner.made, sizeof(p->made));
	p->found_mtu = inner.found_mtu;
	return 0;
}

static int fault_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	struct fault *fault = calloc(1, sizeof(*fault));
	const struct netdrv_ops *ops = NULL;
	struct netdrv_params inner;
	int err;

	if (!fault)
		return -ENOMEM;
	err = netfault_plan_parse(&fault->plan, p->options, why);
	if (!err)
		err = fault_inner(&fault->plan, p, &inner, &ops, why);
	if (!err)
		err = ops->open(&inner, &fault->inner, why);
	if (err) {
		free(fault);
		return err;
	}
	fault->drv.ops = &netdrv_fault;
	fault->drv.info = fault->inner->info;
	/* damage to what has its checksum yet to come is seen by nobody */
	if (fault->plan.way[NETFAULT_SEND].corrupt)
		fault->drv.info.send = (struct netdrv_caps){ 0 };
	*dev = &fault->drv;
	return 0;
}

static void fault_close(struct netdrv *dev)
{
	struct fault *fault = (struct fault *)dev;

	fault->inner->ops->close(fault->inner);
	free(fault);
}

static int fault_set_guest(struct netdrv *dev, const struct netdrv_caps *caps)
{
	const struct fault *fault = (struct fault *)dev;
	const struct netdrv_caps none = { 0 };
	struct netdrv *inner = fault->inner;

	if (fault->plan.way[NETFAULT_RECV].corrupt)
		caps = &none;
	return inner->ops->set_guest ? inner->ops->set_guest(inner, caps) : 0;
}

static void fault_stats(struct netdrv *dev, char *buf, size_t len)
{
	struct fault *fault = (struct fault *)dev;
	int at = 0;

	for (int way = 0; way < NETFAULT_WAYS && (size_t)at < len; way++) {
		const char *name = way == NETFAULT_SEND ? "send" : "recv";
		struct fault_counts *c = &fault->counts[way];

		at += snprintf(buf + at, len - (size_t)at,
			       "%s\"%s-lost\":%" PRIu64 ",\"%s-dup\":%" PRIu64
			       ",\"%s-corrupt\":%" PRIu64 ",\"%s-reorder\":%" PRIu64
			       ",\"%s-delay\":%" PRIu64,
			       way ? "," : "", name, c->lost, name, c->dup, name,
			       c->corrupt, name, c->reorder, name, c->delay);
	}
	if (fault->inner->ops->stats && (size_t)at + 2 < len) {
		buf[at] = ',';
		fault->inner->ops->stats(fault->inner, buf + at + 1,
					 len - (size_t)at - 1);
	}
}

const struct netdrv_ops netdrv_fault = {
	.name = "fault",
	.summary = "loses, delays and spoils another driver's packets, for tests",
	.open_files = fault_open_files,
	.open = fault_open,
	.close = fault_close,
	.set_guest = fault_set_guest,
	.queue_start = fault_queue_start,
	.queue_stop = fault_queue_stop,
	.send = fault_send,
	.recv = fault_recv,
	.arm = fault_arm,
	.stats = fault_stats,
};
