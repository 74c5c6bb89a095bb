/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest of one of the PC's devices, told by a fuzzer's input: accesses to its
 * ports, time that passes, resets, states that are saved, loaded, and bent before.
 */
#ifndef TANDEM_TESTS_FUZZ_PCGUEST_H
#define TANDEM_TESTS_FUZZ_PCGUEST_H

#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/lib/fakepc.h"

#define PCGUEST_STEPS 256
#define PCGUEST_STATE 8192u
#define PCGUEST_PASS  (200 * 1000 * 1000u) /* ns, at most */
#define PCGUEST_OWN   8u		   /* operations from here are a target's own */
#define PCGUEST_FIRES 64		   /* timers, in one wait */

struct pcguest {
	struct fakepc *f;
	struct input in;
	struct pcdev *dev;
	const uint16_t *ports; /* the device's, one each */
	unsigned nports;
	/* Optional. Operations that only a target knows. */
	void (*own)(struct pcguest *g, unsigned op);
};

/* As fakepc_pass(), but where a device's timers are too many for a fuzzer's patience. */
static inline void pcguest_pass(struct fakepc *f, uint64_t ns)
{
	const uint64_t end = f->now + ns;

	for (int n = 0; n < PCGUEST_FIRES && f->alarm && f->alarm <= end; n++) {
		if (f->alarm > f->now)
			f->now = f->alarm;
		pcbus_run(&f->bus);
	}
	if (f->now < end)
		f->now = end;
}

/* A saved state with some bytes that are others: refused or taken, but never harmful. */
static inline void pcguest_bend(struct pcguest *g)
{
	uint8_t state[PCGUEST_STATE];
	size_t len = g->dev->ops->save(g->dev, state, sizeof(state));
	unsigned n = input_u8(&g->in) % 8;

	must(len <= sizeof(state));
	while (n-- && len) {
		const size_t at = input_u16(&g->in) % len;

		state[at] = input_u8(&g->in);
	}
	(void)g->dev->ops->load(g->dev, state, len);
}

static inline void pcguest_step(struct pcguest *g)
{
	const uint8_t op = input_u8(&g->in);
	const uint16_t port = g->ports[(op >> 4) % g->nports];

	switch (op % 16) {
	case 0:
	case 1:
		fakepc_out(g->f, port, 1, input_u8(&g->in));
		break;
	case 2:
		fakepc_out(g->f, port, 2, input_u16(&g->in));
		break;
	case 3:
		fakepc_out(g->f, port, 4, input_u32(&g->in));
		break;
	case 4:
		fakepc_in(g->f, port, 1u << (op >> 4) % 3);
		break;
	case 5:
		pcguest_pass(g->f, input_u32(&g->in) % PCGUEST_PASS);
		break;
	case 6:
		fakepc_cycle(g->f, g->dev);
		break;
	case 7:
		if (op >> 4 == 0)
			pcbus_reset(&g->f->bus);
		else
			pcguest_bend(g);
		break;
	default:
		if (g->own)
			g->own(g, op % 16 - PCGUEST_OWN + (op >> 4) * 8);
		else
			fakepc_out(g->f, port, 1, input_u8(&g->in));
	}
}

static inline void pcguest_run(struct pcguest *g, const uint8_t *data, size_t size)
{
	g->in = (struct input){ data, size };
	for (int n = 0; n < PCGUEST_STEPS && g->in.left; n++)
		pcguest_step(g);
	fakepc_close(g->f);
}

#endif
