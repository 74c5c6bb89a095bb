/* SPDX-License-Identifier: MIT */
/*
 * MC146818. Nothing runs while nobody looks: time and flags follow from pcbus_now()
 * when they are read; a timer runs for the next interrupt that is enabled.
 */
#include "backends/pc/rtc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/byteio.h"
#include "backends/pc/rtc_date.h"

#define BANK	 128u
#define SIZE	 (2 * BANK)
#define FIRST	 0x70
#define NR_PORTS 4u

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR };
enum { A = 10, B, C, D };

#define A_UIP	    0x80
#define A_DV_RESET  0x60 /* both: the divider is held in reset */
#define A_RS	    0x0f
#define B_SET	    0x80
#define B_PIE	    0x40
#define B_AIE	    0x20
#define B_UIE	    0x10
#define B_SQWE	    0x08
#define C_IRQF	    0x80
#define FLAGS	    0x70 /* B's enables and C's flags stand in the same bits */
#define PF	    B_PIE
#define AF	    B_AIE
#define UF	    B_UIE
#define D_VALID	    0x80
#define ANY	    0xc0 /* an alarm's "don't care": this or more */
#define HZ	    32768u
#define UPDATE_NS   (244000u + 1984000u) /* UIP before, and the update itself */
#define RELEASE_NS  (PC_NS / 2)		 /* from the divider's release to an update */
#define ALARM_STEPS 300u		 /* a day in hours, an hour and a minute, twice */
#define NEVER	    UINT64_MAX
#define ELAPSED_MAX (1ull << 62)
#define SECONDS_MAX (1ll << 40)

struct rtc {
	struct pcdev dev;
	struct pcbus *b;
	struct pctimer timer;
	uint8_t index[2];
	uint8_t ram[SIZE];
	uint8_t weekday; /* what the guest's differs by from the calendar's */
	int64_t origin;	 /* when the divider began, of pcbus_now() */
	int64_t base;	 /* the time then, seconds since 1970 */
	uint64_t second; /* of the divider: UF and AF tell what happened until then */
	uint64_t tick;	 /* periods of the divider that were given */
	uint64_t hold;	 /* what is owed waits until then */
};

struct state {
	uint8_t ram[SIZE], index[2], weekday;
	int64_t base;
	uint64_t elapsed, second, tick, hold;
} __attribute__((packed));

static struct rtc *of(struct pcdev *d)
{
	return (struct rtc *)d;
}

/* ------------------------------------------------------------------- registers */

static bool running(const struct rtc *r)
{
	return (r->ram[A] & A_DV_RESET) != A_DV_RESET;
}

/* Does the time advance? */
static bool updates(const struct rtc *r)
{
	return running(r) && !(r->ram[B] & B_SET);
}

/* ns since the divider began */
static uint64_t elapsed(const struct rtc *r)
{
	return (uint64_t)((int64_t)pcbus_now(r->b) - r->origin);
}

static bool is_time(unsigned at)
{
	return at == RTC_CENTURY || (at <= YEAR && (at > HOUR || !(at & 1)));
}

/* The time's registers, as they are now. */
static void registers_fill(struct rtc *r)
{
	const uint8_t mode = r->ram[B];
	struct rtc_date d;

	if (!updates(r))
		return;
	rtc_date_of(r->base + (int64_t)(elapsed(r) / PC_NS), &d);
	r->ram[SEC] = rtc_encode(mode, d.second);
	r->ram[MIN] = rtc_encode(mode, d.minute);
	r->ram[HOUR] = rtc_encode_hour(mode, d.hour);
	r->ram[WEEKDAY] = rtc_encode(mode, (d.weekday - 1 + r->weekday) % 7 + 1);
	r->ram[DAY] = rtc_encode(mode, d.day);
	r->ram[MONTH] = rtc_encode(mode, d.month);
	r->ram[YEAR] = rtc_encode(mode, (unsigned)(d.year % 100));
	r->ram[RTC_CENTURY] = rtc_bcd((unsigned)(d.year / 100 % 100)); /* BIOSes' own */
}

