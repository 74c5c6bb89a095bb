/* SPDX-License-Identifier: MIT */
/* Power management as an ACPI system uses it: events, timer, off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/pc/fw_files.h"
#include "backends/pc/piix3.h"
#include "backends/pc/piix4pm.h"
#include "tests/lib/fakepc.h"

#define MS   1000000ull
#define BASE FW_PM_BASE

static struct fakepc *f;
static struct piix4pm *m;

static uint32_t config(unsigned at, unsigned size)
{
	return fakepc_pci_in(f, PIIX_SLOT, PIIX4PM_FUNCTION, at, size);
}

static void config_set(unsigned at, unsigned size, uint32_t value)
{
	fakepc_pci_out(f, PIIX_SLOT, PIIX4PM_FUNCTION, at, size, value);
}

/* As SeaBIOS does; and ACPI on */
static int setup(void **state)
{
	(void)state;
	f = fakepc_open(true);
	m = piix4pm_new(&f->bus, f->pci);
	if (!m || piix4pm_new(&f->bus, f->pci))
		return -1;
	config_set(0x40, 4, BASE | 1);
	config_set(0x80, 1, 1);
	fakepc_out(f, 0xb2, 1, FW_ACPI_ON);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static void test_config(void **state)
{
	(void)state;
	assert_int_equal(config(PCI_VENDOR, 4), 0x71138086);
	assert_int_equal(config(PCI_REVISION, 4), 0x06800003);
	assert_int_equal(config(PCI_LINE, 1), 9);
	assert_int_equal(config(0x58, 4), 1u << 25);
	assert_int_equal(config(0x40, 4), BASE | 1);
	assert_int_equal(fakepc_in(f, BASE + 4, 2), 1);
	config_set(0x40, 4, UINT32_MAX);
	assert_int_equal(config(0x40, 4), 0xffc1);
	assert_int_equal(fakepc_in(f, BASE + 4, 2), 0xffff);
	assert_int_equal(fakepc_in(f, 0xffc4, 2), 1);
	config_set(0x40, 4, 0xb000);
	assert_int_equal(fakepc_in(f, 0xb004, 2), 1);
	fakepc_cycle(f, (struct pcdev *)m);
	assert_int_equal(fakepc_in(f, 0xb004, 2), 1);
	config_set(0x80, 1, 0);
	assert_int_equal(fakepc_in(f, 0xb004, 2), 0xffff);
	/* where something else is */
	config_set(0x80, 1, 1);
	config_set(0x40, 4, 0xafc0);
	assert_int_equal(fakepc_in(f, 0xafc4, 2), 0xffff);
	assert_int_equal(fakepc_in(f, FW_GPE_BASE, 4), 0);
	config_set(0x40, 4, 0xb000);
	assert_int_equal(fakepc_in(f, 0xb004, 2), 1);
	pcbus_reset(&f->bus);
	assert_int_equal(fakepc_in(f, 0xb004, 2), 0xffff);
	assert_int_equal(config(0x40, 4), 1);
}

static uint32_t timer(void)
{
	return fakepc_in(f, BASE + 8, 4);
}

static void test_timer(void **state)
{
	uint32_t before = timer();

	(void)state;
	fakepc_pass(f, PC_NS);
	assert_int_equal(timer() - before, PIIX4PM_HZ);
	assert_int_equal(fakepc_in(f, BASE + 9, 1), timer() >> 8 & 0xff);
	assert_int_equal(fakepc_in(f, BASE + 10, 4), UINT32_MAX);
	/* 24 bits; exact after days */
	fakepc_pass(f, 100000 * PC_NS);
	assert_int_equal(timer(), (before + 100001ull * PIIX4PM_HZ) & 0xffffff);
	before = timer();
	fakepc_cycle(f, (struct pcdev *)m);
	assert_int_equal(timer(), before);
	/* the highest bit's changes, every 2.34 s */
	assert_int_equal(fakepc_in(f, BASE, 2), 1);
	fakepc_out(f, BASE, 2, 1);
	assert_int_equal(fakepc_in(f, BASE, 2), 0);
	fakepc_out(f, BASE + 2, 2, 1);
	for (unsigned i = 0; i < 20; i++) {
		const uint32_t half = timer() >> 23;

		assert_false(f->line[9]);
		assert_true(f->alarm);
		fakepc_pass(f, f->alarm - f->now);
		assert_true(f->line[9]);
		assert_int_equal(f->raised[9], i + 1);
		assert_int_not_equal(timer() >> 23, half);
		assert_int_equal(timer() & 0x7fffff, 0);
		assert_int_equal(f->alarm, 0);
		fakepc_out(f, BASE, 2, 1);
	}
}

static void test_button(void **state)
{
	(void)state;
	piix4pm_button(m);
	assert_false(f->line[9]);
	assert_int_equal(fakepc_in(f, BASE, 4), 0x100);
	fakepc_out(f, BASE + 2, 2, 0xffff);
	assert_int_equal(fakepc_in(f, BASE + 2, 2), 0x521);
	assert_true(f->line[9]);
	fakepc_cycle(f, (struct pcdev *)m);
	assert_true(f->line[9]);
	/* no SCI while ACPI is off */
	fakepc_out(f, 0xb2, 1, FW_ACPI_OFF);
	assert_false(f->line[9]);
	assert_int_equal(fakepc_in(f, BASE + 4, 2), 0);
	fakepc_out(f, BASE + 4, 2, 1);
	assert_true(f->line[9]);
	fakepc_out(f, BASE + 1, 1, 0x01);
	assert_false(f->line[9]);
	/* the status port is a memory */
	fakepc_out(f, 0xb3, 1, 0x77);
	assert_int_equal(fakepc_in(f, 0xb2, 2), 0x7700 | FW_ACPI_OFF);
}

static void test_gpe(void **state)
{
	(void)state;
	fakepc_out(f, FW_GPE_BASE, 4, UINT32_MAX);
	assert_int_equal(fakepc_in(f, FW_GPE_BASE, 4), 0xffff0000);
	fakepc_out(f, FW_GPE_BASE + 3, 1, 0x12);
	assert_int_equal(fakepc_in(f, FW_GPE_BASE + 2, 2), 0x12ff);
	assert_false(f->line[9]);
	fakepc_cycle(f, (struct pcdev *)m);
}

static void test_off(void **state)
{
	(void)state;
	fakepc_out(f, BASE + 4, 2, 0x2401);
	fakepc_out(f, BASE + 4, 2, 0x0001);
	assert_int_equal(f->poweroffs, 0);
	assert_int_equal(fakepc_in(f, BASE + 4, 2), 0x0001);
	fakepc_out(f, BASE + 4, 2, 0x2001);
	assert_int_equal(f->poweroffs, 1);
	fakepc_out(f, BASE + 5, 1, 0x20);
	assert_int_equal(f->poweroffs, 2);
	fakepc_out(f, BASE + 4, 1, 0x20);
	fakepc_out(f, BASE + 6, 4, 0x20202020);
	assert_int_equal(f->poweroffs, 2);
	assert_int_equal(fakepc_in(f, BASE + 4, 2) & 0x2000, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_config), T(test_timer), T(test_button),
					    T(test_gpe), T(test_off) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
