/* SPDX-License-Identifier: MIT */
/* IDE disks: registers, PIO, errors, resets, states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/lib/idehost.h"

#define SECTOR	512u
#define SECTORS 8000u /* of the first disk */
#define BIG	(UINT64_C(1) << 40)

#define GOOD  0x50
#define READY 0x58
#define BAD   0x51

static struct idehost h;
static uint8_t buf[300 * SECTOR];

static int setup(void **state)
{
	(void)state;
	idehost_open(&h);
	h.disk[0] = fakedisk_open(SECTORS * SECTOR);
	h.disk[1] = fakedisk_open(BIG);
	if (ide_attach_disk(h.ide, 0, &h.disk[0]->d, "0123") ||
	    ide_attach_disk(h.ide, 1, &h.disk[1]->d, "ABC"))
		return -1;
	memset(buf, 0, sizeof(buf));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	idehost_close(&h);
	return 0;
}

/* The bytes are those of the disk from there on. */
static void assert_disk(const void *p, uint64_t lba, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i += 4) {
		uint32_t v;

		memcpy(&v, b + i, 4);
		assert_int_equal(v, (lba * SECTOR + i) % FAKEDISK_BYTES / 4);
	}
}

static void test_presence(void **state)
{
	(void)state;
	assert_int_equal(fakepc_pci_in(h.f, 1, 1, PCI_VENDOR, 4), 0x70108086);
	assert_int_equal(fakepc_pci_in(h.f, 1, 1, PCI_REVISION, 4), 0x01018000);
	/* a second one in the same place, a disk twice, a disk of other sectors */
	assert_null(ide_new(&h.f->bus, h.f->pci, 2, 0));
	assert_int_equal(ide_attach_disk(h.ide, 0, &h.disk[0]->d, ""), -17);
	h.disk[0]->d.info.sector_size = 4096;
	assert_int_equal(ide_attach_disk(h.ide, 3, &h.disk[0]->d, ""), -22);
	/* nothing on the secondary channel: it floats */
	assert_int_equal(idehost_in(&h, 2, 7), 0xff);
	assert_int_equal(idehost_alt(&h, 2), 0xff);
	assert_int_equal(fakepc_in(h.f, 0x170, 2), 0xffff);
	/* decoded as the configuration says */
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	fakepc_pci_out(h.f, 1, 1, 0x40, 2, 0);
	assert_int_equal(idehost_in(&h, 0, 7), 0xff);
	fakepc_pci_out(h.f, 1, 1, 0x40, 2, 0x8000);
	fakepc_pci_out(h.f, 1, 1, PCI_COMMAND, 2, 0);
	assert_int_equal(idehost_in(&h, 0, 7), 0xff);
	assert_int_equal(idehost_alt(&h, 0), 0xff);
}

static void test_reset(void **state)
{
	(void)state;
	for (unsigned i = 1; i < 6; i++)
		idehost_out(&h, 0, i, 0x55);
	assert_int_equal(idehost_in(&h, 0, 2), 0x55);
	idehost_out(&h, 0, 6, 0xb0);
	assert_int_equal(idehost_in(&h, 1, 6), 0xb0);
	assert_int_equal(idehost_in(&h, 1, 4), 0x55);
	idehost_control(&h, 0, 4);
	assert_int_equal(idehost_alt(&h, 0), 0x80);
	idehost_out(&h, 0, 2, 9); /* not while it is busy */
	idehost_control(&h, 0, 0);
	assert_int_equal(idehost_alt(&h, 0), GOOD);
	for (unsigned unit = 0; unit < 2; unit++) {
		idehost_out(&h, 0, 6, (uint8_t)(0xa0 | unit << 4));
		assert_int_equal(idehost_in(&h, 0, 1), 1);
		assert_int_equal(idehost_in(&h, 0, 2), 1);
		assert_int_equal(idehost_in(&h, 0, 3), 1);
		assert_int_equal(idehost_in(&h, 0, 4), 0);
		assert_int_equal(idehost_in(&h, 0, 5), 0);
	}
	assert_false(idehost_irq(&h, 0));
	/* the diagnostic, of both: drive 0 tells */
	idehost_out(&h, 0, 3, 7);
	idehost_out(&h, 0, 7, 0x90);
	assert_int_equal(idehost_in(&h, 0, 3), 1);
	assert_int_equal(idehost_in(&h, 0, 1), 1);
	assert_true(idehost_irq(&h, 0));
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	assert_false(idehost_irq(&h, 0));
}

