/* SPDX-License-Identifier: MIT */
/* The PC's devices, put together. */
#include "backends/pc/machine.h"

#include <errno.h>
#include <string.h>

#include "backends/pc/debugport.h"
#include "backends/pc/e1000.h"
#include "backends/pc/floppy.h"
#include "backends/pc/fw_files.h"
#include "backends/pc/i440fx.h"
#include "backends/pc/i8042.h"
#include "backends/pc/ide.h"
#include "backends/pc/isadma.h"
#include "backends/pc/pcnet.h"
#include "backends/pc/piix3.h"
#include "backends/pc/piix4pm.h"
#include "backends/pc/rtc.h"
#include "backends/pc/rtl8139.h"
#include "backends/pc/vga.h"
#include "backends/pc/xen_platform.h"
#include "hv/base/log.h"
#include "hv/kvm/xen_line.h"

#define VGA_SLOT     2u
#define XEN_SLOT     3u
#define NIC_SLOT     4u
#define LOG_BUDGET   64
#define CMOS_1440K   4u
#define IDE_FUNCTION 1u
/* Besides RAM: Xen's pages, and KVM's of Intel's real mode (hv/kvm/vm.c) */
#define RESERVED     GMEM_SPECIAL
#define RESERVED_END 0xfffc0000u
#define HIGH(m)	     ((m)->ram_bytes - (m)->low_bytes)

static int firmware_told(struct pcmachine *m, const struct pcmachine_spec *s)
{
	const struct vm *vm = m->board->vm;
	const struct gmem *mem = &vm->mem;
	struct fw_machine fw = { .below_4g = mem->low_bytes,
				 .above_4g = HIGH(mem),
				 .reserved = RESERVED,
				 .reserved_len = RESERVED_END - RESERVED,
				 .cpus = vm->nvcpus,
				 .boot_menu = true,
				 .acpi = s->acpi,
				 .apic = s->apic,
				 .floppy = s->floppy[0] || s->floppy[1],
				 .name = vm->name };
	const struct rtc_board cmos = { .below_4g = mem->low_bytes,
					.above_4g = HIGH(mem),
					.cpus = vm->nvcpus,
					.floppy = { s->floppy[0] ? CMOS_1440K : 0,
						    s->floppy[1] ? CMOS_1440K : 0 },
					.boot = s->boot };
	struct rtc *rtc = rtc_new(&m->board->bus, s->clock, s->timezone);
	int err;

	memcpy(fw.uuid, s->uuid, sizeof(fw.uuid));
	m->fw_cfg = fw_cfg_new(&m->board->bus);
	if (!rtc || !m->fw_cfg)
		return -ENOMEM;
	rtc_cmos_fill(rtc, &cmos);
	err = fw_files_add(m->fw_cfg, &fw);
	return err ? err : fw_files_bootorder(m->fw_cfg, s->bootorder, s->nr_boots);
}

/* ----------------------------------------------------------- Xen's platform device */

/* Stops a card, and takes it away. */
static void nic_unplug(struct pcmachine *m, unsigned slot)
{
	struct pcidev *d = pci_find(m->board->pci, slot, 0);

	if (!d)
		return;
	d->dev.ops->reset(&d->dev);
	pci_remove(d);
}

static void unplug(void *arg, unsigned what)
{
	struct pcmachine *m = arg;

	log_info("%s: unplugs%s%s%s", m->board->vm->name,
		 what & XEN_UNPLUG_DISKS ? " disks" : "",
		 what & XEN_UNPLUG_AUX_DISKS ? " aux-disks" : "",
		 what & XEN_UNPLUG_NICS ? " nics" : "");
	if (what & (XEN_UNPLUG_DISKS | XEN_UNPLUG_AUX_DISKS))
		ide_unplug_disks(m->ide, what & XEN_UNPLUG_DISKS ? 0 : 1);
	for (unsigned n = 0; what & XEN_UNPLUG_NICS && n < PCMACHINE_NICS; n++)
		nic_unplug(m, pcmachine_nic_slot(n));
}

static void platform_line(void *arg, const char *text)
{
	struct pcmachine *m = arg;

	log_limited(&m->log_budget, LOG_INFO, "%s: its drivers: %s", m->board->vm->name,
		    text);
}

static void platform_routed(void *arg, unsigned line)
{
	const struct pcmachine *m = arg;

	xen_line_route(m->board->vm, line);
}

static const struct xen_platform_ops platform_ops = { unplug, platform_line,
						      platform_routed };

/* What every PC has. */
static int chipset_add(struct pcmachine *m)
{
	struct pcboard *b = m->board;

	if (!i440fx_new(b->pci, pcboard_pam, b) || !piix3_new(b->pci))
		return -ENOMEM;
	m->i8042 = i8042_new(&b->bus);
	m->ide = ide_new(&b->bus, b->pci, PIIX_SLOT, IDE_FUNCTION);
	return m->i8042 && m->ide ? 0 : -ENOMEM;
}

static int options_add(struct pcmachine *m, const struct pcmachine_spec *s)
{
	struct pcboard *b = m->board;
	struct isadma *dma = isadma_new(&b->bus);

	if (!dma)
		return -ENOMEM;
	if (s->acpi && !(m->pm = piix4pm_new(&b->bus, b->pci)))
		return -ENOMEM;
	if (s->vga && !(m->vga = vga_new(&b->bus, b->pci, VGA_SLOT)))
		return -ENOMEM;
	if (m->vga)
		pcboard_vga(b, m->vga);
	if ((s->floppy[0] || s->floppy[1]) && !(m->floppy = floppy_new(&b->bus, dma)))
		return -ENOMEM;
	if (s->serial && !(m->serial = uart_new(&b->bus, "com1", UART_COM1,
						UART_COM1_LINE, s->serial)))
		return -ENOMEM;
	if (s->xen_platform &&
	    !(m->xen = xen_platform_new(&b->bus, b->pci, XEN_SLOT, &platform_ops, m)))
		return -ENOMEM;
	if (s->message && !debugport_new(&b->bus, s->message, s->message_arg))
		return -ENOMEM;
	return 0;
}

int pcmachine_add(struct pcmachine *m, struct pcboard *b, const struct pcmachine_spec *s)
{
	int err;

	*m = (struct pcmachine){ .board = b, .log_budget = LOG_BUDGET };
	err = chipset_add(m);
	if (!err)
		err = options_add(m, s);
	return err ? err : firmware_told(m, s);
}

unsigned pcmachine_nic_slot(unsigned n)
{
	return NIC_SLOT + n;
}

int pcmachine_nic(struct pcmachine *m, enum pcmachine_nic model, unsigned n,
		  struct nicport *port, const uint8_t mac[6])
{
	struct pcboard *b = m->board;
	const unsigned slot = pcmachine_nic_slot(n);
	void *card = NULL;

	switch (model) {
	case PCMACHINE_RTL8139:
		card = rtl8139_new(&b->bus, b->pci, slot, port, mac);
		break;
	case PCMACHINE_PCNET:
		card = pcnet_new(&b->bus, b->pci, slot, port, mac);
		break;
	case PCMACHINE_E1000:
		card = e1000_new(&b->bus, b->pci, slot, port, mac);
		break;
	}
	return card ? 0 : -ENOMEM;
}
