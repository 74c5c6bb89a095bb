/* SPDX-License-Identifier: MIT */
/* The keyboard's commands, keys and repetition. */
#include "backends/pc/ps2kbd.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <string.h>

#define DEFAULT_RATE 0x2b /* 500 ms, 10.9 a second */
#define ID_FIRST     0xab
#define ID_SECOND    0x83
#define ECHO	     0xee
#define COMMANDS     0xed /* bytes from here are commands, parameters never are */
#define TYPEMATIC    1
#define TELLS	     2 /* its release */
#define WITH_ALT     1
#define WITH_CTRL    2

static bool is_down(const struct ps2kbd *k, unsigned key)
{
	return k->s.down[key / 8] >> (key % 8) & 1;
}

static void defaults(struct ps2kbd *k)
{
	k->s.set = 2;
	k->s.rate = DEFAULT_RATE;
	k->s.command = 0;
	memset(k->s.type, TYPEMATIC | TELLS, sizeof(k->s.type));
}

static void hold(struct ps2kbd *k, unsigned key)
{
	k->s.held = (uint8_t)key;
	if (key)
		pctimer_set(k->b, &k->repeat,
			    pcbus_now(k->b) + (1 + (k->s.rate >> 5 & 3u)) * (PC_NS / 4));
	else
		pctimer_stop(k->b, &k->repeat);
}

/* ------------------------------------------------------------------------- keys */

/* May it, by its type? Types are of set 3's keys alone. */
static bool may(const struct ps2kbd *k, unsigned key, uint8_t what)
{
	const uint8_t code = ps2_set3(key);

	return k->s.set != 3 || code >= PS2KBD_CODES3 || k->s.type[code] & what;
}

static void send(struct ps2kbd *k, unsigned key, bool pressed)
{
	const uint8_t with = key == KEY_SYSRQ ? WITH_ALT : WITH_CTRL;
	uint8_t bytes[PS2_CODES];
	unsigned n;

	if (!k->s.enabled || (!pressed && !may(k, key, TELLS)))
		return;
	n = ps2_codes(k->s.set, key, pressed, k->s.with & with, bytes);
	if (n && ps2q_event(&k->s.q, bytes, n))
		k->ready(k->arg);
}

/* Whether Print Screen and Pause are other keys is decided when they are pressed. */
static void combine(struct ps2kbd *k, unsigned key)
{
	bool with;
	uint8_t bit;

	if (key == KEY_SYSRQ) {
		bit = WITH_ALT;
		with = is_down(k, KEY_LEFTALT) || is_down(k, KEY_RIGHTALT);
	} else if (key == KEY_PAUSE) {
		bit = WITH_CTRL;
		with = is_down(k, KEY_LEFTCTRL) || is_down(k, KEY_RIGHTCTRL);
	} else {
		return;
	}
	k->s.with = (uint8_t)((k->s.with & ~bit) | (with ? bit : 0));
}

void ps2kbd_key(struct ps2kbd *k, unsigned code, bool pressed)
{
	if (code >= PS2_KEYS || pressed == is_down(k, code))
		return;
	k->s.down[code / 8] ^= (uint8_t)(1u << (code % 8));
	if (pressed)
		combine(k, code);
	send(k, code, pressed);
	if (pressed && code != KEY_PAUSE && may(k, code, TYPEMATIC))
		hold(k, code);
	else if (pressed || code == k->s.held)
		hold(k, 0);
}

static void repeat(void *arg)
{
	struct ps2kbd *k = arg;
	const uint64_t eighths = 8u + (k->s.rate & 7u);

	/* none is queued behind others: the key may be up by then */
	if (!k->s.q.events)
		send(k, k->s.held, true);
	pctimer_set(k->b, &k->repeat,
		    pcbus_now(k->b) + (eighths << (k->s.rate >> 3 & 3)) * (PC_NS / 240));
}

/* --------------------------------------------------------------------- commands */

static void ack(struct ps2kbd *k)
{
	ps2q_reply(&k->s.q, PS2_ACK);
}

