/* SPDX-License-Identifier: MIT */
/* The slow side of the channel lock. */
#include "frontends/qlock.h"

#define QLOCK_SPINS  200
#define QLOCK_YIELDS 20
#define QLOCK_NAP_NS 20000

static void qlock_back_off(unsigned round)
{
	const struct timespec nap = { .tv_nsec = QLOCK_NAP_NS };

	if (round < QLOCK_SPINS)
		adapt_relax();
	else if (round < QLOCK_SPINS + QLOCK_YIELDS)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

void qlock_wait(struct qlock *l)
{
	unsigned round = 0;

	atomic_fetch_add_explicit(&l->waiting, 1, memory_order_relaxed);
	do {
		while (atomic_load_explicit(&l->held, memory_order_relaxed))
			qlock_back_off(round++);
	} while (atomic_exchange_explicit(&l->held, true, memory_order_acquire));
	atomic_fetch_sub_explicit(&l->waiting, 1, memory_order_relaxed);
}

void qlock_step_aside(struct qlock *l)
{
	unsigned round = 0;

	qlock_unlock(l);
	while (!atomic_load_explicit(&l->held, memory_order_relaxed) &&
	       qlock_contended(l) && round < QLOCK_SPINS + 2 * QLOCK_YIELDS)
		qlock_back_off(round++);
	qlock_lock(l);
}
