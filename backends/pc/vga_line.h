/* SPDX-License-Identifier: MIT */
/* One scan line of a view as pixels. */
#ifndef TANDEM_BACKENDS_PC_VGA_LINE_H
#define TANDEM_BACKENDS_PC_VGA_LINE_H

#include "backends/pc/vga_view.h"

/* 256 columns and one more to pan in, of 9 dots, each twice */
#define VGA_LINE_DOTS ((256u + 1) * 9 * 2)

/* What a line shows. Lines of the same show the same. */
struct vga_line {
	uint32_t counter; /* the CRTC's, at its first column; VGA_PACKED: bytes */
	uint32_t row, pan;
};

/* The screen's first line, and the one behind line number y. */
struct vga_line vga_line_first(const struct vga_view *view);
void vga_line_next(const struct vga_view *view, struct vga_line *line, uint32_t y);

/* Renders it. Returns where its first dot is in `dots` (of VGA_LINE_DOTS). */
const uint32_t *vga_line_draw(const struct vga_view *view, const uint8_t *mem,
			      const struct vga_line *line, uint32_t *dots);
/* Has what it shows changed since? */
bool vga_line_changed(const struct vga_view *view, const struct vram *vram,
		      const struct vga_line *line, uint64_t since);

#endif
