/* SPDX-License-Identifier: MIT */
/* The PC's bus: configuration, base addresses that move, shared lines, timers, states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/lib/fakepc.h"

#define SLOT 3
#define LINE 11

struct toy {
	struct pcidev pci;
	uint64_t last;
};

static struct fakepc *f;
static struct toy toy[2];

static uint64_t toy_read(void *arg, uint64_t at, unsigned size)
{
	return ((struct toy *)arg)->last + at + size;
}

static void toy_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	((struct toy *)arg)->last = value + at + size;
}

static const struct io_ops toy_io = { toy_read, toy_write };

static void toy_reset(struct pcdev *d)
{
	pci_reset((struct pcidev *)d);
}

static size_t toy_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	return pci_save((struct pcidev *)d, buf, max);
}

static int toy_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	return len && pci_load((struct pcidev *)d, buf, len) == len ? 0 : -1;
}

static const struct pcdev_ops toy_ops = {
	.name = "toy", .reset = toy_reset, .save = toy_save, .load = toy_load
};

static int setup(void **state)
{
	const struct pci_id id = { .vendor = 0x1234,
				   .device = 0x5678,
				   .class = 0x020000,
				   .revision = 7,
				   .pin = 1 };

	(void)state;
	f = fakepc_open(true);
	memset(toy, 0, sizeof(toy));
	for (unsigned i = 0; i < 2; i++) {
		toy[i].pci.dev.ops = &toy_ops;
		/* four slots apart: the same line */
		if (pci_add(f->pci, &toy[i].pci, SLOT + 4 * i, 0, &id))
			return -1;
		pci_bar_set(&toy[i].pci, 0, true, 16, &toy_io, &toy[i]);
		pci_bar_set(&toy[i].pci, 1, false, 4096, &toy_io, &toy[i]);
	}
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
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_VENDOR, 4), 0x56781234);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_REVISION, 4), 0x02000007);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_DEVICE, 2), 0x5678);
	assert_int_equal(fakepc_pci_in(f, SLOT, 1, PCI_VENDOR, 4), UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, 31, 7, PCI_VENDOR, 4), UINT32_MAX);
	fakepc_pci_out(f, SLOT, 0, PCI_VENDOR, 4, 0);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_VENDOR, 4), 0x56781234);
	/* not enabled, another bus, accesses that cross */
	fakepc_out(f, 0xcf8, 4, SLOT << 11);
	assert_int_equal(fakepc_in(f, 0xcfc, 4), UINT32_MAX);
	fakepc_out(f, 0xcf8, 4, 1u << 31 | 1u << 16 | SLOT << 11);
	assert_int_equal(fakepc_in(f, 0xcfc, 4), UINT32_MAX);
	fakepc_out(f, 0xcf8, 4, 1u << 31 | SLOT << 11 | 0xfc);
	assert_int_equal(fakepc_in(f, 0xcfe, 4), UINT32_MAX);
	fakepc_out(f, 0xcfe, 4, UINT32_MAX);
	fakepc_out(f, 0xcf9, 1, 6);
	assert_int_equal(f->resets, 1);
}

static void test_bars(void **state)
{
	(void)state;
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_BAR0, 4), 0xfffffff1);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0 + 4, 4, UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_BAR0 + 4, 4), 0xfffff000);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0 + 8, 4, UINT32_MAX);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_BAR0 + 8, 4), 0);
	/* all ones, and on: nowhere */
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MEMORY);
	assert_int_equal(fakepc_in(f, 0xfff0, 2), 0xffff);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, 0xc000);
	fakepc_out(f, 0xc004, 1, 40);
	assert_int_equal(toy[0].last, 45);
	assert_int_equal(fakepc_in(f, 0xc000, 2), 47);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, 0xd000);
	assert_int_equal(fakepc_in(f, 0xc000, 2), 0xffff);
	assert_int_equal(fakepc_in(f, 0xd000, 2), 47);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0 + 4, 4, 0xe0000000);
	assert_int_equal(fakepc_load(f, 0xe0000008, 4), 45 + 8 + 4);
	/* where another is already: it stays; and comes when that goes */
	fakepc_pci_out(f, SLOT + 4, 0, PCI_COMMAND, 2, PCI_CMD_IO);
	fakepc_pci_out(f, SLOT + 4, 0, PCI_BAR0, 4, 0xd000);
	fakepc_out(f, 0xd000, 1, 1);
	assert_int_equal(toy[0].last, 2);
	assert_int_equal(toy[1].last, 0);
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, 0);
	assert_int_equal(fakepc_in(f, 0xd000, 1), 0xff);
	assert_int_equal(fakepc_load(f, 0xe0000008, 4), UINT32_MAX);
	/* not over the configuration ports */
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, PCI_CMD_IO);
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, 0xcf0);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_VENDOR, 4), 0x56781234);
	pci_remove(&toy[0].pci);
	assert_int_equal(fakepc_pci_in(f, SLOT, 0, PCI_VENDOR, 4), UINT32_MAX);
}

