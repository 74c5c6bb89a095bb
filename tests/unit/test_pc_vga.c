/* SPDX-License-Identifier: MIT */
/* The display adapter's registers, and how the CPU gets at its planes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backends/pc/vga_int.h"
#include "tests/lib/vgamode.h"

#define SLOT   2
#define WINDOW 0xa0000u
#define COLOUR 0xb8000u
#define MONO   0xb0000u
#define LFB    0xe0000000u
#define REGS   0xf0000000u

static struct fakepc *f;
static struct vga *v;

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(true);
	v = vga_new(&f->bus, f->pci, SLOT);
	return v ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static void bars_on(void)
{
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, LFB);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0 + 8, 4, REGS);
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, PCI_CMD_MEMORY);
}

/* The four planes' bytes at an offset. */
static uint32_t planes(unsigned offset)
{
	uint32_t p;

	memcpy(&p, vga_vram(v)->mem + 4 * offset, 4);
	return p;
}

static void planes_set(unsigned offset, uint32_t p)
{
	memcpy(vga_vram(v)->mem + 4 * offset, &p, 4);
}

static void test_function(void **state)
{
	(void)state;
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_VENDOR, 4), 0x11111234);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_REVISION, 4), 0x03000002);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_PIN, 1), 0);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_BAR0, 4), 0xff000008);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0 + 8, 4, UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_BAR0 + 8, 4), 0xfffff000);
	bars_on();
	/* the same registers in memory */
	fakepc_store(f, REGS + 0x400 + 0x3c4 - 0x3c0, 2, 0x0f02);
	assert_int_equal(fakepc_in(f, 0x3c5, 1), 0x0f);
	assert_int_equal(fakepc_load(f, REGS + 0x400 + 5, 1), 0x0f);
	fakepc_store(f, REGS + 0x500 + 2, 2, 800);
	assert_int_equal(vgamode_vbe_read(f, VBE_XRES), 800);
	assert_int_equal(fakepc_load(f, REGS + 0x500, 2), 0xb0c5);
	assert_int_equal(fakepc_load(f, REGS + 0x600, 4), 8);
	assert_int_equal(fakepc_load(f, REGS + 0x604, 4), 0x1e1e1e1e);
	assert_int_equal(fakepc_load(f, REGS + 0xfff, 4), 0);
	fakepc_store(f, LFB + VRAM_SIZE - 4, 4, 0x12345678);
	assert_int_equal(fakepc_load(f, LFB + VRAM_SIZE - 4, 2), 0x5678);
	assert_int_equal(vga_vram(v)->mem[VRAM_SIZE - 1], 0x12);
	/* over the end: nothing */
	fakepc_store(f, LFB + VRAM_SIZE - 1, 4, 0);
	assert_int_equal(vga_vram(v)->mem[VRAM_SIZE - 1], 0x12);
}

