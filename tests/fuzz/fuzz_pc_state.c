/* SPDX-License-Identifier: MIT */
/*
 * The state of a whole PC from somebody's file: bytes of any kind, or a good one with
 * some that are others. Refused, or taken; and the machine works on, with whatever it
 * took.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/lib/fullpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BENT  16
#define FIRES 64 /* timers, in one wait */
#define PASS  (100 * 1000 * 1000u)

static int load(struct fullpc *p, const uint8_t *state, size_t len)
{
	const char *why = NULL;
	int err = pcbus_load(&p->f->bus, state, len, &why);

	must(!err || (why && *why));
	return err;
}

/* As fakepc_pass(), but a state may have timers that never end. */
static void pass(struct fakepc *f)
{
	const uint64_t end = f->now + PASS;

	for (int n = 0; n < FIRES && f->alarm && f->alarm <= end; n++) {
		if (f->alarm > f->now)
			f->now = f->alarm;
		pcbus_run(&f->bus);
	}
}

static void use(struct fullpc *p)
{
	static const uint16_t ports[] = { 0x1f7, 0x3f4, 0x3f8, 0x60,  0x64,  0x71,
					  0x00,	 0x3c5, 0x511, 0xcfc, 0xb008 };

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		(void)fakepc_in(p->f, ports[i], 1);
		fakepc_out(p->f, ports[i], 1, i);
	}
	pass(p->f);
}

/* What is taken is what is saved again. */
static void again(struct fullpc *p, uint8_t *state)
{
	size_t len = 0;

	must(!pcbus_save(&p->f->bus, state, FULLPC_MAX, &len));
	must(!load(p, state, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct fullpc p;
	uint8_t *state;
	size_t len = 0;

	if (!size)
		return 0;
	state = malloc(FULLPC_MAX);
	must(state);
	fullpc_open(&p);
	if (input_u8(&in) & 1) {
		(void)load(&p, in.p, in.left);
	} else {
		fullpc_use(&p);
		must(!pcbus_save(&p.f->bus, state, FULLPC_MAX, &len));
		for (int n = 0; n < BENT && in.left; n++) {
			const size_t at = input_u32(&in) % len;

			state[at] = input_u8(&in);
		}
		if (in.left)
			len = input_u16(&in) % len;
		if (!load(&p, state, len))
			again(&p, state);
	}
	use(&p);
	fullpc_close(&p);
	free(state);
	return 0;
}
