/* SPDX-License-Identifier: MIT */
/* The controller: one output buffer, which its own answers fill first. */
#include "backends/pc/i8042.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/ps2kbd.h"
#include "backends/pc/ps2mouse.h"

#define DATA_PORT     0x60
#define COMMAND_PORT  0x64
#define A_PORT	      0x92
#define KEYBOARD_LINE 1u
#define MOUSE_LINE    12u
#define RAM_BYTES     32u
#define ANSWERS	      4u

/* Status */
#define OBF	   0x01
#define SYSTEM	   0x04
#define COMMAND	   0x08 /* the last byte written was one */
#define NO_INHIBIT 0x10
#define AUX_OBF	   0x20

/* The command byte: byte 0 of its memory */
#define KBD_IRQ	  0x01
#define AUX_IRQ	  0x02
#define KBD_OFF	  0x10
#define AUX_OFF	  0x20
#define TRANSLATE 0x40

/* Output port, and port A */
#define OUT_RUN	   0x01 /* 0: reset */
#define OUT_A20	   0x02
#define OUT_KBD	   0x10
#define OUT_AUX	   0x20
#define OUT_WIRES  0xcc
#define A_RESET	   0x01
#define INPUT_OPEN 0x80

struct registers {
	uint8_t ram[RAM_BYTES];
	uint8_t status, data;
	uint8_t command; /* whose parameter is awaited; 0: none */
	uint8_t a20, released;
	uint8_t answer[ANSWERS], aux[ANSWERS], answers;
};

struct i8042 {
	struct pcdev dev;
	struct pcbus *b;
	struct registers r; /* also their saved form */
	struct pctimer wire;
	struct ps2kbd kbd;
	struct ps2mouse mouse;
};

#define STATE_BYTES                                               \
	(sizeof(struct registers) + sizeof(struct ps2kbd_state) + \
	 sizeof(struct ps2mouse_state))

static struct i8042 *of(struct pcdev *d)
{
	return (struct i8042 *)d;
}

/* ---------------------------------------------------------------- output buffer */

static void lines(struct i8042 *c)
{
	const bool full = c->r.status & OBF, aux = c->r.status & AUX_OBF;

	pcbus_irq(c->b, KEYBOARD_LINE, full && !aux && c->r.ram[0] & KBD_IRQ);
	pcbus_irq(c->b, MOUSE_LINE, full && aux && c->r.ram[0] & AUX_IRQ);
}

static void put(struct i8042 *c, uint8_t byte, bool aux)
{
	c->r.data = byte;
	c->r.status &= (uint8_t)~AUX_OBF;
	c->r.status |= OBF | (aux ? AUX_OBF : 0);
	lines(c);
}

static bool kbd_sends(const struct i8042 *c)
{
	return !(c->r.ram[0] & KBD_OFF) && !ps2q_empty(&c->kbd.s.q);
}

static bool mouse_sends(const struct i8042 *c)
{
	return !(c->r.ram[0] & AUX_OFF) && !ps2q_empty(&c->mouse.s.q);
}

/* The buffer's next byte, if it is free: an answer at once, others by wire. */
static void fill(void *arg)
{
	struct i8042 *c = arg;

	if (c->r.status & OBF)
		return;
	if (c->r.answers) {
		const uint8_t byte = c->r.answer[0];
		const bool aux = c->r.aux[0];

		c->r.answers--;
		memmove(c->r.answer, c->r.answer + 1, c->r.answers);
		memmove(c->r.aux, c->r.aux + 1, c->r.answers);
		put(c, byte, aux);
	} else if (!c->wire.at && (kbd_sends(c) || mouse_sends(c))) {
		pctimer_set(c->b, &c->wire, pcbus_now(c->b) + I8042_BYTE_NS);
	}
}

static void kbd_receive(struct i8042 *c)
{
	uint8_t byte = ps2q_pop(&c->kbd.s.q);
	bool released = c->r.released;
	const bool whole = !(c->r.ram[0] & TRANSLATE) || ps2_translate(&released, &byte);

	c->r.released = released;
	if (whole)
		put(c, byte, false);
}

static void received(void *arg)
{
	struct i8042 *c = arg;

	if (c->r.status & OBF)
		return;
	if (kbd_sends(c)) {
		kbd_receive(c);
	} else if (mouse_sends(c)) {
		put(c, ps2q_pop(&c->mouse.s.q), true);
		if (ps2q_empty(&c->mouse.s.q))
			ps2mouse_taken(&c->mouse);
	}
	fill(c);
}

static void answer(struct i8042 *c, uint8_t byte, bool aux)
{
	if (c->r.answers < ANSWERS) {
		c->r.answer[c->r.answers] = byte;
		c->r.aux[c->r.answers++] = aux;
	}
	fill(c);
}

