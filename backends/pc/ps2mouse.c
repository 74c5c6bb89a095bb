/* SPDX-License-Identifier: MIT */
/* The mouse: movements are summed up until a packet may be sent. */
#include "backends/pc/ps2mouse.h"

#include <errno.h>
#include <string.h>

#define SUM_MAX	     8192
#define COUNT_MAX    255
#define WHEEL_MAX    7
#define BUTTONS	     0x1f
#define DEFAULT_RATE 100
#define DEFAULT_RES  2 /* 4 counts a millimetre */
#define RATE_MIN     10
#define RATE_MAX     200
#define ID_WHEEL     3
#define ID_BUTTONS   4
#define ALWAYS	     0x08 /* in a packet's first byte */
#define X_SIGN	     0x10
#define Y_SIGN	     0x20

static int clamp(int v, int max)
{
	return v > max ? max : v < -max ? -max : v;
}

static void defaults(struct ps2mouse *m)
{
	m->s.enabled = m->s.remote = m->s.wrap = m->s.twice = 0;
	m->s.rate = DEFAULT_RATE;
	m->s.resolution = DEFAULT_RES;
	m->s.command = 0;
	m->s.dx = m->s.dy = m->s.dz = 0;
}

/* ---------------------------------------------------------------------- packets */

/* The buttons that it can tell of */
static uint8_t visible(const struct ps2mouse *m)
{
	return m->s.buttons & (m->s.id == ID_BUTTONS ? BUTTONS : 7);
}

static int take(int16_t *sum, int max)
{
	const int v = clamp(*sum, max);

	*sum = (int16_t)(*sum - v);
	return v;
}

/* Scaling 2:1 of the stream */
static int doubled(int v)
{
	static const uint8_t small[] = { 0, 1, 1, 3, 6, 9 };
	const int a = v < 0 ? -v : v;
	const int scaled = a < (int)sizeof(small) ? small[a] : clamp(2 * a, COUNT_MAX);

	return v < 0 ? -scaled : scaled;
}

/* What has happened since the last; 3 or 4 bytes. */
static unsigned packet(struct ps2mouse *m, bool scale, uint8_t p[4])
{
	int dx = take(&m->s.dx, COUNT_MAX), dy = take(&m->s.dy, COUNT_MAX), dz;

	if (scale && m->s.twice) {
		dx = doubled(dx);
		dy = doubled(dy);
	}
	m->s.told = visible(m);
	p[0] = ALWAYS | (m->s.told & 7) | (dx < 0 ? X_SIGN : 0) | (dy < 0 ? Y_SIGN : 0);
	p[1] = (uint8_t)dx;
	p[2] = (uint8_t)dy;
	if (m->s.id < ID_WHEEL) {
		m->s.dz = 0;
		return 3;
	}
	dz = take(&m->s.dz, WHEEL_MAX);
	p[3] = (uint8_t)dz;
	if (m->s.id == ID_BUTTONS)
		p[3] = (uint8_t)((dz & 15) | (m->s.told & 0x18) << 1);
	return 4;
}

static bool news(const struct ps2mouse *m)
{
	return m->s.dx || m->s.dy || (m->s.dz && m->s.id >= ID_WHEEL) ||
	       visible(m) != m->s.told;
}

static bool streams(const struct ps2mouse *m)
{
	return m->s.enabled && !m->s.remote && !m->s.wrap;
}

static void queue(struct ps2mouse *m)
{
	struct ps2mouse_state before = m->s;
	uint8_t p[4];
	const unsigned n = packet(m, true, p);

	if (!ps2q_event(&m->s.q, p, n)) {
		m->s = before;
		return;
	}
	pctimer_set(m->b, &m->sample, pcbus_now(m->b) + PC_NS / m->s.rate);
	m->ready(m->arg);
}

/* One at a time: what happens meanwhile is in the next. */
static void stream(struct ps2mouse *m)
{
	if (streams(m) && !m->sample.at && !m->s.q.events && news(m))
		queue(m);
}

static void sampled(void *arg)
{
	stream(arg);
}

void ps2mouse_taken(struct ps2mouse *m)
{
	stream(m);
}

static int16_t sum(int16_t a, int b)
{
	return (int16_t)clamp(a + clamp(b, SUM_MAX), SUM_MAX);
}

void ps2mouse_move(struct ps2mouse *m, int dx, int dy, int dz, unsigned buttons)
{
	/* a click shorter than a sample is not to be lost */
	if ((buttons & BUTTONS) != m->s.buttons && visible(m) != m->s.told && streams(m))
		queue(m);
	m->s.buttons = buttons & BUTTONS;
	m->s.dx = sum(m->s.dx, dx);
	m->s.dy = sum(m->s.dy, -clamp(dy, SUM_MAX));
	m->s.dz = sum(m->s.dz, dz);
	stream(m);
}

/* --------------------------------------------------------------------- commands */

static void ack(struct ps2mouse *m)
{
	ps2q_reply(&m->s.q, PS2_ACK);
}

