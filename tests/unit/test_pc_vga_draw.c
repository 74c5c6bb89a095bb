/* SPDX-License-Identifier: MIT */
/* Pictures of VGA's modes, each compared with pixels that are computed here. */
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

static struct fakepc *f;
static struct vga *v;
static struct vga_screen *s;

/* A font: row r of character c, in map m. */
static unsigned glyph(unsigned map, unsigned c, unsigned row)
{
	return (c * 37 + row * 11 + map * 85 + 1) & 0xff;
}

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(true);
	v = vga_new(&f->bus, f->pci, SLOT);
	if (!v)
		return -1;
	s = vga_screen_new(v);
	vgamode_palette(f);
	f->now = PC_NS * 16 / 70 * 1000; /* the cursor is on, what blinks is, too */
	for (unsigned map = 0; map < 8; map++)
		for (unsigned c = 0; c < 256; c++)
			for (unsigned row = 0; row < 32; row++)
				vga_vram(v)->mem[4 * (((map & 3) * 2 + map / 4) * 8192 +
						      c * 32 + row) +
						 2] = (uint8_t)glyph(map, c, row);
	return s ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	vga_screen_free(s);
	fakepc_close(f);
	return 0;
}

static void update(unsigned width, unsigned height)
{
	vga_screen_update(s);
	assert_int_equal(s->width, width);
	assert_int_equal(s->height, height);
}

/* Characters and attributes that differ from cell to cell. */
static unsigned code_of(unsigned cell)
{
	return cell * 7 & 0xff;
}

static unsigned attr_of(unsigned cell)
{
	return cell * 5 & 0x7f;
}

static void text_fill(uint32_t at)
{
	for (unsigned i = 0; i < 4096; i++)
		fakepc_store(f, at + 2 * i, 2, code_of(i) | attr_of(i) << 8);
}

/* A dot of a cell by the hardware's rules. */
static uint32_t text_dot(enum vgamode mode, unsigned map, unsigned cell, unsigned row,
			 unsigned dot)
{
	const unsigned c = code_of(cell), a = attr_of(cell);
	unsigned bit;

	if (dot == 8)
		bit = c >= 0xc0 && c <= 0xdf ? glyph(map, c, row) & 1 : 0;
	else
		bit = glyph(map, c, row) >> (7 - dot) & 1;
	return vgamode_pixel(mode, bit ? a & 15 : a >> 4);
}

static void cursor_off(void)
{
	vgamode_cr(f, 0xa, 0x20);
}

static void test_text(void **state)
{
	(void)state;
	vgamode_set(f, MODE_TEXT80);
	cursor_off();
	text_fill(COLOUR);
	update(720, 400);
	assert_true(s->resized);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 720; x++)
			assert_int_equal(pixel_at(s, x, y),
					 text_dot(MODE_TEXT80, 0, y / 16 * 80 + x / 9,
						  y % 16, x % 9));
	/* 8 dots; a page further */
	vgamode_sr(f, 1, 1);
	vgamode_cr(f, 0xc, 1);
	vgamode_cr(f, 0xd, 3);
	update(640, 400);
	for (unsigned y = 0; y < 400; y += 7)
		for (unsigned x = 0; x < 640; x++)
			assert_int_equal(pixel_at(s, x, y),
					 text_dot(MODE_TEXT80, 0,
						  0x103 + y / 16 * 80 + x / 8, y % 16,
						  x % 8));
	/* 40 columns: each dot twice */
	vgamode_set(f, MODE_TEXT40);
	cursor_off();
	update(720, 400);
	for (unsigned y = 0; y < 400; y += 3)
		for (unsigned x = 0; x < 720; x++)
			assert_int_equal(pixel_at(s, x, y),
					 text_dot(MODE_TEXT40, 0, y / 16 * 40 + x / 18,
						  y % 16, x / 2 % 9));
}

static void test_text_fonts(void **state)
{
	(void)state;
	vgamode_set(f, MODE_TEXT80);
	cursor_off();
	text_fill(COLOUR);
	/* map A 1 where the attribute's bit 3 is set, B 6 elsewhere */
	vgamode_sr(f, 3, 1 << 2 | 2 | 1 << 4);
	update(720, 400);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 720; x += 2) {
			const unsigned cell = y / 16 * 80 + x / 9;

			assert_int_equal(pixel_at(s, x, y),
					 text_dot(MODE_TEXT80, attr_of(cell) & 8 ? 1 : 6,
						  cell, y % 16, x % 9));
		}
	/* the 8 lines of a character of 8 */
	vgamode_sr(f, 3, 0);
	vgamode_cr(f, 9, 0x47);
	update(720, 400);
	for (unsigned y = 0; y < 400; y++)
		assert_int_equal(pixel_at(s, 4, y),
				 text_dot(MODE_TEXT80, 0, y / 8 * 80, y % 8, 4));
}

