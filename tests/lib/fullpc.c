/* SPDX-License-Identifier: MIT */
/* A board with most of the PC's devices. */
#include "tests/lib/fullpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/floppy.h"
#include "backends/pc/fw_cfg.h"
#include "backends/pc/i440fx.h"
#include "backends/pc/i8042.h"
#include "backends/pc/ide.h"
#include "backends/pc/isadma.h"
#include "backends/pc/piix3.h"
#include "backends/pc/piix4pm.h"
#include "backends/pc/rtc.h"
#include "backends/pc/uart.h"
#include "backends/pc/vga.h"

static struct fulltoy *of(struct pcdev *d)
{
	return (struct fulltoy *)d;
}

static void toy_reset(struct pcdev *d)
{
	of(d)->word = 0;
}

static size_t toy_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	if (max < sizeof(of(d)->word))
		return 0;
	memcpy(buf, &of(d)->word, sizeof(of(d)->word));
	return sizeof(of(d)->word);
}

static int toy_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	if (len != sizeof(of(d)->word))
		return -EBADMSG;
	memcpy(&of(d)->word, buf, len);
	return 0;
}

static bool toy_quiesce(struct pcdev *d)
{
	return !of(d)->busy;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fullpc: %s\n", what);
	abort();
}

static void pam(void *arg, unsigned segment, bool read_ram, bool write_ram)
{
	(void)arg;
	(void)segment;
	(void)read_ram;
	(void)write_ram;
}

static bool line_send(void *arg, uint8_t byte)
{
	(void)arg;
	(void)byte;
	return true;
}

void fullpc_open(struct fullpc *p)
{
	static const struct pcdev_ops toy_ops = { .name = "toy",
						  .reset = toy_reset,
						  .save = toy_save,
						  .load = toy_load,
						  .quiesce = toy_quiesce };
	static const struct uart_peer peer = { .send = line_send };
	struct fakepc *f = fakepc_open(true);
	struct isadma *dma;

	*p = (struct fullpc){ .f = f };
	must(i440fx_new(f->pci, pam, NULL) && piix3_new(f->pci) &&
		     piix4pm_new(&f->bus, f->pci) && i8042_new(&f->bus) &&
		     ide_new(&f->bus, f->pci, 1, 1) && vga_new(&f->bus, f->pci, 2) &&
		     rtc_new(&f->bus, 1000000000, 0) && fw_cfg_new(&f->bus) &&
		     uart_new(&f->bus, "com1", 0x3f8, 4, &peer) &&
		     uart_new(&f->bus, "com2", 0x2f8, 3, &peer),
	     "its devices");
	dma = isadma_new(&f->bus);
	must(dma && floppy_new(&f->bus, dma), "its floppy");
	for (unsigned i = 0; i < FULLPC_TOYS; i++) {
		p->toy[i].dev.ops = &toy_ops;
		pcbus_add(&f->bus, &p->toy[i].dev);
	}
}

void fullpc_close(struct fullpc *p)
{
	fakepc_close(p->f);
}

void fullpc_use(struct fullpc *p)
{
	static const uint16_t out[][2] = {
		{ 0x70, 0x0a }, { 0x71, 0x2a },	 { 0x70, 0x0b },  { 0x71, 0x42 },
		{ 0x64, 0x60 }, { 0x60, 0x74 },	 { 0x0c, 0 },	  { 0x02, 0x34 },
		{ 0x3fb, 3 },	{ 0x3f9, 1 },	 { 0x2ff, 0x5a }, { 0x3f2, 0x0c },
		{ 0x3c4, 2 },	{ 0x3c5, 0x0f }, { 0x1f6, 0xa0 }, { 0x510, 1 },
	};

	for (unsigned i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		fakepc_out(p->f, out[i][0], 1, out[i][1]);
	fakepc_pci_out(p->f, 2, 0, PCI_BAR0, 4, 0xe0000000);
	fakepc_pci_out(p->f, 2, 0, PCI_COMMAND, 2, PCI_CMD_MEMORY);
	fakepc_pci_out(p->f, 1, 3, 0x40, 4, 0xb001);
	fakepc_pci_out(p->f, 1, 3, 0x80, 1, 1);
	p->toy[0].word = 0x1111;
	p->toy[1].word = 0x2222;
	fakepc_pass(p->f, 12345678);
}
