/* SPDX-License-Identifier: MIT */
/* What tests of emulated network cards share: a board with one card, as its driver. */
#ifndef TANDEM_TESTS_LIB_NICBENCH_H
#define TANDEM_TESTS_LIB_NICBENCH_H

#include <string.h>

#include "tests/lib/fakenic.h"
#include "tests/lib/fakepc.h"

#define BENCH_SLOT 3u
#define BENCH_LINE 11u
#define BENCH_PIO  0xc000u
#define BENCH_MMIO 0xe0000000u

static const uint8_t bench_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

struct nicbench {
	struct fakepc *f;
	struct fakenic nic;
};

/* Where firmware puts a card: ports (BAR p) and memory (BAR m), a line, master. */
static inline void bench_place(struct nicbench *b, unsigned p, unsigned m)
{
	/* INTA# of slot 3 is PIRQC# */
	pcibus_route(b->f->pci, 2, BENCH_LINE);
	fakepc_pci_out(b->f, BENCH_SLOT, 0, PCI_BAR0 + 4 * p, 4, BENCH_PIO);
	fakepc_pci_out(b->f, BENCH_SLOT, 0, PCI_BAR0 + 4 * m, 4, BENCH_MMIO);
	fakepc_pci_out(b->f, BENCH_SLOT, 0, PCI_COMMAND, 2,
		       PCI_CMD_IO | PCI_CMD_MEMORY | PCI_CMD_MASTER);
}

static inline uint32_t bench_in(struct nicbench *b, unsigned reg, unsigned size)
{
	return fakepc_in(b->f, (uint16_t)(BENCH_PIO + reg), size);
}

static inline void bench_out(struct nicbench *b, unsigned reg, unsigned size, uint32_t v)
{
	fakepc_out(b->f, (uint16_t)(BENCH_PIO + reg), size, v);
}

static inline uint32_t bench_load(struct nicbench *b, unsigned reg)
{
	return (uint32_t)fakepc_load(b->f, BENCH_MMIO + reg, 4);
}

static inline void bench_store(struct nicbench *b, unsigned reg, uint32_t v)
{
	fakepc_store(b->f, BENCH_MMIO + reg, 4, v);
}

static inline bool bench_line(const struct nicbench *b)
{
	return b->f->line[BENCH_LINE];
}

static inline uint32_t mem32(struct nicbench *b, uint32_t at)
{
	uint32_t v;

	memcpy(&v, b->f->ram + at, 4);
	return v;
}

static inline uint16_t mem16(struct nicbench *b, uint32_t at)
{
	uint16_t v;

	memcpy(&v, b->f->ram + at, 2);
	return v;
}

static inline void put32(struct nicbench *b, uint32_t at, uint32_t v)
{
	memcpy(b->f->ram + at, &v, 4);
}

static inline void put16(struct nicbench *b, uint32_t at, uint16_t v)
{
	memcpy(b->f->ram + at, &v, 2);
}

static inline void put64(struct nicbench *b, uint32_t at, uint64_t v)
{
	memcpy(b->f->ram + at, &v, 8);
}

/* A frame from the cable to `to`; NULL: broadcast. */
static inline void bench_arrive(struct nicbench *b, const uint8_t *to, uint32_t len,
				uint8_t seed)
{
	static uint8_t frame[20000];

	fakenic_frame(frame, to, len, seed);
	fakenic_put(&b->nic, frame, len, false);
}

/* Is it that frame? */
static inline bool bench_is(const uint8_t *bytes, const uint8_t *to, uint32_t len,
			    uint8_t seed)
{
	static uint8_t frame[70000];

	fakenic_frame(frame, to, len, seed);
	return !memcmp(bytes, frame, len);
}

/* A guest's frame in its memory, to be sent. */
static inline void bench_frame(struct nicbench *b, uint32_t at, uint32_t len,
			       uint8_t seed)
{
	fakenic_frame(b->f->ram + at, NULL, len, seed);
}

#endif
