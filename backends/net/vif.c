/* SPDX-License-Identifier: MIT */
/* A virtual interface's port, its queues, and requests of the toolstack. */
#include "backends/net/vif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/netswitches.h"
#include "backends/net/netvlan.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"

#define VIF_INBOX_BYTES	  (1u << 20)
#define VIF_INBOX_PACKETS 256u

const struct netback_config netback_config_default = {
	.be = { .workers = 1, .poll_ns = 100000 },
	.max_queues = 8,
	.stall_ns = 60000000000ull,
};

static struct vif *vif_of(struct device *d)
{
	return (struct vif *)d;
}

/* ----------------------------------------------------------------- queues */

static void vif_queue_broken(void *arg, int err)
{
	device_queue_broken(arg, err);
}

static void vif_queue_stopped(void *arg)
{
	device_queue_stopped(arg);
}

static void vif_queue_news(void *arg)
{
	struct device_queue *dq = arg;

	backend_kick(dq->dev->be);
}

static int vif_queue_start(struct device *d, uint32_t i, struct device_queue *dq,
			   struct worker *w)
{
	struct netq_config *cfg = &vif_of(d)->queue[i];
	struct netq *q = NULL;
	int err;

	cfg->worker = w;
	cfg->broken = vif_queue_broken;
	cfg->stopped = vif_queue_stopped;
	cfg->news = vif_queue_news;
	cfg->arg = dq;
	err = netq_new(cfg, &q);
	dq->q = q;
	if (err)
		return err;
	netq_set_capture(q, vif_of(d)->cap);
	err = netq_start(q);
	if (!err && !i)
		vif_replay_queue(vif_of(d), q);
	return err;
}

static void vif_queue_stop(void *q)
{
	netq_stop(q);
}

static void vif_queue_free(void *q)
{
	netq_free(q);
}

/* ------------------------------------------------------------ control ring */

static void vif_hash_changed(void *arg, const struct nethash *h)
{
	struct vif *v = arg;

	for (uint32_t i = 0; i < v->dev.nr_queues; i++)
		if (v->dev.queue[i].q)
			netq_set_hash(v->dev.queue[i].q, h);
}

static void vif_grefs_changed(void *arg, const struct netgref *t)
{
	struct vif *v = arg;

	for (uint32_t i = 0; i < v->dev.nr_queues; i++)
		if (v->dev.queue[i].q)
			netq_set_grefs(v->dev.queue[i].q, t);
}

static void vif_ctrl_broken(void *arg, int err)
{
	struct vif *v = arg;

	device_broken(&v->dev, "control ring", err);
}

static const struct netctrl_client vif_ctrl_client = {
	.hash_changed = vif_hash_changed,
	.grefs_changed = vif_grefs_changed,
	.broken = vif_ctrl_broken,
};

/* What is there for several queues, or for the control ring, besides queues. */
static int vif_connect_ctrl(struct vif *v, uint32_t n)
{
	int err = 0;

	if (!v->ctrl)
		return 0;
	for (uint32_t i = 0; n > 1 && i < n && !err; i++)
		err = netinbox_new(&v->inbox[i], VIF_INBOX_BYTES, VIF_INBOX_PACKETS);
	for (uint32_t i = 0; n > 1 && i < n; i++)
		v->queue[i].inbox = v->inbox;
	if (!err)
		err = netctrl_new(xenbus_plat(v->dev.xb.bus), vif_config(v)->loop,
				  v->dev.xb.frontend, v->ctrl_ref, v->ctrl_port, n,
				  &vif_ctrl_client, v, &v->netctrl);
	if (err)
		xenbus_error(&v->dev.xb, "control ring: %s", strerror(-err));
	return err;
}

static int vif_connect(struct device *d, uint32_t *n)
{
	struct vif *v = vif_of(d);
	const struct netdrv_ops *ops = v->port->ops;
	int err = vif_read_frontend(v, n);

	if (err)
		return err;
	if (ops->set_guest)
		err = ops->set_guest(v->port, &v->guest);
	if (err)
		xenbus_error(&d->xb, "port %s: %s", ops->name, strerror(-err));
	return err ? err : vif_connect_ctrl(v, *n);
}

static void vif_disconnected(struct device *d)
{
	struct vif *v = vif_of(d);

	netctrl_free(v->netctrl);
	v->netctrl = NULL;
	for (uint32_t i = 0; i < NETBACK_MAX_QUEUES; i++) {
		netinbox_free(v->inbox[i]);
		v->inbox[i] = NULL;
	}
	netguard_reset(&v->guard);
}

/* ------------------------------------------------------------------- port */

static void vif_close(struct device *d)
{
	struct vif *v = vif_of(d);

	vif_capture_stop(v);
	vif_replay_stop(v);
	if (v->port)
		v->port->ops->close(v->port);
	v->port = NULL;
	throttle_free(v->throttle);
	v->throttle = NULL;
}

