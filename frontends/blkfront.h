/* SPDX-License-Identifier: MIT */
/*
 * What the files of libtandem share: disk, channel, queue.
 *
 * A *queue* is what the caller sees and lives as long as the disk. A *channel*
 * is one ring with its event channel; it comes and goes with the backend. After
 * a reconnect there may be another number. Several queues share a channel when
 * the backend offers fewer.
 *
 * Locks: channel.lock guards the channel and every queue that points to it; a
 * queue changes its channel only while both locks are held. disk.lock guards
 * what tandem_get_info() shows. Order: channels by index, then disk.lock.
 *
 * Threads: the control thread (front.h) alone talks to xenstore, builds and
 * drops rings, and sets channel states other than CH_BROKEN.
 */
#ifndef TANDEM_FRONTENDS_BLKFRONT_H
#define TANDEM_FRONTENDS_BLKFRONT_H

#include <pthread.h>

#include "frontends/front.h"
#include "frontends/include/tandem.h"
#include "frontends/pool.h"
#include "frontends/qlock.h"
#include "hv/base/adapt.h"
#include "ringproto/blkif.h"

#define BLKFRONT_MAX_QUEUES   1024
#define BLKFRONT_MAX_CHANNELS 64
#define BLKFRONT_MAX_SLOTS    512 /* 16 ring pages */
#define BLKFRONT_BOUNCE_NONE  0xffffu
#define BLKFRONT_OP_NONE      0xffu
#define BLKFRONT_PAUSES	      64 /* remembered */

/* One request on the ring: what a response is checked against, and what is
 * needed to send it again. */
struct shadow {
	struct tandem_io *io; /* NULL: the id is free */
	size_t off;	      /* where the part starts in the io's span */
	uint32_t len;
	uint32_t order;	 /* counts up with each request of the channel */
	uint16_t bounce; /* first page of a chain, or BLKFRONT_BOUNCE_NONE */
	uint8_t op;	 /* what the response must say, */
	uint8_t op2;	 /* or this: backends differ about indirect requests */
};
_Static_assert(sizeof(struct shadow) == 32, "two a cache line");

/* A part of an I/O that has to be sent again. Counts as one of io->parts_. */
struct part {
	struct tandem_io *io;
	size_t off, len;
};

/* What one connection allows. */
struct limits {
	uint64_t size;
	uint32_t sector_mask;  /* logical block - 1 */
	uint32_t max_segments; /* of a request */
	uint8_t flush_op;      /* BLKIF_OP_* or BLKFRONT_OP_NONE */
	bool discard, discard_secure, readonly;
};

enum channel_state {
	CH_SUSPENDED, /* no backend: I/O waits */
	CH_RUN,
	CH_FAILING, /* no backend for too long: I/O completes with -EIO */
	CH_DRAIN,   /* detached for good: runs, but takes no more */
	CH_BROKEN,  /* the backend broke the protocol; the control thread knows */
	CH_DEAD,    /* submitting returns dead_err */
};

/* Pages that I/O is copied through, a chain a request. */
struct bounce {
	struct gnttab_arena *arena; /* NULL until needed */
	uint16_t *next;
	uint16_t free;	  /* head of the free chain */
	uint32_t nr_free; /* its length */
};

struct channel {
	struct qlock lock;
	enum channel_state state;
	/* The hot part. */
	struct ring_front ring;
	struct shadow *shadow; /* one for each slot */
	uint16_t *free_ids;    /* a stack */
	uint32_t nr_free;
	uint32_t nr_slots;
	uint32_t order;
	enum blkif_abi abi;
	blkif_vdev_t handle;
	struct pool_window win; /* the pool's arena that was used last */
	struct limits lim;
	struct evtchn *evtchn;		     /* NULL: none */
	struct tandem_io *wait, **wait_tail; /* not on the ring yet */
	struct part *replay; /* before those; replay_at of replay_nr done */
	uint32_t replay_at, replay_nr;
	unsigned sleepers; /* of its queues: asleep, or armed for an event loop */
	/* The cold part. */
	_Atomic bool evtchn_dead;
	unsigned index;
	int dead_err;
	struct tandem_disk *disk;
	struct gnttab_arena *ring_pages; /* the ring, then indirect pages */
	uint32_t nr_ring_pages;
	uint32_t indirect_per_id; /* pages of descriptors for each id */
	struct bounce bounce;
};

struct tandem_queue {
	_Atomic(struct channel *) ch;
	struct tandem_disk *disk;
	unsigned index;
	unsigned inflight;		     /* submitted and not returned */
	struct tandem_io *done, **done_tail; /* completed on behalf of others */
	struct adapt adapt;
	unsigned sleepers; /* threads asleep */
	bool armed;	   /* an event loop waits */
	int wake;	   /* eventfd: look again */
	int epoll;	   /* for tandem_queue_fd(), -1 until asked for */
};

/* The synchronous calls: one of the waiting threads waits for all (sync.c). */
struct sync {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool led;
};

