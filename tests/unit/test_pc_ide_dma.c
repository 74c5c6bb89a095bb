/* SPDX-License-Identifier: MIT */
/* IDE's bus master: tables of all shapes, those that are wrong, errors, stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/lib/idehost.h"

#define SECTOR	512u
#define SECTORS 8192u
#define AT	0x100000u /* in the guest's memory */

#define GOOD 0x50
#define BAD  0x51
#define BUSY 0x80

#define ACTIVE	  0x01
#define ERROR	  0x02
#define INTERRUPT 0x04

static struct idehost h;
static struct pcdev *dev;

static int setup(void **state)
{
	(void)state;
	idehost_open(&h);
	h.disk[2] = fakedisk_open(SECTORS * SECTOR);
	dev = TAILQ_LAST(&h.f->bus.devs, pcdevs);
	return ide_attach_disk(h.ide, 2, &h.disk[2]->d, "");
}

static int teardown(void **state)
{
	(void)state;
	idehost_close(&h);
	return 0;
}

static uint8_t *ram(uint32_t addr)
{
	return h.f->ram + addr;
}

static void assert_disk(const void *p, uint64_t lba, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i += 4) {
		uint32_t v;

		memcpy(&v, b + i, 4);
		assert_int_equal(v, (lba * SECTOR + i) / 4);
	}
}

/* It has ended well, and told so. */
static void assert_done(unsigned bm)
{
	assert_true(idehost_irq(&h, 2));
	assert_int_equal(idehost_bm_in(&h, 2, 2, 1), bm | INTERRUPT);
	idehost_bm_out(&h, 2, 0, 1, 0);
	assert_int_equal(idehost_in(&h, 2, 7), GOOD);
	assert_false(idehost_irq(&h, 2));
	idehost_bm_out(&h, 2, 2, 1, INTERRUPT);
	assert_int_equal(idehost_bm_in(&h, 2, 2, 1), 0);
}

static void test_registers(void **state)
{
	(void)state;
	idehost_bm_out(&h, 2, 4, 4, 0x12345677);
	assert_int_equal(idehost_bm_in(&h, 2, 4, 4), 0x12345674);
	idehost_bm_out(&h, 2, 5, 1, 0xaa);
	assert_int_equal(idehost_bm_in(&h, 2, 4, 2), 0xaa74);
	assert_int_equal(idehost_bm_in(&h, 0, 4, 4), 0);
	idehost_bm_out(&h, 2, 2, 1, 0x60);
	assert_int_equal(idehost_bm_in(&h, 2, 2, 1), 0x60);
	assert_int_equal(idehost_bm_in(&h, 2, 2, 2), 0x60);
	fakepc_cycle(h.f, dev);
	assert_int_equal(idehost_bm_in(&h, 2, 4, 4), 0x1234aa74);
}

static void test_read(void **state)
{
	const struct idehost_prd prd[] = { { AT, 4096 },
					   { AT + 0x10000, 1024 },
					   { AT + 0x20000, 0x10000 },
					   { AT + 0x40000, 60 * SECTOR - 0x1400 } };

	(void)state;
	idehost_table(&h, 2, prd, 4);
	idehost_command(&h, 2, 0xc8, 100, 128 + 60);
	assert_int_equal(idehost_alt(&h, 2), BUSY);
	assert_int_equal(h.disk[2]->reads, 0);
	idehost_start(&h, 2, true);
	assert_int_equal(idehost_bm_in(&h, 2, 2, 1), ACTIVE);
	idehost_settle(&h);
	assert_done(0);
	/* straight, at once */
	assert_int_equal(h.disk[2]->reads, 1);
	assert_disk(ram(AT), 100, 4096);
	assert_disk(ram(AT + 0x10000), 108, 1024);
	assert_disk(ram(AT + 0x20000), 110, 0x10000);
	assert_disk(ram(AT + 0x40000), 238, 50 * SECTOR);
}

/* Those whose regions cut sectors, at every even place, and small ones. */
static void test_cut(void **state)
{
	struct idehost_prd prd[600];
	unsigned n = 0, sum = 0;

	(void)state;
	for (unsigned len = 2; sum + len <= 40 * SECTOR; len += 2) {
		prd[n++] = (struct idehost_prd){ AT + sum, len };
		sum += len;
	}
	prd[n++] = (struct idehost_prd){ AT + sum, 40 * SECTOR - sum };
	idehost_table(&h, 2, prd, n);
	/* the bus master first */
	idehost_start(&h, 2, true);
	idehost_command(&h, 2, 0xc8, 7, 40);
	idehost_settle(&h);
	assert_done(0);
	assert_disk(ram(AT), 7, 40 * SECTOR);
	for (unsigned i = 0; i < 40 * SECTOR; i++)
		ram(AT)[i] = (uint8_t)(i * 5 + i / 300);
	idehost_table(&h, 2, prd, n);
	idehost_start(&h, 2, false);
	idehost_command(&h, 2, 0xca, 9, 40);
	idehost_settle(&h);
	assert_done(0);
	assert_memory_equal(h.disk[2]->bytes + 9 * SECTOR, ram(AT), 40 * SECTOR);
	/* not aligned, but for words */
	prd[0] = (struct idehost_prd){ AT + 0x20006, 3 * SECTOR };
	idehost_table(&h, 2, prd, 1);
	idehost_command(&h, 2, 0xc8, 1000, 3);
	idehost_start(&h, 2, true);
	idehost_settle(&h);
	assert_done(0);
	assert_disk(ram(AT + 0x20006), 1000, 3 * SECTOR);
}

