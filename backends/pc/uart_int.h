/* SPDX-License-Identifier: MIT */
/* What the parts of the serial port share. */
#ifndef TANDEM_BACKENDS_PC_UART_INT_H
#define TANDEM_BACKENDS_PC_UART_INT_H

#include "backends/pc/uart.h"

#define NR_PORTS 8u
#define FIFO	 16u
#define CLOCK_HZ 1843200u

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

#define IER_DATA   0x01
#define IER_THRE   0x02
#define IER_LINE   0x04
#define IER_MODEM  0x08
#define IER_ALL	   0x0f
#define IIR_NONE   0x01
#define IIR_MODEM  0x00
#define IIR_THRE   0x02
#define IIR_DATA   0x04
#define IIR_LINE   0x06
#define IIR_TIME   0x0c
#define IIR_FIFOS  0xc0
#define FCR_ENABLE 0x01
#define FCR_RX	   0x02
#define FCR_TX	   0x04
#define FCR_LEVEL  6
#define LCR_BREAK  0x40
#define LCR_DLAB   0x80
#define MCR_DTR	   0x01
#define MCR_RTS	   0x02
#define MCR_OUT1   0x04
#define MCR_OUT2   0x08
#define MCR_LOOP   0x10
#define MCR_ALL	   0x1f
#define LSR_DATA   0x01
#define LSR_OVER   0x02
#define LSR_BREAK  0x10
#define LSR_THRE   0x20
#define LSR_IDLE   0x40
#define LSR_FIFO   0x80 /* there is a break in the receiver */
#define LSR_ERRORS (LSR_OVER | LSR_BREAK)
#define MSR_RI	   UART_RI
#define MSR_LINES  0xf0
#define MSR_DELTAS 0x0f
#define MSR_TERI   0x04 /* RI's: its end alone */

struct uart_registers {
	uint16_t divisor;
	uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
	uint8_t modem;			     /* lines that come in */
	uint8_t thre;			     /* its interrupt is due */
	uint8_t timed_out;		     /* the receiver's */
	uint8_t rx[FIFO], broken[FIFO], nrx; /* and whether it was a break */
	uint8_t tx[FIFO], ntx;
};
_Static_assert(sizeof(struct uart_registers) == 2 + 7 + 3 + 3 * FIFO + 2, "no padding");

struct uart {
	struct pcdev dev;
	struct pcdev_ops ops; /* its own, for the name */
	struct pcbus *b;
	unsigned line;
	struct uart_peer peer;
	struct uart_registers r; /* also their saved form */
	struct pctimer idle, stall;
	bool deaf; /* the peer has had no room for too long */
};

static inline bool uart_has_fifos(const struct uart *u)
{
	return u->r.fcr & FCR_ENABLE;
}

/* The line as it has to be; what IIR says of it. */
void uart_update(struct uart *u);
uint8_t uart_cause(const struct uart *u);
/* The receiver: a byte for it, one out of it, LSR's view of it, bytes wanted. */
void uart_rx_put(struct uart *u, uint8_t byte, bool is_break);
uint8_t uart_rx_get(struct uart *u);
void uart_rx_clear(struct uart *u);
void uart_rx_status(struct uart *u);
void uart_rx_want(struct uart *u);
void uart_rx_timer(struct uart *u); /* of its time-out, anew */
/* The transmitter: a byte into it, the first n out of it. */
void uart_tx_put(struct uart *u, uint8_t byte);
void uart_tx_drop(struct uart *u, unsigned n);
void uart_modem_update(struct uart *u);
/* Timers' functions. */
void uart_idle(void *arg);
void uart_stalled(void *arg);

#endif
