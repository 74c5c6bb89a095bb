/* SPDX-License-Identifier: MIT */
/* Bochs' VBE: registers, every depth as a picture, virtual screens, banks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backends/pc/vga_int.h"
#include "tests/lib/vgamode.h"

#define SLOT	2
#define WINDOW	0xa0000u
#define LFB	0xe0000000u
#define LFB_BIT 0x40u

static struct fakepc *f;
static struct vga *v;
static struct vga_screen *s;

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(true);
	v = vga_new(&f->bus, f->pci, SLOT);
	if (!v)
		return -1;
	s = vga_screen_new(v);
	vgamode_palette(f);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, LFB);
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, PCI_CMD_MEMORY);
	/* as a driver does: the window is 64 KiB, the display on */
	fakepc_out(f, 0x3c2, 1, 0x67);
	vgamode_gr(f, 6, 5);
	vgamode_gr(f, 8, 0xff);
	vgamode_sr(f, 2, 0xf);
	vgamode_sr(f, 4, 6);
	fakepc_out(f, 0x3c0, 1, 0x20);
	return s ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	vga_screen_free(s);
	fakepc_close(f);
	return 0;
}

static void mode(unsigned width, unsigned height, unsigned bpp, unsigned bits)
{
	vgamode_vbe(f, VBE_ENABLE, 0);
	vgamode_vbe(f, VBE_BPP, bpp);
	vgamode_vbe(f, VBE_XRES, width);
	vgamode_vbe(f, VBE_YRES, height);
	vgamode_vbe(f, VBE_ENABLE, VBE_ENABLED | LFB_BIT | bits);
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(vgamode_vbe_read(f, VBE_ID), 0xb0c5);
	vgamode_vbe(f, VBE_ID, 0xb0c0);
	assert_int_equal(vgamode_vbe_read(f, VBE_ID), 0xb0c0);
	vgamode_vbe(f, VBE_ID, 0xb0c6);
	assert_int_equal(vgamode_vbe_read(f, VBE_ID), 0xb0c0);
	assert_int_equal(vgamode_vbe_read(f, VBE_MEMORY_64K), 256);
	assert_int_equal(vgamode_vbe_read(f, 99), 0xffff);
	/* by bytes and dwords there is nothing; data is at 0x1d0, too */
	fakepc_out(f, 0x1ce, 2, VBE_XRES);
	fakepc_out(f, 0x1cf, 1, 7);
	fakepc_out(f, 0x1cf, 4, 7);
	assert_int_equal(fakepc_in(f, 0x1cf, 2), 0);
	assert_int_equal(fakepc_in(f, 0x1cf, 1), 0xff);
	fakepc_out(f, 0x1d0, 2, 1024);
	assert_int_equal(fakepc_in(f, 0x1d0, 2), 1024);
	assert_int_equal(fakepc_in(f, 0x1ce, 2), VBE_XRES);
	/* what there may be */
	vgamode_vbe(f, VBE_ENABLE, VBE_GETCAPS);
	assert_int_equal(vgamode_vbe_read(f, VBE_XRES), VGA_MAX_WIDTH);
	assert_int_equal(vgamode_vbe_read(f, VBE_YRES), VGA_MAX_HEIGHT);
	assert_int_equal(vgamode_vbe_read(f, VBE_BPP), 32);
	vgamode_vbe(f, VBE_ENABLE, 0);
	assert_int_equal(vgamode_vbe_read(f, VBE_XRES), 1024);
	/* what cannot be is made to fit, once it is enabled */
	mode(1023, 5000, 33, 0);
	assert_int_equal(vgamode_vbe_read(f, VBE_XRES), 1016);
	assert_int_equal(vgamode_vbe_read(f, VBE_YRES), VGA_MAX_HEIGHT);
	assert_int_equal(vgamode_vbe_read(f, VBE_BPP), 8);
	assert_int_equal(vgamode_vbe_read(f, VBE_VIRT_WIDTH), 1016);
	mode(65535, 65535, 32, 0);
	assert_int_equal(vgamode_vbe_read(f, VBE_XRES), VGA_MAX_WIDTH);
	assert_int_equal(vgamode_vbe_read(f, VBE_YRES), VGA_MAX_HEIGHT);
	vgamode_vbe(f, VBE_VIRT_WIDTH, 65535);
	assert_int_equal(vgamode_vbe_read(f, VBE_YRES), VRAM_SIZE / 65536);
	assert_true(vga_screen_update(s));
	mode(0, 0, 4, 0);
	assert_int_equal(vgamode_vbe_read(f, VBE_XRES), 8);
	assert_int_equal(vgamode_vbe_read(f, VBE_YRES), 1);
	assert_int_equal(vgamode_vbe_read(f, VBE_VIRT_HEIGHT), 0xffff);
	assert_true(vga_screen_update(s));
}

