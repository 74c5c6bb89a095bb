/* SPDX-License-Identifier: MIT */
/* The RTL8139C+'s rings of descriptors, and states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/pc/rtl8139.h"
#include "ringproto/netframe.h"
#include "tests/lib/nicbench.h"

#define RING	0x10000u
#define RX_DESC 0x12000u
#define BUFS	0x20000u
#define FRAME	0x40000u

#define CR_TE_RE 0x0c
#define ISR_ROK	 0x01
#define ISR_TOK	 0x04
#define ISR_TER	 0x08
#define ISR_OVW	 0x10
#define ISR_TDU	 0x80

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

/* ------------------------------------------------------------------ descriptors, C+ */

#define OWN (1u << 31)
#define EOR (1u << 30)
#define FS  (1u << 29)
#define LS  (1u << 28)

static void desc(uint32_t ring, unsigned i, uint32_t opts, uint32_t vlan, uint32_t addr)
{
	put32(&b, ring + 16 * i, opts);
	put32(&b, ring + 16 * i + 4, vlan);
	put64(&b, ring + 16 * i + 8, addr);
}

static void cp_on(uint16_t cpcr)
{
	bench_out(&b, 0xe0, 2, cpcr);
	bench_out(&b, 0xe4, 4, RX_DESC);
	bench_out(&b, 0xe8, 4, 0);
	bench_out(&b, 0x20, 4, RING);
	bench_out(&b, 0x24, 4, 0);
	bench_out(&b, 0x44, 4, 0x0e);
	bench_out(&b, 0x37, 1, CR_TE_RE);
	bench_out(&b, 0x3c, 2, 0xffff);
}

static void poll(void)
{
	bench_out(&b, 0xd9, 1, 0x40);
}

static void test_cp_send(void **state)
{
	(void)state;
	cp_on(3);
	bench_frame(&b, FRAME, 1000, 1);
	desc(RING, 0, OWN | FS | 600, 0, FRAME);
	poll();
	/* not whole yet */
	assert_int_equal(b.nic.nr_sent, 0);
	assert_int_equal(isr_take(), ISR_TDU);
	assert_int_equal(mem32(&b, RING), OWN | FS | 600);
	desc(RING, 1, OWN | LS | EOR | 400, 0, FRAME + 600);
	poll();
	assert_int_equal(b.nic.nr_sent, 1);
	assert_int_equal(b.nic.sent[0].len, 1000);
	assert_true(bench_is(b.nic.sent[0].bytes, NULL, 1000, 1));
	assert_int_equal(mem32(&b, RING), FS);
	assert_int_equal(mem32(&b, RING + 16), LS | EOR);
	assert_int_equal(isr_take(), ISR_TOK | ISR_TDU);
	/* round, with a tag, checksums */
	bench_frame(&b, FRAME, 1000, 2);
	fakenic_ipv4(b.f->ram + FRAME, 1000, NETFRAME_PROTO_UDP, true);
	desc(RING, 0, OWN | FS | LS | 6u << 16 | 1000, 1u << 17 | 0x3412, FRAME);
	poll();
	assert_int_equal(b.nic.sent[1].len, 1004);
	assert_memory_equal(b.nic.sent[1].bytes + 12, "\x81\x00\x12\x34\x08\x00", 6);
	assert_true(fakenic_ipv4_ok(b.nic.sent[1].bytes, 1004));
	fakenic_ipv4(b.f->ram + FRAME, 1000, NETFRAME_PROTO_TCP, true);
	desc(RING, 1, OWN | FS | LS | EOR | 5u << 16 | 1000, 0, FRAME);
	poll();
	assert_true(fakenic_ipv4_ok(b.nic.sent[2].bytes, 1000));
	fakenic_clear(&b.nic);
	/* a large one */
	bench_frame(&b, FRAME, 20054, 3);
	fakenic_ipv4(b.f->ram + FRAME, 20054, NETFRAME_PROTO_TCP, true);
	desc(RING, 0, OWN | FS | 1u << 27 | 1000u << 16 | 54, 0, FRAME);
	desc(RING, 1, OWN | LS | EOR | 20000, 0, FRAME + 54);
	poll();
	assert_int_equal(b.nic.nr_sent, 20);
	for (unsigned i = 0; i < 20; i++)
		assert_true(fakenic_ipv4_ok(b.nic.sent[i].bytes, 1054));
	/* high priority, its own ring */
	bench_out(&b, 0x28, 4, RING + 0x800);
	desc(RING + 0x800, 0, OWN | FS | LS | EOR | 64, 0, FRAME);
	bench_out(&b, 0xd9, 1, 0x80);
	assert_int_equal(b.nic.nr_sent, 21);
	/* to itself */
	fakenic_clear(&b.nic);
	isr_take();
	desc(RX_DESC, 0, OWN | EOR | 1536, 0, BUFS);
	bench_out(&b, 0x40, 4, 3u << 17);
	bench_frame(&b, FRAME, 50, 7);
	desc(RING, 0, OWN | FS | LS | EOR | 50, 0, FRAME);
	poll();
	assert_int_equal(b.nic.nr_sent, 0);
	bench_out(&b, 0x44, 4, 0x0e);
	assert_true(bench_is(b.f->ram + BUFS, NULL, 50, 7));
	assert_int_equal(isr_take() & (ISR_ROK | ISR_TOK), ISR_ROK | ISR_TOK);
}

