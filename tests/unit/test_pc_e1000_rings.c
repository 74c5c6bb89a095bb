/* SPDX-License-Identifier: MIT */
/* The 82540EM sends and receives: every kind of descriptor, filters, nonsense. */
#include "tests/lib/e1000drv.h"

/* ----------------------------------------------------------------------- sending */

static void test_send_legacy(void **state)
{
	(void)state;
	rings_on(0);
	bench_frame(&b, FRAME, 1514, 1);
	tx_desc(0, FRAME, RS | 1000, 0);
	bench_store(&b, REG_TDT, 1);
	/* not whole yet */
	assert_int_equal(b.nic.nr_sent, 0);
	assert_int_equal(bench_load(&b, REG_TDH), 0);
	tx_desc(1, FRAME + 1000, EOP | RS | 514, 0);
	bench_store(&b, REG_TDT, 2);
	assert_int_equal(b.nic.nr_sent, 1);
	assert_int_equal(b.nic.sent[0].len, 1514);
	assert_true(bench_is(b.nic.sent[0].bytes, NULL, 1514, 1));
	assert_true(tx_is_done(0) && tx_is_done(1));
	assert_int_equal(bench_load(&b, REG_TDH), 2);
	assert_true(bench_line(&b));
	assert_int_equal(bench_load(&b, REG_ICR), TXDW | TXQE);
	/* short ones are padded; without RS nothing is written back */
	tx_desc(2, FRAME, EOP | 42, 0);
	bench_store(&b, REG_TDT, 3);
	assert_int_equal(b.nic.sent[1].len, 60);
	assert_false(tx_is_done(2));
	/* a checksum where the descriptor says, over what it says */
	bench_frame(&b, FRAME, 200, 2);
	fakenic_ipv4(b.f->ram + FRAME, 200, NETFRAME_PROTO_TCP, true);
	nic_sum_ip(b.f->ram + FRAME, 200);
	tx_pseudo(FRAME, 200 - 34, 50);
	tx_desc(3, FRAME, EOP | 1u << 26 | 50u << 16 | 200, 34u << 8);
	/* a tag, if VME is on */
	tx_desc(4, FRAME, EOP | VLE | 200, 0x1234u << 16);
	bench_store(&b, REG_TDT, 5);
	assert_true(fakenic_ipv4_ok(b.nic.sent[2].bytes, 200));
	assert_int_equal(b.nic.sent[3].len, 200);
	bench_store(&b, REG_CTRL, 1u << 30);
	bench_store(&b, 0x38, 0x8100);
	tx_desc(5, FRAME, EOP | VLE | 200, 0x1234u << 16);
	bench_store(&b, REG_TDT, 6);
	assert_int_equal(b.nic.sent[4].len, 204);
	assert_memory_equal(b.nic.sent[4].bytes + 12, "\x81\x00\x12\x34\x08\x00", 6);
	/* round the end; off and on again */
	bench_store(&b, REG_TCTL, 0);
	tx_desc(6, FRAME, 100, 0);
	tx_desc(7, FRAME + 100, 50, 0);
	tx_desc(0, FRAME + 150, EOP | 50, 0);
	bench_store(&b, REG_TDT, 1);
	assert_int_equal(b.nic.nr_sent, 5);
	bench_store(&b, REG_TCTL, 0x0a);
	assert_int_equal(b.nic.sent[5].len, 200);
	assert_int_equal(bench_load(&b, REG_TDH), 1);
}