static void test_text_scroll(void **state)
{
	(void)state;
	vgamode_set(f, MODE_TEXT80);
	cursor_off();
	text_fill(COLOUR);
	/* smoothly, to both sides: 5 lines and 3 dots (of nine: one less is said) */
	vgamode_cr(f, 8, 5);
	vgamode_ar(f, 0x13, 2);
	update(720, 400);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 720; x++)
			assert_int_equal(pixel_at(s, x, y),
					 text_dot(MODE_TEXT80, 0,
						  (y + 5) / 16 * 80 + (x + 3) / 9,
						  (y + 5) % 16, (x + 3) % 9));
	/* a split at line 200: from there it is the memory's beginning, unpanned if
	 * that is asked for */
	vgamode_cr(f, 0xc, 2);
	vgamode_cr(f, 0x18, 199);
	vgamode_cr(f, 7, 0x0f);
	vgamode_cr(f, 9, 0x0f);
	vgamode_ar(f, 0x10, 0x2c);
	update(720, 400);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 720; x++) {
			const bool top = y < 200;
			const unsigned row = top ? y + 5 : y - 200;
			const unsigned dot = top ? x + 3 : x;

			assert_int_equal(pixel_at(s, x, y),
					 text_dot(MODE_TEXT80, 0,
						  (top ? 512 : 0) + row / 16 * 80 +
							  dot / 9,
						  row % 16, dot % 9));
		}
}

static void test_text_cursor(void **state)
{
	const uint64_t on = f->now;

	(void)state;
	vgamode_set(f, MODE_TEXT80);
	text_fill(COLOUR);
	vgamode_cr(f, 0xf, 85);
	vga_screen_update(s);
	for (unsigned y = 0; y < 32; y++)
		for (unsigned x = 45; x < 54; x++) {
			const bool in = y >= 16 + 13 && y <= 16 + 14;

			assert_int_equal(pixel_at(s, x, y),
					 in ? vgamode_pixel(MODE_TEXT80, attr_of(85) & 15)
					    : text_dot(MODE_TEXT80, 0,
						       y / 16 * 80 + x / 9, y % 16,
						       x % 9));
		}
	/* it blinks: that alone changes */
	f->now = on + PC_NS * 8 / 70 + 1;
	vga_screen_update(s);
	assert_int_equal(s->nr_rects, 1);
	assert_int_equal(s->rect[0].y, 29);
	assert_in_range(s->rect[0].x, 45, 53);
	assert_true(s->rect[0].x + s->rect[0].width <= 54);
	assert_true(s->rect[0].height <= 2);
	assert_int_equal(pixel_at(s, 50, 30), text_dot(MODE_TEXT80, 0, 85, 14, 5));
	/* characters blink half as fast; then bit 7 is no colour */
	f->now = on;
	fakepc_store(f, COLOUR, 2, 0x9fdb);
	cursor_off();
	vga_screen_update(s);
	assert_int_equal(pixel_at(s, 8, 0),
			 vgamode_pixel(MODE_TEXT80, glyph(0, 0xdb, 0) & 1 ? 15 : 1));
	f->now = on + PC_NS * 16 / 70 + 1;
	vga_screen_update(s);
	for (unsigned x = 0; x < 9; x++)
		assert_int_equal(pixel_at(s, x, 0), vgamode_pixel(MODE_TEXT80, 1));
	vgamode_ar(f, 0x10, 4);
	vga_screen_update(s);
	for (unsigned x = 0; x < 8; x++)
		assert_int_equal(pixel_at(s, x, 0),
				 vgamode_pixel(MODE_TEXT80,
					       glyph(0, 0xdb, 0) >> (7 - x) & 1 ? 15
										: 9));
}

static void test_mono(void **state)
{
	(void)state;
	vgamode_set(f, MODE_MONO);
	cursor_off();
	fakepc_store(f, MONO, 2, 0x0141);
	fakepc_store(f, MONO + 2, 2, 0x0741);
	update(720, 400);
	for (unsigned x = 0; x < 18; x++) {
		/* underlined: row 13 */
		assert_int_equal(pixel_at(s, x, 13),
				 vgamode_rgb(x < 9 || (x < 17 &&
						       glyph(0, 0x41, 13) >> (16 - x) & 1)
						     ? 8
						     : 0));
		if (x < 8)
			assert_int_equal(pixel_at(s, x, 12),
					 vgamode_rgb(glyph(0, 0x41, 12) >> (7 - x) & 1
							     ? 8
							     : 0));
	}
}