static void test_ports(void **state)
{
	(void)state;
	/* the CRTC moves with the miscellaneous register */
	fakepc_out(f, 0x3c2, 1, 0x67);
	vgamode_cr(f, 0x0e, 0x5a);
	fakepc_out(f, 0x3d4, 1, 0x0e);
	assert_int_equal(fakepc_in(f, 0x3d5, 1), 0x5a);
	assert_int_equal(fakepc_in(f, 0x3b5, 1), 0xff);
	fakepc_out(f, 0x3c2, 1, 0x66);
	assert_int_equal(fakepc_in(f, 0x3d5, 1), 0xff);
	assert_int_equal(fakepc_in(f, 0x3b5, 1), 0x5a);
	assert_int_equal(fakepc_in(f, 0x3cc, 1), 0x66);
	fakepc_out(f, 0x3c2, 1, 0x67);
	/* protected, but for one bit */
	vgamode_cr(f, 0x11, 0x80);
	vgamode_cr(f, 0, 0x77);
	vgamode_cr(f, 7, 0xff);
	assert_int_equal(v->r.cr[0], 0);
	assert_int_equal(v->r.cr[7], 0x10);
	vgamode_cr(f, 0x11, 0);
	vgamode_cr(f, 0, 0x77);
	assert_int_equal(v->r.cr[0], 0x77);
	/* what is not there */
	vgamode_cr(f, 0x80, 1);
	fakepc_out(f, 0x3ce, 2, 0xff09);
	assert_int_equal(fakepc_in(f, 0x3cf, 1), 0);
	vgamode_sr(f, 2, 0xff);
	assert_int_equal(fakepc_in(f, 0x3c5, 1), 0x0f);
	/* the attribute controller's index and data take turns */
	vgamode_ar(f, 0x12, 0x0b);
	(void)fakepc_in(f, 0x3da, 1);
	fakepc_out(f, 0x3c0, 1, 0x12);
	assert_int_equal(fakepc_in(f, 0x3c1, 1), 0x0b);
	assert_int_equal(fakepc_in(f, 0x3c0, 1), 0x12);
	(void)fakepc_in(f, 0x3da, 1);
	/* the palette is the display's: not to be written */
	fakepc_out(f, 0x3c0, 1, 0x21);
	fakepc_out(f, 0x3c0, 1, 0x3f);
	assert_int_equal(v->r.ar[1], 0);
	fakepc_out(f, 0x3c0, 1, 1);
	fakepc_out(f, 0x3c0, 1, 0x3f);
	assert_int_equal(v->r.ar[1], 0x3f);
	/* dwords are bytes */
	fakepc_out(f, 0x3c4, 4, 0x00040f02);
	assert_int_equal(fakepc_in(f, 0x3c4, 4), 0x03040f02);
}

static void test_dac(void **state)
{
	(void)state;
	vgamode_dac(f, 255, 1, 2, 3);
	vgamode_dac(f, 0, 4, 5, 0xff);
	fakepc_out(f, 0x3c7, 1, 255);
	assert_int_equal(fakepc_in(f, 0x3c7, 1), 3);
	for (unsigned i = 1; i <= 5; i++)
		assert_int_equal(fakepc_in(f, 0x3c9, 1), i);
	assert_int_equal(fakepc_in(f, 0x3c9, 1), 0x3f);
	/* a colour changes as a whole */
	fakepc_out(f, 0x3c8, 1, 7);
	assert_int_equal(fakepc_in(f, 0x3c7, 1), 0);
	fakepc_out(f, 0x3c9, 1, 9);
	fakepc_out(f, 0x3c9, 1, 9);
	assert_int_equal(v->r.dac[21], 0);
	fakepc_out(f, 0x3c9, 1, 9);
	assert_int_equal(v->r.dac[21], 9);
	assert_int_equal(fakepc_in(f, 0x3c8, 1), 8);
}

static void test_retrace(void **state)
{
	unsigned changes[2] = { 0, 0 };
	unsigned last = 0;

	(void)state;
	vgamode_set(f, MODE_TEXT80);
	for (unsigned us = 0; us < 1000000; us += 5) {
		const unsigned st = fakepc_in(f, 0x3da, 1);

		if (st & 8)
			assert_true(st & 1);
		changes[0] += (st & ~last) & 1;
		changes[1] += (st & ~last) >> 3 & 1;
		last = st;
		f->now += 5000;
	}
	/* 31.5 kHz, less what retrace hides; 70 Hz */
	assert_in_range(changes[0], 27500, 29000);
	assert_in_range(changes[1], 69, 71);
	/* numbers that no monitor takes */
	vgamode_cr(f, 0x11, 0);
	for (unsigned i = 0; i < 25; i++)
		vgamode_cr(f, i, 0);
	(void)fakepc_in(f, 0x3da, 1);
	for (unsigned i = 0; i < 25; i++)
		vgamode_cr(f, i, 0xff);
	(void)fakepc_in(f, 0x3da, 1);
}

