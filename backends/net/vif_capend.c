/* SPDX-License-Identifier: MIT */
/* What a vif's capture and its replay have in common: ringproto/capring.h's keys. */
#include <errno.h>
#include <stdio.h>

#include "backends/net/vif.h"
#include "hv/base/cleanup.h"

struct capend_key {
	char name[32];
};

static struct capend_key capend_key(const char *dir, const char *name)
{
	struct capend_key k;

	/* cannot fail: two short words */
	snprintf(k.name, sizeof(k.name), "%s/%s", dir, name);
	return k;
}

static int capend_num(struct vif *v, const char *dir, const char *name, uint64_t max,
		      uint64_t *value)
{
	return xenbus_get_num(&v->dev.xb, capend_key(dir, name).name, max, value);
}

int vif_capend_read(struct vif *v, const char *dir, struct capend_config *cfg)
{
	struct xenbus_device *x = &v->dev.xb;
	cleanup_free char *refs = xenbus_get(x, capend_key(dir, "ring-refs").name);
	uint64_t domid, port, snaplen;

	if (!refs || capend_parse_refs(cfg, refs) ||
	    capend_num(v, dir, "domid", DOMID_FIRST_RESERVED - 1, &domid) ||
	    capend_num(v, dir, "event-channel", UINT32_MAX, &port) ||
	    capend_num(v, dir, "snaplen", CAPRING_SNAPLEN_MAX, &snaplen))
		return -EINVAL;
	cfg->plat = xenbus_plat(x->bus);
	cfg->peer = (domid_t)domid;
	cfg->port = (evtchn_port_t)port;
	cfg->snaplen = (uint32_t)snaplen;
	return 0;
}

int vif_capend_state(struct vif *v, const char *dir, uint64_t *state)
{
	return capend_num(v, dir, "state", CAPEND_CLOSED, state);
}

void vif_capend_answer(struct vif *v, const char *dir, unsigned state)
{
	/* cannot fail in a way that matters: the vif is gone, or the hypervisor */
	(void)xenbus_printf(&v->dev.xb, capend_key(dir, "state").name, "%u", state);
}

void vif_capend_open(struct vif *v, const char *dir, void (*key)(struct vif *v))
{
	uint64_t state;

	if (vif_capend_state(v, dir, &state))
		return;
	if (state == CAPEND_WANTED)
		key(v);
	else
		vif_capend_answer(v, dir, CAPEND_CLOSED);
}
