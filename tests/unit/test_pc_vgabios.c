/* SPDX-License-Identifier: MIT */
/*
 * SeaBIOS's own VGA BIOS on the display adapter: each mode that it knows is set through
 * int 0x10, a pixel or text written by it, and looked for in the picture. An emulator of
 * x86 (libx86emu) runs it: argument 1 is vgabios-stdvga.bin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <x86emu.h>

#include "backends/pc/vga_int.h"
#include "tests/lib/vgamode.h"

#define SLOT	   2
#define LFB	   0xe0000000u
#define ROM	   0xc0000u
#define STACK	   0x7c00u
#define HALT	   0x7e00u /* a hlt instruction, where calls return to */
#define BLOCK	   0x8000u /* es:di of VBE calls */
#define WINDOW	   0xa0000u
#define WINDOW_END 0xc0000u
#define MAX_STEPS  50000000u

static const char *rom_path;
static struct fakepc *f;
static struct vga *v;
static struct vga_screen *s;
static x86emu_t *emu;
static char text[VGA_TEXT_MAX];

static unsigned memio(x86emu_t *e, u32 addr, u32 *val, unsigned type)
{
	const unsigned size = 1u << (type & 3);
	const unsigned kind = type & ~0xffu;

	(void)e;
	if ((type & 0xff) == X86EMU_MEMIO_8_NOPERM)
		return memio(e, addr, val, kind | X86EMU_MEMIO_8);
	if (kind == X86EMU_MEMIO_I) {
		*val = fakepc_in(f, (uint16_t)addr, size);
	} else if (kind == X86EMU_MEMIO_O) {
		fakepc_out(f, (uint16_t)addr, size, *val);
	} else if ((addr >= WINDOW && addr < WINDOW_END) || addr >= LFB) {
		if (kind == X86EMU_MEMIO_W)
			fakepc_store(f, addr, size, *val);
		else
			*val = (u32)fakepc_load(f, addr, size);
	} else if (addr <= FAKEPC_RAM - size) {
		if (kind == X86EMU_MEMIO_W)
			memcpy(f->ram + addr, val, size);
		else
			*val = 0, memcpy(val, f->ram + addr, size);
	}
	return 0;
}

static void push(unsigned value)
{
	emu->x86.R_SP = (u16)(emu->x86.R_SP - 2);
	memcpy(f->ram + emu->x86.R_SP, &value, 2);
}

static unsigned word(unsigned at)
{
	return f->ram[at] | (unsigned)f->ram[at + 1] << 8;
}

/* Runs cs:ip until it returns; iret or retf. */
static void run(unsigned cs, unsigned ip, bool flags)
{
	x86emu_set_seg_register(emu, emu->x86.R_SS_SEL, 0);
	x86emu_set_seg_register(emu, emu->x86.R_DS_SEL, 0);
	emu->x86.R_ESP = STACK;
	emu->x86.R_EFLG = F_ALWAYS_ON;
	if (flags)
		push(F_ALWAYS_ON);
	push(0);
	push(HALT);
	x86emu_set_seg_register(emu, emu->x86.R_CS_SEL, (u16)cs);
	emu->x86.R_EIP = ip;
	emu->max_instr = MAX_STEPS;
	emu->x86.mode &= ~(u32)_MODE_HALTED;
	assert_int_equal(x86emu_run(emu, X86EMU_RUN_MAX_INSTR | X86EMU_RUN_LOOP) &
				 X86EMU_RUN_MAX_INSTR,
			 0);
	assert_int_equal(emu->x86.R_EIP, HALT + 1);
}

static unsigned int10(unsigned ax, unsigned bx, unsigned cx, unsigned dx)
{
	emu->x86.R_EAX = ax;
	emu->x86.R_EBX = bx;
	emu->x86.R_ECX = cx;
	emu->x86.R_EDX = dx;
	emu->x86.R_EDI = BLOCK & 15;
	x86emu_set_seg_register(emu, emu->x86.R_ES_SEL, BLOCK >> 4);
	run(word(0x10 * 4 + 2), word(0x10 * 4), true);
	return emu->x86.R_AX;
}

static int setup(void **state)
{
	FILE *file = fopen(rom_path, "rb");
	size_t len;

	(void)state;
	f = fakepc_open(true);
	v = vga_new(&f->bus, f->pci, SLOT);
	s = v ? vga_screen_new(v) : NULL;
	emu = x86emu_new(X86EMU_PERM_RWX | X86EMU_PERM_VALID, X86EMU_PERM_RW);
	if (!file || !s || !emu)
		return -1;
	len = fread(f->ram + ROM, 1, 0x10000, file);
	fclose(file);
	x86emu_set_memio_handler(emu, memio);
	f->ram[HALT] = 0xf4;
	f->now = PC_NS * 16 / 70 * 1000; /* the cursor is on */
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, LFB);
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, PCI_CMD_MEMORY | PCI_CMD_IO);
	/* the option ROM's entry: ax is where the function is */
	emu->x86.R_EAX = SLOT << 3;
	run(ROM >> 4, 3, false);
	return len && word(0x10 * 4 + 2) == ROM >> 4 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	x86emu_done(emu);
	vga_screen_free(s);
	fakepc_close(f);
	return 0;
}

