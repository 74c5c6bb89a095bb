/* SPDX-License-Identifier: MIT */
/* The firmware's own log. */
#include "backends/pc/debugport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/textline.h"

#define READBACK 0xe9

struct debugport {
	struct pcdev dev;
	struct textline text;
	void (*line)(void *arg, const char *text);
	void *arg;
};

static struct debugport *of(struct pcdev *d)
{
	return (struct debugport *)d;
}

static uint64_t port_read(void *arg, uint64_t at, unsigned size)
{
	(void)arg;
	(void)at;
	(void)size;
	return READBACK;
}

static void port_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct debugport *d = arg;

	(void)at;
	(void)size;
	if (textline_put(&d->text, (uint8_t)value))
		d->line(d->arg, d->text.text);
}

static void debugport_reset(struct pcdev *d)
{
	memset(&of(d)->text, 0, sizeof(of(d)->text));
}

static size_t debugport_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	if (max < sizeof(of(d)->text))
		return 0;
	memcpy(buf, &of(d)->text, sizeof(of(d)->text));
	return sizeof(of(d)->text);
}

static int debugport_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct textline text;

	if (len != sizeof(text))
		return -EBADMSG;
	memcpy(&text, buf, sizeof(text));
	if (!textline_good(&text))
		return -EBADMSG;
	of(d)->text = text;
	return 0;
}

static void debugport_destroy(struct pcdev *d)
{
	free(of(d));
}

struct debugport *debugport_new(struct pcbus *b,
				void (*line)(void *arg, const char *text), void *arg)
{
	static const struct pcdev_ops ops = { .name = "debugport",
					      .reset = debugport_reset,
					      .save = debugport_save,
					      .load = debugport_load,
					      .destroy = debugport_destroy };
	static const struct io_ops io = { port_read, port_write };
	struct debugport *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->dev.ops = &ops;
	d->line = line;
	d->arg = arg;
	if (pcbus_pio_map(b, DEBUGPORT, 1, &io, d)) {
		free(d);
		return NULL;
	}
	pcbus_add(b, &d->dev);
	return d;
}
