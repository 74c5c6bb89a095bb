/* SPDX-License-Identifier: MIT */
/*
 * Adaptive polling: how long a thread that ran out of work polls before it
 * sleeps. Both ends of a ring use it.
 *
 * As KVM's halt polling: the budget grows while sleeps turn out so short that
 * polling would have caught the work, and shrinks while they turn out long. In
 * addition a poller that finds itself preempted gives up at once: on a machine
 * with fewer CPUs than pollers the peer needs this CPU.
 *
 * For the same reason it yields between looks once an answer is overdue: the
 * kernel likes to put a woken thread on its waker's CPU, and two ends that
 * share one would each poll its whole budget away while the other, runnable,
 * waits for exactly that to end. Nobody else there: a yield costs 0.2 us of
 * a time that is being wasted anyway.
 *
 * A round: adapt_idle() when work ran out, adapt_spin() between looks (false:
 * sleep now), adapt_work() when there is work again.
 */
#ifndef TANDEM_HV_BASE_ADAPT_H
#define TANDEM_HV_BASE_ADAPT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "hv/base/clock.h"

#define ADAPT_NEVER	   0u
#define ADAPT_ALWAYS	   UINT64_MAX
#define ADAPT_START_NS	   10000u /* first budget after none */
#define ADAPT_WAKE_NS	   50000u /* what a sleep costs beyond its reason */
#define ADAPT_PREEMPTED_NS 30000u /* two looks this far apart: somebody else ran */
#define ADAPT_YIELD_NS	   2000u  /* a peer that runs has answered by then */

struct adapt {
	uint64_t max_ns;  /* ADAPT_NEVER, ADAPT_ALWAYS, or a bound */
	uint64_t wake_ns; /* ADAPT_WAKE_NS, or what is known better */
	uint64_t budget_ns;
	uint64_t idle_since; /* 0: working */
	uint64_t last_look;
	bool slept;
};

static inline void adapt_init(struct adapt *a, uint64_t max_ns)
{
	*a = (struct adapt){ .max_ns = max_ns, .wake_ns = ADAPT_WAKE_NS };
	a->budget_ns = max_ns < ADAPT_START_NS ? max_ns : ADAPT_START_NS;
}

/* Work ran out at `now`. Idempotent within one idle period. */
static inline void adapt_idle(struct adapt *a, uint64_t now)
{
	if (a->idle_since)
		return;
	a->idle_since = a->last_look = now;
	a->slept = false;
}

/* May the thread look once more before it sleeps? */
static inline bool adapt_spin(struct adapt *a, uint64_t now)
{
	uint64_t gap = now - a->last_look, idle = now - a->idle_since;

	if (a->max_ns != ADAPT_ALWAYS) {
		a->last_look = now;
		if (gap > ADAPT_PREEMPTED_NS)
			a->budget_ns /= 4;
		if (idle >= a->budget_ns) {
			a->slept = true;
			return false;
		}
	}
	if (idle > ADAPT_YIELD_NS)
		sched_yield();
	return true;
}

/* There is work again at `now`: what that says about the budget. */
static inline void adapt_work(struct adapt *a, uint64_t now)
{
	uint64_t idle;

	if (!a->idle_since)
		return;
	idle = now - a->idle_since;
	a->idle_since = 0;
	if (!a->slept || a->max_ns == ADAPT_ALWAYS || a->max_ns == ADAPT_NEVER)
		return;
	if (idle > a->max_ns + a->wake_ns)
		a->budget_ns /= 2;
	else if (a->budget_ns < ADAPT_START_NS)
		a->budget_ns = a->max_ns < ADAPT_START_NS ? a->max_ns : ADAPT_START_NS;
	else if (a->budget_ns < a->max_ns)
		a->budget_ns =
			a->budget_ns * 2 < a->max_ns ? a->budget_ns * 2 : a->max_ns;
}

/* One breath between two looks. */
static inline void adapt_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

#endif
