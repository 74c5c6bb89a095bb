/* SPDX-License-Identifier: MIT */
/* The cache of persistent grants: open addressing over a fixed pool of entries. */
#include "backends/pgrant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PGRANT_TRIM_NS 100000000ull   /* 100 ms */
#define PGRANT_IDLE_NS 60000000000ull /* 60 s */
#define PGRANT_SHARE   20	      /* a twentieth at a time */

static uint32_t pgrant_hash(const struct pgrant *pg, grant_ref_t ref)
{
	return (ref * 0x9e3779b1u) >> pg->slot_shift;
}

static uint32_t pgrant_mask(const struct pgrant *pg)
{
	return (uint32_t)((1ull << (32 - pg->slot_shift)) - 1);
}

int pgrant_init(struct pgrant *pg, struct gnttab_mapper *m, uint32_t max)
{
	uint32_t bits = 1;

	memset(pg, 0, sizeof(*pg));
	pg->mapper = m;
	pg->max = max;
	while ((1ull << bits) < 2ull * max)
		bits++;
	pg->slot_shift = 32 - bits;
	if (!max)
		return 0;
	pg->entries = calloc(max, sizeof(*pg->entries));
	pg->slots = calloc(1ull << bits, sizeof(*pg->slots));
	if (pg->entries && pg->slots)
		return 0;
	free(pg->entries);
	free(pg->slots);
	memset(pg, 0, sizeof(*pg));
	return -ENOMEM;
}

uint32_t pgrant_get(struct pgrant *pg, grant_ref_t ref, uint64_t now)
{
	struct pgrant_entry *e;
	uint32_t i, slot;

	if (!pg->used)
		return PGRANT_NONE;
	for (i = pgrant_hash(pg, ref); (slot = pg->slots[i]);
	     i = (i + 1) & pgrant_mask(pg)) {
		e = &pg->entries[slot - 1];
		if (e->ref != ref)
			continue;
		e->users++;
		e->last_used = now;
		return slot - 1;
	}
	return PGRANT_NONE;
}

uint32_t pgrant_add(struct pgrant *pg, grant_ref_t ref, void *addr, uint64_t now)
{
	uint32_t n, i;

	if (pg->used >= pg->max)
		return PGRANT_NONE;
	for (n = pg->free_hint; pg->entries[n].addr; n = n + 1 < pg->max ? n + 1 : 0)
		;
	pg->free_hint = n;
	for (i = pgrant_hash(pg, ref); pg->slots[i]; i = (i + 1) & pgrant_mask(pg))
		;
	pg->slots[i] = n + 1;
	pg->entries[n] = (struct pgrant_entry){ ref, 1, addr, now };
	pg->used++;
	return n;
}

void pgrant_put(struct pgrant *pg, uint32_t entry)
{
	pg->entries[entry].users--;
}

/* Deletion by backward shift, so that look-ups need no tombstones. */
static void pgrant_unhash(struct pgrant *pg, uint32_t entry)
{
	uint32_t mask = pgrant_mask(pg), i, j, home;

	for (i = pgrant_hash(pg, pg->entries[entry].ref); pg->slots[i] != entry + 1;
	     i = (i + 1) & mask)
		;
	for (j = (i + 1) & mask; pg->slots[j]; j = (j + 1) & mask) {
		home = pgrant_hash(pg, pg->entries[pg->slots[j] - 1].ref);
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		pg->slots[i] = pg->slots[j];
		i = j;
	}
	pg->slots[i] = 0;
}

static void pgrant_drop(struct pgrant *pg, uint32_t entry)
{
	struct pgrant_entry *e = &pg->entries[entry];

	pgrant_unhash(pg, entry);
	gnttab_unmap_refs(pg->mapper, &e->ref, 1, GNTTAB_WRITE, &e->addr);
	e->addr = NULL;
	pg->used--;
}

/* The unused entry that was used longest ago, or PGRANT_NONE. */
static uint32_t pgrant_oldest(const struct pgrant *pg)
{
	uint32_t best = PGRANT_NONE;

	for (uint32_t i = 0; i < pg->max; i++) {
		const struct pgrant_entry *e = &pg->entries[i];

		if (e->addr && !e->users &&
		    (best == PGRANT_NONE || e->last_used < pg->entries[best].last_used))
			best = i;
	}
	return best;
}

uint64_t pgrant_trim(struct pgrant *pg, uint64_t now)
{
	uint32_t i, n;

	if (!pg->used)
		return 0;
	if (now - pg->last_trim < PGRANT_TRIM_NS)
		return pg->last_trim + PGRANT_TRIM_NS;
	pg->last_trim = now;
	if (pg->used == pg->max)
		for (n = 0; n < pg->max / PGRANT_SHARE + 1; n++) {
			i = pgrant_oldest(pg);
			if (i == PGRANT_NONE)
				break;
			pgrant_drop(pg, i);
		}
	for (i = 0; i < pg->max; i++)
		if (pg->entries[i].addr && !pg->entries[i].users &&
		    now - pg->entries[i].last_used > PGRANT_IDLE_NS)
			pgrant_drop(pg, i);
	return pg->used ? now + PGRANT_IDLE_NS : 0;
}

void pgrant_exit(struct pgrant *pg)
{
	for (uint32_t i = 0; i < pg->max; i++)
		if (pg->entries[i].addr)
			pgrant_drop(pg, i);
	free(pg->entries);
	free(pg->slots);
}
