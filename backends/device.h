/* SPDX-License-Identifier: MIT */
/*
 * A virtual device between its xenbus states and its queues: what every kind
 * has in common. Control thread only.
 *
 * A kind of device is a table of operations. device.c decides when they are
 * called, from the states and from what the workers said.
 */
#ifndef TANDEM_BACKENDS_DEVICE_H
#define TANDEM_BACKENDS_DEVICE_H

#include <jansson.h>

#include "backends/backend.h"

#define DEVICE_MAX_QUEUES 64u

struct device;

/* What a queue tells, from its worker's thread. */
struct device_queue {
	struct device *dev;
	void *q;		      /* the kind's own */
	bool running;		      /* started and not yet stopped */
	_Atomic bool broken, stopped; /* set by the worker, taken by device_wake() */
	_Atomic int err;
};
/* The frontend broke the protocol: at most once. */
void device_queue_broken(struct device_queue *dq, int err);
/* The same from the control thread, of something that is not a queue. */
void device_broken(struct device *d, const char *what, int err);
/* After queue_stop(), the last call. */
void device_queue_stopped(struct device_queue *dq);

struct device {			 /* first member of a kind's own struct */
	struct xenbus_device xb; /* first */
	struct backend *be;
	uint32_t nr_queues, running;
	struct device_queue queue[DEVICE_MAX_QUEUES];
	uint32_t first_worker;
	bool open_failed; /* said so; waits to be removed */
	bool broken;	  /* the frontend broke the protocol: until it starts anew */
	bool stopping;	  /* queues are draining */
	bool removed;	  /* free when nothing runs */
	bool detaching;	  /* the toolstack wants it gone */
};

struct device_driver {
	const char *type;   /* in xenstore: "vbd", "vif" */
	const char *fe_key; /* as struct xenbus_driver's */
	size_t size;	    /* of the kind's struct */
	/* All required but for the last five. Errors are told by xenbus_error(). */

	/* Opens what the toolstack named and publishes limits, before InitWait. */
	int (*open)(struct device *d);
	/* Undoes open(), also one that failed half way. */
	void (*close)(struct device *d);
	/* Reads what the frontend published and publishes what it waits for, before
	 * Connected; 1 <= *n <= DEVICE_MAX_QUEUES. */
	int (*connect)(struct device *d, uint32_t *n);
	/* Queue i of those, on that worker; dq->q is set also on error. */
	int (*queue_start)(struct device *d, uint32_t i, struct device_queue *dq,
			   struct worker *w);
	/* Takes no more requests; device_queue_stopped() follows. */
	void (*queue_stop)(void *q);
	void (*queue_free)(void *q); /* NULL is allowed */
	/* Another key of ours was written; name without the path. */
	void (*key)(struct device *d, const char *name);
	/* All of connect()'s queues are gone, or never came to be. */
	void (*disconnected)(struct device *d);
	/* The frontend changed something while connected. */
	void (*update)(struct device *d);
	/* A worker kicked; queues may have news for the kind. */
	void (*wake)(struct device *d);
	/* Of the backend as a whole: its workers run and it has no device, yet or any
	 * more. */
	int (*started)(struct backend *be);
	void (*ending)(struct backend *be);
};

/* Looks at what the workers said, then at the states. May free the device. */
void device_wake(struct device *d);
/* Drops everything now; the workers are still there. */
void device_destroy(struct device *d);

/* The sum of each of the n counters over the queues. NULL: out of memory. */
json_t *device_stats(struct device *d, const char *const *names, unsigned n,
		     uint64_t (*counter)(const void *q, unsigned c));
/* Publishes them in the key `stats`, and lets go of `stats`, which may be NULL. */
int device_publish_stats(struct device *d, json_t *stats);
/* Says which of the frontend's keys is wrong and what would be right. -EINVAL */
int device_bad_key(struct device *d, const char *key, const char *want);

/* For backend.c, which fills in type and arg. */
extern const struct xenbus_driver device_xenbus_driver;

#endif
