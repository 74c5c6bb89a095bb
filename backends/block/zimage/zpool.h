/* SPDX-License-Identifier: MIT */
/*
 * A few threads for what must not run on a worker: decompression and writes to
 * an overlay. Tasks are embedded in their owners: submitting allocates nothing.
 */
#ifndef TANDEM_BACKENDS_BLOCK_ZIMAGE_ZPOOL_H
#define TANDEM_BACKENDS_BLOCK_ZIMAGE_ZPOOL_H

#include "backends/block/zimage/zimage.h"

struct zpool;

struct ztask {
	struct ztask *next;
	/* On a pool thread; the task may be gone or submitted again inside. */
	void (*run)(struct ztask *task, struct zdec *dec);
};

/* LATER: when no SOON task waits (read-ahead). */
enum zpool_when { ZPOOL_SOON, ZPOOL_LATER };

#define ZPOOL_THREADS_MAX 64

/* 1..ZPOOL_THREADS_MAX threads, all signals blocked. -ENOMEM, -EAGAIN */
int zpool_new(unsigned threads, struct zpool **pool);
/* Waits until every task has run. */
void zpool_free(struct zpool *pool);
/* From any thread. */
void zpool_submit(struct zpool *pool, struct ztask *task, enum zpool_when when);
/* Online CPUs, at least 2 and at most 8: so that one long task stops nobody. */
unsigned zpool_default_threads(void);

#endif
