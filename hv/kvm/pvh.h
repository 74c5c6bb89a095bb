/* SPDX-License-Identifier: MIT */
/*
 * PVH boot (Xen's docs/misc/pvh.pandoc): kernel and ramdisk into memory, start info
 * with memory map, command line and ACPI tables, the first vcpu at the entry.
 */
#ifndef TANDEM_HV_KVM_PVH_H
#define TANDEM_HV_KVM_PVH_H

#include "hv/kvm/vm.h"

#define PVH_CMDLINE_MAX 4096 /* with its NUL */
#define PVH_MEMMAP_MAX	8

/* Pages of the special region (gmem.h). */
#define PVH_CONSOLE_GPA (GMEM_SPECIAL + 0x0000)
#define PVH_STORE_GPA	(GMEM_SPECIAL + 0x1000)
/* the shared info page of a guest that wants it where it has no RAM */
#define PVH_SHARED_GPA (GMEM_SPECIAL + 0x2000)
#define PVH_ACPI_GPA   (GMEM_SPECIAL + 0x8000)
#define PVH_ACPI_SIZE  0x8000

struct pvh_boot {
	const struct image *kernel, *ramdisk; /* ramdisk may be NULL */
	const char *cmdline;
};

/* Before vm_start(). -errno, and *why says what about which of them. */
int pvh_load(struct vm *vm, const struct pvh_boot *boot, const char **why);

/* The guest's memory map: how many of PVH_MEMMAP_MAX entries. */
unsigned pvh_memmap(const struct gmem *m, struct hvm_memmap_table_entry *e);

#endif
