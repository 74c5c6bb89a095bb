/* SPDX-License-Identifier: MIT */
/*
 * What a PS/2 device sends: answers to commands, which go first, and events, which come
 * whole or not at all. Bounded: what finds no room is not sent.
 */
#ifndef TANDEM_BACKENDS_PC_PS2_H
#define TANDEM_BACKENDS_PC_PS2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PS2_REPLIES 16u
#define PS2_EVENTS  64u

#define PS2_ACK	   0xfa
#define PS2_RESEND 0xfe
#define PS2_BAT_OK 0xaa

/* Also its saved form. */
struct ps2q {
	uint8_t reply[PS2_REPLIES], replies; /* the first at 0 */
	uint8_t event[PS2_EVENTS], end[PS2_EVENTS], events;
	uint8_t mid;  /* an event has begun: no answer before its end */
	uint8_t last; /* byte that was sent */
};

void ps2q_reply(struct ps2q *q, uint8_t byte);
/* False: no room. */
bool ps2q_event(struct ps2q *q, const uint8_t *bytes, unsigned n);
bool ps2q_empty(const struct ps2q *q);
/* The next byte, of one that is not empty. */
uint8_t ps2q_pop(struct ps2q *q);
/* Events that have not begun are forgotten. */
void ps2q_drop(struct ps2q *q);
/* Of one that somebody may have written. */
bool ps2q_good(const struct ps2q *q);

#endif
