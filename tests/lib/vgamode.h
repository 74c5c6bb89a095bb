/* SPDX-License-Identifier: MIT */
/* VGA modes by their registers, as a program without a BIOS sets them. */
#ifndef TANDEM_TESTS_LIB_VGAMODE_H
#define TANDEM_TESTS_LIB_VGAMODE_H

#include "backends/pc/vga_draw.h"
#include "tests/lib/fakepc.h"

enum vgamode {
	MODE_TEXT80,   /* 3: 720 x 400 */
	MODE_TEXT40,   /* 1: 720 x 400 */
	MODE_MONO,     /* 7 */
	MODE_CGA4,     /* 4: 320 x 200 */
	MODE_CGA2,     /* 6: 640 x 200 */
	MODE_320X200,  /* 0x0d, 16 colours */
	MODE_640X480,  /* 0x12, 16 colours */
	MODE_320X200C, /* 0x13, 256 colours */
	NR_VGAMODES
};

/* Sets it; the display is on, the memory as it was. */
void vgamode_set(struct fakepc *f, enum vgamode mode);
/* One register. */
void vgamode_sr(struct fakepc *f, unsigned index, unsigned value);
void vgamode_gr(struct fakepc *f, unsigned index, unsigned value);
void vgamode_cr(struct fakepc *f, unsigned index, unsigned value);
void vgamode_ar(struct fakepc *f, unsigned index, unsigned value);
/* A colour, of 6 bits each. */
void vgamode_dac(struct fakepc *f, unsigned index, unsigned r, unsigned g, unsigned b);
/* All 256, each another. */
void vgamode_palette(struct fakepc *f);
/* What those are on the screen. */
uint32_t vgamode_rgb(unsigned index);
/* What a pixel of 4 bits is in that mode: attribute palette, then DAC. */
uint32_t vgamode_pixel(enum vgamode mode, unsigned pixel);
void vgamode_vbe(struct fakepc *f, unsigned index, unsigned value);
unsigned vgamode_vbe_read(struct fakepc *f, unsigned index);

/* A pixel of a picture. */
static inline uint32_t pixel_at(const struct vga_screen *s, unsigned x, unsigned y)
{
	return s->pixels[y * VGA_MAX_WIDTH + x];
}

#endif
