/* SPDX-License-Identifier: MIT */
/*
 * What a virtual device does next.
 *
 * device_update() compares what is (queues, files) with what the states ask for
 * and takes one step; whatever happens (a state change, a queue that stopped, a
 * frontend that broke the protocol) only ends in another call of it. So a
 * frontend that flips its state quickly is served in the order that is safe,
 * not in the order of its writes.
 */
#include "backends/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/base/cleanup.h"
#include "hv/base/log.h"

static const struct device_driver *ops(const struct device *d)
{
	return backend_driver(d->be);
}

/* ------------------------------------------------------------------- keys */

int device_bad_key(struct device *d, const char *key, const char *want)
{
	cleanup_free char *value = xenbus_fe_get(&d->xb, key);

	xenbus_error(&d->xb, "%s/%s=%.64s: want %s", d->xb.fe_path, key,
		     value ? value : "(missing)", want);
	return -EINVAL;
}

/* ----------------------------------------------------------------- queues */

void device_queue_broken(struct device_queue *dq, int err)
{
	atomic_store(&dq->err, err);
	atomic_store(&dq->broken, true);
	backend_kick(dq->dev->be);
}

void device_queue_stopped(struct device_queue *dq)
{
	struct backend *be = dq->dev->be;

	/* the last use of *dq here: the control thread frees it then */
	atomic_store(&dq->stopped, true);
	backend_kick(be);
}

void device_broken(struct device *d, const char *what, int err)
{
	if (!d->broken && err == -EPIPE)
		log_info("%s: %s: the frontend is gone", d->xb.path, what);
	else if (!d->broken)
		xenbus_error(&d->xb, "%s: the frontend broke the protocol (%s)", what,
			     strerror(-err));
	d->broken = true;
	backend_kick(d->be);
}

static void device_free_queues(struct device *d)
{
	for (uint32_t i = 0; i < d->nr_queues; i++)
		ops(d)->queue_free(d->queue[i].q);
	memset(d->queue, 0, sizeof(d->queue));
	d->nr_queues = 0;
	d->stopping = false;
	if (ops(d)->disconnected)
		ops(d)->disconnected(d);
}

static void device_stop_queues(struct device *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	for (uint32_t i = 0; i < d->nr_queues; i++)
		if (d->queue[i].running)
			ops(d)->queue_stop(d->queue[i].q);
}

static int device_start_queue(struct device *d, uint32_t i)
{
	struct device_queue *dq = &d->queue[i];
	int err;

	dq->dev = d;
	err = ops(d)->queue_start(d, i, dq, backend_worker(d->be, d->first_worker + i));
	if (err) {
		xenbus_error(&d->xb, "queue %u: %s: %s", i,
			     dq->q ? "driver" : "cannot map its ring or channel",
			     strerror(-err));
		return err;
	}
	dq->running = true;
	d->running++;
	return 0;
}

static void device_connect(struct device *d)
{
	uint32_t n = 0;
	int err = ops(d)->connect(d, &n);

	if (err == -ENOTCONN) {
		device_free_queues(d);
		return;
	}
	for (uint32_t i = 0; !err && i < n; i++) {
		d->nr_queues = i + 1;
		err = device_start_queue(d, i);
	}
	if (!err) {
		(void)xenbus_switch(&d->xb, XenbusStateConnected);
		log_info("%s: connected, %u queue(s)", d->xb.path, n);
		return;
	}
	d->broken = true;
	if (d->running) {
		device_stop_queues(d);
		return;
	}
	device_free_queues(d);
	(void)xenbus_switch(&d->xb, XenbusStateClosed);
}

/* Takes what the workers said. */
static void device_collect(struct device *d)
{
	for (uint32_t i = 0; i < d->nr_queues; i++) {
		struct device_queue *dq = &d->queue[i];

		if (atomic_exchange(&dq->broken, false)) {
			char what[24];

			snprintf(what, sizeof(what), "queue %u", i);
			device_broken(d, what, atomic_load(&dq->err));
		}
		if (dq->running && atomic_load(&dq->stopped)) {
			dq->running = false;
			d->running--;
		}
	}
	if (d->nr_queues && !d->running)
		device_free_queues(d);
}

/* ----------------------------------------------------------------- states */

/* Opens what the toolstack named; an error is told and stays. */
static void device_open(struct device *d)
{
	if (!ops(d)->open(d))
		return;
	d->open_failed = true;
	ops(d)->close(d);
	(void)xenbus_switch(&d->xb, XenbusStateClosing);
	(void)xenbus_switch(&d->xb, XenbusStateClosed);
}

