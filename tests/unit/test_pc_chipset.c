/* SPDX-License-Identifier: MIT */
/* Host bridge, ISA bridge, debug port and Xen's platform device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backends/pc/debugport.h"
#include "backends/pc/i440fx.h"
#include "backends/pc/piix3.h"
#include "backends/pc/xen_platform.h"
#include "tests/lib/fakepc.h"

#define XEN_SLOT 2

static struct fakepc *f;
static struct i440fx *host;
static struct piix3 *isa;
static struct debugport *debug;
static struct xen_platform *xen;

static uint8_t pam[I440FX_SEGMENTS]; /* 1: RAM is read, 2: RAM is written */
static unsigned pams, unplugs, unplugged, lines, routed;
static char line[256];

static void heard_pam(void *arg, unsigned segment, bool read_ram, bool write_ram)
{
	(void)arg;
	assert_true(segment < I440FX_SEGMENTS);
	pam[segment] = (uint8_t)(read_ram | write_ram << 1);
	pams++;
}

static void heard_line(void *arg, const char *text)
{
	(void)arg;
	assert_true(strlen(text) < sizeof(line));
	strcpy(line, text);
	lines++;
}

static void heard_unplug(void *arg, unsigned what)
{
	(void)arg;
	unplugs++;
	unplugged |= what;
}

static void heard_routed(void *arg, unsigned to)
{
	(void)arg;
	routed = to;
}

static int setup(void **state)
{
	static const struct xen_platform_ops ops = { heard_unplug, heard_line,
						     heard_routed };

	(void)state;
	memset(pam, 0, sizeof(pam));
	pams = unplugs = unplugged = lines = 0;
	f = fakepc_open(true);
	host = i440fx_new(f->pci, heard_pam, NULL);
	isa = piix3_new(f->pci);
	debug = debugport_new(&f->bus, heard_line, NULL);
	xen = xen_platform_new(&f->bus, f->pci, XEN_SLOT, &ops, NULL);
	/* each is there once */
	return host && isa && debug && xen && !i440fx_new(f->pci, heard_pam, NULL) &&
			       !piix3_new(f->pci) &&
			       !debugport_new(&f->bus, heard_line, NULL) &&
			       !xen_platform_new(&f->bus, f->pci, 3, &ops, NULL)
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static void test_pam(void **state)
{
	static const uint8_t regs[] = { 0x30, 0x31, 0x32, 0x13, 0x00, 0x11, 0x22 };
	static const uint8_t want[] = { 3, 1, 3, 2, 3, 3, 1, 0, 0, 1, 1, 2, 2 };
	uint32_t at, len, covered = 0;

	(void)state;
	assert_int_equal(fakepc_pci_in(f, 0, 0, PCI_VENDOR, 4), 0x12378086);
	assert_int_equal(fakepc_pci_in(f, 0, 0, PCI_SUBVENDOR, 4), 0x11001af4);
	assert_int_equal(fakepc_pci_in(f, 0, 0, PCI_REVISION, 4), 0x06000002);
	assert_int_equal(pams, 0);
	for (unsigned i = 0; i < sizeof(regs); i++)
		fakepc_pci_out(f, 0, 0, 0x59 + i, 1, regs[i]);
	assert_memory_equal(pam, want, sizeof(want));
	assert_int_equal(pams, 11);
	fakepc_pci_out(f, 0, 0, 0x59, 1, 0x30);
	assert_int_equal(pams, 11);
	fakepc_cycle(f, (struct pcdev *)host);
	assert_memory_equal(pam, want, sizeof(want));
	/* all at once; reserved bits are none */
	fakepc_pci_out(f, 0, 0, 0x58, 4, UINT32_MAX);
	fakepc_pci_out(f, 0, 0, 0x5c, 4, UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, 0, 0, 0x58, 4), 0x33333000);
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++) {
		assert_int_equal(pam[i], 3);
		at = i440fx_segment(i, &len);
		covered += len;
		assert_true(at >= 0xc0000 && at + len <= 0x100000);
	}
	assert_int_equal(covered, 0x40000);
	assert_int_equal(i440fx_segment(12, &len), 0xec000);
	fakepc_pci_out(f, 0, 0, 0x72, 1, 0xff);
	assert_int_equal(fakepc_pci_in(f, 0, 0, 0x72, 1), 0x7a);
	pcbus_reset(&f->bus);
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++)
		assert_int_equal(pam[i], 0);
}

