/* SPDX-License-Identifier: MIT */
/* Which codes a key has in the three sets, and how the 8042 makes set 1 of set 2. */
#include "backends/pc/ps2keys.h"

#include <linux/input-event-codes.h>

/* Set 2's make codes to set 1's: the 8042's own table. */
static const uint8_t to_set1[128] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e,
	0x0f, 0x29, 0x59, 0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71,
	0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b, 0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04,
	0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d, 0x69, 0x31, 0x30, 0x23,
	0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f, 0x6b,
	0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19,
	0x0c, 0x61, 0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c,
	0x1b, 0x75, 0x2b, 0x63, 0x76, 0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b,
	0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f, 0x52, 0x53, 0x50, 0x4c, 0x4d,
	0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

#define F7_SET1	   0x41
#define F7_SET2	   0x83
#define SYSRQ_SET1 0x54
#define SYSRQ_SET2 0x84
#define BREAK_SET1 0x80

/* By evdev's code: set 1's make code, set 3's, and whether 0xe0 stands before the
 * first and set 2's. */
static const struct {
	uint8_t set1, set3;
	bool e0;
} keys[PS2_KEYS] = {
	[KEY_ESC] = { 0x01, 0x08, false },
	[KEY_1] = { 0x02, 0x16, false },
	[KEY_2] = { 0x03, 0x1e, false },
	[KEY_3] = { 0x04, 0x26, false },
	[KEY_4] = { 0x05, 0x25, false },
	[KEY_5] = { 0x06, 0x2e, false },
	[KEY_6] = { 0x07, 0x36, false },
	[KEY_7] = { 0x08, 0x3d, false },
	[KEY_8] = { 0x09, 0x3e, false },
	[KEY_9] = { 0x0a, 0x46, false },
	[KEY_0] = { 0x0b, 0x45, false },
	[KEY_MINUS] = { 0x0c, 0x4e, false },
	[KEY_EQUAL] = { 0x0d, 0x55, false },
	[KEY_BACKSPACE] = { 0x0e, 0x66, false },
	[KEY_TAB] = { 0x0f, 0x0d, false },
	[KEY_Q] = { 0x10, 0x15, false },
	[KEY_W] = { 0x11, 0x1d, false },
	[KEY_E] = { 0x12, 0x24, false },
	[KEY_R] = { 0x13, 0x2d, false },
	[KEY_T] = { 0x14, 0x2c, false },
	[KEY_Y] = { 0x15, 0x35, false },
	[KEY_U] = { 0x16, 0x3c, false },
	[KEY_I] = { 0x17, 0x43, false },
	[KEY_O] = { 0x18, 0x44, false },
	[KEY_P] = { 0x19, 0x4d, false },
	[KEY_LEFTBRACE] = { 0x1a, 0x54, false },
	[KEY_RIGHTBRACE] = { 0x1b, 0x5b, false },
	[KEY_ENTER] = { 0x1c, 0x5a, false },
	[KEY_LEFTCTRL] = { 0x1d, 0x11, false },
	[KEY_A] = { 0x1e, 0x1c, false },
	[KEY_S] = { 0x1f, 0x1b, false },
	[KEY_D] = { 0x20, 0x23, false },
	[KEY_F] = { 0x21, 0x2b, false },
	[KEY_G] = { 0x22, 0x34, false },
	[KEY_H] = { 0x23, 0x33, false },
	[KEY_J] = { 0x24, 0x3b, false },
	[KEY_K] = { 0x25, 0x42, false },
	[KEY_L] = { 0x26, 0x4b, false },
	[KEY_SEMICOLON] = { 0x27, 0x4c, false },
	[KEY_APOSTROPHE] = { 0x28, 0x52, false },
	[KEY_GRAVE] = { 0x29, 0x0e, false },
	[KEY_LEFTSHIFT] = { 0x2a, 0x12, false },
	[KEY_BACKSLASH] = { 0x2b, 0x5c, false },
	[KEY_Z] = { 0x2c, 0x1a, false },
	[KEY_X] = { 0x2d, 0x22, false },
	[KEY_C] = { 0x2e, 0x21, false },
	[KEY_V] = { 0x2f, 0x2a, false },
	[KEY_B] = { 0x30, 0x32, false },
	[KEY_N] = { 0x31, 0x31, false },
	[KEY_M] = { 0x32, 0x3a, false },
	[KEY_COMMA] = { 0x33, 0x41, false },
	[KEY_DOT] = { 0x34, 0x49, false },
	[KEY_SLASH] = { 0x35, 0x4a, false },
	[KEY_RIGHTSHIFT] = { 0x36, 0x59, false },
	[KEY_KPASTERISK] = { 0x37, 0x7e, false },
	[KEY_LEFTALT] = { 0x38, 0x19, false },
	[KEY_SPACE] = { 0x39, 0x29, false },
	[KEY_CAPSLOCK] = { 0x3a, 0x14, false },
	[KEY_F1] = { 0x3b, 0x07, false },
	[KEY_F2] = { 0x3c, 0x0f, false },
	[KEY_F3] = { 0x3d, 0x17, false },
	[KEY_F4] = { 0x3e, 0x1f, false },
	[KEY_F5] = { 0x3f, 0x27, false },
	[KEY_F6] = { 0x40, 0x2f, false },
	[KEY_F7] = { 0x41, 0x37, false },
	[KEY_F8] = { 0x42, 0x3f, false },
	[KEY_F9] = { 0x43, 0x47, false },
	[KEY_F10] = { 0x44, 0x4f, false },
	[KEY_NUMLOCK] = { 0x45, 0x76, false },
	[KEY_SCROLLLOCK] = { 0x46, 0x5f, false },
	[KEY_KP7] = { 0x47, 0x6c, false },
	[KEY_KP8] = { 0x48, 0x75, false },
	[KEY_KP9] = { 0x49, 0x7d, false },
	[KEY_KPMINUS] = { 0x4a, 0x84, false },
	[KEY_KP4] = { 0x4b, 0x6b, false },
	[KEY_KP5] = { 0x4c, 0x73, false },
	[KEY_KP6] = { 0x4d, 0x74, false },
	[KEY_KPPLUS] = { 0x4e, 0x7c, false },
	[KEY_KP1] = { 0x4f, 0x69, false },
	[KEY_KP2] = { 0x50, 0x72, false },
	[KEY_KP3] = { 0x51, 0x7a, false },
	[KEY_KP0] = { 0x52, 0x70, false },
	[KEY_KPDOT] = { 0x53, 0x71, false },
	[KEY_102ND] = { 0x56, 0x13, false },
	[KEY_F11] = { 0x57, 0x56, false },
	[KEY_F12] = { 0x58, 0x5e, false },
	[KEY_RO] = { 0x73, 0x00, false },
	[KEY_HENKAN] = { 0x79, 0x86, false },
	[KEY_KATAKANAHIRAGANA] = { 0x70, 0x87, false },
	[KEY_MUHENKAN] = { 0x7b, 0x85, false },
	[KEY_KPENTER] = { 0x1c, 0x79, true },
	[KEY_RIGHTCTRL] = { 0x1d, 0x58, true },
	[KEY_KPSLASH] = { 0x35, 0x77, true },
	[KEY_RIGHTALT] = { 0x38, 0x39, true },
	[KEY_HOME] = { 0x47, 0x6e, true },
	[KEY_UP] = { 0x48, 0x63, true },
	[KEY_PAGEUP] = { 0x49, 0x6f, true },
	[KEY_LEFT] = { 0x4b, 0x61, true },
	[KEY_RIGHT] = { 0x4d, 0x6a, true },
	[KEY_END] = { 0x4f, 0x65, true },
	[KEY_DOWN] = { 0x50, 0x60, true },
	[KEY_PAGEDOWN] = { 0x51, 0x6d, true },
	[KEY_INSERT] = { 0x52, 0x67, true },
	[KEY_DELETE] = { 0x53, 0x64, true },
	[KEY_MUTE] = { 0x20, 0x00, true },
	[KEY_VOLUMEDOWN] = { 0x2e, 0x00, true },
	[KEY_VOLUMEUP] = { 0x30, 0x00, true },
	[KEY_POWER] = { 0x5e, 0x00, true },
	[KEY_KPEQUAL] = { 0x59, 0x00, false },
	[KEY_KPCOMMA] = { 0x7e, 0x00, false },
	[KEY_YEN] = { 0x7d, 0x00, false },
	[KEY_LEFTMETA] = { 0x5b, 0x8b, true },
	[KEY_RIGHTMETA] = { 0x5c, 0x8c, true },
	[KEY_COMPOSE] = { 0x5d, 0x8d, true },
	[KEY_STOP] = { 0x68, 0x00, true },
	[KEY_CALC] = { 0x21, 0x00, true },
	[KEY_SLEEP] = { 0x5f, 0x00, true },
	[KEY_WAKEUP] = { 0x63, 0x00, true },
	[KEY_MAIL] = { 0x6c, 0x00, true },
	[KEY_BOOKMARKS] = { 0x66, 0x00, true },
	[KEY_BACK] = { 0x6a, 0x00, true },
	[KEY_FORWARD] = { 0x69, 0x00, true },
	[KEY_NEXTSONG] = { 0x19, 0x00, true },
	[KEY_PLAYPAUSE] = { 0x22, 0x00, true },
	[KEY_PREVIOUSSONG] = { 0x10, 0x00, true },
	[KEY_STOPCD] = { 0x24, 0x00, true },
	[KEY_HOMEPAGE] = { 0x32, 0x00, true },
	[KEY_REFRESH] = { 0x67, 0x00, true },
	[KEY_SEARCH] = { 0x65, 0x00, true },
};

