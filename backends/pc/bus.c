/* SPDX-License-Identifier: MIT */
/* The board's bookkeeping: who serves what, timers, devices. */
#include "backends/pc/bus.h"

#include <errno.h>
#include <string.h>

void pcbus_init(struct pcbus *b, const struct pcbus_ops *ops, void *arg)
{
	memset(b, 0, sizeof(*b));
	b->ops = ops;
	b->arg = arg;
	TAILQ_INIT(&b->timers);
	TAILQ_INIT(&b->devs);
}

void pcbus_add(struct pcbus *b, struct pcdev *d)
{
	TAILQ_INSERT_TAIL(&b->devs, d, entry);
}

void pcbus_reset(struct pcbus *b)
{
	for (struct pcdev *d = TAILQ_FIRST(&b->devs); d; d = TAILQ_NEXT(d, entry))
		d->ops->reset(d);
}

void pcbus_fini(struct pcbus *b)
{
	struct pcdev *d;

	while ((d = TAILQ_LAST(&b->devs, pcdevs))) {
		TAILQ_REMOVE(&b->devs, d, entry);
		if (d->ops->destroy)
			d->ops->destroy(d);
	}
}

/* ------------------------------------------------------------ ports and memory */

int pcbus_pio_map(struct pcbus *b, uint16_t first, uint16_t n, const struct io_ops *ops,
		  void *arg)
{
	return io_add(&b->pio, first, (uint64_t)first + n - 1, ops, arg);
}

void pcbus_pio_unmap(struct pcbus *b, uint16_t first)
{
	io_del(&b->pio, first);
}

int pcbus_mmio_map(struct pcbus *b, uint64_t first, uint64_t n, const struct io_ops *ops,
		   void *arg)
{
	return io_add(&b->mmio, first, first + n - 1, ops, arg);
}

void pcbus_mmio_unmap(struct pcbus *b, uint64_t first)
{
	io_del(&b->mmio, first);
}

int pcbus_read(struct pcbus *b, uint64_t gpa, void *buf, size_t len)
{
	const void *p = b->ops->ram(b, gpa, len, false);

	if (p)
		memcpy(buf, p, len);
	else
		memset(buf, 0xff, len);
	return p ? 0 : -EFAULT;
}

int pcbus_write(struct pcbus *b, uint64_t gpa, const void *buf, size_t len)
{
	void *p = b->ops->ram(b, gpa, len, true);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}

/* ---------------------------------------------------------------------- timers */

static uint64_t earliest(const struct pcbus *b)
{
	return TAILQ_EMPTY(&b->timers) ? 0 : TAILQ_FIRST(&b->timers)->at;
}

static void timer_out(struct pcbus *b, struct pctimer *t)
{
	if (t->at)
		TAILQ_REMOVE(&b->timers, t, entry);
	t->at = 0;
}

void pctimer_set(struct pcbus *b, struct pctimer *t, uint64_t at)
{
	const uint64_t before = earliest(b);
	struct pctimer *next;

	timer_out(b, t);
	t->at = at ? at : 1;
	next = TAILQ_FIRST(&b->timers);
	while (next && next->at <= t->at)
		next = TAILQ_NEXT(next, entry);
	if (next)
		TAILQ_INSERT_BEFORE(next, t, entry);
	else
		TAILQ_INSERT_TAIL(&b->timers, t, entry);
	if (earliest(b) != before)
		b->ops->rearm(b, earliest(b));
}

void pctimer_stop(struct pcbus *b, struct pctimer *t)
{
	const uint64_t before = earliest(b);

	timer_out(b, t);
	if (earliest(b) != before)
		b->ops->rearm(b, earliest(b));
}

void pcbus_run(struct pcbus *b)
{
	const uint64_t now = pcbus_now(b);
	struct pctimer *t;

	/* one that sets itself to a time that has passed waits for the next run */
	while ((t = TAILQ_FIRST(&b->timers)) && t->at <= now) {
		timer_out(b, t);
		t->fire(t->arg);
		if (t->at && t->at <= now)
			break;
	}
	b->ops->rearm(b, earliest(b));
}
