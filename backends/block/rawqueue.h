/* SPDX-License-Identifier: MIT */
/*
 * A queue of a raw file: what the drivers "uring" and "aio" share of an I/O.
 *
 * A read or write goes out in pieces, nearly always one: more where the kernel
 * came back short, where there are more iovecs than IOV_MAX, or where memory
 * that O_DIRECT would refuse goes through a bounce buffer. Flush and discard go
 * through the worker's io_uring in both drivers.
 */
#ifndef TANDEM_BACKENDS_BLOCK_RAWQUEUE_H
#define TANDEM_BACKENDS_BLOCK_RAWQUEUE_H

#include "backends/block/blkdrv.h"
#include "backends/block/rawfile.h"
#include "backends/worker.h"

struct offload;
struct rawbounce;

struct rawqueue {
	struct blkdrv_queue q; /* first */
	struct rawfile *file;
	int file_index;		  /* registered with the worker; < 0: not */
	struct rawbounce *bounce; /* NULL: guest memory always fits */
	struct offload *offload;  /* NULL: no block device */
};

int rawqueue_init(struct rawqueue *rq, struct blkdrv *dev, struct worker *w);
void rawqueue_exit(struct rawqueue *rq);

/* SQE target: the registered file where there is one. */
static inline void rawqueue_sqe_file(const struct rawqueue *rq, struct io_uring_sqe *sqe)
{
	if (rq->file_index < 0) {
		sqe->fd = rq->file->fd;
		return;
	}
	sqe->fd = rq->file_index;
	sqe->flags |= IOSQE_FIXED_FILE;
}

/* How far one read or write is. Zero at first. */
struct rawxfer {
	uint64_t done;	 /* bytes finished */
	uint32_t asked;	 /* of the piece that is out */
	uint16_t pos;	 /* the first iovec that is not finished */
	uint8_t retries; /* without progress */
	uint8_t bounce;	 /* its bounce slot + 1; 0: none */
};

/* One operation to send: iovcnt iovecs at io->offset + x->done. They stay valid
 * until it is submitted. */
struct rawpiece {
	struct iovec *iov;
	unsigned iovcnt;
	struct iovec one;
};

/* The next piece. -EAGAIN: no bounce buffer is free; try after a completion. */
int rawxfer_next(struct rawqueue *rq, struct blkdrv_io *io, struct rawxfer *x,
		 struct rawpiece *piece);

/*
 * The piece came back with res (bytes or -errno). 1: send the next one, else
 * the I/O's result.
 */
int rawxfer_took_slow(struct rawqueue *rq, struct blkdrv_io *io, struct rawxfer *x,
		      int res);

static inline int rawxfer_took(struct rawqueue *rq, struct blkdrv_io *io,
			       struct rawxfer *x, int res)
{
	if (res > 0 && !x->bounce && x->done + (uint32_t)res == io->len)
		return 0;
	return rawxfer_took_slow(rq, io, x, res);
}

/* FLUSH and DISCARD, to the end; uses io->priv. */
void rawqueue_aux(struct rawqueue *rq, struct blkdrv_io *io);

#endif
