/* SPDX-License-Identifier: MIT */
/* The RTL8139C+ under any guest: both kinds of rings, and what is between them. */
#include "backends/pc/rtl8139.h"
#include "tests/fuzz/nicguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nicguest g = { .ports = 256, .memory = 256, .mem_bar = 1 };
	struct rtl8139 *c;

	nicguest_open(&g);
	c = rtl8139_new(&g.b.f->bus, g.b.f->pci, BENCH_SLOT, &g.b.nic.port, bench_mac);
	must(c);
	g.dev = &rtl8139_pci(c)->dev;
	nicguest_run(&g, data, size);
	return 0;
}
