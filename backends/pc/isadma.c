/* SPDX-License-Identifier: MIT */
/* 8237: two of them, and the page registers. */
#include "backends/pc/isadma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHIPS	 2u
#define CHANNELS 4u /* of one */
#define PAGES	 16u

#define PAGE_PORT 0x80

/* Registers behind the addresses and counts. */
enum {
	REG_COMMAND = 8, /* read: status */
	REG_REQUEST,
	REG_MASK,
	REG_MODE,
	REG_FLIPFLOP,
	REG_CLEAR, /* read: temporary register */
	REG_MASK_CLEAR,
	REG_MASK_ALL,
};

#define COMMAND_OFF 0x04u

#define MODE_TYPE      0x0cu
#define MODE_VERIFY    0x00u
#define MODE_TO_MEMORY 0x04u
#define MODE_FROM      0x08u
#define MODE_AUTO      0x10u
#define MODE_DOWN      0x20u

struct channel {
	uint16_t base_address, base_count; /* as written */
	uint16_t address, count;	   /* now */
	uint8_t mode;
};

struct chip {
	unsigned shift; /* 1: words */
	struct channel ch[CHANNELS];
	bool high; /* the flip-flop: the next byte is a high one */
	uint8_t command, mask, request, reached;
};

struct isadma {
	struct pcdev dev; /* first */
	struct pcbus *b;
	struct chip chip[CHIPS];
	uint8_t page[PAGES];
};

static const struct {
	uint16_t port, n;
} chip_ports[CHIPS] = { { 0x00, 16 }, { 0xc0, 32 } };

/* ---------------------------------------------------------------------- registers */

static void chip_clear(struct chip *c)
{
	c->high = false;
	c->command = c->request = c->reached = 0;
	c->mask = 0xf;
}

static uint8_t half(struct chip *c, uint16_t value)
{
	const uint8_t byte = (uint8_t)(c->high ? value >> 8 : value);

	c->high = !c->high;
	return byte;
}

static void half_set(struct chip *c, uint16_t *base, uint16_t *now, uint8_t byte)
{
	*base = (uint16_t)(c->high ? (*base & 0xff) | byte << 8
				   : (*base & 0xff00) | byte);
	*now = *base;
	c->high = !c->high;
}

static uint64_t chip_read(void *arg, uint64_t at, unsigned size)
{
	struct chip *c = arg;
	const unsigned reg = (unsigned)at >> c->shift;
	uint8_t v;

	if (size != 1)
		return UINT64_MAX;
	if (reg < REG_COMMAND)
		return half(c, reg & 1 ? c->ch[reg / 2].count : c->ch[reg / 2].address);
	switch (reg) {
	case REG_COMMAND:
		v = (uint8_t)(c->reached | c->request << 4);
		c->reached = 0;
		return v;
	case REG_CLEAR:
		return 0;
	case REG_MASK_ALL:
		return c->mask | 0xf0u;
	default:
		return UINT64_MAX;
	}
}

/* A bit a channel: bit 2 says what it becomes, bits 0 and 1 whose. */
static uint8_t bit_set(uint8_t bits, uint8_t value)
{
	const unsigned bit = 1u << (value & 3);

	return (uint8_t)(value & 4 ? bits | bit : bits & ~bit);
}

static void chip_write(void *arg, uint64_t at, unsigned size, uint64_t value64)
{
	struct chip *c = arg;
	const unsigned reg = (unsigned)at >> c->shift;
	const uint8_t value = (uint8_t)value64;
	struct channel *ch;

	if (size != 1)
		return;
	switch (reg) {
	case REG_COMMAND:
		c->command = value;
		break;
	case REG_REQUEST:
		c->request = bit_set(c->request, value);
		break;
	case REG_MASK:
		c->mask = bit_set(c->mask, value);
		break;
	case REG_MODE:
		c->ch[value & 3].mode = value & 0xfc;
		break;
	case REG_FLIPFLOP:
		c->high = false;
		break;
	case REG_CLEAR:
		chip_clear(c);
		break;
	case REG_MASK_CLEAR:
		c->mask = 0;
		break;
	case REG_MASK_ALL:
		c->mask = value & 0xf;
		break;
	default:
		ch = &c->ch[reg / 2];
		if (reg & 1)
			half_set(c, &ch->base_count, &ch->count, value);
		else
			half_set(c, &ch->base_address, &ch->address, value);
	}
}

