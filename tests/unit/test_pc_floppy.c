/* SPDX-License-Identifier: MIT */
/* The floppy controller: resets, seeks, reading by DMA and without, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "backends/pc/floppy.h"
#include "tests/lib/fakedisk.h"
#include "tests/lib/fakepc.h"

#define LINE   6
#define SECTOR 512u
#define SPT    18u
#define SIZE   (80u * 2 * SPT * SECTOR)
#define AT     0x23000u

static struct fakepc *f;
static struct floppy *fd;
static struct pcdev *dev;
static struct fakedisk *disk, *other;
static uint8_t res[16];

static uint8_t in(unsigned port)
{
	return (uint8_t)fakepc_in(f, (uint16_t)port, 1);
}

static void out(unsigned port, unsigned value)
{
	fakepc_out(f, (uint16_t)port, 1, value);
}

static void send(const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(in(0x3f4) & 0xc0, 0x80);
		assert_int_equal(!!(in(0x3f4) & 0x10), i > 0);
		out(0x3f5, bytes[i]);
	}
	fakedisk_run(disk);
	fakedisk_run(other);
}

/* The result's bytes. */
static unsigned results(void)
{
	unsigned n = 0;

	while (in(0x3f4) & 0x40 && n < sizeof(res)) {
		assert_int_equal(in(0x3f4) & 0xf0, 0xd0);
		res[n++] = in(0x3f5);
	}
	assert_int_equal(in(0x3f4) & 0xd0, 0x80);
	return n;
}

#define COMMAND(...)                                                                 \
	(send((const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })), \
	 results())

/* A reset, all of it, and where the heads are. */
static void start(void)
{
	out(0x3f2, 0);
	assert_int_equal(in(0x3f4), 0);
	out(0x3f2, 0x1c);
	assert_true(f->line[LINE]);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(COMMAND(8), 2);
		assert_int_equal(res[0], 0xc0 | i);
		assert_false(f->line[LINE]);
	}
	assert_int_equal(COMMAND(8), 1);
	assert_int_equal(res[0], 0x80);
	assert_int_equal(COMMAND(3, 0xdf, 2), 0);
	assert_int_equal(COMMAND(7, 0), 0);
	assert_true(f->line[LINE]);
	assert_int_equal(in(0x3f4), 0x81);
	assert_int_equal(COMMAND(8), 2);
	assert_int_equal(res[0], 0x20);
	assert_int_equal(res[1], 0);
	assert_int_equal(in(0x3f4), 0x80);
}

static int setup(void **state)
{
	struct isadma *dma;

	(void)state;
	f = fakepc_open(false);
	dma = isadma_new(&f->bus);
	fd = floppy_new(&f->bus, dma);
	dev = TAILQ_LAST(&f->bus.devs, pcdevs);
	disk = fakedisk_open(SIZE);
	other = fakedisk_open(20 * SECTOR);
	if (!fd || floppy_attach(fd, 0, &disk->d))
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	fakedisk_close(disk);
	fakedisk_close(other);
	return 0;
}

/* Channel 2, to memory. */
static void dma(uint32_t at, unsigned len)
{
	out(0x0a, 6);
	out(0x0b, 0x46);
	out(0x0c, 0);
	out(4, at & 0xff);
	out(4, at >> 8 & 0xff);
	out(5, (len - 1) & 0xff);
	out(5, (len - 1) >> 8);
	out(0x81, at >> 16);
	out(0x0a, 2);
}

static void assert_disk(const uint8_t *p, unsigned lba, unsigned len)
{
	for (unsigned i = 0; i < len; i += 4) {
		uint32_t v;

		memcpy(&v, p + i, 4);
		assert_int_equal(v, (lba * SECTOR + i) / 4);
	}
}

static void seek(unsigned head, unsigned cylinder)
{
	assert_int_equal(COMMAND(0x0f, (uint8_t)(head << 2), (uint8_t)cylinder), 0);
	assert_int_equal(COMMAND(8), 2);
	assert_int_equal(res[0], 0x20 | head << 2);
	assert_int_equal(res[1], cylinder);
}

