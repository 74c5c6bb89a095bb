/* SPDX-License-Identifier: MIT */
/* Calendar arithmetic of the clock, without the C library's, which reads files; and how
 * its registers are written. */
#ifndef TANDEM_BACKENDS_PC_RTC_DATE_H
#define TANDEM_BACKENDS_PC_RTC_DATE_H

#include <stdint.h>

#define RTC_DAY_SECONDS 86400

struct rtc_date {
	int64_t year;
	unsigned month, day; /* from 1 */
	unsigned hour, minute, second;
	unsigned weekday; /* 1: Sunday */
};

/* From seconds since 1970 of the proleptic Gregorian calendar, and back; months and
 * days beyond their range count on from there. */
void rtc_date_of(int64_t seconds, struct rtc_date *d);
int64_t rtc_date_seconds(const struct rtc_date *d);

/* Of seconds, 0 to 86399. */
static inline unsigned rtc_second_of_day(int64_t seconds)
{
	const int64_t s = seconds % RTC_DAY_SECONDS;

	return (unsigned)(s < 0 ? s + RTC_DAY_SECONDS : s);
}

/* Bits of register B that say how values are written. */
#define RTC_B_BINARY 0x04
#define RTC_B_24H    0x02

uint8_t rtc_bcd(unsigned value); /* its last two digits */
unsigned rtc_unbcd(uint8_t reg);

static inline uint8_t rtc_encode(uint8_t mode, unsigned value)
{
	return mode & RTC_B_BINARY ? (uint8_t)value : rtc_bcd(value);
}
static inline unsigned rtc_decode(uint8_t mode, uint8_t reg)
{
	return mode & RTC_B_BINARY ? reg : rtc_unbcd(reg);
}

uint8_t rtc_encode_hour(uint8_t mode, unsigned hour);
unsigned rtc_decode_hour(uint8_t mode, uint8_t reg);

#endif