bool ps2_translate(bool *released, uint8_t *byte)
{
	if (*byte == PS2_BREAK) {
		*released = true;
		return false;
	}
	if (*byte < sizeof(to_set1))
		*byte = to_set1[*byte];
	else if (*byte == F7_SET2)
		*byte = F7_SET1;
	else if (*byte == SYSRQ_SET2)
		*byte = SYSRQ_SET1;
	if (*released)
		*byte |= BREAK_SET1;
	*released = false;
	return true;
}

static uint8_t to_set2(uint8_t set1)
{
	if (set1 == F7_SET1)
		return F7_SET2;
	for (unsigned code = 1; code < sizeof(to_set1); code++)
		if (to_set1[code] == set1)
			return (uint8_t)code;
	return 0;
}

/* In set 2 */
static unsigned sequence(unsigned key, bool pressed, uint8_t *bytes)
{
	unsigned n = 0;

	if (keys[key].e0)
		bytes[n++] = PS2_EXTENDED;
	if (!pressed)
		bytes[n++] = PS2_BREAK;
	bytes[n++] = to_set2(keys[key].set1);
	return n;
}

/* In place */
static unsigned translate_all(uint8_t *bytes, unsigned n)
{
	bool released = false;
	unsigned out = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t byte = bytes[i];

		if (ps2_translate(&released, &byte))
			bytes[out++] = byte;
	}
	return out;
}