/* The time goes on from what stands in the registers. */
static void registers_take(struct rtc *r)
{
	const uint8_t mode = r->ram[B];
	struct rtc_date d = { .second = rtc_decode(mode, r->ram[SEC]),
			      .minute = rtc_decode(mode, r->ram[MIN]),
			      .hour = rtc_decode_hour(mode, r->ram[HOUR]),
			      .day = rtc_decode(mode, r->ram[DAY]),
			      .month = rtc_decode(mode, r->ram[MONTH]) };
	const unsigned weekday = rtc_decode(mode, r->ram[WEEKDAY]);
	int64_t now;

	d.year = rtc_decode(mode, r->ram[YEAR]) +
		 100 * (int64_t)rtc_unbcd(r->ram[RTC_CENTURY]);
	now = rtc_date_seconds(&d);
	r->base = now - (int64_t)(elapsed(r) / PC_NS);
	rtc_date_of(now, &d);
	r->weekday = (uint8_t)((weekday + 7 - d.weekday) % 7);
}

/* -------------------------------------------------------------------- interrupts */

/* 1/HZ seconds of the rate that is selected; 0: none. */
static unsigned period(const struct rtc *r)
{
	const unsigned rs = r->ram[A] & A_RS;

	if (!rs || !running(r))
		return 0;
	return 1u << ((rs < 3 ? rs + 7 : rs) - 1);
}

static uint64_t ns_to_hz(uint64_t ns)
{
	return ns / PC_NS * HZ + ns % PC_NS * HZ / PC_NS;
}

/* When it is so many, rounded up */
static uint64_t hz_to_ns(uint64_t n)
{
	return n / HZ * PC_NS + (n % HZ * PC_NS + HZ - 1) / HZ;
}

static bool alarm_is(const struct rtc *r, unsigned reg, uint8_t value)
{
	return r->ram[reg] >= ANY || r->ram[reg] == value;
}

/* The divider's second of the next alarm after one. */
static uint64_t alarm_next(const struct rtc *r, uint64_t after)
{
	const uint8_t mode = r->ram[B];
	int64_t t = r->base + (int64_t)after + 1;

	for (unsigned n = 0; n < ALARM_STEPS; n++) {
		const unsigned of_day = rtc_second_of_day(t);

		if (!alarm_is(r, HOUR_ALARM, rtc_encode_hour(mode, of_day / 3600)))
			t += 3600 - of_day % 3600;
		else if (!alarm_is(r, MIN_ALARM, rtc_encode(mode, of_day / 60 % 60)))
			t += 60 - of_day % 60;
		else if (!alarm_is(r, SEC_ALARM, rtc_encode(mode, of_day % 60)))
			t++;
		else
			return (uint64_t)(t - r->base);
	}
	return NEVER; /* a time that there is not */
}

static void periodic_update(struct rtc *r)
{
	uint64_t due;

	if (!period(r))
		return;
	due = ns_to_hz(elapsed(r)) / period(r);
	if (!(r->ram[B] & B_PIE)) {
		if (due > r->tick)
			r->ram[C] |= PF;
		r->tick = due;
		return;
	}
	if (due > r->tick + RTC_OWED_MAX)
		r->tick = due - RTC_OWED_MAX;
	if (due > r->tick && !(r->ram[C] & PF) && pcbus_now(r->b) >= r->hold) {
		r->ram[C] |= PF;
		r->tick++;
	}
}

/* When the next period is, or may be given. */
static uint64_t tick_next(const struct rtc *r)
{
	const uint64_t at = hz_to_ns((r->tick + 1) * period(r)) + (uint64_t)r->origin;

	return at > r->hold ? at : r->hold;
}

