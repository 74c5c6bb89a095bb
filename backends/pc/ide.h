/* SPDX-License-Identifier: MIT */
/*
 * The PIIX3's IDE function (8086:7010; Intel 290550, "82371SB PCI ISA IDE Xcelerator"):
 * two channels in compatibility mode, each with two drives, and bus master DMA
 * ("Programming Interface for Bus Master IDE Controller", 1.0).
 *
 *   primary    ports 0x1f0-0x1f7, 0x3f6, line 14
 *   secondary  ports 0x170-0x177, 0x376, line 15
 *   BAR 4      16 ports: bus master registers, 8 a channel
 *
 * Disks are ATA/ATAPI-6 (T13 1410D), CD-ROM drives MMC-3 over PACKET (INF-8020i).
 *
 * Disks and media (pcdisk.h) stay their owner's, and outlive their use here: a disk until
 * the end, a medium until ide_eject(). pcdisk_free() then waits for what is still in
 * flight.
 */
#ifndef TANDEM_BACKENDS_PC_IDE_H
#define TANDEM_BACKENDS_PC_IDE_H

#include "backends/pc/pcdisk.h"
#include "backends/pc/pci.h"

#define IDE_UNITS 4u /* primary 0 and 1, secondary 0 and 1 */

struct ide;

/* Adds itself. NULL: out of memory, or ports that are taken. */
struct ide *ide_new(struct pcbus *b, struct pcibus *p, unsigned slot, unsigned function);

/*
 * Before the machine runs: -EEXIST there is one, -EINVAL a disk that is not of 512 byte
 * sectors or has none. The serial number is at most 20 ASCII characters.
 */
int ide_attach_disk(struct ide *ide, unsigned unit, struct pcdisk *disk,
		    const char *serial);

/*
 * A CD-ROM (and DVD-ROM) drive, before the machine runs, and its medium or NULL; -EEXIST,
 * -EINVAL: the medium is not of sectors of 2048 bytes or parts of them, or has none.
 */
int ide_attach_cdrom(struct ide *ide, unsigned unit, struct pcdisk *medium);
/* A medium into the drive, whose tray closes. -ENODEV no such drive, -EEXIST there is
 * one, -EINVAL as above. */
int ide_insert(struct ide *ide, unsigned unit, struct pcdisk *medium);
/*
 * Takes the medium out, if there is one; then it is the caller's again. -ENODEV; -EBUSY:
 * the guest has locked the tray; it is asked to let go, or, with force, not asked.
 */
int ide_eject(struct ide *ide, unsigned unit, bool force);

/* Disks from a unit on are gone, as the unplug protocol wants it: the guest finds nothing
 * there any more until the machine's next reset. CD-ROM drives stay. */
void ide_unplug_disks(struct ide *ide, unsigned first);

#endif