static void test_send_offloads(void **state)
{
	const uint32_t big = 20054;

	(void)state;
	rings_on(0);
	/* TCP: both sums by a context */
	bench_frame(&b, FRAME, 1000, 1);
	fakenic_ipv4(b.f->ram + FRAME, 1000, NETFRAME_PROTO_TCP, true);
	tx_pseudo(FRAME, 1000 - 34, 50);
	tx_context(0, 3u << 24 | RS, 0, 0, 0, 50);
	tx_desc(1, FRAME, DATA | 600, 3u << 8);
	tx_desc(2, FRAME + 600, DATA | EOP | RS | 400, 0);
	bench_store(&b, REG_TDT, 3);
	assert_int_equal(b.nic.nr_sent, 1);
	assert_true(fakenic_ipv4_ok(b.nic.sent[0].bytes, 1000));
	assert_true(tx_is_done(0) && tx_is_done(2));
	/* the context stays; UDP has its own; of a large send there is another */
	bench_frame(&b, FRAME, big, 2);
	fakenic_ipv4(b.f->ram + FRAME, big, NETFRAME_PROTO_TCP, false);
	tx_pseudo(FRAME, 0, 50);
	tx_context(3, 3u << 24 | TSE, big - 54, 54, 1000, 50);
	tx_desc(4, FRAME, DATA | TSE | 54, 3u << 8);
	tx_desc(5, FRAME + 54, DATA | TSE | 10000, 0);
	tx_desc(6, FRAME + 10054, DATA | TSE | EOP | RS | 10000, 0);
	bench_store(&b, REG_TDT, 7);
	assert_int_equal(b.nic.nr_sent, 21);
	for (unsigned i = 1; i < 21; i++) {
		assert_int_equal(b.nic.sent[i].len, 1054);
		assert_true(fakenic_ipv4_ok(b.nic.sent[i].bytes, 1054));
	}
	assert_int_equal(bench_load(&b, 0x40f8), 1);
	assert_int_equal(bench_load(&b, 0x4080), 21);
	assert_int_equal(bench_load(&b, 0x4090), 1004 + 20 * 1058);
	fakenic_clear(&b.nic);
	/* whole, to a port that takes it so, with a tag */
	b.nic.port.tso4 = true;
	bench_store(&b, REG_CTRL, 1u << 30);
	fakenic_ipv4(b.f->ram + FRAME, big, NETFRAME_PROTO_TCP, false);
	tx_desc(7, FRAME, DATA | TSE | VLE | EOP | big, 0x00050000 | 3u << 8);
	bench_store(&b, REG_TDT, 0);
	assert_int_equal(b.nic.nr_sent, 1);
	assert_int_equal(b.nic.sent[0].len, big + 4);
	assert_int_equal(b.nic.sent[0].meta.gso_size, 1000);
	assert_memory_equal(b.nic.sent[0].bytes + 12, "\x81\x00\x00\x05\x08\x00", 6);
	/* UDP by a context */
	bench_frame(&b, FRAME, 300, 3);
	fakenic_ipv4(b.f->ram + FRAME, 300, NETFRAME_PROTO_UDP, true);
	tx_pseudo(FRAME, 300 - 34, 40);
	tx_context(0, 2u << 24, 0, 0, 0, 40);
	tx_desc(1, FRAME, DATA | EOP | 300, 3u << 8);
	bench_store(&b, REG_TDT, 2);
	assert_true(fakenic_ipv4_ok(b.nic.sent[1].bytes, 300));
}

