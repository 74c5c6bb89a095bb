/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 mouse (IBM PS/2 Hardware Interface Technical Reference, auxiliary device) that
 * becomes an IntelliMouse, with a wheel (ID 3) or five buttons besides (ID 4), where the
 * host knocks by sample rates 200, 100, 80 or then 200, 200, 80. A count is a count: the
 * resolution is kept, but changes nothing.
 */
#ifndef TANDEM_BACKENDS_PC_PS2MOUSE_H
#define TANDEM_BACKENDS_PC_PS2MOUSE_H

#include "backends/pc/bus.h"
#include "backends/pc/ps2.h"

/* Also its saved form. */
struct ps2mouse_state {
	int16_t dx, dy, dz; /* not told yet; y grows upwards */
	struct ps2q q;
	uint8_t id, enabled, remote, wrap, twice;
	uint8_t resolution, rate;
	uint8_t command;       /* whose parameter is awaited; 0: none */
	uint8_t knock[2];      /* the last rates */
	uint8_t buttons, told; /* now, and in the last packet */
};

_Static_assert(sizeof(struct ps2mouse_state) == 6 + sizeof(struct ps2q) + 12,
	       "no padding in a saved state");

/* Its owner's. */
struct ps2mouse {
	struct ps2mouse_state s;
	struct pcbus *b;
	struct pctimer sample; /* runs: no packet before its end */
	void (*ready)(void *arg);
	void *arg;
};

void ps2mouse_init(struct ps2mouse *m, struct pcbus *b, void (*ready)(void *arg),
		   void *arg);
void ps2mouse_reset(struct ps2mouse *m);
void ps2mouse_write(struct ps2mouse *m, uint8_t byte);
/* As i8042_pointer(). */
void ps2mouse_move(struct ps2mouse *m, int dx, int dy, int dz, unsigned buttons);
/* All that was queued has been taken. */
void ps2mouse_taken(struct ps2mouse *m);
/* 0 or -EBADMSG. */
int ps2mouse_load(struct ps2mouse *m, const struct ps2mouse_state *s);

#endif