/* When something happens that the guest wants to know; NEVER: nothing will. */
static uint64_t next_event(const struct rtc *r)
{
	const uint8_t wanted = r->ram[B] & ~r->ram[C] & FLAGS;
	uint64_t second = NEVER, at = NEVER;

	if (wanted & UF && updates(r))
		second = r->second + 1;
	else if (wanted & AF && updates(r))
		second = alarm_next(r, r->second);
	if (second != NEVER)
		at = second * PC_NS + (uint64_t)r->origin;
	if (wanted & PF && period(r) && tick_next(r) < at)
		at = tick_next(r);
	return at;
}

/* Flags, line and timer as they have to be now. */
static void update(struct rtc *r)
{
	uint64_t at;

	if (running(r)) {
		const uint64_t now = elapsed(r) / PC_NS;

		if (now > r->second && updates(r)) {
			r->ram[C] |= UF;
			if (alarm_next(r, r->second) <= now)
				r->ram[C] |= AF;
		}
		r->second = now;
		periodic_update(r);
	}
	pcbus_irq(r->b, RTC_LINE, r->ram[B] & r->ram[C] & FLAGS);
	at = next_event(r);
	if (at != NEVER)
		pctimer_set(r->b, &r->timer, at);
	else
		pctimer_stop(r->b, &r->timer);
}

static void fire(void *arg)
{
	update(arg);
}

/* What has been owed under another rate, or none, is forgotten. */
static void periodic_restart(struct rtc *r)
{
	r->tick = period(r) ? ns_to_hz(elapsed(r)) / period(r) : 0;
	r->hold = 0;
}

/* ------------------------------------------------------------------------- ports */

static void write_a(struct rtc *r, uint8_t value)
{
	const bool was = running(r);
	const uint8_t rate = r->ram[A] & A_RS;

	registers_fill(r);
	r->ram[A] = (uint8_t)(value & ~A_UIP);
	if (!was && running(r)) {
		r->origin = (int64_t)(pcbus_now(r->b) - RELEASE_NS);
		r->second = 0;
		registers_take(r);
	}
	if (was != running(r) || rate != (value & A_RS))
		periodic_restart(r);
}

static void write_b(struct rtc *r, uint8_t value)
{
	const uint8_t changed = r->ram[B] ^ value;

	registers_fill(r);
	if (value & B_SET)
		value = (uint8_t)(value & ~B_UIE);
	r->ram[B] = value;
	if (changed & B_SET && updates(r))
		registers_take(r);
}

static uint8_t read_c(struct rtc *r)
{
	uint8_t value = r->ram[C];

	if (r->ram[B] & value & FLAGS)
		value |= C_IRQF;
	if (value & PF && period(r))
		r->hold = pcbus_now(r->b) + hz_to_ns(period(r)) / 4;
	r->ram[C] = 0;
	return value;
}

static uint8_t data_read(struct rtc *r, unsigned at)
{
	uint8_t value;

	switch (at) {
	case A:
		value = r->ram[A];
		if (updates(r) && elapsed(r) % PC_NS >= PC_NS - UPDATE_NS)
			value |= A_UIP;
		return value;
	case C:
		update(r);
		value = read_c(r);
		update(r);
		return value;
	case D:
		return D_VALID;
	default:
		if (is_time(at))
			registers_fill(r);
		return r->ram[at];
	}
}

static void data_write(struct rtc *r, unsigned at, uint8_t value)
{
	update(r); /* under what has been true so far */
	switch (at) {
	case A:
		write_a(r, value);
		break;
	case B:
		write_b(r, value);
		break;
	case C:
	case D:
		break;
	default:
		if (is_time(at))
			registers_fill(r);
		r->ram[at] = value;
		if (is_time(at) && updates(r))
			registers_take(r);
	}
	update(r);
}

static uint8_t reg_read(void *arg, unsigned reg)
{
	struct rtc *r = arg;

	/* the index cannot be read back */
	return reg & 1 ? data_read(r, r->index[reg / 2] + reg / 2 * BANK) : 0xff;
}