static void test_send_nonsense(void **state)
{
	(void)state;
	rings_on(0);
	bench_frame(&b, FRAME, 300, 3);
	/* no memory, longer than any packet, sums outside, no IP to cut, no payload */
	tx_desc(0, 0xffffff00, EOP | RS | 100, 0);
	tx_desc(1, 0, DATA | 0xfffff, 0);
	tx_desc(2, 0, DATA | EOP | RS | 0xfffff, 0);
	tx_desc(3, FRAME, EOP | 1u << 26 | 250u << 16 | 100, 250u << 8);
	tx_context(4, TSE, 100, 54, 0, 50);
	tx_desc(5, FRAME, DATA | TSE | EOP | 200, 0);
	tx_desc(6, FRAME, DATA | TSE | EOP | 13, 0);
	bench_store(&b, REG_TDT, 7);
	assert_int_equal(b.nic.nr_sent, 1);
	assert_true(tx_is_done(0) && tx_is_done(2));
	assert_int_equal(bench_load(&b, REG_TDH), 7);
	assert_int_equal(bench_load(&b, 0x40fc), 1);
	/* heads and tails beyond the ring, no ring */
	bench_store(&b, REG_TDT, 100);
	bench_store(&b, REG_TDT, 0xffff);
	bench_store(&b, REG_TDH, 0xffff);
	bench_store(&b, REG_TDT, 3);
	bench_store(&b, 0x3808, 0);
	bench_store(&b, REG_TDT, 0);
	assert_int_equal(b.nic.nr_sent, 1);
	/* the largest ring, one packet without an end; the card goes on, but not for ever
	 */
	for (unsigned i = 0; i < 4096; i++)
		tx_desc(i, FRAME, 1, 0);
	bench_store(&b, 0x3808, 4096 * 16);
	bench_store(&b, REG_TDH, 0);
	bench_store(&b, REG_TDT, 4095);
	assert_int_equal(bench_load(&b, REG_TDH), 256);
	fakepc_pass(b.f, NIC_AGAIN);
	assert_int_equal(bench_load(&b, REG_TDH), 512);
	fakepc_pass(b.f, PC_NS);
	/* what is left may have its end to come */
	assert_int_equal(bench_load(&b, REG_TDH), 15 * 256);
	assert_int_equal(b.f->alarm, 0);
	/* of large ones a turn has fewer */
	for (unsigned i = 0; i < 200; i++)
		tx_desc(i, FRAME, DATA | TSE | EOP | 0xffff, 0);
	bench_store(&b, REG_TDH, 0);
	bench_store(&b, REG_TDT, 200);
	assert_in_range(bench_load(&b, REG_TDH), 8, 32);
	fakepc_pass(b.f, PC_NS);
	assert_int_equal(bench_load(&b, REG_TDH), 200);
	/* a context in the middle has no bytes, and no end */
	rings_on(0);
	tx_desc(0, FRAME, DATA | 100, 0);
	tx_context(1, 1u << 24, 0xfffff, 0, 0, 0);
	tx_desc(2, FRAME + 100, DATA | EOP | 100, 0);
	bench_store(&b, REG_TDT, 3);
	assert_int_equal(b.nic.nr_sent, 2);
	assert_true(bench_is(b.nic.sent[1].bytes, NULL, 200, 3));
	/* a port that is full */
	b.nic.full = true;
	tx_desc(3, FRAME, EOP | 100, 0);
	bench_store(&b, REG_TDT, 4);
	fakepc_cycle(b.f, &e1000_pci(card)->dev);
	fakepc_pass(b.f, 5 * NIC_AGAIN);
	assert_int_equal(b.nic.nr_sent, 2);
	b.nic.full = false;
	fakepc_pass(b.f, NIC_AGAIN);
	assert_int_equal(b.nic.nr_sent, 3);
}

/* ---------------------------------------------------------------------- receiving */

static void test_receive(void **state)
{
	(void)state;
	rings_on(0);
	bench_store(&b, REG_RDT, 4);
	bench_arrive(&b, bench_mac, 1514, 1);
	assert_true(bench_line(&b));
	assert_int_equal(rx_length(0), 1518);
	assert_int_equal(rx_status(0), 0x07); /* no sums were asked for */
	assert_true(bench_is(rx_buf(0), bench_mac, 1514, 1));
	assert_int_equal(mem32(&b, BUFS + 1514), nic_fcs(rx_buf(0), 1514));
	assert_int_equal(bench_load(&b, REG_RDH), 1);
	/* half of them are left: a warning */
	assert_int_equal(bench_load(&b, REG_ICR), RXT0 | RXDMT0);
	/* no FCS; over several buffers; long frames */
	bench_store(&b, REG_RCTL, 0x0403802a); /* 256 bytes each */
	bench_arrive(&b, bench_mac, 600, 2);
	assert_int_equal(rx_length(1), 256);
	assert_int_equal(rx_status(1), 0x01);
	assert_int_equal(rx_length(3), 88);
	assert_int_equal(rx_status(3), 0x07);
	assert_int_equal(bench_load(&b, REG_RDH), 4);
	/* full: one waits until the tail moves */
	bench_load(&b, REG_ICR);
	bench_arrive(&b, bench_mac, 600, 3);
	assert_int_equal(fakenic_waiting(&b.nic), 1);
	bench_store(&b, REG_RDT, 6);
	assert_int_equal(fakenic_waiting(&b.nic), 1); /* three are needed */
	bench_store(&b, REG_RDT, 7);
	assert_int_equal(fakenic_waiting(&b.nic), 0);
	bench_load(&b, REG_ICR);
	bench_arrive(&b, bench_mac, 600, 3);
	fakepc_pass(b.f, NIC_WAIT + NIC_RETRY);
	assert_int_equal(bench_load(&b, REG_ICR), RXO);
	assert_int_equal(bench_load(&b, 0x4010), 1);
	/* 16 KiB at once; a null buffer takes nothing */
	rings_on(0x02010020);
	bench_store(&b, REG_RDT, 2);
	put64(&b, RX_RING + 16, 0);
	memset(b.f->ram, 0x5a, 64);
	bench_arrive(&b, bench_mac, 9014, 4);
	assert_int_equal(rx_length(0), 9018);
	assert_true(bench_is(rx_buf(0), bench_mac, 9014, 4));
	bench_arrive(&b, bench_mac, 60, 4);
	assert_int_equal(rx_status(1) & 3, 3);
	assert_int_equal(mem32(&b, 0), 0x5a5a5a5a);
	/* heads and tails beyond the ring: no room */
	bench_store(&b, REG_RDT, 0x8000);
	bench_arrive(&b, bench_mac, 60, 5);
	assert_int_equal(fakenic_waiting(&b.nic), 1);
	bench_store(&b, REG_RCTL, 0); /* off: it is lost */
	assert_int_equal(fakenic_waiting(&b.nic), 0);
}

