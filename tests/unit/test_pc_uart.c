/* SPDX-License-Identifier: MIT */
/* The serial port as drivers probe and use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "backends/pc/uart.h"
#include "tests/lib/fakepc.h"

#define MS 1000000ull

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static struct fakepc *f;
static struct uart *u;

/* The peer */
static uint8_t sent[256];
static size_t nsent, room;
static unsigned wanted;

static bool peer_send(void *arg, uint8_t byte)
{
	(void)arg;
	if (nsent >= room)
		return false;
	sent[nsent++] = byte;
	return true;
}

static void peer_wants(void *arg)
{
	(void)arg;
	wanted++;
}

static uint8_t get(unsigned reg)
{
	return (uint8_t)fakepc_in(f, (uint16_t)(0x3f8 + reg), 1);
}

static void set(unsigned reg, unsigned value)
{
	fakepc_out(f, (uint16_t)(0x3f8 + reg), 1, value);
}

static size_t receive(const char *text)
{
	return uart_receive(u, (const uint8_t *)text, strlen(text));
}

static int setup(void **state)
{
	const struct uart_peer peer = { peer_send, peer_wants, NULL };

	(void)state;
	nsent = 0;
	room = sizeof(sent);
	f = fakepc_open(false);
	u = uart_new(&f->bus, "com1", UART_COM1, UART_COM1_LINE, &peer);
	if (!u || uart_new(&f->bus, "com1", UART_COM1 + 7, 3, &peer))
		return -1;
	set(MCR, 0x08);
	wanted = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fakepc_close(f);
	return 0;
}

/* What a driver does to find out what it has before it */
static void test_probe(void **state)
{
	(void)state;
	set(SCR, 0x5a);
	assert_int_equal(get(SCR), 0x5a);
	set(IER, 0xff);
	assert_int_equal(get(IER), 0x0f);
	set(IER, 0);
	assert_int_equal(get(IIR), 0x01);
	set(IIR, 0xc1);
	assert_int_equal(get(IIR), 0xc1);
	set(IIR, 0xc0);
	assert_int_equal(get(IIR), 0x01);
	set(LCR, 0x83);
	set(DATA, 0x01);
	set(IER, 0x02);
	assert_int_equal(get(DATA), 0x01);
	assert_int_equal(get(IER), 0x02);
	set(LCR, 0x03);
	assert_int_equal(get(IER), 0);
	assert_int_equal(get(LSR), 0x60);
	assert_int_equal(get(MSR), 0xb0);
	set(MCR, 0xff);
	assert_int_equal(get(MCR), 0x1f);
	assert_int_equal(nsent, 0);
}

static void test_send(void **state)
{
	(void)state;
	for (const char *p = "hello"; *p; p++)
		set(DATA, (uint8_t)*p);
	assert_memory_equal(sent, "hello", 5);
	assert_int_equal(nsent, 5);
	assert_int_equal(get(LSR), 0x60);
	/* the interrupt: at once when it is enabled, after each byte, until IIR is read
	 */
	set(IER, 0x02);
	assert_true(f->line[4]);
	assert_int_equal(get(IIR), 0x02);
	assert_false(f->line[4]);
	assert_int_equal(get(IIR), 0x01);
	set(DATA, '!');
	assert_int_equal(f->raised[4], 2);
	set(IER, 0x00);
	set(IER, 0x02);
	assert_int_equal(get(IIR), 0x02);
	/* OUT2 holds it back */
	set(DATA, '!');
	set(MCR, 0x03);
	assert_false(f->line[4]);
	assert_int_equal(get(IIR), 0x02);
}

static void test_no_room(void **state)
{
	(void)state;
	room = 2;
	set(IIR, 0x01);
	set(IER, 0x02);
	(void)get(IIR);
	for (unsigned i = 0; i < 20; i++)
		set(DATA, 'a' + i);
	/* two left, 16 wait, two are lost */
	assert_int_equal(nsent, 2);
	assert_int_equal(get(LSR), 0);
	assert_int_equal(get(IIR), 0xc1);
	fakepc_cycle(f, (struct pcdev *)u);
	fakepc_pass(f, 400 * MS);
	room = 10;
	uart_ready(u);
	assert_int_equal(nsent, 10);
	assert_int_equal(get(LSR), 0);
	/* as long again; then nobody listens */
	fakepc_pass(f, 400 * MS);
	assert_int_equal(get(LSR), 0);
	fakepc_pass(f, 200 * MS);
	assert_int_equal(get(LSR), 0x60);
	assert_int_equal(get(IIR), 0xc2);
	for (unsigned i = 0; i < 100; i++)
		set(DATA, 'x');
	assert_int_equal(get(LSR), 0x60);
	assert_int_equal(f->alarm, 0);
	room = 100;
	uart_ready(u);
	set(DATA, 'y');
	assert_int_equal(nsent, 11);
	assert_memory_equal(sent, "abcdefghijy", 11);
	/* a peer that has room but does not say so */
	room = nsent;
	set(DATA, '1');
	set(DATA, '2');
	room = 100;
	fakepc_pass(f, PC_NS);
	assert_memory_equal(sent + 11, "12", 2);
	assert_int_equal(nsent, 13);
	/* cleared by the guest */
	room = nsent;
	set(DATA, '3');
	set(IIR, 0x05);
	assert_int_equal(get(LSR), 0x60);
	assert_int_equal(f->alarm, 0);
}

