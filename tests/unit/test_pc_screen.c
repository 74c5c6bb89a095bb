/* SPDX-License-Identifier: MIT */
/* The screen for people and programs: its text, and PNG files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/pc/screenshot.h"
#include "backends/pc/vga_int.h"
#include "tests/lib/vgamode.h"

#define SLOT   2
#define WINDOW 0xa0000u
#define COLOUR 0xb8000u

static struct fakepc *f;
static struct vga *v;
static char text[VGA_TEXT_MAX];

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(true);
	v = vga_new(&f->bus, f->pci, SLOT);
	vgamode_palette(f);
	return v ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static void put(unsigned cell, const char *s)
{
	for (; *s; s++)
		fakepc_store(f, COLOUR + 2 * cell++, 2, 0x0700 | (uint8_t)*s);
}

static void test_text(void **state)
{
	char expected[1024] = "";

	(void)state;
	assert_int_equal(vga_text(v, text, sizeof(text)), -ENODATA);
	vgamode_set(f, MODE_TEXT80);
	put(0, "C:\\>dir");
	put(81, "two  words ");
	put(80 * 24 + 77, "end");
	strcat(expected, "C:\\>dir\n two  words\n");
	for (unsigned i = 2; i < 24; i++)
		strcat(expected, "\n");
	memset(expected + strlen(expected), ' ', 77);
	strcat(expected, "end\n");
	assert_int_equal(vga_text(v, text, sizeof(text)), strlen(expected));
	assert_string_equal(text, expected);
	/* from elsewhere: a row down, and from line 200 on the memory's beginning */
	vgamode_cr(f, 0xd, 80);
	vgamode_cr(f, 0x11, 0);
	vgamode_cr(f, 7, 0x0f);
	vgamode_cr(f, 9, 0x0f);
	vgamode_cr(f, 0x18, 191);
	assert_true(vga_text(v, text, sizeof(text)) > 0);
	assert_memory_equal(text, " two  words\n\n\n\n\n\n\n\n\n\n\n\nC:\\>dir\n two",
			    34);
	/* 50 rows */
	vgamode_cr(f, 0x18, 0xff);
	vgamode_cr(f, 7, 0x1f);
	vgamode_cr(f, 9, 0x47);
	vgamode_cr(f, 0xd, 0);
	assert_true(vga_text(v, text, sizeof(text)) > 0);
	assert_int_equal(strspn(strchr(text, 'd') + sizeof("dir\n two  words"), "\n"),
			 22);
	assert_int_equal(vga_text(v, text, 100), -ENOSPC);
	assert_int_equal(vga_text(v, text, 0), -ENOSPC);
	vgamode_set(f, MODE_640X480);
	assert_int_equal(vga_text(v, text, sizeof(text)), -ENODATA);
}

static void test_codes(void **state)
{
	/* iconv's IBM437 has controls where the screen has these */
	static const char low[] = "☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
	iconv_t cd = iconv_open("UTF-8", "IBM437");
	char expected[1024], in[256], *from = in, *to = expected;
	size_t from_left = 0x5f, to_left = sizeof(expected);

	(void)state;
	assert_true(cd != (iconv_t)-1);
	vgamode_set(f, MODE_TEXT80);
	for (unsigned i = 0; i < 256; i++)
		fakepc_store(f, COLOUR + 2 * i, 2, 0x0700 | i);
	/* 255 is a space that does not break: nothing to see */
	for (unsigned i = 0; i < 255; i++)
		in[i] = (char)i;
	memcpy(to, " ", 1);
	memcpy(to + 1, low, sizeof(low) - 1);
	to += sizeof(low);
	to_left -= sizeof(low);
	from = in + 0x20;
	assert_int_equal(iconv(cd, &from, &from_left, &to, &to_left), 0);
	memcpy(to, "⌂", 3);
	to += 3;
	to_left -= 3;
	from = in + 0x80;
	from_left = 0x7f;
	assert_int_equal(iconv(cd, &from, &from_left, &to, &to_left), 0);
	*to = 0;
	iconv_close(cd);
	assert_true(vga_text(v, text, sizeof(text)) > 0);
	/* rows of 80 become one line again; no row ends with a blank here but the last */
	for (char *nl = text; (nl = strchr(nl, '\n'));)
		memmove(nl, nl + 1, strlen(nl));
	assert_string_equal(text, expected);
}

/* A line as long as it can be, and registers beyond: it fits, or is refused. */
static void test_extremes(void **state)
{
	(void)state;
	vgamode_set(f, MODE_TEXT80);
	vgamode_cr(f, 0x11, 0);
	for (unsigned i = 0; i < 25; i++)
		vgamode_cr(f, i, 0xff);
	vgamode_cr(f, 9, 0);
	for (unsigned i = 0; i < 32768; i += 2)
		fakepc_store(f, COLOUR + i, 1, 0xdb);
	assert_in_range(vga_text(v, text, sizeof(text)), 65536, VGA_TEXT_MAX);
}

static void test_png(void **state)
{
	static const enum vgamode modes[] = { MODE_TEXT80, MODE_640X480, MODE_320X200C };
	struct vga_screen *s = vga_screen_new(v);

	(void)state;
	assert_non_null(s);
	for (unsigned m = 0; m < 3; m++) {
		const int fd = memfd_create("png", 0);
		png_image image = { .version = PNG_IMAGE_VERSION };
		uint8_t *data, *rgb;
		size_t len;

		vgamode_set(f, modes[m]);
		for (unsigned i = 0; i < 65536; i += 8)
			fakepc_store(f, (m ? WINDOW : COLOUR) + (m ? i : i & 0x7fff), 8,
				     (i + 1) * 0x9e3779b97f4a7c15u);
		vga_screen_update(s);
		assert_int_equal(screenshot_png(s, fd), 0);
		len = (size_t)lseek(fd, 0, SEEK_END);
		data = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
		assert_true(png_image_begin_read_from_memory(&image, data, len));
		assert_int_equal(image.width, s->width);
		assert_int_equal(image.height, s->height);
		image.format = PNG_FORMAT_RGB;
		rgb = malloc(PNG_IMAGE_SIZE(image));
		assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
		for (unsigned y = 0; y < s->height; y++)
			for (unsigned x = 0; x < s->width; x++) {
				const uint8_t *p = rgb + 3 * (y * s->width + x);

				assert_int_equal(pixel_at(s, x, y),
						 p[0] << 16 | p[1] << 8 | p[2]);
			}
		free(rgb);
		munmap(data, len);
		close(fd);
	}
	vga_screen_free(s);
}

static void test_png_errors(void **state)
{
	struct vga_screen *s = vga_screen_new(v);
	const int full = open("/dev/full", O_WRONLY);

	(void)state;
	vga_screen_update(s);
	assert_int_equal(screenshot_png(s, full), -ENOSPC);
	close(full);
	assert_int_equal(screenshot_png(s, full), -EBADF);
	vga_screen_free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_text), T(test_codes),	  T(test_extremes),
		T(test_png),  T(test_png_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
