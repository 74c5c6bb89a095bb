/* SPDX-License-Identifier: MIT */
/*
 * Port 0x402, where firmware writes what it does: it reads back 0xe9, by which SeaBIOS
 * knows it.
 */
#ifndef TANDEM_BACKENDS_PC_DEBUGPORT_H
#define TANDEM_BACKENDS_PC_DEBUGPORT_H

#include "backends/pc/bus.h"

#define DEBUGPORT 0x402

struct debugport;

/* `line` gets each line, without its end, printable. NULL: out of memory, the port is
 * taken. Freed by pcbus_fini(). */
struct debugport *debugport_new(struct pcbus *b,
				void (*line)(void *arg, const char *text), void *arg);

#endif
