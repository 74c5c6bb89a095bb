/* SPDX-License-Identifier: MIT */
/* What the fault driver shall do wrong, and when. */
#ifndef TANDEM_BACKENDS_BLOCK_DRV_FAULT_H
#define TANDEM_BACKENDS_BLOCK_DRV_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/block/blkdrv.h"

struct fault_plan {
	char inner[32], target[1024]; /* target, a size, "": the device's own */
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

/* Reads options. -EINVAL with *why. */
int fault_plan_parse(struct fault_plan *plan, const char *options, char **why);
/* Decides about the next I/O. The same options and order of I/Os, the same fate. */
struct fault_fate fault_plan_next(const struct fault_plan *plan, struct fault_counts *c,
				  const struct blkdrv_io *io, uint32_t sector);

#endif
