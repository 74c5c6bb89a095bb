/* SPDX-License-Identifier: MIT */
/* A PCnet's driver for tests: its registers by words, its descriptors in each style. */
#ifndef TANDEM_TESTS_LIB_PCNETDRV_H
#define TANDEM_TESTS_LIB_PCNETDRV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/pc/pcnet.h"
#include "tests/lib/nicbench.h"

#define INIT	0x8000u
#define RX_RING 0x10000u
#define TX_RING 0x11000u
#define BUFS	0x20000u
#define FRAME	0x40000u

#define OWN (1u << 31)
#define ERR (1u << 30)
#define STP (1u << 25)
#define ENP (1u << 24)

#define STRT 0x0002u
#define STOP 0x0004u
#define TDMD 0x0008u
#define IENA 0x0040u
#define IDON 0x0100u
#define TINT 0x0200u
#define RINT 0x0400u
#define MERR 0x0800u
#define MISS 0x1000u
#define BABL 0x4000u

static struct nicbench b;
static struct pcnet *card;
static unsigned style;

static inline int setup(void **state)
{
	(void)state;
	b.f = fakepc_open(true);
	fakenic_init(&b.nic);
	card = pcnet_new(&b.f->bus, b.f->pci, BENCH_SLOT, &b.nic.port, bench_mac);
	bench_place(&b, 0, 1);
	style = 0;
	return card ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	fakepc_close(b.f);
	fakenic_fini(&b.nic);
	return 0;
}

/* By words. */
static inline uint16_t csr(unsigned n)
{
	bench_out(&b, 0x12, 2, n);
	return (uint16_t)bench_in(&b, 0x10, 2);
}

static inline void csr_set(unsigned n, unsigned v)
{
	bench_out(&b, 0x12, 2, n);
	bench_out(&b, 0x10, 2, v);
}

static inline void bcr_set(unsigned n, unsigned v)
{
	bench_out(&b, 0x12, 2, n);
	bench_out(&b, 0x16, 2, v);
}

static inline uint16_t bcr(unsigned n)
{
	bench_out(&b, 0x12, 2, n);
	return (uint16_t)bench_in(&b, 0x16, 2);
}

/* What has happened; it is taken back. */
static inline unsigned events(void)
{
	const unsigned v = csr(0);

	csr_set(0, (v & 0x7f00) | IENA);
	return v & 0x7f00;
}

static inline void desc(uint32_t ring, unsigned i, uint32_t flags, uint32_t addr,
			unsigned len)
{
	const uint32_t count = 0xf000 | ((4096 - len) & 0xfff);

	if (!style) {
		put16(&b, ring + 8 * i, (uint16_t)addr);
		put16(&b, ring + 8 * i + 4, (uint16_t)count);
		put16(&b, ring + 8 * i + 6, 0);
		put16(&b, ring + 8 * i + 2, (uint16_t)(addr >> 16 | flags >> 16));
		return;
	}
	put32(&b, ring + 16 * i + (style == 3 ? 8 : 0), addr);
	put32(&b, ring + 16 * i + (style == 3 ? 0 : 8), 0);
	put32(&b, ring + 16 * i + 4, flags | count);
}

/* Its status byte. */
static inline uint32_t flags(uint32_t ring, unsigned i)
{
	return style ? mem32(&b, ring + 16 * i + 4) & 0xfff00000
		     : (uint32_t)(mem16(&b, ring + 8 * i + 2) & 0xff00) << 16;
}

static inline unsigned misc(uint32_t ring, unsigned i)
{
	if (!style)
		return mem16(&b, ring + 8 * i + 6);
	return mem32(&b, ring + 16 * i + (style == 3 ? 0 : 8));
}

/* 2^rlog and 2^tlog descriptors. */
static inline void init(unsigned new_style, uint16_t mode, unsigned rlog, unsigned tlog)
{
	const uint32_t at = INIT;

	style = new_style;
	csr_set(0, STOP);
	bcr_set(20, style);
	memset(b.f->ram + at, 0, 28);
	if (style) {
		put32(&b, at, tlog << 28 | rlog << 20 | mode);
		memcpy(b.f->ram + at + 4, bench_mac, 6);
		put32(&b, at + 12, 1u << 31);
		put32(&b, at + 20, RX_RING);
		put32(&b, at + 24, TX_RING);
	} else {
		put16(&b, at, mode);
		memcpy(b.f->ram + at + 2, bench_mac, 6);
		put16(&b, at + 10, 1u << 15);
		put32(&b, at + 16, rlog << 29 | RX_RING);
		put32(&b, at + 20, tlog << 29 | TX_RING);
	}
	csr_set(1, at & 0xffff);
	csr_set(2, at >> 16);
	csr_set(0, 1);
	assert_int_equal(csr(0), 0x0181);
	csr_set(0, IDON | IENA | STRT);
	assert_int_equal(csr(0), 0x0043 | (mode & 1 ? 0 : 0x20) | (mode & 2 ? 0 : 0x10));
}

#endif