static uint16_t word(unsigned n)
{
	return (uint16_t)(buf[2 * n] | buf[2 * n + 1] << 8);
}

static void test_identify(void **state)
{
	(void)state;
	idehost_command(&h, 0, 0xec, 0, 0);
	assert_true(idehost_irq(&h, 0));
	assert_int_equal(idehost_in(&h, 0, 7), READY);
	assert_int_equal(idehost_pio_in(&h, 0, buf, sizeof(buf)), SECTOR);
	assert_int_equal(idehost_alt(&h, 0), GOOD);
	assert_false(idehost_irq(&h, 0));
	assert_int_equal(word(1), SECTORS / (16 * 63));
	assert_int_equal(word(3) * word(6), 16 * 63);
	assert_memory_equal(buf + 20, "1032", 4);
	assert_memory_equal(buf + 54, "ATDNMEH RADDSI K", 16);
	assert_int_equal(word(60) | word(61) << 16, SECTORS);
	assert_int_equal(word(63), 0x0407);
	assert_int_equal(word(100), SECTORS);
	assert_int_equal(word(59), 0);
	/* the large one: LBA28 ends before */
	idehost_command(&h, 1, 0xec, 0, 0);
	assert_int_equal(idehost_pio_in(&h, 1, buf, sizeof(buf)), SECTOR);
	assert_int_equal(word(1), 16383);
	assert_int_equal(word(60) | word(61) << 16, 0x0fffffff);
	assert_int_equal(word(101), BIG / SECTOR >> 16);
}

static void test_settings(void **state)
{
	static const struct {
		uint8_t feature, count, status;
	} features[] = { { 3, 0x42, GOOD }, { 3, 0x0c, GOOD }, { 3, 0x43, BAD },
			 { 3, 0x10, BAD },  { 0xaa, 0, GOOD }, { 0x99, 0, BAD } };

	(void)state;
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		idehost_out(&h, 0, 1, features[i].feature);
		idehost_command(&h, 0, 0xef, 0, features[i].count);
		assert_int_equal(idehost_in(&h, 0, 7), features[i].status);
	}
	idehost_out(&h, 0, 1, 3);
	idehost_command(&h, 0, 0xef, 0, 0x41);
	idehost_command(&h, 0, 0xc6, 0, 8);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	idehost_command(&h, 0, 0xc6, 0, 7);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	idehost_command(&h, 0, 0xc6, 0, 32);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	idehost_command(&h, 0, 0xec, 0, 0);
	assert_int_equal(idehost_pio_in(&h, 0, buf, sizeof(buf)), SECTOR);
	assert_int_equal(word(59), 0x108);
	assert_int_equal(word(63), 0x0007);
	assert_int_equal(word(88), 0x0207);
	assert_true(word(85) & 0x20);
	/* power; what is not there */
	idehost_command(&h, 0, 0xe5, 0, 0);
	assert_int_equal(idehost_in(&h, 0, 2), 0xff);
	for (uint8_t c = 0xe0; c < 0xe4; c++) {
		idehost_command(&h, 0, c, 0, 0);
		assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	}
	idehost_command(&h, 0, 0x00, 0, 0);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	assert_int_equal(idehost_in(&h, 0, 1), 4);
	idehost_command(&h, 0, 0xa1, 0, 0);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
}

static void test_pio_read(void **state)
{
	unsigned raised;

	(void)state;
	idehost_command(&h, 0, 0x20, 5, 0); /* 256 */
	assert_int_equal(idehost_alt(&h, 0), 0x80);
	assert_false(idehost_irq(&h, 0));
	idehost_out(&h, 0, 2, 3); /* takes nothing while it is busy */
	idehost_settle(&h);
	assert_true(idehost_irq(&h, 0));
	raised = h.f->raised[14];
	for (unsigned i = 0; i < 256; i++) {
		assert_true(idehost_irq(&h, 0));
		assert_int_equal(idehost_in(&h, 0, 7), READY);
		assert_false(idehost_irq(&h, 0));
		assert_int_equal(idehost_pio_in(&h, 0, buf + i * SECTOR, SECTOR), SECTOR);
		idehost_settle(&h);
	}
	assert_int_equal(h.f->raised[14] - raised, 255);
	assert_int_equal(idehost_alt(&h, 0), GOOD);
	assert_int_equal(fakepc_in(h.f, 0x1f0, 2), 0);
	assert_disk(buf, 5, 256 * SECTOR);
	/* read ahead */
	assert_int_equal(h.disk[0]->reads, 8);
	/* blocks of 16; the last one is smaller. By 32 bits */
	idehost_command(&h, 0, 0xc4, 100, 40);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	idehost_command(&h, 0, 0xc6, 0, 16);
	(void)idehost_in(&h, 0, 7);
	raised = h.f->raised[14];
	idehost_command(&h, 0, 0xc4, 100, 40);
	for (unsigned i = 0; i < 40 * SECTOR; i += 4) {
		uint32_t v;

		idehost_settle(&h);
		if (idehost_irq(&h, 0))
			(void)idehost_in(&h, 0, 7);
		v = fakepc_in(h.f, 0x1f0, 4);
		memcpy(buf + i, &v, 4);
	}
	assert_disk(buf, 100, 40 * SECTOR);
	assert_int_equal(h.f->raised[14] - raised, 3);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
}