static unsigned copy(uint8_t *to, const uint8_t *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = from[i];
	return n;
}

/* Print Screen comes with a shift that nobody presses; Alt makes another key of it. */
static unsigned print_screen(bool pressed, bool alt, uint8_t *bytes)
{
	static const uint8_t make[] = { 0xe0, 0x12, 0xe0, 0x7c };
	static const uint8_t release[] = { 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12 };
	static const uint8_t alt_make[] = { SYSRQ_SET2 };
	static const uint8_t alt_release[] = { PS2_BREAK, SYSRQ_SET2 };

	if (alt)
		return pressed ? copy(bytes, alt_make, sizeof(alt_make))
			       : copy(bytes, alt_release, sizeof(alt_release));
	return pressed ? copy(bytes, make, sizeof(make))
		       : copy(bytes, release, sizeof(release));
}

/* Pause is pressed and released at once; so is Break, which it is with Ctrl. */
static unsigned pause_break(bool pressed, bool ctrl, uint8_t *bytes)
{
	static const uint8_t make[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
	static const uint8_t ctrl_make[] = { 0xe0, 0x7e, 0xe0, 0xf0, 0x7e };

	if (!pressed)
		return 0;
	return ctrl ? copy(bytes, ctrl_make, sizeof(ctrl_make))
		    : copy(bytes, make, sizeof(make));
}

uint8_t ps2_set3(unsigned key)
{
	if (key == KEY_SYSRQ)
		return 0x57;
	if (key == KEY_PAUSE)
		return 0x62;
	return key < PS2_KEYS ? keys[key].set3 : 0;
}

unsigned ps2_codes(unsigned set, unsigned key, bool pressed, bool with,
		   uint8_t bytes[PS2_CODES])
{
	unsigned n = 0;

	if (set == 3) {
		if (!ps2_set3(key))
			return 0;
		if (!pressed)
			bytes[n++] = PS2_BREAK;
		bytes[n++] = ps2_set3(key);
		return n;
	}
	if (key == KEY_SYSRQ)
		n = print_screen(pressed, with, bytes);
	else if (key == KEY_PAUSE)
		n = pause_break(pressed, with, bytes);
	else if (key < PS2_KEYS && keys[key].set1)
		n = sequence(key, pressed, bytes);
	return set == 1 ? translate_all(bytes, n) : n;
}
