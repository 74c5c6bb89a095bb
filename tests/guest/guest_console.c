/* SPDX-License-Identifier: MIT */
/* The console ring: a greeting, and what comes in back again, in capitals. */
#include "tests/guest/guest.h"
#include "tests/guest/ring.h"

void guest_main(void)
{
	char c;

	CHECK_EQ(hvm_param(HVM_PARAM_STORE_PFN), 0); /* started by hand */
	console_open();
	console_say("what?\n");
	do {
		c = console_get();
		console_put(c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
		console_notify();
	} while (c != '\n');
}
