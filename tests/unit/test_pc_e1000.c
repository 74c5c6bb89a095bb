/* SPDX-License-Identifier: MIT */
/* The 82540EM's registers: EEPROM, PHY, interrupts that wait, statistics, states. */
#include "tests/lib/e1000drv.h"

static uint16_t eerd(unsigned addr)
{
	bench_store(&b, 0x14, addr << 8 | 1);
	assert_int_equal(bench_load(&b, 0x14) & 0x10, 0x10);
	return (uint16_t)(bench_load(&b, 0x14) >> 16);
}

/* As drivers do it, bit by bit. */
static uint16_t eeprom_wires(unsigned addr)
{
	const unsigned cmd = 6u << 6 | addr;
	uint16_t v = 0;

	bench_store(&b, 0x10, 0x40);
	assert_int_equal(bench_load(&b, 0x10) & 0x1c0, 0x1c0);
	for (int i = 8; i >= 0; i--) {
		const unsigned bit = cmd >> i & 1 ? 4 : 0;

		bench_store(&b, 0x10, 0x42 | bit);
		bench_store(&b, 0x10, 0x43 | bit);
	}
	bench_store(&b, 0x10, 0x42);
	assert_int_equal(bench_load(&b, 0x10) & 8, 0);
	for (int i = 0; i < 16; i++) {
		bench_store(&b, 0x10, 0x43);
		v = (uint16_t)(v << 1 | (bench_load(&b, 0x10) >> 3 & 1));
		bench_store(&b, 0x10, 0x42);
	}
	bench_store(&b, 0x10, 0);
	return v;
}

static uint32_t mdic(uint32_t v)
{
	bench_store(&b, 0x20, v);
	return bench_load(&b, 0x20);
}

static void test_identity(void **state)
{
	uint16_t sum = 0;

	(void)state;
	assert_int_equal(fakepc_pci_in(b.f, BENCH_SLOT, 0, PCI_VENDOR, 4), 0x100e8086);
	for (unsigned i = 0; i < 64; i++) {
		sum = (uint16_t)(sum + eerd(i));
		assert_int_equal(eerd(i), eeprom_wires(i));
	}
	assert_int_equal(sum, 0xbaba);
	assert_int_equal(eerd(0), 0x5452);
	assert_int_equal(bench_load(&b, REG_RA), 0x12005452);
	assert_int_equal(bench_load(&b, REG_RA + 4), 0x80005634);
	assert_int_equal(bench_load(&b, 0x44), 0x80005634); /* its place of old */
	assert_int_equal(bench_load(&b, 8) & 0xc2, 0x82);
	/* by ports */
	bench_out(&b, 0, 4, REG_RA);
	assert_int_equal(bench_in(&b, 4, 4), 0x12005452);
	bench_out(&b, 0, 4, REG_ITR);
	bench_out(&b, 4, 4, 0x12345);
	assert_int_equal(bench_load(&b, REG_ITR), 0x2345);
	bench_out(&b, 0, 4, 0xfffffffc);
	bench_out(&b, 4, 4, 1);
	assert_int_equal(bench_in(&b, 4, 4), 0);
	assert_int_equal(bench_in(&b, 0, 2), 0xffff);
	/* parts are read, not written */
	assert_int_equal((uint8_t)fakepc_load(b.f, BENCH_MMIO + REG_RA + 1, 1), 0x54);
	fakepc_store(b.f, BENCH_MMIO + REG_ITR, 2, 0);
	assert_int_equal(bench_load(&b, REG_ITR), 0x2345);
	/* all of it is in its place */
	for (unsigned at = 0; at < 0x20000; at += 4)
		(void)bench_load(&b, at);
	/* the control register's reset */
	bench_store(&b, REG_RA, 7);
	bench_store(&b, REG_CTRL, 1u << 26);
	assert_int_equal(bench_load(&b, REG_RA), 0x12005452);
	assert_int_equal(bench_load(&b, REG_ITR), 0);
}