static void test_nien(void **state)
{
	(void)state;
	idehost_control(&h, 0, 2);
	idehost_command(&h, 0, 0x20, 0, 1);
	idehost_settle(&h);
	assert_int_equal(idehost_alt(&h, 0), READY);
	assert_false(idehost_irq(&h, 0));
	idehost_control(&h, 0, 0);
	assert_true(idehost_irq(&h, 0));
	/* the other drive's line is its own */
	idehost_out(&h, 0, 6, 0xf0);
	assert_false(idehost_irq(&h, 0));
	assert_int_equal(idehost_in(&h, 1, 7), GOOD);
	idehost_out(&h, 0, 6, 0xe0);
	assert_true(idehost_irq(&h, 0));
	/* and a command there ends what this one was at */
	idehost_command(&h, 1, 0xe5, 0, 0);
	idehost_out(&h, 0, 6, 0xe0);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
}

static void test_pio_write(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 70 * SECTOR; i++)
		buf[i] = (uint8_t)(i * 7 + i / SECTOR);
	idehost_command(&h, 0, 0x30, 1000, 70);
	assert_false(idehost_irq(&h, 0));
	assert_int_equal(idehost_pio_out(&h, 0, buf, sizeof(buf)), 70 * SECTOR);
	assert_true(idehost_irq(&h, 0));
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	assert_memory_equal(h.disk[0]->bytes + 1000 * SECTOR, buf, 70 * SECTOR);
	assert_int_equal(h.disk[0]->writes, 3);
	assert_int_equal(h.disk[0]->flushes, 0);
	idehost_command(&h, 0, 0xe7, 0, 0);
	assert_int_equal(idehost_alt(&h, 0), 0x80);
	idehost_settle(&h);
	assert_true(idehost_irq(&h, 0));
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	assert_int_equal(h.disk[0]->flushes, 1);
	/* without a cache: a flush with it */
	idehost_out(&h, 0, 1, 0x82);
	idehost_command(&h, 0, 0xef, 0, 0);
	idehost_settle(&h);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	assert_int_equal(h.disk[0]->flushes, 2);
	idehost_command(&h, 0, 0xc6, 0, 4);
	idehost_command(&h, 0, 0xc5, 0, 6);
	assert_int_equal(idehost_pio_out(&h, 0, buf, sizeof(buf)), 6 * SECTOR);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	assert_int_equal(h.disk[0]->flushes, 3);
	assert_memory_equal(h.disk[0]->bytes, buf, 6 * SECTOR);
	h.disk[0]->d.info.readonly = true;
	idehost_command(&h, 0, 0x30, 0, 1);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	assert_int_equal(idehost_in(&h, 0, 1), 4);
}

static void chs(unsigned c, unsigned head, unsigned s, unsigned n)
{
	idehost_out(&h, 0, 6, (uint8_t)(0xa0 | head));
	idehost_out(&h, 0, 2, (uint8_t)n);
	idehost_out(&h, 0, 3, (uint8_t)s);
	idehost_out(&h, 0, 4, (uint8_t)c);
	idehost_out(&h, 0, 5, (uint8_t)(c >> 8));
	idehost_out(&h, 0, 7, 0x20);
}

