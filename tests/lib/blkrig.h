/* SPDX-License-Identifier: MIT */
/*
 * A rig for block drivers: a device, a worker and a queue of it, driven as
 * blkback drives them, with memory to read into and to write from.
 */
#ifndef TANDEM_TESTS_LIB_BLKRIG_H
#define TANDEM_TESTS_LIB_BLKRIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/block/blkdrv.h"
#include "backends/worker.h"

struct blkrig_io {
	struct blkdrv_io io;
	struct blkrig *rig;
	struct blkrig_io *next;
	int result;
	unsigned dones; /* how often done() came: 1 */
};

struct blkrig {
	struct blkdrv *dev;
	struct worker *worker;
	struct blkdrv_queue *q;
	struct worker_client client;
	uint8_t *mem; /* shared, registered */
	size_t mem_len;
	unsigned depth;	  /* at most so many I/Os at a time; 0: no limit */
	unsigned eagains; /* how often submit() had no room */
	unsigned rounds;  /* the worker's */
	/* The worker's. */
	struct blkrig_io *todo;
	unsigned inflight, unfinished;
	/* Handed over by blkrig_run(). */
	struct blkrig_io *batch;
	unsigned batch_len;
	/* Waiting for unfinished == 0. */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool idle;
};

#define BLKRIG_MEM (16u << 20)

/* Fails the cmocka test with the driver's own words. */
struct blkdrv *blkrig_open(const struct blkdrv_params *p);
/* As above, but returns the error and the words (malloc'd, or NULL). */
int blkrig_try_open(const struct blkdrv_params *p, struct blkdrv **dev, char **why);
void blkrig_close(struct blkdrv *dev);

/* A queue of dev on a worker of its own. poll_ns as worker_start. */
void blkrig_start(struct blkrig *rig, struct blkdrv *dev, uint64_t poll_ns);
void blkrig_stop(struct blkrig *rig);

/* Runs n I/Os at once, in this order, and waits for all of them. Results in
 * each; the test fails when one is done twice. */
void blkrig_run(struct blkrig *rig, struct blkrig_io *ios, unsigned n);

/* One I/O with one iovec. Its result. */
int blkrig_one(struct blkrig *rig, enum blkdrv_op op, uint64_t offset, void *buf,
	       uint64_t len);

/* Reproducible bytes: what stands at each offset is a function of seed. */
void blkrig_fill(uint8_t *buf, size_t len, uint64_t seed);
uint64_t blkrig_random(uint64_t *state);

#endif
