/* SPDX-License-Identifier: MIT */
/*
 * A pace, and a timer: a client of the worker that never has work before its
 * time. So it ends with its queue at once: the kernel holds nothing of it.
 */
#include "backends/net/netport.h"

#define PACE_LATE UINT64_C(10000000) /* ns that are made up for */

void netport_pace_start(struct netport_pace *p, uint64_t rate, uint64_t now)
{
	*p = (struct netport_pace){ .rate = rate, .due = now };
}

bool netport_pace_take(struct netport_pace *p, uint64_t now)
{
	if (!p->rate)
		return true;
	if (now < p->due)
		return false;
	if (now - p->due > PACE_LATE)
		p->due = now - PACE_LATE;
	p->due += NETPORT_RATE_MAX / p->rate;
	p->due_rest += NETPORT_RATE_MAX % p->rate;
	if (p->due_rest >= p->rate) {
		p->due_rest -= p->rate;
		p->due++;
	}
	return true;
}

static int netport_timer_run(struct worker_client *c)
{
	struct netport_timer *t = (struct netport_timer *)c;

	if (!c->wake_at || worker_now(t->worker) < c->wake_at)
		return 0;
	c->wake_at = 0;
	t->fn(t);
	return 1;
}

static int netport_timer_arm(struct worker_client *c)
{
	(void)c; /* wake_at is all that it waits for */
	return 0;
}

static void netport_timer_flush(struct worker_client *c)
{
	(void)c;
}

void netport_timer_start(struct netport_timer *t, struct worker *w,
			 void (*fn)(struct netport_timer *t))
{
	*t = (struct netport_timer){ .client = { .run = netport_timer_run,
						 .arm = netport_timer_arm,
						 .flush = netport_timer_flush },
				     .worker = w,
				     .fn = fn };
	worker_client_add(w, &t->client);
}

void netport_timer_stop(struct netport_timer *t)
{
	worker_client_remove(t->worker, &t->client);
}

void netport_timer_at(struct netport_timer *t, uint64_t when)
{
	t->client.wake_at = when;
	/* an armed client's time is looked at only when it is armed */
	worker_client_wake(t->worker, &t->client);
}
