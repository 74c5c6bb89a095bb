/* SPDX-License-Identifier: MIT */
/*
 * A guest of a PC that finds its machine again: it counts the interrupts of the PIT and
 * the RTC, and looks again and again at memory and registers that it has written, and at
 * clocks that must agree; and, where it has a disk, reads that, whose words count on from
 * sector to sector. A line "tick N" on port 0x402 each half second of the RTC's; a
 * line "BAD ..." when something is not as it was.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_PORT     0x402
#define RTC_HZ	     64
#define PIT_HZ	     100
#define PIT_COUNT    11932 /* of 1,193,182 Hz */
#define TICK	     32	   /* interrupts of the RTC a line */
#define IRQ_VECTOR   0x20
#define PM_PORT	     0xb000
#define PM_HZ	     3579545u
#define CLOCKS_APART (2 * RTC_HZ)
#define CLOCKS_LONG  (8 * RTC_HZ)
#define VRAM	     0xe0000000u
#define VRAM_FIRST   32 /* the window shows those before it */
#define VRAM_PAGES   256
#define WINDOW	     0xa0000u
#define CARRY	     256 /* bytes that are copied by one instruction */
#define RAM	     0x200000u
#define RAM_PAGES    1024
#define PAGE	     4096u
#define DMA_PORT     0xc000
#define DISK_BUF     0x180000u
#define DISK_READ    16 /* sectors at once */
#define DISK_SIZE    1024
#define WORDS	     128u /* of a sector */

struct gate {
	uint16_t low, selector, type, high;
};

static struct gate idt[256];
static volatile uint32_t rtc_irqs, pit_irqs, other_irqs;
static uint32_t seconds_last, seconds_passed, pm_last, pm_passed, differ_since, ram_round;
static uint32_t disk_at;
static bool has_disk;
static uint8_t copied[CARRY];
static struct {
	uint32_t base, length;
} prd __attribute__((aligned(8)));

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* pc_start.S: they call what has _do behind its name. */
void on_pit(void);
void on_rtc(void);
void on_other(void);
void on_pit_do(void);
void on_rtc_do(void);
void on_other_do(void);
void guest_main(void);

/* ------------------------------------------------------------------------- text */

static void put(const char *s)
{
	while (*s)
		outb(LOG_PORT, (uint8_t)*s++);
}

static void put_number(uint32_t n)
{
	char text[11];
	char *p = text + sizeof(text) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	put(p);
}

static void bad(const char *what, uint32_t is, uint32_t was)
{
	put("BAD ");
	put(what);
	put(" ");
	put_number(is);
	put(" ");
	put_number(was);
	put("\n");
}

static void same(const char *what, uint32_t is, uint32_t was)
{
	if (is != was)
		bad(what, is, was);
}

/* ------------------------------------------------------------------- interrupts */

static uint8_t cmos(uint8_t at)
{
	outb(0x70, at);
	return inb(0x71);
}

static void cmos_set(uint8_t at, uint8_t v)
{
	outb(0x70, at);
	outb(0x71, v);
}

void on_pit_do(void)
{
	pit_irqs++;
	outb(0x20, 0x20);
}

/* Who reads the clock has interrupts off: the index is this one's. */
void on_rtc_do(void)
{
	if (cmos(0x0c) & 0x40)
		rtc_irqs++;
	outb(0xa0, 0x20);
	outb(0x20, 0x20);
}

void on_other_do(void)
{
	other_irqs++;
}

static void gate_set(unsigned n, void (*fn)(void))
{
	idt[n] = (struct gate){ (uint16_t)(uintptr_t)fn, 8, 0x8e00,
				(uint16_t)((uintptr_t)fn >> 16) };
}

static void interrupts_start(void)
{
	static const uint8_t init[][2] = {
		{ 0x20, 0x11 },
		{ 0x21, IRQ_VECTOR },
		{ 0x21, 4 },
		{ 0x21, 1 },
		{ 0xa0, 0x11 },
		{ 0xa1, IRQ_VECTOR + 8 },
		{ 0xa1, 2 },
		{ 0xa1, 1 },
		{ 0x21, 0xfa },
		{ 0xa1, 0xfe }, /* the PIT, the second PIC, the RTC */
		{ 0x43, 0x34 },
		{ 0x40, PIT_COUNT & 0xff },
		{ 0x40, PIT_COUNT >> 8 },
	};
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	for (unsigned i = 0; i < 256; i++)
		gate_set(i, on_other);
	gate_set(IRQ_VECTOR, on_pit);
	gate_set(IRQ_VECTOR + 8, on_rtc);
	__asm__ volatile("lidt %0" ::"m"(pointer));
	for (unsigned i = 0; i < sizeof(init) / sizeof(init[0]); i++)
		outb(init[i][0], init[i][1]);
	cmos_set(0x0a, 0x2a);
	cmos_set(0x0b, 0x42);
	(void)cmos(0x0c);
}

