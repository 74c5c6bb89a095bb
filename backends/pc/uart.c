/* SPDX-License-Identifier: MIT */
/* 16550A: registers and the device. */
#include "backends/pc/uart_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/byteio.h"

static struct uart *of(struct pcdev *d)
{
	return (struct uart *)d;
}

/* -------------------------------------------------------------------- registers */

static uint8_t iir_read(struct uart *u)
{
	const uint8_t value = uart_cause(u);

	if (value == IIR_THRE)
		u->r.thre = 0;
	uart_update(u);
	return value | (u->r.fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t lsr_read(struct uart *u)
{
	const uint8_t value = u->r.lsr;

	u->r.lsr &= (uint8_t)~LSR_ERRORS;
	uart_rx_status(u);
	uart_update(u);
	return value;
}

static uint8_t msr_read(struct uart *u)
{
	const uint8_t value = u->r.msr;

	u->r.msr &= MSR_LINES;
	uart_update(u);
	return value;
}

static uint8_t reg_read(void *arg, unsigned reg)
{
	struct uart *u = arg;
	const bool dlab = u->r.lcr & LCR_DLAB;

	switch (reg) {
	case DATA:
		return dlab ? (uint8_t)u->r.divisor : uart_rx_get(u);
	case IER:
		return dlab ? (uint8_t)(u->r.divisor >> 8) : u->r.ier;
	case IIR:
		return iir_read(u);
	case LCR:
		return u->r.lcr;
	case MCR:
		return u->r.mcr;
	case LSR:
		return lsr_read(u);
	case MSR:
		return msr_read(u);
	default:
		return u->r.scr;
	}
}

static void fcr_write(struct uart *u, uint8_t value)
{
	const bool changed = (u->r.fcr ^ value) & FCR_ENABLE;

	if (!(value & FCR_ENABLE)) /* the other bits are taken only with this one */
		value = 0;
	u->r.fcr = value & (FCR_ENABLE | 3 << FCR_LEVEL);
	if (changed || value & FCR_RX)
		uart_rx_clear(u);
	if (u->r.ntx && (changed || value & FCR_TX))
		uart_tx_drop(u, u->r.ntx);
}

static void ier_write(struct uart *u, uint8_t value)
{
	/* enabled while it is empty: the interrupt comes at once */
	if (value & ~u->r.ier & IER_THRE && u->r.lsr & LSR_THRE)
		u->r.thre = 1;
	u->r.ier = value & IER_ALL;
}

static void lcr_write(struct uart *u, uint8_t value)
{
	if (value & ~u->r.lcr & LCR_BREAK && u->r.mcr & MCR_LOOP)
		uart_rx_put(u, 0, true);
	u->r.lcr = value;
}

static void reg_write(void *arg, unsigned reg, uint8_t byte)
{
	struct uart *u = arg;
	const bool dlab = u->r.lcr & LCR_DLAB;

	switch (reg) {
	case DATA:
		if (dlab)
			u->r.divisor = (uint16_t)((u->r.divisor & 0xff00) | byte);
		else
			uart_tx_put(u, byte);
		break;
	case IER:
		if (dlab)
			u->r.divisor = (uint16_t)((u->r.divisor & 0xff) | byte << 8);
		else
			ier_write(u, byte);
		break;
	case IIR: /* FCR */
		fcr_write(u, byte);
		uart_rx_want(u);
		break;
	case LCR:
		lcr_write(u, byte);
		break;
	case MCR:
		u->r.mcr = byte & MCR_ALL;
		uart_modem_update(u);
		uart_rx_want(u);
		break;
	case SCR:
		u->r.scr = byte;
		break;
	default: /* LSR and MSR are read only */
		break;
	}
	uart_update(u);
}

static uint64_t io_read(void *arg, uint64_t at, unsigned size)
{
	return byteio_read(reg_read, arg, NR_PORTS, at, size);
}

static void io_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	byteio_write(reg_write, arg, NR_PORTS, at, size, value);
}

/* ------------------------------------------------------------------- the device */

static void uart_reset(struct pcdev *d)
{
	struct uart *u = of(d);
	const uint8_t modem = u->r.modem;

	memset(&u->r, 0, sizeof(u->r));
	u->r.divisor = 12; /* 9600 */
	u->r.lsr = LSR_THRE | LSR_IDLE;
	u->r.modem = u->r.msr = modem;
	pctimer_stop(u->b, &u->idle);
	pctimer_stop(u->b, &u->stall);
	uart_update(u);
}

static size_t uart_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	if (max < sizeof(struct uart_registers))
		return 0;
	memcpy(buf, &of(d)->r, sizeof(struct uart_registers));
	return sizeof(struct uart_registers);
}

static bool registers_good(const struct uart_registers *r)
{
	const unsigned max = r->fcr & FCR_ENABLE ? FIFO : 1;

	if (r->ier & ~IER_ALL || r->mcr & ~MCR_ALL || r->modem & ~MSR_LINES ||
	    r->thre > 1 || r->timed_out > 1 || r->nrx > max || r->ntx > max ||
	    (r->fcr & ~(FCR_ENABLE | 3 << FCR_LEVEL)) ||
	    (r->fcr && !(r->fcr & FCR_ENABLE)))
		return false;
	for (unsigned i = 0; i < FIFO; i++)
		if (r->broken[i] > 1)
			return false;
	return !(r->lsr & LSR_DATA) == !r->nrx && !(r->lsr & LSR_THRE) == !!r->ntx &&
	       r->nrx >= r->timed_out;
}

static int uart_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct uart *u = of(d);
	struct uart_registers r;

	if (len != sizeof(r))
		return -EBADMSG;
	memcpy(&r, buf, sizeof(r));
	if (!registers_good(&r))
		return -EBADMSG;
	u->r = r;
	pctimer_stop(u->b, &u->stall);
	if (r.nrx && !r.timed_out)
		uart_rx_timer(u);
	else
		pctimer_stop(u->b, &u->idle);
	u->deaf = false; /* the peer is another one */
	if (r.ntx)
		pctimer_set(u->b, &u->stall, pcbus_now(u->b) + UART_STALL_NS);
	uart_update(u);
	return 0;
}

static void uart_destroy(struct pcdev *d)
{
	pctimer_stop(of(d)->b, &of(d)->idle);
	pctimer_stop(of(d)->b, &of(d)->stall);
	free(of(d));
}

struct uart *uart_new(struct pcbus *b, const char *name, uint16_t port, unsigned line,
		      const struct uart_peer *peer)
{
	static const struct io_ops io = { io_read, io_write };
	struct uart *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->ops = (struct pcdev_ops){ .name = name,
				     .reset = uart_reset,
				     .save = uart_save,
				     .load = uart_load,
				     .destroy = uart_destroy };
	u->dev.ops = &u->ops;
	u->b = b;
	u->line = line;
	u->peer = *peer;
	u->idle = (struct pctimer){ .fire = uart_idle, .arg = u };
	u->stall = (struct pctimer){ .fire = uart_stalled, .arg = u };
	u->r.modem = UART_CTS | UART_DSR | UART_DCD;
	uart_reset(&u->dev);
	if (pcbus_pio_map(b, port, NR_PORTS, &io, u)) {
		free(u);
		return NULL;
	}
	pcbus_add(b, &u->dev);
	return u;
}
