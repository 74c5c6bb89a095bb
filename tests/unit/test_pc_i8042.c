/* SPDX-License-Identifier: MIT */
/* The keyboard controller with its keyboard and mouse, as drivers talk to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/input-event-codes.h>
#include <string.h>

#include "backends/pc/i8042.h"
#include "tests/lib/fakepc.h"

#define MS 1000000ull

static struct fakepc *f;
static struct i8042 *c;

static void command(unsigned byte)
{
	fakepc_out(f, 0x64, 1, byte);
}

static void data(unsigned byte)
{
	fakepc_out(f, 0x60, 1, byte);
}

static uint8_t status(void)
{
	return (uint8_t)fakepc_in(f, 0x64, 1);
}

static uint8_t ram0(void)
{
	command(0x20);
	return (uint8_t)fakepc_in(f, 0x60, 1);
}

static void ram0_set(unsigned value)
{
	command(0x60);
	data(value);
}

/* Exactly these bytes come, from the keyboard or the mouse. */
static void expect(bool mouse, const uint8_t *bytes, size_t n)
{
	fakepc_pass(f, MS);
	for (size_t i = 0; i < n; i++, fakepc_pass(f, MS)) {
		assert_int_equal(status() & 0x21, mouse ? 0x21 : 1);
		assert_int_equal(fakepc_in(f, 0x60, 1), bytes[i]);
	}
	assert_int_equal(status() & 1, 0);
}

#define EXPECT_FROM(mouse, ...)                         \
	do {                                            \
		const uint8_t list[] = { __VA_ARGS__ }; \
		expect(mouse, list, sizeof(list));      \
	} while (0)
#define EXPECT(...)	  EXPECT_FROM(false, __VA_ARGS__)
#define EXPECT_MOUSE(...) EXPECT_FROM(true, __VA_ARGS__)

static void mouse(unsigned byte)
{
	command(0xd4);
	data(byte);
}

static void mouse_rate(unsigned rate)
{
	mouse(0xf3);
	EXPECT_MOUSE(0xfa);
	mouse(rate);
	EXPECT_MOUSE(0xfa);
}

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(false);
	c = i8042_new(&f->bus);
	if (!c)
		return -1;
	ram0_set(0x03);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static void test_controller(void **state)
{
	(void)state;
	assert_int_equal(status(), 0x10);
	command(0xaa);
	assert_int_equal(status(), 0x1d);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0x55);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0x55);
	assert_int_equal(ram0(), 0x07);
	for (unsigned i = 0; i < 2; i++) {
		command(i ? 0xab : 0xa9);
		assert_int_equal(status() & 1, 1);
		assert_int_equal(fakepc_in(f, 0x60, 1), 0);
	}
	command(0xa7);
	command(0xad);
	assert_int_equal(ram0(), 0x37);
	/* no interrupts */
	ram0_set(0x34);
	command(0xd3);
	data(1);
	assert_int_equal(fakepc_in(f, 0x60, 1) + f->raised[12], 1);
	ram0_set(0x37);
	command(0xa8);
	command(0xae);
	assert_int_equal(ram0(), 0x07);
	command(0x65);
	data(0x99);
	command(0x25);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0x99);
	/* written to the output buffer, for either */
	command(0xd2);
	data(0x12);
	assert_true(f->line[1]);
	assert_false(f->line[12]);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0x12);
	command(0xd3);
	data(0x34);
	assert_true(f->line[12]);
	assert_int_equal(status() & 0x21, 0x21);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0x34);
	assert_false(f->line[12]);
	assert_int_equal(status() & 0x21, 0);
	/* more than it has room for */
	for (unsigned i = 0; i < 10; i++)
		command(0xaa);
	for (unsigned i = 0; i < 10; i++)
		(void)fakepc_in(f, 0x60, 1);
	assert_int_equal(status() & 1, 0);
	command(0xc0);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0x80);
	fakepc_cycle(f, (struct pcdev *)c);
}

static void test_a20_reset(void **state)
{
	(void)state;
	command(0xd1);
	data(0xdd);
	assert_int_equal(fakepc_in(f, 0x92, 1), 0);
	command(0xd0);
	assert_int_equal(fakepc_in(f, 0x60, 1) & 0x13, 0x01);
	fakepc_out(f, 0x92, 1, 2);
	command(0xd0);
	assert_int_equal(fakepc_in(f, 0x60, 1) & 3, 3);
	for (unsigned on = 0; on < 2; on++) {
		command(0xdd | on << 1);
		assert_int_equal(fakepc_in(f, 0x92, 1), on << 1);
	}
	command(0xff);
	command(0xf1);
	assert_int_equal(f->resets, 0);
	command(0xfe);
	assert_int_equal(f->resets, 1);
	command(0xd1);
	data(0x02);
	assert_int_equal(f->resets, 2);
	fakepc_out(f, 0x92, 1, 3);
	assert_int_equal(f->resets, 3);
}

