/* SPDX-License-Identifier: MIT */
/* Pictures: walks the scan lines as the CRTC does, draws what changed. */
#include "backends/pc/vga_draw.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/pc/vga_line.h"

#define PIXELS_SIZE  (sizeof(uint32_t) * VGA_MAX_WIDTH * VGA_MAX_HEIGHT)
#define FIRST_WIDTH  640u /* before the first mode */
#define FIRST_HEIGHT 480u
#define NO_LINE	     UINT32_MAX

struct vga_drawing {
	struct vga *v;
	struct vga_view shown;
	uint64_t since; /* the last look at the memory */
	bool valid;	/* `shown` is shown */
	uint32_t dots[VGA_LINE_DOTS];
};

struct vga_screen *vga_screen_new(struct vga *v)
{
	struct vga_screen *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->drawing = calloc(1, sizeof(*s->drawing));
	if (!s->drawing)
		goto free_screen;
	/* the largest at once: what is never shown is never touched */
	s->pixels = mmap(NULL, PIXELS_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->pixels == MAP_FAILED)
		goto free_drawing;
	s->drawing->v = v;
	return s;
free_drawing:
	free(s->drawing);
free_screen:
	free(s);
	return NULL;
}

void vga_screen_free(struct vga_screen *s)
{
	if (!s)
		return;
	munmap(s->pixels, PIXELS_SIZE);
	free(s->drawing);
	free(s);
}

/* -------------------------------------------------------------------- rectangles */

static void rect_add(struct vga_screen *s, uint32_t y, uint32_t first, uint32_t end)
{
	struct vga_rect *r = s->nr_rects ? &s->rect[s->nr_rects - 1] : NULL;

	if (r && (r->y + r->height == y || s->nr_rects == VGA_MAX_RECTS)) {
		const uint32_t r_end = r->x + r->width;

		r->x = first < r->x ? first : r->x;
		r->width = (end > r_end ? end : r_end) - r->x;
		r->height = y + 1 - r->y;
		return;
	}
	s->rect[s->nr_rects++] = (struct vga_rect){ first, y, end - first, 1 };
}

/* Puts a line there; what is the same already is no change. */
static void line_put(struct vga_screen *s, uint32_t y, const uint32_t *from)
{
	uint32_t *to = s->pixels + (size_t)y * VGA_MAX_WIDTH;
	uint32_t first = 0, end = s->width;

	if (!s->resized) {
		if (memcmp(to, from, s->width * sizeof(*to)) == 0)
			return;
		while (to[first] == from[first])
			first++;
		while (to[end - 1] == from[end - 1])
			end--;
		rect_add(s, y, first, end);
	}
	memcpy(to + first, from + first, (end - first) * sizeof(*to));
}

/* ------------------------------------------------------------------- scan lines */

static void lines_draw(struct vga_screen *s, bool all)
{
	struct vga_drawing *d = s->drawing;
	struct vga_line line = vga_line_first(&d->shown);
	struct vga_line before = { .counter = NO_LINE };
	const uint32_t *dots = NULL;

	for (uint32_t y = 0; y < s->height; y++) {
		if (all || vga_line_changed(&d->shown, &d->v->vram, &line, d->since)) {
			if (!dots || memcmp(&line, &before, sizeof(line)) != 0)
				dots = vga_line_draw(&d->shown, d->v->vram.mem, &line,
						     d->dots);
			before = line;
			line_put(s, y, dots);
		}
		vga_line_next(&d->shown, &line, y);
	}
}

/* The view's size, or what it was. */
static void size_get(struct vga_screen *s, const struct vga_view *view)
{
	const uint32_t width = view->width ? view->width : s->width;
	const uint32_t height = view->height ? view->height : s->height;

	s->resized = !s->width || width != s->width || height != s->height;
	s->width = width ? width : FIRST_WIDTH;
	s->height = height ? height : FIRST_HEIGHT;
}

bool vga_screen_update(struct vga_screen *s)
{
	struct vga_drawing *d = s->drawing;
	const uint64_t look = vram_look(&d->v->vram);
	struct vga_view view;
	bool all;

	vga_view_get(d->v, &view);
	size_get(s, &view);
	all = !d->valid || s->resized || memcmp(&view, &d->shown, sizeof(view)) != 0;
	d->shown = view;
	s->nr_rects = 0;
	lines_draw(s, all);
	if (s->resized) {
		s->nr_rects = 1;
		s->rect[0] = (struct vga_rect){ 0, 0, s->width, s->height };
	}
	d->since = look;
	d->valid = true;
	return s->nr_rects;
}
