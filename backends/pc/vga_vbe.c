/* SPDX-License-Identifier: MIT */
/*
 * Bochs' VBE extension. Registers hold what the guest wrote until a mode is enabled; from
 * then on they are what can be shown.
 */
#include <string.h>

#include "backends/pc/vga_int.h"

#define ID_FIRST    0xb0c0u
#define ID_LAST	    0xb0c5u
#define MAX_BPP	    32u
#define MAX_VIRTUAL 16384u
#define BANK_SIZE   65536u
#define MEMORY_64K  (VRAM_SIZE / 65536u)

static unsigned bits(const struct vga_regs *r)
{
	return r->vbe[VBE_BPP] == 15 ? 16 : r->vbe[VBE_BPP];
}

/* A plane's share of the memory, or all of it. */
static uint32_t room(const struct vga_regs *r)
{
	return r->vbe[VBE_BPP] == 4 ? VRAM_SIZE / 4 : VRAM_SIZE;
}

static uint32_t bytes(const struct vga_regs *r, uint32_t pixels)
{
	return r->vbe[VBE_BPP] == 4 ? pixels / 8 : pixels * bits(r) / 8;
}

uint32_t vga_vbe_pitch(const struct vga_regs *r)
{
	return bytes(r, r->vbe[VBE_VIRT_WIDTH]);
}

uint32_t vga_vbe_start(const struct vga_regs *r)
{
	return bytes(r, r->vbe[VBE_X_OFFSET]) + r->vbe[VBE_Y_OFFSET] * vga_vbe_pitch(r);
}

static uint16_t clamped(unsigned value, unsigned low, unsigned high)
{
	return (uint16_t)(value < low ? low : value > high ? high : value);
}

static bool fits(const struct vga_regs *r)
{
	const uint64_t pitch = vga_vbe_pitch(r);

	return bytes(r, r->vbe[VBE_X_OFFSET]) +
		       (r->vbe[VBE_Y_OFFSET] + (uint64_t)r->vbe[VBE_YRES]) * pitch <=
	       room(r);
}

/* Makes of the registers what can be shown. */
static void settle(struct vga_regs *r)
{
	uint16_t *vbe = r->vbe;

	switch (vbe[VBE_BPP]) {
	case 4:
	case 8:
	case 15:
	case 16:
	case 24:
	case 32:
		break;
	default:
		vbe[VBE_BPP] = 8;
		break;
	}
	vbe[VBE_XRES] = clamped(vbe[VBE_XRES] & ~7u, 8, VGA_MAX_WIDTH);
	vbe[VBE_VIRT_WIDTH] =
		clamped(vbe[VBE_VIRT_WIDTH] & ~7u, vbe[VBE_XRES], MAX_VIRTUAL);
	vbe[VBE_YRES] = clamped(vbe[VBE_YRES], 1, VGA_MAX_HEIGHT);
	if (vbe[VBE_YRES] > room(r) / vga_vbe_pitch(r))
		vbe[VBE_YRES] = (uint16_t)(room(r) / vga_vbe_pitch(r));
	if (!fits(r))
		vbe[VBE_Y_OFFSET] = 0;
	if (!fits(r))
		vbe[VBE_X_OFFSET] = 0;
}

static void enable(struct vga *v, uint16_t value)
{
	struct vga_regs *r = &v->r;
	const bool was = vga_is_vbe(r);

	r->vbe[VBE_ENABLE] = value & (VBE_ENABLED | VBE_GETCAPS | VBE_8BIT_DAC | 0x40 |
				      VBE_NOCLEARMEM);
	if (was || !(value & VBE_ENABLED))
		return;
	r->vbe[VBE_VIRT_WIDTH] = r->vbe[VBE_X_OFFSET] = r->vbe[VBE_Y_OFFSET] = 0;
	settle(r);
	if (!(value & VBE_NOCLEARMEM)) {
		const uint32_t len = (r->vbe[VBE_BPP] == 4 ? 4 : 1) * vga_vbe_pitch(r) *
				     r->vbe[VBE_YRES];

		memset(v->vram.mem, 0, len);
		vram_mark(&v->vram, 0, len);
	}
}

uint16_t vga_vbe_read(const struct vga *v, unsigned index)
{
	const struct vga_regs *r = &v->r;
	const bool caps = r->vbe[VBE_ENABLE] & VBE_GETCAPS;

	switch (index) {
	case VBE_XRES:
		return caps ? VGA_MAX_WIDTH : r->vbe[index];
	case VBE_YRES:
		return caps ? VGA_MAX_HEIGHT : r->vbe[index];
	case VBE_BPP:
		return caps ? MAX_BPP : r->vbe[index];
	case VBE_VIRT_HEIGHT:
		if (!vga_is_vbe(r))
			return 0;
		return clamped(room(r) / vga_vbe_pitch(r), 0, UINT16_MAX);
	case VBE_MEMORY_64K:
		return MEMORY_64K;
	default:
		return index < VBE_NR_REGS ? r->vbe[index] : 0xffff;
	}
}

void vga_vbe_write(struct vga *v, unsigned index, uint16_t value)
{
	struct vga_regs *r = &v->r;

	switch (index) {
	case VBE_ID:
		if (value >= ID_FIRST && value <= ID_LAST)
			r->vbe[index] = value;
		return;
	case VBE_ENABLE:
		enable(v, value);
		return;
	case VBE_BANK:
		r->vbe[index] = value & (MEMORY_64K - 1);
		return;
	case VBE_XRES:
		/* another mode: no virtual screen of the one before */
		r->vbe[VBE_VIRT_WIDTH] = r->vbe[VBE_X_OFFSET] = r->vbe[VBE_Y_OFFSET] = 0;
		break;
	case VBE_YRES:
	case VBE_BPP:
	case VBE_VIRT_WIDTH:
	case VBE_X_OFFSET:
	case VBE_Y_OFFSET:
		break;
	default:
		return;
	}
	r->vbe[index] = value;
	if (vga_is_vbe(r))
		settle(r);
}

void vga_vbe_reset(struct vga_regs *r)
{
	memset(r->vbe, 0, sizeof(r->vbe));
	r->vbe_index = 0;
	r->vbe[VBE_ID] = ID_LAST;
	r->vbe[VBE_BPP] = 8;
}

bool vga_vbe_valid(const struct vga_regs *r)
{
	struct vga_regs settled = *r;

	settle(&settled);
	return r->vbe[VBE_ID] >= ID_FIRST && r->vbe[VBE_ID] <= ID_LAST &&
	       r->vbe[VBE_BANK] < MEMORY_64K && r->vbe[VBE_VIRT_HEIGHT] == 0 &&
	       r->vbe[VBE_MEMORY_64K] == 0 && !(r->vbe[VBE_ENABLE] & ~0xe3u) &&
	       (!vga_is_vbe(r) || memcmp(&settled, r, sizeof(settled)) == 0);
}

/* ------------------------------------------------------------------------- ports */

/* 0x1ce: the index; 0x1cf, or 0x1d0 for those who like them aligned: data. */
static uint64_t port_read(void *arg, uint64_t at, unsigned size)
{
	const struct vga *v = arg;

	if (size != 2)
		return UINT64_MAX;
	return at == 0 ? v->r.vbe_index : vga_vbe_read(v, v->r.vbe_index);
}

static void port_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct vga *v = arg;

	if (size != 2)
		return;
	if (at == 0)
		v->r.vbe_index = (uint16_t)value;
	else
		vga_vbe_write(v, v->r.vbe_index, (uint16_t)value);
}

const struct io_ops vga_vbe_ops = { port_read, port_write };
