/* SPDX-License-Identifier: MIT */
/* The PCnet-PCI II as its drivers use it: accesses, initialization, sending. */
#include "tests/lib/pcnetdrv.h"

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(fakepc_pci_in(b.f, BENCH_SLOT, 0, PCI_VENDOR, 4), 0x20001022);
	assert_int_equal(fakepc_pci_in(b.f, BENCH_SLOT, 0, PCI_REVISION, 4), 0x02000016);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(bench_in(&b, i, 1), bench_mac[i]);
	assert_int_equal(bench_in(&b, 14, 2), 0x5757);
	/* as drivers look for it, by words */
	bench_in(&b, 0x14, 2);
	assert_int_equal(csr(0), STOP);
	bench_out(&b, 0x12, 2, 88);
	assert_int_equal(bench_in(&b, 0x12, 2), 88);
	assert_int_equal(csr(88) | (uint32_t)csr(89) << 16, 0x02621003);
	assert_int_equal(csr(12), 0x5452);
	assert_int_equal(bcr(18), 0x2001);
	assert_int_equal(bench_in(&b, 0x10, 4), UINT32_MAX);
	assert_int_equal(bcr(40), 0);
	/* the link's lamp */
	assert_int_equal(bcr(4), 0x80c0);
	bcr_set(4, 0x8080);
	assert_int_equal(bcr(4), 0x0080);
	/* by dwords, from the first of them on */
	bench_out(&b, 0x10, 4, 0);
	assert_int_equal(bench_in(&b, 0x10, 2), 0xffff);
	bench_out(&b, 0x14, 4, 18);
	assert_int_equal(bench_in(&b, 0x1c, 4), 0x2081);
	assert_int_equal(bench_in(&b, 0x18, 4), 0); /* a reset, not of that */
	assert_int_equal(bench_in(&b, 0x14, 4), 0);
	assert_int_equal(bench_load(&b, 0x10), STOP);
	bench_store(&b, 0x14, 20);
	bench_store(&b, 0x1c, 3);
	assert_int_equal(bench_load(&b, 0x1c), 0x303);
	bench_store(&b, 0x1c, 1); /* a style that there is not */
	assert_int_equal(bench_load(&b, 0x1c), 0x303);
	/* the PROM under its lock */
	bench_out(&b, 4, 4, 0);
	assert_int_equal(bench_in(&b, 4, 1), bench_mac[4]);
	bench_store(&b, 0x14, 2);
	bench_store(&b, 0x1c, 0x102);
	bench_out(&b, 4, 4, 0);
	assert_int_equal(bench_in(&b, 4, 1), 0);
	/* a reset of the machine: words again, the address as it was */
	pcnet_pci(card)->dev.ops->reset(&pcnet_pci(card)->dev);
	bench_place(&b, 0, 1);
	assert_int_equal(csr(0), STOP);
	assert_int_equal(bench_in(&b, 4, 1), bench_mac[4]);
}

static void send_each(unsigned of_style)
{
	init(of_style, 0, 2, 2);
	bench_frame(&b, FRAME, 1000, 1);
	desc(TX_RING, 0, OWN | STP, FRAME, 600);
	csr_set(0, TDMD | IENA);
	/* not whole yet */
	assert_int_equal(b.nic.nr_sent, 0);
	desc(TX_RING, 1, OWN | ENP, FRAME + 600, 400);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.nr_sent, 1);
	assert_int_equal(b.nic.sent[0].len, 1000);
	assert_true(bench_is(b.nic.sent[0].bytes, NULL, 1000, 1));
	assert_int_equal(flags(TX_RING, 0), STP);
	assert_int_equal(flags(TX_RING, 1), ENP);
	assert_true(bench_line(&b));
	assert_int_equal(csr(74), 0xfffe);
	assert_int_equal(events(), TINT);
	assert_false(bench_line(&b));
	/* nobody tells it: it looks */
	desc(TX_RING, 2, OWN | STP | ENP, FRAME, 60);
	fakepc_pass(b.f, 4 * NIC_RETRY);
	assert_int_equal(b.nic.nr_sent, 2);
	/* round; one without a start is skipped */
	desc(TX_RING, 3, OWN | ENP, FRAME, 100);
	desc(TX_RING, 0, OWN | STP | ENP, FRAME, 1514);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.nr_sent, 3);
	assert_int_equal(b.nic.sent[2].len, 1514);
	assert_int_equal(flags(TX_RING, 3), ENP | ERR);
	events();
	/* no memory */
	desc(TX_RING, 1, OWN | STP | ENP, style ? 0xfffff000 : 0xfffff0, 1000);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.nr_sent, 3);
	assert_int_equal(flags(TX_RING, 1), STP | ENP | ERR);
	assert_int_equal(events(), TINT | MERR);
	/* too long for a cable, but sent */
	desc(TX_RING, 2, OWN | STP, FRAME, 1500);
	desc(TX_RING, 3, OWN | ENP, FRAME, 1500);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.sent[3].len, 3000);
	assert_int_equal(events(), TINT | BABL);
	/* a chain without an end */
	for (unsigned i = 0; i < 4; i++)
		desc(TX_RING, i, OWN | STP, FRAME, 100);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.nr_sent, 4);
	assert_int_equal(flags(TX_RING, 2), STP | ERR);
	/* a port that is full */
	b.nic.full = true;
	desc(TX_RING, 0, OWN | STP | ENP, FRAME, 60);
	csr_set(0, TDMD | IENA);
	fakepc_cycle(b.f, &pcnet_pci(card)->dev);
	fakepc_pass(b.f, 3 * NIC_AGAIN);
	assert_int_equal(b.nic.nr_sent, 4);
	b.nic.full = false;
	fakepc_pass(b.f, NIC_AGAIN);
	assert_int_equal(b.nic.nr_sent, 5);
	csr_set(0, STOP);
	assert_int_equal(b.f->alarm, 0);
	fakenic_clear(&b.nic);
}

