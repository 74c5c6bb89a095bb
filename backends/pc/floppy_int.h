/* SPDX-License-Identifier: MIT */
/* The floppy controller inside: floppy.c has registers, media and states, floppy_cmd.c
 * the commands. */
#ifndef TANDEM_BACKENDS_PC_FLOPPY_INT_H
#define TANDEM_BACKENDS_PC_FLOPPY_INT_H

#include "backends/pc/floppy.h"

#define FLOPPY_SECTOR  512u
#define FLOPPY_SPT_MAX 36u
#define FLOPPY_BUF     (2 * FLOPPY_SPT_MAX * FLOPPY_SECTOR) /* a cylinder */
#define FLOPPY_UNITS \
	4u /* that the controller knows; those beyond FLOPPY_DRIVES are none */
#define FLOPPY_PARAMS  9u
#define FLOPPY_RESULTS 10u

#define FLOPPY_DOR_UNIT	  0x03u
#define FLOPPY_DOR_ENABLE 0x04u /* not reset */
#define FLOPPY_DOR_GATE	  0x08u /* line and DMA */

enum floppy_phase {
	FLOPPY_COMMAND, /* takes a command's bytes */
	FLOPPY_EXECUTE, /* the medium is at work */
	FLOPPY_DATA,	/* the host takes data by words of its own: no DMA */
	FLOPPY_RESULT,	/* gives a result's bytes */
	FLOPPY_PHASES
};

struct floppy_drive {
	bool fitted;
	struct pcdisk *medium;
	uint8_t spt;  /* the medium's */
	bool changed; /* since the head last moved */
	uint8_t cylinder;
};

/* Where a transfer is. */
struct floppy_place {
	uint8_t cylinder, head, sector, last; /* last: of a track */
	bool both;			      /* goes on with head 1 */
	bool verify;
};

struct floppy {
	struct pcdev dev; /* first */
	struct pcbus *b;
	struct isadma *dma;
	struct floppy_drive drive[FLOPPY_DRIVES];
	uint8_t dor, tdr;
	bool irq; /* asks for it; the gate decides */
	enum floppy_phase phase;
	uint8_t param[FLOPPY_PARAMS], result[FLOPPY_RESULTS];
	uint8_t nr_params, nr_results, at; /* at: of the results */
	/* SENSE INTERRUPT's: a bit a unit, and what it is told. */
	uint8_t pending, st0[FLOPPY_UNITS];
	/* What SPECIFY, CONFIGURE, PERPENDICULAR MODE and LOCK set. */
	uint8_t specify[2], configure[2], perpendicular;
	bool lock;
	struct floppy_place place;
	uint32_t data_at, data_len; /* DATA: in buf */
	/* In flight, at most one; never saved. */
	struct pcdisk_io io;
	struct iovec iov;
	bool flight, abandoned;
	_Alignas(512) uint8_t buf[FLOPPY_BUF];
};

static inline struct floppy_drive *floppy_drive(struct floppy *f, unsigned unit)
{
	return unit < FLOPPY_DRIVES && f->drive[unit].fitted ? &f->drive[unit] : NULL;
}

/* ---------------------------------------------------------------------- floppy.c */

void floppy_irq(struct floppy *f, bool level);

/* ------------------------------------------------------------------ floppy_cmd.c */

/* A byte of a command, in that phase. */
void floppy_command_byte(struct floppy *f, uint8_t byte);
/* How many bytes the command that begins so has; 0: no command does. */
unsigned floppy_command_len(uint8_t first);
uint8_t floppy_data_byte(struct floppy *f);
/* What it did is over, as a reset wants it. */
void floppy_cancel(struct floppy *f);

#endif
