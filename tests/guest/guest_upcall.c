/* SPDX-License-Identifier: MIT */
/*
 * Events as interrupts: each comes once, with interrupts on, by a vector of the local
 * APIC or by the callback's. The command line's second letter: c, by the callback's; a
 * digit d behind it: 10^d events. QEMU's emulation of SVM delivers one in about 100,000
 * of the callback's a second time, as an exception that nothing masks.
 */
#include "tests/guest/guest.h"

#define VECTOR	  0xf3
#define LAPIC	  0xfee00000ul
#define LAPIC_EOI 0xb0
#define LAPIC_SVR 0xf0
#define EFLAGS_IF 0x200

struct frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

struct gate {
	uint16_t offset0, selector, type, offset1;
	uint32_t offset2, reserved;
};

static bool by_callback;
static evtchn_port_t port;
static volatile uint64_t taken, twice, none;

static void lapic(unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)(LAPIC + reg) = value;
}

/* Keeps what a function may change: upcall(frame). */
void handler(void);
asm("handler:\n"
    "	push %rax\n push %rcx\n push %rdx\n push %rsi\n push %rdi\n"
    "	push %r8\n push %r9\n push %r10\n push %r11\n"
    "	lea 72(%rsp), %rdi\n"
    "	cld\n"
    "	call upcall\n"
    "	pop %r11\n pop %r10\n pop %r9\n pop %r8\n"
    "	pop %rdi\n pop %rsi\n pop %rdx\n pop %rcx\n pop %rax\n"
    "	iretq\n");

void upcall(const struct frame *f);
void upcall(const struct frame *f)
{
	struct shared_info *s = shared_info();
	const uint64_t bit = 1ull << (port % 64);

	if (!(f->rflags & EFLAGS_IF))
		twice++;
	if (!by_callback)
		lapic(LAPIC_EOI, 0);
	s->vcpu_info[0].evtchn_upcall_pending = 0;
	s->vcpu_info[0].evtchn_pending_sel = 0;
	if (atomic_fetch_and(&s->evtchn_pending[port / 64], ~bit) & bit)
		taken++;
	else
		none++;
}

static void interrupts(void)
{
	struct gate *idt = (struct gate *)scratch[0];
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { XEN_PAGE_SIZE - 1, (uint64_t)idt };
	const uint64_t at = (uint64_t)handler;

	idt[VECTOR] = (struct gate){ .offset0 = (uint16_t)at,
				     .selector = 8,
				     .type = 0x8e00,
				     .offset1 = (uint16_t)(at >> 16),
				     .offset2 = (uint32_t)(at >> 32) };
	asm volatile("lidt %0" : : "m"(pointer));
}

static void upcalls(void)
{
	struct xen_hvm_evtchn_upcall_vector u = { .vector = VECTOR };
	struct xen_hvm_param p = {
		.domid = DOMID_SELF,
		.index = HVM_PARAM_CALLBACK_IRQ,
		.value = (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | VECTOR
	};

	if (by_callback) {
		CHECK_EQ(hypercall_op(__HYPERVISOR_hvm_op, HVMOP_set_param, &p), 0);
		return;
	}
	lapic(LAPIC_SVR, 0x1ff);
	CHECK_EQ(hypercall_op(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, &u),
		 0);
}

/* The event that has been sent arrives while interrupts are on: the n-th. */
static void arrives(uint64_t n)
{
	asm volatile("sti");
	for (unsigned k = 0; taken < n && k < 1000000; k++)
		asm volatile("pause");
	asm volatile("cli");
	CHECK_EQ(taken, n);
}

void guest_main(void)
{
	const char *letters = (const char *)guest_info->cmdline_paddr;
	struct evtchn_bind_ipi i = { .vcpu = 0 };
	uint64_t events = 1;

	by_callback = letters[1] == 'c';
	for (unsigned d = letters[1] ? (unsigned)letters[2] - '0' : 2; d > 0; d--)
		events *= 10;
	(void)shared_info();
	interrupts();
	CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &i), 0);
	port = i.port;
	/* the first one before there is a vector: it is told when there is */
	for (uint64_t n = 1; n <= events; n++) {
		CHECK_EQ(hypercall_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send,
				      &port),
			 0);
		if (n == 1)
			upcalls();
		arrives(n);
	}
	if (twice || none) {
		put_number((int64_t)twice);
		put_text(" with interrupts off, of nothing: ");
		put_number((int64_t)none);
		put_text("\n");
	}
	CHECK_EQ(twice, 0);
	CHECK_EQ(none, 0);
}
