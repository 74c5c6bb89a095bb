/* SPDX-License-Identifier: MIT */
/*
 * Static grant mappings (netif.h, Static Grants): which references are mapped
 * for as long as the frontend says, and where. One table serves all queues of
 * a vif.
 *
 * A table never changes. The control thread builds a new one, gives it to each
 * queue and frees the old one, and unmaps what is gone, when no queue has it
 * any more.
 *
 * A look-up reads one cache line unless that is full, and NETGREF_PROBES at
 * most, whatever references the guest chose: the hash is seeded at random, and
 * a table that would need more is built again with another seed.
 */
#ifndef TANDEM_BACKENDS_NET_NETGREF_H
#define TANDEM_BACKENDS_NET_NETGREF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringproto/grant.h"

#define NETGREF_MAX    4096u /* entries a vif */
#define NETGREF_LINE   4u    /* entries in a cache line */
#define NETGREF_PROBES 4u    /* lines */

struct netgref_entry {
	grant_ref_t ref;
	uint16_t index; /* 0 .. nr - 1, of this table's */
	bool readonly;
	void *addr; /* NULL: empty */
};
_Static_assert(sizeof(struct netgref_entry) * NETGREF_LINE == 64, "one cache line");

struct netgref {
	uint32_t seed;
	uint32_t shift; /* of the hash: 32 - log2(lines) */
	uint32_t nr;
	_Alignas(64) struct netgref_entry e[];
};

/* The table of e[0..n), n <= NETGREF_MAX; their index is set. NULL for none.
 * -EEXIST: a reference is there twice. -ENOMEM */
int netgref_build(const struct netgref_entry *e, uint32_t n, struct netgref **t);
void netgref_free(struct netgref *t); /* of the table alone; NULL is allowed */
/* The entries, in any order, into e[]. How many; of NULL: 0. */
uint32_t netgref_list(const struct netgref *t, struct netgref_entry *e);

/* The first entry of line number i that a reference may stand in. The second
 * product spreads what the first left in rows: references in a row are the rule. */
static inline uint32_t netgref_line(const struct netgref *t, grant_ref_t ref, uint32_t i)
{
	uint32_t lines = (uint32_t)(UINT64_C(1) << (32 - t->shift)), h = ref * t->seed;

	h = ((h ^ h >> 16) * 0x9e3779b1u) >> t->shift;
	return ((h + i) & (lines - 1)) * NETGREF_LINE;
}

/* The entry of a reference; NULL: it has none, or t is NULL. */
static inline const struct netgref_entry *netgref_entry(const struct netgref *t,
							grant_ref_t ref)
{
	if (!t)
		return NULL;
	for (uint32_t i = 0; i < NETGREF_PROBES; i++) {
		const struct netgref_entry *e = &t->e[netgref_line(t, ref, i)];

		for (uint32_t k = 0; k < NETGREF_LINE; k++)
			if (e[k].ref == ref && e[k].addr)
				return &e[k];
		if (!e[NETGREF_LINE - 1].addr)
			return NULL;
	}
	return NULL;
}

/* Where a reference is mapped; NULL: it is not, or not for writing. */
static inline void *netgref_find(const struct netgref *t, grant_ref_t ref, bool write)
{
	const struct netgref_entry *e = netgref_entry(t, ref);

	return e && !(write && e->readonly) ? e->addr : NULL;
}

#endif