static void test_write_modes(void **state)
{
	(void)state;
	vgamode_set(f, MODE_640X480);
	/* mode 0: rotate, set/reset, function, mask, map mask */
	fakepc_store(f, WINDOW + 5, 1, 0x81);
	assert_int_equal(planes(5), 0x81818181);
	vgamode_gr(f, 3, 4);
	fakepc_store(f, WINDOW + 5, 1, 0x81);
	assert_int_equal(planes(5), 0x18181818);
	vgamode_gr(f, 3, 0);
	vgamode_gr(f, 1, 0x5);
	vgamode_gr(f, 0, 0x1);
	vgamode_sr(f, 2, 0x7);
	fakepc_store(f, WINDOW + 5, 1, 0x42);
	assert_int_equal(planes(5), 0x180042ff);
	vgamode_gr(f, 1, 0);
	vgamode_sr(f, 2, 0xf);
	planes_set(6, 0xf0f0f0f0);
	(void)fakepc_load(f, WINDOW + 6, 1);
	vgamode_gr(f, 3, 0x08);
	fakepc_store(f, WINDOW + 7, 1, 0x3c);
	assert_int_equal(planes(7), 0x30303030);
	vgamode_gr(f, 3, 0x10);
	fakepc_store(f, WINDOW + 7, 1, 0x3c);
	assert_int_equal(planes(7), 0xfcfcfcfc);
	vgamode_gr(f, 3, 0x18);
	vgamode_gr(f, 8, 0x0f);
	fakepc_store(f, WINDOW + 7, 1, 0x3c);
	assert_int_equal(planes(7), 0xfcfcfcfc);
	vgamode_gr(f, 8, 0xff);
	fakepc_store(f, WINDOW + 7, 1, 0x3c);
	assert_int_equal(planes(7), 0xcccccccc);
	vgamode_gr(f, 3, 0);
	/* mode 1: the latches, into the planes that may be written */
	planes_set(8, 0x44332211);
	(void)fakepc_load(f, WINDOW + 8, 1);
	vgamode_gr(f, 5, 1);
	vgamode_sr(f, 2, 0xa);
	fakepc_store(f, WINDOW + 9, 1, 0);
	assert_int_equal(planes(9), 0x44002200);
	vgamode_sr(f, 2, 0xf);
	/* mode 2: a colour, under the mask */
	vgamode_gr(f, 5, 2);
	vgamode_gr(f, 8, 0xc0);
	fakepc_store(f, WINDOW + 9, 1, 0x9);
	assert_int_equal(planes(9), 0xc43322d1);
	/* mode 3: set/reset, the data is a mask */
	vgamode_gr(f, 5, 3);
	vgamode_gr(f, 0, 0x6);
	vgamode_gr(f, 8, 0xf0);
	fakepc_store(f, WINDOW + 9, 1, 0x3c);
	assert_int_equal(planes(9), 0x44333201);
}

static void test_read_modes(void **state)
{
	(void)state;
	vgamode_set(f, MODE_640X480);
	planes_set(3, 0x0ff0cc55);
	for (unsigned p = 0; p < 4; p++) {
		vgamode_gr(f, 4, p);
		assert_int_equal(fakepc_load(f, WINDOW + 3, 1),
				 0x0ff0cc55 >> 8 * p & 0xff);
	}
	/* which pixels are colour 5, of all planes, and of two */
	vgamode_gr(f, 5, 8);
	vgamode_gr(f, 2, 5);
	vgamode_gr(f, 7, 0xf);
	assert_int_equal(fakepc_load(f, WINDOW + 3, 1),
			 0x55 & (0xff & ~0xcc) & 0xf0 & (0xff & ~0x0f));
	vgamode_gr(f, 7, 0x3);
	assert_int_equal(fakepc_load(f, WINDOW + 3, 1), 0x55 & ~0xcc);
	vgamode_gr(f, 7, 0);
	assert_int_equal(fakepc_load(f, WINDOW + 3, 1), 0xff);
	/* wide ones are bytes, the last fills the latches */
	vgamode_gr(f, 5, 0);
	vgamode_gr(f, 4, 0);
	for (unsigned i = 0; i < 8; i++)
		planes_set(0x10 + i, 0x10000 + i);
	assert_int_equal(fakepc_load(f, WINDOW + 0x10, 8), 0x0706050403020100);
	assert_int_equal(v->r.latch[0], 7);
}

