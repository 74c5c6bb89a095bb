/* SPDX-License-Identifier: MIT */
/* The RTL8139 as its drivers use it: registers, four descriptors, the ring of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/pc/rtl8139.h"
#include "tests/lib/nicbench.h"

#define RX_RING 0x100000u
#define FRAME	0x40000u

#define CR_TE_RE 0x0c
#define ISR_ROK	 0x01
#define ISR_TOK	 0x04
#define ISR_TER	 0x08
#define ISR_OVW	 0x10

static struct nicbench b;
static struct rtl8139 *card;

static int setup(void **state)
{
	(void)state;
	b.f = fakepc_open(true);
	fakenic_init(&b.nic);
	card = rtl8139_new(&b.f->bus, b.f->pci, BENCH_SLOT, &b.nic.port, bench_mac);
	bench_place(&b, 0, 1);
	return card ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(b.f);
	fakenic_fini(&b.nic);
	return 0;
}

static unsigned isr_take(void)
{
	unsigned isr = bench_in(&b, 0x3e, 2);

	bench_out(&b, 0x3e, 2, isr);
	return isr;
}

/* As drivers do it, bit by bit. */
static uint16_t eeprom_read(unsigned addr)
{
	const unsigned cmd = 6u << 6 | addr;
	uint16_t v = 0;

	bench_out(&b, 0x50, 1, 0x80);
	bench_out(&b, 0x50, 1, 0x88);
	for (int i = 10; i >= 0; i--) {
		const unsigned bit = cmd >> i & 1 ? 2 : 0;

		bench_out(&b, 0x50, 1, 0x88 | bit);
		bench_out(&b, 0x50, 1, 0x8c | bit);
	}
	bench_out(&b, 0x50, 1, 0x88);
	for (int i = 0; i < 16; i++) {
		bench_out(&b, 0x50, 1, 0x8c);
		v = (uint16_t)(v << 1 | (bench_in(&b, 0x50, 1) & 1));
		bench_out(&b, 0x50, 1, 0x88);
	}
	bench_out(&b, 0x50, 1, 0);
	return v;
}

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(fakepc_pci_in(b.f, BENCH_SLOT, 0, PCI_VENDOR, 4), 0x813910ec);
	assert_int_equal(fakepc_pci_in(b.f, BENCH_SLOT, 0, PCI_REVISION, 4), 0x02000020);
	/* Linux' 8139cp gives a card up on which it cannot set the cache line's size */
	fakepc_pci_out(b.f, BENCH_SLOT, 0, 0x0c, 1, 0x10);
	assert_int_equal(fakepc_pci_in(b.f, BENCH_SLOT, 0, 0x0c, 4), 0x10);
	assert_int_equal(bench_in(&b, 0x40, 4), 0x74800000);
	assert_int_equal(eeprom_read(0), 0x8129);
	assert_int_equal(eeprom_read(1), 0x10ec);
	assert_int_equal(eeprom_read(7), 0x5452);
	assert_int_equal(eeprom_read(9), 0x5634);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(bench_in(&b, i, 1), bench_mac[i]);
	assert_int_equal(bench_load(&b, 0), 0x12005452);
	/* an address of the guest's own, over the command register's reset */
	bench_out(&b, 0, 4, 0x44332211);
	bench_out(&b, 4, 2, 0x6655);
	bench_out(&b, 0x37, 1, 0x10);
	assert_int_equal(bench_in(&b, 0x37, 1), 0x01);
	assert_int_equal(bench_in(&b, 2, 4), UINT32_MAX); /* crosses */
	assert_int_equal(bench_in(&b, 2, 2), 0x4433);
	assert_int_equal(bench_in(&b, 5, 1), 0x66);
	/* the PHY: link, 100 Mbit/s; reset and restart end */
	assert_int_equal(bench_in(&b, 0x64, 2), 0x782d);
	bench_out(&b, 0x62, 2, 0x8000);
	assert_int_equal(bench_in(&b, 0x62, 2), 0x3100);
	bench_out(&b, 0x62, 2, 0x1200);
	assert_int_equal(bench_in(&b, 0x62, 2), 0x1000);
	assert_int_equal(bench_in(&b, 0x58, 1), 0);
	/* configuration under its lock */
	bench_out(&b, 0x59, 1, 0x20);
	assert_int_equal(bench_in(&b, 0x59, 1), 0);
	bench_out(&b, 0x50, 1, 0xc0);
	bench_out(&b, 0x59, 1, 0x20);
	assert_int_equal(bench_in(&b, 0x59, 1), 0x20);
}

static void tsd(unsigned i, uint32_t addr, uint32_t len)
{
	bench_out(&b, 0x20 + 4 * i, 4, addr);
	bench_out(&b, 0x10 + 4 * i, 4, len);
}

