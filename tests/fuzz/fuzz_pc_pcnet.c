/* SPDX-License-Identifier: MIT */
/* The PCnet-PCI II under any guest: both accesses, each style of rings, lengths as it
 * likes. */
#include "backends/pc/pcnet.h"
#include "tests/fuzz/nicguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nicguest g = { .ports = 32, .memory = 32, .mem_bar = 1 };
	struct pcnet *c;

	nicguest_open(&g);
	c = pcnet_new(&g.b.f->bus, g.b.f->pci, BENCH_SLOT, &g.b.nic.port, bench_mac);
	must(c);
	g.dev = &pcnet_pci(c)->dev;
	nicguest_run(&g, data, size);
	return 0;
}
