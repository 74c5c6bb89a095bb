/* SPDX-License-Identifier: MIT */
/* From the registers to what a picture depends on. */
#include "backends/pc/vga_view.h"

#include <string.h>

#define SR1_DOTS_8   0x01u
#define SR1_HALF     0x08u /* the dot clock: each dot twice */
#define SR1_OFF	     0x20u
#define GR5_PAIRS    0x20u
#define GR5_BYTES    0x40u
#define GR6_GRAPHICS 0x01u
#define AR_SOURCE    0x20u
#define AR10_LINE    0x04u /* the ninth dot of line graphics */
#define AR10_BLINK   0x08u
#define AR10_PAN_TOP 0x20u /* panning ends at the line compare */
#define AR10_P54     0x80u
#define CR9_DOUBLE   0x80u
#define CRA_OFF	     0x20u
#define CR14_DWORD   0x40u
#define CR17_ROW13   0x01u /* 0: the row's bit is address bit 13 */
#define CR17_ROW14   0x02u
#define CR17_MA15    0x20u
#define CR17_BYTE    0x40u
#define CR17_RUN     0x80u
#define BLINK_NS     (PC_NS * 16 / 70) /* 16 frames; the cursor's takes 8 */

static uint32_t colour(const struct vga_regs *r, unsigned index)
{
	const uint8_t *dac = r->dac + 3 * (index & r->pel_mask);
	uint32_t rgb = 0;

	for (unsigned i = 0; i < 3; i++) {
		const unsigned c = dac[i];

		rgb = rgb << 8 | ((r->vbe[VBE_ENABLE] & VBE_8BIT_DAC)
					  ? c
					  : (c << 2 & 0xff) | (c >> 4 & 3));
	}
	return rgb;
}

/* By the attribute controller, for what the planes say. */
static uint32_t attribute_colour(const struct vga_regs *r, unsigned pixel)
{
	unsigned index = r->ar[pixel & r->ar[0x12] & 15];

	if (r->ar[0x10] & AR10_P54)
		index = (index & 0xf) | (r->ar[0x14] & 3u) << 4;
	return colour(r, index | (r->ar[0x14] & 0xcu) << 4);
}

static void palette_get(const struct vga_regs *r, struct vga_view *view)
{
	const bool whole = view->kind == VGA_BYTES || view->kind == VGA_PACKED;

	if (view->kind == VGA_PACKED && view->bpp > 8)
		return;
	for (unsigned i = 0; i < (whole ? 256 : 16); i++)
		view->palette[i] = whole ? colour(r, i) : attribute_colour(r, i);
}

static void vbe_get(const struct vga_regs *r, struct vga_view *view)
{
	view->kind = vga_is_packed(r) ? VGA_PACKED : VGA_PLANAR;
	view->width = r->vbe[VBE_XRES];
	view->height = r->vbe[VBE_YRES];
	view->bpp = r->vbe[VBE_BPP];
	view->columns = view->width / 8;
	view->dots = 8;
	view->start = vga_vbe_start(r);
	view->pitch = vga_vbe_pitch(r);
	view->compare = UINT32_MAX;
	view->addressing = VGA_LINEAR;
	if (view->kind == VGA_PLANAR)
		view->pan = r->vbe[VBE_X_OFFSET] & 7;
}

static uint32_t addressing(const uint8_t *cr)
{
	if (cr[0x14] & CR14_DWORD)
		return VGA_DWORD;
	if (cr[0x17] & CR17_BYTE)
		return VGA_BYTE;
	return cr[0x17] & CR17_MA15 ? VGA_WORD15 : VGA_WORD13;
}

