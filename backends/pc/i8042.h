/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller (Intel 8042 as the IBM PC/AT and PS/2 Technical References
 * describe it), a keyboard and a mouse.
 *
 *   0x60, 0x64   data; status and commands
 *   0x92         fast A20 and reset (port A of the PS/2)
 *   lines 1 (keyboard) and 12 (mouse)
 *
 * Bytes of the devices arrive I8042_BYTE_NS apart, as over their wires: a guest that
 * reads one twice gets the same again. Address line 20 is kept and told, but masks
 * nothing.
 */
#ifndef TANDEM_BACKENDS_PC_I8042_H
#define TANDEM_BACKENDS_PC_I8042_H

#include "backends/pc/bus.h"

#define I8042_BYTE_NS 300000u

struct i8042;

/* NULL: out of memory, ports taken. Freed by pcbus_fini(). */
struct i8042 *i8042_new(struct pcbus *b);

/*
 * A key, by evdev's code (linux/input-event-codes.h). The keyboard repeats what is held
 * by itself; presses of what is pressed are ignored.
 */
void i8042_key(struct i8042 *c, unsigned evdev_code, bool pressed);
/*
 * The pointer: movement to the right, downwards, and of the wheel towards the user;
 * buttons as they are now: 1 left, 2 right, 4 middle, 8 and 16 those at the side.
 */
void i8042_pointer(struct i8042 *c, int dx, int dy, int dz, unsigned buttons);
/* 1 Scroll Lock, 2 Num Lock, 4 Caps Lock: those that are lit. */
unsigned i8042_leds(const struct i8042 *c);

#endif