static void reg_write(void *arg, unsigned reg, uint8_t byte)
{
	struct rtc *r = arg;

	if (reg & 1)
		data_write(r, r->index[reg / 2] + reg / 2 * BANK, byte);
	else
		r->index[reg / 2] = byte % BANK; /* bit 7 of 0x70 masks NMIs: none come */
}

static uint64_t io_read(void *arg, uint64_t at, unsigned size)
{
	return byteio_read(reg_read, arg, NR_PORTS, at, size);
}

static void io_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	byteio_write(reg_write, arg, NR_PORTS, at, size, value);
}

/* ------------------------------------------------------------------- the device */

/* The clock and the memory have a battery. */
static void rtc_reset(struct pcdev *d)
{
	struct rtc *r = of(d);

	update(r);
	memset(r->index, 0, sizeof(r->index));
	r->ram[B] &= (uint8_t) ~(FLAGS | B_SQWE);
	r->ram[C] = 0;
	update(r);
}

static size_t rtc_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	struct rtc *r = of(d);
	const uint64_t now = pcbus_now(r->b);
	struct state s;

	if (max < sizeof(s))
		return 0;
	update(r);
	registers_fill(r);
	memcpy(s.ram, r->ram, sizeof(s.ram));
	memcpy(s.index, r->index, sizeof(s.index));
	s.weekday = r->weekday;
	s.base = r->base;
	s.elapsed = elapsed(r);
	s.second = r->second;
	s.tick = r->tick;
	s.hold = r->hold > now ? r->hold - now : 0;
	memcpy(buf, &s, sizeof(s));
	return sizeof(s);
}

static bool state_good(const struct state *s)
{
	return s->index[0] < BANK && s->index[1] < BANK && s->weekday < 7 &&
	       !(s->ram[A] & A_UIP) && !(s->ram[C] & ~FLAGS) && s->base < SECONDS_MAX &&
	       s->base > -SECONDS_MAX && s->elapsed < ELAPSED_MAX &&
	       s->second <= s->elapsed / PC_NS && s->tick <= ns_to_hz(s->elapsed) &&
	       s->hold <= PC_NS;
}

static int rtc_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct rtc *r = of(d);
	const uint64_t now = pcbus_now(r->b);
	struct state s;

	if (len != sizeof(s))
		return -EBADMSG;
	memcpy(&s, buf, sizeof(s));
	if (!state_good(&s))
		return -EBADMSG;
	memcpy(r->ram, s.ram, sizeof(s.ram));
	memcpy(r->index, s.index, sizeof(s.index));
	r->weekday = s.weekday;
	r->base = s.base;
	r->origin = (int64_t)now - (int64_t)s.elapsed;
	r->second = s.second;
	r->tick = s.tick;
	r->hold = s.hold ? now + s.hold : 0;
	update(r);
	return 0;
}

static void rtc_destroy(struct pcdev *d)
{
	pctimer_stop(of(d)->b, &of(d)->timer);
	free(of(d));
}

static const struct pcdev_ops rtc_ops = { .name = "rtc",
					  .reset = rtc_reset,
					  .save = rtc_save,
					  .load = rtc_load,
					  .destroy = rtc_destroy };

struct rtc *rtc_new(struct pcbus *b, int64_t utc, int32_t offset)
{
	static const struct io_ops io = { io_read, io_write };
	struct rtc *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->dev.ops = &rtc_ops;
	r->b = b;
	r->timer = (struct pctimer){ .fire = fire, .arg = r };
	r->origin = (int64_t)pcbus_now(b);
	r->base = utc + offset;
	r->ram[A] = 0x26; /* as BIOSes have it: 32768 Hz, 1024 Hz */
	r->ram[B] = RTC_B_24H;
	if (pcbus_pio_map(b, FIRST, NR_PORTS, &io, r)) {
		free(r);
		return NULL;
	}
	pcbus_add(b, &r->dev);
	return r;
}

void rtc_cmos_set(struct rtc *r, unsigned at, uint8_t value)
{
	if (at > D && at < SIZE && at != RTC_CENTURY)
		r->ram[at] = value;
}