static void test_cp_send_nonsense(void **state)
{
	(void)state;
	cp_on(3);
	/* a chain without an end */
	for (unsigned i = 0; i < 64; i++)
		desc(RING, i, OWN | (i ? 0 : FS) | 10, 0, FRAME);
	poll();
	assert_int_equal(b.nic.nr_sent, 0);
	assert_int_equal(isr_take() & ISR_TER, ISR_TER);
	for (unsigned i = 0; i < 64; i++)
		assert_false(mem32(&b, RING + 16 * i) & OWN);
	/* more than any frame, no first, no memory, less than a header */
	bench_out(&b, 0x20, 4, RING);
	for (unsigned i = 0; i < 3; i++)
		desc(RING, i, OWN | (i ? 0 : FS) | (i == 2 ? LS : 0) | 0xffff, 0, 0);
	desc(RING, 3, OWN | LS | 64, 0, FRAME);
	desc(RING, 4, OWN | FS | LS | 64, 0, 0xffffff00);
	desc(RING, 5, OWN | FS | LS | 13, 0, FRAME);
	desc(RING, 6, OWN | FS | LS | 1u << 27 | 1000, 0, FRAME);
	desc(RING, 7, OWN | FS | LS | EOR | 64, 0, FRAME);
	poll();
	assert_int_equal(b.nic.nr_sent, 1);
	assert_int_equal(mem32(&b, RING + 48), LS | 1u << 23);
	assert_int_equal(mem32(&b, RING + 16 * 7), FS | LS | EOR);
	/* a ring nowhere */
	bench_out(&b, 0x20, 4, 0xf0000000);
	poll();
	assert_int_equal(b.nic.nr_sent, 1);
	/* a ring that one turn does not end goes on later */
	bench_out(&b, 0x20, 4, RING);
	for (unsigned i = 0; i < 64; i++)
		desc(RING, i, OWN | FS | LS | 64, 0, FRAME);
	poll();
	assert_int_equal(b.nic.nr_sent, 65);
	desc(RING, 0, OWN | FS | LS | 64, 0, FRAME);
	fakepc_pass(b.f, NIC_AGAIN);
	assert_int_equal(b.nic.nr_sent, 66);
	fakepc_pass(b.f, PC_NS);
	assert_int_equal(b.f->alarm, 0);
}

