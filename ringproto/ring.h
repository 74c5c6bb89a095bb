/* SPDX-License-Identifier: MIT */
/*
 * Shared rings: the one place that touches a ring page.
 *
 * Source of the layout and the notification rule: Xen's public io/ring.h. A
 * ring is a 64-byte header and a power of two of slots; a slot carries a
 * request one way and a response the other. Each end keeps private indexes
 * and believes nothing in the page: producers are checked in both directions,
 * slots are copied once.
 *
 * Errors: -EPROTO, the peer broke the index rules. It is sticky (`broken`):
 * the caller closes that device and touches nothing else.
 *
 * Threads: one thread an end. No allocation, no system call, nothing blocks.
 */
#ifndef TANDEM_RINGPROTO_RING_H
#define TANDEM_RINGPROTO_RING_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ringproto/ring_idx.h"

#define RING_PAGE_SIZE 4096u
#define RING_AHEAD     2 /* slots that the next one's transfer has time for */

struct ring_shared {
	_Atomic ring_idx_t req_prod;
	_Atomic ring_idx_t req_event;
	_Atomic ring_idx_t rsp_prod;
	_Atomic ring_idx_t rsp_event;
	uint8_t pad[48];
};
_Static_assert(sizeof(struct ring_shared) == 64, "ring header");
_Static_assert(offsetof(struct ring_shared, rsp_event) == 12, "ring header");

/* Number of slots of `slot_size` bytes in `bytes` of ring pages: a power of 2. */
static inline uint32_t ring_size(size_t bytes, size_t slot_size)
{
	uint32_t n = (uint32_t)((bytes - sizeof(struct ring_shared)) / slot_size);

	while (n & (n - 1))
		n &= n - 1;
	return n;
}

/* What both ends know. */
struct ring_base {
	struct ring_shared *shared;
	uint8_t *slots;
	uint32_t mask;	    /* slots - 1 */
	uint32_t slot_size; /* bytes */
};

static inline void ring_base_init(struct ring_base *r, void *pages, size_t bytes,
				  size_t slot_size)
{
	r->shared = pages;
	r->slots = (uint8_t *)pages + sizeof(struct ring_shared);
	r->mask = ring_size(bytes, slot_size) - 1;
	r->slot_size = (uint32_t)slot_size;
}

static inline uint8_t *ring_slot(const struct ring_base *r, ring_idx_t idx)
{
	return r->slots + (size_t)(idx & r->mask) * r->slot_size;
}

/*
 * A slot that is soon to be used: it stands in the other end's cache. Slots lie
 * across lines, so both that one of up to 128 bytes begins in.
 */
static inline void ring_slot_soon(const struct ring_base *r, ring_idx_t idx)
{
	const uint8_t *slot = ring_slot(r, idx);

	__builtin_prefetch(slot);
	__builtin_prefetch(slot + 63);
}

/*
 * Copies `len` bytes at offset `from` of a slot. Each byte of a slot is copied
 * at most once in its life; the fence keeps the compiler from reading the
 * shared one again.
 */
static inline void ring_slot_copy(const struct ring_base *r, ring_idx_t idx, void *dst,
				  size_t from, size_t len)
{
	memcpy(dst, ring_slot(r, idx) + from, len);
	atomic_signal_fence(memory_order_seq_cst);
}

/* ------------------------------------------------------------------ front */

/* The requesting end. */
struct ring_front {
	struct ring_base r;
	ring_idx_t req_prod_pvt; /* next slot to fill */
	ring_idx_t req_prod_pub; /* published so far */
	ring_idx_t rsp_cons;	 /* next response to take */
	ring_idx_t rsp_seen;	 /* last rsp_prod that passed the check */
	bool broken;
};

/* Formats the shared pages, which the peer has not been told of yet. */
static inline void ring_front_init(struct ring_front *f, void *pages, size_t bytes,
				   size_t slot_size)
{
	memset(f, 0, sizeof(*f));
	memset(pages, 0, bytes);
	ring_base_init(&f->r, pages, bytes, slot_size);
	atomic_store_explicit(&f->r.shared->req_event, 1, memory_order_relaxed);
	atomic_store_explicit(&f->r.shared->rsp_event, 1, memory_order_relaxed);
}

/* Slots that can be filled now. */
static inline uint32_t ring_front_free(const struct ring_front *f)
{
	return f->r.mask + 1 - ring_idx_diff(f->req_prod_pvt, f->rsp_cons);
}

/* The next slot to write; the caller has checked ring_front_free(). */
static inline void *ring_front_next(struct ring_front *f)
{
	__builtin_prefetch(ring_slot(&f->r, f->req_prod_pvt + RING_AHEAD), 1);
	return ring_slot(&f->r, f->req_prod_pvt++);
}

/*
 * Publishes what was filled. Returns whether the backend must be notified.
 */
static inline bool ring_front_push(struct ring_front *f)
{
	ring_idx_t old = f->req_prod_pub, prod = f->req_prod_pvt;
	struct ring_shared *s = f->r.shared;

	if (prod == old)
		return false;
	f->req_prod_pub = prod;
	/* release: pairs with the acquire of req_prod in ring_back_avail() */
	atomic_store_explicit(&s->req_prod, prod, memory_order_release);
	/* full: pairs with the fence in ring_back_arm(); one of us sees the other */
	atomic_thread_fence(memory_order_seq_cst);
	return ring_idx_notify(prod, old,
			       atomic_load_explicit(&s->req_event, memory_order_relaxed));
}

