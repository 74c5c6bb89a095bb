/* SPDX-License-Identifier: MIT */
/*
 * What a microguest has: hypercalls, a console, checks. It has no libc, runs on one
 * vcpu with interrupts off, and ends by powering off, or as crashed if a check fails.
 */
#ifndef TANDEM_TESTS_GUEST_GUEST_H
#define TANDEM_TESTS_GUEST_GUEST_H

#include <stdbool.h>

#include "hv/kvm/xen_abi.h"
#include "hv/kvm/xen_shared.h"

extern const struct hvm_start_info *guest_info;

/* The guest itself; returning is success. */
void guest_main(void);

int64_t hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
/* A call of which the second argument is a pointer. */
static inline int64_t hypercall_op(uint64_t nr, uint64_t cmd, const void *arg)
{
	return hypercall(nr, cmd, (unsigned long)arg, 1);
}

void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);

/* To the debug port. */
void put_text(const char *s);
void put_number(int64_t n);

_Noreturn void guest_end(uint32_t reason);
_Noreturn void guest_fail(const char *what, int line, int64_t got);

#define CHECK(what)                                     \
	do {                                            \
		if (!(what))                            \
			guest_fail(#what, __LINE__, 0); \
	} while (0)
#define CHECK_EQ(what, value)                              \
	do {                                               \
		int64_t got_ = (int64_t)(what);            \
		if (got_ != (int64_t)(value))              \
			guest_fail(#what, __LINE__, got_); \
	} while (0)

struct regs {
	uint32_t eax, ebx, ecx, edx;
};
struct regs cpuid(uint32_t leaf);

/* The shared info page, registered on first use. */
struct shared_info *shared_info(void);
/* Once more, in a new domain. */
void shared_info_again(void);
/* Page-aligned memory that a guest may do with what it likes. */
#define SCRATCH_PAGES 8
extern uint8_t scratch[SCRATCH_PAGES][XEN_PAGE_SIZE];
static inline uint64_t gfn_of(const void *p)
{
	return (unsigned long)p >> XEN_PAGE_SHIFT;
}

#endif