static void assert_results(uint8_t st0, uint8_t st1, uint8_t c, uint8_t h, uint8_t r)
{
	assert_int_equal(res[0], st0);
	assert_int_equal(res[1], st1);
	assert_int_equal(res[3], c);
	assert_int_equal(res[4], h);
	assert_int_equal(res[5], r);
	assert_int_equal(res[6], 2);
}

static void test_registers(void **state)
{
	(void)state;
	start();
	assert_null(floppy_new(&f->bus, NULL));
	assert_int_equal(in(0x3f2), 0x1c);
	assert_int_equal(in(0x3f0), 0xff);
	assert_int_equal(COMMAND(0x10), 1);
	assert_int_equal(res[0], 0x90);
	/* none of its commands */
	assert_int_equal(COMMAND(0x18), 1);
	assert_int_equal(res[0], 0x80);
	assert_int_equal(COMMAND(0x8e), 1);
	assert_int_equal(COMMAND(0x1f), 1);
	assert_false(f->line[LINE]);
	/* what is set, shows; LOCK keeps it over a reset */
	assert_int_equal(COMMAND(0x13, 0, 0x57, 9), 0);
	assert_int_equal(COMMAND(0x12, 0x84), 0);
	assert_int_equal(COMMAND(0x12, 3), 0);
	assert_int_equal(COMMAND(0x94), 1);
	assert_int_equal(res[0], 0x10);
	seek(0, 33);
	assert_int_equal(COMMAND(0x0e), 10);
	assert_memory_equal(res, ((uint8_t[]){ 33, 0, 0, 0, 0xdf, 2, 0, 0x87, 0x57, 9 }),
			    10);
	fakepc_cycle(f, dev);
	out(0x3f4, 0x80);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(COMMAND(8), 2);
	assert_int_equal(COMMAND(0x0e), 10);
	assert_int_equal(res[7], 0x84);
	assert_int_equal(res[8], 0x57);
	assert_int_equal(COMMAND(0x14), 1);
	start();
	assert_int_equal(COMMAND(0x0e), 10);
	assert_int_equal(res[8], 0);
	assert_int_equal(COMMAND(4, 4), 1);
	assert_int_equal(res[0], 0x7c);
	/* no line without the gate */
	out(0x3f2, 4);
	send((const uint8_t[]){ 7, 0 }, 2);
	assert_false(f->line[LINE]);
	out(0x3f2, 0xc);
	assert_true(f->line[LINE]);
	/* a command of which a part has come */
	out(0x3f5, 0xe6);
	out(0x3f5, 0);
	fakepc_cycle(f, dev);
	start();
}

static void test_read(void **state)
{
	(void)state;
	start();
	seek(0, 5);
	/* some sectors */
	dma(AT, 3 * SECTOR);
	assert_int_equal(COMMAND(0x46, 0, 5, 0, 4, 2, SPT, 0x1b, 0xff), 7);
	assert_results(0, 0, 5, 0, 7);
	assert_disk(f->ram + AT, 5 * 2 * SPT + 3, 3 * SECTOR);
	assert_int_equal(f->ram[AT + 3 * SECTOR], 0);
	/* a cylinder by both heads: as a BIOS does it */
	dma(AT, 2 * SPT * SECTOR);
	send((const uint8_t[]){ 0xe6, 0, 5, 0, 1, 2, SPT, 0x1b, 0xff }, 9);
	assert_true(f->line[LINE]);
	fakepc_cycle(f, dev);
	assert_true(f->line[LINE]);
	assert_int_equal(results(), 7);
	assert_false(f->line[LINE]);
	assert_results(0, 0, 6, 0, 1);
	assert_disk(f->ram + AT, 5 * 2 * SPT, 2 * SPT * SECTOR);
	assert_int_equal(disk->reads, 2);
	/* head 1; to the end of the track and no further */
	dma(AT, 2 * SECTOR);
	assert_int_equal(COMMAND(0x46, 4, 5, 1, SPT, 2, SPT, 0x1b, 0xff), 7);
	assert_results(0x44, 0x80, 6, 1, 1);
	assert_disk(f->ram + AT, 6 * 2 * SPT - 1, SECTOR);
	/* part of a sector is what the host wanted */
	memset(f->ram + AT, 0, SECTOR);
	dma(AT, 100);
	assert_int_equal(COMMAND(0x46, 0, 5, 0, 1, 2, SPT, 0x1b, 0xff), 7);
	assert_results(0, 0, 5, 0, 2);
	assert_disk(f->ram + AT, 5 * 2 * SPT, 100);
	assert_int_equal(f->ram[AT + 100], 0);
	/* it takes its time */
	dma(AT, SECTOR);
	for (unsigned i = 0; i < 9; i++)
		out(0x3f5, ((uint8_t[]){ 0x46, 0, 5, 0, 1, 2, SPT, 0, 0 })[i]);
	assert_int_equal(in(0x3f4), 0x10);
	assert_false(f->line[LINE]);
	assert_false(dev->ops->quiesce(dev));
	/* a reset meanwhile, and another read */
	start();
	seek(0, 7);
	assert_int_equal(COMMAND(0x46, 0, 7, 0, 1, 2, SPT, 0, 0), 7);
	assert_results(0, 0, 7, 0, 2);
	assert_disk(f->ram + AT, 7 * 2 * SPT, SECTOR);
	/* VERIFY moves nothing */
	dma(AT, SECTOR);
	assert_int_equal(COMMAND(0xf6, 0, 7, 0, 3, 2, SPT, 0, 0), 7);
	assert_results(0, 0, 8, 0, 1);
	assert_disk(f->ram + AT, 7 * 2 * SPT, SECTOR);
	/* where the head is */
	assert_int_equal(COMMAND(0x4a, 4), 7);
	assert_results(4, 0, 7, 1, 1);
}