static void test_addresses(void **state)
{
	const uint64_t far = BIG / SECTOR - 3;

	(void)state;
	chs(2, 3, 4, 1);
	assert_int_equal(idehost_pio_in(&h, 0, buf, sizeof(buf)), SECTOR);
	assert_disk(buf, (2 * 16 + 3) * 63 + 3, SECTOR);
	chs(0, 0, 0, 1);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	assert_int_equal(idehost_in(&h, 0, 1), 0x10);
	chs(0, 0, 64, 1);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	/* another geometry */
	idehost_out(&h, 0, 6, 0xa3);
	idehost_out(&h, 0, 2, 17);
	idehost_out(&h, 0, 7, 0x91);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	chs(2, 3, 17, 1);
	assert_int_equal(idehost_pio_in(&h, 0, buf, sizeof(buf)), SECTOR);
	assert_disk(buf, (2 * 4 + 3) * 17 + 16, SECTOR);
	chs(2, 4, 1, 1);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	/* to the end and not beyond */
	idehost_command(&h, 0, 0x20, SECTORS - 2, 2);
	assert_int_equal(idehost_pio_in(&h, 0, buf, sizeof(buf)), 2 * SECTOR);
	idehost_command(&h, 0, 0x20, SECTORS - 2, 3);
	assert_int_equal(idehost_in(&h, 0, 1), 0x10);
	idehost_command(&h, 0, 0x20, SECTORS, 1);
	assert_int_equal(idehost_in(&h, 0, 1), 0x10);
	idehost_command(&h, 0, 0x70, SECTORS, 1);
	assert_int_equal(idehost_in(&h, 0, 1), 0x10);
	idehost_command(&h, 0, 0x70, SECTORS - 1, 1);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	/* 48 bits */
	idehost_command_ext(&h, 1, 0x24, far, 3);
	assert_int_equal(idehost_pio_in(&h, 1, buf, sizeof(buf)), 3 * SECTOR);
	assert_int_equal(h.disk[1]->last, far * SECTOR);
	assert_disk(buf, far, 3 * SECTOR);
	idehost_control(&h, 1, 0x80);
	assert_int_equal(idehost_in(&h, 1, 3), far >> 24 & 0xff);
	idehost_control(&h, 1, 0);
	assert_int_equal(idehost_in(&h, 1, 3), far & 0xff);
	idehost_command_ext(&h, 1, 0x24, far, 4);
	assert_int_equal(idehost_in(&h, 1, 1), 0x10);
	idehost_command_ext(&h, 1, 0x24, UINT64_C(0xffffffffffff), 1);
	assert_int_equal(idehost_in(&h, 1, 1), 0x10);
}

static void test_verify(void **state)
{
	(void)state;
	idehost_command_ext(&h, 0, 0x42, 0, 2000);
	idehost_settle(&h);
	assert_int_equal(idehost_in(&h, 0, 7), GOOD);
	assert_int_equal(h.disk[0]->reads, (2000 + 31) / 32);
	h.disk[0]->bad = 77;
	idehost_command(&h, 0, 0x40, 70, 10);
	idehost_settle(&h);
	assert_true(idehost_irq(&h, 0));
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	assert_int_equal(idehost_in(&h, 0, 1), 0x40);
	assert_int_equal(idehost_in(&h, 0, 3), 77);
}

static void test_bad_sector(void **state)
{
	(void)state;
	h.disk[0]->bad = 0x12345 % SECTORS;
	/* all before it is good */
	idehost_command(&h, 0, 0x20, (uint32_t)h.disk[0]->bad - 40, 60);
	assert_int_equal(idehost_pio_in(&h, 0, buf, sizeof(buf)), 40 * SECTOR);
	assert_disk(buf, h.disk[0]->bad - 40, 40 * SECTOR);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	assert_int_equal(idehost_in(&h, 0, 1), 0x40);
	assert_int_equal(idehost_in(&h, 0, 3) | idehost_in(&h, 0, 4) << 8,
			 h.disk[0]->bad);
	/* by cylinder, head, sector */
	h.disk[0]->bad = (1 * 16 + 2) * 63 + 9;
	chs(1, 2, 4, 20);
	assert_int_equal(idehost_pio_in(&h, 0, buf, sizeof(buf)), 6 * SECTOR);
	assert_int_equal(idehost_in(&h, 0, 3), 10);
	assert_int_equal(idehost_in(&h, 0, 4), 1);
	assert_int_equal(idehost_in(&h, 0, 6), 0xa2);
	/* a write */
	h.disk[0]->bad = 20;
	memset(buf, 0x5a, 30 * SECTOR);
	idehost_command(&h, 0, 0x30, 10, 30);
	assert_int_equal(idehost_pio_out(&h, 0, buf, sizeof(buf)), 30 * SECTOR);
	assert_int_equal(idehost_in(&h, 0, 7), BAD);
	assert_int_equal(idehost_in(&h, 0, 1), 0x10);
	assert_int_equal(idehost_in(&h, 0, 3), 20);
	assert_memory_equal(h.disk[0]->bytes + 10 * SECTOR, buf, 10 * SECTOR);
	assert_disk(h.disk[0]->bytes + 20 * SECTOR, 20, SECTOR);
}

