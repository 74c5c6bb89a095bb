/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest of an emulated network card, told by a fuzzer's input: registers in
 * ports and in memory, descriptors, frames from the cable, a port that is full, time,
 * resets, and states that are saved, loaded and bent.
 */
#ifndef TANDEM_TESTS_FUZZ_NICGUEST_H
#define TANDEM_TESTS_FUZZ_NICGUEST_H

#include "tests/fuzz/input.h"
#include "tests/lib/nicbench.h"

#define NICGUEST_STEPS 400
#define NICGUEST_FIRES 64
#define NICGUEST_STATE 65536u
#define NICGUEST_SENT  200000u /* frames, by one input: more is a loop */

struct nicguest {
	struct nicbench b;
	struct input in;
	struct pcdev *dev;
	unsigned ports, memory;	    /* bytes of each BAR */
	unsigned port_bar, mem_bar; /* and their numbers */
};

/* Small addresses, where rings and buffers meet; some at the edge of RAM or beyond. */
static inline uint32_t nicguest_addr(struct nicguest *g)
{
	const uint16_t v = input_u16(&g->in);

	switch (v >> 14) {
	case 0:
		return (v & 0x3fffu) * 16;
	case 1:
		return 0x10000u + (v & 0xffu) * 16;
	case 2:
		return FAKEPC_RAM - (v & 0x3fffu);
	default:
		return (uint32_t)v << 16 | v;
	}
}

static inline uint32_t nicguest_value(struct nicguest *g, unsigned size, unsigned kind)
{
	if (size == 1)
		return input_u8(&g->in);
	if (size == 2)
		return input_u16(&g->in);
	return kind & 1 ? nicguest_addr(g) : input_u32(&g->in);
}

static inline void nicguest_pass(struct nicguest *g, uint64_t ns)
{
	struct fakepc *f = g->b.f;
	const uint64_t end = f->now + ns;

	for (int n = 0; n < NICGUEST_FIRES && f->alarm && f->alarm <= end; n++) {
		if (f->alarm > f->now)
			f->now = f->alarm;
		pcbus_run(&f->bus);
	}
	if (f->now < end)
		f->now = end;
}

static inline void nicguest_state(struct nicguest *g, unsigned op)
{
	static uint8_t state[NICGUEST_STATE];
	size_t len;

	if (op == 0) {
		g->dev->ops->reset(g->dev);
		bench_place(&g->b, g->port_bar, g->mem_bar);
		return;
	}
	if (op < 4) {
		fakepc_cycle(g->b.f, g->dev);
		return;
	}
	len = g->dev->ops->save(g->dev, state, sizeof(state));
	must(len && len <= sizeof(state));
	for (unsigned n = input_u8(&g->in) % 8; n; n--)
		state[input_u16(&g->in) % len] = input_u8(&g->in);
	(void)g->dev->ops->load(g->dev, state, len);
}

static inline void nicguest_memory(struct nicguest *g)
{
	const uint32_t at = nicguest_addr(g);
	unsigned n = input_u8(&g->in) % 64;

	while (n--) {
		const uint8_t byte = input_u8(&g->in);

		(void)pcbus_write(&g->b.f->bus, at + n, &byte, 1);
	}
}

static inline void nicguest_arrive(struct nicguest *g, unsigned op)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	static uint8_t frame[10000];
	const uint8_t *to[] = { bench_mac, NULL, group, NULL };
	uint32_t len = input_u16(&g->in) % sizeof(frame);

	if (op & 8)
		len %= 1519;
	if (len < 60)
		len = 60;
	fakenic_frame(frame, to[op & 3], len, input_u8(&g->in));
	if (op & 4)
		fakenic_ipv4(frame, len, op & 8 ? 6 : 17, true);
	input_bytes(&g->in, frame + 12, op & 3);
	fakenic_put(&g->b.nic, frame, len, op & 1);
}

static inline void nicguest_step(struct nicguest *g)
{
	const uint8_t op = input_u8(&g->in);
	const unsigned high = op >> 4, size = 1u << high % 3;
	unsigned reg;

	switch (op % 16) {
	case 0:
	case 1:
	case 2:
		reg = input_u8(&g->in) % g->ports;
		bench_out(&g->b, reg, size, nicguest_value(g, size, high >> 2));
		break;
	case 3:
		bench_in(&g->b, input_u8(&g->in) % g->ports, size);
		break;
	case 4:
	case 5:
	case 6:
		reg = input_u16(&g->in) % g->memory;
		fakepc_store(g->b.f, BENCH_MMIO + reg, size,
			     nicguest_value(g, size, high >> 2));
		break;
	case 7:
		fakepc_load(g->b.f, BENCH_MMIO + input_u16(&g->in) % g->memory, size);
		break;
	case 8:
	case 9:
		nicguest_memory(g);
		break;
	case 10:
	case 11:
		nicguest_arrive(g, high);
		break;
	case 12:
		nicguest_pass(g, input_u16(&g->in) * 10000u);
		break;
	case 13:
		g->b.nic.full = high & 1;
		break;
	case 14:
		nicguest_state(g, high);
		break;
	default:
		fakepc_pci_out(g->b.f, BENCH_SLOT, 0, input_u8(&g->in), size,
			       input_u32(&g->in));
	}
}

static inline void nicguest_open(struct nicguest *g)
{
	g->b.f = fakepc_open(true);
	fakenic_init(&g->b.nic);
}

/* The card is there: g->dev, ports, memory. */
static inline void nicguest_run(struct nicguest *g, const uint8_t *data, size_t size)
{
	g->in = (struct input){ data, size };
	bench_place(&g->b, g->port_bar, g->mem_bar);
	g->b.nic.port.tso4 = input_u8(&g->in) & 1;
	for (int n = 0; n < NICGUEST_STEPS && g->in.left; n++)
		nicguest_step(g);
	must(g->b.nic.nr_sent < NICGUEST_SENT);
	fakepc_close(g->b.f);
	fakenic_fini(&g->b.nic);
}

#endif