/* What 8, 15, ... bits are on the screen. */
static uint32_t expected(unsigned bpp, uint32_t value)
{
	const uint32_t r5 = value >> 10 & 31, g5 = value >> 5 & 31, b5 = value & 31;
	const uint32_t r6 = value >> 11 & 31, g6 = value >> 5 & 63;

	switch (bpp) {
	case 8:
		return vgamode_rgb(value & 0xff);
	case 15:
		return (r5 * 33 >> 2) << 16 | (g5 * 33 >> 2) << 8 | b5 * 33 >> 2;
	case 16:
		return (r6 * 33 >> 2) << 16 | (g6 * 65 >> 4) << 8 | b5 * 33 >> 2;
	default:
		return value & 0xffffff;
	}
}

static uint32_t sample(unsigned x, unsigned y)
{
	return (x * 2654435761u) ^ (y * 40503u << 7) ^ y;
}

static void store(unsigned bpp, uint32_t pitch, unsigned x, unsigned y, uint32_t value)
{
	const unsigned bytes = (bpp + 7) / 8;
	const uint64_t at = LFB + (uint64_t)y * pitch + x * bytes;

	if (bytes == 3) {
		fakepc_store(f, at, 2, value);
		fakepc_store(f, at + 2, 1, value >> 16);
	} else {
		fakepc_store(f, at, bytes, value);
	}
}

static void test_depths(void **state)
{
	static const unsigned depths[] = { 8, 15, 16, 24, 32 };

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		const unsigned bpp = depths[i], bytes = (bpp + 7) / 8;

		mode(320, 240, bpp, 0);
		for (unsigned y = 0; y < 240; y++)
			for (unsigned x = 0; x < 320; x++)
				store(bpp, 320 * bytes, x, y, sample(x, y));
		assert_true(vga_screen_update(s));
		assert_int_equal(s->width, 320);
		assert_int_equal(s->height, 240);
		for (unsigned y = 0; y < 240; y++)
			for (unsigned x = 0; x < 320; x++)
				assert_int_equal(pixel_at(s, x, y),
						 expected(bpp, sample(x, y)));
		/* one pixel, one rectangle */
		assert_false(vga_screen_update(s));
		store(bpp, 320 * bytes, 17, 200, ~sample(17, 200));
		assert_true(vga_screen_update(s));
		assert_int_equal(s->nr_rects, 1);
		assert_memory_equal(&s->rect[0], (&(struct vga_rect){ 17, 200, 1, 1 }),
				    sizeof(s->rect[0]));
	}
}

static void test_virtual(void **state)
{
	(void)state;
	mode(640, 480, 32, 0);
	vgamode_vbe(f, VBE_VIRT_WIDTH, 1024);
	assert_int_equal(vgamode_vbe_read(f, VBE_VIRT_HEIGHT), 4096);
	for (unsigned y = 0; y < 1000; y++)
		for (unsigned x = 0; x < 1024; x += 64)
			store(32, 4096, x, y, sample(x, y));
	vgamode_vbe(f, VBE_X_OFFSET, 128);
	vgamode_vbe(f, VBE_Y_OFFSET, 500);
	assert_true(vga_screen_update(s));
	for (unsigned y = 0; y < 480; y++)
		for (unsigned x = 0; x < 640; x += 64)
			assert_int_equal(pixel_at(s, x, y),
					 sample(x + 128, y + 500) & 0xffffff);
	/* the last that fits; one more does not */
	vgamode_vbe(f, VBE_X_OFFSET, 0);
	vgamode_vbe(f, VBE_Y_OFFSET, 4096 - 480);
	assert_int_equal(vgamode_vbe_read(f, VBE_Y_OFFSET), 4096 - 480);
	assert_true(vga_screen_update(s));
	vgamode_vbe(f, VBE_Y_OFFSET, 4096 - 479);
	assert_int_equal(vgamode_vbe_read(f, VBE_Y_OFFSET), 0);
	/* another resolution while it is enabled is a mode of its own */
	vgamode_vbe(f, VBE_XRES, 800);
	assert_int_equal(vgamode_vbe_read(f, VBE_VIRT_WIDTH), 800);
	vga_screen_update(s);
	assert_int_equal(s->width, 800);
}

static void test_banks(void **state)
{
	(void)state;
	mode(1024, 768, 8, 0);
	for (unsigned bank = 0; bank < 12; bank++) {
		vgamode_vbe(f, VBE_BANK, bank);
		assert_int_equal(vgamode_vbe_read(f, VBE_BANK), bank);
		for (unsigned i = 0; i < 65536; i += 8)
			fakepc_store(f, WINDOW + i, 8,
				     (bank * 65536 + i) * 0x0101010101u);
		assert_int_equal(fakepc_load(f, WINDOW + 0xff00, 2),
				 fakepc_load(f, LFB + bank * 65536 + 0xff00, 2));
	}
	vgamode_vbe(f, VBE_BANK, 0xffff);
	assert_int_equal(vgamode_vbe_read(f, VBE_BANK), 255);
	fakepc_store(f, WINDOW + 0xffff, 1, 0x5a);
	assert_int_equal(fakepc_load(f, LFB + VRAM_SIZE - 1, 1), 0x5a);
	assert_true(vga_screen_update(s));
	for (unsigned y = 0; y < 768; y++)
		for (unsigned x = 0; x < 1024; x++) {
			const uint64_t at = y * 1024 + x;

			assert_int_equal(pixel_at(s, x, y),
					 vgamode_rgb((at & ~7ull) * 0x0101010101u >>
							     8 * (at & 7) &
						     0xff));
		}
}

