/* SPDX-License-Identifier: MIT */
/*
 * The synchronous calls, on a queue of their own. Any number of threads may be
 * in one at a time: the one that leads waits on the queue and hands out what
 * completes, the others wait for it.
 */
#include <errno.h>

#include "frontends/blkfront.h"

#define SYNC_BATCH 32

static void sync_lead(struct sync *s, struct tandem_queue *q)
{
	struct tandem_io *done[SYNC_BATCH];
	int n;

	s->led = true;
	pthread_mutex_unlock(&s->lock);
	n = tandem_wait(q, done, 1, SYNC_BATCH, -1);
	pthread_mutex_lock(&s->lock);
	s->led = false;
	for (int i = 0; i < n; i++)
		*(bool *)done[i]->user = true;
	pthread_cond_broadcast(&s->done);
}

static int sync_io(struct tandem_disk *d, struct tandem_io *io)
{
	struct tandem_queue *q = &d->queues[d->nr_queues];
	struct sync *s = &d->sync;
	bool done = false;
	int err;

	io->user = &done;
	err = tandem_submit(q, io);
	if (err)
		return err;
	/* cannot fail in a way that matters: the I/O ends with the error */
	(void)tandem_kick(q);
	pthread_mutex_lock(&s->lock);
	while (!done) {
		if (s->led)
			pthread_cond_wait(&s->done, &s->lock);
		else
			sync_lead(s, q);
	}
	pthread_mutex_unlock(&s->lock);
	return io->result;
}

int tandem_pread(struct tandem_disk *d, void *buf, size_t len, uint64_t offset)
{
	struct tandem_io io = {
		.op = TANDEM_READ, .offset = offset, .len = len, .buf = buf
	};

	return sync_io(d, &io);
}

int tandem_pwrite(struct tandem_disk *d, const void *buf, size_t len, uint64_t offset)
{
	/* the library only reads from it */
	struct tandem_io io = { .op = TANDEM_WRITE,
				.offset = offset,
				.len = len,
				.buf = (void *)(uintptr_t)buf };

	return sync_io(d, &io);
}

int tandem_flush(struct tandem_disk *d)
{
	struct tandem_io io = { .op = TANDEM_FLUSH };

	return sync_io(d, &io);
}

int tandem_discard(struct tandem_disk *d, uint64_t offset, uint64_t len)
{
	struct tandem_io io = { .op = TANDEM_DISCARD, .offset = offset, .len = len };

	return sync_io(d, &io);
}
