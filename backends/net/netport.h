/* SPDX-License-Identifier: MIT */
/* What ports without a device of the kernel's share: counters and a timer. */
#ifndef TANDEM_BACKENDS_NET_NETPORT_H
#define TANDEM_BACKENDS_NET_NETPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/worker.h"

#define NETPORT_MTU 1500u  /* where nobody asked for another */
#define NETPORT_MAX 65535u /* bytes of a packet on the ring */

/* One writer, a queue's worker; anybody reads. */
typedef _Atomic uint64_t netport_count;

static inline uint64_t netport_get(const netport_count *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void netport_add(netport_count *c, uint64_t n)
{
	atomic_store_explicit(c, netport_get(c) + n, memory_order_relaxed);
}

/* So many packets a second, spread evenly. */
struct netport_pace {
	uint64_t rate; /* 0: no limit */
	uint64_t due; /* of the next packet, ns; what is behind the comma: due_rest / rate
		       */
	uint64_t due_rest;
};

#define NETPORT_RATE_MAX UINT64_C(1000000000)

void netport_pace_start(struct netport_pace *p, uint64_t rate, uint64_t now);
/* Takes a packet's turn; false: not yet. */
bool netport_pace_take(struct netport_pace *p, uint64_t now);

/*
 * Calls fn at a time, on the worker's thread, also out of the worker's sleep.
 * Embedded in its owner; start and stop on the worker's thread.
 */
struct netport_timer {
	struct worker_client client; /* first */
	struct worker *worker;
	void (*fn)(struct netport_timer *t);
};

void netport_timer_start(struct netport_timer *t, struct worker *w,
			 void (*fn)(struct netport_timer *t));
void netport_timer_stop(struct netport_timer *t);
/* Once, at `when` (worker_now's clock), instead of an earlier wish. */
void netport_timer_at(struct netport_timer *t, uint64_t when);

#endif
