/* SPDX-License-Identifier: MIT */
/* A CD-ROM drive: packets, answers, reading by PIO and DMA, media that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/lib/idehost.h"

#define UNIT	3u
#define CD	2048u
#define SECTORS 1000u
#define DVD	(UINT64_C(2000000) * CD / FAKEDISK_BYTES * FAKEDISK_BYTES)
#define AT	0x100000u

#define GOOD 0x50
#define BAD  0x51
#define DRQ  0x08

static struct idehost h;
static struct pcdev *dev;
static uint8_t buf[300 * CD];

static int setup(void **state)
{
	(void)state;
	idehost_open(&h);
	dev = TAILQ_LAST(&h.f->bus.devs, pcdevs);
	h.disk[0] = fakedisk_open(SECTORS * CD);
	h.disk[1] = fakedisk_open(DVD);
	memset(buf, 0, sizeof(buf));
	return ide_attach_cdrom(h.ide, UNIT, &h.disk[0]->d);
}

static int teardown(void **state)
{
	(void)state;
	idehost_close(&h);
	return 0;
}

static void send(const uint8_t *packet, unsigned limit, bool dma)
{
	idehost_settle(&h);
	idehost_out(&h, UNIT, 6, 0xb0);
	idehost_out(&h, UNIT, 1, dma);
	idehost_out(&h, UNIT, 4, (uint8_t)limit);
	idehost_out(&h, UNIT, 5, (uint8_t)(limit >> 8));
	idehost_out(&h, UNIT, 7, 0xa0);
	assert_int_equal(idehost_alt(&h, UNIT), GOOD | DRQ);
	assert_int_equal(idehost_in(&h, UNIT, 2), 1);
	assert_false(idehost_irq(&h, UNIT));
	assert_int_equal(idehost_pio_out(&h, UNIT, packet, 12), 12);
	idehost_settle(&h);
}

/*
 * A packet command by PIO, until its status. Returns how many bytes came; *error is its
 * error register, 0 if it went well.
 */
static unsigned packet(const uint8_t *p, unsigned limit, uint8_t *error)
{
	unsigned n = 0;

	send(p, limit, false);
	for (;;) {
		uint8_t status;
		unsigned len;

		assert_true(idehost_irq(&h, UNIT));
		status = idehost_in(&h, UNIT, 7);
		assert_false(idehost_irq(&h, UNIT));
		if (!(status & DRQ)) {
			assert_int_equal(idehost_in(&h, UNIT, 2), 3);
			*error = status & 1 ? idehost_in(&h, UNIT, 1) : 0;
			return n;
		}
		assert_int_equal(idehost_in(&h, UNIT, 2), 2);
		len = idehost_in(&h, UNIT, 4) | (unsigned)idehost_in(&h, UNIT, 5) << 8;
		assert_true(len && len <= limit);
		assert_int_equal(idehost_pio_in(&h, UNIT, buf + n, len), len);
		n += len;
		idehost_settle(&h);
	}
}

#define P(...) ((const uint8_t[12]){ __VA_ARGS__ })

static unsigned good(const uint8_t *p)
{
	uint8_t error;
	unsigned n = packet(p, 0xfffe, &error);

	assert_int_equal(error, 0);
	return n;
}

/* It fails, and the sense data say so. */
static void bad(const uint8_t *p, uint8_t key, uint8_t asc, uint8_t ascq)
{
	uint8_t error;

	packet(p, 0xfffe, &error);
	assert_int_equal(error >> 4, key);
	assert_int_equal(good(P(3, 0, 0, 0, 18)), 18);
	assert_int_equal(buf[0] & 0x7f, 0x70);
	assert_int_equal(buf[2], key);
	assert_int_equal(buf[12], asc);
	assert_int_equal(buf[13], ascq);
}

/* After power on. */
static void attention(void)
{
	bad(P(0), 6, 0x29, 0);
	assert_int_equal(good(P(0)), 0);
}

static void assert_cd(const void *p, uint64_t lba, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i += 4) {
		uint32_t v;

		memcpy(&v, b + i, 4);
		assert_int_equal(v, (lba * CD + i) % FAKEDISK_BYTES / 4);
	}
}

