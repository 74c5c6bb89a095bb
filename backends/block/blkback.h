/* SPDX-License-Identifier: MIT */
/*
 * blkback: serves the virtual disks that the toolstack made for this domain.
 *
 * One control thread (xenbus, files, life and death of disks) and a fixed set
 * of workers (worker.h), over which the disks' queues are spread.
 */
#ifndef TANDEM_BACKENDS_BLOCK_BLKBACK_H
#define TANDEM_BACKENDS_BLOCK_BLKBACK_H

#include "backends/block/blkdrv.h"
#include "hv/base/evloop.h"
#include "hv/plat/plat.h"

struct blkback_config {
	uint32_t workers;
	uint64_t poll_ns;	 /* as struct adapt's max_ns */
	uint32_t max_queues;	 /* a disk; 1..64 */
	uint32_t max_ring_order; /* 0..BLKIF_MAX_RING_ORDER */
	uint32_t max_indirect;	 /* segments, 0..BLKIF_MAX_INDIRECT_SEGMENTS */
	uint32_t max_persistent; /* grants a queue, 0: do not offer */
	bool pin;		 /* worker i on CPU i */
	/* Opens the driver's files (the privileged opener). As
	 * blkdrv_ops.open_files; *why as blkdrv_ops.open. */
	int (*open_files)(void *arg, struct blkdrv_params *p, char **why);
	void *open_arg;
};
extern const struct blkback_config blkback_config_default;

struct blkback;

/*
 * Makes what needs rights: rings. No thread runs and nothing of a guest's is
 * read before blkback_start(): the place for a sandbox is between the two.
 * lost: the hypervisor is gone; called once, from the loop.
 */
int blkback_new(struct plat *p, struct evloop *loop, const struct blkback_config *cfg,
		void (*lost)(void *arg), void *lost_arg, struct blkback **bb);
int blkback_start(struct blkback *bb);
/* After every round of the loop. */
void blkback_poll(struct blkback *bb);
/*
 * Begins to close every disk (state Closing, then Closed); blkback_idle() says
 * when all are. For a clean end: frontends see a backend that may come back.
 */
void blkback_shutdown(struct blkback *bb);
bool blkback_idle(const struct blkback *bb);
/* Frees everything; disks that are still served are dropped. */
void blkback_free(struct blkback *bb);

#endif
