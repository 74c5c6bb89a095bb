/* SPDX-License-Identifier: MIT */
/* A vif's capture: from the reader's keys (ringproto/capring.h) to its queues. */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "backends/net/vif.h"
#include "hv/base/cleanup.h"

static void capture_set(struct vif *v, struct netcap *cap)
{
	for (uint32_t i = 0; i < v->dev.nr_queues; i++)
		if (v->dev.queue[i].q)
			netq_set_capture(v->dev.queue[i].q, cap);
}

void vif_capture_stop(struct vif *v)
{
	if (!v->cap)
		return;
	evloop_del(v->cap_source);
	capture_set(v, NULL);
	netcap_close(v->cap);
	v->cap = NULL;
}

/* The reader's end of the channel is gone, or only said something. */
static void capture_event(void *arg, uint32_t events)
{
	struct vif *v = arg;

	(void)events;
	if (netcap_gone(v->cap))
		vif_capture_stop(v);
}

int vif_read_capend(struct vif *v, const char *dir, struct capend_config *cfg)
{
	struct xenbus_device *x = &v->dev.xb;
	uint64_t domid, port, snaplen;
	char key[4][32];
	cleanup_free char *refs = NULL;

	snprintf(key[0], sizeof(key[0]), "%s/ring-refs", dir);
	snprintf(key[1], sizeof(key[1]), "%s/domid", dir);
	snprintf(key[2], sizeof(key[2]), "%s/event-channel", dir);
	snprintf(key[3], sizeof(key[3]), "%s/snaplen", dir);
	refs = xenbus_get(x, key[0]);
	if (!refs || capend_parse_refs(cfg, refs) ||
	    xenbus_get_num(x, key[1], DOMID_FIRST_RESERVED - 1, &domid) ||
	    xenbus_get_num(x, key[2], UINT32_MAX, &port) ||
	    xenbus_get_num(x, key[3], CAPRING_SNAPLEN_MAX, &snaplen))
		return -EINVAL;
	cfg->plat = xenbus_plat(x->bus);
	cfg->peer = (domid_t)domid;
	cfg->port = (evtchn_port_t)port;
	cfg->snaplen = (uint32_t)snaplen;
	return 0;
}

static int capture_start(struct vif *v)
{
	struct capend_config cfg;
	int err = vif_read_capend(v, "capture", &cfg);

	vif_capture_stop(v);
	if (!err)
		err = netcap_open(&cfg, &v->cap);
	if (err)
		return err;
	err = evloop_add(vif_config(v)->loop, netcap_fd(v->cap), EPOLLIN, capture_event,
			 v, &v->cap_source);
	if (err) {
		netcap_close(v->cap);
		v->cap = NULL;
		return err;
	}
	capture_set(v, v->cap);
	return 0;
}

void vif_capture_key(struct vif *v)
{
	uint64_t state;
	int err = xenbus_get_num(&v->dev.xb, "capture/state", CAPEND_CLOSED, &state);

	if (err == -ENOENT)
		vif_capture_stop(v);
	if (err || state != CAPEND_WANTED)
		return;
	err = capture_start(v);
	(void)xenbus_printf(&v->dev.xb, "capture/state", "%u",
			    err ? CAPEND_CLOSED : CAPEND_RUNS);
}

void vif_capture_open(struct vif *v)
{
	uint64_t state;

	if (xenbus_get_num(&v->dev.xb, "capture/state", CAPEND_CLOSED, &state))
		return;
	if (state == CAPEND_WANTED)
		vif_capture_key(v);
	else /* the reader of a backend that died before us asks again */
		(void)xenbus_printf(&v->dev.xb, "capture/state", "%u", CAPEND_CLOSED);
}
