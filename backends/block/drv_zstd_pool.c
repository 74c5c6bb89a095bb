/* SPDX-License-Identifier: MIT */
/* What the zstd driver does on pool threads, and how it gets back to the worker. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/block/drv_zstd.h"

static struct zstd_seg *seg_of_task(struct ztask *task)
{
	return (struct zstd_seg *)((char *)task - offsetof(struct zstd_seg, task));
}

static struct zstd_seg *seg_of_wait(struct zwait *wait)
{
	return (struct zstd_seg *)((char *)wait - offsetof(struct zstd_seg, wait));
}

void zstd_iov_copy(const struct blkdrv_io *io, unsigned index, size_t skip,
		   const uint8_t *from, uint64_t len)
{
	while (len) {
		const struct iovec *v = &io->iov[index++];
		size_t n = v->iov_len - skip < len ? v->iov_len - skip : len;

		if (from) {
			memcpy((char *)v->iov_base + skip, from, n);
			from += n;
		} else {
			memset((char *)v->iov_base + skip, 0, n);
		}
		len -= n;
		skip = 0;
	}
}

void zstd_seg_post(struct zstd_seg *seg, int result)
{
	struct zstd_queue *q = seg->q;
	struct zstd_seg *head = atomic_load_explicit(&q->done, memory_order_relaxed);
	uint64_t one = 1;

	seg->result = result;
	atomic_fetch_add_explicit(&q->posting, 1, memory_order_relaxed);
	do
		seg->next = head;
	while (!atomic_compare_exchange_weak(&q->done, &head, seg));
	/* seq_cst here and in zstd_arm(): either we see that it is armed, or it
	 * sees what we pushed. Cannot fail: the counter is far from full. */
	if (atomic_exchange(&q->armed, false))
		(void)!write(q->evfd, &one, sizeof(one));
	/* release: pairs with zstd_queue_stop(), after which q is gone */
	atomic_fetch_sub_explicit(&q->posting, 1, memory_order_release);
}

void zstd_frame_came(struct zwait *wait, const uint8_t *data, int err)
{
	struct zstd_seg *seg = seg_of_wait(wait);

	if (data)
		zstd_iov_copy(seg->io, seg->iov_index, seg->iov_skip,
			      data + seg->in_frame, seg->len);
	zstd_seg_post(seg, err == -ENOMEM ? -ENOMEM : err ? -EIO : 0);
}

void zstd_flush_kick(struct zstd_dev *d, struct zstd_seg *seg)
{
	bool start;

	pthread_mutex_lock(&d->flush_lock);
	if (seg) {
		seg->next = d->flushes;
		d->flushes = seg;
	}
	start = !d->flushing;
	d->flushing = true;
	pthread_mutex_unlock(&d->flush_lock);
	if (start)
		zpool_submit(d->pool, &d->flush_task, ZPOOL_SOON);
}

void zstd_flush_run(struct ztask *task, struct zdec *dec)
{
	struct zstd_dev *d =
		(struct zstd_dev *)((char *)task - offsetof(struct zstd_dev, flush_task));
	struct zstd_seg *seg, *next;
	bool again;
	int err;

	(void)dec;
	pthread_mutex_lock(&d->flush_lock);
	seg = d->flushes;
	d->flushes = NULL;
	pthread_mutex_unlock(&d->flush_lock);
	err = overlay_flush(d->overlay);
	pthread_mutex_lock(&d->flush_lock);
	again = d->flushing = d->flushes != NULL;
	pthread_mutex_unlock(&d->flush_lock);
	if (again)
		zpool_submit(d->pool, &d->flush_task, ZPOOL_SOON);
	for (; seg; seg = next) {
		next = seg->next;
		zstd_seg_post(seg, err);
	}
}

void zstd_seg_change(struct ztask *task, struct zdec *dec)
{
	struct zstd_seg *seg = seg_of_task(task);
	struct zstd_dev *d = zstd_dev_of(seg->q);
	struct blkdrv_io *io = seg->io;
	int err;

	(void)dec;
	if (io->op == BLKDRV_WRITE)
		err = overlay_write(d->overlay, io->offset, io->len, io->iov, io->iovcnt);
	else
		err = overlay_discard(d->overlay, io->offset, io->len);
	if (overlay_wants_flush(d->overlay))
		zstd_flush_kick(d, NULL);
	zstd_seg_post(seg, err);
}

/* What io_uring would not read in one go. */
void zstd_seg_pread(struct ztask *task, struct zdec *dec)
{
	struct zstd_seg *seg = seg_of_task(task);
	const struct overlay *ov = zstd_dev_of(seg->q)->overlay;
	const struct iovec *v = &seg->io->iov[seg->iov_index];
	uint64_t at = overlay_data_off(ov) + seg->off, left = seg->len;
	size_t skip = seg->iov_skip;
	int err = 0;

	(void)dec;
	for (; left && !err; v++, skip = 0) {
		size_t n = v->iov_len - skip < left ? v->iov_len - skip : left;

		err = zimage_pread(overlay_fd(ov), (char *)v->iov_base + skip, n, at);
		at += n;
		left -= n;
	}
	zstd_seg_post(seg, err ? -EIO : 0);
}