static void test_identify(void **state)
{
	(void)state;
	assert_int_equal(ide_attach_cdrom(h.ide, UNIT, NULL), -EEXIST);
	idehost_control(&h, UNIT, 4);
	idehost_control(&h, UNIT, 0);
	idehost_out(&h, UNIT, 6, 0xb0);
	assert_int_equal(idehost_in(&h, UNIT, 4), 0x14);
	assert_int_equal(idehost_in(&h, UNIT, 5), 0xeb);
	assert_int_equal(idehost_in(&h, UNIT, 7), 0);
	/* the disk's command says what it is */
	idehost_command(&h, UNIT, 0xec, 0, 0);
	assert_int_equal(idehost_in(&h, UNIT, 7), BAD);
	assert_int_equal(idehost_in(&h, UNIT, 1), 4);
	assert_int_equal(idehost_in(&h, UNIT, 4), 0x14);
	assert_int_equal(idehost_in(&h, UNIT, 5), 0xeb);
	idehost_command(&h, UNIT, 0xa1, 0, 0);
	assert_true(idehost_irq(&h, UNIT));
	assert_int_equal(idehost_in(&h, UNIT, 7), GOOD | DRQ);
	assert_int_equal(idehost_pio_in(&h, UNIT, buf, sizeof(buf)), 512);
	assert_false(idehost_irq(&h, UNIT));
	assert_int_equal(buf[0] | buf[1] << 8, 0x85c0);
	assert_memory_equal(buf + 54, "ATDNMED DVR-MO", 14);
	idehost_out(&h, UNIT, 1, 3);
	idehost_command(&h, UNIT, 0xef, 0, 0x22);
	assert_int_equal(idehost_in(&h, UNIT, 7), GOOD);
	idehost_out(&h, UNIT, 1, 2); /* no write cache */
	idehost_command(&h, UNIT, 0xef, 0, 0);
	assert_int_equal(idehost_in(&h, UNIT, 7), BAD);
	idehost_command(&h, UNIT, 0xe5, 0, 0);
	assert_int_equal(idehost_in(&h, UNIT, 2), 0xff);
	idehost_command(&h, UNIT, 0x25, 0, 0);
	assert_int_equal(idehost_in(&h, UNIT, 7), BAD);
	/* its neighbour is not there */
	idehost_out(&h, UNIT, 6, 0xa0);
	assert_int_equal(idehost_in(&h, UNIT, 7), 0);
}

static void test_attention(void **state)
{
	(void)state;
	/* these do not mind */
	assert_int_equal(good(P(0x12, 0, 0, 0, 36)), 36);
	assert_int_equal(buf[0], 5);
	assert_int_equal(buf[1], 0x80);
	assert_memory_equal(buf + 8, "TANDEM  DVD-ROM ", 16);
	assert_int_equal(good(P(0x12, 0, 0, 0, 5)), 5);
	assert_int_equal(good(P(0x12, 0, 0, 0, 0)), 0);
	attention();
	bad(P(0xff), 5, 0x20, 0);
	bad(P(0x12, 1, 0x80, 0, 36), 5, 0x24, 0);
	/* sense data are told once */
	good(P(3, 0, 0, 0, 18));
	assert_int_equal(buf[2], 0);
	/* and tell of the attention before another command does */
	pcbus_reset(&h.f->bus);
	fakepc_pci_out(h.f, 1, 1, 0x40, 4, 0x80008000u);
	fakepc_pci_out(h.f, 1, 1, PCI_COMMAND, 2, PCI_CMD_IO | PCI_CMD_MASTER);
	good(P(3, 0, 0, 0, 18));
	assert_int_equal(buf[2], 6);
	assert_int_equal(buf[12], 0x29);
	good(P(0));
}

