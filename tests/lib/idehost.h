/* SPDX-License-Identifier: MIT */
/* A host's side of an IDE controller, for its tests: a guest's driver in small. */
#ifndef TANDEM_TESTS_LIB_IDEHOST_H
#define TANDEM_TESTS_LIB_IDEHOST_H

#include "backends/pc/ide.h"
#include "tests/lib/fakedisk.h"
#include "tests/lib/fakepc.h"

#define IDEHOST_BM    0xc000u
#define IDEHOST_TABLE 0x10000u /* where idehost_dma() puts a table */
#define IDEHOST_SLOT  1

struct idehost {
	struct fakepc *f;
	struct ide *ide;
	struct fakedisk *disk[IDE_UNITS]; /* as the test puts them */
};

struct idehost_prd {
	uint32_t addr, count; /* bytes */
};

void idehost_open(struct idehost *h);
void idehost_close(struct idehost *h);
/* All disks do all that they have. */
void idehost_settle(struct idehost *h);

uint16_t idehost_base(unsigned unit);
uint8_t idehost_in(struct idehost *h, unsigned unit, unsigned reg);
void idehost_out(struct idehost *h, unsigned unit, unsigned reg, uint8_t value);
/* Alternate status; the control register. */
uint8_t idehost_alt(struct idehost *h, unsigned unit);
void idehost_control(struct idehost *h, unsigned unit, uint8_t value);
/* The unit's line is up. */
bool idehost_irq(struct idehost *h, unsigned unit);

/* Selects it (LBA), and writes address, count and command. */
void idehost_command(struct idehost *h, unsigned unit, uint8_t command, uint32_t lba,
		     unsigned n);
void idehost_command_ext(struct idehost *h, unsigned unit, uint8_t command, uint64_t lba,
			 unsigned n);
/* Moves len bytes by the data register, as long as DRQ is there. Returns how many. */
size_t idehost_pio_in(struct idehost *h, unsigned unit, void *buf, size_t len);
size_t idehost_pio_out(struct idehost *h, unsigned unit, const void *buf, size_t len);

/* The bus master: its registers by unit; a table, and that it starts. */
uint32_t idehost_bm_in(struct idehost *h, unsigned unit, unsigned reg, unsigned size);
void idehost_bm_out(struct idehost *h, unsigned unit, unsigned reg, unsigned size,
		    uint32_t value);
void idehost_table(struct idehost *h, unsigned unit, const struct idehost_prd *prd,
		   unsigned n);
void idehost_start(struct idehost *h, unsigned unit, bool in);

#endif
