/* SPDX-License-Identifier: MIT */
/*
 * The lock of a channel: one atomic operation to take, a plain store to give
 * back, as it is nearly always free and held for a microsecond.
 *
 * Whoever waits says so in `waiting`, so that a holder that polls can step
 * aside. Waiters back off to short sleeps: the holder may have been preempted.
 */
#ifndef TANDEM_FRONTENDS_QLOCK_H
#define TANDEM_FRONTENDS_QLOCK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "hv/base/adapt.h"

struct qlock {
	atomic_bool held;
	atomic_uint waiting;
};

void qlock_wait(struct qlock *l);

static inline void qlock_lock(struct qlock *l)
{
	/* acquire: pairs with the release in qlock_unlock() */
	if (atomic_exchange_explicit(&l->held, true, memory_order_acquire))
		qlock_wait(l);
}

static inline void qlock_unlock(struct qlock *l)
{
	atomic_store_explicit(&l->held, false, memory_order_release);
}

static inline bool qlock_contended(struct qlock *l)
{
	return atomic_load_explicit(&l->waiting, memory_order_relaxed) != 0;
}

/* Lets a waiter have the lock, which the caller holds before and after. */
void qlock_step_aside(struct qlock *l);

#endif