/* Number of responses to take, or -EPROTO. */
static inline int ring_front_avail(struct ring_front *f)
{
	/* acquire: pairs with the release of rsp_prod in ring_back_push() */
	ring_idx_t prod =
		atomic_load_explicit(&f->r.shared->rsp_prod, memory_order_acquire);

	if (prod == f->rsp_seen && !f->broken)
		return (int)ring_idx_diff(prod, f->rsp_cons);
	/* a response needs a published request: the window ends there */
	if (f->broken || !ring_idx_prod_ok(prod, f->rsp_seen, f->rsp_cons,
					   ring_idx_diff(f->req_prod_pub, f->rsp_cons))) {
		f->broken = true;
		return -EPROTO;
	}
	f->rsp_seen = prod;
	return (int)ring_idx_diff(prod, f->rsp_cons);
}

/* Copies `len` bytes of the next response; ring_front_avail() was > 0. */
static inline void ring_copy_response(struct ring_front *f, void *dst, size_t len)
{
	__builtin_prefetch(ring_slot(&f->r, f->rsp_cons + RING_AHEAD));
	ring_slot_copy(&f->r, f->rsp_cons++, dst, 0, len);
}

/*
 * Asks for an event when the nth response from now is there; n requests or more
 * are published and unanswered. Returns what ring_front_avail() says afterwards:
 * do not sleep if that is n or more, or an error.
 */
static inline int ring_front_arm_nth(struct ring_front *f, uint32_t n)
{
	atomic_store_explicit(&f->r.shared->rsp_event, (ring_idx_t)(f->rsp_cons + n),
			      memory_order_relaxed);
	/* full: pairs with the fence in ring_back_push() */
	atomic_thread_fence(memory_order_seq_cst);
	return ring_front_avail(f);
}

/* At the next response: nonzero means do not sleep. */
static inline int ring_front_arm(struct ring_front *f)
{
	return ring_front_arm_nth(f, 1);
}

/* ------------------------------------------------------------------- back */

/* The serving end. */
struct ring_back {
	struct ring_base r;
	ring_idx_t req_cons;	 /* next request to take */
	ring_idx_t req_seen;	 /* last req_prod that passed the check */
	ring_idx_t rsp_prod_pvt; /* next response to fill */
	ring_idx_t rsp_prod_pub; /* published so far */
	bool broken;
};

/*
 * Attaches to pages that the frontend formatted. A ring in use is taken up at
 * its rsp_prod. Returns 0, or -EPROTO if its indexes cannot be.
 */
static inline int ring_back_init(struct ring_back *b, void *pages, size_t bytes,
				 size_t slot_size)
{
	ring_idx_t req, rsp;

	memset(b, 0, sizeof(*b));
	ring_base_init(&b->r, pages, bytes, slot_size);
	rsp = atomic_load_explicit(&b->r.shared->rsp_prod, memory_order_acquire);
	req = atomic_load_explicit(&b->r.shared->req_prod, memory_order_acquire);
	if (ring_idx_diff(req, rsp) > b->r.mask + 1)
		return -EPROTO;
	b->req_cons = b->req_seen = b->rsp_prod_pvt = b->rsp_prod_pub = rsp;
	return 0;
}

/* Number of requests to take, or -EPROTO. At most the ring's size. */
static inline int ring_back_avail(struct ring_back *b)
{
	/* acquire: pairs with the release of req_prod in ring_front_push() */
	ring_idx_t prod =
		atomic_load_explicit(&b->r.shared->req_prod, memory_order_acquire);

	if (prod == b->req_seen && !b->broken)
		return (int)ring_idx_diff(prod, b->req_cons);
	if (b->broken ||
	    !ring_idx_prod_ok(prod, b->req_seen, b->rsp_prod_pvt, b->r.mask + 1)) {
		b->broken = true;
		return -EPROTO;
	}
	b->req_seen = prod;
	return (int)ring_idx_diff(prod, b->req_cons);
}

/*
 * Copies `len` bytes at offset `from` of the next request; ring_back_avail()
 * was > 0. A request may be copied in pieces, no byte twice, and
 * ring_back_consume() ends it.
 */
static inline void ring_copy_request(const struct ring_back *b, void *dst, size_t from,
				     size_t len)
{
	ring_slot_copy(&b->r, b->req_cons, dst, from, len);
}

static inline void ring_back_consume(struct ring_back *b)
{
	b->req_cons++;
	ring_slot_soon(&b->r, b->req_cons + RING_AHEAD);
}

/*
 * The next response slot, zeroed over `len` bytes so that no padding leaks.
 * There is always one: each consumed request owes exactly one response.
 */
static inline void *ring_back_next(struct ring_back *b, size_t len)
{
	return memset(ring_slot(&b->r, b->rsp_prod_pvt++), 0, len);
}

/* Publishes the responses. Returns whether the frontend must be notified. */
static inline bool ring_back_push(struct ring_back *b)
{
	ring_idx_t old = b->rsp_prod_pub, prod = b->rsp_prod_pvt;
	struct ring_shared *s = b->r.shared;

	if (prod == old)
		return false;
	b->rsp_prod_pub = prod;
	/* release: pairs with the acquire of rsp_prod in ring_front_avail() */
	atomic_store_explicit(&s->rsp_prod, prod, memory_order_release);
	/* full: pairs with the fence in ring_front_arm() */
	atomic_thread_fence(memory_order_seq_cst);
	return ring_idx_notify(prod, old,
			       atomic_load_explicit(&s->rsp_event, memory_order_relaxed));
}

/*
 * Asks for an event at the next request. Returns what ring_back_avail() says
 * afterwards: nonzero means do not sleep.
 */
static inline int ring_back_arm(struct ring_back *b)
{
	atomic_store_explicit(&b->r.shared->req_event, (ring_idx_t)(b->req_cons + 1),
			      memory_order_relaxed);
	/* full: pairs with the fence in ring_front_push() */
	atomic_thread_fence(memory_order_seq_cst);
	return ring_back_avail(b);
}

#endif
