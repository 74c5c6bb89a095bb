/* SPDX-License-Identifier: MIT */
/* Two cards of one board over a switch: a large send of one is frames in the other's
 * ring, each on its own thread, as in a machine. */
#include "tests/lib/e1000drv.h"

#include <pthread.h>
#include <unistd.h>

#include "backends/net/drivers.h"
#include "backends/net/switch.h"
#include "backends/pc/nicport_net.h"
#include "backends/pc/rtl8139.h"
#include "backends/worker.h"

#define RTL_SLOT 4u
#define RTL_PIO	 0xd000u
#define RTL_RING 0x200000u
#define RING	 65536u
#define MSS	 1460u
#define HDR	 54u
#define BIG	 (HDR + 40 * MSS)
#define ROUNDS	 20

static const uint8_t rtl_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x57 };
static pthread_mutex_t board = PTHREAD_MUTEX_INITIALIZER;

static void board_lock(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&board);
}

static void board_unlock(void *arg)
{
	(void)arg;
	pthread_mutex_unlock(&board);
}

static struct {
	struct worker *worker;
	struct netdrv *dev[2];
	struct nicnet *net[2];
} net;

static int net_setup(void **state)
{
	const struct switch_params sp = { 0 };
	const uint8_t *mac[2] = { bench_mac, rtl_mac };
	char *why = NULL;

	(void)state;
	b.f = fakepc_open(true);
	if (worker_new(&net.worker, 0, -1) || worker_run(net.worker) ||
	    switch_create("nics", &sp, &why))
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		struct netdrv_params p = { .driver = "switch",
					   .target = "nics",
					   .queues = 1 };
		struct nicnet_config cfg = { .worker = net.worker,
					     .lock = board_lock,
					     .unlock = board_unlock };

		memcpy(p.mac, mac[i], 6);
		if (drv_switch.open(&p, &net.dev[i], &why))
			return -1;
		cfg.dev = net.dev[i];
		if (nicnet_new(&cfg, &net.net[i]))
			return -1;
	}
	board_lock(NULL);
	card = e1000_new(&b.f->bus, b.f->pci, BENCH_SLOT, nicnet_port(net.net[0]),
			 bench_mac);
	if (!rtl8139_new(&b.f->bus, b.f->pci, RTL_SLOT, nicnet_port(net.net[1]), rtl_mac))
		card = NULL;
	bench_place(&b, 1, 0);
	fakepc_pci_out(b.f, RTL_SLOT, 0, PCI_BAR0, 4, RTL_PIO);
	fakepc_pci_out(b.f, RTL_SLOT, 0, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MASTER);
	board_unlock(NULL);
	return card ? 0 : -1;
}

static int net_teardown(void **state)
{
	(void)state;
	board_lock(NULL);
	fakepc_close(b.f);
	board_unlock(NULL);
	for (unsigned i = 0; i < 2; i++) {
		nicnet_free(net.net[i]);
		drv_switch.close(net.dev[i]);
	}
	worker_free(net.worker);
	return switch_destroy("nics");
}

static void rtl_out(unsigned reg, unsigned size, uint32_t v)
{
	fakepc_out(b.f, (uint16_t)(RTL_PIO + reg), size, v);
}

static void large_send(void)
{
	uint8_t *frame = b.f->ram + FRAME;
	const unsigned at = bench_load(&b, REG_TDT);

	fakenic_frame(frame, rtl_mac, BIG, (uint8_t)at);
	memcpy(frame + 6, bench_mac, 6);
	fakenic_ipv4(frame, BIG, NETFRAME_PROTO_TCP, false);
	tx_context(at, 3u << 24 | TSE, BIG - HDR, HDR, MSS, 50);
	tx_desc((at + 1) % NR, FRAME, DATA | TSE | EOP | RS | BIG, 3u << 8);
	bench_store(&b, REG_TDT, (at + 2) % NR);
}

/* What stands in the ring, frame by frame; the sequence numbers say which of a large
 * one each is. Returns how many there were. */
static unsigned take(uint32_t *next)
{
	static uint8_t frame[2048];
	unsigned n = 0;

	for (; !(fakepc_in(b.f, RTL_PIO + 0x37, 1) & 1); n++) {
		const uint32_t at = (fakepc_in(b.f, RTL_PIO + 0x38, 2) + 16) % RING;
		const uint32_t len = mem32(&b, RTL_RING + at) >> 16;

		assert_int_equal(mem32(&b, RTL_RING + at) & 0xffff, 0x4001);
		assert_int_equal(len, HDR + MSS + 4);
		for (uint32_t i = 0; i < len; i++)
			frame[i] = b.f->ram[RTL_RING + (at + 4 + i) % RING];
		assert_true(fakenic_ipv4_ok(frame, len - 4));
		assert_int_equal(netframe_be16(frame + 40), *next * MSS & 0xffff);
		*next = (*next + 1) % 40;
		rtl_out(0x38, 2, ((at + 4 + len + 3) & ~3u) - 16);
	}
	return n;
}

static void test_large_over_a_switch(void **state)
{
	unsigned got = 0, sent = 0;
	uint32_t next = 0;

	(void)state;
	board_lock(NULL);
	rings_on(0);
	rtl_out(0x30, 4, RTL_RING);
	rtl_out(0x44, 4, 3u << 11 | 0x0a);
	rtl_out(0x37, 1, 0x0c);
	board_unlock(NULL);
	/* two on their way at a time: the switch's own room is bounded */
	for (unsigned i = 0; i < 10000 && got < ROUNDS * 40; i++) {
		board_lock(NULL);
		if (sent < ROUNDS && sent * 40 < got + 80) {
			large_send();
			sent++;
		}
		got += take(&next);
		board_unlock(NULL);
		usleep(1000);
	}
	assert_int_equal(got, ROUNDS * 40);
	board_lock(NULL);
	assert_int_equal(bench_load(&b, 0x40f8), ROUNDS);
	assert_int_equal(bench_load(&b, 0x40fc), 0);
	board_unlock(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_large_over_a_switch, net_setup,
						net_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
