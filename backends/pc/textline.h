/* SPDX-License-Identifier: MIT */
/* Text that a guest writes byte by byte: lines of printable characters, bounded. */
#ifndef TANDEM_BACKENDS_PC_TEXTLINE_H
#define TANDEM_BACKENDS_PC_TEXTLINE_H

#include <stdbool.h>
#include <stdint.h>

#define TEXTLINE_MAX 160u

/* Also its saved form. */
struct textline {
	uint8_t n;
	char text[TEXTLINE_MAX];
};

/* True: `text` is a line, with its end; the next byte begins another. */
static inline bool textline_put(struct textline *l, uint8_t byte)
{
	const bool ends = byte == '\n' || l->n == TEXTLINE_MAX - 1;

	if (ends) {
		l->text[l->n] = 0;
		l->n = 0;
	} else if (byte != '\r') {
		l->text[l->n++] = byte >= ' ' && byte < 0x7f ? (char)byte : '?';
	}
	return ends;
}

static inline bool textline_good(const struct textline *l)
{
	return l->n < TEXTLINE_MAX;
}

#endif
