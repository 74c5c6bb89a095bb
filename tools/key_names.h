/* SPDX-License-Identifier: MIT */
/* Keys by name, for tandem send-key. */
#ifndef TANDEM_TOOLS_KEY_NAMES_H
#define TANDEM_TOOLS_KEY_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define KEY_CHORD_MAX 8u

/* Keys that are held together: KEY_* of linux/input-event-codes.h, in this order. */
struct key_chord {
	uint16_t key[KEY_CHORD_MAX];
	unsigned n;
};

/* "ctrl-alt-delete", "f8", "A" (with shift). -EINVAL: no such key; -E2BIG: too many. */
int key_chord_parse(const char *s, struct key_chord *chord);
/* A character that a keyboard of the United States has; newline is enter. -EINVAL */
int key_chord_type(char ch, struct key_chord *chord);

#endif
