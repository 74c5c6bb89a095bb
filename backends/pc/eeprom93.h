/* SPDX-License-Identifier: MIT */
/*
 * A serial EEPROM 93C46: 64 words of 16 bits, three wires (CS, SK, DI) and DO, as
 * network cards keep their address in (Microchip 93C46B, DS21749). What is written
 * lasts until the card's end.
 */
#ifndef TANDEM_BACKENDS_PC_EEPROM93_H
#define TANDEM_BACKENDS_PC_EEPROM93_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EEPROM93_WORDS 64u

/* All of it is state, and saved as it is. */
struct eeprom93 {
	uint16_t word[EEPROM93_WORDS];
	uint16_t out;	/* what is shifted out, bit 15 next */
	uint16_t shift; /* what has been shifted in */
	uint8_t bits;	/* how much of that, the start bit included */
	uint8_t op;	/* 0: none yet */
	uint8_t addr;
	uint8_t left; /* bits of `out` */
	uint8_t cs, sk, dout, writable;
};

/* Deselected; its words stay. */
void eeprom93_reset(struct eeprom93 *e);
/* The wires' levels now. */
void eeprom93_set(struct eeprom93 *e, bool cs, bool sk, bool di);
/* Of a state that was read from a file: is it one? */
bool eeprom93_check(const struct eeprom93 *e);

#endif
