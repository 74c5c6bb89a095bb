/* SPDX-License-Identifier: MIT */
/*
 * The display adapter under any accesses to its ports, windows and configuration, with
 * pictures and saved states between them. The input is a list of operations.
 */
#include <errno.h>

#include "backends/pc/vga_int.h"
#include "tests/fuzz/input.h"
#include "tests/lib/vgamode.h"

#define SLOT	     2
#define LFB	     0xe0000000u
#define REGS	     0xf0000000u
#define MAX_OPS	     512
#define MAX_PICTURES 4
#define STATE_MAX    4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void picture(const struct vga *v, struct vga_screen *s)
{
	static char text[VGA_TEXT_MAX];

	must(vga_text(v, text, sizeof(text)) != -ENOSPC);
	(void)vga_screen_update(s);
	must(s->width && s->width <= VGA_MAX_WIDTH && s->height &&
	     s->height <= VGA_MAX_HEIGHT && s->nr_rects <= VGA_MAX_RECTS);
	for (unsigned i = 0; i < s->nr_rects; i++) {
		const struct vga_rect *r = &s->rect[i];

		must(r->width && r->height && r->x + r->width <= s->width &&
		     r->y + r->height <= s->height);
	}
}

/* A state that is damaged where the input says is refused, or as good as any. */
static void states(struct vga *v, struct input *in)
{
	uint8_t buf[STATE_MAX];
	const size_t len = v->pci.dev.ops->save(&v->pci.dev, buf, sizeof(buf));

	must(len && vga_regs_valid(&v->r));
	buf[input_u16(in) % len] = input_u8(in);
	(void)v->pci.dev.ops->load(&v->pci.dev, buf, len);
}

static void operate(struct fakepc *f, struct vga *v, struct vga_screen *s,
		    struct input *in, unsigned *pictures)
{
	const uint8_t op = input_u8(in);
	const unsigned width = 1u << (op >> 4 & 3);
	const unsigned at = input_u16(in);

	switch (op & 15) {
	case 0:
		(void)fakepc_in(f, (uint16_t)(0x3b0 + at % 48), width & 7);
		break;
	case 1:
		fakepc_out(f, (uint16_t)(0x3b0 + at % 48), width & 7, input_u32(in));
		break;
	case 2:
		vgamode_vbe(f, at & 15, input_u16(in));
		break;
	case 3:
		(void)vgamode_vbe_read(f, at & 15);
		break;
	case 4:
		(void)fakepc_load(f, 0xa0000u + (at << 1), width);
		break;
	case 5:
		fakepc_store(f, 0xa0000u + (at << 1), width, input_u32(in));
		break;
	case 6:
		fakepc_store(f, LFB + (at << 8 | at >> 8), width, input_u32(in));
		break;
	case 7:
		(void)fakepc_load(f, LFB + (at << 8 | at >> 8), width);
		break;
	case 8:
		fakepc_store(f, REGS + at % 4096, width, input_u32(in));
		break;
	case 9:
		(void)fakepc_load(f, REGS + at % 4096, width);
		break;
	case 10:
		fakepc_pci_out(f, SLOT, 0, at & 0xff, width & 7, input_u32(in));
		break;
	case 11:
		vgamode_set(f, at % NR_VGAMODES);
		break;
	case 12:
		vgamode_cr(f, at & 0xff, input_u8(in));
		break;
	case 13:
		f->now += (uint64_t)at << 12;
		break;
	case 14:
		states(v, in);
		break;
	default:
		if (++*pictures <= MAX_PICTURES)
			picture(v, s);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct fakepc *f = fakepc_open(true);
	struct vga *v = vga_new(&f->bus, f->pci, SLOT);
	struct vga_screen *s = v ? vga_screen_new(v) : NULL;
	unsigned pictures = 0;

	must(s);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, LFB);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0 + 8, 4, REGS);
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, PCI_CMD_MEMORY);
	for (int n = 0; n < MAX_OPS && in.left; n++)
		operate(f, v, s, &in, &pictures);
	picture(v, s);
	vga_screen_free(s);
	fakepc_close(f);
	return 0;
}
