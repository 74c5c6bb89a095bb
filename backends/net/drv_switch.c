/* SPDX-License-Identifier: MIT */
/* "switch": a port of a switch in this process (switch.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/drvopt.h"
#include "backends/net/drivers.h"
#include "backends/net/switch.h"
#include "backends/worker.h"

struct swport {
	struct netdrv drv; /* first */
	struct switch_port *port;
};

struct swport_queue {
	struct netdrv_queue q; /* first */
	struct switch_queue *sq;
};

/* ----------------------------------------------------------------- options */

static int swport_vlan(const char *s, uint16_t *vlan, const char **end)
{
	unsigned long n;
	char *e;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	n = strtoul(s, &e, 10);
	if (!n || n > SWITCH_VLAN_MAX)
		return -EINVAL;
	*vlan = (uint16_t)n;
	*end = e;
	return 0;
}

/* "1;2;5", or "all". */
static int swport_trunk(struct switch_port_params *sp, const char *s)
{
	uint16_t vlan;

	if (!strcmp(s, "all")) {
		sp->trunk_all = true;
		return 0;
	}
	do {
		if (swport_vlan(s, &vlan, &s))
			return -EINVAL;
		sp->trunk[vlan / 64] |= UINT64_C(1) << vlan % 64;
	} while (*s++ == ';');
	return s[-1] ? -EINVAL : 0;
}

static int swport_option(struct switch_port_params *sp, const struct drvopt *o)
{
	const char *end;
	uint64_t n;

	if (!strcmp(o->key, "vlan"))
		return swport_vlan(o->value, &sp->vlan, &end) || *end ? -EINVAL : 0;
	if (!strcmp(o->key, "trunk"))
		return swport_trunk(sp, o->value);
	if (!strcmp(o->key, "isolated"))
		return drvopt_bool(o, &sp->isolated);
	if (!strcmp(o->key, "macs")) {
		if (drvopt_u64(o, &n) || !n || n > SWITCH_MACS_MAX)
			return -EINVAL;
		sp->macs = (uint32_t)n;
		return 0;
	}
	return -EINVAL;
}

/* A trunk without vlan= has no untagged VLAN. */
static int swport_options(const char *options, struct switch_port_params *sp, char **why)
{
	bool trunk = false;
	struct drvopt o;
	int ret;

	while ((ret = drvopt_next(&options, &o)) > 0) {
		ret = swport_option(sp, &o);
		if (ret)
			break;
		trunk |= !strcmp(o.key, "trunk");
	}
	if (ret) {
		*why = netdrv_why("options: '%s=%s' is not understood; want any of "
				  "vlan=1..%u, trunk=1;2;5 or trunk=all, isolated=1, "
				  "macs=1..%u",
				  o.key, o.value, SWITCH_VLAN_MAX, SWITCH_MACS_MAX);
		return -EINVAL;
	}
	if (trunk && !sp->vlan)
		sp->vlan = SWITCH_VLAN_NONE;
	return 0;
}

/* -------------------------------------------------------------- the device */

static int swport_open(const struct netdrv_params *p, struct netdrv **dev, char **why)
{
	struct switch_port_params sp = {
		.mtu = p->mtu,
		.queues = p->queues,
		.mac = p->mac,
	};
	struct netswitch *sw;
	struct swport *s;
	int err;

	if (!p->target || !*p->target) {
		*why = netdrv_why("switch: want the name of a switch as target");
		return -EINVAL;
	}
	err = swport_options(p->options, &sp, why);
	if (err)
		return err;
	sw = switch_find(p->target, why);
	if (!sw)
		return -ENOENT;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = switch_port_add(sw, &sp, &s->port, why);
	if (err) {
		free(s);
		return err;
	}
	s->drv.ops = &drv_switch;
	s->drv.info = (struct netdrv_info){
		.send = { true, true, true, true },
		.mtu = switch_port_mtu(s->port),
		.max_queues = p->queues ? p->queues : 1,
	};
	*dev = &s->drv;
	return 0;
}

static void swport_close(struct netdrv *dev)
{
	struct swport *s = (struct swport *)dev;

	switch_port_remove(s->port);
	free(s);
}

static int swport_set_guest(struct netdrv *dev, const struct netdrv_caps *caps)
{
	switch_port_caps(((struct swport *)dev)->port, caps);
	return 0;
}

static int swport_queue_start(struct netdrv *dev, uint32_t index, struct worker *w,
			      struct netdrv_client *client, struct netdrv_queue **q)
{
	struct swport *s = (struct swport *)dev;
	struct swport_queue *sq = calloc(1, sizeof(*sq));
	int err;

	if (!sq)
		return -ENOMEM;
	sq->q = (struct netdrv_queue){ .dev = dev, .worker = w, .client = client };
	err = switch_queue_start(s->port, index, w, client, &sq->sq);
	if (err) {
		free(sq);
		return err;
	}
	*q = &sq->q;
	return 0;
}

static void swport_queue_stop(struct netdrv_queue *q)
{
	struct swport_queue *sq = (struct swport_queue *)q;

	switch_queue_stop(sq->sq);
	free(sq);
}

static int swport_send(struct netdrv_queue *q, struct netbuf *const *pkts, unsigned n)
{
	switch_forward(((struct swport_queue *)q)->sq, pkts, n, worker_now(q->worker));
	return (int)n;
}

static int swport_recv(struct netdrv_queue *q, struct netbuf *b)
{
	int ret = switch_take(((struct swport_queue *)q)->sq, b);

	if (ret <= 0)
		q->drops = switch_lost(((struct swport_queue *)q)->sq);
	return ret;
}

/* What is sent always finds room, or is dropped where it goes. */
static int swport_arm(struct netdrv_queue *q, bool want_recv)
{
	q->drops = switch_lost(((struct swport_queue *)q)->sq);
	return want_recv ? switch_arm(((struct swport_queue *)q)->sq) : 0;
}

static void swport_stats(struct netdrv *dev, char *buf, size_t len)
{
	switch_port_stats(((struct swport *)dev)->port, buf, len);
}

const struct netdrv_ops drv_switch = {
	.name = "switch",
	.summary = "a port of a learning switch in the backend",
	.open = swport_open,
	.close = swport_close,
	.set_guest = swport_set_guest,
	.queue_start = swport_queue_start,
	.queue_stop = swport_queue_stop,
	.send = swport_send,
	.recv = swport_recv,
	.arm = swport_arm,
	.stats = swport_stats,
};