static void test_receive_sums(void **state)
{
	uint8_t frame[300];
	struct netsum sum = { 0 };

	(void)state;
	rings_on(0);
	bench_store(&b, REG_RXCSUM, 0x300 | 14);
	bench_store(&b, REG_RDT, 7);
	fakenic_frame(frame, bench_mac, 300, 1);
	fakenic_ipv4(frame, 300, NETFRAME_PROTO_TCP, true);
	nic_sum_ip(frame, 300);
	nic_sum_l4(frame, 300, NETFRAME_PROTO_TCP);
	fakenic_put(&b.nic, frame, 300, false);
	assert_int_equal(rx_status(0), 0x63);
	assert_int_equal(rx_errors(0), 0);
	netsum_add(&sum, frame + 14, 286);
	assert_int_equal(mem16(&b, RX_RING + 10), (uint16_t)~netsum_end(&sum));
	frame[200] ^= 1;
	fakenic_put(&b.nic, frame, 300, false);
	assert_int_equal(rx_errors(1), 0x20);
	frame[22] ^= 1;
	fakenic_put(&b.nic, frame, 300, false);
	assert_int_equal(rx_errors(2), 0x60);
	fakenic_put(&b.nic, frame, 300, true); /* the port vouches for it */
	assert_int_equal(rx_errors(3), 0);
	bench_arrive(&b, bench_mac, 60, 1);
	assert_int_equal(rx_status(4), 0x07);
	/* a datagram without one */
	fakenic_ipv4(frame, 300, NETFRAME_PROTO_UDP, true);
	nic_sum_ip(frame, 300);
	fakenic_put(&b.nic, frame, 300, false);
	assert_int_equal(rx_status(5), 0x43);
}

/* Is a frame to `to` taken? */
static bool takes(const uint8_t *to)
{
	const uint32_t head = bench_load(&b, REG_RDH);
	bool took;

	bench_arrive(&b, to, 60, 1);
	took = bench_load(&b, REG_RDH) != head;
	bench_store(&b, REG_RDT, (bench_load(&b, REG_RDH) + NR - 1) % NR);
	return took;
}

