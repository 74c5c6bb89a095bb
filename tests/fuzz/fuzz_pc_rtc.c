/* SPDX-License-Identifier: MIT */
/* The clock under any guest: times that there are not, rates, alarms, bent states. */
#include "backends/pc/rtc.h"
#include "tests/fuzz/pcguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One register, by its index */
static void own(struct pcguest *g, unsigned op)
{
	fakepc_out(g->f, 0x70, 1, op < 16 ? op : op == 16 ? RTC_CENTURY : op);
	if (op & 32)
		fakepc_in(g->f, 0x71, 1);
	else
		fakepc_out(g->f, 0x71, 1, input_u8(&g->in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 0x70, 0x71, 0x72, 0x73 };
	struct fakepc *f = fakepc_open(false);
	struct pcguest g = { .f = f, .ports = ports, .nports = 4, .own = own };

	g.dev = (struct pcdev *)rtc_new(&f->bus, 1700000000, 3600);
	must(g.dev);
	pcguest_run(&g, data, size);
	return 0;
}
