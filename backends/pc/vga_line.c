/* SPDX-License-Identifier: MIT */
/* Scan lines: text, planes, bytes, and packed pixels. */
#include "backends/pc/vga_line.h"

#include <string.h>

#define CHAR_SIZE  32u /* of a font's bytes, one a row */
#define FONT_PLANE 2u
#define NR_CHARS   256u
#define BLINK_BIT  0x80u
#define LINE_FIRST 0xc0u /* characters of line graphics */
#define LINE_LAST  0xdfu
#define MONO_UNDER 0x77u /* the attribute's bits that say underlined, if they are 1 */

/* Columns, with the one that panning lets in. */
static unsigned columns(const struct vga_view *view, const struct vga_line *line)
{
	return view->columns + (line->pan ? 1 : 0);
}

/* -------------------------------------------------------------------------- text */

struct cell {
	unsigned code, attr, bits; /* bits: of the font's row, the ninth dot is bit 0 */
};

static struct cell cell_get(const struct vga_view *view, const uint8_t *mem,
			    uint32_t counter, unsigned row)
{
	const uint8_t *at = mem + vga_view_at(view, counter, row);
	struct cell c = { .code = at[0], .attr = at[1] };
	const uint32_t glyph = view->font[c.attr >> 3 & 1] + c.code * CHAR_SIZE + row;

	c.bits = mem[(glyph % VGA_PLANE_SIZE) * 4 + FONT_PLANE] * 2u;
	if (view->line_graphics && c.code >= LINE_FIRST && c.code <= LINE_LAST)
		c.bits |= c.bits >> 1 & 1;
	if (row == view->underline && (c.attr & MONO_UNDER) == 1)
		c.bits = 0x1ff;
	if (view->blinked_off && c.attr & BLINK_BIT)
		c.bits = 0;
	if (counter == view->cursor_at && row >= view->cursor_first &&
	    row <= view->cursor_last)
		c.bits = 0x1ff;
	return c;
}

static void text_draw(const struct vga_view *view, const uint8_t *mem,
		      const struct vga_line *line, uint32_t *dots)
{
	const unsigned last = columns(view, line);

	for (unsigned x = 0; x < last; x++) {
		const struct cell c =
			cell_get(view, mem, (line->counter + x) & 0xffff, line->row);
		const uint32_t front = view->palette[c.attr & 15];
		const uint32_t back =
			view->palette[c.attr >> 4 & (view->blinks ? 7 : 15)];

		for (unsigned i = 0; i < view->dots; i++)
			*dots++ = c.bits >> (8 - i) & 1 ? front : back;
	}
}

/* ---------------------------------------------------------------------- graphics */

static void planar_draw(const struct vga_view *view, const uint8_t *mem,
			const struct vga_line *line, uint32_t *dots)
{
	const unsigned last = columns(view, line);

	for (unsigned x = 0; x < last; x++) {
		const uint8_t *p = mem + vga_view_at(view, line->counter + x, line->row);

		for (int i = 7; i >= 0; i--)
			*dots++ = view->palette[(p[0] >> i & 1) | (p[1] >> i & 1) << 1 |
						(p[2] >> i & 1) << 2 |
						(p[3] >> i & 1) << 3];
	}
}

/* Planes 0 and 2 are four pixels' bits, 1 and 3 the next four's. */
static void pairs_draw(const struct vga_view *view, const uint8_t *mem,
		       const struct vga_line *line, uint32_t *dots)
{
	const unsigned last = columns(view, line);

	for (unsigned x = 0; x < last; x++) {
		const uint8_t *p = mem + vga_view_at(view, line->counter + x, line->row);

		for (unsigned half = 0; half < 2; half++)
			for (int i = 6; i >= 0; i -= 2)
				*dots++ = view->palette[(p[half] >> i & 3) |
							(p[half + 2] >> i & 3) << 2];
	}
}

static void bytes_draw(const struct vga_view *view, const uint8_t *mem,
		       const struct vga_line *line, uint32_t *dots)
{
	const unsigned last = columns(view, line);

	for (unsigned x = 0; x < last; x++) {
		const uint8_t *p = mem + vga_view_at(view, line->counter + x, line->row);

		for (unsigned i = 0; i < 4; i++, dots += 2)
			dots[0] = dots[1] = view->palette[p[i]];
	}
}

/* ------------------------------------------------------------------------ packed */

