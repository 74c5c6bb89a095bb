/* SPDX-License-Identifier: MIT */
/* Opening and closing a disk. */
#include "frontends/blkfront.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "frontends/vdev.h"

#define POOL_DEFAULT	     (16u << 20)
#define POLL_US_DEFAULT	     100
#define CONNECT_MS_DEFAULT   10000
#define RECONNECT_MS_DEFAULT 30000

static int set_abi(struct tandem_disk *d)
{
	/* said even so: a backend that is told nothing may take it for x86_32-abi, as
	 * Linux does */
	const char *abi = d->opts.abi ? d->opts.abi : XEN_IO_PROTO_ABI_X86_64;

	d->abi_key = strcmp(abi, "native") != 0;
	if (!d->abi_key)
		d->abi = BLKIF_ABI_NATIVE;
	else if (!strcmp(abi, XEN_IO_PROTO_ABI_X86_32))
		d->abi = BLKIF_ABI_X86_32;
	else if (!strcmp(abi, XEN_IO_PROTO_ABI_X86_64))
		d->abi = BLKIF_ABI_X86_64;
	else
		return xenbus_fail(&d->front.xb, -EINVAL,
				   "abi \"%s\" is none of native, x86_64-abi, x86_32-abi",
				   abi);
	return 0;
}

static int set_opts(struct tandem_disk *d, const struct tandem_opts *opts)
{
	struct tandem_opts *o = &d->opts;

	if (opts)
		*o = *opts;
	if (!o->pool_bytes)
		o->pool_bytes = POOL_DEFAULT;
	if (!o->poll_us)
		o->poll_us = POLL_US_DEFAULT;
	if (!o->connect_ms)
		o->connect_ms = CONNECT_MS_DEFAULT;
	if (!o->reconnect_ms)
		o->reconnect_ms = RECONNECT_MS_DEFAULT;
	if (!o->queues)
		o->queues = 1;
	if (o->queues > BLKFRONT_MAX_QUEUES)
		o->queues = BLKFRONT_MAX_QUEUES;
	if (!o->rings || o->rings > o->queues)
		o->rings = o->queues;
	if (o->rings > BLKFRONT_MAX_CHANNELS)
		o->rings = BLKFRONT_MAX_CHANNELS;
	d->front.connect_ms = o->connect_ms;
	d->front.reconnect_ms = o->reconnect_ms;
	return set_abi(d);
}

/* ------------------------------------------------------ channels and queues */

static uint64_t poll_ns(const struct tandem_disk *d)
{
	if (d->opts.poll_us == TANDEM_POLL_NEVER)
		return ADAPT_NEVER;
	if (d->opts.poll_us == TANDEM_POLL_ALWAYS)
		return ADAPT_ALWAYS;
	return d->opts.poll_us * UINT64_C(1000);
}

static void *calloc_aligned(size_t n, size_t size)
{
	size_t bytes = (n * size + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

static int make_channels(struct tandem_disk *d)
{
	d->max_channels = d->opts.rings;
	d->channels = calloc_aligned(d->max_channels, sizeof(*d->channels));
	if (!d->channels) {
		d->max_channels = 0;
		return -ENOMEM;
	}
	for (unsigned i = 0; i < d->max_channels; i++) {
		d->channels[i].disk = d;
		d->channels[i].index = i;
		d->channels[i].wait_tail = &d->channels[i].wait;
	}
	return 0;
}

static int make_queue(struct tandem_disk *d, unsigned i)
{
	struct tandem_queue *q = &d->queues[i];

	q->disk = d;
	q->index = i;
	q->done_tail = &q->done;
	q->epoll = -1;
	atomic_init(&q->ch, &d->channels[i % d->max_channels]);
	adapt_init(&q->adapt, poll_ns(d));
	q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return q->wake < 0 ? -errno : 0;
}

/* They live as long as the disk. */
static int make_queues(struct tandem_disk *d)
{
	int err;

	d->nr_queues = d->opts.queues;
	err = make_channels(d);
	if (!err) {
		d->queues = calloc_aligned(d->nr_queues + 1, sizeof(*d->queues));
		err = d->queues ? 0 : -ENOMEM;
	}
	for (; !err && d->nr_all <= d->nr_queues; d->nr_all += !err)
		err = make_queue(d, d->nr_all);
	if (err)
		xenbus_fail(&d->front.xb, err, "no memory or descriptors for %u queues",
			    d->nr_queues);
	return err;
}

static void free_queues(struct tandem_disk *d)
{
	for (unsigned i = 0; i < d->nr_all; i++) {
		close(d->queues[i].wake);
		if (d->queues[i].epoll >= 0)
			close(d->queues[i].epoll);
	}
	for (unsigned i = 0; i < d->max_channels; i++) {
		bounce_free(&d->channels[i]);
		free(d->channels[i].replay);
	}
	free(d->queues);
	free(d->channels);
}

/* --------------------------------------------------------------------- open */

/* d->front.plat is there: the rest. */
static int open_disk(struct tandem_disk *d, const char *vdev)
{
	uint32_t devid;
	int err;

	if (vdev_parse(vdev, &devid))
		return xenbus_fail(&d->front.xb, -EINVAL,
				   "\"%s\" is not a virtual disk, such as xvda", vdev);
	err = front_take(&d->front, devid, vdev);
	if (err)
		return err;
	pool_init(&d->pool, d->front.plat, d->front.xb.backend_id, d->opts.pool_bytes);
	return make_queues(d);
}

static void disk_free(struct tandem_disk *d)
{
	front_stop(&d->front);
	if (d->front.xb.plat) {
		front_goodbye(&d->front);
		disk_drop_rings(d);
		free_queues(d);
		pool_free(&d->pool);
	}
	front_close(&d->front);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->sync.lock);
	pthread_cond_destroy(&d->sync.done);
	free(d);
}

static struct tandem_disk *disk_new(void)
{
	struct tandem_disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->sync.lock, NULL);
	pthread_cond_init(&d->sync.done, NULL);
	return d;
}

