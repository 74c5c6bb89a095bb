/* SPDX-License-Identifier: MIT */
/* An 82540EM's driver for tests. */
#ifndef TANDEM_TESTS_LIB_E1000DRV_H
#define TANDEM_TESTS_LIB_E1000DRV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/pc/e1000.h"
#include "ringproto/netframe.h"
#include "tests/lib/nicbench.h"

#define TX_RING 0x10000u
#define RX_RING 0x18000u
#define BUFS	0x40000u
#define FRAME	0x80000u
#define NR	8u /* descriptors: the fewest */

#define REG_CTRL   0x0000
#define REG_ICR	   0x00c0
#define REG_ITR	   0x00c4
#define REG_ICS	   0x00c8
#define REG_IMS	   0x00d0
#define REG_IMC	   0x00d8
#define REG_RCTL   0x0100
#define REG_TCTL   0x0400
#define REG_RDH	   0x2810
#define REG_RDT	   0x2818
#define REG_RDTR   0x2820
#define REG_RADV   0x282c
#define REG_TDH	   0x3810
#define REG_TDT	   0x3818
#define REG_TIDV   0x3820
#define REG_TADV   0x382c
#define REG_RXCSUM 0x5000
#define REG_MTA	   0x5200
#define REG_RA	   0x5400
#define REG_VFTA   0x5600

#define TXDW   0x0001u
#define TXQE   0x0002u
#define LSC    0x0004u
#define RXDMT0 0x0010u
#define RXO    0x0040u
#define RXT0   0x0080u

#define EOP  (1u << 24)
#define RS   (1u << 27)
#define DEXT (1u << 29)
#define VLE  (1u << 30)
#define IDE  (1u << 31)
#define TSE  (1u << 26)
#define DATA (DEXT | 1u << 20)

static struct nicbench b;
static struct e1000 *card;

static inline int setup(void **state)
{
	(void)state;
	b.f = fakepc_open(true);
	fakenic_init(&b.nic);
	card = e1000_new(&b.f->bus, b.f->pci, BENCH_SLOT, &b.nic.port, bench_mac);
	bench_place(&b, 1, 0);
	return card ? 0 : -1;
}

static inline int teardown(void **state)
{
	(void)state;
	fakepc_close(b.f);
	fakenic_fini(&b.nic);
	return 0;
}

static inline void rings_on(uint32_t rctl)
{
	bench_store(&b, 0x2800, RX_RING);
	bench_store(&b, 0x2808, NR * 16);
	bench_store(&b, REG_RDH, 0);
	bench_store(&b, REG_RDT, 0);
	bench_store(&b, 0x3800, TX_RING);
	bench_store(&b, 0x3808, NR * 16);
	bench_store(&b, REG_TDH, 0);
	bench_store(&b, REG_TDT, 0);
	bench_store(&b, REG_TCTL, 0x0a);
	bench_store(&b, REG_RCTL, 0x8002 | rctl);
	bench_store(&b, REG_IMS, TXDW | RXT0 | RXO | RXDMT0 | LSC);
	for (unsigned i = 0; i < NR; i++)
		put64(&b, RX_RING + 16 * i, BUFS + i * 0x4000);
}

static inline void tx_desc(unsigned i, uint32_t addr, uint32_t cmd, uint32_t opts)
{
	put64(&b, TX_RING + 16 * i, addr);
	put32(&b, TX_RING + 16 * i + 8, cmd);
	put32(&b, TX_RING + 16 * i + 12, opts);
}

/* IP's and TCP's (UDP's) places of fakenic_ipv4()'s packets. */
static inline void tx_context(unsigned i, uint32_t cmd, uint32_t paylen, unsigned hdr,
			      uint32_t mss, unsigned csum_at)
{
	put32(&b, TX_RING + 16 * i, 14 | 24u << 8 | 33u << 16);
	put32(&b, TX_RING + 16 * i + 4, 34 | csum_at << 8);
	put32(&b, TX_RING + 16 * i + 8, cmd | DEXT | paylen);
	put32(&b, TX_RING + 16 * i + 12, hdr << 8 | mss << 16);
}

/* As drivers fill it in: the pseudo header's sum, for a large one without a length. */
static inline void tx_pseudo(uint32_t at, uint32_t l4_len, unsigned csum_at)
{
	uint8_t *frame = b.f->ram + at;
	const uint8_t tail[4] = { 0, frame[23], (uint8_t)(l4_len >> 8), (uint8_t)l4_len };
	struct netsum sum = { 0 };
	uint16_t csum;

	netsum_add(&sum, frame + 26, 8);
	netsum_add(&sum, tail, 4);
	csum = (uint16_t)~netsum_end(&sum);
	memcpy(frame + csum_at, &csum, 2);
}

static inline bool tx_is_done(unsigned i)
{
	return b.f->ram[TX_RING + 16 * i + 12] & 1;
}

/* Of a received descriptor. */
static inline unsigned rx_length(unsigned i)
{
	return mem16(&b, RX_RING + 16 * i + 8);
}

static inline unsigned rx_status(unsigned i)
{
	return b.f->ram[RX_RING + 16 * i + 12];
}

static inline unsigned rx_errors(unsigned i)
{
	return b.f->ram[RX_RING + 16 * i + 13];
}

static inline unsigned rx_vlan(unsigned i)
{
	return mem16(&b, RX_RING + 16 * i + 14);
}

static inline uint8_t *rx_buf(unsigned i)
{
	return b.f->ram + BUFS + i * 0x4000;
}

#endif
