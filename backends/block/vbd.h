/* SPDX-License-Identifier: MIT */
/*
 * A virtual disk: what is its own of a device (backends/device.h). Control
 * thread only. vbd.c opens and connects, vbd_keys.c reads and writes xenstore.
 */
#ifndef TANDEM_BACKENDS_BLOCK_VBD_H
#define TANDEM_BACKENDS_BLOCK_VBD_H

#include "backends/block/blkback.h"
#include "backends/block/blkq.h"
#include "backends/device.h"

struct vbd {
	struct device dev; /* first */
	struct blkdrv *drv;
	struct throttle *throttle;
	struct blkq_config queue[DEVICE_MAX_QUEUES]; /* of this connection */
};

static inline const struct blkback_config *vbd_config(const struct vbd *vbd)
{
	return backend_arg(vbd->dev.be);
}

/* vbd_keys.c */
int vbd_read_params(struct vbd *vbd, struct blkdrv_params *p, char **strings);
int vbd_read_throttle(struct vbd *vbd);
/* Limits and features, before InitWait. */
int vbd_publish_limits(struct vbd *vbd);
/* The disk's properties, in one transaction, before Connected. */
int vbd_publish_properties(struct vbd *vbd);
/* What the frontend published, into queue[0..*n). Says what is wrong by
 * xenbus_error(). */
int vbd_read_frontend(struct vbd *vbd, uint32_t *n);
int vbd_publish_size(struct vbd *vbd);
int vbd_publish_stats(struct vbd *vbd);

#endif
