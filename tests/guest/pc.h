/* SPDX-License-Identifier: MIT */
/*
 * What a microguest on a PC has, of 32 or of 64 bits: ports, PCI, interrupts of the PICs,
 * and Xen by its hypercall page. It is the PC's firmware, so nothing is set up.
 *
 * Structs that Xen gets have words of the guest's width here: another description of them
 * than the hypervisor's own.
 */
#ifndef TANDEM_TESTS_GUEST_PC_H
#define TANDEM_TESTS_GUEST_PC_H

#include "tests/guest/guest.h"

typedef unsigned long word;

#define SLOT(n)	 ((n)*8u)
#define SLOT_ISA SLOT(1u)
#define SLOT_XEN SLOT(3u)
#define IRQ_XEN	 11u

static inline void out8(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline void out16(uint16_t port, uint16_t v)
{
	asm volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}
static inline void out32(uint16_t port, uint32_t v)
{
	asm volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}
static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint16_t in16(uint16_t port)
{
	uint16_t v;

	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* A dword of a function's configuration. */
uint32_t pci_in(unsigned devfn, unsigned at);
void pci_out(unsigned devfn, unsigned at, uint32_t v);

/* Finds Xen's leaves, and has the page written: the base of the leaves. */
uint32_t xen_find(void);

/* Interrupts at 32 vectors, of which the PICs have the first half, go to pc_interrupt().
 * Of the PICs' all are masked but the platform device's. */
#define VECTORS 0x20u
void interrupts_on(void);
void pc_interrupt(void);

/* The platform device's memory */
#define XEN_BAR 0xfd000000ul

/* The shared info page, as this guest sees it. */
struct pc_vcpu_info {
	volatile uint8_t pending, mask;
	volatile word selector;
	word arch[sizeof(word) == 8 ? 2 : 6];
	uint8_t time[32];
};
struct pc_shared_info {
	struct pc_vcpu_info vcpu[32];
	volatile word pending[8 * sizeof(word)];
	volatile word masked[8 * sizeof(word)];
};
_Static_assert(sizeof(struct pc_vcpu_info) == 64, "xen.h");

struct pc_add_to_physmap {
	uint16_t domid, size;
	uint32_t space;
	word idx, gpfn;
};
/* xenstore's ring (io/xs_wire.h); its own header would want a libc of 32 bits */
#define PC_XS_READ 2u
struct pc_store {
	char req[1024], rsp[1024];
	uint32_t req_cons, req_prod, rsp_cons;
	volatile uint32_t rsp_prod;
};
struct pc_message {
	uint32_t type, req_id, tx_id, len;
};

struct pc_setup_table {
	uint16_t dom;
	uint32_t nr_frames;
	int16_t status;
	word *frames;
};

#endif
