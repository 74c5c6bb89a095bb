/* SPDX-License-Identifier: MIT */
/*
 * Power management, 8086:7113 at slot 1, function 3 (Intel 82371AB, 290562; ACPI 1.0,
 * 4.7):
 *
 *   PM base      64 ports where register 0x40 says, if register 0x80 lets them: PM1
 * status, enable and control at 0, 2 and 4, the timer (24 bits, 3.579545 MHz) at 8 0xafe0
 * general purpose events: status and enable, 2 bytes each 0xb2, 0xb3   commands for
 * firmware, which are taken here: 0xf1 ACPI on, 0xf0 off; status line 9       the SCI,
 * while ACPI is on
 *
 * Sleep type 0, soft off, switches the machine off; there is no other. Register 0x58 says
 * that firmware's part of SMM is done: there is no SMM, and SeaBIOS would wait for it.
 * The SMBus's registers are kept, but there is none.
 */
#ifndef TANDEM_BACKENDS_PC_PIIX4PM_H
#define TANDEM_BACKENDS_PC_PIIX4PM_H

#include "backends/pc/pci.h"

#define PIIX4PM_FUNCTION 3u
#define PIIX4PM_LINE	 9u
#define PIIX4PM_HZ	 3579545u

struct piix4pm;

/* NULL: out of memory, slot or ports are taken. Freed by pcbus_fini(). */
struct piix4pm *piix4pm_new(struct pcbus *b, struct pcibus *p);

/* Somebody presses the power button: a guest that knows ACPI shuts itself down. */
void piix4pm_button(struct piix4pm *m);

#endif