static void test_filters(void **state)
{
	static const uint8_t group[6] = { 1, 0, 0x5e, 0, 0x12, 0x34 };
	static const uint8_t other[6] = { 2, 9, 9, 9, 9, 9 };
	static const uint16_t hash[4] = { 0x341, 0x682, 0xd04, 0x412 };

	(void)state;
	rings_on(0);
	bench_store(&b, REG_RDT, 7);
	assert_true(takes(bench_mac) && takes(NULL));
	assert_false(takes(other) || takes(group));
	bench_store(&b, REG_RCTL, 0x000a); /* UPE, no BAM */
	assert_true(takes(other));
	assert_false(takes(NULL) || takes(group));
	bench_store(&b, REG_RCTL, 0x0012); /* MPE */
	assert_true(takes(group) && takes(NULL));
	assert_false(takes(other));
	for (unsigned i = 0; i < 4; i++) {
		bench_store(&b, REG_RCTL, 0x8002 | i << 12);
		assert_false(takes(group));
		bench_store(&b, REG_MTA + hash[i] / 32 * 4, 1u << hash[i] % 32);
		assert_true(takes(group));
		assert_int_equal(rx_status((bench_load(&b, REG_RDH) + NR - 1) % NR),
				 0x87);
		bench_store(&b, REG_MTA + hash[i] / 32 * 4, 0);
	}
	/* a second address; one that is not valid */
	bench_store(&b, REG_RA + 8, 0x09090902);
	bench_store(&b, REG_RA + 12, 0x80000909);
	assert_true(takes(other));
	bench_store(&b, REG_RA + 12, 0x00000909);
	assert_false(takes(other));
}

static void tagged(uint16_t tci)
{
	uint8_t frame[100];

	fakenic_frame(frame, bench_mac, sizeof(frame), 1);
	netframe_put_be16(frame + 12, 0x8100);
	netframe_put_be16(frame + 14, tci);
	fakenic_put(&b.nic, frame, sizeof(frame), false);
}

static void test_vlans(void **state)
{
	(void)state;
	rings_on(0);
	bench_store(&b, REG_RDT, 7);
	tagged(0x2005);
	assert_int_equal(rx_length(0), 104);
	assert_int_equal(rx_status(0) & 8, 0);
	/* the tag goes beside it */
	bench_store(&b, REG_CTRL, 1u << 30);
	tagged(0x2005);
	assert_int_equal(rx_length(1), 100);
	assert_int_equal(rx_status(1) & 8, 8);
	assert_int_equal(rx_vlan(1), 0x2005);
	assert_int_equal(mem32(&b, BUFS + 0x4000 + 96), nic_fcs(rx_buf(1), 96));
	/* some VLANs alone */
	bench_store(&b, REG_RCTL, 0x48002);
	tagged(0x2005);
	assert_int_equal(bench_load(&b, REG_RDH), 2);
	bench_store(&b, REG_VFTA, 1u << 5);
	tagged(0x2005);
	assert_int_equal(bench_load(&b, REG_RDH), 3);
	bench_arrive(&b, bench_mac, 60, 1); /* untagged are not theirs */
	assert_int_equal(bench_load(&b, REG_RDH), 4);
	bench_store(&b, REG_RCTL, 0x1c8002);
	tagged(0x2005); /* CFI is asked for */
	assert_int_equal(bench_load(&b, REG_RDH), 4);
	tagged(0x3005);
	assert_int_equal(bench_load(&b, REG_RDH), 5);
}

static void test_loop(void **state)
{
	(void)state;
	rings_on(1u << 6);
	bench_store(&b, REG_RDT, 1);
	bench_frame(&b, FRAME, 100, 7);
	tx_desc(0, FRAME, EOP | 100, 0);
	tx_desc(1, FRAME, EOP | 100, 0);
	bench_arrive(&b, bench_mac, 60, 1);
	assert_int_equal(bench_load(&b, REG_RDH), 0);
	bench_store(&b, REG_TDT, 2);
	assert_int_equal(b.nic.nr_sent, 0);
	assert_int_equal(bench_load(&b, REG_RDH), 1);
	assert_true(bench_is(rx_buf(0), NULL, 100, 7));
	/* the second had no room */
	assert_int_equal(bench_load(&b, REG_ICR) & RXO, RXO);
	/* by the PHY */
	bench_store(&b, REG_RCTL, 0x8002);
	bench_store(&b, 0x20, 1u << 26 | 1u << 21 | 0x4140);
	bench_store(&b, REG_RDT, 2);
	tx_desc(2, FRAME, EOP | 100, 0);
	bench_store(&b, REG_TDT, 3);
	assert_int_equal(b.nic.nr_sent, 0);
	assert_int_equal(bench_load(&b, REG_RDH), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_send_legacy), T(test_send_offloads), T(test_send_nonsense),
		T(test_receive),     T(test_receive_sums),  T(test_filters),
		T(test_vlans),	     T(test_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
