/* SPDX-License-Identifier: MIT */
/* VGA's registers: sequencer, graphics and attribute controller, CRTC, DAC. */
#include <string.h>

#include "backends/pc/vga_int.h"

#define MISC_COLOUR 0x01u /* the CRTC is at 0x3d4 */
#define SENSE	    0x10u /* a colour monitor is there */
#define AR_SOURCE   0x20u /* of the palette: the display, not the CPU */
#define DAC_READING 3u
#define CR_PROTECT  0x80u /* of CR11: CR0 to CR7 */

#define ST_DISABLED 0x01u /* nothing is displayed now */
#define ST_VRETRACE 0x08u

/* The bits that there are. */
const uint8_t vga_sr_mask[VGA_NR_SR] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0 };
const uint8_t vga_gr_mask[VGA_NR_GR] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03,
					 0x7b, 0x0f, 0x0f, 0xff };
const uint8_t vga_ar_mask[VGA_NR_AR] = {
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
	0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f,
};

/* ------------------------------------------------------------------------ timing */

/*
 * Where the beam is, by the guest's time and the CRTC's numbers. All of the vertical
 * blanking from the retrace's start on counts as retrace: a guest that looks rarely
 * must not miss it.
 */
static uint8_t status1(const struct vga *v)
{
	static const uint32_t khz[4] = { 25175, 28322, 25175, 25175 };
	const uint8_t *cr = v->r.cr;
	const uint32_t dots = (cr[0] + 5u) * (v->r.sr[1] & 1 ? 8 : 9)
			      << (v->r.sr[1] >> 3 & 1);
	const uint32_t total = (cr[6] | (cr[7] & 1u) << 8 | (cr[7] & 0x20u) << 4) + 2;
	const uint32_t shown = (cr[0x12] | (cr[7] & 2u) << 7 | (cr[7] & 0x40u) << 3) + 1;
	const uint32_t retrace = cr[0x10] | (cr[7] & 4u) << 6 | (cr[7] & 0x80u) << 2;
	const uint64_t line_ns = dots * 1000000ull / khz[v->r.misc >> 2 & 3];
	const uint64_t now = pcbus_now(v->b) % (line_ns * total);
	const uint64_t line = now / line_ns, dot = now % line_ns * dots / line_ns;
	uint8_t st = 0;

	if (line >= shown || dot >= (uint64_t)dots * (cr[1] + 1u) / (cr[0] + 5u))
		st |= ST_DISABLED;
	if (line >= retrace && line >= shown)
		st |= ST_VRETRACE | ST_DISABLED;
	return st;
}

/* --------------------------------------------------------------------------- DAC */

static uint8_t dac_read(struct vga_regs *r)
{
	const uint8_t value = r->dac[r->dac_read * 3 + r->dac_read_sub];

	if (++r->dac_read_sub == 3) {
		r->dac_read_sub = 0;
		r->dac_read++;
	}
	return value;
}

/* A colour changes when all three are there. */
static void dac_write(struct vga_regs *r, uint8_t value)
{
	if (!(r->vbe[VBE_ENABLE] & VBE_8BIT_DAC))
		value &= 0x3f;
	r->dac_held[r->dac_write_sub++] = value;
	if (r->dac_write_sub == 3) {
		memcpy(r->dac + r->dac_write * 3, r->dac_held, 3);
		r->dac_write_sub = 0;
		r->dac_write++;
	}
}

/* ------------------------------------------------------------------------- ports */

static void attribute_write(struct vga_regs *r, uint8_t value)
{
	const unsigned index = r->ar_index & 0x1f;

	if (!r->ar_data)
		r->ar_index = value & 0x3f;
	/* the palette is the CPU's only while it is not the display's */
	else if (index < VGA_NR_AR && (index >= 16 || !(r->ar_index & AR_SOURCE)))
		r->ar[index] = value & vga_ar_mask[index];
	r->ar_data = !r->ar_data;
}

static void crtc_write(struct vga_regs *r, uint8_t value)
{
	const unsigned index = r->cr_index;

	if (index >= VGA_NR_CR)
		return;
	if (index < 8 && r->cr[0x11] & CR_PROTECT) {
		/* but for the line compare's bit */
		if (index == 7)
			r->cr[7] = (uint8_t)((r->cr[7] & ~0x10) | (value & 0x10));
		return;
	}
	r->cr[index] = value;
}

