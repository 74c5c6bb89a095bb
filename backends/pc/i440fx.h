/* SPDX-License-Identifier: MIT */
/*
 * The host bridge, 8086:1237 at slot 0 (Intel 440FX PCIset, 290549): PAM registers 0x59
 * to 0x5f say what is read and written from 0xc0000 to 0xfffff. The SMRAM register (0x72)
 * is kept, but there is no system management mode. Its subsystem is 1af4:1100: SeaBIOS
 * takes fw_cfg and the debug port for what they are on such a one alone.
 */
#ifndef TANDEM_BACKENDS_PC_I440FX_H
#define TANDEM_BACKENDS_PC_I440FX_H

#include "backends/pc/pci.h"

#define I440FX_SEGMENTS 13u

struct i440fx;

/* RAM is read, or the ROM (PCI); RAM is written, or nothing (PCI). Called on changes
 * alone; as after power on all are neither. */
typedef void i440fx_pam(void *arg, unsigned segment, bool read_ram, bool write_ram);

/* NULL: out of memory, the slot is taken. Freed by pcbus_fini(). */
struct i440fx *i440fx_new(struct pcibus *p, i440fx_pam *pam, void *arg);

/* Where a segment is: 0 is 0xf0000, of 64 KiB; the others 16 KiB each from 0xc0000. */
static inline uint32_t i440fx_segment(unsigned n, uint32_t *len)
{
	*len = n ? 0x4000 : 0x10000;
	return n ? 0xc0000 + (n - 1) * 0x4000 : 0xf0000;
}

#endif
