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
