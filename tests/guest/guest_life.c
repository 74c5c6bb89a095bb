/* SPDX-License-Identifier: MIT */
/* A guest that a person keeps by `tandem`: what is typed on its console, it does. */
#include "tests/guest/guest.h"
#include "tests/guest/ring.h"

/* Text to the hypervisor's own log, and to the console, without an end. */
static void flood(void)
{
	static const char text[] = "a line that a guest writes again and again\n";

	for (;;) {
		console_say(text);
		put_text(text);
	}
}

/* Somebody has asked for it. 0: in a new domain, in which Xen's objects are new. */
static void suspend(void)
{
	uint32_t reason = SHUTDOWN_suspend;

	if (hypercall_op(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &reason)) {
		console_say("STILL\n");
		return;
	}
	shared_info_again();
	console_open();
	console_say("WOKE\n");
}

/* 4 MiB given away, or taken back: says how many pages. */
static void balloon(uint64_t call)
{
	static uint64_t gfn[1024];
	struct xen_memory_reservation r = { .extent_start = (uint64_t)gfn,
					    .nr_extents = 1024,
					    .domid = DOMID_SELF };
	char text[8] = "0000\n";
	int64_t n;

	for (uint64_t i = 0; i < 1024; i++)
		gfn[i] = 0x800 + i;
	n = hypercall_op(__HYPERVISOR_memory_op, call, &r);
	for (int at = 3; at >= 0; at--, n /= 10)
		text[at] = (char)('0' + n % 10);
	console_say(text);
}

static void do_it(char c)
{
	struct sched_watchdog w = { .id = 0, .timeout = 1 };

	switch (c) {
	case 'o':
		guest_end(SHUTDOWN_poweroff);
	case 'r':
		guest_end(SHUTDOWN_reboot);
	case 'c':
		guest_end(SHUTDOWN_crash);
	case 'w':
		CHECK(hypercall_op(__HYPERVISOR_sched_op, SCHEDOP_watchdog, &w) > 0);
		break;
	case 'b':
		balloon(XENMEM_decrease_reservation);
		break;
	case 'B':
		balloon(XENMEM_populate_physmap);
		break;
	case 's':
		suspend();
		break;
	case 'f':
		flood();
		break;
	default:
		console_put(c);
		console_notify();
	}
}

void guest_main(void)
{
	CHECK(hvm_param(HVM_PARAM_STORE_PFN) != 0);
	console_open();
	console_say("UP\n");
	for (;;)
		do_it(console_get());
}
