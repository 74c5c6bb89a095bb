/* SPDX-License-Identifier: MIT */
/* The 82540EM under any guest: rings of any size, contexts, registers that wait. */
#include "backends/pc/e1000.h"
#include "tests/fuzz/nicguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nicguest g = { .ports = 64, .memory = 128u << 10, .port_bar = 1 };
	struct e1000 *c;

	nicguest_open(&g);
	c = e1000_new(&g.b.f->bus, g.b.f->pci, BENCH_SLOT, &g.b.nic.port, bench_mac);
	must(c);
	g.dev = &e1000_pci(c)->dev;
	nicguest_run(&g, data, size);
	return 0;
}
