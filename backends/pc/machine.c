/* SPDX-License-Identifier: MIT */
/* The PC's devices, put together. */
#include "backends/pc/machine.h"

#include <errno.h>
#include <stdio.h>

#include "backends/pc/debugport.h"
#include "backends/pc/floppy.h"
#include "backends/pc/fw_files.h"
#include "backends/pc/i440fx.h"
#include "backends/pc/i8042.h"
#include "backends/pc/ide.h"
#include "backends/pc/isadma.h"
#include "backends/pc/piix3.h"
#include "backends/pc/piix4pm.h"
#include "backends/pc/rtc.h"
#include "backends/pc/vga.h"

#define VGA_SLOT       2u
#define IDE_FUNCTION   1u
#define KVM_PAGES      0xfffbc000u /* of Intel's real mode: hv/kvm/vm.c */
#define KVM_PAGES_SIZE 0x4000u
#define HIGH(m)	       ((m)->ram_bytes - (m)->low_bytes)

/* What lies between the screen and 1 MiB is RAM, and stays writable. */
static void pam(void *arg, unsigned segment, bool read_ram, bool write_ram)
{
	(void)arg;
	(void)segment;
	(void)read_ram;
	(void)write_ram;
}

static int firmware_told(struct pcboard *b, const struct pcmachine *m)
{
	const struct gmem *mem = &b->vm->mem;
	const struct fw_machine fw = { .below_4g = mem->low_bytes,
				       .above_4g = HIGH(mem),
				       .reserved = KVM_PAGES,
				       .reserved_len = KVM_PAGES_SIZE,
				       .cpus = b->vm->nvcpus,
				       .boot_menu = true,
				       .name = b->vm->name };
	const struct rtc_board cmos = { .below_4g = mem->low_bytes,
					.above_4g = HIGH(mem),
					.cpus = b->vm->nvcpus,
					.boot = m->boot };
	struct rtc *rtc = rtc_new(&b->bus, m->clock, m->timezone);
	struct fw_cfg *cfg = fw_cfg_new(&b->bus);

	if (!rtc || !cfg)
		return -ENOMEM;
	rtc_cmos_fill(rtc, &cmos);
	return fw_files_add(cfg, &fw);
}

int pcmachine_add(struct pcboard *b, const struct pcmachine *m)
{
	struct isadma *dma;

	if (!i440fx_new(b->pci, pam, b) || !piix3_new(b->pci) ||
	    !piix4pm_new(&b->bus, b->pci) || !i8042_new(&b->bus) ||
	    !ide_new(&b->bus, b->pci, PIIX_SLOT, IDE_FUNCTION) ||
	    !vga_new(&b->bus, b->pci, VGA_SLOT))
		return -ENOMEM;
	dma = isadma_new(&b->bus);
	if (!dma || !floppy_new(&b->bus, dma))
		return -ENOMEM;
	if (m->message && !debugport_new(&b->bus, m->message, m->message_arg))
		return -ENOMEM;
	return firmware_told(b, m);
}