/* Of command 0xfb to 0xfd, or 0xf7 to 0xfa for all keys */
static uint8_t type_of(uint8_t command)
{
	switch (command) {
	case 0xf7:
	case 0xfb:
		return TYPEMATIC;
	case 0xf8:
	case 0xfc:
		return TELLS;
	case 0xfa:
		return TYPEMATIC | TELLS;
	default:
		return 0;
	}
}

static void scan_code_set(struct ps2kbd *k, uint8_t set)
{
	if (set > 3) {
		ps2q_reply(&k->s.q, PS2_RESEND);
		return;
	}
	ack(k);
	if (!set)
		ps2q_reply(&k->s.q, k->s.set);
	else
		k->s.set = set;
}

static void parameter(struct ps2kbd *k, uint8_t byte)
{
	const uint8_t command = k->s.command;

	k->s.command = 0;
	switch (command) {
	case 0xed:
		k->s.leds = byte & 7;
		ack(k);
		break;
	case 0xf0:
		scan_code_set(k, byte);
		break;
	case 0xf3:
		k->s.rate = byte & 0x7f;
		ack(k);
		break;
	default: /* 0xfb to 0xfd: as many keys as come */
		k->s.command = command;
		if (byte < PS2KBD_CODES3)
			k->s.type[byte] = type_of(command);
		ack(k);
	}
}

static void command(struct ps2kbd *k, uint8_t byte)
{
	switch (byte) {
	case 0xed:
	case 0xf0:
	case 0xf3:
	case 0xfb:
	case 0xfc:
	case 0xfd:
		k->s.command = byte;
		ack(k);
		break;
	case ECHO:
		ps2q_reply(&k->s.q, ECHO);
		break;
	case 0xf2:
		ack(k);
		ps2q_reply(&k->s.q, ID_FIRST);
		ps2q_reply(&k->s.q, ID_SECOND);
		break;
	case 0xf4:
		ps2q_drop(&k->s.q);
		k->s.enabled = 1;
		ack(k);
		break;
	case 0xf5:
	case 0xf6:
		ps2q_drop(&k->s.q);
		defaults(k);
		k->s.enabled = byte == 0xf6;
		ack(k);
		break;
	case 0xf7:
	case 0xf8:
	case 0xf9:
	case 0xfa:
		memset(k->s.type, type_of(byte), sizeof(k->s.type));
		ack(k);
		break;
	case PS2_RESEND:
		ps2q_reply(&k->s.q, k->s.q.last);
		break;
	case 0xff:
		ps2kbd_reset(k);
		ack(k);
		ps2q_reply(&k->s.q, PS2_BAT_OK);
		break;
	default:
		ps2q_reply(&k->s.q, PS2_RESEND);
	}
}

void ps2kbd_write(struct ps2kbd *k, uint8_t byte)
{
	if (k->s.command && byte < COMMANDS) {
		parameter(k, byte);
	} else {
		k->s.command = 0;
		command(k, byte);
	}
	k->ready(k->arg);
}

/* ------------------------------------------------------------------------ state */

void ps2kbd_reset(struct ps2kbd *k)
{
	memset(&k->s.q, 0, sizeof(k->s.q));
	defaults(k);
	k->s.leds = 0;
	k->s.enabled = 1;
	hold(k, 0);
}

int ps2kbd_load(struct ps2kbd *k, const struct ps2kbd_state *s)
{
	if (!ps2q_good(&s->q) || s->set < 1 || s->set > 3 || s->enabled > 1 ||
	    s->leds > 7 || s->rate > 0x7f || s->with > (WITH_ALT | WITH_CTRL))
		return -EBADMSG;
	switch (s->command) {
	case 0:
	case 0xed:
	case 0xf0:
	case 0xf3:
	case 0xfb:
	case 0xfc:
	case 0xfd:
		break;
	default:
		return -EBADMSG;
	}
	k->s = *s;
	hold(k, s->held);
	return 0;
}

void ps2kbd_init(struct ps2kbd *k, struct pcbus *b, void (*ready)(void *arg), void *arg)
{
	memset(k, 0, sizeof(*k));
	k->b = b;
	k->ready = ready;
	k->arg = arg;
	k->repeat = (struct pctimer){ .fire = repeat, .arg = k };
	ps2kbd_reset(k);
}