static void test_chains(void **state)
{
	(void)state;
	/* odd/even: characters in plane 0, attributes in plane 1 */
	vgamode_set(f, MODE_TEXT80);
	fakepc_store(f, COLOUR + 2, 4, 0x17421641);
	assert_int_equal(planes(2), 0x1641);
	assert_int_equal(planes(4), 0x1742);
	assert_int_equal(fakepc_load(f, COLOUR + 2, 4), 0x17421641);
	/* nothing where the window is not */
	assert_int_equal(fakepc_load(f, MONO + 2, 1), 0xff);
	assert_int_equal(fakepc_load(f, WINDOW + 2, 1), 0xff);
	vgamode_set(f, MODE_MONO);
	assert_int_equal(fakepc_load(f, MONO + 2, 2), 0x1641);
	assert_int_equal(fakepc_load(f, COLOUR + 2, 1), 0xff);
	/* the font's plane, as programs load it */
	vgamode_set(f, MODE_TEXT80);
	vgamode_sr(f, 2, 4);
	vgamode_sr(f, 4, 6);
	vgamode_gr(f, 5, 0);
	vgamode_gr(f, 6, 4);
	fakepc_store(f, WINDOW + 0x41 * 32 + 3, 1, 0x99);
	assert_int_equal(planes(0x41 * 32 + 3), 0x990000);
	/* chain 4: the low bits are the plane */
	vgamode_set(f, MODE_320X200C);
	fakepc_store(f, WINDOW + 0x104, 4, 0xddccbbaa);
	assert_int_equal(planes(0x104), 0xddccbbaa);
	assert_int_equal(fakepc_load(f, WINDOW + 0x106, 1), 0xcc);
	vgamode_sr(f, 2, 1);
	fakepc_store(f, WINDOW + 0x104, 4, 0);
	assert_int_equal(planes(0x104), 0xddccbb00);
	/* the card's memory is off */
	fakepc_out(f, 0x3c2, 1, 0x61);
	assert_int_equal(fakepc_load(f, WINDOW + 0x106, 1), 0xff);
	fakepc_store(f, WINDOW + 0x104, 1, 1);
	assert_int_equal(planes(0x104), 0xddccbb00);
	/* 128 KiB: 64 KiB twice */
	vgamode_set(f, MODE_640X480);
	vgamode_gr(f, 6, 1);
	fakepc_store(f, WINDOW + 0x10009, 1, 0x77);
	assert_int_equal(planes(9), 0x77777777);
}

static uint64_t placed;
static unsigned places;
static uint64_t fake_dirty;

static void slot_place(void *arg, uint64_t gpa)
{
	(void)arg;
	placed = gpa;
	places++;
}

static void slot_dirty(void *arg, uint64_t *pages)
{
	(void)arg;
	pages[1] |= fake_dirty;
	fake_dirty = 0;
}