/* A cell's dots: how many are not its background. */
static unsigned inked(unsigned x, unsigned y, unsigned width, unsigned height)
{
	const uint32_t back = pixel_at(s, s->width - 1, s->height - 1);
	unsigned n = 0;

	for (unsigned j = y; j < y + height; j++)
		for (unsigned i = x; i < x + width; i++)
			n += pixel_at(s, i, j) != back;
	return n;
}

static void test_text(void **state)
{
	static const struct {
		unsigned mode, columns, width;
	} modes[] = { { 1, 40, 720 }, { 3, 80, 720 }, { 7, 80, 720 } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const unsigned cell = modes[i].width / modes[i].columns;

		int10(modes[i].mode, 0, 0, 0);
		for (const char *c = "Hi, VGA\r\n."; *c; c++)
			int10(0x0e00 | (uint8_t)*c, 7, 0, 0);
		assert_true(vga_text(v, text, sizeof(text)) > 0);
		assert_memory_equal(text, "Hi, VGA\n.\n\n", 11);
		vga_screen_update(s);
		assert_int_equal(s->width, modes[i].width);
		assert_int_equal(s->height, 400);
		for (unsigned x = 0; x < 8; x++)
			assert_int_equal(!!inked(x * cell, 0, cell, 16),
					 x != 3 && x != 7);
		assert_in_range(inked(0, 16, cell, 16), 4, 16);
		/* and the cursor behind it */
		assert_in_range(inked(cell, 16, cell, 16), cell, 4 * cell);
	}
}

