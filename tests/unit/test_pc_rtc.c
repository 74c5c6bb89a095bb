/* SPDX-License-Identifier: MIT */
/* The clock: calendar, formats, flags, and rates that are right on average. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "backends/pc/rtc.h"
#include "backends/pc/rtc_date.h"
#include "tests/lib/fakepc.h"

#define MS    1000000ull
#define START 951782399 /* 2000-02-28 23:59:59, a Monday */

static struct fakepc *f;
static struct rtc *rtc;

static uint8_t get(unsigned at)
{
	fakepc_out(f, at < 128 ? 0x70 : 0x72, 1, at % 128);
	return (uint8_t)fakepc_in(f, at < 128 ? 0x71 : 0x73, 1);
}

static void set(unsigned at, unsigned value)
{
	fakepc_out(f, at < 128 ? 0x70 : 0x72, 1, at % 128);
	fakepc_out(f, at < 128 ? 0x71 : 0x73, 1, value);
}

static int setup(void **state)
{
	(void)state;
	f = fakepc_open(false);
	rtc = rtc_new(&f->bus, START - 3600, 3600);
	return rtc ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

static void assert_date(unsigned century, unsigned year, unsigned month, unsigned day,
			unsigned weekday, unsigned hour, unsigned min, unsigned sec)
{
	assert_int_equal(get(0x32), century);
	assert_int_equal(get(9), year);
	assert_int_equal(get(8), month);
	assert_int_equal(get(7), day);
	assert_int_equal(get(6), weekday);
	assert_int_equal(get(4), hour);
	assert_int_equal(get(2), min);
	assert_int_equal(get(0), sec);
}

/* Against the C library's calendar */
static void test_calendar(void **state)
{
	(void)state;
	for (int64_t s = -5000000000; s < 250000000000; s += 86400 * 13 + 12345) {
		const time_t t = s;
		struct rtc_date d;
		struct tm tm;

		rtc_date_of(s, &d);
		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(d.year, tm.tm_year + 1900);
		assert_int_equal(d.month, tm.tm_mon + 1);
		assert_int_equal(d.day, tm.tm_mday);
		assert_int_equal(d.hour, tm.tm_hour);
		assert_int_equal(d.minute, tm.tm_min);
		assert_int_equal(d.second, tm.tm_sec);
		assert_int_equal(d.weekday, tm.tm_wday + 1);
		assert_int_equal(rtc_date_seconds(&d), s);
	}
}

static void test_time(void **state)
{
	(void)state;
	assert_date(0x20, 0x00, 0x02, 0x28, 2, 0x23, 0x59, 0x59);
	fakepc_pass(f, PC_NS);
	assert_date(0x20, 0x00, 0x02, 0x29, 3, 0x00, 0x00, 0x00);
	fakepc_pass(f, 86400 * PC_NS);
	assert_date(0x20, 0x00, 0x03, 0x01, 4, 0x00, 0x00, 0x00);
	/* binary, 12 hours */
	set(11, 0x04);
	assert_date(0x20, 0, 3, 1, 4, 12, 0, 0);
	fakepc_pass(f, 13 * 3600 * PC_NS);
	assert_int_equal(get(4), 0x81);
	set(11, 0x00);
	fakepc_pass(f, 9 * 3600 * PC_NS);
	assert_int_equal(get(4), 0x90);
	assert_int_equal(get(13), 0x80);
	assert_int_equal(fakepc_in(f, 0x70, 1), 0xff);
}

/* SET: the registers stand, are written, and time goes on from there */
static void test_set(void **state)
{
	(void)state;
	fakepc_pass(f, 300 * MS);
	set(11, 0x82);
	fakepc_pass(f, 5 * PC_NS);
	assert_int_equal(get(0), 0x59);
	assert_int_equal(get(10) & 0x80, 0);
	set(0, 0x58);
	set(2, 0x59);
	set(4, 0x23);
	set(6, 7);
	set(7, 0x31);
	set(8, 0x12);
	set(9, 0x99);
	set(0x32, 0x19);
	set(11, 0x02);
	assert_date(0x19, 0x99, 0x12, 0x31, 7, 0x23, 0x59, 0x58);
	/* the divider went on meanwhile */
	fakepc_pass(f, 699 * MS);
	assert_int_equal(get(0), 0x58);
	fakepc_pass(f, 1 * MS);
	assert_int_equal(get(0), 0x59);
	fakepc_pass(f, PC_NS);
	assert_date(0x20, 0x00, 0x01, 0x01, 1, 0, 0, 0);
	/* what is no date becomes one, as it can */
	set(8, 0xff);
	set(7, 0xff);
	fakepc_cycle(f, (struct pcdev *)rtc);
	assert_in_range(get(8), 1, 0x12);
	/* the divider: held, and half a second from its release to the next */
	set(0, 0x10);
	set(10, 0x76);
	fakepc_pass(f, 10 * PC_NS);
	assert_int_equal(get(0), 0x10);
	set(10, 0x26);
	fakepc_pass(f, 499 * MS);
	assert_int_equal(get(0), 0x10);
	fakepc_pass(f, 1 * MS);
	assert_int_equal(get(0), 0x11);
}

static void test_update(void **state)
{
	(void)state;
	assert_int_equal(get(10), 0x26);
	fakepc_pass(f, PC_NS - 2300000);
	assert_int_equal(get(10), 0x26);
	fakepc_pass(f, 100000);
	assert_int_equal(get(10), 0xa6);
	fakepc_pass(f, 2200000);
	assert_int_equal(get(10), 0x26);
	/* the flag is set also where no interrupt is wanted; reading clears it */
	assert_int_equal(get(12), 0x70); /* 1024 Hz; it is 0 o'clock */
	assert_int_equal(get(12), 0);
	assert_int_equal(f->alarm, 0);
	set(10, 0x20);
	set(11, 0x12);
	fakepc_pass(f, PC_NS);
	assert_true(f->line[8]);
	fakepc_pass(f, 5 * PC_NS);
	assert_int_equal(f->raised[8], 1);
	assert_int_equal(get(12), 0x90);
	assert_false(f->line[8]);
	fakepc_pass(f, PC_NS);
	assert_int_equal(f->raised[8], 2);
	/* SET takes UIE away */
	set(11, 0x92);
	assert_int_equal(get(11), 0x82);
	assert_false(f->line[8]);
}

static void test_alarm(void **state)
{
	(void)state;
	set(10, 0x20);
	set(1, 0x30);
	set(3, 0x02);
	set(5, 0x01);
	set(11, 0x22);
	fakepc_pass(f, (3600 + 120 + 30) * PC_NS);
	assert_false(f->line[8]);
	fakepc_pass(f, PC_NS);
	assert_true(f->line[8]);
	assert_int_equal(get(12), 0xb0);
	/* once a day */
	fakepc_pass(f, 86399 * PC_NS);
	assert_false(f->line[8]);
	fakepc_pass(f, PC_NS);
	assert_int_equal(get(12) & 0xa0, 0xa0);
	/* any hour and minute */
	set(3, 0xff);
	set(5, 0xc0);
	for (unsigned i = 0; i < 3; i++) {
		fakepc_pass(f, 60 * PC_NS);
		assert_int_equal(get(12) & 0xa0, 0xa0);
	}
	assert_int_equal(f->raised[8], 5);
	/* a time that there is not: no timer */
	set(5, 0x77);
	assert_int_equal(f->alarm, 0);
	/* polled */
	set(11, 0x02);
	set(5, 0xff);
	fakepc_pass(f, 59 * PC_NS);
	assert_int_equal(get(12) & 0x20, 0);
	fakepc_pass(f, 1 * PC_NS);
	assert_int_equal(get(12) & 0x20, 0x20);
}

/* So many interrupts in 10 s for a guest that is prompt */
static void test_rates(void **state)
{
	(void)state;
	set(11, 0x42);
	for (unsigned rs = 1; rs < 16; rs++) {
		const unsigned hz = 32768u >> ((rs < 3 ? rs + 7 : rs) - 1);
		unsigned n = 0;

		set(10, 0x20 | rs);
		(void)get(12);
		/* to a common period */
		fakepc_pass(f, PC_NS - f->now % PC_NS);
		set(11, 0x02);
		set(11, 0x42);
		(void)get(12);
		for (const uint64_t end = f->now + 10 * PC_NS; f->now < end;) {
			fakepc_pass(f, f->alarm < end ? f->alarm - f->now : end - f->now);
			if (f->line[8]) {
				assert_int_equal(get(12) & 0xc0, 0xc0);
				n++;
			}
		}
		assert_in_range(n, 10 * hz - 1, 10 * hz + 1);
	}
}

/* A guest that looks away, a host that is late: no tick is lost, but many at once */
static void test_owed(void **state)
{
	unsigned n = 0;

	(void)state;
	set(10, 0x2a); /* 64 Hz */
	(void)get(12);
	set(11, 0x42);
	fakepc_pass(f, PC_NS + MS);
	assert_int_equal(f->raised[8], 1);
	f->now += PC_NS;
	/* both reads of a handler that reads twice are of one interrupt */
	assert_int_equal(get(12) & 0xc0, 0xc0);
	assert_int_equal(get(12) & 0xc0, 0);
	fakepc_cycle(f, (struct pcdev *)rtc);
	fakepc_pass(f, 3 * MS);
	assert_false(f->line[8]);
	fakepc_pass(f, 1 * MS);
	assert_true(f->line[8]);
	for (n = 1; f->now < 9 * PC_NS; fakepc_pass(f, MS))
		if (f->line[8]) {
			(void)get(12);
			n++;
		}
	assert_in_range(n, 8 * 64 - 1, 8 * 64);
	/* what is owed is bounded */
	f->now += 1000 * PC_NS;
	for (n = 0; n < 2000; n++, fakepc_pass(f, 4 * MS)) {
		if (!f->line[8])
			break;
		(void)get(12);
	}
	assert_in_range(n, RTC_OWED_MAX + RTC_OWED_MAX / 4, RTC_OWED_MAX * 3 / 2);
	/* and forgotten where no more are wanted */
	f->now += 10 * PC_NS;
	set(11, 0x02);
	set(11, 0x42);
	for (n = 0; f->now % (2 * PC_NS) < PC_NS; fakepc_pass(f, MS))
		n += get(12) >> 6 & 1;
	assert_in_range(n, 1, 65);
}

static void test_reset(void **state)
{
	(void)state;
	set(11, 0x7a);
	set(0x40, 0x55);
	fakepc_pass(f, PC_NS);
	assert_true(f->line[8]);
	fakepc_cycle(f, (struct pcdev *)rtc);
	assert_true(f->line[8]);
	pcbus_reset(&f->bus);
	assert_false(f->line[8]);
	assert_int_equal(get(11), 0x02);
	assert_int_equal(get(0x40), 0x55);
	assert_int_equal(get(7), 0x29);
}

static void test_cmos(void **state)
{
	static const struct rtc_board board = { .below_4g = 3ull << 30,
						.above_4g = 5ull << 30,
						.cpus = 4,
						.floppy = { 4, 0 },
						.boot = "dca" };
	static const struct rtc_board small = { .below_4g = 8u << 20,
						.cpus = 1,
						.boot = "n?" };

	(void)state;
	rtc_cmos_fill(rtc, &board);
	assert_int_equal(get(0x10), 0x40);
	assert_int_equal(get(0x14), 0x07);
	assert_int_equal(get(0x15) | get(0x16) << 8, 640);
	assert_int_equal(get(0x17) | get(0x18) << 8, 65535);
	assert_int_equal(get(0x30) | get(0x31) << 8, 65535);
	assert_int_equal(get(0x34) | get(0x35) << 8, (3u << 14) - 256);
	assert_int_equal(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 5 << 14);
	assert_int_equal(get(0x3d), 0x23);
	assert_int_equal(get(0x38), 0x11);
	assert_int_equal(get(0x5f), 3);
	rtc_cmos_fill(rtc, &small);
	assert_int_equal(get(0x14), 0x06);
	assert_int_equal(get(0x30) | get(0x31) << 8, 7 * 1024);
	assert_int_equal(get(0x34) | get(0x35) << 8, 0);
	assert_int_equal(get(0x3d), 0x04);
	assert_int_equal(get(0x38), 0x01);
	/* the upper half; two bytes at once; not the registers */
	set(0x82, 9);
	assert_int_equal(get(0x82), 9);
	assert_int_equal(get(0x02), 0x59);
	fakepc_out(f, 0x70, 2, 0xab7f);
	assert_int_equal(get(0x7f), 0xab);
	rtc_cmos_set(rtc, 10, 0);
	rtc_cmos_set(rtc, 256, 0);
	assert_int_equal(get(10), 0x26);
	fakepc_cycle(f, (struct pcdev *)rtc);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_calendar), T(test_time),	 T(test_set),
		T(test_update),	  T(test_alarm), T(test_rates),
		T(test_owed),	  T(test_reset), T(test_cmos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