static void crtc_get(const struct vga_regs *r, struct vga_view *view)
{
	const uint8_t *cr = r->cr;

	view->columns = cr[1] + 1u;
	view->height = (cr[0x12] | (cr[7] & 2u) << 7 | (cr[7] & 0x40u) << 3) + 1;
	view->compare = cr[0x18] | (cr[7] & 0x10u) << 4 | (cr[9] & 0x40u) << 3;
	view->pitch = cr[0x13] * 2u;
	view->start = ((uint32_t)cr[0xc] << 8 | cr[0xd]) + (cr[8] >> 5 & 3);
	view->addressing = addressing(cr);
	view->row_first = cr[8] & 0x1f;
	view->row_last = cr[9] & 0x1f;
	view->scan_double = !!(cr[9] & CR9_DOUBLE);
	view->dot_double = !!(r->sr[1] & SR1_HALF);
	view->row_to_13 = !(cr[0x17] & CR17_ROW13);
	view->row_to_14 = !(cr[0x17] & CR17_ROW14);
	view->pan_reset = !!(r->ar[0x10] & AR10_PAN_TOP);
}

static void text_get(const struct vga_regs *r, struct vga_view *view, uint64_t now)
{
	const uint8_t *cr = r->cr;
	/* maps A and B: the upper bit of each stands apart */
	const unsigned a = (r->sr[3] >> 2 & 3) | (r->sr[3] >> 3 & 4);
	const unsigned b = (r->sr[3] & 3) | (r->sr[3] >> 2 & 4);
	const unsigned pan = r->ar[0x13] & 0xf;

	view->kind = VGA_TEXT;
	view->dots = r->sr[1] & SR1_DOTS_8 ? 8 : 9;
	/* of nine dots 8 is none, and 0 is one */
	view->pan = view->dots == 8 ? pan & 7 : pan >= 8 ? 0 : pan + 1;
	view->font[1] = (a & 3) * 0x4000 + (a & 4 ? 0x2000 : 0);
	view->font[0] = (b & 3) * 0x4000 + (b & 4 ? 0x2000 : 0);
	view->line_graphics = !!(r->ar[0x10] & AR10_LINE);
	view->underline = cr[0x14] & 0x1f;
	view->blinks = !!(r->ar[0x10] & AR10_BLINK);
	view->blinked_off = view->blinks && now / BLINK_NS % 2;
	view->cursor_at = UINT32_MAX;
	if (!(cr[0xa] & CRA_OFF) && now / (BLINK_NS / 2) % 2 == 0) {
		view->cursor_at = (uint32_t)cr[0xe] << 8 | cr[0xf];
		view->cursor_first = cr[0xa] & 0x1f;
		view->cursor_last = cr[0xb] & 0x1f;
	}
}

void vga_view_get(const struct vga *v, struct vga_view *view)
{
	const struct vga_regs *r = &v->r;

	memset(view, 0, sizeof(*view));
	if (r->sr[1] & SR1_OFF || !(r->ar_index & AR_SOURCE))
		return;
	if (vga_is_vbe(r)) {
		vbe_get(r, view);
		palette_get(r, view);
		return;
	}
	if (!(r->cr[0x17] & CR17_RUN))
		return;
	crtc_get(r, view);
	if (!(r->gr[6] & GR6_GRAPHICS)) {
		text_get(r, view, pcbus_now(v->b));
	} else {
		view->dots = 8;
		view->pan = r->ar[0x13] & 7;
		view->kind = r->gr[5] & GR5_BYTES   ? VGA_BYTES
			     : r->gr[5] & GR5_PAIRS ? VGA_PAIRS
						    : VGA_PLANAR;
	}
	palette_get(r, view);
	view->width = view->columns * view->dots << view->dot_double;
	if (view->width > VGA_MAX_WIDTH)
		view->width = VGA_MAX_WIDTH;
}

uint32_t vga_view_at(const struct vga_view *view, uint32_t counter, unsigned row)
{
	uint32_t at = counter & 0xffff;

	switch (view->addressing) {
	case VGA_LINEAR:
		return (counter & (VRAM_SIZE / 4 - 1)) * 4;
	case VGA_DWORD:
		at = at << 2 | at >> 14;
		break;
	case VGA_WORD13:
		at = at << 1 | (at >> 13 & 1);
		break;
	case VGA_WORD15:
		at = at << 1 | at >> 15;
		break;
	default:
		break;
	}
	if (view->row_to_13)
		at = (at & ~0x2000u) | (row & 1) << 13;
	if (view->row_to_14)
		at = (at & ~0x4000u) | (row & 2) << 13;
	return (at & 0xffff) * 4;
}
