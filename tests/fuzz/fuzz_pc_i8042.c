/* SPDX-License-Identifier: MIT */
/* The keyboard controller between a guest and a person who both do anything. */
#include "backends/pc/i8042.h"
#include "tests/fuzz/pcguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void own(struct pcguest *g, unsigned op)
{
	struct i8042 *c = (struct i8042 *)g->dev;
	uint8_t dx, dy, dz;

	switch (op % 4) {
	case 0:
		i8042_key(c, input_u8(&g->in), op / 4 % 2);
		break;
	case 1:
		dx = input_u8(&g->in);
		dy = input_u8(&g->in);
		dz = input_u8(&g->in);
		i8042_pointer(c, (int8_t)dx * (1 + (int)op * (int)op),
			      (int8_t)dy * 1000000, (int8_t)dz, input_u8(&g->in));
		break;
	case 2: /* to the mouse */
		fakepc_out(g->f, 0x64, 1, 0xd4);
		fakepc_out(g->f, 0x60, 1, input_u8(&g->in));
		break;
	default: /* reads until there is nothing */
		for (int i = 0; i < 100 && fakepc_in(g->f, 0x64, 1) & 1; i++) {
			(void)fakepc_in(g->f, 0x60, 1);
			pcguest_pass(g->f, 1000000);
		}
	}
	must(i8042_leds(c) < 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 0x60, 0x64, 0x92 };
	struct fakepc *f = fakepc_open(false);
	struct pcguest g = { .f = f, .ports = ports, .nports = 3, .own = own };

	g.dev = (struct pcdev *)i8042_new(&f->bus);
	must(g.dev);
	pcguest_run(&g, data, size);
	return 0;
}