static void test_answers(void **state)
{
	(void)state;
	attention();
	assert_int_equal(good(P(0x25)), 8);
	assert_memory_equal(buf, ((uint8_t[]){ 0, 0, 3, 0xe7, 0, 0, 8, 0 }), 8);
	/* the table of contents */
	assert_int_equal(good(P(0x43, 0, 0, 0, 0, 0, 0, 1, 0)), 20);
	assert_memory_equal(buf,
			    ((uint8_t[]){ 0, 18, 1, 1,	  0,	0x14, 1, 0, 0, 0,
					  0, 0,	 0, 0x14, 0xaa, 0,    0, 0, 3, 0xe8 }),
			    20);
	assert_int_equal(good(P(0x43, 2, 0, 0, 0, 0, 0xaa, 1, 0)), 12);
	assert_memory_equal(buf,
			    ((uint8_t[]){ 0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, 15, 25 }),
			    12);
	assert_int_equal(good(P(0x43, 0, 1, 0, 0, 0, 0, 0, 12)), 12);
	assert_int_equal(good(P(0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40)), 12);
	assert_int_equal(buf[1], 10);
	assert_int_equal(good(P(0x43, 2, 2, 0, 0, 0, 1, 1, 0)), 48);
	bad(P(0x43, 0, 0, 0, 0, 0, 2, 1, 0), 5, 0x24, 0);
	bad(P(0x43, 0, 5, 0, 0, 0, 0, 1, 0), 5, 0x24, 0);
	/* mode pages */
	assert_int_equal(good(P(0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0)), 28);
	assert_int_equal(buf[1], 26);
	assert_int_equal(buf[2], 1);
	assert_int_equal(buf[8], 0x2a);
	assert_int_equal(buf[14], 0x29);
	assert_int_equal(good(P(0x5a, 0, 0x3f, 0, 0, 0, 0, 1, 0)), 8 + 8 + 8 + 20);
	assert_int_equal(good(P(0x5a, 0, 0x6a, 0, 0, 0, 0, 1, 0)), 28);
	assert_int_equal(buf[14], 0);
	bad(P(0x5a, 0, 0xea, 0, 0, 0, 0, 1, 0), 5, 0x24, 0);
	bad(P(0x5a, 0, 0x05, 0, 0, 0, 0, 1, 0), 5, 0x24, 0);
	/* configuration */
	assert_int_equal(good(P(0x46, 0, 0, 0, 0, 0, 0, 1, 0)), 8 + 12 + 8 + 8 + 12 + 16);
	assert_int_equal(buf[3], 8 + 12 + 8 + 8 + 12 + 16 - 4);
	assert_int_equal(buf[7], 8);
	assert_int_equal(good(P(0x46, 2, 0, 3, 0, 0, 0, 1, 0)), 16);
	assert_int_equal(good(P(0x46, 2, 1, 3, 0, 0, 0, 1, 0)), 8);
	assert_int_equal(good(P(0x46, 1, 0, 0x1e, 0, 0, 0, 1, 0)), 16);
	bad(P(0x46, 3, 0, 0, 0, 0, 0, 1, 0), 5, 0x24, 0);
	assert_int_equal(good(P(0x51, 0, 0, 0, 0, 0, 0, 1, 0)), 34);
	assert_int_equal(buf[2], 0x0e);
	assert_int_equal(good(P(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8)), 8);
	assert_int_equal(good(P(0xbb)), 0);
	assert_int_equal(good(P(0x2b, 0, 0, 0, 3, 0xe7)), 0);
	bad(P(0x2b, 0, 0, 0, 3, 0xe8), 5, 0x21, 0);
}

static void test_read_pio(void **state)
{
	static const unsigned limits[] = { 2048, 65534, 512, 3000, 0xffff, 40000, 3 };
	uint8_t error;

	(void)state;
	attention();
	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		memset(buf, 0, sizeof(buf));
		assert_int_equal(packet(P(0x28, 0, 0, 0, 0, 17, 0, 0, 40), limits[i],
					&error),
				 40 * CD);
		assert_int_equal(error, 0);
		assert_cd(buf, 17, 40 * CD);
	}
	assert_int_equal(good(P(0xa8, 0, 0, 0, 0, 1, 0, 0, 1, 0)), 256 * CD);
	assert_cd(buf, 1, 256 * CD);
	assert_int_equal(good(P(0xbe, 0, 0, 0, 0, 5, 0, 0, 2, 0x10)), 2 * CD);
	assert_cd(buf, 5, 2 * CD);
	assert_int_equal(good(P(0xbe, 0, 0, 0, 0, 5, 0, 0, 2, 0)), 0);
	bad(P(0xbe, 0, 0, 0, 0, 5, 0, 0, 2, 0xf8), 5, 0x24, 0);
	assert_int_equal(good(P(0x28, 0, 0, 0, 0, 17, 0, 0, 0)), 0);
	assert_int_equal(good(P(0x28, 0, 0, 0, 3, 0xe7, 0, 0, 1)), CD);
	bad(P(0x28, 0, 0, 0, 3, 0xe7, 0, 0, 2), 5, 0x21, 0);
	bad(P(0xa8, 0, 0, 0, 3, 0xe7, 0xff, 0xff, 0xff, 0xff), 5, 0x21, 0);
	bad(P(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 2), 5, 0x21, 0);
	/* up to the bad one, which the sense data name */
	h.disk[0]->bad = 30 * 4 + 2;
	packet(P(0x28, 0, 0, 0, 0, 20, 0, 0, 40), 65534, &error);
	assert_int_equal(error, 0x30);
	assert_cd(buf, 20, 10 * CD);
	good(P(3, 0, 0, 0, 18));
	assert_int_equal(buf[0], 0xf0);
	assert_int_equal(buf[12], 0x11);
	assert_int_equal(buf[6], 30);
}

