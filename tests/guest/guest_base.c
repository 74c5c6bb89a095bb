/* SPDX-License-Identifier: MIT */
/* What every microguest is linked with, of 32 and of 64 bits. */
#include "tests/guest/guest.h"

#define DEBUG_PORT 0xe9

uint8_t scratch[SCRATCH_PAGES][XEN_PAGE_SIZE] __attribute__((aligned(4096)));

void *memset(void *p, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)p)[i] = (char)c;
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

struct regs cpuid(uint32_t leaf)
{
	struct regs r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(0));
	return r;
}

void put_text(const char *s)
{
	for (; *s; s++)
		asm volatile("outb %0, %1" : : "a"(*s), "Nd"((uint16_t)DEBUG_PORT));
}

void put_number(int64_t n)
{
	char buf[24];
	/* a word: who has 32 bits cannot divide more, and prints none */
	unsigned long u = n < 0 ? (unsigned long)-n : (unsigned long)n;
	unsigned at = sizeof(buf) - 1;

	buf[at] = '\0';
	do {
		buf[--at] = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (n < 0)
		buf[--at] = '-';
	put_text(buf + at);
}

void guest_end(uint32_t reason)
{
	(void)hypercall_op(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &reason);
	for (;;)
		asm volatile("hlt");
}

void guest_fail(const char *what, int line, int64_t got)
{
	put_text("line ");
	put_number(line);
	put_text(": ");
	put_text(what);
	put_text(": ");
	put_number(got);
	put_text("\n");
	guest_end(SHUTDOWN_crash);
}