/* By words of the processor's: an interrupt, and bytes until the end of the track. */
static void test_read_pio(void **state)
{
	uint8_t data[4 * SECTOR];

	(void)state;
	start();
	assert_int_equal(COMMAND(3, 0xdf, 3), 0);
	send((const uint8_t[]){ 0x46, 0, 0, 0, 15, 2, SPT, 0x1b, 0xff }, 9);
	assert_true(f->line[LINE]);
	for (unsigned i = 0; i < sizeof(data); i++) {
		if (i == 700)
			assert_true(fakepc_cycle(f, dev) > sizeof(data));
		assert_int_equal(in(0x3f4), 0xf0);
		data[i] = in(0x3f5);
	}
	assert_int_equal(results(), 7);
	assert_results(0x40, 0x80, 1, 0, 1);
	assert_disk(data, 14, sizeof(data));
}

static void test_refused(void **state)
{
	static const uint8_t writes[][9] = { { 0x45, 0, 0, 0, 1, 2, SPT, 0x1b, 0xff },
					     { 0xc9, 0, 0, 0, 1, 2, SPT, 0x1b, 0xff },
					     { 0x4d, 0, 2, SPT, 0x54, 0xf6 } };

	(void)state;
	start();
	for (unsigned i = 0; i < 3; i++) {
		send(writes[i], i == 2 ? 6 : 9);
		assert_true(f->line[LINE]);
		assert_int_equal(results(), 7);
		assert_int_equal(res[0], 0x40);
		assert_int_equal(res[1], 2);
	}
	assert_int_equal(disk->writes, 0);
	dma(AT, SECTOR);
	/* another cylinder, head, size; no such sector */
	assert_int_equal(COMMAND(0x46, 0, 1, 0, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 4);
	assert_int_equal(res[2], 0x10);
	assert_int_equal(COMMAND(0x46, 0, 0, 1, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 4);
	assert_int_equal(COMMAND(0x46, 0, 0, 0, 1, 3, SPT, 0, 0), 7);
	assert_int_equal(res[1], 4);
	assert_int_equal(COMMAND(0x46, 0, 0, 0, 0, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 4);
	assert_int_equal(COMMAND(0x46, 0, 0, 0, SPT + 1, 2, 255, 0, 0), 7);
	assert_int_equal(res[1], 4);
	seek(0, 80);
	assert_int_equal(COMMAND(0x46, 0, 80, 0, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 4);
	/* the seek that it does itself */
	assert_int_equal(COMMAND(0x13, 0, 0x40, 0), 0);
	assert_int_equal(COMMAND(0x46, 0, 9, 0, 1, 2, SPT, 0, 0), 7);
	assert_results(0, 0, 9, 0, 2);
	assert_disk(f->ram + AT, 9 * 2 * SPT, SECTOR);
	/* nobody takes the data: the channel is masked; the gate is closed */
	assert_int_equal(COMMAND(0x46, 0, 9, 0, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 0x10);
	dma(AT, SECTOR);
	out(0x3f2, 0x14);
	assert_int_equal(COMMAND(0x46, 0, 9, 0, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 0x10);
	out(0x3f2, 0x1c);
	/* a bad sector */
	disk->bad = 9 * 2 * SPT + 5;
	assert_int_equal(COMMAND(0x46, 0, 9, 0, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[0], 0x40);
	assert_int_equal(res[1], 0x20);
	/* no drive */
	assert_int_equal(COMMAND(7, 1), 0);
	assert_int_equal(COMMAND(8), 2);
	assert_int_equal(res[0], 0x71);
	assert_int_equal(COMMAND(0x46, 1, 0, 0, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 1);
	assert_int_equal(COMMAND(0x4a, 3), 7);
	assert_int_equal(res[0], 0x43);
}

static void test_media(void **state)
{
	(void)state;
	start();
	assert_int_equal(floppy_insert(fd, 0, &other->d), -EEXIST);
	assert_int_equal(floppy_insert(fd, 1, &other->d), -ENODEV);
	assert_int_equal(floppy_eject(fd, 1), -ENODEV);
	/* start() has moved the head */
	assert_int_equal(in(0x3f7) & 0x80, 0);
	assert_int_equal(floppy_eject(fd, 0), 0);
	assert_int_equal(in(0x3f7) & 0x80, 0x80);
	seek(0, 1);
	assert_int_equal(in(0x3f7) & 0x80, 0x80);
	dma(AT, SECTOR);
	assert_int_equal(COMMAND(0x46, 0, 1, 0, 1, 2, SPT, 0, 0), 7);
	assert_int_equal(res[1], 1);
	assert_int_equal(COMMAND(4, 0), 1);
	assert_int_equal(res[0], 0x28);
	disk->d.info.size = 3u << 20;
	assert_int_equal(floppy_insert(fd, 0, &disk->d), -EINVAL);
	/* a short one, of 720K: what is missing is zeros */
	assert_int_equal(floppy_insert(fd, 0, &other->d), 0);
	assert_int_equal(in(0x3f7) & 0x80, 0x80);
	seek(0, 0);
	assert_int_equal(in(0x3f7) & 0x80, 0);
	seek(0, 1);
	memset(f->ram + AT, 1, 9 * SECTOR);
	dma(AT, 9 * SECTOR);
	assert_int_equal(COMMAND(0x46, 0, 1, 0, 1, 2, 9, 0, 0), 7);
	assert_results(0, 0, 2, 0, 1);
	assert_disk(f->ram + AT, 18, 2 * SECTOR);
	for (unsigned i = 2 * SECTOR; i < 9 * SECTOR; i++)
		assert_int_equal(f->ram[AT + i], 0);
	seek(0, 50);
	dma(AT, SECTOR);
	assert_int_equal(COMMAND(0x46, 0, 50, 0, 1, 2, 9, 0, 0), 7);
	assert_results(0, 0, 50, 0, 2);
	assert_int_equal(f->ram[AT], 0);
	fakepc_cycle(f, dev);
	assert_int_equal(in(0x3f7) & 0x80, 0);
	/* back and forth */
	assert_int_equal(COMMAND(0x8f, 0, 20), 0);
	assert_int_equal(COMMAND(8), 2);
	assert_int_equal(res[1], 30);
	assert_int_equal(COMMAND(0xcf, 0, 5), 0);
	assert_int_equal(COMMAND(8), 2);
	assert_int_equal(res[1], 35);
	assert_int_equal(COMMAND(0x8f, 0, 99), 0);
	assert_int_equal(COMMAND(8), 2);
	assert_int_equal(res[1], 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_registers), T(test_read),  T(test_read_pio),
		T(test_refused),   T(test_media),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
