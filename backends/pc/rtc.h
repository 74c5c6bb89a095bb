/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock and CMOS memory: an MC146818 (Motorola's datasheet MC146818/D)
 * with 256 bytes, as the PIIX4 has it (Intel 290562, 4.2.4).
 *
 *   0x70, 0x71   index and data, bytes 0 to 127: time, registers A to D, memory
 *   0x72, 0x73   index and data, bytes 128 to 255: memory
 *   line 8
 *
 * Periodic interrupts come at exactly the average rate that was asked for, because some
 * systems keep their time by them: those that fall due while register C has not been
 * read, or that the host was late for, are owed (RTC_OWED_MAX at most) and given
 * afterwards, a quarter of a period after the guest has read C.
 *
 * Time stands as pcbus_now() does. Daylight saving (DSE) and the square wave have no
 * effect; the bits are kept.
 */
#ifndef TANDEM_BACKENDS_PC_RTC_H
#define TANDEM_BACKENDS_PC_RTC_H

#include "backends/pc/bus.h"

#define RTC_LINE     8u
#define RTC_OWED_MAX 1024u
#define RTC_CENTURY  0x32u /* the century's register, where ACPI tables want it named */

struct rtc;

/* utc: seconds since 1970 now; offset: of the time that it shows, for guests that keep
 * local time. NULL: out of memory, ports taken. Freed by pcbus_fini(). */
struct rtc *rtc_new(struct pcbus *b, int64_t utc, int32_t offset);

/* What firmware looks for in the memory. */
struct rtc_board {
	uint64_t below_4g, above_4g; /* bytes of RAM */
	unsigned cpus;
	uint8_t floppy[2]; /* CMOS types: 0 none, 4 of 1.44 MB, 5 of 2.88 MB */
	const char *boot;  /* the first three devices: a, c, d, n as xl.cfg's */
};

void rtc_cmos_fill(struct rtc *r, const struct rtc_board *board);
/* One byte of 256: not a time, nor registers A to D. */
void rtc_cmos_set(struct rtc *r, unsigned at, uint8_t value);

#endif
