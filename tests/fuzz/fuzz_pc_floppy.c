/* SPDX-License-Identifier: MIT */
/*
 * The floppy controller and the 8237s under any accesses of their ports, media that come,
 * go and take their time, resets, and states that somebody has changed.
 */
#include <string.h>

#include "backends/pc/floppy.h"
#include "tests/fuzz/input.h"
#include "tests/lib/fakedisk.h"
#include "tests/lib/fakepc.h"

#define MAX_OPS	  400
#define STATE_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fakedisk *media[FLOPPY_DRIVES];

static void finish(void)
{
	for (unsigned i = 0; i < FLOPPY_DRIVES; i++)
		(void)fakedisk_run(media[i]);
}

/* Saved, some bytes changed, loaded. */
static void change_state(struct pcdev *d, struct input *in)
{
	static uint8_t buf[STATE_MAX];
	unsigned n = input_u8(in) % 4;
	size_t len;

	if (d->ops->quiesce && !d->ops->quiesce(d))
		finish();
	len = d->ops->save(d, buf, sizeof(buf));
	must(len && len < sizeof(buf));
	while (n--) {
		const uint8_t at = input_u8(in);

		buf[at % (len < 112 ? len : 112)] = input_u8(in);
	}
	if (input_u8(in) % 8 == 0)
		len--;
	if (d->ops->load(d, buf, len))
		d->ops->reset(d);
}

static void one(struct fakepc *f, struct floppy *fd, struct input *in)
{
	static const uint16_t ports[] = { 0x3f0, 0x3f7, 0x3f0, 0x3f7,
					  0x00,	 0x80,	0xc0,  0xd0 };
	const uint8_t op = input_u8(in), unit = op >> 4 & 1;
	const unsigned size = op & 0x20 ? 2 : 1;
	uint16_t port = ports[op >> 5];
	uint8_t n;

	switch (op & 7) {
	case 0:
		port = (uint16_t)(port + input_u8(in) % 16);
		fakepc_out(f, port, size, input_u16(in));
		break;
	case 1:
		port = (uint16_t)(port + input_u8(in) % 16);
		(void)fakepc_in(f, port, size);
		break;
	case 2: /* bytes of commands */
		for (n = input_u8(in) % 10; n; n--)
			fakepc_out(f, 0x3f5, 1, input_u8(in));
		break;
	case 3:
		for (unsigned k = input_u16(in) % 40000; k; k--)
			(void)fakepc_in(f, 0x3f5, 1);
		break;
	case 4:
		finish();
		break;
	case 5:
		change_state(op & 8 ? TAILQ_FIRST(&f->bus.devs)
				    : TAILQ_LAST(&f->bus.devs, pcdevs),
			     in);
		break;
	case 6:
		if (op & 8)
			(void)floppy_eject(fd, unit);
		else
			(void)floppy_insert(fd, unit, &media[unit]->d);
		break;
	default: /* the channel, ready */
		if (op & 8)
			pcbus_reset(&f->bus);
		fakepc_out(f, 0x3f2, 1, 0x0c);
		fakepc_out(f, 0x0b, 1, input_u8(in));
		fakepc_out(f, 0x05, 1, input_u8(in));
		fakepc_out(f, 0x05, 1, input_u8(in));
		fakepc_out(f, 0x81, 1, input_u8(in));
		fakepc_out(f, 0x0a, 1, 2);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct fakepc *f = fakepc_open(false);
	struct isadma *dma = isadma_new(&f->bus);
	struct floppy *fd = floppy_new(&f->bus, dma);

	must(dma && fd);
	for (unsigned i = 0; i < FLOPPY_DRIVES; i++) {
		if (!media[i])
			media[i] = fakedisk_open(i ? 2949120 : 1474560);
		must(!floppy_attach(fd, i, i ? NULL : &media[i]->d));
	}
	for (unsigned n = 0; n < MAX_OPS && in.left; n++)
		one(f, fd, &in);
	/* whatever it is at, it can be reset */
	fakepc_out(f, 0x3f2, 1, 0);
	fakepc_out(f, 0x3f2, 1, 0x0c);
	finish();
	must((fakepc_in(f, 0x3f4, 1) & 0xf0) == 0x80);
	must(f->line[6]);
	for (unsigned i = 0; i < FLOPPY_DRIVES; i++)
		must(STAILQ_EMPTY(&media[i]->queue));
	fakepc_close(f);
	return 0;
}
