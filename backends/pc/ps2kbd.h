/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 keyboard with 102 keys and those of multimedia (IBM PS/2 Hardware Interface
 * Technical Reference): scan code sets 1 to 3, LEDs, typematic. In set 3 every key is
 * typematic and tells its release until the host says otherwise.
 */
#ifndef TANDEM_BACKENDS_PC_PS2KBD_H
#define TANDEM_BACKENDS_PC_PS2KBD_H

#include "backends/pc/bus.h"
#include "backends/pc/ps2.h"
#include "backends/pc/ps2keys.h"

#define PS2KBD_CODES3 0x90u

/* Also its saved form. */
struct ps2kbd_state {
	struct ps2q q;
	uint8_t set, enabled, leds, rate;
	uint8_t command;	     /* whose parameter is awaited; 0: none */
	uint8_t held;		     /* the key that repeats; 0: none */
	uint8_t with;		     /* how Print Screen and Pause were pressed */
	uint8_t type[PS2KBD_CODES3]; /* of set 3's keys */
	uint8_t down[PS2_KEYS / 8];  /* keys, bits */
};

/* Its owner's. */
struct ps2kbd {
	struct ps2kbd_state s;
	struct pcbus *b;
	struct pctimer repeat;
	void (*ready)(void *arg); /* there is something in s.q */
	void *arg;
};

void ps2kbd_init(struct ps2kbd *k, struct pcbus *b, void (*ready)(void *arg), void *arg);
void ps2kbd_reset(struct ps2kbd *k); /* as after power on, but for keys that are down */
/* A byte from the host. */
void ps2kbd_write(struct ps2kbd *k, uint8_t byte);
/* What is pressed already, or not, is ignored: it repeats keys itself. */
void ps2kbd_key(struct ps2kbd *k, unsigned code, bool pressed);
/* 0 or -EBADMSG. A key that is held repeats on. */
int ps2kbd_load(struct ps2kbd *k, const struct ps2kbd_state *s);

#endif