static void test_reset_in_flight(void **state)
{
	(void)state;
	idehost_command(&h, 0, 0x20, 0, 1);
	idehost_control(&h, 0, 4);
	idehost_control(&h, 0, 0);
	/* it is there again once the disk has ended what it does */
	assert_int_equal(idehost_alt(&h, 0), 0x80);
	idehost_command(&h, 0, 0xec, 0, 0);
	assert_false(h.ide && TAILQ_LAST(&h.f->bus.devs, pcdevs)
				      ->ops->quiesce(TAILQ_LAST(&h.f->bus.devs, pcdevs)));
	idehost_settle(&h);
	assert_int_equal(idehost_alt(&h, 0), GOOD);
	assert_false(idehost_irq(&h, 0));
	assert_int_equal(idehost_pio_in(&h, 0, buf, SECTOR), 0);
	/* the machine's */
	idehost_command(&h, 0, 0x20, 0, 1);
	pcbus_reset(&h.f->bus);
	assert_int_equal(idehost_alt(&h, 0), 0xff);
	fakepc_pci_out(h.f, 1, 1, 0x40, 2, 0x8000);
	fakepc_pci_out(h.f, 1, 1, PCI_COMMAND, 2, PCI_CMD_IO);
	assert_int_equal(idehost_alt(&h, 0), 0x80);
	idehost_settle(&h);
	assert_int_equal(idehost_alt(&h, 0), GOOD);
}

static void test_unplug(void **state)
{
	(void)state;
	idehost_command(&h, 0, 0x20, 0, 1);
	ide_unplug_disks(h.ide, 0);
	assert_int_equal(idehost_alt(&h, 0), 0xff);
	idehost_settle(&h);
	assert_int_equal(idehost_alt(&h, 0), 0xff);
	idehost_command(&h, 0, 0x20, 0, 1);
	idehost_command(&h, 0, 0x90, 0, 1);
	assert_false(idehost_irq(&h, 0));
	assert_int_equal(h.disk[0]->reads, 1);
	fakepc_cycle(h.f, TAILQ_LAST(&h.f->bus.devs, pcdevs));
	assert_int_equal(idehost_alt(&h, 0), 0xff);
	pcbus_reset(&h.f->bus);
	fakepc_pci_out(h.f, 1, 1, 0x40, 2, 0x8000);
	fakepc_pci_out(h.f, 1, 1, PCI_COMMAND, 2, PCI_CMD_IO);
	assert_int_equal(idehost_alt(&h, 0), GOOD);
}

static void test_state(void **state)
{
	struct pcdev *d = TAILQ_LAST(&h.f->bus.devs, pcdevs);

	(void)state;
	fakepc_cycle(h.f, d);
	/* in the middle of a block of a read, and of a write */
	idehost_command(&h, 1, 0x20, 10, 50);
	assert_int_equal(idehost_pio_in(&h, 1, buf, 700), 700);
	assert_true(fakepc_cycle(h.f, d) > 16384);
	assert_int_equal(idehost_pio_in(&h, 1, buf + 700, sizeof(buf) - 700),
			 50 * SECTOR - 700);
	assert_disk(buf, 10, 50 * SECTOR);
	memset(buf, 0x33, sizeof(buf));
	idehost_command(&h, 1, 0x30, 10, 50);
	assert_int_equal(idehost_pio_out(&h, 1, buf, 20000), 20000);
	fakepc_cycle(h.f, d);
	assert_int_equal(idehost_pio_out(&h, 1, buf, sizeof(buf)), 50 * SECTOR - 20000);
	assert_int_equal(idehost_in(&h, 1, 7), GOOD);
	assert_memory_equal(h.disk[1]->bytes + 10 * SECTOR, buf, 50 * SECTOR);
	/* with the line up */
	idehost_command(&h, 0, 0xe5, 0, 0);
	assert_true(idehost_irq(&h, 0));
	fakepc_cycle(h.f, d);
	assert_true(idehost_irq(&h, 0));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_presence),   T(test_reset),	     T(test_identify),
		T(test_settings),   T(test_pio_read),	     T(test_nien),
		T(test_pio_write),  T(test_addresses),	     T(test_verify),
		T(test_bad_sector), T(test_reset_in_flight), T(test_unplug),
		T(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
