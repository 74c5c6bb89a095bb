/* SPDX-License-Identifier: MIT */
/* The 8237s: registers, where transfers go, their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backends/pc/isadma.h"
#include "tests/lib/fakepc.h"

static struct fakepc *f;
static struct isadma *d;
static struct pcdev *dev;
static uint8_t buf[8192];

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(false);
	d = isadma_new(&f->bus);
	dev = TAILQ_LAST(&f->bus.devs, pcdevs);
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 3 + i / 256);
	return d ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static uint8_t in(unsigned port)
{
	return (uint8_t)fakepc_in(f, (uint16_t)port, 1);
}

static void out(unsigned port, unsigned value)
{
	fakepc_out(f, (uint16_t)port, 1, value);
}

/* As a driver does: masked, mode, address, count, page, unmasked. */
static void program(unsigned channel, unsigned mode, uint32_t at, unsigned units)
{
	static const uint8_t page[] = { 0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a };
	const bool words = channel >= 4;
	const unsigned base = words ? 0xc0 : 0, shift = words, k = channel & 3;
	const unsigned address = words ? at >> 1 & 0xffff : at & 0xffff;

	out(base + (10 << shift), 4 | k);
	out(base + (11 << shift), mode | k);
	out(base + (12 << shift), 0);
	out(base + (2 * k << shift), address);
	out(base + (2 * k << shift), address >> 8);
	out(base + ((2 * k + 1) << shift), units - 1);
	out(base + ((2 * k + 1) << shift), (units - 1) >> 8);
	out(page[channel], at >> 16);
	out(base + (10 << shift), k);
}

static void test_registers(void **state)
{
	(void)state;
	assert_null(isadma_new(&f->bus));
	assert_int_equal(in(0x0f), 0xff);
	program(2, 0x44, 0x12345, 0x200);
	assert_int_equal(in(0x0f), 0xfb);
	out(0x0c, 0);
	assert_int_equal(in(4), 0x45);
	assert_int_equal(in(4), 0x23);
	assert_int_equal(in(5), 0xff);
	assert_int_equal(in(5), 0x01);
	assert_int_equal(in(0x81), 1);
	out(0x80, 0x5a);
	assert_int_equal(in(0x80), 0x5a);
	/* requests by software show; the mask's all and none; the master clear */
	out(0xd2, 5);
	assert_int_equal(in(0xd0), 0x20);
	out(0xd2, 1);
	assert_int_equal(in(0xd0), 0);
	out(0xdc, 0);
	assert_int_equal(in(0xde), 0xf0);
	out(0xde, 5);
	assert_int_equal(in(0xde), 0xf5);
	out(0xda, 0);
	assert_int_equal(in(0xde), 0xff);
	assert_int_equal(in(0x0f), 0xfb);
	assert_int_equal(in(0x0a), 0xff);
	assert_int_equal(fakepc_in(f, 4, 2), 0xffff);
	fakepc_cycle(f, dev);
	assert_int_equal(in(0x0f), 0xfb);
}

static void test_to_memory(void **state)
{
	bool tc;

	(void)state;
	program(2, 0x44, 0x12345, 0x300);
	assert_int_equal(isadma_move(d, 2, buf, 0x200, true, &tc), 0x200);
	assert_false(tc);
	fakepc_cycle(f, dev);
	assert_int_equal(isadma_move(d, 2, buf + 0x200, 0x200, true, &tc), 0x100);
	assert_true(tc);
	assert_memory_equal(f->ram + 0x12345, buf, 0x300);
	assert_int_equal(f->ram[0x12345 + 0x300], 0);
	assert_int_equal(in(8), 4);
	assert_int_equal(in(8), 0);
	/* masked by its end */
	assert_int_equal(isadma_move(d, 2, buf, 1, true, &tc), 0);
	assert_false(tc);
	out(0x0c, 0);
	assert_int_equal(in(5), 0xff);
	assert_int_equal(in(5), 0xff);
}

static void test_from_memory(void **state)
{
	bool tc;

	(void)state;
	memcpy(f->ram + 0x40010, buf, 100);
	program(1, 0x48, 0x40010, 100);
	memset(buf + 1000, 0, 200);
	/* the other direction: nothing */
	assert_int_equal(isadma_move(d, 1, buf + 1000, 100, true, &tc), 0);
	assert_int_equal(isadma_move(d, 1, buf + 1000, 200, false, &tc), 100);
	assert_true(tc);
	assert_memory_equal(buf + 1000, buf, 100);
	/* where nothing is */
	program(1, 0x48, 0xff0000, 4);
	assert_int_equal(isadma_move(d, 1, buf + 1000, 4, false, &tc), 4);
	assert_int_equal(buf[1000], 0xff);
	/* off */
	program(1, 0x48, 0x40010, 100);
	out(8, 4);
	assert_int_equal(isadma_move(d, 1, buf + 1000, 4, false, &tc), 0);
	out(8, 0);
	assert_int_equal(isadma_move(d, 1, buf + 1000, 4, false, &tc), 4);
}

static void test_words(void **state)
{
	bool tc;

	(void)state;
	/* the page's lowest bit is the address's */
	program(5, 0x44, 0x3fff0, 16);
	assert_int_equal(isadma_move(d, 5, buf, 11, true, &tc), 10);
	assert_int_equal(isadma_move(d, 5, buf + 10, 100, true, &tc), 22);
	assert_true(tc);
	/* round the 128 KiB */
	assert_memory_equal(f->ram + 0x3fff0, buf, 16);
	assert_memory_equal(f->ram + 0x20000, buf + 16, 16);
	assert_int_equal(in(0xd0), 2);
}

static void test_modes(void **state)
{
	bool tc;

	(void)state;
	/* round the 64 KiB */
	program(0, 0x44, 0x1fffc, 8);
	assert_int_equal(isadma_move(d, 0, buf, 8, true, &tc), 8);
	assert_memory_equal(f->ram + 0x1fffc, buf, 4);
	assert_memory_equal(f->ram + 0x10000, buf + 4, 4);
	/* downwards */
	program(3, 0x64, 0x30005, 8);
	assert_int_equal(isadma_move(d, 3, buf, 8, true, &tc), 8);
	assert_true(tc);
	assert_int_equal(f->ram[0x30005], buf[0]);
	assert_int_equal(f->ram[0x30000], buf[5]);
	assert_int_equal(f->ram[0x3ffff], buf[6]);
	/* again by itself */
	program(3, 0x54, 0x30100, 4);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(isadma_move(d, 3, buf + i, 10, true, &tc), 4);
		assert_true(tc);
		assert_memory_equal(f->ram + 0x30100, buf + i, 4);
	}
	/* 64 KiB, counted and not moved */
	program(3, 0x40, 0x30100, 0x10000);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(isadma_move(d, 3, buf, 8192, true, &tc), 8192);
		assert_int_equal(tc, i == 7);
	}
	assert_memory_equal(f->ram + 0x30100, buf + 2, 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_registers), T(test_to_memory), T(test_from_memory),
		T(test_words),	   T(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
