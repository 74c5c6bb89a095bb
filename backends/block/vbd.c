/* SPDX-License-Identifier: MIT */
/*
 * What a virtual disk does next.
 *
 * vbd_update() compares what is (queues, files) with what the states ask for
 * and takes one step; whatever happens (a state change, a queue that stopped, a
 * frontend that broke the protocol) only ends in another call of it. So a
 * frontend that flips its state quickly is served in the order that is safe,
 * not in the order of its writes.
 */
#include "backends/block/vbd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/block/blkthrottle.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"

/* ----------------------------------------------------------------- queues */

static void vbd_queue_broken(void *arg, int err)
{
	struct vbd_queue *vq = arg;

	atomic_store(&vq->err, err);
	atomic_store(&vq->broken, true);
	blkback_kick(vq->vbd->bb);
}

static void vbd_queue_stopped(void *arg)
{
	struct vbd_queue *vq = arg;
	struct blkback *bb = vq->vbd->bb;

	/* the last use of *vq here: the control thread frees it then */
	atomic_store(&vq->stopped, true);
	blkback_kick(bb);
}

static void vbd_free_queues(struct vbd *vbd)
{
	for (uint32_t i = 0; i < vbd->nr_queues; i++)
		blkq_free(vbd->queue[i].q);
	memset(vbd->queue, 0, sizeof(vbd->queue));
	vbd->nr_queues = 0;
	vbd->stopping = false;
}

static void vbd_stop_queues(struct vbd *vbd)
{
	if (vbd->stopping)
		return;
	vbd->stopping = true;
	for (uint32_t i = 0; i < vbd->nr_queues; i++)
		if (vbd->queue[i].running)
			blkq_stop(vbd->queue[i].q);
}

static int vbd_start_queue(struct vbd *vbd, struct vbd_queue *vq, struct blkq_config *cfg,
			   uint32_t i)
{
	int err;

	cfg->worker = blkback_worker(vbd->bb, vbd->first_worker + i);
	cfg->broken = vbd_queue_broken;
	cfg->stopped = vbd_queue_stopped;
	cfg->arg = vq;
	vq->vbd = vbd;
	err = blkq_new(cfg, &vq->q);
	if (!err)
		err = blkq_start(vq->q);
	if (err) {
		xenbus_error(&vbd->dev, "queue %u: %s: %s", i,
			     vq->q ? "driver" : "cannot map its ring or channel",
			     strerror(-err));
		return err;
	}
	vq->running = true;
	vbd->running++;
	return 0;
}

static void vbd_connect(struct vbd *vbd)
{
	struct blkq_config cfg[VBD_MAX_QUEUES];
	uint32_t n;
	int err = vbd_read_frontend(vbd, cfg, &n);

	if (!err)
		err = vbd_publish_properties(vbd);
	if (err == -ENOTCONN)
		return;
	for (uint32_t i = 0; !err && i < n; i++) {
		vbd->nr_queues = i + 1;
		err = vbd_start_queue(vbd, &vbd->queue[i], &cfg[i], i);
	}
	if (!err) {
		(void)xenbus_switch(&vbd->dev, XenbusStateConnected);
		log_info("%s: connected, %u queue(s)", vbd->dev.path, n);
		return;
	}
	vbd->broken = true;
	if (vbd->running) {
		vbd_stop_queues(vbd);
		return;
	}
	vbd_free_queues(vbd);
	(void)xenbus_switch(&vbd->dev, XenbusStateClosed);
}

/* Takes what the workers said. */
static void vbd_collect(struct vbd *vbd)
{
	for (uint32_t i = 0; i < vbd->nr_queues; i++) {
		struct vbd_queue *vq = &vbd->queue[i];

		if (atomic_exchange(&vq->broken, false) && !vbd->broken) {
			xenbus_error(&vbd->dev,
				     "queue %u: the frontend broke the protocol (%s)", i,
				     strerror(-atomic_load(&vq->err)));
			vbd->broken = true;
		}
		if (vq->running && atomic_load(&vq->stopped)) {
			vq->running = false;
			vbd->running--;
		}
	}
	if (vbd->nr_queues && !vbd->running)
		vbd_free_queues(vbd);
}

/* ------------------------------------------------------------------ files */

static void vbd_close_files(struct vbd *vbd)
{
	if (vbd->drv)
		vbd->drv->ops->close(vbd->drv);
	vbd->drv = NULL;
	blkthrottle_free(vbd->throttle);
	vbd->throttle = NULL;
}