static void test_planar(void **state)
{
	(void)state;
	vgamode_set(f, MODE_640X480);
	for (unsigned p = 0; p < 4; p++) {
		vgamode_sr(f, 2, 1u << p);
		for (unsigned i = 0; i < 65536; i += 8)
			fakepc_store(f, WINDOW + i, 8,
				     (i + 1) * (p + 3) * 0x9e3779b97f4a7c15u);
	}
	update(640, 480);
#define PLANAR(at, bit)                                                                  \
	({                                                                               \
		const uint8_t *m_ = vga_vram(v)->mem + 4 * ((at)&0xffff);                \
		const unsigned b_ = 7 - (bit);                                           \
		(m_[0] >> b_ & 1u) | (m_[1] >> b_ & 1u) << 1 | (m_[2] >> b_ & 1u) << 2 | \
			(m_[3] >> b_ & 1u) << 3;                                         \
	})
	for (unsigned y = 0; y < 480; y++)
		for (unsigned x = 0; x < 640; x++)
			assert_int_equal(pixel_at(s, x, y),
					 vgamode_pixel(MODE_640X480,
						       PLANAR(y * 80 + x / 8, x % 8)));
	/* elsewhere, with a wider line, panned; planes hidden; over the memory's end */
	vgamode_cr(f, 0xc, 0xc0);
	vgamode_cr(f, 0x13, 0x31);
	vgamode_ar(f, 0x13, 5);
	vgamode_ar(f, 0x12, 0xb);
	update(640, 480);
	for (unsigned y = 0; y < 480; y++)
		for (unsigned x = 0; x < 640; x++)
			assert_int_equal(pixel_at(s, x, y),
					 vgamode_pixel(MODE_640X480,
						       PLANAR(0xc000 + y * 98 +
								      (x + 5) / 8,
							      (x + 5) % 8) &
							       0xb));
	/* the other palette bits */
	vgamode_ar(f, 0x10, 0x81);
	vgamode_ar(f, 0x14, 0x6);
	vgamode_ar(f, 0x13, 0);
	update(640, 480);
	for (unsigned x = 0; x < 640; x++) {
		static const uint8_t low[16] = { 0, 1, 2,  3,  4,  5,  4,  7,
						 8, 9, 10, 11, 12, 13, 14, 15 };

		assert_int_equal(pixel_at(s, x, 0),
				 vgamode_rgb(low[PLANAR(0xc000 + x / 8, x % 8) & 0xb] |
					     0x20 | 0x40));
	}
	/* 320 x 200: dots and lines twice */
	vgamode_set(f, MODE_320X200);
	update(640, 400);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 640; x++)
			assert_int_equal(pixel_at(s, x, y),
					 vgamode_pixel(MODE_320X200,
						       PLANAR(y / 2 * 40 + x / 16,
							      x / 2 % 8)));
}

static void test_cga(void **state)
{
	(void)state;
	vgamode_set(f, MODE_CGA4);
	for (unsigned i = 0; i < 16384; i++)
		fakepc_store(f, COLOUR + i, 1, i * 73 & 0xff);
	update(640, 400);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 640; x++) {
			const unsigned cy = y / 2, cx = x / 2;
			const unsigned at = (cy & 1) * 8192 + cy / 2 * 80 + cx / 4;

			assert_int_equal(
				pixel_at(s, x, y),
				vgamode_pixel(MODE_CGA4,
					      (at * 73 & 0xff) >> (6 - cx % 4 * 2) & 3));
		}
	vgamode_set(f, MODE_CGA2);
	for (unsigned i = 0; i < 16384; i++)
		fakepc_store(f, COLOUR + i, 1, i * 73 & 0xff);
	update(640, 400);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 640; x++) {
			const unsigned cy = y / 2;
			const unsigned at = (cy & 1) * 8192 + cy / 2 * 80 + x / 8;

			assert_int_equal(pixel_at(s, x, y),
					 vgamode_rgb((at * 73 & 0xff) >> (7 - x % 8) & 1
							     ? 0x17
							     : 0));
		}
}

