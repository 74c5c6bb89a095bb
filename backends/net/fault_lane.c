/* SPDX-License-Identifier: MIT */
/* The lanes of the fault port. */
#include "backends/net/fault_lane.h"

#include <stdlib.h>

#define FAULT_DEPTH 1024u /* packets of a lane; more are lost */

struct fault_held *fault_held_new(const struct netbuf *b)
{
	struct fault_held *h = malloc(sizeof(*h) + b->len);

	if (!h)
		return NULL;
	h->meta = b->meta;
	h->len = b->len;
	h->due = 0;
	h->after = UINT64_MAX;
	netbuf_copy(b, 0, h->data, b->len);
	return h;
}

void fault_held_corrupt(struct fault_held *h, uint32_t bit)
{
	bit %= h->len * 8;
	h->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	h->meta.data_validated = false;
}

bool fault_lane_add(struct fault_lane *lane, struct fault_held *h)
{
	if (lane->count == FAULT_DEPTH) {
		free(h);
		return false;
	}
	h->next = NULL;
	*lane->tail = h;
	lane->tail = &h->next;
	lane->count++;
	return true;
}

struct fault_held **fault_lane_due(struct fault_lane *lane, uint64_t now)
{
	for (struct fault_held **p = &lane->first; *p; p = &(*p)->next)
		if ((*p)->due <= now || (*p)->after <= lane->passed)
			return p;
	return NULL;
}

struct fault_held *fault_lane_remove(struct fault_lane *lane, struct fault_held **p)
{
	struct fault_held *h = *p;

	*p = h->next;
	if (!*p)
		lane->tail = p;
	lane->count--;
	return h;
}

uint64_t fault_lane_next(const struct fault_lane *lane)
{
	uint64_t at = UINT64_MAX;

	for (const struct fault_held *h = lane->first; h; h = h->next)
		if (h->due < at)
			at = h->due;
	return at;
}

void fault_lane_free(struct fault_lane *lane)
{
	while (lane->first)
		free(fault_lane_remove(lane, &lane->first));
}