static void test_slot(void **state)
{
	static const struct vram_slot_ops ops = { slot_place, slot_dirty };
	struct vram *r = vga_vram(v);
	uint64_t since, other;

	(void)state;
	placed = places = 0;
	bars_on();
	vga_slot(v, &ops, NULL);
	assert_int_equal(placed, LFB);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, LFB + VRAM_SIZE);
	assert_int_equal(placed, LFB + VRAM_SIZE);
	fakepc_pci_out(f, SLOT, 0, PCI_LINE, 1, 3);
	assert_int_equal(places, 2);
	fakepc_cycle(f, &v->pci.dev);
	assert_int_equal(placed, LFB + VRAM_SIZE);
	pcbus_reset(&f->bus);
	assert_int_equal(placed, 0);
	/* what the board saw, and what came by the trapped window */
	vgamode_set(f, MODE_640X480);
	since = vram_look(r);
	other = vram_look(r);
	assert_false(vram_changed(r, 0, VRAM_SIZE, since));
	fakepc_store(f, WINDOW + 1025, 1, 1);
	fake_dirty = 1ull << 3;
	other = vram_look(r);
	assert_true(vram_changed(r, 4096, 1, since));
	assert_false(vram_changed(r, 0, 4096, since));
	assert_true(vram_changed(r, 67 * 4096 + 4095, 1, since));
	assert_true(vram_changed(r, 66 * 4096 + 4095, 2, since));
	assert_false(vram_changed(r, 68 * 4096, VRAM_SIZE, since));
	assert_false(vram_changed(r, 0, VRAM_SIZE, other));
	assert_false(vram_changed(r, VRAM_SIZE, 1, 0));
	vga_slot(v, NULL, NULL);
}

static void test_state(void **state)
{
	uint8_t buf[4096];
	size_t len;

	(void)state;
	vgamode_set(f, MODE_640X480);
	vgamode_palette(f);
	bars_on();
	vgamode_vbe(f, VBE_XRES, 800);
	vgamode_vbe(f, VBE_YRES, 600);
	vgamode_vbe(f, VBE_BPP, 32);
	vgamode_vbe(f, VBE_ENABLE, VBE_ENABLED);
	fakepc_out(f, 0x3c9, 1, 1);
	fakepc_cycle(f, &v->pci.dev);
	assert_int_equal(vgamode_vbe_read(f, VBE_VIRT_WIDTH), 800);
	len = v->pci.dev.ops->save(&v->pci.dev, buf, sizeof(buf));
	assert_int_equal(v->pci.dev.ops->save(&v->pci.dev, buf, len - 1), 0);
	/* no byte makes it do what it should not: it is refused, or works */
	for (size_t i = len - sizeof(v->r); i < len; i++) {
		struct vga_screen *s;

		buf[i] ^= 0xff;
		if (!v->pci.dev.ops->load(&v->pci.dev, buf, len) && i % 16 == 0) {
			s = vga_screen_new(v);
			assert_true(vga_screen_update(s));
			vga_screen_free(s);
		}
		buf[i] ^= 0xff;
	}
	buf[len - sizeof(v->r) + offsetof(struct vga_regs, dac_write_sub)] = 3;
	assert_true(v->pci.dev.ops->load(&v->pci.dev, buf, len) < 0);
}

static void test_taken(void **state)
{
	static const struct io_ops none = { NULL, NULL };
	struct fakepc *g = fakepc_open(true);

	(void)state;
	/* each of its places may be another's: no trace stays */
	assert_int_equal(pcbus_pio_map(&g->bus, 0x1d0, 1, &none, NULL), 0);
	assert_null(vga_new(&g->bus, g->pci, SLOT));
	pcbus_pio_unmap(&g->bus, 0x1d0);
	assert_int_equal(pcbus_mmio_map(&g->bus, 0xb8000, 1, &none, NULL), 0);
	assert_null(vga_new(&g->bus, g->pci, SLOT));
	pcbus_mmio_unmap(&g->bus, 0xb8000);
	assert_non_null(vga_new(&g->bus, g->pci, SLOT));
	assert_null(vga_new(&g->bus, g->pci, SLOT));
	fakepc_close(g);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_function),    T(test_ports),	 T(test_dac),	 T(test_retrace),
		T(test_write_modes), T(test_read_modes), T(test_chains), T(test_slot),
		T(test_state),	     T(test_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