static void device_free(struct device *d)
{
	ops(d)->close(d);
	xenbus_device_free(&d->xb);
	free(d);
}

static bool device_fe_wants_rings(const struct device *d)
{
	return d->xb.fe_state == XenbusStateInitialised ||
	       d->xb.fe_state == XenbusStateConnected;
}

/* Closing for good or for now: true if there is nothing else to decide. */
static bool device_update_closing(struct device *d)
{
	bool fe_open = device_fe_wants_rings(d);

	if (!d->detaching && !backend_closing(d->be))
		return false;
	/* the frontend is asked first, and served meanwhile */
	if (d->nr_queues && fe_open && !d->broken && !backend_closing(d->be)) {
		(void)xenbus_switch(&d->xb, XenbusStateClosing);
		return true;
	}
	if (d->nr_queues) {
		device_stop_queues(d);
		return true;
	}
	/* closed means closed: the toolstack may use what was open at once */
	ops(d)->close(d);
	(void)xenbus_switch(&d->xb, XenbusStateClosed);
	return true;
}

/* No queue runs: which way on? */
static void device_update_idle(struct device *d)
{
	struct xenbus_device *x = &d->xb;

	switch (x->fe_state) {
	case XenbusStateInitialising:
		/* a frontend that starts, or starts anew */
		d->broken = false;
		if (x->state >= XenbusStateInitialised && x->state != XenbusStateClosed)
			(void)xenbus_switch(x, XenbusStateClosed);
		(void)xenbus_switch(x, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		if (d->broken)
			(void)xenbus_switch(x, XenbusStateClosed);
		else if (x->state == XenbusStateInitWait ||
			 x->state == XenbusStateInitialised)
			device_connect(d);
		break;
	case XenbusStateClosed:
		/* also one that never connected; it starts anew by Initialising */
		if (x->state >= XenbusStateInitWait)
			(void)xenbus_switch(x, XenbusStateClosed);
		break;
	case XenbusStateClosing:
	case XenbusStateUnknown:
		if (x->state > XenbusStateInitWait)
			(void)xenbus_switch(x, XenbusStateClosed);
		break;
	default:
		break;
	}
}

static void device_update(struct device *d)
{
	if (d->xb.state == XenbusStateClosing && !d->xb.online)
		d->detaching = true;
	if (d->removed) {
		if (d->nr_queues)
			device_stop_queues(d);
		else
			device_free(d);
		return;
	}
	if (device_update_closing(d) || d->open_failed)
		return;
	if (!d->nr_queues)
		device_update_idle(d);
	else if (d->broken || !device_fe_wants_rings(d))
		device_stop_queues(d);
	else if (ops(d)->update)
		ops(d)->update(d);
}

void device_wake(struct device *d)
{
	if (ops(d)->wake)
		ops(d)->wake(d);
	device_collect(d);
	device_update(d);
}

void device_destroy(struct device *d)
{
	device_stop_queues(d);
	while (d->running) {
		/* the workers answer what the drivers still have in hand */
		usleep(100);
		device_collect(d);
	}
	device_free(d);
}

/* -------------------------------------------------------- xenbus callbacks */

static struct xenbus_device *device_probe(void *arg)
{
	struct backend *be = arg;
	struct device *d = calloc(1, backend_driver(be)->size);

	if (!d)
		return NULL;
	d->be = be;
	return &d->xb;
}

static void device_start(struct xenbus_device *xb)
{
	struct device *d = (struct device *)xb;

	log_info("%s: new", xb->path);
	d->first_worker = backend_next_worker(d->be);
	if (xb->state == XenbusStateClosing && !xb->online) {
		device_update(d);
		return;
	}
	/* a predecessor died: whoever was connected to it has to start anew */
	if (xb->state != XenbusStateInitialising && xb->state != XenbusStateUnknown)
		(void)xenbus_switch(xb, XenbusStateClosed);
	device_open(d);
	device_update(d);
}

static void device_updated(struct xenbus_device *xb)
{
	device_update((struct device *)xb);
}

static void device_keyed(struct xenbus_device *xb, const char *name)
{
	struct device *d = (struct device *)xb;

	ops(d)->key(d, name);
}

static void device_removed(struct xenbus_device *xb)
{
	struct device *d = (struct device *)xb;

	d->removed = true;
	device_update(d);
}

const struct xenbus_driver device_xenbus_driver = {
	.probe = device_probe,
	.start = device_start,
	.update = device_updated,
	.key = device_keyed,
	.removed = device_removed,
};