/* --------------------------------------------------------------------- commands */

static void command_byte(struct i8042 *c, uint8_t value)
{
	c->r.ram[0] = value;
	c->r.status = (uint8_t)((c->r.status & ~SYSTEM) | (value & SYSTEM));
	lines(c);
	fill(c);
}

static void output_port(struct i8042 *c, uint8_t value)
{
	c->r.a20 = !!(value & OUT_A20);
	if (!(value & OUT_RUN))
		c->b->ops->reset(c->b);
}

static uint8_t output_port_is(const struct i8042 *c)
{
	const uint8_t full = c->r.status & AUX_OBF ? OUT_AUX : OUT_KBD;

	return OUT_WIRES | OUT_RUN | (c->r.a20 ? OUT_A20 : 0) |
	       (c->r.status & OBF ? full : 0);
}

static void self_test(struct i8042 *c)
{
	c->r.ram[0] |= SYSTEM;
	c->r.status |= SYSTEM;
	answer(c, 0x55, false);
}

static void command(struct i8042 *c, uint8_t byte)
{
	const uint8_t b0 = c->r.ram[0];

	switch (byte) {
	case 0xa4: /* is there a password? */
		answer(c, 0xf1, false);
		break;
	case 0xa7:
		command_byte(c, b0 | AUX_OFF);
		break;
	case 0xa8:
		command_byte(c, (uint8_t)(b0 & ~AUX_OFF));
		break;
	case 0xa9: /* tests of the interfaces */
	case 0xab:
		answer(c, 0, false);
		break;
	case 0xaa:
		self_test(c);
		break;
	case 0xad:
		command_byte(c, b0 | KBD_OFF);
		break;
	case 0xae:
		command_byte(c, (uint8_t)(b0 & ~KBD_OFF));
		break;
	case 0xc0:
		answer(c, INPUT_OPEN, false);
		break;
	case 0xd0:
		answer(c, output_port_is(c), false);
		break;
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xd4:
		c->r.command = byte;
		break;
	case 0xdd:
	case 0xdf:
		c->r.a20 = byte == 0xdf;
		break;
	case 0xe0:
		answer(c, 0, false);
		break;
	default:
		if (byte >= 0x20 && byte < 0x40)
			answer(c, c->r.ram[byte % RAM_BYTES], false);
		else if (byte >= 0x60 && byte < 0x80)
			c->r.command = byte;
		else if (byte >= 0xf0 && !(byte & OUT_RUN))
			c->b->ops->reset(c->b);
	}
}

static void parameter(struct i8042 *c, uint8_t pending, uint8_t byte)
{
	switch (pending) {
	case 0x60:
		command_byte(c, byte);
		break;
	case 0xd1:
		output_port(c, byte);
		break;
	case 0xd2:
	case 0xd3:
		answer(c, byte, pending == 0xd3);
		break;
	case 0xd4:
		command_byte(c, (uint8_t)(c->r.ram[0] & ~AUX_OFF));
		ps2mouse_write(&c->mouse, byte);
		break;
	default:
		c->r.ram[pending % RAM_BYTES] = byte;
	}
}

/* ------------------------------------------------------------------------ ports */

static uint64_t data_read(void *arg, uint64_t at, unsigned size)
{
	struct i8042 *c = arg;
	const uint8_t byte = c->r.data;

	(void)at;
	(void)size;
	if (c->r.status & OBF) {
		c->r.status &= (uint8_t) ~(OBF | AUX_OBF);
		lines(c);
		fill(c);
	}
	return byte;
}

static void data_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct i8042 *c = arg;
	const uint8_t pending = c->r.command;

	(void)at;
	(void)size;
	c->r.status &= (uint8_t)~COMMAND;
	c->r.command = 0;
	if (pending) {
		parameter(c, pending, (uint8_t)value);
		return;
	}
	/* what the host sends enables the interface, too */
	command_byte(c, (uint8_t)(c->r.ram[0] & ~KBD_OFF));
	ps2kbd_write(&c->kbd, (uint8_t)value);
}

static uint64_t status_read(void *arg, uint64_t at, unsigned size)
{
	(void)at;
	(void)size;
	return ((struct i8042 *)arg)->r.status;
}

static void command_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct i8042 *c = arg;

	(void)at;
	(void)size;
	c->r.status |= COMMAND;
	c->r.command = 0;
	command(c, (uint8_t)value);
}

static uint64_t a_read(void *arg, uint64_t at, unsigned size)
{
	(void)at;
	(void)size;
	return ((struct i8042 *)arg)->r.a20 ? OUT_A20 : 0;
}

