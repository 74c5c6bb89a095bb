/* SPDX-License-Identifier: MIT */
/*
 * A virtual interface: what is its own of a device (backends/device.h). Control
 * thread only. vif.c opens and connects, vif_keys.c reads and writes xenstore.
 */
#ifndef TANDEM_BACKENDS_NET_VIF_H
#define TANDEM_BACKENDS_NET_VIF_H

#include "backends/device.h"
#include "backends/net/netback.h"
#include "backends/net/netcap.h"
#include "backends/net/netctrl.h"
#include "backends/net/netguard.h"
#include "backends/net/netq.h"
#include "backends/net/netreplay.h"

struct vif {
	struct device dev; /* first */
	struct netdrv *port;
	uint16_t vlan; /* of a port that netvlan.h is around; 0: there is none */
	struct netguard guard;
	struct throttle *throttle;
	char made[NETDRV_NAME_MAX]; /* the interface that opening made, or "" */
	bool carrier;		    /* as published */
	struct netcap *cap;	    /* NULL: nobody captures */
	struct evsource *cap_source;
	struct netreplay *replay; /* NULL: nobody replays */
	/* Of this connection. */
	struct netdrv_caps guest;
	bool sg;
	bool ctrl; /* a control ring, with these: */
	grant_ref_t ctrl_ref;
	evtchn_port_t ctrl_port;
	struct netctrl *netctrl;
	struct netinbox *inbox[NETBACK_MAX_QUEUES]; /* if it has more than one queue */
	struct netq_config queue[NETBACK_MAX_QUEUES];
};

static inline const struct netback_config *vif_config(const struct vif *v)
{
	return backend_arg(v->dev.be);
}

/* vif_keys.c */

/* What the toolstack asked for. Strings are freed by vif_free_params(). */
int vif_read_params(struct vif *v, struct netdrv_params *p);
void vif_free_params(struct netdrv_params *p);
/* Addresses and the rate limit. */
int vif_read_policy(struct vif *v);
int vif_read_rate(struct vif *v);
/* Features and limits, before InitWait. */
int vif_publish_features(struct vif *v);
/* What the frontend published, into queue[0..*n) and the rest. Says what is
 * wrong by xenbus_error(). */
int vif_read_frontend(struct vif *v, uint32_t *n);
/* request-multicast-control, also while connected. */
int vif_read_multicast(struct vif *v);
/* Is the link up? As long as the guest takes what comes. */
int vif_publish_carrier(struct vif *v, bool up);
int vif_publish_stats(struct vif *v);

/* vif_capend.c: the keys of a capture or a replay, below `dir` */

/* The ring and whose it is. -EINVAL */
int vif_capend_read(struct vif *v, const char *dir, struct capend_config *cfg);
/* What the peer asked for, CAPEND_*. -ENOENT: nobody is there; -EINVAL */
int vif_capend_state(struct vif *v, const char *dir, uint64_t *state);
void vif_capend_answer(struct vif *v, const char *dir, unsigned state);
/* The vif was opened: calls key() for what is asked for, and ends what was
 * going on with a backend that died before us: its peer asks again. */
void vif_capend_open(struct vif *v, const char *dir, void (*key)(struct vif *v));

/* vif_capture.c */

/* A key below "capture" has changed. */
void vif_capture_key(struct vif *v);
/* The vif was opened: what is there of a capture. */
void vif_capture_open(struct vif *v);
void vif_capture_stop(struct vif *v);

/* vif_replay.c: as those of the capture. */

void vif_replay_key(struct vif *v);
void vif_replay_open(struct vif *v);
void vif_replay_stop(struct vif *v);
/* Queue 0 has started. */
void vif_replay_queue(struct vif *v, struct netq *q);

#endif