static void test_send(void **state)
{
	(void)state;
	send_each(0);
	send_each(2);
	send_each(3);
}

static void test_send_features(void **state)
{
	(void)state;
	init(2, 0x0008, 2, 2); /* frames bring their FCS */
	csr_set(4, 0x0915);
	bench_frame(&b, FRAME, 100, 1);
	desc(TX_RING, 0, OWN | STP | ENP, FRAME, 100);
	desc(TX_RING, 1, OWN | STP | ENP | 1u << 29, FRAME, 40);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.sent[0].len, 96);
	assert_int_equal(b.nic.sent[1].len, 60); /* padded */
	assert_int_equal(csr(4), 0x091d);
	csr_set(4, 0x091d);
	assert_int_equal(csr(4), 0x0915);
	events();
	/* interrupts of some frames alone */
	csr_set(5, 0x4000);
	desc(TX_RING, 2, OWN | STP | ENP, FRAME, 100);
	csr_set(0, TDMD | IENA);
	assert_int_equal(events(), 0);
	desc(TX_RING, 3, OWN | STP | ENP | 1u << 28, FRAME, 100);
	csr_set(0, TDMD | IENA);
	assert_int_equal(events(), TINT);
	/* or of none; masked ones */
	csr_set(5, 0x8000);
	desc(TX_RING, 0, OWN | STP | ENP | 1u << 28, FRAME, 100);
	csr_set(0, TDMD | IENA);
	assert_int_equal(events(), 0);
	csr_set(5, 0);
	csr_set(3, 0x0200);
	desc(TX_RING, 1, OWN | STP | ENP, FRAME, 100);
	csr_set(0, TDMD | IENA);
	assert_false(bench_line(&b));
	csr_set(3, 0);
	assert_true(bench_line(&b));
	events();
	/* the guest's own */
	csr_set(4, 0x0995);
	assert_true(bench_line(&b));
	csr_set(4, 0x0955);
	assert_false(bench_line(&b));
	/* suspended: nothing goes until it goes on */
	csr_set(5, 1);
	assert_int_equal(csr(5), 1);
	desc(TX_RING, 2, OWN | STP | ENP, FRAME, 100);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.nr_sent, 6);
	csr_set(15, 0x8000);
	csr_set(5, 0);
	assert_int_equal(b.nic.nr_sent, 7);
	assert_int_equal(csr(15), 0x8000);
	csr_set(15, 0); /* not while it runs */
	assert_int_equal(csr(15), 0x8000);
	/* polling is off */
	csr_set(4, 0x1115);
	desc(TX_RING, 3, OWN | STP | ENP, FRAME, 100);
	fakepc_pass(b.f, PC_NS);
	fakepc_pass(b.f, PC_NS);
	desc(TX_RING, 0, OWN | STP | ENP, FRAME, 100);
	fakepc_pass(b.f, PC_NS);
	assert_in_range(b.nic.nr_sent, 7, 8);
	csr_set(0, TDMD | IENA);
	assert_int_equal(b.nic.nr_sent, 9);
}

static uint16_t eeprom_read(unsigned addr)
{
	const unsigned cmd = 6u << 6 | addr;
	uint16_t v = 0;

	bench_out(&b, 0x12, 2, 19);
	bench_out(&b, 0x16, 2, 0x10);
	for (int i = 8; i >= 0; i--) {
		bench_out(&b, 0x16, 2, 0x14 | (cmd >> i & 1));
		bench_out(&b, 0x16, 2, 0x16 | (cmd >> i & 1));
	}
	for (int i = 0; i < 16; i++) {
		bench_out(&b, 0x16, 2, 0x14);
		bench_out(&b, 0x16, 2, 0x16);
		v = (uint16_t)(v << 1 | (bench_in(&b, 0x16, 2) & 1));
	}
	bench_out(&b, 0x16, 2, 0);
	return v;
}

static void test_eeprom(void **state)
{
	(void)state;
	assert_int_equal(bcr(19), 0xa000);
	assert_int_equal(eeprom_read(0), 0x5452);
	assert_int_equal(eeprom_read(7), 0x5757);
	csr_set(12, 0);
	bcr_set(19, 0x4000);
	assert_int_equal(csr(12), 0x5452);
}

static void test_states(void **state)
{
	struct pcdev *d = &pcnet_pci(card)->dev;
	uint8_t buf[4096];
	size_t len;
	unsigned refused = 0;

	(void)state;
	init(3, 0, 4, 4);
	for (unsigned i = 0; i < 16; i++)
		desc(RX_RING, i, OWN, BUFS + i * 0x1000, 1536);
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
		csr_set(0, TDMD | IENA);
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
		T(test_identity), T(test_send),	  T(test_send_features),
		T(test_eeprom),	  T(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
