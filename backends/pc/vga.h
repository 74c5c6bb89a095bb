/* SPDX-License-Identifier: MIT */
/*
 * The display adapter: IBM's VGA with Bochs' VBE extension ("dispi"), as a PCI function
 * 1234:1111, class 03.00.00, without an interrupt.
 *
 *   ports   0x3b0-0x3bb, 0x3c0-0x3df   VGA (IBM PS/2 Hardware Interface Technical
 *                                      Reference, Video Subsystem; FreeVGA)
 *           0x1ce index, 0x1cf or 0x1d0 data, 16 bits: dispi (Bochs' VBE_DISPI,
 * B0C0-B0C5) memory  0xa0000-0xbffff            the window BAR0    16 MiB, prefetchable
 * video memory, linear BAR2    4 KiB                      0x400: ports 0x3c0-0x3df;
 * 0x500: dispi's registers, 16 bits each; 0x600: length of what follows (8), 0x604: byte
 * order (little)
 *
 * Its BIOS is Debian's vgabios-stdvga.bin (seabios); the board gives it to the firmware.
 *
 * Memory is four planes as on the card: byte `offset` of plane p is byte 4 * offset + p
 * of video memory. Chain 4, odd/even and the CRTC's byte, word and doubleword modes are
 * the card's, too; a VBE mode of 8 or more bits is linear. What is not there: the border,
 * interlacing, shift load and count-by-2 modes (EGA with 64 KiB), light pen, interrupts.
 */
#ifndef TANDEM_BACKENDS_PC_VGA_H
#define TANDEM_BACKENDS_PC_VGA_H

#include "backends/pc/pci.h"
#include "backends/pc/vram.h"

#define VGA_MAX_WIDTH  2560u
#define VGA_MAX_HEIGHT 1600u

struct vga;

/* NULL: out of memory, or ports, window or slot are taken. */
struct vga *vga_new(struct pcbus *b, struct pcibus *p, unsigned slot);

/*
 * Video memory. Its contents are no part of the device's saved state: the board saves
 * them as it does RAM, and marks all of it when it has loaded them.
 */
struct vram *vga_vram(struct vga *v);
/* The board maps it: told at once where, if it is mapped. NULL: no more. */
void vga_slot(struct vga *v, const struct vram_slot_ops *ops, void *arg);

/*
 * The characters of a text mode as UTF-8, a line each, without trailing blanks. At most
 * max bytes with the NUL; VGA_TEXT_MAX is enough for any. Returns the length, or
 * -ENODATA: it is a graphics mode, or the screen is off; -ENOSPC.
 */
#define VGA_TEXT_MAX (1u << 20)
int vga_text(const struct vga *v, char *out, size_t max);

#endif
