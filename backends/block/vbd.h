/* SPDX-License-Identifier: MIT */
/*
 * A virtual disk between its xenbus states and its queues. Control thread
 * only. vbd.c decides, vbd_keys.c reads and writes xenstore.
 */
#ifndef TANDEM_BACKENDS_BLOCK_VBD_H
#define TANDEM_BACKENDS_BLOCK_VBD_H

#include "backends/block/blkback.h"
#include "backends/block/blkq.h"
#include "backends/xenbus.h"

#define VBD_MAX_QUEUES 64u

struct vbd;

/* The context of a queue's callbacks, which run on its worker. */
struct vbd_queue {
	struct vbd *vbd;
	struct blkq *q;
	bool running;		      /* started and not yet stopped */
	_Atomic bool broken, stopped; /* set by the worker, taken by vbd_wake() */
	_Atomic int err;
};

struct vbd {
	struct xenbus_device dev; /* first */
	struct blkback *bb;
	struct blkdrv *drv;
	struct blkthrottle *throttle;
	uint32_t nr_queues, running;
	struct vbd_queue queue[VBD_MAX_QUEUES];
	uint32_t first_worker;
	bool open_failed; /* said so; waits to be removed */
	bool broken;	  /* the frontend broke the protocol: until it starts anew */
	bool stopping;	  /* queues are draining */
	bool removed;	  /* free when nothing runs */
	bool detaching;	  /* the toolstack wants it gone */
};

/* blkback.c, for the vbds */
const struct blkback_config *blkback_cfg(const struct blkback *bb);
struct blkworker *blkback_worker(struct blkback *bb, uint32_t i);
uint32_t blkback_next_worker(struct blkback *bb);
bool blkback_closing(const struct blkback *bb);
/* A worker has news of one of the queues: vbd_wake() on the control thread. */
void blkback_kick(struct blkback *bb);

/* vbd.c */
extern const struct xenbus_driver vbd_driver;
/* Looks at what the workers said, then at the states. May free the vbd. */
void vbd_wake(struct vbd *vbd);
void vbd_update(struct vbd *vbd);
/* Drops everything now; the workers are still there. */
void vbd_destroy(struct vbd *vbd);

/* vbd_keys.c */
int vbd_read_params(struct vbd *vbd, struct blkdrv_params *p, char **strings);
int vbd_read_throttle(struct vbd *vbd);
/* Limits and features, before InitWait. */
int vbd_publish_limits(struct vbd *vbd);
/* The disk's properties, in one transaction, before Connected. */
int vbd_publish_properties(struct vbd *vbd);
/* What the frontend published: cfg[0..*n). Says what is wrong by xenbus_error(). */
int vbd_read_frontend(struct vbd *vbd, struct blkq_config *cfg, uint32_t *n);
int vbd_publish_size(struct vbd *vbd);
int vbd_publish_stats(struct vbd *vbd);

#endif