static void test_pixels(void **state)
{
	static const struct {
		unsigned mode, width, height, shown_width, shown_height, colour;
	} modes[] = {
		{ 0x04, 320, 200, 640, 400, 2 },    { 0x06, 640, 200, 640, 400, 1 },
		{ 0x0d, 320, 200, 640, 400, 9 },    { 0x0e, 640, 200, 640, 400, 9 },
		{ 0x0f, 640, 350, 640, 350, 1 },    { 0x10, 640, 350, 640, 350, 9 },
		{ 0x11, 640, 480, 640, 480, 1 },    { 0x12, 640, 480, 640, 480, 9 },
		{ 0x13, 320, 200, 640, 400, 0xa5 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const unsigned w = modes[i].width, h = modes[i].height;
		const unsigned sx = modes[i].shown_width / w;
		const unsigned sy = modes[i].shown_height / h;
		const unsigned at[3][2] = { { 0, 0 },
					    { w / 2 + 3, h / 2 + 1 },
					    { w - 2, h - 2 } };

		int10(modes[i].mode, 0, 0, 0);
		for (unsigned p = 0; p < 3; p++) {
			int10(0x0c00 | modes[i].colour, 0, at[p][0], at[p][1]);
			assert_int_equal(int10(0x0d00, 0, at[p][0], at[p][1]) & 0xff,
					 modes[i].colour);
		}
		vga_screen_update(s);
		assert_int_equal(s->width, modes[i].shown_width);
		assert_int_equal(s->height, modes[i].shown_height);
		assert_int_equal(inked(0, 0, s->width, s->height), 3 * sx * sy);
		for (unsigned p = 0; p < 3; p++)
			assert_int_equal(inked(at[p][0] * sx, at[p][1] * sy, sx, sy),
					 sx * sy);
		/* by the BIOS's writer, a character in every mode */
		int10(0x0200, 0, 0, 0x0101);
		int10(0x0e41, 1, 0, 0);
		vga_screen_update(s);
		assert_true(inked(0, 0, s->width, s->height) > 3 * sx * sy);
	}
}

/* VBE's mode information. */
#define MODE_PITCH   16
#define MODE_WIDTH   18
#define MODE_HEIGHT  20
#define MODE_BPP     25
#define MODE_MODEL   27
#define MODE_LFB     40
#define MODEL_PLANAR 3

static uint32_t block32(unsigned at)
{
	return word(BLOCK + at) | (uint32_t)word(BLOCK + at + 2) << 16;
}

/* One mode: a pixel by the linear memory, one by the window at 0xa0000. */
static void vbe_mode(unsigned mode)
{
	const unsigned bpp = f->ram[BLOCK + MODE_BPP], bytes = (bpp + 7) / 8;
	const unsigned width = word(BLOCK + MODE_WIDTH),
		       height = word(BLOCK + MODE_HEIGHT);
	const unsigned pitch = word(BLOCK + MODE_PITCH);
	const uint32_t far = (height - 1) * pitch + (width - 2) * bytes;

	assert_int_equal(block32(MODE_LFB), LFB);
	assert_int_equal(int10(0x4f02, mode | 0x4000, 0, 0), 0x004f);
	assert_int_equal(int10(0x4f03, 0, 0, 0), 0x004f);
	assert_int_equal(emu->x86.R_BX & 0x1ff, mode);
	for (unsigned i = 0; i < bytes; i++)
		fakepc_store(f, LFB + 10 * pitch + 20 * bytes + i, 1, 0x0f);
	/* again, without the linear memory, and what is there stays */
	assert_int_equal(int10(0x4f02, mode | 0x8000, 0, 0), 0x004f);
	assert_int_equal(int10(0x4f05, 0, 0, far >> 16), 0x004f);
	for (unsigned i = 0; i < bytes; i++)
		fakepc_store(f, WINDOW + (far & 0xffff) + i, 1, 0x0f);
	vga_screen_update(s);
	assert_int_equal(s->width, width);
	assert_int_equal(s->height, height);
	assert_int_equal(inked(0, 0, width, height), 2);
	assert_int_equal(inked(20, 10, 1, 1), 1);
	assert_int_equal(inked(width - 2, height - 1, 1, 1), 1);
}

static void test_vbe(void **state)
{
	uint16_t modes[256];
	unsigned n = 0, packed = 0;

	(void)state;
	memcpy(f->ram + BLOCK, "VBE2", 4);
	assert_int_equal(int10(0x4f00, 0, 0, 0), 0x004f);
	assert_memory_equal(f->ram + BLOCK, "VESA", 4);
	assert_int_equal(word(BLOCK + 18), VRAM_SIZE / 65536);
	for (unsigned at = word(BLOCK + 14) + (word(BLOCK + 16) << 4);
	     n < 256 && word(at) != 0xffff; at += 2)
		modes[n++] = (uint16_t)word(at);
	for (unsigned i = 0; i < n; i++) {
		if (modes[i] < 0x100)
			continue;
		assert_int_equal(int10(0x4f01, 0, modes[i], 0), 0x004f);
		if (f->ram[BLOCK + MODE_MODEL] == MODEL_PLANAR ||
		    f->ram[BLOCK + MODE_BPP] < 8)
			continue;
		vbe_mode(modes[i]);
		packed++;
	}
	/* 5 depths of the usual resolutions */
	assert_true(packed >= 40);
}

static void test_vbe_planar(void **state)
{
	(void)state;
	/* 800 x 600 in 16 colours */
	assert_int_equal(int10(0x4f01, 0, 0x102, 0), 0x004f);
	assert_int_equal(f->ram[BLOCK + MODE_MODEL], MODEL_PLANAR);
	assert_int_equal(int10(0x4f02, 0x102, 0, 0), 0x004f);
	int10(0x0c0e, 0, 701, 555);
	assert_int_equal(int10(0x0d00, 0, 701, 555) & 0xff, 0x0e);
	vga_screen_update(s);
	assert_int_equal(s->width, 800);
	assert_int_equal(s->height, 600);
	assert_int_equal(inked(0, 0, 800, 600), 1);
	assert_int_equal(inked(701, 555, 1, 1), 1);
	/* back to text */
	int10(3, 0, 0, 0);
	int10(0x0e41, 7, 0, 0);
	vga_screen_update(s);
	assert_int_equal(s->width, 720);
	assert_true(inked(0, 0, 9, 16));
}

static void test_vbe_calls(void **state)
{
	(void)state;
	assert_int_equal(int10(0x4f02, 0x4101, 0, 0), 0x004f);
	/* 1024 pixels a line, 100 lines down */
	assert_int_equal(int10(0x4f06, 0, 1024, 0), 0x004f);
	assert_int_equal(emu->x86.R_BX, 1024);
	assert_int_equal(int10(0x4f07, 0, 8, 100), 0x004f);
	fakepc_store(f, LFB + 110 * 1024 + 18, 1, 15);
	vga_screen_update(s);
	assert_int_equal(inked(0, 0, 640, 480), 1);
	assert_int_equal(inked(10, 10, 1, 1), 1);
	/* colours of 8 bits */
	assert_int_equal(int10(0x4f08, 0x0800, 0, 0), 0x004f);
	assert_int_equal(emu->x86.R_BX >> 8, 8);
	vgamode_dac(f, 15, 0xf3, 0x82, 0x11);
	vga_screen_update(s);
	assert_int_equal(pixel_at(s, 10, 10), 0xf38211);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_text),	    T(test_pixels),    T(test_vbe),
		T(test_vbe_planar), T(test_vbe_calls),
	};
	FILE *rom;

	rom_path = argc > 1 ? argv[1] : "/usr/share/seabios/vgabios-stdvga.bin";
	rom = fopen(rom_path, "rb");
	if (!rom) {
		printf("SKIP: no %s (package seabios)\n", rom_path);
		return 77;
	}
	fclose(rom);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
