/* SPDX-License-Identifier: MIT */
/* Writing, discarding and flushing an overlay. */
#include "backends/block/zimage/overlay_int.h"

#include <errno.h>
#include <stdlib.h>

/* Pending extents that make a flush of its own accord worth while. */
#define LOG_MANY 16384u

int overlay_fd(const struct overlay *ov)
{
	return ov->fd;
}

uint64_t overlay_data_off(const struct overlay *ov)
{
	return ov->data_off;
}

bool overlay_can_discard(const struct overlay *ov)
{
	return ov->can_discard;
}

/* The data is in the file: the map may say so. Mostly it does already. */
static int mark_written(struct overlay *ov, uint64_t off, uint64_t len)
{
	bool present;

	if (overlay_run(ov, off, len, &present) == len && present)
		return 0;
	return map_change(ov, off / OVERLAY_SECTOR, len / OVERLAY_SECTOR, MAP_TO_PENDING);
}

int overlay_write(struct overlay *ov, uint64_t off, uint64_t len, const struct iovec *iov,
		  int iovcnt)
{
	int err = ov->io.write(ov->io.ctx, ov->fd, iov, iovcnt, ov->data_off + off);

	return err ? err : mark_written(ov, off, len);
}

int overlay_discard(struct overlay *ov, uint64_t off, uint64_t len)
{
	int err = ov->io.punch(ov->io.ctx, ov->fd, ov->data_off + off, len);

	return err ? err : mark_written(ov, off, len);
}

static int extent_cmp(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* PENDING -> SETTLED for what was synced; neighbours in one go. */
static int settle(struct overlay *ov, struct pending_log *log)
{
	size_t i, k;
	int err = 0;

	qsort(log->extent, log->count, sizeof(*log->extent), extent_cmp);
	for (i = 0; !err && i < log->count; i = k) {
		uint64_t first = log->extent[i].first;
		uint64_t end = first + log->extent[i].count;

		/* Within a map page a gap costs nothing: but what became PENDING
		 * in it since is not synced, so only true neighbours merge. */
		for (k = i + 1; k < log->count && log->extent[k].first <= end; k++)
			if (log->extent[k].first + log->extent[k].count > end)
				end = log->extent[k].first + log->extent[k].count;
		err = map_change(ov, first, end - first, MAP_TO_SETTLED);
	}
	return err;
}

int overlay_flush(struct overlay *ov)
{
	struct pending_log log;
	int err;

	pthread_mutex_lock(&ov->flush_lock);
	pthread_mutex_lock(&ov->log_lock);
	log = ov->log;
	ov->log = (struct pending_log){ 0 };
	atomic_store_explicit(&ov->log_count, 0, memory_order_relaxed);
	pthread_mutex_unlock(&ov->log_lock);
	err = ov->error;
	if (!err)
		err = ov->io.sync(ov->io.ctx, ov->fd);
	if (!err && log.count) {
		err = settle(ov, &log);
		if (!err)
			err = ov->io.sync(ov->io.ctx, ov->fd);
	}
	/* After a failed sync the kernel may have dropped what it could not
	 * write and report success next time. */
	ov->error = err;
	pthread_mutex_unlock(&ov->flush_lock);
	free(log.extent);
	return err;
}

bool overlay_wants_flush(const struct overlay *ov)
{
	return atomic_load_explicit(&ov->log_count, memory_order_relaxed) >= LOG_MANY;
}
