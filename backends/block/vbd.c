/* SPDX-License-Identifier: MIT */
/* A virtual disk's files, its queues, and requests of the toolstack. */
#include "backends/block/vbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/throttle.h"
#include "hv/base/cleanup.h"

const struct blkback_config blkback_config_default = {
	.be = { .workers = 1, .poll_ns = 100000 },
	.max_queues = 16,
	.max_ring_order = BLKIF_MAX_RING_ORDER,
	.max_indirect = 256,
	.max_persistent = PGRANT_DEFAULT_MAX,
};

static struct vbd *vbd_of(struct device *d)
{
	return (struct vbd *)d;
}

/* ----------------------------------------------------------------- queues */

static void vbd_queue_broken(void *arg, int err)
{
	device_queue_broken(arg, err);
}

static void vbd_queue_stopped(void *arg)
{
	device_queue_stopped(arg);
}

static int vbd_queue_start(struct device *d, uint32_t i, struct device_queue *dq,
			   struct worker *w)
{
	struct blkq_config *cfg = &vbd_of(d)->queue[i];
	struct blkq *q = NULL;
	int err;

	cfg->worker = w;
	cfg->broken = vbd_queue_broken;
	cfg->stopped = vbd_queue_stopped;
	cfg->arg = dq;
	err = blkq_new(cfg, &q);
	dq->q = q;
	return err ? err : blkq_start(q);
}

static void vbd_queue_stop(void *q)
{
	blkq_stop(q);
}

static void vbd_queue_free(void *q)
{
	blkq_free(q);
}

static int vbd_connect(struct device *d, uint32_t *n)
{
	int err = vbd_read_frontend(vbd_of(d), n);

	return err ? err : vbd_publish_properties(vbd_of(d));
}

/* ------------------------------------------------------------------ files */

static void vbd_close(struct device *d)
{
	struct vbd *vbd = vbd_of(d);

	if (vbd->drv)
		vbd->drv->ops->close(vbd->drv);
	vbd->drv = NULL;
	throttle_free(vbd->throttle);
	vbd->throttle = NULL;
}

static int vbd_open_driver(struct vbd *vbd, struct blkdrv_params *p)
{
	const struct blkback_config *c = vbd_config(vbd);
	const struct blkdrv_ops *ops = blkdrv_find(p->driver);
	cleanup_free char *why = NULL;
	int err = 0;

	if (!ops) {
		xenbus_error(&vbd->dev.xb, "driver=%s: no such driver", p->driver);
		return -EINVAL;
	}
	if (ops->open_files)
		err = c->open_files(c->open_arg, p, &why);
	if (!err) {
		err = ops->open(p, &vbd->drv, &why);
		if (!err)
			vbd->drv->ops = ops;
		for (int i = 0; err && i < p->nfds; i++)
			close(p->fds[i]);
	}
	if (err)
		xenbus_error(&vbd->dev.xb, "%s", why ? why : strerror(-err));
	return err;
}

static int vbd_open(struct device *d)
{
	struct vbd *vbd = vbd_of(d);
	char *strings[3] = { NULL, NULL, NULL };
	struct blkdrv_params p;
	int err = vbd_read_params(vbd, &p, strings);

	if (!err)
		err = vbd_open_driver(vbd, &p);
	if (!err)
		err = vbd_read_throttle(vbd);
	if (!err)
		err = vbd_publish_limits(vbd);
	for (int i = 0; i < 3; i++)
		free(strings[i]);
	return err;
}

/* --------------------------------------------------------------- requests */

static void vbd_resize(struct vbd *vbd)
{
	uint64_t old = vbd->drv->info.size;
	int err = vbd->drv->ops->refresh ? vbd->drv->ops->refresh(vbd->drv) : 0;

	if (err) {
		xenbus_error(&vbd->dev.xb, "resize: %s", strerror(-err));
		return;
	}
	if (vbd->drv->info.size == old)
		return;
	for (uint32_t i = 0; i < vbd->dev.nr_queues; i++)
		if (vbd->dev.queue[i].running)
			blkq_resize(vbd->dev.queue[i].q, vbd->drv->info.size);
	if (vbd->dev.nr_queues)
		(void)vbd_publish_size(vbd);
}

static void vbd_key(struct device *d, const char *name)
{
	struct vbd *vbd = vbd_of(d);

	if (!strcmp(name, "stats-request"))
		(void)vbd_publish_stats(vbd);
	else if (!strcmp(name, "resize-request") && vbd->drv)
		vbd_resize(vbd);
}

static const struct device_driver vbd_driver = {
	.type = "vbd",
	.size = sizeof(struct vbd),
	.open = vbd_open,
	.close = vbd_close,
	.connect = vbd_connect,
	.queue_start = vbd_queue_start,
	.queue_stop = vbd_queue_stop,
	.queue_free = vbd_queue_free,
	.key = vbd_key,
};

int blkback_new(struct plat *p, struct evloop *loop, const struct blkback_config *cfg,
		void (*lost)(void *arg), void *lost_arg, struct backend **be)
{
	if (!cfg->max_queues || cfg->max_queues > DEVICE_MAX_QUEUES ||
	    cfg->max_ring_order > BLKIF_MAX_RING_ORDER ||
	    cfg->max_indirect > BLKIF_MAX_INDIRECT_SEGMENTS)
		return -EINVAL;
	return backend_new(p, loop, &cfg->be, &vbd_driver, (void *)(uintptr_t)cfg, lost,
			   lost_arg, be);
}
