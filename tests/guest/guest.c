/* SPDX-License-Identifier: MIT */
/* What every microguest is linked with. */
#include "tests/guest/guest.h"

#define DEBUG_PORT 0xe9

const struct hvm_start_info *guest_info;
uint8_t scratch[SCRATCH_PAGES][XEN_PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t info_page[XEN_PAGE_SIZE] __attribute__((aligned(4096)));
static bool by_port, amd;

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

int64_t hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	register uint64_t r10 asm("r10") = 0;
	register uint64_t r8 asm("r8") = 0;

	if (by_port)
		asm volatile("out %%eax, $0xf4"
			     : "+a"(nr), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			     :
			     : "memory", "r9", "r11", "rcx");
	else if (amd)
		asm volatile("vmmcall"
			     : "+a"(nr), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			     :
			     : "memory", "r9", "r11", "rcx");
	else
		asm volatile("vmcall"
			     : "+a"(nr), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r10), "+r"(r8)
			     :
			     : "memory", "r9", "r11", "rcx");
	return (int64_t)nr;
}

void put_text(const char *s)
{
	for (; *s; s++)
		asm volatile("outb %0, %1" : : "a"(*s), "Nd"((uint16_t)DEBUG_PORT));
}

void put_number(int64_t n)
{
	char buf[24];
	uint64_t u = n < 0 ? (uint64_t)-n : (uint64_t)n;
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

static bool registered;

void shared_info_again(void)
{
	registered = false;
	(void)shared_info();
}

struct shared_info *shared_info(void)
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF,
					.space = XENMAPSPACE_shared_info,
					.gpfn = gfn_of(info_page) };

	if (!registered)
		CHECK_EQ(hypercall_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &a),
			 0);
	registered = true;
	return (struct shared_info *)info_page;
}

/* The command line's first letter says how to call: p, by the port. */
void guest_start(const struct hvm_start_info *info);
void guest_start(const struct hvm_start_info *info)
{
	guest_info = info;
	by_port = *(const char *)info->cmdline_paddr == 'p';
	amd = cpuid(0).ebx == 0x68747541;
	CHECK(info->magic == XEN_HVM_START_MAGIC_VALUE);
	guest_main();
	guest_end(SHUTDOWN_poweroff);
}
