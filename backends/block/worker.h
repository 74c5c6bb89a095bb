/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread, one io_uring, any number of vbd queues.
 *
 * The io_uring is the thread's only wait point: event channels, file I/O,
 * timers and calls from the control thread all end there. A worker polls while
 * that pays (hv/base/adapt.h) and sleeps in the io_uring otherwise.
 */
#ifndef TANDEM_BACKENDS_BLOCK_WORKER_H
#define TANDEM_BACKENDS_BLOCK_WORKER_H

#include <liburing.h>
#include <stdint.h>

struct blkworker;

/*
 * What a CQE leads to: the SQE's user_data is a pointer to one of these,
 * embedded in its owner's struct. fn runs on the worker's thread.
 */
struct worker_op {
	void (*fn)(struct worker_op *op, int res, uint32_t flags);
};

/*
 * An SQE whose completion calls op->fn. Never NULL: a full submission queue is
 * sent first. The SQE goes out before the worker polls or sleeps again.
 */
struct io_uring_sqe *worker_sqe(struct blkworker *w, struct worker_op *op);

/*
 * Registered files and buffers, a slot each; shared by all that call with the
 * same fd or stretch of memory on this worker (counted). Returns the index, or
 * -errno (-ENOMEM over RLIMIT_MEMLOCK: use plain operations and say so).
 * A buffer is at most 1 GiB.
 */
int worker_file_get(struct blkworker *w, int fd);
void worker_file_put(struct blkworker *w, int index);
int worker_buf_get(struct blkworker *w, void *base, size_t len);
void worker_buf_put(struct blkworker *w, int index);

/* The worker's clock, ns, CLOCK_MONOTONIC; read once a round. */
uint64_t worker_now(const struct blkworker *w);

#endif