/* 0x3b4, 0x3b5 and 0x3ba are at 0x3d4, 0x3d5 and 0x3da; 0: not now. */
static uint16_t canonical(const struct vga_regs *r, uint16_t port)
{
	const bool colour = r->misc & MISC_COLOUR;

	if (port >= 0x3c0 && port < 0x3d0)
		return port;
	if (colour != (port >= 0x3d0))
		return 0;
	return colour ? port : (uint16_t)(port + 0x20);
}

uint8_t vga_port_read(struct vga *v, uint16_t port)
{
	struct vga_regs *r = &v->r;

	switch (canonical(r, port)) {
	case 0x3c0:
		return r->ar_index;
	case 0x3c1:
		return (r->ar_index & 0x1f) < VGA_NR_AR ? r->ar[r->ar_index & 0x1f] : 0;
	case 0x3c2:
		return SENSE;
	case 0x3c4:
		return r->sr_index;
	case 0x3c5:
		return r->sr_index < VGA_NR_SR ? r->sr[r->sr_index] : 0;
	case 0x3c6:
		return r->pel_mask;
	case 0x3c7:
		return r->dac_reading;
	case 0x3c8:
		return r->dac_write;
	case 0x3c9:
		return dac_read(r);
	case 0x3ca:
		return r->feature;
	case 0x3cc:
		return r->misc;
	case 0x3ce:
		return r->gr_index;
	case 0x3cf:
		return r->gr_index < VGA_NR_GR ? r->gr[r->gr_index] : 0;
	case 0x3d4:
		return r->cr_index;
	case 0x3d5:
		return r->cr_index < VGA_NR_CR ? r->cr[r->cr_index] : 0;
	case 0x3da:
		r->ar_data = 0;
		return status1(v);
	default:
		return 0xff;
	}
}

void vga_port_write(struct vga *v, uint16_t port, uint8_t value)
{
	struct vga_regs *r = &v->r;

	switch (canonical(r, port)) {
	case 0x3c0:
		attribute_write(r, value);
		break;
	case 0x3c2:
		r->misc = value;
		break;
	case 0x3c4:
		r->sr_index = value;
		break;
	case 0x3c5:
		if (r->sr_index < VGA_NR_SR)
			r->sr[r->sr_index] = value & vga_sr_mask[r->sr_index];
		break;
	case 0x3c6:
		r->pel_mask = value;
		break;
	case 0x3c7:
		r->dac_read = value;
		r->dac_read_sub = 0;
		r->dac_reading = DAC_READING;
		break;
	case 0x3c8:
		r->dac_write = value;
		r->dac_write_sub = 0;
		r->dac_reading = 0;
		break;
	case 0x3c9:
		dac_write(r, value);
		break;
	case 0x3ce:
		r->gr_index = value;
		break;
	case 0x3cf:
		if (r->gr_index < VGA_NR_GR)
			r->gr[r->gr_index] = value & vga_gr_mask[r->gr_index];
		break;
	case 0x3d4:
		r->cr_index = value;
		break;
	case 0x3d5:
		crtc_write(r, value);
		break;
	case 0x3da:
		r->feature = value & 0x10;
		break;
	default:
		break;
	}
}

/* ------------------------------------------------------------------------- state */

void vga_regs_reset(struct vga *v)
{
	memset(&v->r, 0, sizeof(v->r));
	v->r.pel_mask = 0xff;
	vga_vbe_reset(&v->r);
}

bool vga_regs_valid(const struct vga_regs *r)
{
	for (unsigned i = 0; i < VGA_NR_SR; i++)
		if (r->sr[i] & ~vga_sr_mask[i])
			return false;
	for (unsigned i = 0; i < VGA_NR_GR; i++)
		if (r->gr[i] & ~vga_gr_mask[i])
			return false;
	for (unsigned i = 0; i < VGA_NR_AR; i++)
		if (r->ar[i] & ~vga_ar_mask[i])
			return false;
	return !(r->ar_index & ~0x3f) && r->ar_data <= 1 && !(r->feature & ~0x10) &&
	       (r->dac_reading == 0 || r->dac_reading == DAC_READING) &&
	       r->dac_read_sub < 3 && r->dac_write_sub < 3 && !r->pad && vga_vbe_valid(r);
}
