/* SPDX-License-Identifier: MIT */
/* How a guest ends: the second letter of the command line says which way. */
#include "tests/guest/guest.h"

void guest_main(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt = { 0, 0 };
	const char how = ((const char *)guest_info->cmdline_paddr)[1];

	switch (how) {
	case 'r':
		guest_end(SHUTDOWN_reboot);
	case 'c':
		guest_end(SHUTDOWN_crash);
	case 's':
		guest_end(SHUTDOWN_suspend);
	case 't': /* triple fault */
		asm volatile("lidt %0\n\tint3" : : "m"(no_idt));
		break;
	case 'a': /* ACPI: S5 */
		asm volatile("outb %%al, %%dx" : : "a"(5 << 2 | 0x20), "d"(0x600));
		break;
	case 'b': { /* a reason that there is not; then what nobody serves */
		uint32_t reason = 9, value;

		CHECK_EQ(hypercall_op(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &reason),
			 -22);
		asm volatile("in %%dx, %%eax" : "=a"(value) : "d"(0x1234));
		CHECK_EQ(value, 0xffffffffu);
		CHECK_EQ(*(volatile uint32_t *)0xfd000000u, 0xffffffffu);
		break;
	}
	default:
		break;
	}
}
