/* SPDX-License-Identifier: MIT */
/*
 * The byte rings of the console and xenstore pages: a buffer of a power of two and
 * two free-running indices that the guest may set to anything. A ring whose indices
 * are further apart than its size is long holds nothing and has no room.
 */
#ifndef TANDEM_HV_KVM_BYTERING_H
#define TANDEM_HV_KVM_BYTERING_H

#include <stddef.h>
#include <stdint.h>

struct bytering {
	char *buf;
	uint32_t size;
	uint32_t *prod, *cons; /* in shared memory */
};

static inline uint32_t bytering_used(const struct bytering *r)
{
	/* acquire: the bytes were stored before the index; pairs with the guest's
	 * barrier before it moves prod (or cons, where it is the reader) */
	uint32_t prod = __atomic_load_n(r->prod, __ATOMIC_ACQUIRE);
	uint32_t cons = __atomic_load_n(r->cons, __ATOMIC_ACQUIRE);

	return prod - cons;
}

/* What can be taken in one piece, and where. */
static inline size_t bytering_peek(const struct bytering *r, const char **at)
{
	uint32_t used = bytering_used(r);
	uint32_t from = __atomic_load_n(r->cons, __ATOMIC_RELAXED) & (r->size - 1);

	if (used > r->size)
		return 0;
	*at = r->buf + from;
	return used < r->size - from ? used : r->size - from;
}

/* Where something can be put in one piece, and how much. */
static inline size_t bytering_room(const struct bytering *r, char **at)
{
	uint32_t used = bytering_used(r), room = r->size - used;
	uint32_t from = __atomic_load_n(r->prod, __ATOMIC_RELAXED) & (r->size - 1);

	if (used > r->size)
		return 0;
	*at = r->buf + from;
	return room < r->size - from ? room : r->size - from;
}

/* n bytes were taken, or put. Release: what was done to them comes before. */
static inline void bytering_move(uint32_t *index, size_t n)
{
	uint32_t old = __atomic_load_n(index, __ATOMIC_RELAXED);

	__atomic_store_n(index, old + (uint32_t)n, __ATOMIC_RELEASE);
	/* full: the other end looks at this index before it sleeps, and this one looks at
	 * the other's next */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