static void test_send(void **state)
{
	(void)state;
	bench_frame(&b, FRAME, 60, 1);
	bench_frame(&b, FRAME + 2048, 1514, 2);
	bench_out(&b, 0x3c, 2, ISR_TOK | ISR_TER);
	/* not on yet */
	tsd(0, FRAME, 60);
	assert_int_equal(b.nic.nr_sent, 0);
	bench_out(&b, 0x37, 1, CR_TE_RE);
	assert_int_equal(b.nic.nr_sent, 1);
	assert_true(bench_is(b.nic.sent[0].bytes, NULL, 60, 1));
	assert_int_equal(bench_in(&b, 0x10, 4), 0xa000 | 60);
	assert_true(bench_line(&b));
	assert_int_equal(isr_take(), ISR_TOK);
	assert_false(bench_line(&b));
	/* in turn: the third waits for the second */
	tsd(2, FRAME + 2048, 1514);
	assert_int_equal(b.nic.nr_sent, 1);
	assert_int_equal(bench_in(&b, 0x60, 2), 0x100b);
	tsd(1, FRAME, 60);
	assert_int_equal(b.nic.nr_sent, 3);
	assert_int_equal(b.nic.sent[2].len, 1514);
	assert_int_equal(bench_in(&b, 0x60, 2), 0x700f);
	/* no memory, too long */
	isr_take();
	tsd(3, 0xfffffff0, 60);
	assert_int_equal(isr_take(), ISR_TER);
	tsd(0, FRAME, 1793);
	assert_int_equal(isr_take(), ISR_TER);
	assert_int_equal(bench_in(&b, 0x60, 2) & 0xf0, 0x90);
	assert_int_equal(b.nic.nr_sent, 3);
	/* the port is full: later */
	b.nic.full = true;
	tsd(1, FRAME, 100);
	assert_int_equal(isr_take(), 0);
	fakepc_pass(b.f, 10 * NIC_AGAIN);
	assert_int_equal(b.nic.nr_sent, 3);
	fakepc_cycle(b.f, &rtl8139_pci(card)->dev);
	b.nic.full = false;
	fakepc_pass(b.f, NIC_AGAIN);
	assert_int_equal(b.nic.nr_sent, 4);
	assert_int_equal(isr_take(), ISR_TOK);
	/* no master, no access */
	fakepc_pci_out(b.f, BENCH_SLOT, 0, PCI_COMMAND, 2, PCI_CMD_IO);
	tsd(2, FRAME, 100);
	assert_int_equal(b.nic.nr_sent, 4);
}

static void rx_on(uint32_t rcr)
{
	bench_out(&b, 0x30, 4, RX_RING);
	bench_out(&b, 0x44, 4, rcr);
	bench_out(&b, 0x37, 1, CR_TE_RE);
	bench_out(&b, 0x3c, 2, ISR_ROK | ISR_OVW);
}

static void test_filters(void **state)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t other[6] = { 2, 9, 9, 9, 9, 9 };
	/* what of: ours, another's, broadcast, a group, is taken */
	static const struct {
		uint32_t rcr;
		unsigned got;
	} cases[] = { { 0, 0 },	   { 0x01, 3 }, { 0x02, 1 },
		      { 0x08, 4 }, { 0x0a, 5 }, { 0x0f, 15 } };
	uint16_t cbr;

	(void)state;
	bench_out(&b, 0x0c, 4, 0);
	bench_out(&b, 0x08, 4, 0);
	rx_on(0x0e);
	bench_arrive(&b, group, 60, 1);
	assert_int_equal(bench_in(&b, 0x3a, 2), 0);
	bench_out(&b, 0x08, 4, 1u << 31); /* bit 31 of the filter is that group's */
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned got = 0;

		rx_on(cases[i].rcr);
		for (unsigned k = 0; k < 4; k++) {
			const uint8_t *to[] = { bench_mac, other, NULL, group };

			cbr = (uint16_t)bench_in(&b, 0x3a, 2);
			bench_arrive(&b, to[k], 60, 1);
			got |= (unsigned)(bench_in(&b, 0x3a, 2) != cbr) << k;
		}
		assert_int_equal(got, cases[i].got);
	}
	/* off */
	bench_out(&b, 0x37, 1, 0);
	cbr = (uint16_t)bench_in(&b, 0x3a, 2);
	bench_arrive(&b, bench_mac, 60, 1);
	assert_int_equal(bench_in(&b, 0x3a, 2), cbr);
	/* too long */
	rx_on(0x0f);
	bench_arrive(&b, bench_mac, 1519, 1);
	assert_int_equal(bench_in(&b, 0x3a, 2), cbr);
	assert_int_equal(fakenic_waiting(&b.nic), 0);
}

