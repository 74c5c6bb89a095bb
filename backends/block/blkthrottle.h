/* SPDX-License-Identifier: MIT */
/*
 * A disk's throttle: requests and bytes a second, shared by its queues. Any
 * thread.
 */
#ifndef TANDEM_BACKENDS_BLOCK_BLKTHROTTLE_H
#define TANDEM_BACKENDS_BLOCK_BLKTHROTTLE_H

#include <stdint.h>

struct blkthrottle;

/* Rates, 0: no bound; burst_ms: what may be used up at once after a pause.
 * NULL: out of memory. */
struct blkthrottle *blkthrottle_new(uint64_t iops, uint64_t bps, uint64_t burst_ms);
void blkthrottle_free(struct blkthrottle *t);
/*
 * Pays for one request of `bytes` at `now` (ns): 0, it may go; else nothing is
 * taken and it may be tried again after that many ns.
 */
uint64_t blkthrottle_take(struct blkthrottle *t, uint64_t bytes, uint64_t now);

#endif
