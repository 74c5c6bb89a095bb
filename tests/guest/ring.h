/* SPDX-License-Identifier: MIT */
/* The console ring of a microguest. */
#ifndef TANDEM_TESTS_GUEST_RING_H
#define TANDEM_TESTS_GUEST_RING_H

#include <stdint.h>

uint64_t hvm_param(uint32_t index);

void console_open(void);
/* A character, and no event: console_notify() sends one. Waits for room. */
void console_put(char c);
void console_say(const char *s);
void console_notify(void);
/* The next character that is typed; polls for it. */
char console_get(void);

#endif