static void test_ring(void **state)
{
	const uint32_t step = (4 + 1514 + 4 + 3) & ~3u;
	uint32_t at = 0, fcs;

	(void)state;
	rx_on(0x0a);
	assert_int_equal(bench_in(&b, 0x37, 1), CR_TE_RE | 1);
	bench_arrive(&b, bench_mac, 1514, 1);
	assert_true(bench_line(&b));
	assert_int_equal(isr_take(), ISR_ROK);
	assert_int_equal(bench_in(&b, 0x37, 1), CR_TE_RE);
	assert_int_equal(mem32(&b, RX_RING), 1518u << 16 | 0x4001);
	assert_true(bench_is(b.f->ram + RX_RING + 4, bench_mac, 1514, 1));
	fcs = nic_fcs(b.f->ram + RX_RING + 4, 1514);
	assert_int_equal(mem32(&b, RX_RING + 4 + 1514), fcs);
	assert_int_equal(bench_in(&b, 0x3a, 2), step);
	bench_arrive(&b, NULL, 60, 2);
	assert_int_equal(mem32(&b, RX_RING + step), 64u << 16 | 0x2001);
	/* 8 KiB hold five of them, not six */
	for (unsigned i = 0; i < 5; i++)
		bench_arrive(&b, bench_mac, 1514, (uint8_t)(3 + i));
	assert_int_equal(fakenic_waiting(&b.nic), 1);
	/* the guest has read all: the one that waits wraps */
	at = bench_in(&b, 0x3a, 2);
	assert_int_equal(at, 5 * step + 68);
	bench_out(&b, 0x38, 2, at - 16);
	assert_int_equal(fakenic_waiting(&b.nic), 0);
	assert_int_equal(mem32(&b, RX_RING + at), 1518u << 16 | 0x4001);
	assert_int_equal(bench_in(&b, 0x3a, 2), at + step - 8192);
	assert_memory_equal(b.f->ram + RX_RING + at + 4 + 12, "\x88\xb5", 2);
	{
		static uint8_t flat[1514];
		const uint32_t first = 8192 - at - 4;

		memcpy(flat, b.f->ram + RX_RING + at + 4, first);
		memcpy(flat + first, b.f->ram + RX_RING, 1514 - first);
		assert_true(bench_is(flat, bench_mac, 1514, 7));
	}
	fakepc_cycle(b.f, &rtl8139_pci(card)->dev);
}

/* With WRAP a frame goes on behind the end; its next one begins where it would have. */
static void test_ring_wrap(void **state)
{
	const uint32_t step = (4 + 1514 + 4 + 3) & ~3u;

	(void)state;
	rx_on(0x8a);
	for (unsigned i = 0; i < 5; i++) {
		bench_arrive(&b, bench_mac, 1514, (uint8_t)i);
		bench_out(&b, 0x38, 2, bench_in(&b, 0x3a, 2) - 16);
	}
	bench_arrive(&b, bench_mac, 1514, 9);
	assert_true(bench_is(b.f->ram + RX_RING + 5 * step + 4, bench_mac, 1514, 9));
	assert_int_equal(bench_in(&b, 0x3a, 2), 6 * step - 8192);
	assert_int_equal(mem32(&b, RX_RING + 6 * step), 0);
}

static void test_missed(void **state)
{
	(void)state;
	rx_on(0x0a);
	for (unsigned i = 0; i < 7; i++)
		bench_arrive(&b, bench_mac, 1514, (uint8_t)i);
	assert_int_equal(isr_take(), ISR_ROK);
	fakepc_pass(b.f, NIC_WAIT + NIC_RETRY);
	assert_int_equal(isr_take(), ISR_OVW);
	assert_int_equal(bench_in(&b, 0x4c, 4), 2);
	bench_out(&b, 0x4c, 4, 0);
	assert_int_equal(bench_in(&b, 0x4c, 4), 0);
}

static void test_timer(void **state)
{
	(void)state;
	bench_out(&b, 0x3c, 2, 0x4000);
	bench_out(&b, 0x48, 4, 1);
	fakepc_pass(b.f, 1000000);
	assert_in_range(bench_in(&b, 0x48, 4), 32990, 33001);
	bench_out(&b, 0x54, 4, 66000);
	fakepc_pass(b.f, 999990);
	assert_false(bench_line(&b));
	fakepc_cycle(b.f, &rtl8139_pci(card)->dev);
	fakepc_pass(b.f, 100);
	assert_true(bench_line(&b));
	assert_int_equal(isr_take(), 0x4000);
	/* once a round of the counter */
	fakepc_pass(b.f, 129 * PC_NS);
	assert_int_equal(isr_take(), 0);
	fakepc_pass(b.f, 2 * PC_NS);
	assert_int_equal(isr_take(), 0x4000);
	bench_out(&b, 0x48, 4, 1);
	fakepc_pass(b.f, 2000001);
	assert_int_equal(isr_take(), 0x4000);
	bench_out(&b, 0x54, 4, 0);
	assert_int_equal(b.f->alarm, 0);
	/* an interrupt of the guest's own */
	bench_out(&b, 0xd9, 1, 1);
	assert_int_equal(isr_take(), 0x100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identity),  T(test_send),   T(test_filters), T(test_ring),
		T(test_ring_wrap), T(test_missed), T(test_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
