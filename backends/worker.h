/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread, one io_uring, any number of device queues.
 *
 * The io_uring is the thread's only wait point: event channels, file I/O,
 * timers and calls from the control thread all end there. A worker polls while
 * that pays (hv/base/adapt.h) and sleeps in the io_uring otherwise.
 */
#ifndef TANDEM_BACKENDS_WORKER_H
#define TANDEM_BACKENDS_WORKER_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

struct worker;

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
struct io_uring_sqe *worker_sqe(struct worker *w, struct worker_op *op);

/*
 * As worker_sqe(), for operations that end while they are submitted (writes that
 * cannot wait) and whose memory the caller wants back at once: prepares one of
 * a batch of at most WORKER_HELD, then worker_send_held() with their number. The
 * last of them that the kernel did not take, whose number it returns, are undone.
 */
#define WORKER_HELD 64
struct io_uring_sqe *worker_sqe_held(struct worker *w, struct worker_op *op);
unsigned worker_send_held(struct worker *w, unsigned n);

/*
 * Registered files and buffers, a slot each; shared by all that call with the
 * same fd or stretch of memory on this worker (counted). Returns the index, or
 * -errno (-ENOMEM over RLIMIT_MEMLOCK: use plain operations and say so).
 * A buffer is at most 1 GiB.
 */
int worker_file_get(struct worker *w, int fd);
void worker_file_put(struct worker *w, int index);
int worker_buf_get(struct worker *w, void *base, size_t len);
void worker_buf_put(struct worker *w, int index);

/* The worker's clock, ns, CLOCK_MONOTONIC; read once a round. */
uint64_t worker_now(const struct worker *w);
/* The one whose thread this is, or NULL. */
struct worker *worker_self(void);

/* ------------------------------------------------- what backends use besides */

/* One user of a worker: a queue of a device. Embedded in it; all on the worker's thread.
 */
struct worker_client {
	/* Looks for work and does a bounded share of it. Returns how much. */
	int (*run)(struct worker_client *c);
	/* Asks for an event at the next work. Nonzero: there is some already. */
	int (*arm)(struct worker_client *c);
	/* At the end of a round in which worker_flush_later() was called. */
	void (*flush)(struct worker_client *c);
	uint64_t wake_at; /* run again at this time at the latest; 0: no need */
	/* The worker's. */
	struct worker_client *next, **pprev;
	struct worker_client *flush_next;
	bool active, flushing;
	uint16_t idle_rounds;
};

void worker_client_add(struct worker *w, struct worker_client *c);
void worker_client_remove(struct worker *w, struct worker_client *c);
/* An event came for an armed client: look at it every round again. */
void worker_client_wake(struct worker *w, struct worker_client *c);
void worker_flush_later(struct worker *w, struct worker_client *c);

/*
 * I/O that a driver has in hand: while there is some, the worker waits for the
 * device and not for the guest, which is worth other polling.
 */
void worker_inflight(struct worker *w, int delta);
/*
 * How many reads and writes to hand to the kernel together. It prepares all of
 * a batch, 2 us each, before the device sees the first: so few while the device
 * is short of work, and never many.
 */
unsigned worker_batch(const struct worker *w);

/* A worker with its ring, without its thread: no ring is made later, so that a
 * sandbox can forbid that between the two. poll_ns: as struct adapt's max_ns.
 * cpu: -1, or where to run. -errno */
int worker_new(struct worker **w, uint64_t poll_ns, int cpu);
/* Starts its thread. -errno */
int worker_run(struct worker *w);
/* Ends the thread, if there is one; no client is left. NULL is allowed. */
void worker_free(struct worker *w);
/* Runs fn on the worker's thread and waits for it. From other threads only. */
void worker_call(struct worker *w, void (*fn)(void *arg), void *arg);

#endif
