/* SPDX-License-Identifier: MIT */
/* The table of static grant mappings: built whole, half full at most. */
#include "backends/net/netgref.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NETGREF_SEEDS 8	 /* that a size is tried with */
#define NETGREF_BITS  16 /* log2 of the most lines: none ever needs near as many */

/* 0; -EEXIST; -ENOSPC: not within NETGREF_PROBES lines. */
static int netgref_put(struct netgref *t, const struct netgref_entry *from)
{
	for (uint32_t i = 0; i < NETGREF_PROBES; i++) {
		struct netgref_entry *e = &t->e[netgref_line(t, from->ref, i)];

		for (uint32_t k = 0; k < NETGREF_LINE; k++) {
			if (!e[k].addr) {
				e[k] = *from;
				e[k].index = (uint16_t)t->nr++;
				return 0;
			}
			if (e[k].ref == from->ref)
				return -EEXIST;
		}
	}
	return -ENOSPC;
}

static int netgref_try(const struct netgref_entry *e, uint32_t n, uint32_t bits,
		       struct netgref **out)
{
	size_t size = sizeof(**out) + (sizeof(*e) * NETGREF_LINE << bits);
	struct netgref *t = aligned_alloc(64, size);
	int err = t ? 0 : -ENOMEM;

	if (t) {
		memset(t, 0, size);
		t->shift = 32 - bits;
		if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
			err = -ENOMEM;
		t->seed |= 1;
	}
	for (uint32_t i = 0; !err && i < n; i++)
		err = netgref_put(t, &e[i]);
	if (err)
		netgref_free(t);
	else
		*out = t;
	return err;
}

int netgref_build(const struct netgref_entry *e, uint32_t n, struct netgref **t)
{
	uint32_t bits = 1;
	int err = n > NETGREF_MAX ? -ENOMEM : -ENOSPC;

	*t = NULL;
	if (!n)
		return 0;
	while ((NETGREF_LINE << bits) < 2 * n)
		bits++;
	for (; err == -ENOSPC && bits <= NETGREF_BITS; bits++)
		for (int i = 0; err == -ENOSPC && i < NETGREF_SEEDS; i++)
			err = netgref_try(e, n, bits, t);
	return err == -ENOSPC ? -ENOMEM : err;
}

void netgref_free(struct netgref *t)
{
	free(t);
}

uint32_t netgref_list(const struct netgref *t, struct netgref_entry *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; t && n < t->nr; i++)
		if (t->e[i].addr)
			e[n++] = t->e[i];
	return n;
}
