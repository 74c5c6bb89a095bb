/* SPDX-License-Identifier: MIT */
/*
 * What firmware is told by fw_cfg: etc/e820 and processors; bootorder; ACPI tables for
 * etc/table-loader (acpi.c); SMBIOS structures (smbios.c).
 */
#ifndef TANDEM_BACKENDS_PC_FW_FILES_H
#define TANDEM_BACKENDS_PC_FW_FILES_H

#include "backends/pc/fw_cfg.h"

#define FW_MAX_CPUS 255u

/* Where the PIIX4's power management is. SeaBIOS puts it there where it finds a
 * table-loader, whose FADT says so. */
#define FW_PM_BASE  0x600
#define FW_GPE_BASE 0xafe0
#define FW_SCI	    9
/* Commands to port 0xb2 that switch ACPI on and off. */
#define FW_ACPI_ON  0xf1
#define FW_ACPI_OFF 0xf0

struct fw_machine {
	uint64_t below_4g, above_4g;	 /* bytes of RAM */
	uint64_t reserved, reserved_len; /* besides: KVM's own pages; 0: none */
	unsigned cpus;
	bool boot_menu;	   /* it is offered */
	bool acpi, apic;   /* tables; and an IOAPIC and local ones */
	bool floppy, com2; /* there is one; COM1 always */
	const char *name;  /* of the domain, or NULL */
	uint8_t uuid[16];
};

/* All of them but bootorder. 0, -ENOSPC, -ENOMEM, -EEXIST, -EINVAL. */
int fw_files_add(struct fw_cfg *c, const struct fw_machine *m);

/*
 * What to boot from, best first, as Open Firmware paths. Those of this machine:
 *   /pci@i0cf8/isa@1/fdc@03f0/floppy@0              drive A
 *   /pci@i0cf8/ide@1,1/drive@CHANNEL/disk@UNIT      disk or CD-ROM
 *   /pci@i0cf8/ethernet@SLOT                        a NIC's own ROM
 */
int fw_files_bootorder(struct fw_cfg *c, const char *const *paths, unsigned n);

/* The parts of fw_files_add(). */
int fw_files_e820(struct fw_cfg *c, const struct fw_machine *m);
int fw_files_acpi(struct fw_cfg *c, const struct fw_machine *m);
int fw_files_smbios(struct fw_cfg *c, const struct fw_machine *m);

#endif