static void test_keyboard(void **state)
{
	(void)state;
	data(0xff);
	EXPECT(0xfa, 0xaa);
	data(0xf2);
	data(0xee);
	EXPECT(0xfa, 0xab, 0x83, 0xee);
	data(0xfe);
	EXPECT(0xee);
	data(0xed);
	data(0x05);
	EXPECT(0xfa, 0xfa);
	assert_int_equal(i8042_leds(c), 5);
	for (unsigned set = 0; set <= 4; set += 4) {
		data(0xf0);
		data(set);
	}
	EXPECT(0xfa, 0xfa, 0x02, 0xfa, 0xfe);
	/* a command where a parameter was awaited */
	data(0xed);
	data(0xf4);
	EXPECT(0xfa, 0xfa);
	data(0x03);
	data(0xef);
	EXPECT(0xfe, 0xfe);
	/* no scanning */
	data(0xf5);
	i8042_key(c, KEY_A, true);
	i8042_key(c, KEY_A, false);
	EXPECT(0xfa);
	/* what is read twice is the same; the line falls in between */
	data(0xf2);
	fakepc_pass(f, MS);
	assert_int_equal(f->raised[1], 20);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0xfa);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0xfa);
	assert_false(f->line[1]);
	fakepc_cycle(f, (struct pcdev *)c);
	fakepc_pass(f, MS);
	assert_true(f->line[1]);
}

static void press(unsigned key)
{
	i8042_key(c, key, true);
	i8042_key(c, key, true); /* a client's own repetition */
	i8042_key(c, key, false);
	i8042_key(c, key, false);
}