static void a_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct i8042 *c = arg;

	(void)at;
	(void)size;
	c->r.a20 = !!(value & OUT_A20);
	if (value & A_RESET)
		c->b->ops->reset(c->b);
}

/* ------------------------------------------------------------------- the device */

void i8042_key(struct i8042 *c, unsigned evdev_code, bool pressed)
{
	ps2kbd_key(&c->kbd, evdev_code, pressed);
}

void i8042_pointer(struct i8042 *c, int dx, int dy, int dz, unsigned buttons)
{
	ps2mouse_move(&c->mouse, dx, dy, dz, buttons);
}

unsigned i8042_leds(const struct i8042 *c)
{
	return c->kbd.s.leds;
}

static void i8042_reset(struct pcdev *d)
{
	struct i8042 *c = of(d);

	memset(&c->r, 0, sizeof(c->r));
	c->r.status = NO_INHIBIT;
	c->r.ram[0] = KBD_OFF | AUX_OFF | TRANSLATE;
	c->r.a20 = 1;
	pctimer_stop(c->b, &c->wire);
	ps2kbd_reset(&c->kbd);
	ps2mouse_reset(&c->mouse);
	lines(c);
}

static size_t i8042_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	const struct i8042 *c = of(d);

	if (max < STATE_BYTES)
		return 0;
	memcpy(buf, &c->r, sizeof(c->r));
	buf += sizeof(c->r);
	memcpy(buf, &c->kbd.s, sizeof(c->kbd.s));
	memcpy(buf + sizeof(c->kbd.s), &c->mouse.s, sizeof(c->mouse.s));
	return STATE_BYTES;
}

static bool registers_good(const struct registers *r)
{
	const bool command = !r->command || (r->command >= 0x60 && r->command < 0x80) ||
			     (r->command >= 0xd1 && r->command <= 0xd4);

	if (!command || r->a20 > 1 || r->released > 1 || r->answers > ANSWERS ||
	    r->status & ~(OBF | SYSTEM | COMMAND | NO_INHIBIT | AUX_OBF))
		return false;
	for (unsigned i = 0; i < r->answers; i++)
		if (r->aux[i] > 1)
			return false;
	return true;
}

static int i8042_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct i8042 *c = of(d);
	struct registers r;
	struct ps2kbd_state kbd;
	struct ps2mouse_state mouse;

	if (len != STATE_BYTES)
		return -EBADMSG;
	memcpy(&r, buf, sizeof(r));
	buf += sizeof(r);
	memcpy(&kbd, buf, sizeof(kbd));
	memcpy(&mouse, buf + sizeof(kbd), sizeof(mouse));
	if (!registers_good(&r))
		return -EBADMSG;
	c->r = r;
	pctimer_stop(c->b, &c->wire);
	if (ps2kbd_load(&c->kbd, &kbd) || ps2mouse_load(&c->mouse, &mouse))
		return -EBADMSG;
	lines(c);
	fill(c);
	return 0;
}

static void i8042_destroy(struct pcdev *d)
{
	struct i8042 *c = of(d);

	pctimer_stop(c->b, &c->wire);
	pctimer_stop(c->b, &c->kbd.repeat);
	pctimer_stop(c->b, &c->mouse.sample);
	free(c);
}

struct i8042 *i8042_new(struct pcbus *b)
{
	static const struct pcdev_ops ops = { .name = "i8042",
					      .reset = i8042_reset,
					      .save = i8042_save,
					      .load = i8042_load,
					      .destroy = i8042_destroy };
	static const struct io_ops data_io = { data_read, data_write };
	static const struct io_ops command_io = { status_read, command_write };
	static const struct io_ops a_io = { a_read, a_write };
	struct i8042 *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->dev.ops = &ops;
	c->b = b;
	c->wire = (struct pctimer){ .fire = received, .arg = c };
	ps2kbd_init(&c->kbd, b, fill, c);
	ps2mouse_init(&c->mouse, b, fill, c);
	i8042_reset(&c->dev);
	if (pcbus_pio_map(b, DATA_PORT, 1, &data_io, c))
		goto free_controller;
	if (pcbus_pio_map(b, COMMAND_PORT, 1, &command_io, c))
		goto unmap_data;
	if (pcbus_pio_map(b, A_PORT, 1, &a_io, c))
		goto unmap_command;
	pcbus_add(b, &c->dev);
	return c;
unmap_command:
	pcbus_pio_unmap(b, COMMAND_PORT);
unmap_data:
	pcbus_pio_unmap(b, DATA_PORT);
free_controller:
	free(c);
	return NULL;
}