static void test_lines(void **state)
{
	/* INTA# of slot 3 is PIRQC# */
	const unsigned pirq = 2;

	(void)state;
	pci_irq(&toy[0].pci, true);
	assert_int_equal(f->raised[LINE], 0);
	pcibus_route(f->pci, pirq, LINE);
	assert_true(f->line[LINE]);
	pci_irq(&toy[1].pci, true);
	pci_irq(&toy[0].pci, false);
	assert_true(f->line[LINE]);
	pci_irq(&toy[1].pci, false);
	pci_irq(&toy[1].pci, false);
	assert_false(f->line[LINE]);
	pci_irq(&toy[1].pci, true);
	pcibus_route(f->pci, pirq, 5);
	assert_false(f->line[LINE]);
	assert_true(f->line[5]);
	/* interrupts off */
	fakepc_pci_out(f, SLOT + 4, 0, PCI_COMMAND, 2, PCI_CMD_INTX);
	assert_false(f->line[5]);
	pci_irq(&toy[1].pci, true);
	assert_false(f->line[5]);
}

static unsigned fired[3];

static void fire(void *arg)
{
	fired[*(unsigned *)arg]++;
}

static void test_timers(void **state)
{
	static unsigned number[3] = { 0, 1, 2 };
	struct pctimer t[3];

	(void)state;
	memset(fired, 0, sizeof(fired));
	for (unsigned i = 0; i < 3; i++)
		t[i] = (struct pctimer){ .fire = fire, .arg = &number[i] };
	pctimer_set(&f->bus, &t[1], f->now + 200);
	pctimer_set(&f->bus, &t[0], f->now + 100);
	pctimer_set(&f->bus, &t[2], f->now + 300);
	assert_int_equal(f->alarm, f->now + 100);
	fakepc_pass(f, 99);
	assert_int_equal(fired[0], 0);
	fakepc_pass(f, 1);
	assert_int_equal(fired[0], 1);
	pctimer_set(&f->bus, &t[1], f->now + 500);
	pctimer_stop(&f->bus, &t[2]);
	pctimer_stop(&f->bus, &t[2]);
	fakepc_pass(f, 499);
	assert_int_equal(fired[1] + fired[2], 0);
	fakepc_pass(f, 1);
	assert_int_equal(fired[1], 1);
	assert_int_equal(f->alarm, 0);
}

static void test_state(void **state)
{
	(void)state;
	fakepc_pci_out(f, SLOT, 0, PCI_BAR0, 4, 0xc000);
	fakepc_pci_out(f, SLOT, 0, PCI_COMMAND, 2, PCI_CMD_IO);
	pcibus_route(f->pci, 2, LINE);
	pci_irq(&toy[0].pci, true);
	fakepc_cycle(f, &toy[0].pci.dev);
	assert_true(f->line[LINE]);
	assert_int_not_equal(fakepc_in(f, 0xc000, 1), 0xff);
	fakepc_cycle(f, TAILQ_FIRST(&f->bus.devs));
}

static void test_memory(void **state)
{
	uint32_t v = 7;

	(void)state;
	assert_int_equal(pcbus_write(&f->bus, FAKEPC_RAM - 4, &v, 4), 0);
	v = 0;
	assert_int_equal(pcbus_read(&f->bus, FAKEPC_RAM - 4, &v, 4), 0);
	assert_int_equal(v, 7);
	assert_int_equal(pcbus_write(&f->bus, FAKEPC_RAM - 3, &v, 4), -14);
	assert_int_equal(pcbus_read(&f->bus, UINT64_MAX, &v, 4), -14);
	assert_int_equal(v, UINT32_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_config), T(test_bars),  T(test_lines),
		T(test_timers), T(test_state), T(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
