/* SPDX-License-Identifier: MIT */
/* ringproto's arithmetic as the compiler sees it, for ring_z3.py to call. */
#include "ringproto/grant.h"
#include "ringproto/ring_idx.h"

uint32_t c_ring_idx_diff(uint32_t a, uint32_t b);
int c_ring_idx_prod_ok(uint32_t prod, uint32_t seen, uint32_t base, uint32_t size);
int c_ring_idx_notify(uint32_t prod, uint32_t old, uint32_t event);
uint32_t c_gref_make(uint32_t arena, uint32_t entry);
uint32_t c_gref_arena(uint32_t ref);
uint32_t c_gref_entry(uint32_t ref);

uint32_t c_ring_idx_diff(uint32_t a, uint32_t b)
{
	return ring_idx_diff(a, b);
}

int c_ring_idx_prod_ok(uint32_t prod, uint32_t seen, uint32_t base, uint32_t size)
{
	return ring_idx_prod_ok(prod, seen, base, size);
}

int c_ring_idx_notify(uint32_t prod, uint32_t old, uint32_t event)
{
	return ring_idx_notify(prod, old, event);
}

uint32_t c_gref_make(uint32_t arena, uint32_t entry)
{
	return gref_make(arena, entry);
}

uint32_t c_gref_arena(uint32_t ref)
{
	return gref_arena(ref);
}

uint32_t c_gref_entry(uint32_t ref)
{
	return gref_entry(ref);
}
