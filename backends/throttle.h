/* SPDX-License-Identifier: MIT */
/*
 * A device's throttle: requests and bytes a second, shared by its queues. Any
 * thread.
 */
#ifndef TANDEM_BACKENDS_THROTTLE_H
#define TANDEM_BACKENDS_THROTTLE_H

#include <stdint.h>

struct throttle;

/* Rates, 0: no bound; burst_ms: what may be used up at once after a pause.
 * NULL: out of memory. */
struct throttle *throttle_new(uint64_t iops, uint64_t bps, uint64_t burst_ms);
void throttle_free(struct throttle *t);
/*
 * Pays for one request of `bytes` at `now` (ns): 0, it may go; else nothing is
 * taken and it may be tried again after that many ns.
 */
uint64_t throttle_take(struct throttle *t, uint64_t bytes, uint64_t now);

#endif
