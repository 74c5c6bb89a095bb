/* SPDX-License-Identifier: MIT */
/*
 * Block drivers: what blkback moves blocks to and from.
 *
 * A driver is a table of operations in the const list of blkdrv.c. blkback
 * (the dispatcher) has checked everything before a driver sees it: range,
 * alignment, read-only, that the operation was offered, and that the iovecs
 * add up. A driver checks nothing again.
 *
 * Guest memory behind the iovecs may change at any time: a driver that
 * interprets data copies it first.
 *
 * Threads: open, refresh and close on the control thread. Everything of a
 * blkdrv_queue on its worker's thread; several queues of one device run at the
 * same time.
 */
#ifndef TANDEM_BACKENDS_BLOCK_BLKDRV_H
#define TANDEM_BACKENDS_BLOCK_BLKDRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct worker; /* worker.h */

enum blkdrv_op { BLKDRV_READ, BLKDRV_WRITE, BLKDRV_FLUSH, BLKDRV_DISCARD };

/*
 * One I/O. blkback's until submit, the driver's until blkdrv_done(). iov[] is
 * already merged: neighbours in memory are one entry.
 */
struct blkdrv_io {
	enum blkdrv_op op;
	bool secure; /* DISCARD */
	uint16_t iovcnt;
	uint64_t offset;   /* bytes */
	uint64_t len;	   /* bytes */
	struct iovec *iov; /* READ, WRITE; the sum of its lengths is len */
	void (*done)(struct blkdrv_io *io, int result); /* 0 or -errno */
	/* The driver's, zero at submit. */
	_Alignas(16) uint8_t priv[64];
};

static inline void blkdrv_done(struct blkdrv_io *io, int result)
{
	io->done(io, result);
}

#define BLKDRV_MAX_FDS 4

/* How a device is asked for. Strings belong to the caller. */
struct blkdrv_params {
	const char *driver;  /* name in the table */
	const char *target;  /* as written by the person; a size for null and ram */
	const char *options; /* "key=value,key=value", or NULL; drv_fault.c */
	bool readonly;
	bool direct;	      /* O_DIRECT wanted */
	uint32_t sector_size; /* logical block wanted, 0: the driver's choice */
	/* May open_files() open this, besides target? NULL: anything. */
	bool (*may_open)(const struct blkdrv_params *p, const char *path);
	void *may_open_arg;
	/* Opened by open_files() before privileges were dropped. A successful
	 * open() takes them over. */
	int fds[BLKDRV_MAX_FDS];
	int nfds;
};

/* What a device is. Sizes in bytes unless said. */
struct blkdrv_info {
	uint64_t size;
	uint32_t sector_size; /* logical block, 512 or 4096 */
	uint32_t physical_sector_size;
	bool readonly, cdrom, removable;
	bool flush, discard, discard_secure;
	uint32_t discard_granularity, discard_alignment;
	bool direct; /* O_DIRECT is in force */
	/* Wants blkdrv_queue memory registered. A queue clears it (__atomic)
	 * where that cannot be. */
	bool fixed;
};

struct blkdrv {			      /* first member of a driver's own struct */
	const struct blkdrv_ops *ops; /* set by who opens it */
	struct blkdrv_info info;
};

struct blkdrv_queue { /* first member of a driver's own struct */
	struct blkdrv *dev;
	struct worker *worker;
};

struct blkdrv_ops {
	const char *name;
	const char *summary; /* one line for --help */
	/* Optional (drivers without files): opens what `target` names into
	 * p->fds. Runs in the privileged opener, reads no data. -errno */
	int (*open_files)(struct blkdrv_params *p);
	/* Required. On error *why gets one line for the person (malloc'd):
	 * which file, what is wrong, what would be right. */
	int (*open)(const struct blkdrv_params *p, struct blkdrv **dev, char **why);
	void (*close)(struct blkdrv *dev); /* required; after all queues */
	/*
	 * Optional, both or none: another process is to have the device instead.
	 * let_go: what was written is on stable storage, and nobody is kept away any
	 * more. -errno, and it is held as before. Nothing is in flight, nor will it be
	 * until hold() has returned 0; -EBUSY: somebody has it. Any thread.
	 */
	int (*let_go)(struct blkdrv *dev);
	int (*hold)(struct blkdrv *dev);
	/* Optional: looks at the size again, updates dev->info. */
	int (*refresh)(struct blkdrv *dev);
	/* Required. */
	int (*queue_start)(struct blkdrv *dev, struct worker *w, struct blkdrv_queue **q);
	void (*queue_stop)(struct blkdrv_queue *q); /* nothing is in flight */
	/*
	 * Required: starts one I/O. 0: blkdrv_done() was or will be called,
	 * exactly once; queue_stop() is never called from within it. -EAGAIN: no room
	 * now; blkback keeps the I/O and tries again after the next completion. No other
	 * error: failures are results.
	 */
	int (*submit)(struct blkdrv_queue *q, struct blkdrv_io *io);
	/* Optional: sends what submit() gathered. Called once a round. */
	void (*kick)(struct blkdrv_queue *q);
	/* Optional: takes completions that do not come through the worker's
	 * io_uring. Returns how many. */
	int (*poll)(struct blkdrv_queue *q);
	/* Optional: before the worker sleeps; a completion must wake it through
	 * a worker_op. Nonzero: do not sleep, something has completed. */
	int (*arm)(struct blkdrv_queue *q);
	/* Optional: memory that I/O buffers lie in comes and goes (for
	 * registration). remove: nothing in flight uses it. */
	void (*mem_add)(struct blkdrv_queue *q, void *base, size_t len);
	void (*mem_remove)(struct blkdrv_queue *q, void *base, size_t len);
};

/* The driver of that name, or NULL. blkdrv_nth: for listings, NULL at the end. */
const struct blkdrv_ops *blkdrv_find(const char *name);
const struct blkdrv_ops *blkdrv_nth(unsigned i);

/* "512", "4K", "10M", "2G", "1T" (binary units) to bytes. -EINVAL, -ERANGE */
int blkdrv_parse_size(const char *s, uint64_t *bytes);
/* For *why. NULL if out of memory. */
char *blkdrv_why(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