static void test_large(void **state)
{
	struct idehost_prd prd[33];
	unsigned n = 0;

	(void)state;
	for (; n < 32; n++)
		prd[n] = (struct idehost_prd){ AT + n * 0x10000, 0 };
	idehost_table(&h, 2, prd, n);
	idehost_command_ext(&h, 2, 0x25, 64, 4096);
	idehost_start(&h, 2, true);
	idehost_settle(&h);
	assert_done(0);
	assert_int_equal(h.disk[2]->reads, 2);
	assert_disk(ram(AT), 64, 4096 * SECTOR);
	for (unsigned i = 0; i < 4096 * SECTOR; i++)
		ram(AT)[i] = (uint8_t)(i / 999);
	idehost_table(&h, 2, prd, n);
	idehost_command_ext(&h, 2, 0x35, 2000, 4096);
	idehost_start(&h, 2, false);
	idehost_settle(&h);
	assert_done(0);
	assert_memory_equal(h.disk[2]->bytes + 2000 * SECTOR, ram(AT), 4096 * SECTOR);
	/* with the cache off, it is flushed */
	idehost_out(&h, 2, 1, 0x82);
	idehost_command(&h, 2, 0xef, 0, 0);
	idehost_settle(&h);
	(void)idehost_in(&h, 2, 7);
	idehost_bm_out(&h, 2, 2, 1, INTERRUPT);
	n = h.disk[2]->flushes;
	idehost_table(&h, 2, prd, 1);
	idehost_command(&h, 2, 0xca, 0, 128);
	idehost_start(&h, 2, false);
	idehost_settle(&h);
	assert_done(0);
	assert_int_equal(h.disk[2]->flushes, n + 1);
}

/* The table is longer than the transfer, or shorter: then it goes on with another. */
static void test_length(void **state)
{
	struct idehost_prd prd[2] = { { AT, 4096 }, { AT + 0x10000, 4096 } };

	(void)state;
	idehost_table(&h, 2, prd, 2);
	idehost_command(&h, 2, 0xc8, 0, 4);
	idehost_start(&h, 2, true);
	idehost_settle(&h);
	assert_done(ACTIVE);
	assert_disk(ram(AT), 0, 4 * SECTOR);
	for (unsigned cut = 0; cut < 2; cut++) {
		const bool write = cut;

		prd[0].count = 4096 - 2 * cut;
		idehost_table(&h, 2, prd, 1);
		idehost_command(&h, 2, write ? 0xca : 0xc8, 20, 16);
		idehost_start(&h, 2, !write);
		idehost_settle(&h);
		assert_int_equal(idehost_bm_in(&h, 2, 2, 1), 0);
		assert_false(idehost_irq(&h, 2));
		assert_int_equal(idehost_alt(&h, 2), BUSY);
		fakepc_cycle(h.f, dev);
		assert_int_equal(idehost_alt(&h, 2), BUSY);
		prd[1].count = 4096 + 2 * cut;
		idehost_bm_out(&h, 2, 0, 1, 0);
		idehost_table(&h, 2, prd + 1, 1);
		idehost_start(&h, 2, !write);
		idehost_settle(&h);
		assert_done(0);
		if (!write) {
			assert_disk(ram(AT), 20, 4096);
			assert_disk(ram(AT + 0x10000), 28, 4096);
			memset(ram(AT), 0x77, 4094);
			memset(ram(AT + 0x10000), 0x78, 4098);
		}
	}
	assert_memory_equal(h.disk[2]->bytes + 20 * SECTOR, ram(AT), 4094);
	assert_memory_equal(h.disk[2]->bytes + 20 * SECTOR + 4094, ram(AT + 0x10000),
			    4098);
}

static void assert_fault(void)
{
	idehost_settle(&h);
	assert_true(idehost_irq(&h, 2));
	assert_int_equal(idehost_bm_in(&h, 2, 2, 1), ERROR | INTERRUPT);
	assert_int_equal(idehost_in(&h, 2, 7), BAD);
	assert_int_equal(idehost_in(&h, 2, 1), 0x84);
	idehost_bm_out(&h, 2, 0, 1, 0);
	idehost_bm_out(&h, 2, 2, 1, ERROR | INTERRUPT);
}

