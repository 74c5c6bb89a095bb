/* SPDX-License-Identifier: MIT */
/*
 * libtandem: use a tandem disk from any program.
 *
 * A disk is opened once by one process; its queues are shared memory rings to
 * the backend. I/O is asynchronous: submit, kick, poll. A backend that dies
 * and comes back is met by replaying what was in flight: the caller sees a
 * pause and no error.
 *
 * Buffers from tandem_alloc() are granted to the backend and move without a
 * copy; any other buffer works too and is copied.
 *
 * Threads: different queues, different threads. One queue may be shared: its
 * calls take the queue's lock. Every function returns 0 or more, or -errno.
 *
 * Only this header is installed; it depends on the C library alone.
 */
#ifndef TANDEM_H
#define TANDEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct tandem_disk;
struct tandem_queue;

enum tandem_op {
	TANDEM_READ,
	TANDEM_WRITE,
	TANDEM_FLUSH, /* everything completed before is stable after it */
	TANDEM_DISCARD,
};

/* Zero means the default. */
struct tandem_opts {
	const char *platform; /* NULL: proc; see hv/plat/plat.h */
	const char *abi;      /* NULL: "x86_64-abi"; "x86_32-abi", "native" */
	unsigned queues;      /* tandem_queue()s wanted, at most 1024. 1 */
	unsigned rings;	      /* for them, at most; the backend may allow fewer. queues */
	unsigned depth; /* requests in flight a queue that the ring should hold. 128 */
	unsigned max_segments; /* pages a request, at most. What the backend offers */
	size_t pool_bytes;     /* limit of tandem_alloc(); taken as needed. 16 MiB */
	unsigned poll_us; /* longest busy poll before sleeping; TANDEM_POLL_NEVER. 100 */
	unsigned connect_ms;   /* wait for the backend at open. 10,000 */
	unsigned reconnect_ms; /* a backend gone for longer fails I/O with -EIO. 30,000 */
	bool readonly;
	bool no_persistent; /* do not offer feature-persistent */
	bool no_indirect;   /* at most 11 segments a request */
};

#define TANDEM_POLL_NEVER  (~0u) /* event mode */
#define TANDEM_POLL_ALWAYS (~0u - 1)

/* What was negotiated. Sizes in bytes. */
struct tandem_info {
	uint64_t size;
	unsigned sector_size; /* logical block: offsets and lengths are multiples */
	unsigned physical_sector_size;
	unsigned queues;     /* as asked for */
	unsigned rings;	     /* that the backend gave them; queues share if fewer */
	unsigned ring_slots; /* of each */
	unsigned max_segments;
	bool readonly, cdrom, removable;
	bool flush, barrier, discard, discard_secure, persistent;
	uint64_t discard_granularity, discard_alignment;
	uint64_t max_transfer;			/* bytes that one ring request carries */
	unsigned reconnects;			/* since open */
	uint64_t last_pause_us;			/* from loss to replay of the last one; */
	uint64_t median_pause_us, max_pause_us; /* of the last 64 */
};

struct tandem_io {
	enum tandem_op op;
	uint64_t offset; /* bytes */
	size_t len;	 /* bytes; any multiple of sector_size */
	void *buf;	 /* READ, WRITE */
	bool secure;	 /* DISCARD */
	void *user;	 /* the caller's */
	int result;	 /* at completion: 0 or -errno */

	/* The library's, from submit to completion. */
	struct tandem_io *next_;
	struct tandem_queue *queue_;
	size_t issued_;
	uint32_t parts_;
};

/*
 * Opens "DOMAIN/VDEV" ("guest0/xvda") or "DOMAIN/DEVID": connects as DOMAIN,
 * meets the backend, maps nothing. *disk is NULL on error and *why, if why is
 * not NULL, a line that says what is wrong and what would be right (freed by
 * the caller).
 * -ENOENT no hypervisor, domain or device; -EBUSY the disk is open elsewhere;
 * -ETIMEDOUT no backend answered; -EIO it cannot serve the disk; -EPROTO it
 * answered nonsense; -EROFS the disk is read-only and opts.readonly was not
 * set; -EINVAL a bad name or option.
 */
int tandem_open(const char *name, const struct tandem_opts *opts,
		struct tandem_disk **disk, char **why);
/* Waits for what is in flight, closes the device. NULL is allowed. */
void tandem_close(struct tandem_disk *disk);
void tandem_get_info(struct tandem_disk *disk, struct tandem_info *info);

/* Granted memory, page-aligned; NULL when the pool is used up. Any thread. */
void *tandem_alloc(struct tandem_disk *disk, size_t bytes);
void tandem_free(struct tandem_disk *disk, void *p);

/* Queue i, 0 <= i < info.queues; lives as long as the disk. */
struct tandem_queue *tandem_queue(struct tandem_disk *disk, unsigned i);

/*
 * Hands in one I/O, which the library owns until tandem_poll() returns it.
 * Always taken if valid, however large: what the ring cannot hold now waits in
 * the library. -EINVAL misaligned or out of range, -EROFS, -EOPNOTSUPP (flush
 * and discard that the backend does not offer), -ENODEV the disk is gone.
 */
int tandem_submit(struct tandem_queue *q, struct tandem_io *io);
/* Shows what was submitted to the backend. Batch: submit many, kick once. */
int tandem_kick(struct tandem_queue *q);
/* Takes up to max completed I/Os without waiting. Returns how many. */
int tandem_poll(struct tandem_queue *q, struct tandem_io **done, unsigned max);
/*
 * Kicks, then waits for at least min (<= max) completions: polls while that
 * pays, then sleeps. timeout_us < 0: no limit. Returns how many were taken,
 * which is less than min only at the time-out or when less is in flight.
 */
int tandem_wait(struct tandem_queue *q, struct tandem_io **done, unsigned min,
		unsigned max, int64_t timeout_us);
/* I/Os submitted and not yet returned. */
unsigned tandem_inflight(struct tandem_queue *q);

/*
 * For an event loop: the descriptor is readable when completions may be there,
 * after tandem_queue_arm() returned 0. 1: some are there already, poll again.
 */
int tandem_queue_fd(struct tandem_queue *q);
int tandem_queue_arm(struct tandem_queue *q);

/* One I/O, submitted and waited for. For programs that do not care for speed. */
int tandem_pread(struct tandem_disk *disk, void *buf, size_t len, uint64_t offset);
int tandem_pwrite(struct tandem_disk *disk, const void *buf, size_t len, uint64_t offset);
int tandem_flush(struct tandem_disk *disk);
int tandem_discard(struct tandem_disk *disk, uint64_t offset, uint64_t len);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