/* plat NULL: opened from the name. */
static int disk_open(const char *name, struct plat *plat, bool start,
		     const struct tandem_opts *opts, struct tandem_disk **disk,
		     char **why)
{
	struct tandem_disk *d = disk_new();
	int err;

	*disk = NULL;
	if (why)
		*why = NULL;
	if (!d)
		return -ENOMEM;
	d->front.plat = plat;
	err = front_init(&d->front, &disk_front_ops);
	if (!err)
		err = set_opts(d, opts);
	if (!err && !plat)
		err = front_connect_as(&d->front, d->opts.platform, name,
				       "DOMAIN/VDEV, such as guest0/xvda", &name);
	if (!err)
		err = open_disk(d, name);
	if (!err && start)
		err = front_start(&d->front);
	if (!err) {
		*disk = d;
		return 0;
	}
	if (why)
		*why = strdup(d->front.xb.why[0] ? d->front.xb.why : strerror(-err));
	disk_free(d);
	return err;
}

int tandem_open(const char *name, const struct tandem_opts *opts,
		struct tandem_disk **disk, char **why)
{
	return disk_open(name, NULL, true, opts, disk, why);
}

int disk_open_plat(struct plat *plat, const char *vdev, const struct tandem_opts *opts,
		   struct tandem_disk **disk, char **why)
{
	return disk_open(vdev, plat, true, opts, disk, why);
}

int disk_prepare_plat(struct plat *plat, const char *vdev, const struct tandem_opts *opts,
		      struct tandem_disk **disk)
{
	return disk_open(vdev, plat, false, opts, disk, NULL);
}

/* Ends what the caller left in flight, as long as there is hope. */
static void drain_queue(struct tandem_queue *q, uint64_t end)
{
	struct tandem_io *done[32];

	while (tandem_inflight(q) && clock_ns() < end)
		tandem_wait(q, done, 1, 32, 100000);
}

void tandem_close(struct tandem_disk *d)
{
	uint64_t end;

	if (!d)
		return;
	end = clock_ns() + d->opts.reconnect_ms * UINT64_C(1000000);
	for (unsigned i = 0; i < d->nr_all; i++)
		drain_queue(&d->queues[i], end);
	disk_free(d);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void tandem_get_info(struct tandem_disk *d, struct tandem_info *info)
{
	uint64_t pauses[BLKFRONT_PAUSES];
	size_t n;

	pthread_mutex_lock(&d->lock);
	*info = d->info;
	memcpy(pauses, d->pauses, sizeof(pauses));
	pthread_mutex_unlock(&d->lock);
	n = info->reconnects < BLKFRONT_PAUSES ? info->reconnects : BLKFRONT_PAUSES;
	if (!n)
		return;
	qsort(pauses, n, sizeof(*pauses), by_value);
	info->median_pause_us = pauses[n / 2];
	info->max_pause_us = pauses[n - 1];
}

void *tandem_alloc(struct tandem_disk *d, size_t bytes)
{
	return pool_take(&d->pool, bytes);
}

void tandem_free(struct tandem_disk *d, void *p)
{
	pool_give(&d->pool, p);
}

struct tandem_queue *tandem_queue(struct tandem_disk *d, unsigned i)
{
	return i < d->nr_queues ? &d->queues[i] : NULL;
}