static void test_sets(void **state)
{
	(void)state;
	press(KEY_A);
	EXPECT(0x1c, 0xf0, 0x1c);
	press(KEY_F7);
	EXPECT(0x83, 0xf0, 0x83);
	press(KEY_UP);
	EXPECT(0xe0, 0x75, 0xe0, 0xf0, 0x75);
	press(KEY_SYSRQ);
	EXPECT(0xe0, 0x12, 0xe0, 0x7c, 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12);
	press(KEY_PAUSE);
	EXPECT(0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
	/* set 1 by the controller */
	ram0_set(0x43);
	press(KEY_A);
	EXPECT(0x1e, 0x9e);
	press(KEY_F7);
	EXPECT(0x41, 0xc1);
	press(KEY_UP);
	EXPECT(0xe0, 0x48, 0xe0, 0xc8);
	press(KEY_PAUSE);
	EXPECT(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
	i8042_key(c, KEY_LEFTALT, true);
	i8042_key(c, KEY_SYSRQ, true);
	i8042_key(c, KEY_LEFTALT, false);
	i8042_key(c, KEY_SYSRQ, false);
	EXPECT(0x38, 0x54, 0xb8, 0xd4);
	i8042_key(c, KEY_RIGHTCTRL, true);
	press(KEY_PAUSE);
	i8042_key(c, KEY_RIGHTCTRL, false);
	EXPECT(0xe0, 0x1d, 0xe0, 0x46, 0xe0, 0xc6, 0xe0, 0x9d);
	data(0xf2);
	EXPECT(0xfa, 0xab, 0x41);
	/* all keys of the PC/XT have evdev's numbers there */
	for (unsigned key = 1; key <= KEY_F12; key++) {
		if (key == 84 || key == KEY_ZENKAKUHANKAKU)
			continue;
		press(key);
		EXPECT((uint8_t)key, (uint8_t)(key | 0x80));
	}
	/* by the keyboard itself */
	ram0_set(0x03);
	data(0xf0);
	data(1);
	EXPECT(0xfa, 0xfa);
	press(KEY_DELETE);
	EXPECT(0xe0, 0x53, 0xe0, 0xd3);
	/* set 3, with keys' own types */
	data(0xf0);
	data(3);
	EXPECT(0xfa, 0xfa);
	press(KEY_UP);
	EXPECT(0x63, 0xf0, 0x63);
	press(KEY_SYSRQ);
	EXPECT(0x57, 0xf0, 0x57);
	data(0xfd);
	data(0x63);
	data(0x57);
	EXPECT(0xfa, 0xfa, 0xfa);
	press(KEY_UP);
	EXPECT(0x63);
	press(KEY_A);
	EXPECT(0x1c, 0xf0, 0x1c);
	data(0xf9);
	press(KEY_A);
	EXPECT(0xfa, 0x1c);
	i8042_key(c, 1000, true);
	i8042_key(c, 0, true);
	fakepc_pass(f, MS);
	assert_int_equal(status() & 1, 0);
}

static void test_typematic(void **state)
{
	unsigned n = 0;

	(void)state;
	i8042_key(c, KEY_B, true);
	EXPECT(0x32);
	fakepc_pass(f, 490 * MS);
	assert_int_equal(status() & 1, 0);
	fakepc_pass(f, 10 * MS);
	assert_int_equal(status() & 1, 1);
	for (unsigned ms = 0; ms < 1000; ms++, fakepc_pass(f, MS))
		if (status() & 1) {
			assert_int_equal(fakepc_in(f, 0x60, 1), 0x32);
			n++;
		}
	assert_in_range(n, 10, 12);
	/* the last one that was pressed; the fastest rate */
	data(0xf3);
	data(0x00);
	EXPECT(0xfa, 0xfa);
	i8042_key(c, KEY_C, true);
	i8042_key(c, KEY_B, false);
	EXPECT(0x21, 0xf0, 0x32);
	fakepc_pass(f, 250 * MS);
	for (n = 0; n < 5; n++, fakepc_pass(f, 34 * MS)) {
		assert_int_equal(status() & 1, 1);
		assert_int_equal(fakepc_in(f, 0x60, 1), 0x21);
	}
	/* nobody reads: they do not pile up */
	fakepc_pass(f, 10 * PC_NS);
	i8042_key(c, KEY_C, false);
	for (n = 0; status() & 1; n++, fakepc_pass(f, MS))
		(void)fakepc_in(f, 0x60, 1);
	assert_int_equal(n, 4);
	assert_int_equal(f->alarm, 0);
}

/* Events come whole or not at all, however many there are */
static void test_bounds(void **state)
{
	uint8_t bytes[2 + 64] = { 0xab, 0x83 };
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		press(KEY_UP);
	for (unsigned i = 0; i < 12; i++)
		memcpy(bytes + 2 + 5 * i, "\xe0\x75\xe0\xf0\x75", 5);
	memcpy(bytes + 2 + 60, "\xe0\x75\xe0\x75", 4);
	data(0xf2);
	fakepc_pass(f, MS);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0xfa);
	expect(false, bytes, sizeof(bytes));
	/* an answer does not stand inside one */
	press(KEY_UP);
	fakepc_pass(f, MS);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0xe0);
	fakepc_cycle(f, (struct pcdev *)c);
	data(0xf4);
	EXPECT(0x75, 0xfa);
	for (unsigned i = 0; i < 100; i++)
		data(0xf2);
	for (fakepc_pass(f, MS); status() & 1; fakepc_pass(f, MS), n++)
		(void)fakepc_in(f, 0x60, 1);
	assert_in_range(n, 16, 17);
	/* a keyboard that is off keeps what it has */
	ram0_set(0x13);
	press(KEY_UP);
	fakepc_pass(f, PC_NS);
	assert_int_equal(status() & 1, 0);
	command(0xae);
	EXPECT(0xe0, 0x75, 0xe0, 0xf0, 0x75);
}

