/* SPDX-License-Identifier: MIT */
/* A vif's replay: from the writer's keys (ringproto/capring.h) to queue 0. */
#include <errno.h>
#include <string.h>

#include "backends/net/vif.h"
#include "hv/base/log.h"

#define VLAN_TAG 4u

static void replay_answer(struct vif *v, unsigned state)
{
	vif_capend_answer(v, "replay", state);
}

static void replay_refuse(struct vif *v, const char *why)
{
	log_warn("%s: replay: %s", v->dev.xb.path, why);
	(void)xenbus_printf(&v->dev.xb, "replay/error", "%s", why);
	replay_answer(v, CAPEND_CLOSED);
}

void vif_replay_queue(struct vif *v, struct netq *q)
{
	if (!v->replay || !netq_set_replay(q, netreplay_inbox(v->replay)))
		return;
	vif_replay_stop(v);
	replay_refuse(v, strerror(ENOMEM));
}

void vif_replay_stop(struct vif *v)
{
	if (!v->replay)
		return;
	if (v->dev.queue[0].q)
		/* cannot fail: it takes something away */
		(void)netq_set_replay(v->dev.queue[0].q, NULL);
	netreplay_close(v->replay);
	v->replay = NULL;
}

static void replay_ended(void *arg, int err)
{
	struct vif *v = arg;

	vif_replay_stop(v);
	if (!err)
		replay_answer(v, CAPEND_CLOSED);
	else if (err != -EPIPE) /* nobody is there to be told */
		replay_refuse(v, "the ring breaks its rules");
}

static int replay_start(struct vif *v)
{
	struct netreplay_config cfg = {
		.loop = vif_config(v)->loop,
		.len_max = v->port->info.mtu + NETIF_ETH_HLEN + VLAN_TAG,
		.ended = replay_ended,
		.arg = v,
	};
	int err = vif_capend_read(v, "replay", &cfg.end);

	vif_replay_stop(v);
	return err ? err : netreplay_open(&cfg, &v->replay);
}

void vif_replay_key(struct vif *v)
{
	uint64_t state;
	int err = vif_capend_state(v, "replay", &state);

	if (err == -ENOENT) {
		vif_replay_stop(v);
	} else if (!err && state == CAPEND_ENDING && v->replay) {
		netreplay_finish(v->replay);
	} else if (!err && state == CAPEND_ENDING) {
		replay_answer(v, CAPEND_CLOSED);
	} else if (!err && state == CAPEND_WANTED && v->port) {
		err = replay_start(v);
		if (err) {
			replay_refuse(v, strerror(-err));
			return;
		}
		replay_answer(v, CAPEND_RUNS);
		if (v->dev.queue[0].running)
			vif_replay_queue(v, v->dev.queue[0].q);
	}
}

void vif_replay_open(struct vif *v)
{
	vif_capend_open(v, "replay", vif_replay_key);
}
