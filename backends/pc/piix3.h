/* SPDX-License-Identifier: MIT */
/*
 * The ISA bridge, 8086:7000 at slot 1 (Intel 82371SB, 290550): registers 0x60 to 0x63 put
 * PIRQA# to PIRQD# on interrupt lines. Edge and level (0x4d0, 0x4d1), port 0x61 and the
 * interrupt controllers are KVM's, the reset register (0xcf9) is pci.c's.
 */
#ifndef TANDEM_BACKENDS_PC_PIIX3_H
#define TANDEM_BACKENDS_PC_PIIX3_H

#include "backends/pc/pci.h"

#define PIIX_SLOT 1u

struct piix3;

/* NULL: out of memory, the slot is taken. Freed by pcbus_fini(). */
struct piix3 *piix3_new(struct pcibus *p);

#endif