static uint64_t page_read(void *arg, uint64_t at, unsigned size)
{
	const struct isadma *d = arg;

	return size == 1 ? d->page[at] : UINT64_MAX;
}

static void page_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct isadma *d = arg;

	/* a wider one is for who watches port 0x80 */
	(void)size;
	d->page[at] = (uint8_t)value;
}

/* --------------------------------------------------------------------- transfers */

static uint64_t place(const struct isadma *d, unsigned channel, uint16_t address)
{
	/* where each channel's page register is: 0x87, 0x83, 0x81, 0x82, 0x8f... */
	static const uint8_t pages[CHIPS * CHANNELS] = { 7, 3, 1, 2, 15, 11, 9, 10 };
	const uint64_t page = d->page[pages[channel]];

	if (channel < CHANNELS)
		return page << 16 | address;
	return (page & 0xfe) << 16 | (uint64_t)address << 1;
}

static void copy(struct isadma *d, uint64_t at, uint8_t *buf, size_t len, bool in)
{
	/* what is not memory takes nothing, and is read as ones */
	if (in)
		(void)pcbus_write(d->b, at, buf, len);
	else
		(void)pcbus_read(d->b, at, buf, len);
}

/* n units from the current address on, which stay within the page. */
static void move_units(struct isadma *d, unsigned channel, uint8_t *buf, unsigned n,
		       bool in)
{
	struct chip *c = &d->chip[channel / CHANNELS];
	struct channel *ch = &c->ch[channel % CHANNELS];
	const unsigned unit = 1u << c->shift;

	if ((ch->mode & MODE_TYPE) == MODE_VERIFY) {
		ch->address = (uint16_t)(ch->mode & MODE_DOWN ? ch->address - n
							      : ch->address + n);
	} else if (ch->mode & MODE_DOWN) {
		for (unsigned i = 0; i < n; i++)
			copy(d, place(d, channel, ch->address--), buf + i * unit, unit,
			     in);
	} else {
		copy(d, place(d, channel, ch->address), buf, (size_t)n * unit, in);
		ch->address = (uint16_t)(ch->address + n);
	}
}

size_t isadma_move(struct isadma *d, unsigned channel, void *buf, size_t len, bool in,
		   bool *tc)
{
	struct chip *c = &d->chip[channel / CHANNELS];
	struct channel *ch = &c->ch[channel % CHANNELS];
	const unsigned bit = 1u << (channel % CHANNELS);
	const unsigned type = ch->mode & MODE_TYPE;
	size_t done = 0;

	*tc = false;
	if (c->command & COMMAND_OFF || c->mask & bit ||
	    (type != MODE_VERIFY && type != (in ? MODE_TO_MEMORY : MODE_FROM)))
		return 0;
	while (!*tc && (len - done) >> c->shift) {
		const size_t wanted = (len - done) >> c->shift;
		unsigned n = ch->count + 1u;

		if (n > wanted)
			n = (unsigned)wanted;
		if (!(ch->mode & MODE_DOWN) && n > 0x10000u - ch->address)
			n = 0x10000u - ch->address; /* it goes on at the page's start */
		move_units(d, channel, (uint8_t *)buf + done, n, in);
		done += (size_t)n << c->shift;
		*tc = n == ch->count + 1u;
		ch->count = (uint16_t)(ch->count - n);
	}
	if (!*tc)
		return done;
	c->reached |= (uint8_t)bit;
	if (ch->mode & MODE_AUTO) {
		ch->address = ch->base_address;
		ch->count = ch->base_count;
	} else {
		c->mask |= (uint8_t)bit;
	}
	return done;
}

/* -------------------------------------------------------------------------- state */

struct state {
	struct {
		uint16_t base_address, base_count, address, count;
		uint16_t mode;
	} ch[CHIPS][CHANNELS];
	struct {
		uint8_t high, command, mask, request, reached, zero[3];
	} chip[CHIPS];
	uint8_t page[PAGES];
};
_Static_assert(sizeof(struct state) == 112, "no padding");