static int vbd_open_driver(struct vbd *vbd, struct blkdrv_params *p)
{
	const struct blkback_config *c = blkback_cfg(vbd->bb);
	const struct blkdrv_ops *ops = blkdrv_find(p->driver);
	cleanup_free char *why = NULL;
	int err = 0;

	if (!ops) {
		xenbus_error(&vbd->dev, "driver=%s: no such driver", p->driver);
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
		xenbus_error(&vbd->dev, "%s", why ? why : strerror(-err));
	return err;
}

/* Opens what the toolstack named; an error is told and stays. */
static void vbd_open_files(struct vbd *vbd)
{
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
	if (!err)
		return;
	vbd->open_failed = true;
	vbd_close_files(vbd);
	(void)xenbus_switch(&vbd->dev, XenbusStateClosing);
	(void)xenbus_switch(&vbd->dev, XenbusStateClosed);
}

/* ----------------------------------------------------------------- states */

static void vbd_free(struct vbd *vbd)
{
	vbd_close_files(vbd);
	xenbus_device_free(&vbd->dev);
	free(vbd);
}

static bool vbd_fe_wants_rings(const struct vbd *vbd)
{
	return vbd->dev.fe_state == XenbusStateInitialised ||
	       vbd->dev.fe_state == XenbusStateConnected;
}

/* Closing for good or for now: true if there is nothing else to decide. */
static bool vbd_update_closing(struct vbd *vbd)
{
	struct xenbus_device *d = &vbd->dev;
	bool fe_open = vbd_fe_wants_rings(vbd);

	if (!vbd->detaching && !blkback_closing(vbd->bb))
		return false;
	/* the frontend is asked first, and has its I/O answered meanwhile */
	if (vbd->nr_queues && fe_open && !vbd->broken && !blkback_closing(vbd->bb)) {
		(void)xenbus_switch(d, XenbusStateClosing);
		return true;
	}
	if (vbd->nr_queues) {
		vbd_stop_queues(vbd);
		return true;
	}
	/* closed means closed: the toolstack may use the image at once */
	vbd_close_files(vbd);
	(void)xenbus_switch(d, XenbusStateClosed);
	return true;
}

/* No queue runs: which way on? */
static void vbd_update_idle(struct vbd *vbd)
{
	struct xenbus_device *d = &vbd->dev;

	switch (d->fe_state) {
	case XenbusStateInitialising:
		/* a frontend that starts, or starts anew */
		vbd->broken = false;
		if (d->state >= XenbusStateInitialised && d->state != XenbusStateClosed)
			(void)xenbus_switch(d, XenbusStateClosed);
		(void)xenbus_switch(d, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		if (vbd->broken)
			(void)xenbus_switch(d, XenbusStateClosed);
		else if (d->state == XenbusStateInitWait ||
			 d->state == XenbusStateInitialised)
			vbd_connect(vbd);
		break;
	case XenbusStateClosed:
		/* also one that never connected; it starts anew by Initialising */
		if (d->state >= XenbusStateInitWait)
			(void)xenbus_switch(d, XenbusStateClosed);
		break;
	case XenbusStateClosing:
	case XenbusStateUnknown:
		if (d->state > XenbusStateInitWait)
			(void)xenbus_switch(d, XenbusStateClosed);
		break;
	default:
		break;
	}
}

void vbd_update(struct vbd *vbd)
{
	struct xenbus_device *d = &vbd->dev;

	if (d->state == XenbusStateClosing && !d->online)
		vbd->detaching = true;
	if (vbd->removed) {
		if (vbd->nr_queues)
			vbd_stop_queues(vbd);
		else
			vbd_free(vbd);
		return;
	}
	if (vbd_update_closing(vbd) || vbd->open_failed)
		return;
	if (!vbd->nr_queues)
		vbd_update_idle(vbd);
	else if (vbd->broken || !vbd_fe_wants_rings(vbd))
		vbd_stop_queues(vbd);
}

void vbd_wake(struct vbd *vbd)
{
	vbd_collect(vbd);
	vbd_update(vbd);
}

void vbd_destroy(struct vbd *vbd)
{
	vbd_stop_queues(vbd);
	while (vbd->running) {
		/* the workers answer what the drivers still have in hand */
		usleep(100);
		vbd_collect(vbd);
	}
	vbd_free(vbd);
}

/* -------------------------------------------------------- xenbus callbacks */

static struct xenbus_device *vbd_probe(void *arg)
{
	struct vbd *vbd = calloc(1, sizeof(*vbd));

	if (!vbd)
		return NULL;
	vbd->bb = arg;
	return &vbd->dev;
}

static void vbd_start(struct xenbus_device *dev)
{
	struct vbd *vbd = (struct vbd *)dev;

	log_info("%s: new", dev->path);
	vbd->first_worker = blkback_next_worker(vbd->bb);
	if (dev->state == XenbusStateClosing && !dev->online) {
		vbd_update(vbd);
		return;
	}
	/* a predecessor died: whoever was connected to it has to start anew */
	if (dev->state != XenbusStateInitialising && dev->state != XenbusStateUnknown)
		(void)xenbus_switch(dev, XenbusStateClosed);
	vbd_open_files(vbd);
	vbd_update(vbd);
}

static void vbd_updated(struct xenbus_device *dev)
{
	vbd_update((struct vbd *)dev);
}

static void vbd_resize(struct vbd *vbd)
{
	uint64_t old = vbd->drv->info.size;
	int err = vbd->drv->ops->refresh ? vbd->drv->ops->refresh(vbd->drv) : 0;

	if (err) {
		xenbus_error(&vbd->dev, "resize: %s", strerror(-err));
		return;
	}
	if (vbd->drv->info.size == old)
		return;
	for (uint32_t i = 0; i < vbd->nr_queues; i++)
		if (vbd->queue[i].running)
			blkq_resize(vbd->queue[i].q, vbd->drv->info.size);
	if (vbd->nr_queues)
		(void)vbd_publish_size(vbd);
}

static void vbd_key(struct xenbus_device *dev, const char *name)
{
	struct vbd *vbd = (struct vbd *)dev;

	if (!strcmp(name, "stats-request"))
		(void)vbd_publish_stats(vbd);
	else if (!strcmp(name, "resize-request") && vbd->drv)
		vbd_resize(vbd);
}

static void vbd_removed(struct xenbus_device *dev)
{
	struct vbd *vbd = (struct vbd *)dev;

	vbd->removed = true;
	vbd_update(vbd);
}

const struct xenbus_driver vbd_driver = {
	.type = "vbd",
	.probe = vbd_probe,
	.start = vbd_start,
	.update = vbd_updated,
	.key = vbd_key,
	.removed = vbd_removed,
};
