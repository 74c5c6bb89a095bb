/* SPDX-License-Identifier: MIT */
/*
 * One queue of a virtual disk: a ring, its event channel, its requests.
 *
 * blkq.c owns the life of a queue and its rounds, blkreq.c a request from the
 * ring slot to the response. Everything runs on the queue's worker except
 * blkq_new(), blkq_start(), blkq_stop() and blkq_free(), which are the control
 * thread's.
 */
#ifndef TANDEM_BACKENDS_BLOCK_BLKQ_H
#define TANDEM_BACKENDS_BLOCK_BLKQ_H

#include <stdatomic.h>

#include "backends/block/blkdrv.h"
#include "backends/pgrant.h"
#include "backends/worker.h"
#include "hv/plat/plat.h"
#include "ringproto/blkif.h"

#define BLKQ_MAX_REGIONS 16

/* Counters; written by the worker, read by the control thread. */
enum blkq_counter {
	BLKQ_READS,
	BLKQ_WRITES,
	BLKQ_FLUSHES,
	BLKQ_BARRIERS,
	BLKQ_DISCARDS,
	BLKQ_INDIRECT,
	BLKQ_READ_BYTES,
	BLKQ_WRITE_BYTES,
	BLKQ_ERRORS,	  /* answered BLKIF_RSP_ERROR */
	BLKQ_UNSUPPORTED, /* answered BLKIF_RSP_EOPNOTSUPP */
	BLKQ_THROTTLED,	  /* requests that had to wait for tokens */
	BLKQ_NOTIFIED,	  /* events sent */
	BLKQ_UNNOTIFIED,  /* pushes that needed none */
	BLKQ_EVENTS,	  /* events received */
	BLKQ_MAPPED,	  /* pages mapped for one request only */
	BLKQ_PERSISTENT,  /* pages mapped to stay */
	BLKQ_NR_COUNTERS,
};
extern const char *const blkq_counter_names[BLKQ_NR_COUNTERS];

struct throttle; /* throttle of the disk, shared by its queues; blkback.h */

struct blkq_config {
	struct plat *plat;
	domid_t frontend;
	enum blkif_abi abi;
	grant_ref_t ring_refs[1 << BLKIF_MAX_RING_ORDER];
	uint32_t nr_ring_refs;
	evtchn_port_t port; /* the frontend's */
	bool persistent;    /* both sides offered it */
	uint32_t max_persistent;
	uint32_t max_indirect; /* segments; 0: not offered */
	bool barrier, discard; /* offered */
	struct blkdrv *dev;
	struct worker *worker;
	struct throttle *throttle; /* NULL: none */
	/* On the worker's thread. broken: at most once, the peer broke the
	 * protocol. stopped: once after blkq_stop(), the last call. */
	void (*broken)(void *arg, int err);
	void (*stopped)(void *arg);
	void *arg;
};

struct blkseg {
	void *addr; /* the mapped page */
	grant_ref_t ref;
	uint32_t pg;   /* entry of the persistent cache, or PGRANT_NONE */
	uint32_t prot; /* how it is mapped, if not in the cache */
};

/* What is left to do for a request. */
enum { BLKREQ_PREFLUSH = 1, BLKREQ_DATA = 2, BLKREQ_POSTFLUSH = 4 };

struct blkreq {
	struct blkdrv_io io; /* first: a driver's io is the request */
	struct blkq *q;
	struct blkreq *next;
	uint64_t id;
	uint8_t operation; /* echoed */
	uint8_t steps;
	bool charged; /* the throttle has been paid */
	bool started; /* a barrier whose turn has come */
	enum blkdrv_op data_op;
	uint16_t nr_segs;
	struct blkseg *seg; /* small_seg, or max_indirect long */
	struct iovec small_iov[BLKIF_MAX_SEGMENTS_PER_REQUEST];
	struct blkseg small_seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

struct blkq {
	struct worker_client client; /* first */
	struct worker *worker;
	struct blkdrv *dev;
	struct blkdrv_queue *dq;
	struct ring_back ring;
	uint64_t size;	   /* bytes; follows a resize */
	uint32_t inflight; /* requests taken and not answered */
	bool failed, stopping, finished;
	struct blkreq *free;
	struct blkreq *waiting, **waiting_tail; /* not submitted yet, in order */
	struct blkreq *barrier;			/* taken, nothing behind it is */
	struct gnttab_mapper *mapper;
	struct pgrant pg;
	struct evtchn *ch;
	struct worker_op ch_op, cancel_op;
	bool ch_polled, cancelling;
	void *region_base[BLKQ_MAX_REGIONS];
	size_t region_len[BLKQ_MAX_REGIONS];
	uint32_t nr_regions, last_region;
	_Atomic uint64_t count[BLKQ_NR_COUNTERS];

	struct blkq_config cfg;
	void *ring_pages;
	struct blkreq *reqs;
	uint8_t *big; /* per request: max_indirect iovecs and segs */
	struct blkif_request_segment *desc; /* descriptors of one request, copied */
};

static inline void blkq_count(struct blkq *q, enum blkq_counter c, uint64_t n)
{
	/* one writer: a load and a store are enough */
	atomic_store_explicit(&q->count[c],
			      atomic_load_explicit(&q->count[c], memory_order_relaxed) +
				      n,
			      memory_order_relaxed);
}

/* Maps the ring and binds the channel. -errno as plat.h; -EPROTO bad ring. */
int blkq_new(const struct blkq_config *cfg, struct blkq **q);
/* Begins to serve. -errno of the driver. */
int blkq_start(struct blkq *q);
/* Takes no more requests; `stopped` is called when the last one is answered. */
void blkq_stop(struct blkq *q);
/* After `stopped`, or if blkq_start() failed or was not called. */
void blkq_free(struct blkq *q);
/* Tells the queue the disk's new size. */
void blkq_resize(struct blkq *q, uint64_t bytes);

/* ---- blkq.c, for blkreq.c ---- */

/* A page of a stretch of memory that the driver has not been told of. */
void blkq_new_region(struct blkq *q, void *addr);

/* ---- blkreq.c, for blkq.c ---- */

/* Takes one request off the ring and carries it as far as it goes now. Returns
 * how many bytes it moves. */
uint64_t blkreq_take(struct blkq *q, struct blkreq *req);
/* Tries those that wait. Returns how many were submitted. */
int blkreq_retry(struct blkq *q);
/* Starts the queue's barrier once all before it are answered. Returns 0 or 1. */
int blkreq_try_barrier(struct blkreq *req);
/*
 * Forgets what was not submitted yet, without an answer, as if it were still on
 * the ring: a frontend that goes on sends it again to the next backend.
 */
void blkreq_drop_waiting(struct blkq *q);

#endif
