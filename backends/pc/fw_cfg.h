/* SPDX-License-Identifier: MIT */
/*
 * The firmware configuration device that SeaBIOS asks (QEMU's docs/specs/fw_cfg.rst):
 * items by number, files by name, all of them read only.
 *
 *   0x510, 0x511   selector (16 bits), data (bytes)
 *   0x514, 0x518   address of a DMA control block, big endian, high and low half
 */
#ifndef TANDEM_BACKENDS_PC_FW_CFG_H
#define TANDEM_BACKENDS_PC_FW_CFG_H

#include "backends/pc/bus.h"

#define FW_CFG_ITEMS   64u	   /* at most */
#define FW_CFG_NAME    56u	   /* a file's, with its NUL */
#define FW_CFG_DMA_MAX (16u << 20) /* bytes a transfer */

/* Items that have no name */
#define FW_CFG_CPUS	 0x05	/* 16 bits, that are there */
#define FW_CFG_BOOT_MENU 0x0e	/* 16 bits */
#define FW_CFG_MAX_CPUS	 0x0f	/* 16 bits */
#define FW_CFG_IRQ0	 0x8002 /* 8 bits: the PIT is at the IOAPIC's pin 2 */

struct fw_cfg;

/* NULL: out of memory, ports taken. Freed by pcbus_fini(). */
struct fw_cfg *fw_cfg_new(struct pcbus *b);

/* What an item is, copied; of a file by that name, too. 0, -EEXIST, -ENOSPC, -ENOMEM,
 * -EINVAL (a name that is too long, or none). Before the guest runs. */
int fw_cfg_add(struct fw_cfg *c, uint16_t key, const void *data, size_t len);
int fw_cfg_add_file(struct fw_cfg *c, const char *name, const void *data, size_t len);

/* A file as it was added, or NULL; tests look. */
const void *fw_cfg_file(const struct fw_cfg *c, const char *name, size_t *len);

#endif
