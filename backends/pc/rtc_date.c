/* SPDX-License-Identifier: MIT */
/*
 * Days and dates: years begin in March here, so that a leap day is a year's last, and
 * months' first days are on a line (153 days are 5 months).
 */
#include "backends/pc/rtc_date.h"

#define PM	     0x80 /* of an hour out of 12 */
#define ERA_YEARS    400
#define ERA_DAYS     146097
#define EPOCH_OFFSET 719468 /* days from 0000-03-01 to 1970-01-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Of a day since 1970, 0 is Sunday. */
static unsigned weekday_of(int64_t day)
{
	return (unsigned)(((day + 4) % 7 + 7) % 7);
}

void rtc_date_of(int64_t seconds, struct rtc_date *d)
{
	const unsigned of_day = rtc_second_of_day(seconds);
	const int64_t day = (seconds - of_day) / RTC_DAY_SECONDS;
	const int64_t era = floor_div(day + EPOCH_OFFSET, ERA_DAYS);
	const unsigned doe = (unsigned)(day + EPOCH_OFFSET - era * ERA_DAYS);
	const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const unsigned month = (5 * doy + 2) / 153; /* 0: March */

	d->day = doy - (153 * month + 2) / 5 + 1;
	d->month = month < 10 ? month + 3 : month - 9;
	d->year = era * ERA_YEARS + yoe + (d->month <= 2);
	d->hour = of_day / 3600;
	d->minute = of_day / 60 % 60;
	d->second = of_day % 60;
	d->weekday = weekday_of(day) + 1;
}

int64_t rtc_date_seconds(const struct rtc_date *d)
{
	const int64_t months = d->year * 12 + d->month - 1 - 2; /* 0: March of year 0 */
	const int64_t year = floor_div(months, 12);
	const int64_t month = months - year * 12;
	const int64_t era = floor_div(year, ERA_YEARS);
	const int64_t yoe = year - era * ERA_YEARS;
	const int64_t day = era * ERA_DAYS + yoe * 365 + yoe / 4 - yoe / 100 +
			    (153 * month + 2) / 5 + d->day - 1 - EPOCH_OFFSET;

	return day * RTC_DAY_SECONDS + d->hour * 3600 + d->minute * 60 + d->second;
}

uint8_t rtc_bcd(unsigned value)
{
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

unsigned rtc_unbcd(uint8_t reg)
{
	return (reg >> 4) * 10u + (reg & 15u);
}

uint8_t rtc_encode_hour(uint8_t mode, unsigned hour)
{
	if (mode & RTC_B_24H)
		return rtc_encode(mode, hour);
	return rtc_encode(mode, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? PM : 0);
}

unsigned rtc_decode_hour(uint8_t mode, uint8_t reg)
{
	if (mode & RTC_B_24H)
		return rtc_decode(mode, reg);
	return rtc_decode(mode, (uint8_t)(reg & ~PM)) % 12 + (reg & PM ? 12 : 0);
}
