/* SPDX-License-Identifier: MIT */
/*
 * What the monitor shows, made out of the registers: all that a picture depends on but
 * for video memory. Two views that are the same, byte by byte, show the same.
 */
#ifndef TANDEM_BACKENDS_PC_VGA_VIEW_H
#define TANDEM_BACKENDS_PC_VGA_VIEW_H

#include "backends/pc/vga_int.h"

enum vga_kind {
	VGA_BLANK, /* the screen is off; there is no size */
	VGA_TEXT,
	VGA_PLANAR, /* a bit of each plane is a pixel */
	VGA_PAIRS,  /* two bits of a plane, CGA's four colours */
	VGA_BYTES,  /* a plane's byte is a pixel, two dots wide */
	VGA_PACKED  /* VBE, 8 and more bits */
};

/* How the CRTC's counter becomes an address. */
enum vga_addressing { VGA_BYTE, VGA_WORD13, VGA_WORD15, VGA_DWORD, VGA_LINEAR };

struct vga_view {
	uint32_t kind, width, height; /* in dots, and scan lines */
	uint32_t start, pitch;	      /* of the counter; VGA_PACKED: bytes */
	uint32_t columns;	      /* character clocks of a line */
	uint32_t compare;	      /* the line after which it begins again at 0 */
	uint32_t addressing;	      /* enum vga_addressing */
	uint32_t dots;		      /* of a character clock */
	uint32_t pan, pan_reset;      /* dots; pan is 0 behind `compare` */
	uint32_t row_first, row_last; /* of a character's scan lines */
	uint32_t scan_double, dot_double;
	uint32_t row_to_13, row_to_14; /* bits of the row in the address: CGA, Hercules */
	uint32_t bpp;		       /* VGA_PACKED */
	/* text */
	uint32_t cursor_at, cursor_first, cursor_last; /* UINT32_MAX: none */
	uint32_t blinks, blinked_off;
	uint32_t line_graphics, underline;
	uint32_t font[2];      /* offsets in plane 2, by the attribute's bit 3 */
	uint32_t palette[256]; /* 0x00RRGGBB, of what the planes, or bytes, say */
};

void vga_view_get(const struct vga *v, struct vga_view *view);

/* Where the four planes' bytes of a counter's value are, in video memory. */
uint32_t vga_view_at(const struct vga_view *view, uint32_t counter, unsigned row);

#endif