static int vif_open_port(struct vif *v, struct netdrv_params *p)
{
	const struct netback_config *c = vif_config(v);
	const struct netdrv_ops *ops = netdrv_find(p->driver);
	cleanup_free char *why = NULL;
	int err = 0;

	if (!ops) {
		xenbus_error(&v->dev.xb, "port-driver=%s: no such driver", p->driver);
		return -EINVAL;
	}
	if (ops->open_files)
		err = c->open_files(c->open_arg, p, &why);
	if (!err) {
		err = ops->open(p, &v->port, &why);
		if (!err)
			v->port->ops = ops;
		for (int i = 0; err && i < p->nfds; i++)
			close(p->fds[i]);
	}
	if (!err && v->vlan)
		err = netvlan_wrap(&v->port, v->vlan);
	if (err)
		xenbus_error(&v->dev.xb, "%s", why ? why : strerror(-err));
	else
		memcpy(v->made, p->made, sizeof(v->made));
	return err;
}

static int vif_open(struct device *d)
{
	struct vif *v = vif_of(d);
	struct netdrv_params p = { 0 };
	int err;

	netguard_init(&v->guard);
	err = vif_read_params(v, &p);
	if (!err)
		err = vif_read_policy(v);
	if (!err)
		err = vif_open_port(v, &p);
	if (!err)
		err = vif_publish_features(v);
	if (!err) {
		vif_capture_open(v);
		vif_replay_open(v);
	}
	vif_free_params(&p);
	return err;
}

/* --------------------------------------------------------------- requests */

/* The limit changes while packets flow: every queue lets go of the old one. */
static void vif_change_rate(struct vif *v)
{
	struct throttle *old = v->throttle;

	v->throttle = NULL;
	if (vif_read_rate(v)) {
		v->throttle = old;
		return;
	}
	for (uint32_t i = 0; i < v->dev.nr_queues; i++)
		if (v->dev.queue[i].running)
			netq_set_throttle(v->dev.queue[i].q, v->throttle);
	throttle_free(old);
}

static void vif_key(struct device *d, const char *name)
{
	struct vif *v = vif_of(d);

	if (!strcmp(name, "stats-request"))
		(void)vif_publish_stats(v);
	else if (!strcmp(name, "rate") && v->port)
		vif_change_rate(v);
	else if (!strncmp(name, "capture", strlen("capture")))
		vif_capture_key(v);
	else if (!strncmp(name, "replay", strlen("replay")))
		vif_replay_key(v);
}

static void vif_update(struct device *d)
{
	/* an odd value is told, and changes nothing */
	(void)vif_read_multicast(vif_of(d));
}

/* A guest that takes nothing for long is as if its cable were pulled. */
static void vif_wake(struct device *d)
{
	bool up = true;

	for (uint32_t i = 0; i < d->nr_queues; i++)
		if (d->queue[i].q && ((struct netq *)d->queue[i].q)->stalled)
			up = false;
	if (up != vif_of(d)->carrier && vif_of(d)->port)
		(void)vif_publish_carrier(vif_of(d), up);
}

static int vif_backend_started(struct backend *be)
{
	const struct netback_config *c = backend_arg(be);
	cleanup_free char *why = NULL;
	int err = netswitches_start(c->sw, be, &why);

	if (why)
		log_err("%s", why);
	return err;
}

static void vif_backend_ending(struct backend *be)
{
	struct netback_config *c = backend_arg(be);

	netswitches_free(c->sw);
	c->sw = NULL;
}

static const struct device_driver vif_driver = {
	.type = "vif",
	.fe_key = "request-multicast-control",
	.size = sizeof(struct vif),
	.open = vif_open,
	.close = vif_close,
	.connect = vif_connect,
	.queue_start = vif_queue_start,
	.queue_stop = vif_queue_stop,
	.queue_free = vif_queue_free,
	.key = vif_key,
	.disconnected = vif_disconnected,
	.update = vif_update,
	.wake = vif_wake,
	.started = vif_backend_started,
	.ending = vif_backend_ending,
};

int netback_new(struct plat *p, struct evloop *loop, struct netback_config *cfg,
		void (*lost)(void *arg), void *lost_arg, struct backend **be)
{
	cleanup_free char *why = NULL;
	int err;

	if (!cfg->max_queues || cfg->max_queues > NETBACK_MAX_QUEUES)
		return -EINVAL;
	cfg->loop = loop;
	err = netswitches_new(cfg, &cfg->sw, &why);
	if (err) {
		log_err("%s", why ? why : strerror(-err));
		return err;
	}
	err = backend_new(p, loop, &cfg->be, &vif_driver, cfg, lost, lost_arg, be);
	if (err) {
		log_err("cannot start: %s", strerror(-err));
		netswitches_free(cfg->sw);
		cfg->sw = NULL;
	}
	return err;
}