/* A field of `bits` bits as eight. */
static uint32_t widened(uint32_t value, unsigned bits)
{
	value &= (1u << bits) - 1;
	return value << (8 - bits) | value >> (2 * bits - 8);
}

static uint32_t line_bytes(const struct vga_view *view)
{
	return view->width * ((view->bpp + 7) / 8);
}

static void packed_draw(const struct vga_view *view, const uint8_t *mem,
			const struct vga_line *line, uint32_t *dots)
{
	const uint8_t *p = mem + line->counter;

	/* settle() keeps it inside; a picture is no place to trust that */
	if (line->counter > VRAM_SIZE || VRAM_SIZE - line->counter < line_bytes(view)) {
		memset(dots, 0, view->width * sizeof(*dots));
		return;
	}
	for (unsigned x = 0; x < view->width; x++) {
		uint32_t c;

		switch (view->bpp) {
		case 8:
			dots[x] = view->palette[p[x]];
			break;
		case 15:
			c = p[2 * x] | (uint32_t)p[2 * x + 1] << 8;
			dots[x] = widened(c >> 10, 5) << 16 | widened(c >> 5, 5) << 8 |
				  widened(c, 5);
			break;
		case 16:
			c = p[2 * x] | (uint32_t)p[2 * x + 1] << 8;
			dots[x] = widened(c >> 11, 5) << 16 | widened(c >> 5, 6) << 8 |
				  widened(c, 5);
			break;
		case 24:
			dots[x] = p[3 * x] | (uint32_t)p[3 * x + 1] << 8 |
				  (uint32_t)p[3 * x + 2] << 16;
			break;
		default:
			memcpy(&c, p + 4 * x, 4);
			dots[x] = c & 0xffffff;
			break;
		}
	}
}

/* -------------------------------------------------------------------------- lines */

struct vga_line vga_line_first(const struct vga_view *view)
{
	return (struct vga_line){ .counter = view->start,
				  .row = view->row_first,
				  .pan = view->pan };
}

void vga_line_next(const struct vga_view *view, struct vga_line *line, uint32_t y)
{
	if (y == view->compare) {
		line->counter = line->row = 0;
		if (view->pan_reset)
			line->pan = 0;
		return;
	}
	if (view->scan_double && !(y & 1))
		return;
	if (line->row == view->row_last) {
		line->row = 0;
		line->counter += view->pitch;
	} else {
		line->row = (line->row + 1) & 0x1f;
	}
}

/* Each dot of the first n twice. */
static void dots_double(uint32_t *dots, unsigned n)
{
	while (n--)
		dots[2 * n] = dots[2 * n + 1] = dots[n];
}

const uint32_t *vga_line_draw(const struct vga_view *view, const uint8_t *mem,
			      const struct vga_line *line, uint32_t *dots)
{
	switch (view->kind) {
	case VGA_TEXT:
		text_draw(view, mem, line, dots);
		break;
	case VGA_PLANAR:
		planar_draw(view, mem, line, dots);
		break;
	case VGA_PAIRS:
		pairs_draw(view, mem, line, dots);
		break;
	case VGA_BYTES:
		bytes_draw(view, mem, line, dots);
		break;
	case VGA_PACKED:
		packed_draw(view, mem, line, dots);
		return dots;
	default:
		memset(dots, 0, VGA_LINE_DOTS * sizeof(*dots));
		return dots;
	}
	if (!view->dot_double)
		return dots + line->pan;
	dots_double(dots, columns(view, line) * view->dots);
	return dots + 2 * line->pan;
}

bool vga_line_changed(const struct vga_view *view, const struct vram *vram,
		      const struct vga_line *line, uint64_t since)
{
	uint32_t first, last;

	switch (view->kind) {
	case VGA_BLANK:
		return false;
	case VGA_PACKED:
		return vram_changed(vram, line->counter, line_bytes(view), since);
	case VGA_TEXT:
		/* the font, too: its bytes are amid the characters' */
		for (unsigned i = 0; i < 2; i++)
			if (vram_changed(vram, 4 * view->font[i],
					 4 * NR_CHARS * CHAR_SIZE, since))
				return true;
		break;
	default:
		break;
	}
	first = vga_view_at(view, line->counter, line->row);
	last = vga_view_at(view, line->counter + columns(view, line) - 1, line->row);
	/* where the address wraps, or takes a bit from elsewhere */
	if (last < first)
		return vram_changed(vram, 0, 4 * VGA_PLANE_SIZE, since);
	return vram_changed(vram, first, last - first + 4, since);
}