static void test_receive(void **state)
{
	(void)state;
	set(IER, 0x01);
	/* one byte without FIFOs */
	assert_int_equal(receive("ab"), 1);
	assert_true(f->line[4]);
	assert_int_equal(get(IIR), 0x04);
	assert_int_equal(get(LSR), 0x61);
	assert_int_equal(wanted, 0);
	assert_int_equal(get(DATA), 'a');
	assert_int_equal(wanted, 1);
	assert_false(f->line[4]);
	/* a level of 8, and time */
	set(IIR, 0x81);
	assert_int_equal(receive("0123456"), 7);
	assert_false(f->line[4]);
	/* 4 characters at 9600: 4.2 ms */
	fakepc_cycle(f, (struct pcdev *)u);
	fakepc_pass(f, 4 * MS);
	assert_false(f->line[4]);
	fakepc_pass(f, 1 * MS);
	assert_int_equal(get(IIR), 0xcc);
	fakepc_cycle(f, (struct pcdev *)u);
	assert_int_equal(get(IIR), 0xcc);
	assert_int_equal(get(DATA), '0');
	assert_int_equal(get(IIR), 0xc1);
	assert_int_equal(receive("78"), 2);
	assert_int_equal(get(IIR), 0xc4);
	assert_int_equal(receive("0123456789"), 8);
	assert_int_equal(get(LSR), 0x61);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(get(DATA), "1234567801234567"[i]);
	assert_int_equal(get(LSR), 0x60);
	assert_int_equal(f->alarm, 0);
	receive("xyz");
	set(IIR, 0x83);
	assert_int_equal(get(LSR), 0x60);
}

static void test_loopback(void **state)
{
	(void)state;
	set(MCR, 0x1f);
	assert_int_equal(get(MSR) & 0xf0, 0xf0);
	set(MCR, 0x10);
	assert_int_equal(get(MSR), 0x0f);
	set(MCR, 0x12);
	assert_int_equal(get(MSR), 0x11);
	set(MCR, 0x14);
	assert_int_equal(get(MSR), 0x41); /* RI tells its end alone */
	set(IER, 0x05);
	set(DATA, 0x99);
	assert_int_equal(nsent, 0);
	assert_int_equal(receive("a"), 0);
	assert_int_equal(get(LSR), 0x61);
	assert_int_equal(get(IIR), 0x04);
	set(MCR, 0x18);
	assert_int_equal(get(IIR), 0x04);
	assert_false(f->line[4]);
	/* one too many */
	set(DATA, 0x9a);
	assert_int_equal(get(IIR), 0x06);
	assert_int_equal(get(LSR), 0x63);
	assert_int_equal(get(IIR), 0x04);
	assert_int_equal(get(DATA), 0x9a);
	set(IIR, 0x01);
	for (unsigned i = 0; i < 17; i++)
		set(DATA, i);
	assert_int_equal(get(LSR), 0x63);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(get(DATA), i);
	/* a break */
	set(DATA, 1);
	set(LCR, 0x43);
	assert_int_equal(get(LSR), 0xe1);
	assert_int_equal(get(DATA), 1);
	assert_int_equal(get(IIR), 0xc6);
	assert_int_equal(get(LSR) & 0x11, 0x11);
	assert_int_equal(get(DATA), 0);
	fakepc_cycle(f, (struct pcdev *)u);
}

static void test_modem(void **state)
{
	(void)state;
	set(IER, 0x0c);
	assert_false(f->line[4]);
	uart_modem(u, UART_DSR | UART_RI);
	assert_true(f->line[4]);
	assert_int_equal(get(IIR), 0x00);
	assert_int_equal(get(MSR), 0x69);
	assert_false(f->line[4]);
	uart_modem(u, UART_DSR);
	assert_int_equal(get(MSR), 0x24);
	uart_break(u);
	assert_int_equal(get(IIR), 0x06);
	assert_int_equal(get(LSR), 0x71);
	pcbus_reset(&f->bus);
	assert_int_equal(get(MSR), 0x20);
	assert_int_equal(get(MCR), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_probe),	 T(test_send),	   T(test_no_room),
		T(test_receive), T(test_loopback), T(test_modem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
