/* SPDX-License-Identifier: MIT */
/* The PCnet-PCI II receives, in each style and mode; and where there is no memory. */
#include "tests/lib/pcnetdrv.h"

static void receive_each(unsigned of_style)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
	static const uint8_t other[6] = { 2, 9, 9, 9, 9, 9 };
	const uint32_t how = of_style ? ~0u : 0xff000000;

	init(of_style, 0, 2, 0);
	for (unsigned i = 0; i < 4; i++)
		desc(RX_RING, i, OWN, BUFS + i * 0x1000, 1536);
	bench_arrive(&b, bench_mac, 1514, 1);
	assert_true(bench_line(&b));
	assert_int_equal(events(), RINT);
	assert_int_equal(flags(RX_RING, 0), (STP | ENP | 1u << 22) & how);
	assert_int_equal(misc(RX_RING, 0), 1518);
	assert_true(bench_is(b.f->ram + BUFS, bench_mac, 1514, 1));
	assert_int_equal(mem32(&b, BUFS + 1514), nic_fcs(b.f->ram + BUFS, 1514));
	assert_int_equal(csr(72), 0xfffd);
	bench_arrive(&b, other, 60, 2);
	assert_int_equal(events(), 0);
	bench_arrive(&b, NULL, 60, 2);
	assert_int_equal(flags(RX_RING, 1), (STP | ENP | 1u << 20) & how);
	/* bit 31 of LE is bit 63 - ...: the group's own is set by hand */
	csr_set(0, STOP);
	for (unsigned i = 8; i < 12; i++)
		csr_set(i, 0);
	csr_set(8 + (nic_crc_le(group) >> 26) / 16, 1u << (nic_crc_le(group) >> 26) % 16);
	csr_set(0, STRT | IENA);
	for (unsigned i = 0; i < 4; i++)
		desc(RX_RING, i, OWN, BUFS + i * 0x1000, i == 1 ? 64 : 1536);
	bench_arrive(&b, group, 60, 2);
	assert_int_equal(flags(RX_RING, 0), (STP | ENP | 1u << 21) & how);
	/* over two buffers, the FCS too */
	bench_arrive(&b, bench_mac, 62 + 64, 3);
	assert_int_equal(flags(RX_RING, 1), STP);
	assert_int_equal(flags(RX_RING, 2), (ENP | 1u << 22) & how);
	assert_int_equal(misc(RX_RING, 2), 130);
	assert_memory_equal(b.f->ram + BUFS + 0x1000, "\x52\x54\x00\x12\x34\x56", 6);
	/* one that waits: the guest need not say when there is room */
	bench_arrive(&b, bench_mac, 60, 4);
	bench_arrive(&b, bench_mac, 60, 5);
	assert_int_equal(fakenic_waiting(&b.nic), 1);
	events();
	desc(RX_RING, 0, OWN, BUFS, 1536);
	fakepc_pass(b.f, NIC_RETRY);
	assert_int_equal(fakenic_waiting(&b.nic), 0);
	assert_true(bench_is(b.f->ram + BUFS, bench_mac, 60, 5));
	assert_int_equal(events(), RINT);
	/* or is lost */
	bench_arrive(&b, bench_mac, 60, 6);
	fakepc_pass(b.f, NIC_WAIT + NIC_RETRY);
	assert_int_equal(events(), MISS);
	assert_int_equal(csr(112), 1);
	fakepc_cycle(b.f, &pcnet_pci(card)->dev);
	csr_set(0, STOP);
	csr_set(112, 0);
	bench_arrive(&b, bench_mac, 60, 7);
	assert_int_equal(fakenic_waiting(&b.nic), 0);
}

static void test_receive(void **state)
{
	(void)state;
	receive_each(0);
	receive_each(2);
	receive_each(3);
}

static void test_receive_modes(void **state)
{
	static const uint8_t other[6] = { 2, 9, 9, 9, 9, 9 };
	uint8_t frame[60] = { 0 };

	(void)state;
	/* neither broadcast nor its own address */
	init(2, 0x6000, 2, 0);
	for (unsigned i = 0; i < 4; i++)
		desc(RX_RING, i, OWN, BUFS + i * 0x1000, 1536);
	bench_arrive(&b, NULL, 60, 1);
	bench_arrive(&b, bench_mac, 60, 1);
	bench_arrive(&b, other, 60, 1);
	assert_int_equal(events(), 0);
	/* anything */
	init(2, 0x8000, 2, 0);
	bench_arrive(&b, other, 60, 1);
	assert_int_equal(events(), RINT);
	assert_int_equal(flags(RX_RING, 0), STP | ENP);
	/* a padded one of 802.3, stripped */
	csr_set(4, 0x0515);
	memcpy(frame, bench_mac, 6);
	frame[13] = 10;
	fakenic_put(&b.nic, frame, 60, false);
	assert_int_equal(misc(RX_RING, 1), 24);
	bench_arrive(&b, bench_mac, 60, 1);
	assert_int_equal(misc(RX_RING, 2), 64);
	/* to itself; the cable is not heard */
	init(2, 0x0044, 2, 2);
	desc(RX_RING, 0, OWN, BUFS, 1536);
	bench_frame(&b, FRAME, 100, 8);
	desc(TX_RING, 0, OWN | STP | ENP, FRAME, 100);
	bench_arrive(&b, bench_mac, 60, 1);
	csr_set(0, TDMD | IENA);
	assert_int_equal(events(), RINT | TINT);
	assert_int_equal(misc(RX_RING, 0), 104);
	assert_true(bench_is(b.f->ram + BUFS, NULL, 100, 8));
	assert_int_equal(b.nic.nr_sent, 0);
	/* both off */
	init(2, 3, 2, 2);
	desc(TX_RING, 0, OWN | STP | ENP, FRAME, 100);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.nr_sent, 0);
}

/* No memory where the block, the rings, the buffers should be. */
static void test_nowhere(void **state)
{
	(void)state;
	bcr_set(20, 2);
	csr_set(1, 0);
	csr_set(2, 0xf000);
	csr_set(0, 1 | STRT | IENA);
	assert_int_equal(csr(0) & (STRT | STOP | MERR), STOP | MERR);
	init(2, 0, 2, 2);
	csr_set(0, STOP);
	csr_set(25, 0xf000);
	csr_set(31, 0xf000);
	csr_set(0, STRT | IENA);
	assert_int_equal(events(), MERR);
	bench_arrive(&b, bench_mac, 60, 1);
	assert_int_equal(events(), MERR);
	/* the largest rings that registers can tell, all the card's */
	csr_set(0, STOP);
	csr_set(25, RX_RING >> 16);
	csr_set(31, TX_RING >> 16);
	csr_set(76, 0);
	csr_set(78, 0);
	for (uint32_t at = 0x10000; at < 0x110000; at += 16) {
		put32(&b, at, FRAME);
		put32(&b, at + 4, OWN | 0xffff); /* one byte each */
	}
	csr_set(0, STRT | IENA);
	bench_arrive(&b, bench_mac, 1514, 1);
	fakepc_pass(b.f, NIC_WAIT + 2 * NIC_RETRY);
	assert_int_equal(events() & MISS, MISS);
	assert_int_equal(fakenic_waiting(&b.nic), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_receive), T(test_receive_modes),
					    T(test_nowhere) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
