/* SPDX-License-Identifier: MIT */
/* A PC's board for tests. */
#include "tests/lib/fakepc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_MAX 65536u

static struct fakepc *of(struct pcbus *b)
{
	return b->arg;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fakepc: %s\n", what);
	abort();
}

static void irq(struct pcbus *b, unsigned line, bool level)
{
	must(line < PC_NR_LINES, "a line that there is not");
	if (level && !of(b)->line[line])
		of(b)->raised[line]++;
	of(b)->line[line] = level;
}

static void *ram(struct pcbus *b, uint64_t gpa, size_t len, bool write)
{
	(void)write;
	return gpa > FAKEPC_RAM || len > FAKEPC_RAM - gpa ? NULL : of(b)->ram + gpa;
}

static uint64_t now(struct pcbus *b)
{
	return of(b)->now;
}

static void set_now(struct pcbus *b, uint64_t at)
{
	of(b)->now = at;
}

static void rearm(struct pcbus *b, uint64_t at)
{
	of(b)->alarm = at;
}

static void reset(struct pcbus *b)
{
	of(b)->resets++;
}

static void poweroff(struct pcbus *b)
{
	of(b)->poweroffs++;
}

static const struct pcbus_ops fake_ops = {
	irq, ram, now, set_now, rearm, reset, poweroff
};

struct fakepc *fakepc_open(bool with_pci)
{
	struct fakepc *f = calloc(1, sizeof(*f));

	must(f, "memory");
	f->ram = calloc(1, FAKEPC_RAM);
	must(f->ram, "memory");
	f->now = PC_NS;
	pcbus_init(&f->bus, &fake_ops, f);
	if (with_pci) {
		f->pci = pcibus_new(&f->bus);
		must(f->pci, "pci");
	}
	return f;
}

void fakepc_close(struct fakepc *f)
{
	pcbus_fini(&f->bus);
	pcibus_free(f->pci);
	free(f->ram);
	free(f);
}

uint32_t fakepc_in(struct fakepc *f, uint16_t port, unsigned size)
{
	uint32_t v = 0;

	io_access(&f->bus.pio, port, false, &v, size);
	return v;
}

void fakepc_out(struct fakepc *f, uint16_t port, unsigned size, uint32_t value)
{
	io_access(&f->bus.pio, port, true, &value, size);
}

uint64_t fakepc_load(struct fakepc *f, uint64_t gpa, unsigned size)
{
	uint64_t v = 0;

	io_access(&f->bus.mmio, gpa, false, &v, size);
	return v;
}

void fakepc_store(struct fakepc *f, uint64_t gpa, unsigned size, uint64_t value)
{
	io_access(&f->bus.mmio, gpa, true, &value, size);
}

static uint16_t pci_select(struct fakepc *f, unsigned slot, unsigned fn, unsigned at)
{
	fakepc_out(f, 0xcf8, 4, 1u << 31 | slot << 11 | fn << 8 | (at & 0xfc));
	return (uint16_t)(0xcfc + (at & 3));
}

uint32_t fakepc_pci_in(struct fakepc *f, unsigned slot, unsigned fn, unsigned at,
		       unsigned size)
{
	return fakepc_in(f, pci_select(f, slot, fn, at), size);
}

void fakepc_pci_out(struct fakepc *f, unsigned slot, unsigned fn, unsigned at,
		    unsigned size, uint32_t value)
{
	fakepc_out(f, pci_select(f, slot, fn, at), size, value);
}

void fakepc_pass(struct fakepc *f, uint64_t ns)
{
	const uint64_t end = f->now + ns;

	while (f->alarm && f->alarm <= end) {
		if (f->alarm > f->now)
			f->now = f->alarm;
		pcbus_run(&f->bus);
	}
	f->now = end;
}

size_t fakepc_cycle(struct fakepc *f, struct pcdev *d)
{
	uint8_t *a = calloc(1, STATE_MAX), *b = calloc(1, STATE_MAX);
	size_t len, again;

	(void)f;
	must(a && b, "memory");
	must(!d->ops->quiesce || d->ops->quiesce(d), "it is busy");
	len = d->ops->save(d, a, STATE_MAX);
	d->ops->reset(d);
	must(!d->ops->load(d, a, len), "it refuses what it saved");
	again = d->ops->save(d, b, STATE_MAX);
	must(again == len && !memcmp(a, b, len), "its state is another after load");
	/* every shorter one is refused */
	for (size_t cut = 0; cut < len; cut++)
		must(d->ops->load(d, a, cut) < 0, "it takes a state that is cut short");
	must(!d->ops->load(d, a, len), "it refuses what it saved");
	free(a);
	free(b);
	return len;
}