static void test_planar(void **state)
{
	(void)state;
	/* 1024 x 768 in 16 colours takes 96 KiB a plane: two banks */
	mode(1024, 768, 4, 0);
	vgamode_ar(f, 0x12, 0xf);
	for (unsigned i = 0; i < 16; i++) {
		(void)fakepc_in(f, 0x3da, 1);
		fakepc_out(f, 0x3c0, 1, i);
		fakepc_out(f, 0x3c0, 1, i + 0x20);
		fakepc_out(f, 0x3c0, 1, 0x20);
	}
	vgamode_gr(f, 5, 2);
	for (unsigned y = 0; y < 768; y++)
		for (unsigned x = 0; x < 1024; x += 32) {
			const unsigned at = y * 128 + x / 8;

			vgamode_vbe(f, VBE_BANK, at >> 16);
			fakepc_store(f, WINDOW + (at & 0xffff), 1, sample(x, y) & 15);
		}
	assert_true(vga_screen_update(s));
	for (unsigned y = 0; y < 768; y++)
		for (unsigned x = 0; x < 1024; x++)
			assert_int_equal(
				pixel_at(s, x, y),
				vgamode_rgb(0x20 +
					    (x % 32 < 8 ? sample(x & ~31u, y) & 15 : 0)));
	vgamode_vbe(f, VBE_X_OFFSET, 4);
	vgamode_vbe(f, VBE_Y_OFFSET, 100);
	assert_true(vga_screen_update(s));
	assert_int_equal(pixel_at(s, 3, 0), vgamode_rgb(0x20 + (sample(0, 100) & 15)));
	assert_int_equal(pixel_at(s, 4, 0), vgamode_rgb(0x20));
}

static void test_clear(void **state)
{
	const uint32_t end = 640 * 480 * 4;

	(void)state;
	memset(vga_vram(v)->mem, 0x77, VRAM_SIZE);
	mode(640, 480, 32, VBE_NOCLEARMEM);
	assert_int_equal(fakepc_load(f, LFB, 4), 0x77777777);
	/* again: it is on already */
	vgamode_vbe(f, VBE_ENABLE, VBE_ENABLED);
	assert_int_equal(fakepc_load(f, LFB, 4), 0x77777777);
	mode(640, 480, 32, 0);
	assert_int_equal(fakepc_load(f, LFB, 4), 0);
	assert_int_equal(fakepc_load(f, LFB + end - 4, 8), 0x7777777700000000);
	/* off: VGA again, with the memory as it is */
	vgamode_vbe(f, VBE_ENABLE, 0);
	vgamode_set(f, MODE_640X480);
	assert_true(vga_screen_update(s));
	assert_int_equal(s->height, 480);
}

static void test_dac8(void **state)
{
	(void)state;
	mode(320, 200, 8, VBE_8BIT_DAC);
	fakepc_out(f, 0x3c8, 1, 0);
	fakepc_out(f, 0x3c9, 1, 0x81);
	fakepc_out(f, 0x3c9, 1, 0x42);
	fakepc_out(f, 0x3c9, 1, 0xff);
	assert_true(vga_screen_update(s));
	assert_int_equal(pixel_at(s, 0, 0), 0x8142ff);
	vgamode_vbe(f, VBE_ENABLE, VBE_ENABLED);
	assert_true(vga_screen_update(s));
	assert_int_equal(pixel_at(s, 0, 0), 0x0408ff);
	/* the display off, in a VBE mode, too */
	(void)fakepc_in(f, 0x3da, 1);
	fakepc_out(f, 0x3c0, 1, 0);
	assert_true(vga_screen_update(s));
	assert_int_equal(pixel_at(s, 0, 0), 0);
}

static void test_state(void **state)
{
	(void)state;
	mode(640, 480, 16, VBE_8BIT_DAC);
	vgamode_vbe(f, VBE_VIRT_WIDTH, 800);
	vgamode_vbe(f, VBE_Y_OFFSET, 3);
	vgamode_vbe(f, VBE_BANK, 7);
	fakepc_cycle(f, &v->pci.dev);
	assert_int_equal(vgamode_vbe_read(f, VBE_VIRT_WIDTH), 800);
	assert_int_equal(vgamode_vbe_read(f, VBE_BANK), 7);
	assert_true(vga_screen_update(s));
	assert_int_equal(s->width, 640);
	/* what is loaded is drawn, though no page was written */
	fakepc_cycle(f, &v->pci.dev);
	v->vram.mem[1] ^= 0xff;
	v->vram.mem[1 + 3 * 1600] ^= 0xff;
	assert_true(vga_screen_update(s));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_registers), T(test_depths), T(test_virtual), T(test_banks),
		T(test_planar),	   T(test_clear),  T(test_dac8),    T(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
