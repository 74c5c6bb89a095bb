/* SPDX-License-Identifier: MIT */
/*
 * Drivers without a file: "ram" keeps the blocks in memory, "null" forgets
 * them (reads leave the guest's page as it is: whatever stands there is the
 * guest's own).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/block/drivers.h"

#define RAM_PAGE 4096u
#define RAM_LINE 64u

/*
 * The last I/O is held back until the next one comes or the round ends: what it
 * needs is fetched into the cache while the one before it is copied. Nearly
 * twice as fast where the blocks are not in the cache.
 */
struct ram_queue {
	struct blkdrv_queue q; /* first */
	struct blkdrv_io *held;
};

struct ram {
	struct blkdrv drv;
	uint8_t *mem; /* NULL: null driver */
};

static int ram_open_common(const struct blkdrv_params *p, bool keep, struct blkdrv **dev,
			   char **why)
{
	struct ram *ram;
	uint64_t size;

	if (blkdrv_parse_size(p->target, &size) || !size || size % RAM_PAGE) {
		*why = blkdrv_why("target=%s: want a size that is a multiple of 4K, "
				  "such as 1G",
				  p->target);
		return -EINVAL;
	}
	ram = calloc(1, sizeof(*ram));
	if (!ram)
		return -ENOMEM;
	if (keep) {
		ram->mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (ram->mem == MAP_FAILED) {
			*why = blkdrv_why("target=%s: no memory for that", p->target);
			free(ram);
			return -ENOMEM;
		}
		/* a wish only: fewer TLB misses */
		(void)madvise(ram->mem, size, MADV_HUGEPAGE);
	}
	ram->drv.ops = keep ? &drv_ram : &drv_null;
	ram->drv.info = (struct blkdrv_info){
		.size = size,
		.sector_size = p->sector_size ? p->sector_size : 512,
		.physical_sector_size = RAM_PAGE,
		.readonly = p->readonly,
		.flush = true,
		.discard = true,
		.discard_secure = keep,
		.discard_granularity = RAM_PAGE,
	};
	*dev = &ram->drv;
	return 0;
}

static int ram_open(const struct blkdrv_params *p, struct blkdrv **dev, char **why)
{
	return ram_open_common(p, true, dev, why);
}

static int null_open(const struct blkdrv_params *p, struct blkdrv **dev, char **why)
{
	return ram_open_common(p, false, dev, why);
}

static void ram_close(struct blkdrv *dev)
{
	struct ram *ram = (struct ram *)dev;

	if (ram->mem)
		munmap(ram->mem, dev->info.size);
	free(ram);
}

static int ram_queue_start(struct blkdrv *dev, struct worker *w, struct blkdrv_queue **q)
{
	struct ram_queue *rq = calloc(1, sizeof(*rq));

	if (!rq)
		return -ENOMEM;
	rq->q.dev = dev;
	rq->q.worker = w;
	*q = &rq->q;
	return 0;
}

static void ram_queue_stop(struct blkdrv_queue *q)
{
	free(q);
}

/* Whole pages go back to the system; the rest is cleared. */
static void ram_discard(uint8_t *p, uint64_t len)
{
	uint64_t head = (RAM_PAGE - (uintptr_t)p % RAM_PAGE) % RAM_PAGE;
	uint64_t body;

	if (head > len)
		head = len;
	body = (len - head) / RAM_PAGE * RAM_PAGE;
	memset(p, 0, head);
	if (body && madvise(p + head, body, MADV_DONTNEED))
		memset(p + head, 0, body);
	memset(p + head + body, 0, len - head - body);
}

static void ram_do(struct blkdrv_queue *q, struct blkdrv_io *io)
{
	uint8_t *p = ((struct ram *)q->dev)->mem + io->offset;

	switch (io->op) {
	case BLKDRV_READ:
		for (unsigned i = 0; i < io->iovcnt; p += io->iov[i++].iov_len)
			memcpy(io->iov[i].iov_base, p, io->iov[i].iov_len);
		break;
	case BLKDRV_WRITE:
		for (unsigned i = 0; i < io->iovcnt; p += io->iov[i++].iov_len)
			memcpy(p, io->iov[i].iov_base, io->iov[i].iov_len);
		break;
	case BLKDRV_DISCARD:
		ram_discard(p, io->len);
		break;
	case BLKDRV_FLUSH:
		break;
	}
	blkdrv_done(io, 0);
}

/* The first page: from there on the processor sees where it goes. */
static void ram_fetch(const struct ram *ram, const struct blkdrv_io *io)
{
	const uint8_t *p = ram->mem + io->offset;
	uint64_t len = io->len < RAM_PAGE ? io->len : RAM_PAGE;

	if (io->op == BLKDRV_READ)
		for (uint64_t at = 0; at < len; at += RAM_LINE)
			__builtin_prefetch(p + at, 0, 2);
	else if (io->op == BLKDRV_WRITE)
		for (uint64_t at = 0; at < len; at += RAM_LINE)
			__builtin_prefetch(p + at, 1, 2);
}

static void ram_kick(struct blkdrv_queue *q)
{
	struct ram_queue *rq = (struct ram_queue *)q;
	struct blkdrv_io *io;

	while ((io = rq->held)) {
		rq->held = NULL;
		ram_do(q, io); /* which may submit the next */
	}
}

static int ram_submit(struct blkdrv_queue *q, struct blkdrv_io *io)
{
	struct ram_queue *rq = (struct ram_queue *)q;
	struct blkdrv_io *before = rq->held;

	rq->held = io;
	ram_fetch((struct ram *)q->dev, io);
	if (before)
		ram_do(q, before);
	return 0;
}

static int ram_arm(struct blkdrv_queue *q)
{
	bool some = ((struct ram_queue *)q)->held;

	ram_kick(q);
	return some;
}

static int null_submit(struct blkdrv_queue *q, struct blkdrv_io *io)
{
	(void)q;
	blkdrv_done(io, 0);
	return 0;
}

const struct blkdrv_ops drv_ram = {
	.name = "ram",
	.summary = "blocks in memory; target is a size",
	.open = ram_open,
	.close = ram_close,
	.queue_start = ram_queue_start,
	.queue_stop = ram_queue_stop,
	.submit = ram_submit,
	.kick = ram_kick,
	.arm = ram_arm,
};

const struct blkdrv_ops drv_null = {
	.name = "null",
	.summary = "no blocks at all, for measuring the path; target is a size",
	.open = null_open,
	.close = ram_close,
	.queue_start = ram_queue_start,
	.queue_stop = ram_queue_stop,
	.submit = null_submit,
};
