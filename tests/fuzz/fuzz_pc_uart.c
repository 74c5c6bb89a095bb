/* SPDX-License-Identifier: MIT */
/* The serial port between a guest and a peer that comes and goes. */
#include "backends/pc/uart.h"
#include "tests/fuzz/pcguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned room;
static struct uart *uart;

static bool peer_send(void *arg, uint8_t byte)
{
	(void)arg;
	(void)byte;
	return room && room--;
}

static void peer_wants(void *arg)
{
	static const uint8_t more[3] = "ab";

	(void)arg;
	if (room % 2)
		(void)uart_receive(uart, more, sizeof(more));
}

static void own(struct pcguest *g, unsigned op)
{
	uint8_t bytes[32];
	const size_t n = op / 4 % sizeof(bytes);

	switch (op % 4) {
	case 0:
		input_bytes(&g->in, bytes, n);
		must(uart_receive(uart, bytes, n) <= n);
		break;
	case 1:
		room = (unsigned)n;
		uart_ready(uart);
		break;
	case 2:
		uart_modem(uart, input_u8(&g->in));
		break;
	default:
		uart_break(uart);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 0x3f8, 0x3f9, 0x3fa, 0x3fb,
					  0x3fc, 0x3fd, 0x3fe, 0x3ff };
	const struct uart_peer peer = { peer_send, peer_wants, NULL };
	struct fakepc *f = fakepc_open(false);
	struct pcguest g = { .f = f, .ports = ports, .nports = 8, .own = own };

	room = 4;
	uart = uart_new(&f->bus, "com1", UART_COM1, UART_COM1_LINE, &peer);
	must(uart);
	g.dev = (struct pcdev *)uart;
	pcguest_run(&g, data, size);
	return 0;
}
