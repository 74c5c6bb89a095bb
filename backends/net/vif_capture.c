/* SPDX-License-Identifier: MIT */
/* A vif's capture: from the reader's keys (ringproto/capring.h) to its queues. */
#include <errno.h>
#include <sys/epoll.h>

#include "backends/net/vif.h"

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

static int capture_start(struct vif *v)
{
	struct capend_config cfg;
	int err = vif_capend_read(v, "capture", &cfg);

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
	int err = vif_capend_state(v, "capture", &state);

	if (err == -ENOENT)
		vif_capture_stop(v);
	if (err || state != CAPEND_WANTED)
		return;
	err = capture_start(v);
	vif_capend_answer(v, "capture", err ? CAPEND_CLOSED : CAPEND_RUNS);
}

void vif_capture_open(struct vif *v)
{
	vif_capend_open(v, "capture", vif_capture_key);
}
