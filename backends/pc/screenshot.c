/* SPDX-License-Identifier: MIT */
/* PNG files: what libpng needs to be told. */
#include "backends/pc/screenshot.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <unistd.h>

#define COMPRESSION 3 /* zlib's: screens are flat, more takes time alone */

struct target {
	int fd, err;
};

static void png_out(png_structp png, png_bytep data, size_t len)
{
	struct target *t = png_get_io_ptr(png);

	while (len) {
		const ssize_t n = write(t->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			t->err = n ? -errno : -EIO;
			png_error(png, "write");
		}
		data += n;
		len -= (size_t)n;
	}
}

static void png_no_flush(png_structp png)
{
	(void)png;
}

/* Quiet: the caller says what is wrong. Ends in png_write()'s setjmp. */
static void png_failed(png_structp png, png_const_charp why)
{
	(void)why;
	png_longjmp(png, 1);
}

static void png_warned(png_structp png, png_const_charp why)
{
	(void)png;
	(void)why;
}

/* Apart from what owns things: nothing here lives across a longjmp. */
static bool png_write_all(png_structp png, png_infop info, const struct vga_screen *s)
{
	if (setjmp(png_jmpbuf(png)))
		return false;
	png_set_compression_level(png, COMPRESSION);
	png_set_IHDR(png, info, s->width, s->height, 8, PNG_COLOR_TYPE_RGB,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	/* 0x00RRGGBB is B, G, R and nothing in memory */
	png_set_bgr(png);
	png_set_filler(png, 0, PNG_FILLER_AFTER);
	for (uint32_t y = 0; y < s->height; y++)
		png_write_row(png,
			      (png_const_bytep)(s->pixels + (size_t)y * VGA_MAX_WIDTH));
	png_write_end(png, info);
	return true;
}

int screenshot_png(const struct vga_screen *s, int fd)
{
	struct target t = { .fd = fd, .err = -ENOMEM };
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, png_failed,
						  png_warned);
	png_infop info;
	bool done;

	if (!png)
		return -ENOMEM;
	info = png_create_info_struct(png);
	if (!info) {
		png_destroy_write_struct(&png, NULL);
		return -ENOMEM;
	}
	png_set_write_fn(png, &t, png_out, png_no_flush);
	done = png_write_all(png, info, s);
	png_destroy_write_struct(&png, &info);
	return done ? 0 : t.err;
}
