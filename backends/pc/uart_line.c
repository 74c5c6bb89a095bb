/* SPDX-License-Identifier: MIT */
/* The serial port's receiver, transmitter, modem lines, and interrupts in their order. */
#include "backends/pc/uart_int.h"

#include <string.h>

static unsigned depth(const struct uart *u)
{
	return uart_has_fifos(u) ? FIFO : 1;
}

/* Bytes that make an interrupt */
static unsigned level(const struct uart *u)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return uart_has_fifos(u) ? levels[u->r.fcr >> FCR_LEVEL] : 1;
}

/* ------------------------------------------------------------------- interrupts */

uint8_t uart_cause(const struct uart *u)
{
	const struct uart_registers *r = &u->r;

	if (r->ier & IER_LINE && r->lsr & LSR_ERRORS)
		return IIR_LINE;
	if (r->ier & IER_DATA && r->nrx >= level(u))
		return IIR_DATA;
	if (r->ier & IER_DATA && r->timed_out)
		return IIR_TIME;
	if (r->ier & IER_THRE && r->thre)
		return IIR_THRE;
	if (r->ier & IER_MODEM && r->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

void uart_update(struct uart *u)
{
	/* in loopback OUT2 is off outside */
	const bool out2 = (u->r.mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;

	pcbus_irq(u->b, u->line, out2 && uart_cause(u) != IIR_NONE);
}

/* Four characters' time, ns: of 10 bits, as most are. */
static uint64_t idle_ns(const struct uart *u)
{
	const uint64_t divisor = u->r.divisor ? u->r.divisor : 1;

	return divisor * 16 * 40 * PC_NS / CLOCK_HZ;
}

void uart_rx_timer(struct uart *u)
{
	u->r.timed_out = 0;
	if (u->r.nrx && uart_has_fifos(u))
		pctimer_set(u->b, &u->idle, pcbus_now(u->b) + idle_ns(u));
	else
		pctimer_stop(u->b, &u->idle);
}

void uart_idle(void *arg)
{
	struct uart *u = arg;

	u->r.timed_out = 1;
	uart_update(u);
}

/* --------------------------------------------------------------------- receiver */

/* LSR's view of the first byte */
void uart_rx_status(struct uart *u)
{
	bool any = false;

	u->r.lsr &= (uint8_t) ~(LSR_DATA | LSR_FIFO);
	if (!u->r.nrx)
		return;
	u->r.lsr |= LSR_DATA;
	if (u->r.broken[0]) {
		u->r.lsr |= LSR_BREAK;
		u->r.broken[0] = 0;
		any = true;
	}
	for (unsigned i = 1; i < u->r.nrx; i++)
		any |= u->r.broken[i];
	if (any && uart_has_fifos(u))
		u->r.lsr |= LSR_FIFO;
}

void uart_rx_put(struct uart *u, uint8_t byte, bool is_break)
{
	if (u->r.nrx >= depth(u)) {
		u->r.lsr |= LSR_OVER;
		/* without FIFOs the new byte is in the old one's place */
		if (uart_has_fifos(u))
			return;
		u->r.nrx = 0;
	}
	u->r.rx[u->r.nrx] = byte;
	u->r.broken[u->r.nrx++] = is_break;
	uart_rx_status(u);
	uart_rx_timer(u);
}

void uart_rx_want(struct uart *u)
{
	if (u->peer.wants && !u->r.nrx && !(u->r.mcr & MCR_LOOP))
		u->peer.wants(u->peer.arg);
}

uint8_t uart_rx_get(struct uart *u)
{
	const uint8_t byte = u->r.rx[0];

	if (u->r.nrx) {
		u->r.nrx--;
		memmove(u->r.rx, u->r.rx + 1, u->r.nrx);
		memmove(u->r.broken, u->r.broken + 1, u->r.nrx);
		uart_rx_status(u);
	}
	uart_rx_timer(u);
	uart_update(u);
	uart_rx_want(u);
	return byte;
}

void uart_rx_clear(struct uart *u)
{
	u->r.nrx = 0;
	uart_rx_status(u);
	uart_rx_timer(u);
}

/* ------------------------------------------------------------------ transmitter */

void uart_tx_drop(struct uart *u, unsigned n)
{
	u->r.ntx = (uint8_t)(u->r.ntx - n);
	memmove(u->r.tx, u->r.tx + n, u->r.ntx);
	pctimer_stop(u->b, &u->stall);
	if (u->r.ntx)
		return;
	u->r.lsr |= LSR_THRE | LSR_IDLE;
	u->r.thre = 1;
}

static void tx_run(struct uart *u)
{
	unsigned sent = 0;

	while (sent < u->r.ntx && (u->deaf || u->peer.send(u->peer.arg, u->r.tx[sent])))
		sent++;
	if (sent)
		uart_tx_drop(u, sent);
	if (u->r.ntx && !u->stall.at)
		pctimer_set(u->b, &u->stall, pcbus_now(u->b) + UART_STALL_NS);
}

void uart_stalled(void *arg)
{
	struct uart *u = arg;

	u->deaf = !u->peer.send(u->peer.arg, u->r.tx[0]);
	if (!u->deaf)
		uart_tx_drop(u, 1);
	tx_run(u);
	uart_update(u);
}

void uart_ready(struct uart *u)
{
	u->deaf = false;
	if (u->r.ntx)
		tx_run(u);
	uart_update(u);
}

void uart_tx_put(struct uart *u, uint8_t byte)
{
	u->r.thre = 0;
	if (u->r.mcr & MCR_LOOP) {
		uart_rx_put(u, byte, false);
		u->r.thre = 1;
	} else if (u->r.ntx < depth(u)) { /* else it is lost, as in the chip */
		u->r.tx[u->r.ntx++] = byte;
		u->r.lsr &= (uint8_t) ~(LSR_THRE | LSR_IDLE);
		tx_run(u);
	}
}

/* ------------------------------------------------------------------ modem lines */

/* In loopback the modem's own outputs come back. */
static uint8_t modem_in(const struct uart *u)
{
	const uint8_t mcr = u->r.mcr;

	if (!(mcr & MCR_LOOP))
		return u->r.modem;
	return (uint8_t)((mcr & MCR_RTS ? UART_CTS : 0) | (mcr & MCR_DTR ? UART_DSR : 0) |
			 (mcr & MCR_OUT1 ? UART_RI : 0) |
			 (mcr & MCR_OUT2 ? UART_DCD : 0));
}

void uart_modem_update(struct uart *u)
{
	const uint8_t lines = modem_in(u);
	uint8_t deltas = (uint8_t)((u->r.msr ^ lines) >> 4);

	if (lines & MSR_RI)
		deltas &= (uint8_t)~MSR_TERI;
	u->r.msr = (uint8_t)(lines | ((u->r.msr | deltas) & MSR_DELTAS));
}

/* -------------------------------------------------------------------- the peer's */

size_t uart_receive(struct uart *u, const uint8_t *bytes, size_t n)
{
	size_t done = 0;

	if (u->r.mcr & MCR_LOOP)
		return 0;
	while (done < n && u->r.nrx < depth(u))
		uart_rx_put(u, bytes[done++], false);
	uart_update(u);
	return done;
}

void uart_modem(struct uart *u, unsigned lines)
{
	u->r.modem = lines & MSR_LINES;
	uart_modem_update(u);
	uart_update(u);
}

void uart_break(struct uart *u)
{
	if (!(u->r.mcr & MCR_LOOP))
		uart_rx_put(u, 0, true);
	uart_update(u);
}
