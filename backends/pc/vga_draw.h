/* SPDX-License-Identifier: MIT */
/*
 * A picture of what the monitor shows, kept up to date; each who looks has its own. It is
 * as large as the card's timing is: a mode of 320 x 200 takes 640 x 400 dots.
 */
#ifndef TANDEM_BACKENDS_PC_VGA_DRAW_H
#define TANDEM_BACKENDS_PC_VGA_DRAW_H

#include "backends/pc/vga.h"

#define VGA_MAX_RECTS 32u

struct vga_rect {
	uint32_t x, y, width, height;
};

struct vga_screen {
	/* 0x00RRGGBB; the next line is VGA_MAX_WIDTH on. While the screen is off it is
	 * black, and as large as it was. */
	uint32_t *pixels;
	uint32_t width, height;
	bool resized; /* by the last update; then all of it is one rectangle */
	unsigned nr_rects;
	struct vga_rect rect[VGA_MAX_RECTS]; /* where the last update changed pixels */
	struct vga_drawing *drawing;
};

/* NULL: out of memory. The adapter lives longer. */
struct vga_screen *vga_screen_new(struct vga *v);
void vga_screen_free(struct vga_screen *s);
/* With the board's lock, as all that touches the adapter. True: something changed. */
bool vga_screen_update(struct vga_screen *s);

#endif