static void test_mouse(void **state)
{
	(void)state;
	mouse(0xff);
	EXPECT_MOUSE(0xfa, 0xaa, 0x00);
	assert_int_equal(f->raised[1], 0);
	assert_int_equal(f->raised[12], 3);
	i8042_pointer(c, 5, 5, 0, 0);
	fakepc_pass(f, PC_NS);
	assert_int_equal(status() & 1, 0);
	mouse(0xf4);
	EXPECT_MOUSE(0xfa);
	i8042_pointer(c, 5, -3, 1, 1);
	EXPECT_MOUSE(0x09, 5, 3);
	i8042_pointer(c, -300, 300, 0, 0);
	fakepc_pass(f, 10 * MS);
	EXPECT_MOUSE(0x38, 0x01, 0x01);
	fakepc_pass(f, 10 * MS);
	EXPECT_MOUSE(0x38, 0xd3, 0xd3);
	mouse(0xe9);
	EXPECT_MOUSE(0xfa, 0x20, 0x02, 100);
	mouse(0xe8);
	mouse(0x03);
	mouse(0xe7);
	EXPECT_MOUSE(0xfa, 0xfa, 0xfa);
	i8042_pointer(c, 4, 20, 0, 6);
	EXPECT_MOUSE(0x2e, 6, 0xd8);
	mouse(0xe9);
	EXPECT_MOUSE(0xfa, 0x33, 0x03, 100);
	/* at most so often */
	fakepc_pass(f, 10 * MS);
	i8042_pointer(c, 1, 0, 0, 0);
	i8042_pointer(c, 2, 0, 0, 0);
	i8042_pointer(c, 3, 0, 0, 0);
	EXPECT_MOUSE(0x08, 1, 0);
	fakepc_pass(f, 10 * MS);
	EXPECT_MOUSE(0x08, 9, 0);
	/* but no click is lost */
	fakepc_pass(f, 10 * MS);
	i8042_pointer(c, 0, 0, 0, 1);
	i8042_pointer(c, 0, 0, 0, 0);
	i8042_pointer(c, 0, 0, 0, 1);
	i8042_pointer(c, 0, 0, 0, 0);
	fakepc_cycle(f, (struct pcdev *)c);
	EXPECT_MOUSE(0x09, 0, 0, 0x08, 0, 0, 0x09, 0, 0);
	fakepc_pass(f, 10 * MS);
	EXPECT_MOUSE(0x08, 0, 0);
}

static void test_mouse_modes(void **state)
{
	(void)state;
	mouse(0xf0);
	mouse(0xf4);
	EXPECT_MOUSE(0xfa, 0xfa);
	i8042_pointer(c, 7, 0, 0, 4);
	fakepc_pass(f, PC_NS);
	assert_int_equal(status() & 1, 0);
	mouse(0xeb);
	EXPECT_MOUSE(0xfa, 0x0c, 7, 0);
	mouse(0xee);
	mouse(0xf2);
	mouse(0x77);
	mouse(0xec);
	mouse(0xea);
	mouse(0x00);
	EXPECT_MOUSE(0xfa, 0xf2, 0x77, 0xfa, 0xfa, 0xfe);
	/* a command takes the place of what is queued, but not in a packet's midst */
	i8042_pointer(c, 1, 2, 0, 0);
	fakepc_pass(f, MS);
	assert_int_equal(fakepc_in(f, 0x60, 1), 0x28);
	mouse(0xf5);
	EXPECT_MOUSE(1, 0xfe, 0xfa);
	/* a wheel, five buttons */
	mouse_rate(200);
	mouse_rate(200);
	mouse_rate(80);
	mouse(0xf2);
	EXPECT_MOUSE(0xfa, 0);
	mouse_rate(200);
	mouse_rate(100);
	mouse_rate(80);
	mouse(0xf2);
	EXPECT_MOUSE(0xfa, 3);
	mouse(0xf4);
	EXPECT_MOUSE(0xfa);
	i8042_pointer(c, 1, 0, -1, 0x18);
	EXPECT_MOUSE(0x08, 1, 0, 0xff);
	i8042_pointer(c, 0, 0, 0, 0);
	mouse_rate(200);
	mouse_rate(200);
	mouse_rate(80);
	mouse(0xf2);
	EXPECT_MOUSE(0xfa, 4);
	fakepc_pass(f, 100 * MS);
	i8042_pointer(c, 0, 0, 20, 0x10);
	EXPECT_MOUSE(0x08, 0, 0, 0x27);
	fakepc_pass(f, 100 * MS);
	EXPECT_MOUSE(0x08, 0, 0, 0x27, 0x08, 0, 0, 0x26);
	fakepc_pass(f, 100 * MS);
	mouse(0xf3);
	mouse(0x00);
	EXPECT_MOUSE(0xfa, 0xfa);
	i8042_pointer(c, INT32_MAX, INT32_MIN, INT32_MAX, ~0u);
	EXPECT_MOUSE(0x0f, 0xff, 0xff, 0x37);
	fakepc_cycle(f, (struct pcdev *)c);
	pcbus_reset(&f->bus);
	assert_int_equal(status(), 0x10);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_controller), T(test_a20_reset),	 T(test_keyboard),
		T(test_sets),	    T(test_typematic),	 T(test_bounds),
		T(test_mouse),	    T(test_mouse_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
