/* SPDX-License-Identifier: MIT */
/*
 * IDE under any accesses of its ports, tables in memory, disks that end their I/O when
 * the input says, resets, and states that somebody has changed.
 */
#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/lib/idehost.h"

#define MAX_OPS	  200
#define MAX_STEPS 64
#define STATE_MAX 65536u
#define SECTORS	  70000u
#define CDROM	  3u /* the others are disks */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fakedisk *disks[IDE_UNITS];

static void steps(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)fakedisk_step(disks[i % IDE_UNITS]);
}

/* Saved, some bytes changed, loaded. Loads that are refused leave it reset. */
static void change_state(struct idehost *h, struct input *in)
{
	struct pcdev *d = TAILQ_LAST(&h->f->bus.devs, pcdevs);
	static uint8_t buf[STATE_MAX];
	unsigned n = input_u8(in) % 4;
	size_t len;

	while (!d->ops->quiesce(d))
		steps(IDE_UNITS);
	len = d->ops->save(d, buf, sizeof(buf));
	must(len && len < sizeof(buf));
	while (n--) {
		const uint16_t at = input_u16(in);

		buf[at % (len < 600 ? len : 600)] = input_u8(in);
	}
	if (input_u8(in) % 8 == 0)
		len -= len > 5 ? input_u8(in) % 5 : 0;
	if (d->ops->load(d, buf, len))
		d->ops->reset(d);
}

static void table(struct idehost *h, struct input *in)
{
	const uint32_t entry[2] = { (uint32_t)input_u16(in) << (input_u8(in) % 12),
				    input_u16(in) | (uint32_t)input_u8(in) << 31 };

	memcpy(h->f->ram + IDEHOST_TABLE + 8 * (input_u8(in) % 16), entry, 8);
	idehost_bm_out(h, input_u8(in) % 4, 4, 4, IDEHOST_TABLE);
}

static void decode(struct idehost *h)
{
	fakepc_pci_out(h->f, IDEHOST_SLOT, 1, PCI_BAR0 + 16, 4, IDEHOST_BM);
	fakepc_pci_out(h->f, IDEHOST_SLOT, 1, 0x40, 4, 0x80008000u);
	fakepc_pci_out(h->f, IDEHOST_SLOT, 1, PCI_COMMAND, 2,
		       PCI_CMD_IO | PCI_CMD_MASTER);
}

/* A packet command as it should be, but for what it says. */
static void packet(struct idehost *h, struct input *in)
{
	uint16_t words[6];

	input_bytes(in, words, sizeof(words));
	idehost_out(h, CDROM, 6, 0xb0);
	idehost_out(h, CDROM, 1, input_u8(in));
	idehost_out(h, CDROM, 4, input_u8(in));
	idehost_out(h, CDROM, 5, input_u8(in));
	idehost_out(h, CDROM, 7, 0xa0);
	for (unsigned i = 0; i < 6; i++)
		fakepc_out(h->f, idehost_base(CDROM), 2, words[i]);
}

static void one(struct idehost *h, struct input *in)
{
	static const uint8_t sizes[] = { 1, 2, 4, 8 };
	const uint8_t op = input_u8(in), unit = op >> 4 & 3;
	const uint8_t size = sizes[op >> 6];
	uint8_t a, b;

	switch (op & 15) {
	case 0:
		a = input_u8(in) % 8;
		fakepc_out(h->f, (uint16_t)(idehost_base(unit) + a), size & 7,
			   input_u32(in));
		break;
	case 1:
		a = input_u8(in) % 8;
		(void)fakepc_in(h->f, (uint16_t)(idehost_base(unit) + a), size & 7);
		break;
	case 2:
		idehost_control(h, unit, input_u8(in));
		break;
	case 3:
		a = input_u8(in) % 8;
		idehost_bm_out(h, unit, a, size & 7, input_u32(in));
		break;
	case 4:
		(void)idehost_bm_in(h, unit, input_u8(in) % 8, size & 7);
		break;
	case 5:
		table(h, in);
		break;
	case 6:
		idehost_start(h, unit, input_u8(in) & 1);
		break;
	case 7:
		a = input_u8(in);
		idehost_command(h, unit, a, input_u16(in), input_u8(in));
		break;
	case 8:
		a = input_u8(in);
		b = input_u8(in);
		idehost_command_ext(h, unit, a, input_u32(in), b * 256u);
		break;
	case 9:
		steps(input_u8(in) % MAX_STEPS);
		break;
	case 10: /* much of the data register */
		for (unsigned n = input_u16(in) % 20000; n; n--)
			(void)fakepc_in(h->f, idehost_base(unit), 4);
		break;
	case 11:
		for (unsigned n = input_u16(in) % 20000; n; n--)
			fakepc_out(h->f, idehost_base(unit), 4, n);
		break;
	case 12:
		change_state(h, in);
		break;
	case 13:
		a = input_u8(in);
		fakepc_pci_out(h->f, IDEHOST_SLOT, 1, a, 1, input_u8(in));
		break;
	case 14:
		a = input_u8(in);
		if (a == 0)
			pcbus_reset(&h->f->bus);
		else if (a == 1)
			ide_unplug_disks(h->ide, 0);
		else if (a == 2)
			(void)ide_eject(h->ide, CDROM, unit & 1);
		else if (a == 3)
			(void)ide_insert(h->ide, CDROM, &disks[CDROM]->d);
		else if (a < 8)
			disks[unit]->bad = input_u8(in);
		decode(h);
		break;
	default: /* a packet */
		packet(h, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct idehost h;

	idehost_open(&h);
	for (unsigned i = 0; i < IDE_UNITS; i++) {
		if (!disks[i])
			disks[i] = fakedisk_open((uint64_t)SECTORS * 512 << (8 * i));
		disks[i]->bad = 0;
	}
	for (unsigned i = 0; i < CDROM; i++)
		must(!ide_attach_disk(h.ide, i, &disks[i]->d, "serial"));
	must(!ide_attach_cdrom(h.ide, CDROM, &disks[CDROM]->d));
	for (unsigned n = 0; n < MAX_OPS && in.left; n++)
		one(&h, &in);
	/* whatever it is at, it can be reset */
	pcbus_reset(&h.f->bus);
	steps(IDE_UNITS);
	for (unsigned i = 0; i < IDE_UNITS; i++)
		must(STAILQ_EMPTY(&disks[i]->queue));
	decode(&h);
	must(!(idehost_alt(&h, 0) & 0x80));
	idehost_close(&h);
	return 0;
}
