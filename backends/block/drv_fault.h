/* SPDX-License-Identifier: MIT */
/* What the fault driver shall do wrong, and when. */
#ifndef TANDEM_BACKENDS_BLOCK_DRV_FAULT_H
#define TANDEM_BACKENDS_BLOCK_DRV_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/block/blkdrv.h"

struct fault_plan {
	char inner[32], target[1024]; /* target, a size, "": the device's own */
	char log[1024];		      /* a file to append to, "": none */
	/* Every n-th of its kind; 0: never. */
	uint64_t read_error, write_error, flush_error, discard_error;
	uint64_t torn_write;
	uint64_t delay_every, delay_us;
	uint64_t stuck_every, stuck_ms;
	uint64_t enospc_after; /* bytes written; UINT64_MAX: never */
	uint64_t seed;	       /* 0: exactly every n-th, else one in n */
};

/* What shall happen to one I/O. */
struct fault_fate {
	int error;	   /* instead of asking the inner driver */
	uint64_t torn_len; /* of a write with an error: so many bytes are written */
	uint64_t delay_ns; /* before the answer */
};

/* Counts, shared by a device's queues. */
struct fault_counts {
	_Atomic uint64_t reads, writes, flushes, discards, all, written;
};

/*
 * The log: what the inner driver was told, in order. Appended with one write a
 * record, so that who uses the disk can add what it knows, and the file's order
 * is an order in time: an I/O begins after and ends before these records. Who is
 * killed may leave the last one incomplete; its I/O was not begun.
 */
#define FAULT_LOG_MAGIC UINT32_C(0x746c6f67)

enum fault_log_kind {
	FAULT_LOG_OPEN,	 /* the inner driver is open: a new life */
	FAULT_LOG_BEGIN, /* of a WRITE: len bytes of data follow */
	FAULT_LOG_END,
	FAULT_LOG_USER_BEGIN, /* the user's own; no data */
	FAULT_LOG_USER_END,
};

struct fault_record {
	uint32_t magic;
	uint8_t op; /* enum blkdrv_op; reads are not logged */
	uint8_t kind;
	uint16_t pad;
	int32_t result;
	uint32_t pad2;
	uint64_t id; /* END: of which BEGIN of this life */
	uint64_t offset, len;
};

/* Opens plan's log as p's last descriptor. -EACCES, -EMFILE, -errno */
int fault_log_open(const struct fault_plan *plan, struct blkdrv_params *p);
/* io NULL: FAULT_LOG_OPEN. */
void fault_log(int fd, enum fault_log_kind kind, const struct blkdrv_io *io, uint64_t id,
	       int result);

/* Reads options. -EINVAL with *why. */
int fault_plan_parse(struct fault_plan *plan, const char *options, char **why);
/* Decides about the next I/O. The same options and order of I/Os, the same fate. */
struct fault_fate fault_plan_next(const struct fault_plan *plan, struct fault_counts *c,
				  const struct blkdrv_io *io, uint32_t sector);

#endif