struct tandem_disk {
	struct front front; /* first */
	struct tandem_opts opts;
	enum blkif_abi abi;
	bool abi_key; /* the protocol key is written */
	struct pool pool;
	unsigned nr_queues;    /* as asked for */
	unsigned nr_all;       /* those, and one for the synchronous calls */
	unsigned max_channels; /* there are; no more than queues */
	unsigned nr_channels;  /* that this connection uses */
	struct channel *channels;
	struct tandem_queue *queues;
	uint32_t ring_order, max_indirect; /* the control thread's */
	pthread_mutex_t lock;
	struct tandem_info info;
	uint64_t pauses[BLKFRONT_PAUSES]; /* us, the last ones */
	struct sync sync;
};

/* ------------------------------------------------------ queue.c, the hot path */

static inline bool channel_runs(const struct channel *ch)
{
	return ch->state == CH_RUN || ch->state == CH_DRAIN;
}

static inline bool channel_has_waiting(const struct channel *ch)
{
	return ch->wait || ch->replay_at != ch->replay_nr;
}

/* Takes the lock of q's channel. */
static inline struct channel *queue_lock(struct tandem_queue *q)
{
	for (;;) {
		struct channel *ch = atomic_load_explicit(&q->ch, memory_order_acquire);

		qlock_lock(&ch->lock);
		if (ch == atomic_load_explicit(&q->ch, memory_order_relaxed))
			return ch;
		qlock_unlock(&ch->lock);
	}
}

/* Takes finished I/Os: queue q's into done[0..max), others' to their queues.
 * q may be NULL (all go to their queues). Returns how many in done[]. Locked. */
unsigned channel_reap(struct channel *ch, struct tandem_queue *q, struct tandem_io **done,
		      unsigned max);
/* Sends what waits, as far as there is room, and publishes. Locked. */
void channel_pump(struct channel *ch);
/* Moves an I/O that is done to its queue's list. Locked. */
void channel_finish(struct channel *ch, struct tandem_io *io);
/* Ends everything that the channel has with `err`. Nothing is on a ring. Locked. */
void channel_fail_all(struct channel *ch, int err);
/* Shows the backend what is on the ring. Locked. */
void channel_push(struct channel *ch);
/* Wakes who sleeps on one of the channel's queues. Locked. */
void channel_wake(struct channel *ch);

/* The channel's event channel was seen readable. Locked. */
void channel_ack(struct channel *ch);
/* Points the queue's epoll, if it has one, at the channel. Locked. */
void queue_watch(struct tandem_queue *q, struct evtchn *old, struct evtchn *now);

/* What an I/O is long, for the splitting: bytes, or 1 for what is never split. */
static inline size_t io_span(const struct tandem_io *io)
{
	return io->op == TANDEM_READ || io->op == TANDEM_WRITE ? io->len : 1;
}

/* -------------------------------------------------------- issue.c, bounce.c */

/* Puts the next part of io, from off, at most left long, on the ring. Returns
 * its length, 0 if there is no room, or -errno if it never can be sent. */
long channel_issue(struct channel *ch, struct tandem_io *io, size_t off, size_t left);

/* A chain of up to *pages pages (at least one); BLKFRONT_BOUNCE_NONE: none now. */
int bounce_take(struct channel *ch, uint32_t *pages, uint16_t *head);
void bounce_give(struct channel *ch, uint16_t head);
void bounce_free(struct channel *ch);
/* Copies len bytes between buf and the chain. */
void bounce_copy(struct channel *ch, uint16_t head, uint8_t *buf, size_t len,
		 bool to_pages);

/* tandem_open() on a platform that is open already and that the disk takes over,
 * also on error. For tests. */
int disk_open_plat(struct plat *plat, const char *vdev, const struct tandem_opts *opts,
		   struct tandem_disk **disk, char **why);
/* The same without connecting: the caller drives disk_step(). For fuzzing. */
int disk_prepare_plat(struct plat *plat, const char *vdev, const struct tandem_opts *opts,
		      struct tandem_disk **disk);

/* -------------------------------------------------- connect.c, the negotiation */

/* Backend is InitWait: limits, rings, keys, state Initialised. */
int disk_publish(struct tandem_disk *d);
/* Backend is Connected: properties into info and lim. */
int disk_read_properties(struct tandem_disk *d, struct limits *lim);
/* Only the size, which may change while connected. */
int disk_read_size(struct tandem_disk *d, uint64_t *size);
/* Frees rings and event channels of all channels, which are suspended. */
void disk_drop_rings(struct tandem_disk *d);

/* ---------------------------------------------------------- recover.c, life.c */

/* Takes channels off their rings; what is in flight becomes their replay.
 * -ENOMEM: some of it could not be. */
int disk_suspend(struct tandem_disk *d);
/* Attaches queues to the new rings and sends the replays. */
int disk_resume(struct tandem_disk *d, const struct limits *lim);
/* All channels to `state`, everything they have ends with `err` (0: goes on). */
void disk_set_state(struct tandem_disk *d, enum channel_state state, int err);

extern const struct front_ops disk_front_ops;

#endif