static void test_cp_receive(void **state)
{
	uint8_t frame[300];
	uint32_t opts;

	(void)state;
	cp_on(3 | 0x60);
	/* nowhere to put it yet */
	bench_arrive(&b, bench_mac, 1514, 1);
	assert_int_equal(fakenic_waiting(&b.nic), 1);
	desc(RX_DESC, 0, OWN | 1536, 0, BUFS);
	desc(RX_DESC, 1, OWN | 128, 0, BUFS + 0x1000);
	desc(RX_DESC, 2, OWN | EOR | 1536, 0, BUFS + 0x2000);
	fakepc_pass(b.f, NIC_RETRY);
	assert_int_equal(mem32(&b, RX_DESC), FS | LS | 1u << 25 | 1518);
	assert_true(bench_is(b.f->ram + BUFS, bench_mac, 1514, 1));
	assert_true(bench_line(&b));
	assert_int_equal(isr_take(), ISR_ROK);
	/* over two buffers, with a tag and checksums that are looked at */
	fakenic_frame(frame, NULL, 300, 2);
	fakenic_ipv4(frame + 4, 296, NETFRAME_PROTO_TCP, true);
	nic_sum_ip(frame + 4, 296);
	memcpy(frame + 12, "\x81\x00\x12\x34\x08\x00", 6);
	nic_sum_l4(frame, 300, NETFRAME_PROTO_TCP);
	fakenic_put(&b.nic, frame, 300, false);
	opts = 1u << 24 | 1u << 16;
	assert_int_equal(mem32(&b, RX_DESC + 16), FS | opts | 128);
	assert_int_equal(mem32(&b, RX_DESC + 32), LS | EOR | opts | 300);
	assert_int_equal(mem32(&b, RX_DESC + 20), 1u << 16 | 0x3412);
	assert_memory_equal(b.f->ram + BUFS + 0x1000 + 12, frame + 16, 116);
	assert_memory_equal(b.f->ram + BUFS + 0x2000, frame + 132, 168);
	/* a bad one */
	desc(RX_DESC, 0, OWN | 1536, 0, BUFS);
	frame[100] ^= 1;
	memmove(frame + 12, frame + 16, 284);
	fakenic_put(&b.nic, frame, 296, false);
	assert_int_equal(mem32(&b, RX_DESC), FS | LS | opts | 1u << 13 | 300);
	/* too few buffers for it are none */
	desc(RX_DESC, 1, OWN | 128, 0, BUFS + 0x1000);
	desc(RX_DESC, 2, EOR, 0, 0);
	isr_take();
	bench_arrive(&b, bench_mac, 1000, 3);
	assert_int_equal(fakenic_waiting(&b.nic), 1);
	fakepc_pass(b.f, NIC_WAIT + NIC_RETRY);
	assert_int_equal(isr_take(), ISR_OVW);
	assert_int_equal(mem32(&b, RX_DESC + 16), OWN | 128);
	/* a ring of nothing but empty buffers ends */
	for (unsigned i = 0; i < 64; i++)
		desc(RX_DESC, i, OWN, 0, BUFS);
	bench_out(&b, 0xe4, 4, RX_DESC);
	bench_arrive(&b, bench_mac, 1000, 3);
	assert_int_equal(isr_take(), ISR_OVW);
	fakepc_cycle(b.f, &rtl8139_pci(card)->dev);
}

static void test_tally(void **state)
{
	(void)state;
	test_cp_receive(state);
	desc(RING, 0, OWN | FS | LS | EOR | 64, 0, FRAME);
	poll();
	memset(b.f->ram + BUFS, 0xee, 80);
	bench_out(&b, 0x14, 4, 0);
	bench_out(&b, 0x10, 4, BUFS | 8);
	assert_int_equal(bench_in(&b, 0x10, 4), BUFS);
	assert_int_equal(mem32(&b, BUFS), 1);	   /* sent */
	assert_int_equal(mem32(&b, BUFS + 8), 3);  /* received, */
	assert_int_equal(mem32(&b, BUFS + 40), 1); /* ours, */
	assert_int_equal(mem32(&b, BUFS + 48), 2); /* broadcast */
	assert_int_equal(mem32(&b, BUFS + 28), 2); /* missed */
	assert_int_equal(mem32(&b, BUFS + 64), 0xeeeeeeee);
}

static void test_states(void **state)
{
	struct pcdev *d = &rtl8139_pci(card)->dev;
	uint8_t buf[4096];
	size_t len;
	unsigned refused = 0;

	(void)state;
	cp_on(3);
	bench_arrive(&b, bench_mac, 60, 1);
	fakepc_cycle(b.f, d);
	len = d->ops->save(d, buf, sizeof(buf));
	assert_int_equal(d->ops->save(d, buf, len - 1), 0);
	/* whatever a file says: it is taken, and harmless, or refused */
	for (size_t i = 0; i < len; i++) {
		const uint8_t was = buf[i];

		buf[i] = 0xff;
		refused += d->ops->load(d, buf, len) < 0;
		bench_arrive(&b, bench_mac, 60, 1);
		poll();
		fakepc_pass(b.f, 10 * NIC_AGAIN);
		buf[i] = was;
	}
	assert_true(refused > 20);
	assert_int_equal(d->ops->load(d, buf, len), 0);
	/* reset: everything is off, the address is the EEPROM's */
	bench_out(&b, 0, 4, 0);
	d->ops->reset(d);
	assert_false(bench_line(&b));
	bench_place(&b, 0, 1);
	assert_int_equal(bench_in(&b, 0, 4), 0x12005452);
	assert_int_equal(bench_in(&b, 0x37, 1), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_cp_send), T(test_cp_send_nonsense), T(test_cp_receive),
		T(test_tally),	 T(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
