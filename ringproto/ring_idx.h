/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of ring indexes, and nothing else: which producer values a
 * peer may show, and when a publisher owes its peer an event.
 *
 * Indexes run freely and wrap. `ring_idx_t` is 32 bits on the wire; the
 * exhaustive test (tests/unit/test_ring_idx.c) defines RING_IDX_BITS as 8 and
 * walks the whole state space, tests/proofs/ proves the same in 32 bits.
 */
#ifndef TANDEM_RINGPROTO_RING_IDX_H
#define TANDEM_RINGPROTO_RING_IDX_H

#include <stdbool.h>
#include <stdint.h>

#ifndef RING_IDX_BITS
typedef uint32_t ring_idx_t;
#else
typedef uint8_t ring_idx_t;
#endif

/* a - b modulo the index type: how far a is ahead of b. */
static inline ring_idx_t ring_idx_diff(ring_idx_t a, ring_idx_t b)
{
	return (ring_idx_t)(a - b);
}

/*
 * May a peer that last showed `seen` now show `prod`? `base` is the oldest
 * index that still occupies a slot (for requests our rsp_prod, for responses
 * our rsp_cons) and base <= seen <= base + size holds already.
 *
 * The second test is the one that Xen's overflow macro lacks: a producer that
 * moves backwards behind what was seen passes the first.
 */
static inline bool ring_idx_prod_ok(ring_idx_t prod, ring_idx_t seen, ring_idx_t base,
				    ring_idx_t size)
{
	return ring_idx_diff(prod, base) <= size &&
	       ring_idx_diff(prod, base) >= ring_idx_diff(seen, base);
}

/*
 * Does moving the producer from `old` to `prod` pass the peer's event index?
 * (ring.h, RING_PUSH_*_AND_CHECK_NOTIFY.)
 */
static inline bool ring_idx_notify(ring_idx_t prod, ring_idx_t old, ring_idx_t event)
{
	return ring_idx_diff(prod, event) < ring_idx_diff(prod, old);
}

#endif
