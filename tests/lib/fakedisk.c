/* SPDX-License-Identifier: MIT */
/* A disk for controllers' tests. */
#include "tests/lib/fakedisk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void submit(struct pcdisk *d, struct pcdisk_io *io)
{
	struct fakedisk *f = (struct fakedisk *)d;

	io->disk = d;
	io->result = pcdisk_check(d, &io->io);
	STAILQ_INSERT_TAIL(&f->queue, io, entry);
}

static const struct pcdisk_ops fake_ops = { .submit = submit };

struct fakedisk *fakedisk_open(uint64_t size)
{
	struct fakedisk *f = calloc(1, sizeof(*f));

	if (f)
		f->bytes = malloc(FAKEDISK_BYTES);
	if (!f || !f->bytes)
		abort();
	for (uint64_t at = 0; at < FAKEDISK_BYTES; at += 4) {
		const uint32_t n = (uint32_t)(at / 4);

		memcpy(f->bytes + at, &n, 4);
	}
	f->d.ops = &fake_ops;
	f->d.info = (struct blkdrv_info){ .size = size,
					  .sector_size = 512,
					  .physical_sector_size = 512,
					  .flush = true };
	STAILQ_INIT(&f->queue);
	return f;
}

void fakedisk_close(struct fakedisk *f)
{
	free(f->bytes);
	free(f);
}

static void move(struct fakedisk *f, const struct blkdrv_io *io)
{
	uint64_t at = io->offset % FAKEDISK_BYTES, sum = 0;

	f->last = io->offset;
	for (unsigned i = 0; i < io->iovcnt; i++) {
		uint8_t *p = io->iov[i].iov_base;

		sum += io->iov[i].iov_len;
		if (sum > io->len)
			break;
		for (size_t k = 0, n; k < io->iov[i].iov_len; k += n) {
			n = io->iov[i].iov_len - k;
			if (n > FAKEDISK_BYTES - at)
				n = FAKEDISK_BYTES - at;
			if (io->op == BLKDRV_READ)
				memcpy(p + k, f->bytes + at, n);
			else
				memcpy(f->bytes + at, p + k, n);
			at = (at + n) % FAKEDISK_BYTES;
		}
	}
	if (sum != io->len) {
		fprintf(stderr, "fakedisk: iovecs that do not add up\n");
		abort();
	}
}

bool fakedisk_step(struct fakedisk *f)
{
	struct pcdisk_io *io = STAILQ_FIRST(&f->queue);

	if (!io)
		return false;
	STAILQ_REMOVE_HEAD(&f->queue, entry);
	f->reads += io->io.op == BLKDRV_READ;
	f->writes += io->io.op == BLKDRV_WRITE;
	f->flushes += io->io.op == BLKDRV_FLUSH;
	if (!io->result && f->bad && io->io.op != BLKDRV_FLUSH &&
	    f->bad - io->io.offset / 512 < io->io.len / 512)
		io->result = -EIO;
	f->errors += io->result != 0;
	if (!io->result && io->io.op != BLKDRV_FLUSH)
		move(f, &io->io);
	io->done(io, io->result);
	return true;
}

unsigned fakedisk_run(struct fakedisk *f)
{
	unsigned n = 0;

	while (fakedisk_step(f))
		n++;
	return n;
}
