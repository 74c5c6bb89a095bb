/* SPDX-License-Identifier: MIT */
/* A PS/2 device's queue: arrays that are shifted, they are short. */
#include "backends/pc/ps2.h"

#include <string.h>

void ps2q_reply(struct ps2q *q, uint8_t byte)
{
	if (q->replies < PS2_REPLIES)
		q->reply[q->replies++] = byte;
}

bool ps2q_event(struct ps2q *q, const uint8_t *bytes, unsigned n)
{
	if (n > PS2_EVENTS - q->events)
		return false;
	for (unsigned i = 0; i < n; i++) {
		q->event[q->events] = bytes[i];
		q->end[q->events++] = i + 1 == n;
	}
	return true;
}

bool ps2q_empty(const struct ps2q *q)
{
	return !q->replies && !q->events;
}

uint8_t ps2q_pop(struct ps2q *q)
{
	if (q->replies && !q->mid) {
		q->last = q->reply[0];
		memmove(q->reply, q->reply + 1, --q->replies);
	} else {
		q->last = q->event[0];
		q->mid = !q->end[0];
		q->events--;
		memmove(q->event, q->event + 1, q->events);
		memmove(q->end, q->end + 1, q->events);
	}
	return q->last;
}

void ps2q_drop(struct ps2q *q)
{
	uint8_t keep = 0;

	while (q->mid && !q->end[keep])
		keep++;
	q->events = q->mid ? keep + 1 : 0;
}

bool ps2q_good(const struct ps2q *q)
{
	if (q->replies > PS2_REPLIES || q->events > PS2_EVENTS || q->mid > 1 ||
	    (q->mid && !q->events))
		return false;
	for (unsigned i = 0; i < q->events; i++)
		if (q->end[i] > 1)
			return false;
	return !q->events || q->end[q->events - 1];
}