static void dma(const uint8_t *p, const struct idehost_prd *prd, unsigned n)
{
	idehost_table(&h, UNIT, prd, n);
	send(p, 0, true);
	idehost_start(&h, UNIT, true);
	idehost_settle(&h);
	assert_true(idehost_irq(&h, UNIT));
	idehost_bm_out(&h, UNIT, 0, 1, 0);
}

static void test_read_dma(void **state)
{
	/* whole; in sectors of 512 that are not 2048; cut */
	const struct idehost_prd prd[][3] = {
		{ { AT, 4 * CD }, { AT + 0x10000, 4 * CD }, { AT + 0x20000, 2 * CD } },
		{ { AT, 3 * CD + 512 },
		  { AT + 0x10000, 3 * CD },
		  { AT + 0x20000, 7680 } },
		{ { AT, 3 * CD + 6 },
		  { AT + 0x10000, 3 * CD - 2 },
		  { AT + 0x20000, 8188 } },
	};

	(void)state;
	attention();
	for (unsigned i = 0; i < 3; i++) {
		unsigned at = 0;

		memset(h.f->ram + AT, 0, 0x30000);
		dma(P(0x28, 0, 0, 0, 0, 100, 0, 0, 10), prd[i], 3);
		assert_int_equal(idehost_in(&h, UNIT, 7), GOOD);
		assert_int_equal(idehost_bm_in(&h, UNIT, 2, 1), 4);
		for (unsigned k = 0; k < 3; at += prd[i][k++].count)
			memcpy(buf + at, h.f->ram + prd[i][k].addr, prd[i][k].count);
		assert_int_equal(at, 10 * CD);
		assert_cd(buf, 100, 10 * CD);
	}
	/* an answer; one of an odd length */
	dma(P(0x12, 0, 0, 0, 36), prd[0], 1);
	assert_int_equal(idehost_in(&h, UNIT, 7), GOOD);
	assert_memory_equal(h.f->ram + AT + 8, "TANDEM", 6);
	dma(P(0x12, 0, 0, 0, 5), prd[0], 1);
	assert_int_equal(idehost_in(&h, UNIT, 7), GOOD);
	/* no data */
	idehost_table(&h, UNIT, prd[0], 1);
	send(P(0), 0, true);
	assert_int_equal(idehost_in(&h, UNIT, 7), GOOD);
	/* not the guest's memory */
	dma(P(0x28, 0, 0, 0, 0, 1, 0, 0, 1), &(struct idehost_prd){ FAKEPC_RAM, CD }, 1);
	assert_int_equal(idehost_in(&h, UNIT, 7), BAD);
	assert_int_equal(idehost_in(&h, UNIT, 1) >> 4, 4);
}

/* What the tray says: its event, and what is in it. */
static void assert_event(unsigned event, unsigned status)
{
	assert_int_equal(good(P(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8)), 8);
	assert_memory_equal(buf, ((uint8_t[]){ 0, 6, 4, 0x10 }), 4);
	assert_int_equal(buf[4], event);
	assert_int_equal(buf[5], status);
}