/* ---------------------------------------------------------------- what is there */

static uint16_t pci(unsigned slot, unsigned fn, unsigned at)
{
	outl(0xcf8, 1u << 31 | slot << 11 | fn << 8 | (at & 0xfc));
	return (uint16_t)(0xcfc + (at & 3));
}

/* Pages of video memory and RAM have something of their own each. */
static volatile uint32_t *word_of(uint32_t base, unsigned page)
{
	return (volatile uint32_t *)(base + page * PAGE + page % 512 * 8);
}

static void devices_start(void)
{
	/* all planes, one behind the other, in the window */
	static const uint16_t vga[][2] = {
		{ 0x3c2, 3 },	 { 0x3c4, 2 }, { 0x3c5, 0x0f }, { 0x3c4, 4 },
		{ 0x3c5, 0x0e }, { 0x3ce, 5 }, { 0x3cf, 0 },	{ 0x3ce, 6 },
		{ 0x3cf, 1 },	 { 0x3ce, 8 }, { 0x3cf, 0xff },
	};

	outl(pci(2, 0, 0x10), VRAM);
	outb(pci(2, 0, 4), 2);
	outl(pci(1, 3, 0x40), PM_PORT | 1);
	outb(pci(1, 3, 0x80), 1);
	outb(pci(1, 3, 4), 1);
	pm_last = inl(PM_PORT + 8);
	outl(pci(1, 1, 0x20), DMA_PORT);
	outb(pci(1, 1, 4), 5);
	outb(pci(1, 1, 0x41), 0x80); /* the channel is there */
	outb(0x1f6, 0xe0);
	has_disk = (inb(0x1f7) & 0xc0) == 0x40;
	put(has_disk ? "with a disk\n" : "without a disk\n");
	cmos_set(0x50, 0xa5);
	outb(0x64, 0x60); /* the keyboard controller's command byte */
	outb(0x60, 0x74);
	outb(0x0c, 0); /* a DMA channel's address */
	outb(0x02, 0x34);
	outb(0x02, 0x12);
	for (unsigned i = VRAM_FIRST; i < VRAM_PAGES; i++)
		*word_of(VRAM, i) = i * 0x01010101u + 1;
	for (unsigned i = 0; i < sizeof(vga) / sizeof(vga[0]); i++)
		outb(vga[i][0], (uint8_t)vga[i][1]);
	for (unsigned i = 0; i < CARRY; i++)
		*(volatile uint8_t *)(WINDOW + i) = (uint8_t)(i * 5);
}

static uint8_t keyboard_command(void)
{
	outb(0x64, 0x20);
	for (unsigned i = 0; i < 1000 && !(inb(0x64) & 1); i++)
		;
	return inb(0x60);
}

static uint32_t dma_address(void)
{
	uint32_t low;

	outb(0x0c, 0);
	low = inb(0x02);
	return low | (uint32_t)inb(0x02) << 8;
}

static void registers_check(void)
{
	__asm__ volatile("cli");
	same("cmos", cmos(0x50), 0xa5);
	same("rtc a", cmos(0x0a) & 0x7f, 0x2a);
	same("rtc b", cmos(0x0b), 0x42);
	__asm__ volatile("sti");
	same("vga bar", inl(pci(2, 0, 0x10)) & ~15u, VRAM);
	same("pm base", inl(pci(1, 3, 0x40)), PM_PORT | 1);
	same("keyboard", keyboard_command(), 0x74);
	same("dma", dma_address(), 0x1234);
	same("pic masks", inb(0x21) | (uint32_t)inb(0xa1) << 8, 0xfefa);
	same("other interrupts", other_irqs, 0);
}

