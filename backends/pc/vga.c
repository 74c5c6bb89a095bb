/* SPDX-License-Identifier: MIT */
/* The display adapter as a device: its function, ports, windows and saved state. */
#include "backends/pc/vga.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/vga_int.h"

#define MONO_FIRST   0x3b0u /* up to the printer's port at 0x3bc */
#define MONO_SIZE    12u
#define VGA_FIRST    0x3c0u
#define VGA_SIZE     32u
#define VBE_FIRST    0x1ceu
#define VBE_SIZE     3u
#define WINDOW_FIRST 0xa0000u
#define WINDOW_SIZE  0x20000u
#define REGS_BAR     2u
#define REGS_SIZE    4096u
#define PREFETCHABLE 8u

/* BAR2 */
#define REGS_VGA     0x400u
#define REGS_VBE     0x500u
#define REGS_EXT     0x600u
#define EXT_SIZE     8u
#define EXT_LITTLE   0x1e1e1e1eu
#define REGS_VBE_END (REGS_VBE + 2 * VBE_NR_REGS)

static struct vga *of(struct pcdev *d)
{
	return (struct vga *)d;
}

/* -------------------------------------------------------------------------- ports */

static uint64_t bytes_read(struct vga *v, unsigned port, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)vga_port_read(v, (uint16_t)(port + i)) << (8 * i);
	return value;
}

static void bytes_write(struct vga *v, unsigned port, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		vga_port_write(v, (uint16_t)(port + i), (uint8_t)(value >> (8 * i)));
}

static uint64_t mono_read(void *arg, uint64_t at, unsigned size)
{
	return bytes_read(arg, MONO_FIRST + (unsigned)at, size);
}

static void mono_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	bytes_write(arg, MONO_FIRST + (unsigned)at, size, value);
}

static uint64_t ports_read(void *arg, uint64_t at, unsigned size)
{
	return bytes_read(arg, VGA_FIRST + (unsigned)at, size);
}

static void ports_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	bytes_write(arg, VGA_FIRST + (unsigned)at, size, value);
}

static uint64_t regs_read(void *arg, uint64_t at, unsigned size)
{
	struct vga *v = arg;

	if (at >= REGS_VGA && at + size <= REGS_VGA + VGA_SIZE)
		return ports_read(v, at - REGS_VGA, size);
	if (at >= REGS_VBE && at < REGS_VBE_END && size == 2 && !(at & 1))
		return vga_vbe_read(v, (unsigned)(at - REGS_VBE) / 2);
	if (at == REGS_EXT && size == 4)
		return EXT_SIZE;
	if (at == REGS_EXT + 4 && size == 4)
		return EXT_LITTLE;
	return 0;
}

static void regs_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct vga *v = arg;

	if (at >= REGS_VGA && at + size <= REGS_VGA + VGA_SIZE)
		ports_write(v, at - REGS_VGA, size, value);
	else if (at >= REGS_VBE && at < REGS_VBE_END && size == 2 && !(at & 1))
		vga_vbe_write(v, (unsigned)(at - REGS_VBE) / 2, (uint16_t)value);
}

/* --------------------------------------------------------------------- the device */

/* Tells the board where video memory is now, if that is new. */
static void place(struct vga *v)
{
	const uint64_t at = v->pci.bar[0].mapped ? v->pci.bar[0].at : 0;

	if (!v->vram.slot || at == v->placed)
		return;
	v->placed = at;
	v->vram.slot->place(v->vram.slot_arg, at);
}

static void vga_written(struct pcidev *d, unsigned at, unsigned size)
{
	(void)at;
	(void)size;
	place(of(&d->dev));
}

static void vga_reset(struct pcdev *d)
{
	struct vga *v = of(d);

	pci_reset(&v->pci);
	v->pci.config[PCI_BAR0] |= PREFETCHABLE;
	place(v);
	vga_regs_reset(v);
}

static size_t vga_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	const struct vga *v = of(d);
	const size_t len = pci_save(&v->pci, buf, max);

	if (!len || max - len < sizeof(v->r))
		return 0;
	memcpy(buf + len, &v->r, sizeof(v->r));
	return len + sizeof(v->r);
}

static int vga_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct vga *v = of(d);
	const size_t used = pci_load(&v->pci, buf, len);
	struct vga_regs r;

	place(v);
	if (!used || len - used != sizeof(r))
		return -EBADMSG;
	memcpy(&r, buf + used, sizeof(r));
	if (!vga_regs_valid(&r))
		return -EBADMSG;
	v->r = r;
	vram_mark(&v->vram, 0, VRAM_SIZE);
	return 0;
}

static void vga_destroy(struct pcdev *d)
{
	struct vga *v = of(d);

	if (v->vram.slot && v->placed)
		v->vram.slot->place(v->vram.slot_arg, 0);
	vram_fini(&v->vram);
	free(v);
}

static const struct pcdev_ops vga_ops = { .name = "vga",
					  .reset = vga_reset,
					  .save = vga_save,
					  .load = vga_load,
					  .destroy = vga_destroy };

struct vga *vga_new(struct pcbus *b, struct pcibus *p, unsigned slot)
{
	static const struct io_ops mono_ops = { mono_read, mono_write };
	static const struct io_ops ports_ops = { ports_read, ports_write };
	static const struct io_ops regs_ops = { regs_read, regs_write };
	/* revision 2 is what has the registers at 0x600 */
	static const struct pci_id id = { .vendor = 0x1234,
					  .device = 0x1111,
					  .class = 0x030000,
					  .revision = 2,
					  .subvendor = 0x1af4,
					  .subsystem = 0x1100 };
	struct vga *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->b = b;
	v->pci.dev.ops = &vga_ops;
	v->pci.written = vga_written;
	if (vram_init(&v->vram))
		goto free_vga;
	if (pcbus_pio_map(b, MONO_FIRST, MONO_SIZE, &mono_ops, v))
		goto fini_vram;
	if (pcbus_pio_map(b, VGA_FIRST, VGA_SIZE, &ports_ops, v))
		goto unmap_mono;
	if (pcbus_pio_map(b, VBE_FIRST, VBE_SIZE, &vga_vbe_ops, v))
		goto unmap_ports;
	if (pcbus_mmio_map(b, WINDOW_FIRST, WINDOW_SIZE, &vga_window_ops, v))
		goto unmap_vbe;
	if (pci_add(p, &v->pci, slot, 0, &id))
		goto unmap_window;
	pci_bar_set(&v->pci, 0, false, VRAM_SIZE, &vga_linear_ops, v);
	pci_bar_set(&v->pci, REGS_BAR, false, REGS_SIZE, &regs_ops, v);
	vga_reset(&v->pci.dev);
	return v;
unmap_window:
	pcbus_mmio_unmap(b, WINDOW_FIRST);
unmap_vbe:
	pcbus_pio_unmap(b, VBE_FIRST);
unmap_ports:
	pcbus_pio_unmap(b, VGA_FIRST);
unmap_mono:
	pcbus_pio_unmap(b, MONO_FIRST);
fini_vram:
	vram_fini(&v->vram);
free_vga:
	free(v);
	return NULL;
}

struct vram *vga_vram(struct vga *v)
{
	return &v->vram;
}

void vga_slot(struct vga *v, const struct vram_slot_ops *ops, void *arg)
{
	if (v->vram.slot && v->placed)
		v->vram.slot->place(v->vram.slot_arg, 0);
	v->placed = 0;
	v->vram.slot = ops;
	v->vram.slot_arg = arg;
	place(v);
}
