/* SPDX-License-Identifier: MIT */
/* The chipset under any configuration accesses: bridges, power management, debug port,
 * platform device. */
#include "backends/pc/debugport.h"
#include "backends/pc/i440fx.h"
#include "backends/pc/piix3.h"
#include "backends/pc/piix4pm.h"
#include "backends/pc/xen_platform.h"
#include "tests/fuzz/pcguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NR_DEVICES 5u

static struct pcdev *device[NR_DEVICES];
static unsigned gone;

static void heard_pam(void *arg, unsigned segment, bool read_ram, bool write_ram)
{
	(void)arg;
	(void)read_ram;
	(void)write_ram;
	must(segment < I440FX_SEGMENTS);
}

static void heard_line(void *arg, const char *text)
{
	(void)arg;
	must(strlen(text) < 160);
	for (; *text; text++)
		must(*text >= ' ' && *text < 0x7f);
}

static void heard_unplug(void *arg, unsigned what)
{
	(void)arg;
	must(what && what <= XEN_UNPLUG_ALL);
	gone |= what;
}

static void heard_routed(void *arg, unsigned line)
{
	(void)arg;
	must(line < 16);
}

static void own(struct pcguest *g, unsigned op)
{
	static const uint8_t slots[] = { 0, 1, 2, 3 };
	static const uint8_t functions[] = { 0, 3, 0, 7 };
	const unsigned slot = slots[op / 4 % 4], fn = functions[input_u8(&g->in) % 4];
	const unsigned size = 1u << input_u8(&g->in) % 3;

	switch (op % 4) {
	case 0:
	case 1:
		fakepc_pci_out(g->f, slot, fn, input_u8(&g->in), size, input_u32(&g->in));
		break;
	case 2:
		g->dev = device[op / 4 % NR_DEVICES];
		break;
	default:
		if (op & 4)
			piix4pm_button((struct piix4pm *)device[2]);
		else
			pci_irq((struct pcidev *)device[4], op & 8);
	}
	/* wherever power management is by now */
	fakepc_out(g->f, (uint16_t)(0x600 + op % 16), size, input_u8(&g->in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 0x10,	 0x12,	0xb2,	0xb3,  0x402, 0x600,
					  0x602, 0x604, 0x608,	0xcf8, 0xcfc, 0xcfe,
					  0xcf9, 0x605, 0xafe0, 0xafe2 };
	static const struct xen_platform_ops ops = { heard_unplug, heard_line,
						     heard_routed };
	struct fakepc *f = fakepc_open(true);
	struct pcguest g = { .f = f, .ports = ports, .nports = 16, .own = own };

	gone = 0;
	device[0] = (struct pcdev *)i440fx_new(f->pci, heard_pam, NULL);
	device[1] = (struct pcdev *)piix3_new(f->pci);
	device[2] = (struct pcdev *)piix4pm_new(&f->bus, f->pci);
	device[3] = (struct pcdev *)debugport_new(&f->bus, heard_line, NULL);
	device[4] = (struct pcdev *)xen_platform_new(&f->bus, f->pci, 2, &ops, NULL);
	for (unsigned i = 0; i < NR_DEVICES; i++)
		must(device[i]);
	/* as firmware leaves it */
	fakepc_pci_out(f, 1, 3, 0x40, 4, 0x600);
	fakepc_pci_out(f, 1, 3, 0x80, 1, 1);
	g.dev = device[2];
	pcguest_run(&g, data, size);
	return 0;
}
