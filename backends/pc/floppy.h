/* SPDX-License-Identifier: MIT */
/*
 * Floppy disk controller 82077AA (Intel 290166) in AT mode, with two drives at most.
 *
 *   ports 0x3f0-0x3f5, 0x3f7; line 6; DMA channel 2 (isadma.h)
 *
 * Media are read-only, as the write protect notch says to the guest. A medium's geometry
 * goes by its size: the smallest of 720K, 1.2M, 1.44M and 2.88M that holds it; what is
 * missing there reads as zeros.
 *
 * Seeks take no time; reads take what the medium takes.
 */
#ifndef TANDEM_BACKENDS_PC_FLOPPY_H
#define TANDEM_BACKENDS_PC_FLOPPY_H

#include "backends/pc/isadma.h"
#include "backends/pc/pcdisk.h"

#define FLOPPY_DRIVES 2u

struct floppy;

/* Adds itself. NULL: out of memory, or ports that are taken. */
struct floppy *floppy_new(struct pcbus *b, struct isadma *dma);

/* Before the machine runs: a drive is there, and its medium or NULL. -EINVAL: no medium
 * of 512 byte sectors that any geometry holds. */
int floppy_attach(struct floppy *f, unsigned unit, struct pcdisk *medium);
/* -ENODEV no such drive, -EEXIST there is one, -EINVAL as above. */
int floppy_insert(struct floppy *f, unsigned unit, struct pcdisk *medium);
/* The medium, if there is one, is the caller's again. -ENODEV. */
int floppy_eject(struct floppy *f, unsigned unit);

#endif
