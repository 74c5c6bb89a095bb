/* SPDX-License-Identifier: MIT */
/* blkback: serves the virtual disks that the toolstack made for this domain. */
#ifndef TANDEM_BACKENDS_BLOCK_BLKBACK_H
#define TANDEM_BACKENDS_BLOCK_BLKBACK_H

#include "backends/backend.h"
#include "backends/block/blkdrv.h"

struct blkback_config {
	struct backend_config be;
	uint32_t max_queues;	 /* a disk; 1..64 */
	uint32_t max_ring_order; /* 0..BLKIF_MAX_RING_ORDER */
	uint32_t max_indirect;	 /* segments, 0..BLKIF_MAX_INDIRECT_SEGMENTS */
	uint32_t max_persistent; /* grants a queue, 0: do not offer */
	/* Opens the driver's files (the privileged opener). As
	 * blkdrv_ops.open_files; *why as blkdrv_ops.open. */
	int (*open_files)(void *arg, struct blkdrv_params *p, char **why);
	void *open_arg;
};
extern const struct blkback_config blkback_config_default;

/* A backend (backend.h) of disks; *cfg outlives it. -EINVAL: cfg */
int blkback_new(struct plat *p, struct evloop *loop, const struct blkback_config *cfg,
		void (*lost)(void *arg), void *lost_arg, struct backend **be);

#endif
