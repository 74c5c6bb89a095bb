/* SPDX-License-Identifier: MIT */
/*
 * Scan codes. Set 1 is the PC/XT's, set 2 the AT's, set 3 the 3270's (IBM PS/2 Hardware
 * Interface Technical Reference, keyboard section); keys have evdev's numbers
 * (linux/input-event-codes.h).
 */
#ifndef TANDEM_BACKENDS_PC_PS2KEYS_H
#define TANDEM_BACKENDS_PC_PS2KEYS_H

#include <stdbool.h>
#include <stdint.h>

#define PS2_KEYS     256u /* evdev codes below, at most */
#define PS2_CODES    8u
#define PS2_BREAK    0xf0
#define PS2_EXTENDED 0xe0

/*
 * What a key sends; 0 bytes: nothing. `with`: Alt is held with Print Screen, Ctrl with
 * Pause.
 */
unsigned ps2_codes(unsigned set, unsigned key, bool pressed, bool with,
		   uint8_t bytes[PS2_CODES]);
/* Its code in set 3; 0: none. */
uint8_t ps2_set3(unsigned key);
/* The 8042's translation of one byte, in place; *released is kept between them. False:
 * the byte is swallowed. */
bool ps2_translate(bool *released, uint8_t *byte);

#endif