static void rate_set(struct ps2mouse *m, uint8_t rate)
{
	if (m->s.knock[0] == 200 && m->s.knock[1] == 100 && rate == 80)
		m->s.id = m->s.id < ID_WHEEL ? ID_WHEEL : m->s.id;
	if (m->s.knock[0] == 200 && m->s.knock[1] == 200 && rate == 80 && m->s.id)
		m->s.id = ID_BUTTONS;
	m->s.knock[0] = m->s.knock[1];
	m->s.knock[1] = rate;
	m->s.rate = rate < RATE_MIN ? RATE_MIN : rate > RATE_MAX ? RATE_MAX : rate;
}

static void status(struct ps2mouse *m)
{
	const uint8_t b = m->s.buttons;

	ack(m);
	ps2q_reply(&m->s.q,
		   (uint8_t)(m->s.remote << 6 | m->s.enabled << 5 | m->s.twice << 4 |
			     (b & 1) << 2 | (b & 4) >> 1 | (b & 2) >> 1));
	ps2q_reply(&m->s.q, m->s.resolution);
	ps2q_reply(&m->s.q, m->s.rate);
}

static void read_data(struct ps2mouse *m)
{
	uint8_t p[4];
	const unsigned n = packet(m, false, p);

	ack(m);
	for (unsigned i = 0; i < n; i++)
		ps2q_reply(&m->s.q, p[i]);
}

static void mode(struct ps2mouse *m, uint8_t *flag, uint8_t value)
{
	*flag = value;
	m->s.dx = m->s.dy = m->s.dz = 0;
	ack(m);
}

static void set_mode(struct ps2mouse *m, uint8_t byte)
{
	switch (byte) {
	case 0xe6:
	case 0xe7:
		m->s.twice = byte == 0xe7;
		ack(m);
		break;
	case 0xea:
	case 0xf0:
		mode(m, &m->s.remote, byte == 0xf0);
		break;
	case 0xec:
	case 0xee:
		mode(m, &m->s.wrap, byte == 0xee);
		break;
	case 0xf4:
	case 0xf5:
		mode(m, &m->s.enabled, byte == 0xf4);
		break;
	default:
		break;
	}
}

static void command(struct ps2mouse *m, uint8_t byte)
{
	switch (byte) {
	case 0xe6:
	case 0xe7:
	case 0xea:
	case 0xec:
	case 0xee:
	case 0xf0:
	case 0xf4:
	case 0xf5:
		set_mode(m, byte);
		break;
	case 0xe8:
	case 0xf3:
		m->s.command = byte;
		ack(m);
		break;
	case 0xe9:
		status(m);
		break;
	case 0xeb:
		read_data(m);
		break;
	case 0xf2:
		ack(m);
		ps2q_reply(&m->s.q, m->s.id);
		break;
	case 0xf6:
		defaults(m);
		ack(m);
		break;
	case PS2_RESEND:
		ps2q_reply(&m->s.q, m->s.q.last);
		break;
	case 0xff:
		ps2mouse_reset(m);
		ack(m);
		ps2q_reply(&m->s.q, PS2_BAT_OK);
		ps2q_reply(&m->s.q, m->s.id);
		break;
	default:
		ps2q_reply(&m->s.q, PS2_RESEND);
	}
}

void ps2mouse_write(struct ps2mouse *m, uint8_t byte)
{
	const uint8_t pending = m->s.command;

	ps2q_drop(&m->s.q);
	m->s.command = 0;
	if (m->s.wrap && byte != 0xec && byte != 0xff) {
		ps2q_reply(&m->s.q, byte);
	} else if (pending == 0xe8 && byte <= 3) {
		m->s.resolution = byte;
		ack(m);
	} else if (pending == 0xf3 && byte <= RATE_MAX) {
		rate_set(m, byte);
		ack(m);
	} else {
		command(m, byte);
	}
	m->ready(m->arg);
}

/* ------------------------------------------------------------------------ state */

void ps2mouse_reset(struct ps2mouse *m)
{
	const uint8_t buttons = m->s.buttons;

	memset(&m->s, 0, sizeof(m->s));
	m->s.buttons = m->s.told = buttons;
	defaults(m);
	pctimer_stop(m->b, &m->sample);
}

static bool small(int v)
{
	return v >= -SUM_MAX && v <= SUM_MAX;
}

int ps2mouse_load(struct ps2mouse *m, const struct ps2mouse_state *s)
{
	if (!ps2q_good(&s->q) || s->id > ID_BUTTONS || s->enabled > 1 || s->remote > 1 ||
	    s->wrap > 1 || s->twice > 1 || s->resolution > 3 || s->rate < RATE_MIN ||
	    s->rate > RATE_MAX ||
	    (s->command && s->command != 0xe8 && s->command != 0xf3))
		return -EBADMSG;
	if (s->buttons > BUTTONS || s->told > BUTTONS || !small(s->dx) || !small(s->dy) ||
	    !small(s->dz))
		return -EBADMSG;
	m->s = *s;
	pctimer_set(m->b, &m->sample, pcbus_now(m->b) + PC_NS / m->s.rate);
	return 0;
}

void ps2mouse_init(struct ps2mouse *m, struct pcbus *b, void (*ready)(void *arg),
		   void *arg)
{
	memset(m, 0, sizeof(*m));
	m->b = b;
	m->ready = ready;
	m->arg = arg;
	m->sample = (struct pctimer){ .fire = sampled, .arg = m };
	ps2mouse_reset(m);
}
