/* SPDX-License-Identifier: MIT */
#include "backends/block/rangelock.h"

#include <string.h>

#define RANGELOCK_WRITER UINT16_MAX

struct slots {
	uint32_t first, nr;
};

static struct slots claim_slots(const struct rangelock_claim *c)
{
	uint64_t first = c->off / RANGELOCK_BLOCK;
	uint64_t nr = (c->off + c->len - 1) / RANGELOCK_BLOCK - first + 1;

	return (struct slots){ (uint32_t)(first % RANGELOCK_SLOTS),
			       nr < RANGELOCK_SLOTS ? (uint32_t)nr : RANGELOCK_SLOTS };
}

#define for_each_slot(i, n, s)                          \
	for (uint32_t n = 0, i = (s).first; n < (s).nr; \
	     n++, i = (i + 1) % RANGELOCK_SLOTS)

static bool claim_fits(const struct rangelock *r, const struct rangelock_claim *c)
{
	struct slots s = claim_slots(c);

	for_each_slot(i, n, s) if (c->write ? r->readers[i]
					    : r->readers[i] >=
						      RANGELOCK_WRITER - 1) return false;
	return true;
}

static bool claim_is_wanted(const struct rangelock *r, const struct rangelock_claim *c)
{
	struct slots s = claim_slots(c);

	for_each_slot(i, n, s) if (r->wanted[i]) return true;
	return false;
}

static void claim_enter(struct rangelock *r, const struct rangelock_claim *c)
{
	struct slots s = claim_slots(c);

	for_each_slot(i, n, s) r->readers[i] =
		c->write ? RANGELOCK_WRITER : r->readers[i] + 1;
}

static void claim_leave(struct rangelock *r, const struct rangelock_claim *c)
{
	struct slots s = claim_slots(c);

	for_each_slot(i, n, s) r->readers[i] = c->write ? 0 : r->readers[i] - 1;
}

static void claim_want(struct rangelock *r, const struct rangelock_claim *c, int delta)
{
	struct slots s = claim_slots(c);

	if (!c->write)
		return;
	for_each_slot(i, n, s) r->wanted[i] = (uint16_t)(r->wanted[i] + delta);
}

void rangelock_init(struct rangelock *r)
{
	memset(r, 0, sizeof(*r));
	r->tail = &r->waiting;
	pthread_mutex_init(&r->lock, NULL);
}

void rangelock_exit(struct rangelock *r)
{
	pthread_mutex_destroy(&r->lock);
}

bool rangelock_take(struct rangelock *r, struct rangelock_claim *c)
{
	bool now;

	pthread_mutex_lock(&r->lock);
	now = claim_fits(r, c) && !(r->waiting && claim_is_wanted(r, c));
	if (now) {
		claim_enter(r, c);
	} else {
		claim_want(r, c, 1);
		c->next = NULL;
		*r->tail = c;
		r->tail = &c->next;
	}
	pthread_mutex_unlock(&r->lock);
	return now;
}

void rangelock_give(struct rangelock *r, struct rangelock_claim *c)
{
	pthread_mutex_lock(&r->lock);
	claim_leave(r, c);
	while ((c = r->waiting) && claim_fits(r, c)) {
		r->waiting = c->next;
		if (!r->waiting)
			r->tail = &r->waiting;
		claim_want(r, c, -1);
		claim_enter(r, c);
		c->granted(c);
	}
	pthread_mutex_unlock(&r->lock);
}