static void test_not_memory(void **state)
{
	const struct idehost_prd prd[] = { { AT, 4096 }, { FAKEPC_RAM - 512, 4096 } };

	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		idehost_table(&h, 2, prd + first, 2 - first);
		idehost_command(&h, 2, 0xc8, 20, 16);
		idehost_start(&h, 2, true);
		assert_fault();
		idehost_table(&h, 2, prd + first, 2 - first);
		idehost_command(&h, 2, 0xca, 20, 16);
		idehost_start(&h, 2, false);
		assert_fault();
	}
	/* the table itself */
	idehost_bm_out(&h, 2, 4, 4, 0xfffffffc);
	idehost_command(&h, 2, 0xc8, 20, 16);
	idehost_start(&h, 2, true);
	assert_fault();
	/* one without an end, round its 64 KiB: each entry two bytes */
	for (unsigned i = 0; i < 0x10000; i += 8) {
		const uint32_t entry[2] = { AT, 2 };

		memcpy(ram(0x20000 + i), entry, sizeof(entry));
	}
	idehost_bm_out(&h, 2, 4, 4, 0x2fff8);
	idehost_command(&h, 2, 0xc8, 20, 0);
	idehost_start(&h, 2, true);
	idehost_settle(&h);
	assert_done(ACTIVE);
	/* not bus master: it waits until it is */
	fakepc_pci_out(h.f, 1, 1, PCI_COMMAND, 2, PCI_CMD_IO);
	idehost_table(&h, 2, prd, 1);
	idehost_command(&h, 2, 0xc8, 20, 8);
	idehost_start(&h, 2, true);
	idehost_settle(&h);
	assert_int_equal(idehost_alt(&h, 2), BUSY);
	fakepc_pci_out(h.f, 1, 1, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MASTER);
	idehost_settle(&h);
	assert_done(0);
}

static void test_bad_sector(void **state)
{
	struct idehost_prd prd[2] = { { AT, 8192 }, { AT + 0x10000, 8192 } };

	(void)state;
	h.disk[2]->bad = 50;
	/* straight, and by way of the buffer */
	for (unsigned cut = 0; cut < 2; cut++) {
		prd[0].count -= 2 * cut;
		prd[1].count += 2 * cut;
		memset(ram(AT), 0, 0x20000);
		idehost_table(&h, 2, prd, 2);
		idehost_command(&h, 2, 0xc8, 30, 32);
		idehost_start(&h, 2, true);
		idehost_settle(&h);
		assert_true(idehost_irq(&h, 2));
		assert_int_equal(idehost_in(&h, 2, 7), BAD);
		assert_int_equal(idehost_in(&h, 2, 1), 0x40);
		assert_int_equal(idehost_in(&h, 2, 3), 50);
		idehost_bm_out(&h, 2, 0, 1, 0);
		assert_disk(ram(AT), 30, prd[0].count & ~3u);
		assert_disk(ram(AT + 0x10000 + 2 * cut), 46, 4 * SECTOR - 4);
		memset(ram(AT), 0x11 + (int)cut, 0x20000);
		idehost_table(&h, 2, prd, 2);
		idehost_command(&h, 2, 0xca, 30, 32);
		idehost_start(&h, 2, false);
		idehost_settle(&h);
		assert_int_equal(idehost_in(&h, 2, 7), BAD);
		assert_int_equal(idehost_in(&h, 2, 3), 50);
		idehost_bm_out(&h, 2, 0, 1, 0);
		assert_memory_equal(h.disk[2]->bytes + 30 * SECTOR, ram(AT),
				    prd[0].count);
		assert_memory_equal(h.disk[2]->bytes + 46 * SECTOR, ram(AT + 0x10000),
				    4 * SECTOR);
		assert_disk(h.disk[2]->bytes + 50 * SECTOR, 50, 512);
		for (uint32_t at = 30 * SECTOR; at < 62 * SECTOR; at += 4) {
			const uint32_t v = at / 4;

			memcpy(h.disk[2]->bytes + at, &v, 4);
		}
	}
}

static void test_stop(void **state)
{
	const struct idehost_prd prd[] = { { AT, 4096 } };

	(void)state;
	/* stopped in flight, reset: nothing comes any more */
	idehost_table(&h, 2, prd, 1);
	idehost_command(&h, 2, 0xc8, 0, 8);
	idehost_start(&h, 2, true);
	idehost_bm_out(&h, 2, 0, 1, 0);
	idehost_control(&h, 2, 4);
	idehost_control(&h, 2, 0);
	assert_int_equal(idehost_alt(&h, 2), BUSY);
	idehost_settle(&h);
	assert_int_equal(idehost_alt(&h, 2), GOOD);
	assert_false(idehost_irq(&h, 2));
	idehost_start(&h, 2, true);
	idehost_settle(&h);
	assert_int_equal(h.disk[2]->reads, 1);
	/* DMA asked for with PIO's words */
	idehost_bm_out(&h, 2, 0, 1, 0);
	idehost_command(&h, 2, 0xc8, 0, 8);
	assert_int_equal(fakepc_in(h.f, 0x170, 2), 0);
	fakepc_out(h.f, 0x170, 2, 0);
	idehost_start(&h, 2, true);
	idehost_settle(&h);
	assert_done(0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_registers), T(test_read),       T(test_cut),	   T(test_large),
		T(test_length),	   T(test_not_memory), T(test_bad_sector), T(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
