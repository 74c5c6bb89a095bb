/* SPDX-License-Identifier: MIT */
/* Reads and writes in pieces, and the bounce buffers. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "backends/block/rawbounce.h"
#include "backends/block/rawqueue.h"

#define PIECE_MAX   (UINT32_C(1) << 30)
#define RETRIES_MAX 100

/* --------------------------------------------------------- bounce buffers */

struct rawbounce *rawbounce_new(uint32_t mem_align, uint32_t len_align)
{
	struct rawbounce *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	if (posix_memalign(&b->mem, 4096, BOUNCE_SLOTS * BOUNCE_SIZE)) {
		free(b);
		return NULL;
	}
	b->free = BOUNCE_ALL;
	b->mem_mask = mem_align - 1;
	b->len_mask = len_align - 1;
	return b;
}

void rawbounce_free(struct rawbounce *b)
{
	if (!b)
		return;
	free(b->mem);
	free(b);
}

static uint8_t *rawbounce_mem(const struct rawbounce *b, const struct rawxfer *x)
{
	return (uint8_t *)b->mem + (x->bounce - 1u) * BOUNCE_SIZE;
}

/* Does anything that is left of the I/O need one? Later pieces as well: it is
 * the first that can wait for a buffer, and those behind it take it over. */
static bool rawbounce_needed(const struct rawbounce *b, const struct blkdrv_io *io,
			     const struct rawxfer *x)
{
	uintptr_t base = 0, len = 0;

	for (unsigned i = x->pos; i < io->iovcnt; i++) {
		base |= (uintptr_t)io->iov[i].iov_base;
		len |= io->iov[i].iov_len;
	}
	return (base & b->mem_mask) || (len & b->len_mask);
}

/* Copies between a buffer and what is left of the I/O; nothing moves on. */
static void rawxfer_copy(const struct blkdrv_io *io, const struct rawxfer *x,
			 uint8_t *buf, size_t len, bool to_guest)
{
	const struct iovec *iov = &io->iov[x->pos];

	for (size_t n; len; iov++, buf += n, len -= n) {
		n = iov->iov_len < len ? iov->iov_len : len;
		if (to_guest)
			memcpy(iov->iov_base, buf, n);
		else
			memcpy(buf, iov->iov_base, n);
	}
}

static int rawbounce_take(struct rawbounce *b, struct blkdrv_io *io, struct rawxfer *x,
			  struct rawpiece *piece)
{
	uint64_t left = io->len - x->done;
	int slot = __builtin_ffs((int)b->free);

	if (!slot)
		return -EAGAIN;
	b->free &= ~(1u << (slot - 1));
	x->bounce = (uint8_t)slot;
	x->asked = left < BOUNCE_SIZE ? (uint32_t)left : BOUNCE_SIZE;
	piece->one.iov_base = rawbounce_mem(b, x);
	piece->one.iov_len = x->asked;
	piece->iov = &piece->one;
	piece->iovcnt = 1;
	if (io->op == BLKDRV_WRITE)
		rawxfer_copy(io, x, piece->one.iov_base, x->asked, false);
	return 0;
}

static void rawbounce_give(struct rawbounce *b, struct blkdrv_io *io, struct rawxfer *x,
			   int res)
{
	if (io->op == BLKDRV_READ && res > 0)
		rawxfer_copy(io, x, rawbounce_mem(b, x), (size_t)res, true);
	b->free |= 1u << (x->bounce - 1);
	x->bounce = 0;
}

/* ----------------------------------------------------------------- pieces */

int rawxfer_next(struct rawqueue *rq, struct blkdrv_io *io, struct rawxfer *x,
		 struct rawpiece *piece)
{
	unsigned left = io->iovcnt - x->pos, n = 0;
	uint64_t sum = 0;

	piece->iov = &io->iov[x->pos];
	if (left <= IOV_MAX && io->len - x->done <= PIECE_MAX) {
		n = left;
		sum = io->len - x->done;
	}
	for (; n < left && n < IOV_MAX; n++) {
		if (n && sum + piece->iov[n].iov_len > PIECE_MAX)
			break;
		sum += piece->iov[n].iov_len;
	}
	piece->iovcnt = n;
	if (sum > PIECE_MAX) { /* one vast iovec */
		sum = PIECE_MAX;
		piece->one = (struct iovec){ piece->iov->iov_base, PIECE_MAX };
		piece->iov = &piece->one;
	}
	x->asked = (uint32_t)sum;
	if (rq->bounce && rawbounce_needed(rq->bounce, io, x))
		return rawbounce_take(rq->bounce, io, x, piece);
	return 0;
}

static void rawxfer_advance(struct blkdrv_io *io, struct rawxfer *x, uint64_t n)
{
	x->done += n;
	while (n) {
		struct iovec *iov = &io->iov[x->pos];

		if (n < iov->iov_len) {
			iov->iov_base = (uint8_t *)iov->iov_base + n;
			iov->iov_len -= n;
			return;
		}
		n -= iov->iov_len;
		x->pos++;
	}
}

/* What lies behind the end of a file that somebody made shorter is zeroes. */
static void rawxfer_zero(struct blkdrv_io *io, const struct rawxfer *x)
{
	for (unsigned i = x->pos; i < io->iovcnt; i++)
		memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
}

int rawxfer_took_slow(struct rawqueue *rq, struct blkdrv_io *io, struct rawxfer *x,
		      int res)
{
	if (x->bounce)
		rawbounce_give(rq->bounce, io, x, res);
	if (res == -EINTR || res == -EAGAIN)
		return x->retries++ < RETRIES_MAX ? 1 : -EIO;
	if (res < 0)
		return res;
	if ((uint32_t)res > x->asked)
		return -EIO;
	x->retries = 0;
	rawxfer_advance(io, x, (uint64_t)res);
	if (x->done == io->len)
		return 0;
	/* nothing, or an end within a block: the file's end */
	if (!res || x->done % rq->q.dev->info.sector_size) {
		if (io->op == BLKDRV_READ && !rq->file->blockdev) {
			rawxfer_zero(io, x);
			return 0;
		}
		if (!res)
			return -EIO;
	}
	return 1;
}
