/* SPDX-License-Identifier: MIT */
/* blkback's control thread: its workers, its disks, and news from the former. */
#include "backends/block/blkback.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/block/vbd.h"

#define BLKBACK_MAX_WORKERS 64u

const struct blkback_config blkback_config_default = {
	.workers = 1,
	.poll_ns = 100000,
	.max_queues = 16,
	.max_ring_order = BLKIF_MAX_RING_ORDER,
	.max_indirect = 256,
	.max_persistent = PGRANT_DEFAULT_MAX,
};

struct blkback {
	struct blkback_config cfg;
	struct plat *plat;
	struct evloop *loop;
	struct xenbus *bus;
	struct blkworker *worker[BLKBACK_MAX_WORKERS];
	uint32_t nr_workers, next_worker;
	bool closing;
	int kick_fd;
	struct evsource *kick_source;
	void (*lost)(void *arg);
	void *lost_arg;
};

const struct blkback_config *blkback_cfg(const struct blkback *bb)
{
	return &bb->cfg;
}

struct blkworker *blkback_worker(struct blkback *bb, uint32_t i)
{
	return bb->worker[i % bb->nr_workers];
}

uint32_t blkback_next_worker(struct blkback *bb)
{
	return bb->next_worker++;
}

bool blkback_closing(const struct blkback *bb)
{
	return bb->closing;
}

void blkback_kick(struct blkback *bb)
{
	uint64_t one = 1;

	/* cannot fail: the counter is far from full */
	(void)!write(bb->kick_fd, &one, sizeof(one));
}

static void blkback_wake_all(struct blkback *bb)
{
	struct xenbus_device *d, *next;

	for (d = xenbus_first(bb->bus); d; d = next) {
		next = d->next;
		vbd_wake((struct vbd *)d);
	}
}

static void blkback_kicked(void *arg, uint32_t events)
{
	struct blkback *bb = arg;
	uint64_t n;

	(void)events;
	/* cannot fail in a way that matters: all disks are looked at anyway */
	(void)!read(bb->kick_fd, &n, sizeof(n));
	blkback_wake_all(bb);
}

static void blkback_lost(void *arg)
{
	struct blkback *bb = arg;

	bb->lost(bb->lost_arg);
}

static int blkback_make_workers(struct blkback *bb)
{
	int err;

	for (uint32_t i = 0; i < bb->cfg.workers; i++) {
		err = worker_new(&bb->worker[i], bb->cfg.poll_ns,
				 bb->cfg.pin ? (int)i : -1);
		if (err)
			return err;
		bb->nr_workers = i + 1;
	}
	return 0;
}

int blkback_start(struct blkback *bb)
{
	struct xenbus_driver drv = vbd_driver;
	int err;

	for (uint32_t i = 0; i < bb->nr_workers; i++) {
		err = worker_run(bb->worker[i]);
		if (err)
			return err;
	}
	drv.arg = bb;
	return xenbus_new(bb->plat, bb->loop, &drv, blkback_lost, &bb->bus);
}

int blkback_new(struct plat *p, struct evloop *loop, const struct blkback_config *cfg,
		void (*lost)(void *arg), void *lost_arg, struct blkback **out)
{
	struct blkback *bb = calloc(1, sizeof(*bb));
	int err;

	if (!bb)
		return -ENOMEM;
	bb->cfg = *cfg;
	bb->plat = p;
	bb->loop = loop;
	bb->lost = lost;
	bb->lost_arg = lost_arg;
	bb->kick_fd = -1;
	err = -EINVAL;
	if (!cfg->workers || cfg->workers > BLKBACK_MAX_WORKERS || !cfg->max_queues ||
	    cfg->max_queues > VBD_MAX_QUEUES ||
	    cfg->max_ring_order > BLKIF_MAX_RING_ORDER ||
	    cfg->max_indirect > BLKIF_MAX_INDIRECT_SEGMENTS)
		goto fail;
	bb->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = bb->kick_fd < 0 ? -errno : 0;
	if (!err)
		err = evloop_add(loop, bb->kick_fd, EPOLLIN, blkback_kicked, bb,
				 &bb->kick_source);
	if (!err)
		err = blkback_make_workers(bb);
	if (err)
		goto fail;
	*out = bb;
	return 0;
fail:
	blkback_free(bb);
	return err;
}

void blkback_poll(struct blkback *bb)
{
	xenbus_poll(bb->bus);
}

void blkback_shutdown(struct blkback *bb)
{
	bb->closing = true;
	blkback_wake_all(bb);
}

bool blkback_idle(const struct blkback *bb)
{
	for (struct xenbus_device *d = xenbus_first(bb->bus); d; d = d->next)
		if (((struct vbd *)d)->nr_queues)
			return false;
	return true;
}

void blkback_free(struct blkback *bb)
{
	struct xenbus_device *d;

	if (!bb)
		return;
	while (bb->bus && (d = xenbus_first(bb->bus)))
		vbd_destroy((struct vbd *)d);
	xenbus_free(bb->bus);
	for (uint32_t i = 0; i < bb->nr_workers; i++)
		worker_free(bb->worker[i]);
	if (bb->kick_source)
		evloop_del(bb->kick_source);
	if (bb->kick_fd >= 0)
		close(bb->kick_fd);
	free(bb);
}
