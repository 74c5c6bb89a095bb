/* SPDX-License-Identifier: MIT */
/*
 * All devices' states, as items {name, size, bytes padded to 8}: the time, then each
 * device in the order in which they were added. Those of one name go by that order, too.
 */
#include <errno.h>
#include <string.h>

#include "backends/pc/bus.h"

#define TIME_ITEM  "time"
#define NAME_SIZE  24u
#define ITEM_ALIGN 8u
#define ITEM_MAX   65536u /* bytes of a device */
/* Far more than a machine runs, and so far from the end that no sum overflows. */
#define TIME_MAX (1ull << 60)

struct item {
	char name[NAME_SIZE]; /* NUL-terminated, zeros behind it */
	uint32_t size, zero;
};

static size_t room_of(size_t size)
{
	return sizeof(struct item) + (size + ITEM_ALIGN - 1) / ITEM_ALIGN * ITEM_ALIGN;
}

bool pcbus_quiesce(struct pcbus *b)
{
	struct pcdev *d;

	TAILQ_FOREACH (d, &b->devs, entry)
		if (d->ops->quiesce && !d->ops->quiesce(d))
			return false;
	return true;
}

/* ------------------------------------------------------------------------------ out */

struct out {
	uint8_t *buf;
	size_t max, len;
};

/* Room for an item of any size; its bytes come behind the head. NULL: there is none. */
static uint8_t *item_room(const struct out *o)
{
	return o->max - o->len < room_of(ITEM_MAX)
		       ? NULL
		       : o->buf + o->len + sizeof(struct item);
}

/* Its bytes are there already. */
static void item_end(struct out *o, const char *name, size_t size)
{
	struct item i = { .size = (uint32_t)size };
	const size_t room = room_of(size);

	memcpy(i.name, name, strnlen(name, NAME_SIZE - 1));
	memcpy(o->buf + o->len, &i, sizeof(i));
	memset(o->buf + o->len + sizeof(i) + size, 0, room - sizeof(i) - size);
	o->len += room;
}

int pcbus_save(struct pcbus *b, uint8_t *buf, size_t max, size_t *len)
{
	const uint64_t now = pcbus_now(b);
	struct out o = { .buf = buf, .max = max };
	uint8_t *at = item_room(&o);
	struct pcdev *d;

	if (!at)
		return -E2BIG;
	memcpy(at, &now, sizeof(now));
	item_end(&o, TIME_ITEM, sizeof(now));
	TAILQ_FOREACH (d, &b->devs, entry) {
		at = item_room(&o);
		if (!at)
			return -E2BIG;
		item_end(&o, d->ops->name, d->ops->save(d, at, ITEM_MAX));
	}
	*len = o.len;
	return 0;
}

/* ------------------------------------------------------------------------------- in */

/* The item at *at, and the next one's place. False: the items do not fill len bytes as
 * they say. */
static bool item_next(const uint8_t *buf, size_t len, size_t *at, struct item *i)
{
	if (len - *at < sizeof(*i))
		return false;
	memcpy(i, buf + *at, sizeof(*i));
	if (i->size > ITEM_MAX || i->zero || i->name[NAME_SIZE - 1] ||
	    room_of(i->size) > len - *at)
		return false;
	*at += room_of(i->size);
	return true;
}

/* How many there are, all well-formed; 0: they are not. */
static unsigned items_count(const uint8_t *buf, size_t len)
{
	struct item i;
	unsigned n = 0;

	for (size_t at = 0; at < len; n++)
		if (!item_next(buf, len, &at, &i))
			return 0;
	return n;
}

/* The nth of a name, among well-formed ones. NULL: there is none. */
static const uint8_t *item_find(const uint8_t *buf, size_t len, const char *name,
				unsigned nth, size_t *size)
{
	struct item i;

	for (size_t at = 0, from = 0; at < len && item_next(buf, len, &at, &i);
	     from = at) {
		if (strcmp(i.name, name) != 0 || nth--)
			continue;
		*size = i.size;
		return buf + from + sizeof(i);
	}
	return NULL;
}

/* How many devices before it have its name. */
static unsigned number_of(const struct pcbus *b, const struct pcdev *of)
{
	const struct pcdev *d;
	unsigned n = 0;

	for (d = TAILQ_FIRST(&b->devs); d != of; d = TAILQ_NEXT(d, entry))
		n += !strcmp(d->ops->name, of->ops->name);
	return n;
}

static unsigned devices_count(const struct pcbus *b)
{
	const struct pcdev *d;
	unsigned n = 0;

	TAILQ_FOREACH (d, &b->devs, entry)
		n++;
	return n;
}

static int time_load(struct pcbus *b, const uint8_t *buf, size_t len)
{
	size_t size = 0;
	const uint8_t *item = item_find(buf, len, TIME_ITEM, 0, &size);
	uint64_t now;

	if (!item || size != sizeof(now))
		return -EBADMSG;
	memcpy(&now, item, sizeof(now));
	if (!now || now > TIME_MAX)
		return -EBADMSG;
	b->ops->set_now(b, now);
	return 0;
}

int pcbus_load(struct pcbus *b, const uint8_t *buf, size_t len, const char **why)
{
	const uint8_t *item;
	struct pcdev *d;
	size_t size = 0;

	*why = "the state of its devices is damaged";
	if (!items_count(buf, len) || time_load(b, buf, len))
		return -EBADMSG;
	*why = "its devices are not those that its configuration says";
	if (items_count(buf, len) != 1 + devices_count(b))
		return -EBADMSG;
	TAILQ_FOREACH (d, &b->devs, entry) {
		*why = "its devices are not those that its configuration says";
		item = item_find(buf, len, d->ops->name, number_of(b, d), &size);
		if (!item)
			return -EBADMSG;
		*why = "the state of its devices is damaged";
		if (d->ops->load(d, item, size))
			return -EBADMSG;
	}
	return 0;
}
