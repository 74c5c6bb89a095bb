/* SPDX-License-Identifier: MIT */
/*
 * Keeps I/O that overlaps apart: reads share a range, a write has it alone.
 * Nobody blocks: a claim that has to wait is told when it has its range.
 *
 * The disk's blocks are hashed into a table, so claims that do not overlap may
 * meet all the same, seldom. A waiting write keeps later claims out of its
 * range, and the first that waits is the first to go: nobody starves. A claim
 * waits for others while its owner may hold further claims only if those end
 * without it.
 */
#ifndef TANDEM_BACKENDS_BLOCK_RANGELOCK_H
#define TANDEM_BACKENDS_BLOCK_RANGELOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define RANGELOCK_BLOCK 4096u
#define RANGELOCK_SLOTS 1024u

/* Embedded in its owner; fields the owner sets before rangelock_take(). */
struct rangelock_claim {
	uint64_t off, len; /* bytes; len > 0 */
	bool write;
	/* The range is yours now, after a wait. On the thread of whoever gave one
	 * back, with the table locked: only pass the word on. */
	void (*granted)(struct rangelock_claim *claim);
	struct rangelock_claim *next; /* rangelock's */
};

struct rangelock {
	pthread_mutex_t lock;
	struct rangelock_claim *waiting, **tail;
	uint16_t readers[RANGELOCK_SLOTS]; /* or RANGELOCK_WRITER */
	uint16_t wanted[RANGELOCK_SLOTS];  /* writes that wait */
};

void rangelock_init(struct rangelock *r);
void rangelock_exit(struct rangelock *r); /* nothing is claimed */

/* True: the range is yours. False: claim->granted() will say so. */
bool rangelock_take(struct rangelock *r, struct rangelock_claim *claim);
void rangelock_give(struct rangelock *r, struct rangelock_claim *claim);

#endif
