/* SPDX-License-Identifier: MIT */
/* The zstd driver's device and queue. */
#ifndef TANDEM_BACKENDS_BLOCK_DRV_ZSTD_H
#define TANDEM_BACKENDS_BLOCK_DRV_ZSTD_H

#include <pthread.h>
#include <stdatomic.h>

#include "backends/block/blkdrv.h"
#include "backends/block/rangelock.h"
#include "backends/block/zimage/overlay.h"
#include "backends/block/zimage/zcache.h"
#include "backends/worker.h"

#define ZSTD_SEGS 256 /* a queue's; an I/O that finds none waits for one */

struct zstd_queue;

/* A part of an I/O on its way: a frame waited for, a read of the overlay, or a
 * whole write, discard or flush in the pool. */
struct zstd_seg {
	union {
		struct zwait wait;
		struct ztask task;
		struct worker_op op;
	};
	/* The overlay goes through the page cache, where a read sees half of what
	 * is being written: they wait for each other. len 0: nothing is claimed. */
	struct rangelock_claim claim;
	void (*go)(struct zstd_queue *q, struct zstd_seg *seg); /* once granted */
	struct zstd_queue *q;
	struct zstd_seg *next; /* free, done, or in the device's flush list */
	struct blkdrv_io *io;
	uint64_t off, len; /* of the disk */
	uint64_t in_frame; /* where off is in its frame */
	size_t iov_skip;   /* where off is in the I/O's memory */
	unsigned iov_index;
	int result;
};

struct zstd_dev {
	struct blkdrv drv; /* first */
	struct zimage image;
	struct zpool *pool;
	struct zcache *cache;
	struct overlay *overlay; /* or NULL */
	struct rangelock locks;	 /* of what is read and written there */
	char *name;		 /* the image's path */
	uint32_t readahead;	 /* frames */
	/* Flushes: one at a time, those that come meanwhile share the next. */
	pthread_mutex_t flush_lock;
	struct zstd_seg *flushes;
	bool flushing;
	struct ztask flush_task;
};

struct zstd_queue {
	struct blkdrv_queue q; /* first */
	struct worker_op wake; /* second: the eventfd was read */
	int evfd;
	uint64_t event;	  /* what is read */
	bool reading;	  /* the eventfd, by the worker's io_uring */
	unsigned in_pool; /* segs that will come through `done` */
	uint32_t last_frame;
	struct zstd_seg *free;
	struct blkdrv_io *stalled, **stalled_tail; /* wait for a seg */
	struct zstd_seg seg[ZSTD_SEGS];
	/* Pool threads push, the worker takes all. */
	_Alignas(64) _Atomic(struct zstd_seg *) done;
	/* The worker sleeps or will: who pushes wakes it. */
	atomic_bool armed;
	atomic_uint posting; /* pool threads that still use the queue */
};

static inline struct zstd_dev *zstd_dev_of(const struct zstd_queue *q)
{
	return (struct zstd_dev *)q->q.dev;
}

/* drv_zstd_queue.c */
int zstd_queue_start(struct blkdrv *dev, struct worker *w, struct blkdrv_queue **q);
void zstd_queue_stop(struct blkdrv_queue *q);
int zstd_submit(struct blkdrv_queue *q, struct blkdrv_io *io);
int zstd_poll(struct blkdrv_queue *q);
int zstd_arm(struct blkdrv_queue *q);

/* drv_zstd_pool.c */

/* Copies len bytes to the I/O's memory at (index, skip); zeros if from is NULL. */
void zstd_iov_copy(const struct blkdrv_io *io, unsigned index, size_t skip,
		   const uint8_t *from, uint64_t len);
/* The seg is the worker's again: it has ended, or has its range (seg->go). */
void zstd_seg_post(struct zstd_seg *seg, int result);
/* A seg's wait.fn; its task.run for writes and discards, for reads. */
void zstd_frame_came(struct zwait *wait, const uint8_t *data, int err);
void zstd_seg_change(struct ztask *task, struct zdec *dec);
void zstd_seg_pread(struct ztask *task, struct zdec *dec);
/* Somebody should flush, with seg waiting for it or for nobody. */
void zstd_flush_kick(struct zstd_dev *d, struct zstd_seg *seg);
/* The device's flush_task. */
void zstd_flush_run(struct ztask *task, struct zdec *dec);

#endif