/* A save may come in the middle of what one instruction reads from a device. */
static void vram_check(void)
{
	const void *from = (const void *)WINDOW;
	void *to = copied;
	uint32_t n = CARRY;

	for (unsigned i = VRAM_FIRST; i < VRAM_PAGES; i++)
		same("video memory", *word_of(VRAM, i), i * 0x01010101u + 1);
	__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n)::"memory");
	for (unsigned i = 0; i < CARRY; i++) {
		same("what was copied", copied[i], (uint8_t)(i * 5));
		copied[i] = 0;
	}
}

static void ram_change(void)
{
	for (unsigned i = 0; i < RAM_PAGES; i++) {
		if (ram_round)
			same("memory", *word_of(RAM, i), (ram_round - 1) ^ i << 12);
		*word_of(RAM, i) = ram_round ^ i << 12;
	}
	ram_round++;
}

/* By DMA; it may be saved while that is under way. */
static void disk_check(void)
{
	volatile uint32_t *word = (volatile uint32_t *)DISK_BUF;

	if (!has_disk)
		return;
	prd.base = DISK_BUF;
	prd.length = 1u << 31 | DISK_READ * WORDS * 4;
	outl(DMA_PORT + 4, (uint32_t)(uintptr_t)&prd);
	outb(DMA_PORT + 2, 6);
	outb(0x1f2, DISK_READ);
	outb(0x1f3, (uint8_t)disk_at);
	outb(0x1f4, (uint8_t)(disk_at >> 8));
	outb(0x1f5, 0);
	outb(0x1f6, 0xe0);
	outb(0x1f7, 0xc8);
	outb(DMA_PORT, 9);
	while (!(inb(DMA_PORT + 2) & 4))
		__asm__ volatile("hlt");
	same("DMA", inb(DMA_PORT + 2) & 3, 0);
	outb(DMA_PORT, 0);
	same("disk status", inb(0x1f7), 0x50);
	for (uint32_t i = 0; i < DISK_READ * WORDS; i += 32) {
		same("disk", word[i], disk_at * WORDS + i);
		word[i] = 0;
	}
	disk_at = (disk_at + DISK_READ) % DISK_SIZE;
}

/* ----------------------------------------------------------------------- clocks */

/* While interrupts are off. */
static uint32_t seconds_read(void)
{
	uint8_t a, b;

	do {
		while (cmos(0x0a) & 0x80)
			;
		a = cmos(0);
		b = cmos(0);
	} while (a != b);
	return (a >> 4) * 10u + (a & 15u);
}

/* What a clock shows, in interrupts of the RTC since the start. */
static uint32_t pm_time(void)
{
	const uint32_t now = inl(PM_PORT + 8) & 0xffffff;

	pm_passed += (now - pm_last) & 0xffffff; /* it comes round in 4.7 s */
	pm_last = now;
	return pm_passed / (PM_HZ / RTC_HZ);
}

static uint32_t seconds_time(void)
{
	uint32_t now;

	__asm__ volatile("cli");
	now = seconds_read();
	__asm__ volatile("sti");
	seconds_passed += (now + 60 - seconds_last) % 60;
	seconds_last = now;
	return seconds_passed * RTC_HZ;
}

/*
 * One that stood still, or did not, while the others went on. A busy host is late with
 * interrupts, and makes up for it: they differ for long.
 */
static void clocks_check(void)
{
	const uint32_t times[] = { rtc_irqs, pit_irqs * RTC_HZ / PIT_HZ, pm_time(),
				   seconds_time() };
	uint32_t first = times[0], last = times[0];

	for (unsigned i = 1; i < 4; i++) {
		first = times[i] < first ? times[i] : first;
		last = times[i] > last ? times[i] : last;
	}
	if (last - first < CLOCKS_APART)
		differ_since = last;
	if (last - differ_since < CLOCKS_LONG)
		return;
	bad("RTC, PIT", times[0], times[1]);
	bad("PM timer, seconds", times[2], times[3]);
	differ_since = last;
}

void guest_main(void)
{
	interrupts_start();
	devices_start();
	seconds_last = seconds_read();
	__asm__ volatile("sti");
	for (uint32_t tick = 0;; tick++) {
		put("tick ");
		put_number(tick);
		put("\n");
		do {
			ram_change();
			vram_check();
			disk_check();
			registers_check();
			clocks_check();
			__asm__ volatile("hlt");
		} while (rtc_irqs < (tick + 1) * TICK);
	}
}
