/* SPDX-License-Identifier: MIT */
/* What a PC's firmware keeps in the CMOS memory, and SeaBIOS looks for (rtc.h there). */
#include <string.h>

#include "backends/pc/rtc.h"

#define KIB	    1024u
#define MIB	    (1024u * KIB)
#define UNIT	    (64u * KIB)
#define BASE_MEMORY 640u /* KiB */

#define FLOPPIES  0x10
#define EQUIPMENT 0x14
#define BASE	  0x15 /* KiB below 1 MiB */
#define EXTENDED  0x17 /* KiB above 1 MiB */
#define EXTENDED2 0x30 /* the same */
#define ABOVE_16M 0x34 /* 64 KiB each */
#define BOOT_3	  0x38 /* high: the third device; bit 0: boot any floppy */
#define BOOT_1_2  0x3d /* low: the first */
#define ABOVE_4G  0x5b /* 64 KiB each, 24 bits */
#define MORE_CPUS 0x5f

#define HAS_FLOPPY 0x01
#define HAS_FPU	   0x02
#define HAS_MOUSE  0x04

static void set(struct rtc *r, unsigned at, unsigned bytes, uint64_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		rtc_cmos_set(r, at + i, (uint8_t)(value >> (8 * i)));
}

/* How much there is beyond a size, in units, as 16 bits can say. */
static uint64_t beyond(uint64_t memory, uint64_t size, unsigned unit)
{
	const uint64_t n = memory > size ? (memory - size) / unit : 0;

	return n > UINT16_MAX ? UINT16_MAX : n;
}

static unsigned boot_code(char device)
{
	static const char devices[] = "acdn"; /* 1 to 4 */
	const char *p = device ? strchr(devices, device) : NULL;

	return p ? (unsigned)(p - devices) + 1 : 0;
}

static void boot_order(struct rtc *r, const char *boot)
{
	unsigned code[3] = { 0 };

	for (unsigned i = 0; i < 3 && boot && *boot; i++)
		code[i] = boot_code(*boot++);
	set(r, BOOT_1_2, 1, code[0] | code[1] << 4);
	set(r, BOOT_3, 1, code[2] << 4 | 1);
}

void rtc_cmos_fill(struct rtc *r, const struct rtc_board *board)
{
	const unsigned floppies =
		(board->floppy[0] ? 1u : 0) + (board->floppy[1] ? 1 : 0);

	set(r, FLOPPIES, 1, (board->floppy[0] & 15u) << 4 | (board->floppy[1] & 15u));
	set(r, EQUIPMENT, 1,
	    HAS_FPU | HAS_MOUSE | (floppies ? HAS_FLOPPY | (floppies - 1) << 6 : 0));
	set(r, BASE, 2, BASE_MEMORY);
	set(r, EXTENDED, 2, beyond(board->below_4g, MIB, KIB));
	set(r, EXTENDED2, 2, beyond(board->below_4g, MIB, KIB));
	set(r, ABOVE_16M, 2, beyond(board->below_4g, 16 * MIB, UNIT));
	set(r, ABOVE_4G, 3, board->above_4g / UNIT);
	set(r, MORE_CPUS, 1, board->cpus - 1);
	boot_order(r, board->boot);
}