static void isadma_reset(struct pcdev *dev)
{
	struct isadma *d = (struct isadma *)dev;

	for (unsigned i = 0; i < CHIPS; i++) {
		memset(d->chip[i].ch, 0, sizeof(d->chip[i].ch));
		chip_clear(&d->chip[i]);
	}
	memset(d->page, 0, sizeof(d->page));
}

static size_t isadma_save(struct pcdev *dev, uint8_t *buf, size_t max)
{
	const struct isadma *d = (const struct isadma *)dev;
	struct state s = { 0 };

	if (max < sizeof(s))
		return 0;
	for (unsigned i = 0; i < CHIPS; i++) {
		const struct chip *c = &d->chip[i];

		for (unsigned k = 0; k < CHANNELS; k++) {
			s.ch[i][k].base_address = c->ch[k].base_address;
			s.ch[i][k].base_count = c->ch[k].base_count;
			s.ch[i][k].address = c->ch[k].address;
			s.ch[i][k].count = c->ch[k].count;
			s.ch[i][k].mode = c->ch[k].mode;
		}
		s.chip[i].high = c->high;
		s.chip[i].command = c->command;
		s.chip[i].mask = c->mask;
		s.chip[i].request = c->request;
		s.chip[i].reached = c->reached;
	}
	memcpy(s.page, d->page, sizeof(s.page));
	memcpy(buf, &s, sizeof(s));
	return sizeof(s);
}

static bool state_ok(const struct state *s)
{
	for (unsigned i = 0; i < CHIPS; i++) {
		if (s->chip[i].high > 1 ||
		    (s->chip[i].mask | s->chip[i].request | s->chip[i].reached) > 0xf)
			return false;
		for (unsigned k = 0; k < CHANNELS; k++)
			if (s->ch[i][k].mode & ~0xfc)
				return false;
	}
	return true;
}

static int isadma_load(struct pcdev *dev, const uint8_t *buf, size_t len)
{
	struct isadma *d = (struct isadma *)dev;
	struct state s;

	if (len != sizeof(s))
		return -EBADMSG;
	memcpy(&s, buf, sizeof(s));
	if (!state_ok(&s))
		return -EBADMSG;
	for (unsigned i = 0; i < CHIPS; i++) {
		struct chip *c = &d->chip[i];

		for (unsigned k = 0; k < CHANNELS; k++)
			c->ch[k] = (struct channel){
				.base_address = s.ch[i][k].base_address,
				.base_count = s.ch[i][k].base_count,
				.address = s.ch[i][k].address,
				.count = s.ch[i][k].count,
				.mode = (uint8_t)s.ch[i][k].mode,
			};
		c->high = s.chip[i].high;
		c->command = s.chip[i].command;
		c->mask = s.chip[i].mask;
		c->request = s.chip[i].request;
		c->reached = s.chip[i].reached;
	}
	memcpy(d->page, s.page, sizeof(d->page));
	return 0;
}

static void isadma_destroy(struct pcdev *dev)
{
	free(dev);
}

static const struct pcdev_ops isadma_ops = {
	.name = "8237",
	.reset = isadma_reset,
	.save = isadma_save,
	.load = isadma_load,
	.destroy = isadma_destroy,
};

struct isadma *isadma_new(struct pcbus *b)
{
	static const struct io_ops chip_ops = { chip_read, chip_write };
	static const struct io_ops page_ops = { page_read, page_write };
	struct isadma *d = calloc(1, sizeof(*d));
	unsigned n;

	if (!d)
		return NULL;
	d->dev.ops = &isadma_ops;
	d->b = b;
	for (n = 0; n < CHIPS; n++) {
		d->chip[n].shift = n;
		if (pcbus_pio_map(b, chip_ports[n].port, chip_ports[n].n, &chip_ops,
				  &d->chip[n]))
			goto unmap_chips;
	}
	if (pcbus_pio_map(b, PAGE_PORT, PAGES, &page_ops, d))
		goto unmap_chips;
	isadma_reset(&d->dev);
	pcbus_add(b, &d->dev);
	return d;
unmap_chips:
	while (n--)
		pcbus_pio_unmap(b, chip_ports[n].port);
	free(d);
	return NULL;
}