static void test_phy(void **state)
{
	(void)state;
	assert_int_equal(mdic(2u << 26 | 1u << 21 | 2u << 16) & 0x1000ffff, 0x10000141);
	assert_int_equal(mdic(2u << 26 | 1u << 21 | 3u << 16) & 0xfff0, 0x0c20);
	assert_int_equal(mdic(2u << 26 | 1u << 21 | 1u << 16) & 0x24, 0x24);
	/* another PHY, no operation */
	assert_int_equal(mdic(2u << 26 | 2u << 21) >> 30, 1);
	assert_int_equal(mdic(1u << 21) >> 30, 1);
	/* read only; a reset; what is begun anew is done, and said */
	mdic(1u << 26 | 1u << 21 | 2u << 16 | 0xffff);
	assert_int_equal(mdic(2u << 26 | 1u << 21 | 2u << 16) & 0xffff, 0x0141);
	mdic(1u << 26 | 1u << 21 | 4u << 16 | 1);
	assert_int_equal(mdic(2u << 26 | 1u << 21 | 4u << 16) & 0xffff, 1);
	mdic(1u << 26 | 1u << 21 | 0x8000);
	assert_int_equal(mdic(2u << 26 | 1u << 21 | 4u << 16) & 0xffff, 0x0de1);
	assert_int_equal(bench_load(&b, REG_ICR), LSC);
	mdic(1u << 26 | 1u << 21 | 0x1340);
	assert_int_equal(mdic(2u << 26 | 1u << 21) & 0xffff, 0x1140);
	assert_int_equal(bench_load(&b, REG_ICR), LSC);
	mdic(1u << 29 | 2u << 26 | 1u << 21);
	assert_int_equal(bench_load(&b, REG_ICR), 0x200);
	bench_store(&b, REG_CTRL, 0x40);
	assert_int_equal(bench_load(&b, REG_ICR), LSC);
	assert_int_equal(bench_load(&b, REG_ICR), 0);
}

static void test_interrupts(void **state)
{
	(void)state;
	bench_store(&b, REG_ICS, RXT0);
	assert_false(bench_line(&b));
	bench_store(&b, REG_IMS, RXT0 | LSC);
	assert_true(bench_line(&b));
	bench_store(&b, REG_IMC, RXT0);
	assert_int_equal(bench_load(&b, REG_IMS), LSC);
	assert_false(bench_line(&b));
	bench_store(&b, REG_IMS, RXT0);
	bench_store(&b, REG_ICS, LSC);
	bench_store(&b, REG_ICR, RXT0);
	assert_true(bench_line(&b));
	assert_int_equal(bench_load(&b, REG_ICR), LSC);
	assert_false(bench_line(&b));
	/* no more often than ITR says: 1000 of 256 ns */
	bench_store(&b, REG_ITR, 1000);
	fakepc_pass(b.f, PC_NS);
	bench_store(&b, REG_ICS, RXT0);
	assert_true(bench_line(&b));
	bench_load(&b, REG_ICR);
	fakepc_pass(b.f, 100000);
	bench_store(&b, REG_ICS, RXT0);
	bench_store(&b, REG_ICS, LSC);
	assert_false(bench_line(&b));
	fakepc_pass(b.f, 155999);
	assert_false(bench_line(&b));
	fakepc_pass(b.f, 1);
	assert_true(bench_line(&b));
	assert_int_equal(bench_load(&b, REG_ICR), RXT0 | LSC);
	/* what is taken back meanwhile does not come */
	bench_store(&b, REG_ICS, RXT0);
	bench_load(&b, REG_ICR);
	assert_int_equal(b.f->alarm, 0);
	fakepc_pass(b.f, PC_NS);
	assert_false(bench_line(&b));
}

static void test_receive_delays(void **state)
{
	(void)state;
	rings_on(0);
	bench_store(&b, REG_IMC, RXDMT0);
	bench_store(&b, REG_RDT, NR - 1);
	bench_store(&b, REG_RDTR, 100);
	bench_store(&b, REG_RADV, 250);
	/* each frame puts it off, to the end that the first one set */
	bench_arrive(&b, bench_mac, 60, 1);
	fakepc_pass(b.f, 99 * 1024);
	bench_arrive(&b, bench_mac, 60, 1);
	fakepc_pass(b.f, 99 * 1024);
	bench_arrive(&b, bench_mac, 60, 1);
	fakepc_pass(b.f, 51 * 1024);
	assert_false(bench_line(&b));
	fakepc_pass(b.f, 1 * 1024);
	assert_int_equal(bench_load(&b, REG_ICR) & RXT0, RXT0);
	bench_arrive(&b, bench_mac, 60, 1);
	fakepc_pass(b.f, 100 * 1024);
	assert_int_equal(bench_load(&b, REG_ICR) & RXT0, RXT0);
	/* at once, by word */
	bench_store(&b, REG_RDT, 3);
	bench_arrive(&b, bench_mac, 60, 1);
	assert_int_equal(bench_load(&b, REG_ICR) & RXT0, 0);
	bench_store(&b, REG_RDTR, 1u << 31 | 100);
	assert_int_equal(bench_load(&b, REG_ICR) & RXT0, RXT0);
	assert_int_equal(bench_load(&b, REG_RDTR), 100);
	/* and where a state is saved */
	bench_arrive(&b, bench_mac, 60, 1);
	bench_load(&b, REG_ICR);
	fakepc_cycle(b.f, &e1000_pci(card)->dev);
	assert_true(bench_line(&b));
}

