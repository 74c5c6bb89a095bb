/* SPDX-License-Identifier: MIT */
/* A 93C46: commands are shifted in with the clock's rising edges. */
#include "backends/pc/eeprom93.h"

#include <string.h>

#define COMMAND_BITS 9u	 /* start, two of the operation, six of the address */
#define WRITE_BITS   25u /* and a word */

enum { OP_NONE, OP_READ, OP_WRITE, OP_WRITE_ALL };

void eeprom93_reset(struct eeprom93 *e)
{
	uint16_t word[EEPROM93_WORDS];

	memcpy(word, e->word, sizeof(word));
	memset(e, 0, sizeof(*e));
	memcpy(e->word, word, sizeof(word));
	e->dout = 1;
}

bool eeprom93_check(const struct eeprom93 *e)
{
	return e->bits <= WRITE_BITS && e->op <= OP_WRITE_ALL &&
	       e->addr < EEPROM93_WORDS && e->left <= 17 && e->cs <= 1 && e->sk <= 1 &&
	       e->dout <= 1 && e->writable <= 1;
}

static void command(struct eeprom93 *e)
{
	e->addr = e->shift & (EEPROM93_WORDS - 1);
	switch (e->shift >> 6 & 3) {
	case 0: /* by the address's upper bits */
		if (e->addr >> 4 == 3 || e->addr >> 4 == 0)
			e->writable = e->addr >> 4 == 3;
		else if (e->addr >> 4 == 2 && e->writable)
			memset(e->word, 0xff, sizeof(e->word));
		else if (e->addr >> 4 == 1)
			e->op = OP_WRITE_ALL;
		break;
	case 1:
		e->op = OP_WRITE;
		break;
	case 2:
		e->op = OP_READ;
		e->out = e->word[e->addr];
		e->left = 16;
		e->dout = 0; /* in front of the first bit */
		break;
	default:
		if (e->writable)
			e->word[e->addr] = 0xffff;
	}
}

static void read_bit(struct eeprom93 *e)
{
	if (!e->left) { /* the next word follows without a break */
		e->addr = (e->addr + 1) % EEPROM93_WORDS;
		e->out = e->word[e->addr];
		e->left = 16;
	}
	e->dout = e->out >> 15 & 1;
	e->out = (uint16_t)(e->out << 1);
	e->left--;
}

static void write_word(struct eeprom93 *e)
{
	e->dout = 1; /* ready: it takes no time */
	if (!e->writable)
		return;
	if (e->op == OP_WRITE)
		e->word[e->addr] = e->shift;
	else
		for (unsigned i = 0; i < EEPROM93_WORDS; i++)
			e->word[i] = e->shift;
}

static void clock_rises(struct eeprom93 *e, bool di)
{
	if (e->op == OP_READ) {
		read_bit(e);
		return;
	}
	if ((!e->bits && !di) || e->bits == WRITE_BITS)
		return; /* before the start bit, behind the end */
	e->shift = (uint16_t)(e->shift << 1 | di);
	e->bits++;
	if (e->bits == COMMAND_BITS)
		command(e);
	else if (e->bits == WRITE_BITS && e->op)
		write_word(e);
}

void eeprom93_set(struct eeprom93 *e, bool cs, bool sk, bool di)
{
	if (!cs) {
		e->bits = e->op = e->left = 0;
		e->dout = 1;
	} else if (sk && !e->sk) {
		clock_rises(e, di);
	}
	e->cs = cs;
	e->sk = sk;
}
