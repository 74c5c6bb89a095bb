/* SPDX-License-Identifier: MIT */
/* A microguest on a PC. */
#include "tests/guest/pc.h"

#define PIC0 0x20u
#define PIC1 0xa0u
#define ELCR 0x4d0u
#define EOI  0x20u

static uint8_t page[XEN_PAGE_SIZE] __attribute__((aligned(4096)));

uint32_t pci_in(unsigned devfn, unsigned at)
{
	out32(0xcf8, 0x80000000u | devfn << 8 | at);
	return in32(0xcfc);
}

void pci_out(unsigned devfn, unsigned at, uint32_t v)
{
	out32(0xcf8, 0x80000000u | devfn << 8 | at);
	out32(0xcfc, v);
}

uint32_t xen_find(void)
{
	for (uint32_t base = 0x40000000; base < 0x40010000; base += 0x100) {
		struct regs r = cpuid(base);

		if (r.ebx != 0x566e6558u || r.ecx != 0x65584d4du || r.edx != 0x4d4d566eu)
			continue;
		r = cpuid(base + 2);
		CHECK_EQ(r.eax, 1);
		asm volatile("wrmsr"
			     :
			     : "c"(r.ebx), "a"((uint32_t)(word)page), "d"(0)
			     : "memory");
		return base;
	}
	return 0;
}

#ifdef __x86_64__
struct gate {
	uint16_t offset0, selector, type, offset1;
	uint32_t offset2, reserved;
};

int64_t hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	int64_t ret;

	asm volatile("call *%4"
		     : "=a"(ret), "+D"(a0), "+S"(a1), "+d"(a2)
		     : "r"(page + nr * 32)
		     : "memory", "rcx", "r8", "r9", "r10", "r11");
	return ret;
}

asm("handler:\n"
    "	push %rax\n push %rcx\n push %rdx\n push %rsi\n push %rdi\n"
    "	push %r8\n push %r9\n push %r10\n push %r11\n"
    "	cld\n"
    "	call acknowledge\n"
    "	pop %r11\n pop %r10\n pop %r9\n pop %r8\n"
    "	pop %rdi\n pop %rsi\n pop %rdx\n pop %rcx\n pop %rax\n"
    "	iretq\n");
#else
struct gate {
	uint16_t offset0, selector, type, offset1;
};

int64_t hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	int32_t ret;
	uint32_t b = (uint32_t)a0, c = (uint32_t)a1, d = (uint32_t)a2;

	asm volatile("call *%%edi"
		     : "=a"(ret), "+b"(b), "+c"(c), "+d"(d)
		     : "D"(page + (uint32_t)nr * 32)
		     : "memory");
	return ret;
}

/* Returns without iretl, which a KVM that emulates instructions cannot do. */
asm("handler:\n"
    "	pushal\n"
    "	cld\n"
    "	call acknowledge\n"
    "	popal\n"
    "	pushl 8(%esp)\n"
    "	popfl\n"
    "	ret $8\n");
#endif

void handler(void);
void acknowledge(void);
void acknowledge(void)
{
	pc_interrupt();
	out8(PIC1, EOI);
	out8(PIC0, EOI);
}

static void pic_start(uint16_t port, uint8_t vectors, uint8_t cascade, uint8_t mask)
{
	out8(port, 0x11);
	out8(port + 1, vectors);
	out8(port + 1, cascade);
	out8(port + 1, 1);
	out8(port + 1, mask);
}

void interrupts_on(void)
{
	static struct gate idt[VECTORS + 32];
	struct {
		uint16_t limit;
		word base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (word)idt };
	const word at = (word)handler;

	/* whatever comes */
	for (unsigned i = VECTORS; i < sizeof(idt) / sizeof(idt[0]); i++) {
		idt[i].offset0 = (uint16_t)at;
		idt[i].selector = 8;
		idt[i].type = 0x8e00;
		idt[i].offset1 = (uint16_t)(at >> 16);
	}
	asm volatile("lidt %0" : : "m"(pointer));
	pic_start(PIC0, VECTORS, 4, (uint8_t)~4u);
	pic_start(PIC1, VECTORS + 8, 2, (uint8_t) ~(1u << (IRQ_XEN - 8)));
	/* by its level; INTA# of slot 3 is PIRQC# */
	out8(ELCR + 1, 1u << (IRQ_XEN - 8));
	pci_out(SLOT_ISA, 0x60, 0x80008080u | IRQ_XEN << 16);
}

void guest_start(void);
void guest_start(void)
{
	guest_main();
	guest_end(SHUTDOWN_poweroff);
}
