/* SPDX-License-Identifier: MIT */
/*
 * The DSDT of the PC: PCI root with its windows and interrupt routing, link devices on
 * the PIIX3's routing registers, ISA devices, processors, and \_S5.
 */
#ifndef TANDEM_BACKENDS_PC_ACPI_DSDT_H
#define TANDEM_BACKENDS_PC_ACPI_DSDT_H

#include "backends/pc/aml.h"
#include "backends/pc/fw_files.h"

/* All behind the table's header */
void acpi_dsdt(struct aml *a, const struct fw_machine *m);

#endif
