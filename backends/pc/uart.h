/* SPDX-License-Identifier: MIT */
/*
 * A serial port: 16550A (National Semiconductor's PC16550D datasheet) on a PC, where OUT2
 * lets its interrupt through. COM1 is at 0x3f8 on line 4, COM2 at 0x2f8 on line 3.
 *
 * Bytes leave at once, whatever the rate. Where they find no room they wait in the
 * transmitter; when none of them left in UART_STALL_NS they are dropped, and all that
 * follow, until there is room: nobody listens, and the guest shall not wait for ever.
 */
#ifndef TANDEM_BACKENDS_PC_UART_H
#define TANDEM_BACKENDS_PC_UART_H

#include "backends/pc/bus.h"

#define UART_COM1      0x3f8
#define UART_COM1_LINE 4u
#define UART_COM2      0x2f8
#define UART_COM2_LINE 3u
#define UART_STALL_NS  (PC_NS / 2)

/* Modem lines that come in, as register MSR has them. */
#define UART_CTS 0x10u
#define UART_DSR 0x20u
#define UART_RI	 0x40u
#define UART_DCD 0x80u

struct uart;

/* The other end of the line. Called from within accesses of the guest. */
struct uart_peer {
	/* False: there is no room; uart_ready() is called when there is. */
	bool (*send)(void *arg, uint8_t byte);
	/* Optional: uart_receive() would take bytes again. */
	void (*wants)(void *arg);
	void *arg;
};

/* `name` is of its item in a saved state, and static. CTS, DSR and DCD are on. NULL: out
 * of memory, ports taken. Freed by pcbus_fini(). */
struct uart *uart_new(struct pcbus *b, const char *name, uint16_t port, unsigned line,
		      const struct uart_peer *peer);

/* Bytes for the guest. How many were taken: as many as the receiver has room for. */
size_t uart_receive(struct uart *u, const uint8_t *bytes, size_t n);
/* The peer has room again. */
void uart_ready(struct uart *u);
/* The lines that are on, of UART_CTS to UART_DCD. */
void uart_modem(struct uart *u, unsigned lines);
/* A break was received. */
void uart_break(struct uart *u);

#endif
