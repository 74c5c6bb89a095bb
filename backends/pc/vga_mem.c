/* SPDX-License-Identifier: MIT */
/*
 * The CPU's accesses to video memory: the window at 0xa0000 with its planes, latches and
 * write modes, and the linear one. Byte by byte, as the card's own data path is.
 */
#include <string.h>

#include "backends/pc/vga_int.h"

#define MISC_RAM      0x02u /* the CPU may access memory */
#define SR4_SEQUENT   0x04u /* no odd/even */
#define SR4_CHAIN4    0x08u
#define GR5_READ_CMP  0x08u
#define GR5_ODD_EVEN  0x10u
#define GR6_CHAIN_ODD 0x02u
#define BANK_SHIFT    16

/* Bit p of a nibble as byte p. */
static uint32_t spread(unsigned nibble)
{
	return (nibble & 1 ? 0xffu : 0) | (nibble & 2 ? 0xff00u : 0) |
	       (nibble & 4 ? 0xff0000u : 0) | (nibble & 8 ? 0xff000000u : 0);
}

static uint32_t repeated(uint8_t byte)
{
	return byte * 0x01010101u;
}

static uint8_t rotated(uint8_t value, unsigned by)
{
	return (uint8_t)(value >> by | value << (8 - by));
}

/* Where in the window's memory an access goes; false: nowhere. */
static bool window_offset(const struct vga_regs *r, uint32_t at, uint32_t *offset)
{
	static const struct {
		uint32_t first, size;
	} map[4] = {
		{ 0, 0x20000 }, { 0, 0x10000 }, { 0x10000, 0x8000 }, { 0x18000, 0x8000 }
	};
	const unsigned m = r->gr[6] >> 2 & 3;

	if (!(r->misc & MISC_RAM) || at < map[m].first ||
	    at - map[m].first >= map[m].size)
		return false;
	*offset = at - map[m].first;
	if (vga_is_vbe(r))
		*offset += (uint32_t)r->vbe[VBE_BANK] << BANK_SHIFT;
	return true;
}

/* The planes' byte in a CPU's byte. */
static uint32_t plane_offset(const struct vga_regs *r, uint32_t offset, bool odd_even)
{
	if (r->sr[4] & SR4_CHAIN4)
		offset &= ~3u;
	else if (odd_even && r->gr[6] & GR6_CHAIN_ODD)
		offset &= ~1u;
	return offset & ((vga_is_vbe(r) ? VRAM_SIZE / 4 : VGA_PLANE_SIZE) - 1);
}

static uint8_t planes_read(struct vga *v, uint32_t offset)
{
	struct vga_regs *r = &v->r;
	const bool odd_even = r->gr[5] & GR5_ODD_EVEN;
	unsigned plane = r->gr[4] & 3;
	uint32_t differ;

	memcpy(r->latch, v->vram.mem + 4 * plane_offset(r, offset, odd_even), 4);
	if (r->gr[5] & GR5_READ_CMP) {
		memcpy(&differ, r->latch, 4);
		differ = (differ ^ spread(r->gr[2])) & spread(r->gr[7]);
		differ |= differ >> 16;
		return (uint8_t) ~(differ | differ >> 8);
	}
	if (r->sr[4] & SR4_CHAIN4)
		plane = offset & 3;
	else if (odd_even)
		plane = (plane & 2) | (offset & 1);
	return r->latch[plane];
}

/* What the graphics controller makes of a byte, for all four planes. */
static uint32_t graphics_data(const struct vga_regs *r, uint8_t value)
{
	uint32_t latch, data, bits = repeated(r->gr[8]);

	memcpy(&latch, r->latch, 4);
	switch (r->gr[5] & 3) {
	case 0:
		data = repeated(rotated(value, r->gr[3] & 7));
		data = (data & ~spread(r->gr[1])) | spread(r->gr[0] & r->gr[1]);
		break;
	case 1:
		return latch;
	case 2:
		data = spread(value);
		break;
	default:
		bits &= repeated(rotated(value, r->gr[3] & 7));
		data = spread(r->gr[0]);
		break;
	}
	switch (r->gr[3] >> 3) {
	case 1:
		data &= latch;
		break;
	case 2:
		data |= latch;
		break;
	case 3:
		data ^= latch;
		break;
	default:
		break;
	}
	return (data & bits) | (latch & ~bits);
}

static void planes_write(struct vga *v, uint32_t offset, uint8_t value)
{
	const struct vga_regs *r = &v->r;
	const bool odd_even = !(r->sr[4] & SR4_SEQUENT);
	const uint32_t at = 4 * plane_offset(r, offset, odd_even);
	const uint32_t data = graphics_data(r, value);
	unsigned planes = r->sr[2];
	uint32_t old, mask;

	if (r->sr[4] & SR4_CHAIN4)
		planes &= 1u << (offset & 3);
	else if (odd_even)
		planes &= offset & 1 ? 0xa : 5;
	mask = spread(planes);
	memcpy(&old, v->vram.mem + at, 4);
	old = (old & ~mask) | (data & mask);
	memcpy(v->vram.mem + at, &old, 4);
	vram_mark(&v->vram, at, 4);
}

/* -------------------------------------------------------------------- the window */

static uint64_t window_read(void *arg, uint64_t at, unsigned size)
{
	struct vga *v = arg;
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = 0xff;
		uint32_t offset;

		if (!window_offset(&v->r, (uint32_t)at + i, &offset))
			;
		else if (vga_is_packed(&v->r))
			byte = v->vram.mem[offset & (VRAM_SIZE - 1)];
		else
			byte = planes_read(v, offset);
		value |= (uint64_t)byte << (8 * i);
	}
	return value;
}

static void window_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct vga *v = arg;

	for (unsigned i = 0; i < size; i++) {
		const uint8_t byte = (uint8_t)(value >> (8 * i));
		uint32_t offset;

		if (!window_offset(&v->r, (uint32_t)at + i, &offset))
			continue;
		if (!vga_is_packed(&v->r)) {
			planes_write(v, offset, byte);
			continue;
		}
		offset &= VRAM_SIZE - 1;
		v->vram.mem[offset] = byte;
		vram_mark(&v->vram, offset, 1);
	}
}

const struct io_ops vga_window_ops = { window_read, window_write };

/* --------------------------------------------------------------- linear, trapped */

static uint64_t linear_read(void *arg, uint64_t at, unsigned size)
{
	const struct vga *v = arg;
	uint64_t value = UINT64_MAX;

	if (at + size <= VRAM_SIZE)
		memcpy(&value, v->vram.mem + at, size);
	return value;
}

static void linear_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct vga *v = arg;

	if (at + size > VRAM_SIZE)
		return;
	memcpy(v->vram.mem + at, &value, size);
	vram_mark(&v->vram, (uint32_t)at, size);
}

const struct io_ops vga_linear_ops = { linear_read, linear_write };