static void test_media(void **state)
{
	uint8_t error;

	(void)state;
	attention();
	assert_event(0, 2);
	assert_int_equal(good(P(0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8)), 4);
	assert_int_equal(buf[2], 0x80);
	bad(P(0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8), 5, 0x24, 0);
	/* the guest's own */
	good(P(0x1e, 0, 0, 0, 1));
	bad(P(0x1b, 0, 0, 0, 2), 5, 0x53, 2);
	assert_int_equal(ide_eject(h.ide, UNIT, false), -EBUSY);
	assert_event(1, 2);
	good(P(0x1e, 0, 0, 0, 0));
	good(P(0x1b, 0, 0, 0, 2));
	assert_event(3, 1);
	bad(P(0), 2, 0x3a, 2);
	good(P(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8));
	assert_int_equal(buf[1], 0x10);
	good(P(0x1b, 0, 0, 0, 3));
	assert_event(2, 2);
	bad(P(0), 6, 0x28, 0);
	good(P(0));
	/* the toolstack's, in the middle of a read */
	assert_int_equal(ide_insert(h.ide, UNIT, &h.disk[1]->d), -EEXIST);
	send(P(0x28, 0, 0, 0, 0, 1, 0, 0, 20), 2048, false);
	assert_int_equal(idehost_pio_in(&h, UNIT, buf, 8 * CD), 8 * CD);
	good(P(0x1e, 0, 0, 0, 1));
	send(P(0x28, 0, 0, 0, 0, 1, 0, 0, 20), 2048, false);
	assert_int_equal(ide_eject(h.ide, UNIT, true), 0);
	assert_int_equal(ide_eject(h.ide, UNIT, true), 0);
	assert_int_equal(idehost_pio_in(&h, UNIT, buf, sizeof(buf)), 8 * CD);
	assert_int_equal(idehost_in(&h, UNIT, 7), BAD);
	assert_int_equal(idehost_in(&h, UNIT, 1) >> 4, 2);
	assert_event(3, 0);
	bad(P(0x28, 0, 0, 0, 0, 1, 0, 0, 20), 2, 0x3a, 1);
	bad(P(0x25), 2, 0x3a, 1);
	h.disk[1]->d.info.sector_size = 4096;
	assert_int_equal(ide_insert(h.ide, UNIT, &h.disk[1]->d), -EINVAL);
	h.disk[1]->d.info.sector_size = 512;
	assert_int_equal(ide_insert(h.ide, 0, &h.disk[1]->d), -ENODEV);
	assert_int_equal(ide_eject(h.ide, 0, true), -ENODEV);
	/* a larger one */
	assert_int_equal(ide_insert(h.ide, UNIT, &h.disk[1]->d), 0);
	assert_event(2, 2);
	packet(P(0x43), 512, &error);
	assert_int_equal(error >> 4, 6);
	good(P(0x46, 0, 0, 0, 0, 0, 0, 1, 0));
	assert_int_equal(buf[7], 0x10);
	good(P(0x25));
	assert_int_equal((buf[0] << 24 | buf[1] << 16 | buf[2] << 8 | buf[3]) + 1,
			 DVD / CD);
	good(P(0x43, 2, 2, 0, 0, 0, 1, 1, 0));
	assert_int_equal(good(P(0x28, 0, 0, 0x1e, 0x7f, 0xff, 0, 0, 1)), CD);
	assert_int_equal(h.disk[1]->last, 0x1e7fffull * CD);
	/* unplugged disks take no drive with them */
	ide_unplug_disks(h.ide, 0);
	good(P(0));
}

static void test_reset(void **state)
{
	(void)state;
	attention();
	/* DEVICE RESET while it is busy */
	idehost_out(&h, UNIT, 1, 0);
	idehost_out(&h, UNIT, 4, 0);
	idehost_out(&h, UNIT, 5, 8);
	idehost_out(&h, UNIT, 7, 0xa0);
	for (unsigned i = 0; i < 6; i++)
		fakepc_out(h.f, 0x170, 2, i == 0 ? 0x28 : i == 4 ? 1 : 0);
	assert_int_equal(idehost_alt(&h, UNIT), 0x80);
	idehost_out(&h, UNIT, 7, 0x08);
	assert_int_equal(idehost_alt(&h, UNIT), 0x80);
	idehost_settle(&h);
	assert_int_equal(idehost_alt(&h, UNIT), 0);
	assert_int_equal(idehost_in(&h, UNIT, 4), 0x14);
	assert_false(idehost_irq(&h, UNIT));
	good(P(0));
	/* a packet that is not finished is forgotten by the next command */
	idehost_out(&h, UNIT, 7, 0xa0);
	fakepc_out(h.f, 0x170, 4, 0);
	good(P(0));
}

static void test_state(void **state)
{
	const uint8_t *p = P(0x28, 0, 0, 0, 0, 17, 0, 0, 20);

	(void)state;
	fakepc_cycle(h.f, dev);
	attention();
	good(P(0x1e, 0, 0, 0, 1));
	fakepc_cycle(h.f, dev);
	bad(P(0x1b, 0, 0, 0, 2), 5, 0x53, 2);
	/* in the middle of a packet, and of its data */
	idehost_out(&h, UNIT, 1, 0);
	idehost_out(&h, UNIT, 4, 0xfe);
	idehost_out(&h, UNIT, 5, 0xff);
	idehost_out(&h, UNIT, 7, 0xa0);
	assert_int_equal(idehost_pio_out(&h, UNIT, p, 6), 6);
	fakepc_cycle(h.f, dev);
	assert_int_equal(idehost_pio_out(&h, UNIT, p + 6, 6), 6);
	assert_int_equal(idehost_pio_in(&h, UNIT, buf, 5000), 5000);
	fakepc_cycle(h.f, dev);
	assert_int_equal(idehost_pio_in(&h, UNIT, buf + 5000, sizeof(buf) - 5000),
			 20 * CD - 5000);
	assert_cd(buf, 17, 20 * CD);
	assert_int_equal(idehost_in(&h, UNIT, 7), GOOD);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identify), T(test_attention), T(test_answers), T(test_read_pio),
		T(test_read_dma), T(test_media),     T(test_reset),   T(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
