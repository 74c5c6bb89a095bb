/* SPDX-License-Identifier: MIT */
/* What the adapter's files share: its registers. */
#ifndef TANDEM_BACKENDS_PC_VGA_INT_H
#define TANDEM_BACKENDS_PC_VGA_INT_H

#include "backends/pc/vga.h"

/* Sequencer, graphics controller, attribute controller, CRTC: how many they have. */
#define VGA_NR_SR 8u
#define VGA_NR_GR 9u
#define VGA_NR_AR 21u
#define VGA_NR_CR 25u

#define VGA_PLANE_SIZE 65536u

/* dispi's registers */
enum vbe_index {
	VBE_ID,
	VBE_XRES,
	VBE_YRES,
	VBE_BPP,
	VBE_ENABLE,
	VBE_BANK,
	VBE_VIRT_WIDTH,
	VBE_VIRT_HEIGHT,
	VBE_X_OFFSET,
	VBE_Y_OFFSET,
	VBE_MEMORY_64K,
	VBE_NR_REGS
};
#define VBE_ENABLED    0x01u
#define VBE_GETCAPS    0x02u
#define VBE_8BIT_DAC   0x20u
#define VBE_NOCLEARMEM 0x80u

/* All that a saved state has; no padding. */
struct vga_regs {
	uint16_t vbe_index;
	uint16_t vbe[VBE_NR_REGS];
	uint8_t latch[4];
	uint8_t misc, feature;
	uint8_t sr_index, gr_index, cr_index;
	uint8_t ar_index; /* with bit 5, the palette's source */
	uint8_t ar_data;  /* the next write to 0x3c0 is data */
	uint8_t sr[VGA_NR_SR], gr[VGA_NR_GR], ar[VGA_NR_AR], cr[VGA_NR_CR];
	uint8_t pel_mask;
	uint8_t dac_reading;		     /* what 0x3c7 says */
	uint8_t dac_read, dac_write;	     /* colours */
	uint8_t dac_read_sub, dac_write_sub; /* which of the three is next */
	uint8_t dac_held[3];
	uint8_t dac[768];
	uint8_t pad;
};
_Static_assert(sizeof(struct vga_regs) == 876, "fixed width, no padding");

struct vga {
	struct pcidev pci;
	struct pcbus *b;
	struct vram vram;
	uint64_t placed; /* where the board has been told to have video memory */
	struct vga_regs r;
};

/* vga_regs.c */
extern const uint8_t vga_sr_mask[VGA_NR_SR], vga_gr_mask[VGA_NR_GR],
	vga_ar_mask[VGA_NR_AR];
uint8_t vga_port_read(struct vga *v, uint16_t port);
void vga_port_write(struct vga *v, uint16_t port, uint8_t value);
void vga_regs_reset(struct vga *v);
bool vga_regs_valid(const struct vga_regs *r);

/* vga_mem.c */
extern const struct io_ops vga_window_ops, vga_linear_ops;
/* Is memory linear for the window, too? */
static inline bool vga_is_packed(const struct vga_regs *r)
{
	return (r->vbe[VBE_ENABLE] & VBE_ENABLED) && r->vbe[VBE_BPP] != 4;
}
static inline bool vga_is_vbe(const struct vga_regs *r)
{
	return r->vbe[VBE_ENABLE] & VBE_ENABLED;
}

/* vga_vbe.c */
extern const struct io_ops vga_vbe_ops;
uint16_t vga_vbe_read(const struct vga *v, unsigned index);
void vga_vbe_write(struct vga *v, unsigned index, uint16_t value);
void vga_vbe_reset(struct vga_regs *r);
bool vga_vbe_valid(const struct vga_regs *r);
/* Bytes of a line; of a plane in 4 bits a pixel. */
uint32_t vga_vbe_pitch(const struct vga_regs *r);
/* Where the screen begins, likewise. */
uint32_t vga_vbe_start(const struct vga_regs *r);

#endif