static void test_send_delays(void **state)
{
	(void)state;
	rings_on(0);
	bench_store(&b, REG_TIDV, 100);
	bench_store(&b, REG_TADV, 150);
	tx_desc(0, FRAME, EOP | RS | IDE | 60, 0);
	tx_desc(1, FRAME, EOP | RS | IDE | 60, 0);
	tx_desc(2, FRAME, EOP | RS | 60, 0);
	bench_store(&b, REG_TDT, 1);
	assert_true(tx_is_done(0));
	assert_int_equal(bench_load(&b, REG_ICR), TXQE);
	fakepc_pass(b.f, 80 * 1024);
	bench_store(&b, REG_TDT, 2);
	fakepc_pass(b.f, 69 * 1024);
	assert_false(bench_line(&b));
	fakepc_pass(b.f, 1024);
	assert_true(bench_line(&b));
	assert_int_equal(bench_load(&b, REG_ICR), TXDW | TXQE);
	bench_store(&b, REG_TDT, 3);
	assert_true(bench_line(&b));
}

static void test_statistics(void **state)
{
	(void)state;
	rings_on(0);
	bench_store(&b, REG_RDT, NR - 1);
	bench_arrive(&b, bench_mac, 60, 1);
	bench_arrive(&b, NULL, 1514, 1);
	bench_frame(&b, FRAME, 200, 1);
	tx_desc(0, FRAME, EOP | RS | 200, 0);
	bench_store(&b, REG_TDT, 1);
	bench_arrive(&b, bench_mac, 1519, 1);
	assert_int_equal(bench_load(&b, 0x4074), 2);	     /* received, */
	assert_int_equal(bench_load(&b, 0x4074), 0);	     /* and read */
	assert_int_equal(bench_load(&b, 0x405c), 1);	     /* of 64 bytes, */
	assert_int_equal(bench_load(&b, 0x4070), 1);	     /* of more than 1023 */
	assert_int_equal(bench_load(&b, 0x4078), 1);	     /* broadcast */
	assert_int_equal(bench_load(&b, 0x4088), 64 + 1518); /* octets */
	assert_int_equal(bench_load(&b, 0x4088), 64 + 1518);
	assert_int_equal(bench_load(&b, 0x408c), 0);
	assert_int_equal(bench_load(&b, 0x4088), 0);
	assert_int_equal(bench_load(&b, 0x4080), 1); /* sent */
	assert_int_equal(bench_load(&b, 0x40e0), 1); /* of 128 to 255 */
	assert_int_equal(bench_load(&b, 0x40f4), 1);
	assert_int_equal(bench_load(&b, 0x4090), 204);
	assert_int_equal(bench_load(&b, 0x40ac), 1); /* too long */
}

static void test_states(void **state)
{
	struct pcdev *d = &e1000_pci(card)->dev;
	static uint8_t buf[8192];
	size_t len;
	unsigned refused = 0;

	(void)state;
	rings_on(0);
	bench_store(&b, REG_RDT, NR - 1);
	bench_arrive(&b, bench_mac, 60, 1);
	fakepc_cycle(b.f, d);
	assert_true(bench_line(&b));
	len = d->ops->save(d, buf, sizeof(buf));
	assert_int_equal(d->ops->save(d, buf, len - 1), 0);
	for (size_t i = 0; i < len; i++) {
		const uint8_t was = buf[i];

		buf[i] = 0xff;
		refused += d->ops->load(d, buf, len) < 0;
		bench_arrive(&b, bench_mac, 60, 1);
		fakepc_pass(b.f, 10 * NIC_AGAIN);
		buf[i] = was;
	}
	assert_true(refused > 20);
	assert_int_equal(d->ops->load(d, buf, len), 0);
	d->ops->reset(d);
	assert_false(bench_line(&b));
	assert_int_equal(b.f->alarm, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identity),	T(test_phy),	     T(test_interrupts),
		T(test_receive_delays), T(test_send_delays), T(test_statistics),
		T(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
