/* SPDX-License-Identifier: MIT */
/*
 * What a person does at the screen, for the devices that tell the guest (keyboard,
 * mouse, tablet). Keys and buttons are Linux's codes (linux/input-event-codes.h): the
 * place of a key on a keyboard, whatever is printed on it.
 */
#ifndef TANDEM_BACKENDS_PC_INPUT_H
#define TANDEM_BACKENDS_PC_INPUT_H

#include <stdbool.h>

#define PC_INPUT_PLACES 32768u /* a screen's width, and height, for `place` */

/* Buttons that are down. */
#define PC_BUTTON_LEFT	 1u
#define PC_BUTTON_RIGHT	 2u
#define PC_BUTTON_MIDDLE 4u

/* Called with the board's lock. Each is optional. */
struct pc_input_ops {
	/* KEY_*; a key that is held comes again as pressed. */
	void (*key)(void *arg, unsigned code, bool pressed);
	/* The pointer moved by dots, to the right and down, the wheel by clicks, towards
	 * the person. */
	void (*pointer)(void *arg, int dx, int dy, int dz, unsigned buttons);
	/* The same for a tablet: it is there now, 0 to PC_INPUT_PLACES - 1 from the left
	 * and the top. */
	void (*place)(void *arg, unsigned x, unsigned y, int dz, unsigned buttons);
};

struct pc_input {
	const struct pc_input_ops *ops;
	void *arg;
};

#endif