static void test_bytes(void **state)
{
	(void)state;
	vgamode_set(f, MODE_320X200C);
	for (unsigned i = 0; i < 65536; i += 4)
		fakepc_store(f, WINDOW + i, 4, i * 0x10204081u);
	update(640, 400);
	for (unsigned y = 0; y < 400; y++)
		for (unsigned x = 0; x < 640; x++) {
			const unsigned i = y / 2 * 320 + x / 2;

			assert_int_equal(pixel_at(s, x, y),
					 vgamode_rgb((i & ~3u) * 0x10204081u >>
							     8 * (i & 3) &
						     0xff));
		}
	/* the mask before the DAC */
	fakepc_out(f, 0x3c6, 1, 0x0f);
	update(640, 400);
	assert_int_equal(pixel_at(s, 2 * 77, 20),
			 vgamode_rgb((10 * 320 + 76) * 0x10204081u >> 8 & 0x0f));
	fakepc_out(f, 0x3c6, 1, 0xff);
	/* unchained: mode X, 320 x 240, two pages; 3 pixels panned */
	vgamode_sr(f, 4, 6);
	vgamode_cr(f, 0x14, 0);
	vgamode_cr(f, 0x17, 0xe3);
	fakepc_out(f, 0x3c2, 1, 0xe3);
	vgamode_cr(f, 0x11, 0x0c);
	vgamode_cr(f, 6, 0x0d);
	vgamode_cr(f, 7, 0x3e);
	vgamode_cr(f, 0x12, 0xdf);
	vgamode_cr(f, 0xc, 0x4b);
	vgamode_ar(f, 0x13, 6);
	for (unsigned p = 0; p < 4; p++) {
		vgamode_sr(f, 2, 1u << p);
		for (unsigned i = 0; i < 65536; i++)
			fakepc_store(f, WINDOW + i, 1, (i * 3 + p * 50) & 0xff);
	}
	update(640, 480);
	for (unsigned y = 0; y < 480; y++)
		for (unsigned x = 0; x < 640; x++) {
			const unsigned px = x / 2 + 3;
			const unsigned at = 0x4b00 + y / 2 * 80 + px / 4;

			assert_int_equal(pixel_at(s, x, y),
					 vgamode_rgb((at * 3 + px % 4 * 50) & 0xff));
		}
}

static void test_changes(void **state)
{
	(void)state;
	memset(vga_vram(v)->mem, 0, VRAM_SIZE);
	/* before there is a mode */
	assert_true(vga_screen_update(s));
	assert_int_equal(s->width, 640);
	assert_false(vga_screen_update(s));
	vgamode_set(f, MODE_640X480);
	update(640, 480);
	vgamode_set(f, MODE_640X480);
	assert_false(vga_screen_update(s));
	/* a byte of two lines that are far apart */
	fakepc_store(f, WINDOW + 100 * 80 + 3, 1, 0x18);
	fakepc_store(f, WINDOW + 300 * 80 + 4, 1, 0x81);
	assert_true(vga_screen_update(s));
	assert_false(s->resized);
	assert_int_equal(s->nr_rects, 2);
	assert_memory_equal(&s->rect[0], (&(struct vga_rect){ 27, 100, 2, 1 }),
			    sizeof(s->rect[0]));
	assert_memory_equal(&s->rect[1], (&(struct vga_rect){ 32, 300, 8, 1 }),
			    sizeof(s->rect[0]));
	assert_false(vga_screen_update(s));
	/* the same again is no change; a colour that is not shown neither */
	fakepc_store(f, WINDOW + 300 * 80 + 4, 1, 0x81);
	assert_false(vga_screen_update(s));
	vgamode_dac(f, 200, 1, 1, 1);
	assert_false(vga_screen_update(s));
	vgamode_dac(f, 0, 1, 1, 1);
	assert_true(vga_screen_update(s));
	assert_int_equal(pixel_at(s, 0, 0), 0x040404);
	/* more bands than rectangles */
	for (unsigned y = 0; y < 480; y += 2)
		fakepc_store(f, WINDOW + y * 80 + y / 8, 1, 0x55);
	assert_true(vga_screen_update(s));
	assert_int_equal(s->nr_rects, VGA_MAX_RECTS);
	assert_int_equal(s->rect[VGA_MAX_RECTS - 1].y + s->rect[VGA_MAX_RECTS - 1].height,
			 479);
	/* off: black, and as large as before */
	vgamode_sr(f, 1, 0x21);
	update(640, 480);
	assert_false(s->resized);
	assert_int_equal(pixel_at(s, 0, 0), 0);
	vgamode_sr(f, 1, 1);
	update(640, 480);
	assert_int_equal(pixel_at(s, 0, 0), 0x040404);
	/* registers that no card survives */
	vgamode_cr(f, 0x11, 0);
	for (unsigned i = 0; i < 25; i++)
		vgamode_cr(f, i, 0xff);
	vga_screen_update(s);
	assert_int_equal(s->width, 2048);
	vgamode_gr(f, 6, 4);
	vgamode_sr(f, 1, 8);
	vga_screen_update(s);
	assert_int_equal(s->width, VGA_MAX_WIDTH);
	assert_int_equal(s->height, 1024);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_text),	     T(test_text_fonts), T(test_text_scroll),
		T(test_text_cursor), T(test_mono),	 T(test_planar),
		T(test_cga),	     T(test_bytes),	 T(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