static void test_routing(void **state)
{
	/* INTA# of slot 2 is PIRQB# */
	const unsigned reg = 0x61;

	(void)state;
	assert_int_equal(fakepc_pci_in(f, 1, 0, PCI_VENDOR, 4), 0x70008086);
	assert_int_equal(fakepc_pci_in(f, 1, 0, PCI_HEADER, 1), 0x80);
	assert_int_equal(fakepc_pci_in(f, 1, 0, 0x60, 4), 0x80808080);
	pci_irq((struct pcidev *)xen, true);
	for (unsigned i = 0; i < 16; i++)
		assert_false(f->line[i]);
	fakepc_pci_out(f, 1, 0, 0x60, 4, 0x0b0a0b05);
	assert_true(f->line[11]);
	assert_int_equal(routed, 11);
	fakepc_cycle(f, (struct pcdev *)isa);
	assert_true(f->line[11]);
	fakepc_cycle(f, (struct pcdev *)xen);
	assert_true(f->line[11]);
	fakepc_pci_out(f, 1, 0, reg, 1, 0x05);
	assert_false(f->line[11]);
	assert_true(f->line[5]);
	assert_int_equal(routed, 5);
	fakepc_pci_out(f, 1, 0, reg, 1, 0x8b);
	assert_false(f->line[5]);
	assert_int_equal(routed, 0);
	/* lines that it may not have */
	for (unsigned i = 0; i < 16; i++) {
		const bool may = i >= 3 && i != 8 && i != 13;

		fakepc_pci_out(f, 1, 0, reg, 1, i);
		assert_int_equal(f->line[i], may);
	}
	pcbus_reset(&f->bus);
	for (unsigned i = 0; i < 16; i++)
		assert_false(f->line[i]);
}

static void say(uint16_t port, const char *text)
{
	while (*text)
		fakepc_out(f, port, 1, (uint8_t)*text++);
}

static void test_debug(void **state)
{
	(void)state;
	assert_int_equal(fakepc_in(f, 0x402, 1), 0xe9);
	say(0x402, "hello \x1b[31m\xff\r\nwor");
	assert_string_equal(line, "hello ?[31m?");
	fakepc_cycle(f, (struct pcdev *)debug);
	say(0x402, "ld\n");
	assert_string_equal(line, "world");
	assert_int_equal(lines, 2);
	for (unsigned i = 0; i < 1000; i++)
		say(0x402, "x");
	assert_int_equal(lines, 2 + 6);
	assert_int_equal(strlen(line), 159);
}

static void test_xen(void **state)
{
	(void)state;
	assert_int_equal(fakepc_pci_in(f, XEN_SLOT, 0, PCI_VENDOR, 4), 0x00015853);
	assert_int_equal(fakepc_pci_in(f, XEN_SLOT, 0, PCI_REVISION, 4), 0xff800001);
	fakepc_pci_out(f, XEN_SLOT, 0, PCI_BAR0, 4, UINT32_MAX);
	fakepc_pci_out(f, XEN_SLOT, 0, PCI_BAR0 + 4, 4, UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, XEN_SLOT, 0, PCI_BAR0, 4), 0xffffff01);
	assert_int_equal(fakepc_pci_in(f, XEN_SLOT, 0, PCI_BAR0 + 4, 4), 0xff000000);
	fakepc_pci_out(f, XEN_SLOT, 0, PCI_BAR0, 4, 0xc000);
	fakepc_pci_out(f, XEN_SLOT, 0, PCI_COMMAND, 2, 3);
	fakepc_out(f, 0xc000, 4, 7);
	assert_int_equal(fakepc_in(f, 0xc000, 4), UINT32_MAX);
	assert_int_equal(fakepc_in(f, 0x10, 2), 0x49d2);
	assert_int_equal(fakepc_in(f, 0x12, 1), 1);
	assert_int_equal(fakepc_in(f, 0x10, 1), 0xff);
	fakepc_out(f, 0x12, 2, 3);
	fakepc_out(f, 0x10, 4, 0x12345);
	say(0x12, "driver\n");
	assert_string_equal(line, "driver");
	assert_int_equal(unplugs, 0);
	fakepc_out(f, 0x10, 2, 0xfff9);
	assert_int_equal(unplugged, XEN_UNPLUG_DISKS);
	fakepc_out(f, 0x10, 2, 0x3);
	assert_int_equal(unplugged, XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS);
	fakepc_out(f, 0x10, 2, 0x3);
	assert_int_equal(unplugs, 2);
	/* a state in which they are gone: they go */
	unplugged = 0;
	fakepc_cycle(f, (struct pcdev *)xen);
	assert_int_equal(unplugged, XEN_UNPLUG_DISKS | XEN_UNPLUG_NICS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_pam), T(test_routing), T(test_debug),
					    T(test_xen) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
