/* SPDX-License-Identifier: MIT */
/* A virtual interface's xenstore keys (netif.h, "Multiple transmit and receive
 * queues", feature-*). */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/net/netvlan.h"
#include "backends/net/switch.h"
#include "backends/net/vif.h"
#include "hv/base/cleanup.h"
#include "hv/base/num.h"

#define VIF_PORT_STATS 1024
#define VIF_MTU_MAX    65521u /* a packet's 65535 bytes less its Ethernet header */

/* ------------------------------------------------- what the toolstack wrote */

static int vif_bad(struct vif *v, const char *key, const char *want)
{
	cleanup_free char *value = xenbus_get(&v->dev.xb, key);

	xenbus_error(&v->dev.xb, "%s=%.64s: want %s", key, value ? value : "(missing)",
		     want);
	return -EINVAL;
}

static int vif_read_mac(struct vif *v, uint8_t *mac)
{
	cleanup_free char *s = xenbus_get(&v->dev.xb, "mac");
	int end = 0;

	if (!s || strlen(s) != 17 || strspn(s, "0123456789abcdefABCDEF:") != 17 ||
	    sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    end != 17 || mac[0] & 1)
		return vif_bad(v, "mac", "a unicast address such as 00:16:3e:01:02:03");
	return 0;
}

/* A switch of ours of the name `bridge`, or a bridge of the kernel's. */
static bool vif_bridge_is_switch(const char *bridge)
{
	cleanup_free char *why = NULL;

	return bridge && switch_find(bridge, &why);
}

/* Of a port that knows of none: netback tags and filters. */
static int vif_read_vlan(struct vif *v)
{
	uint64_t n = 0;

	if (xenbus_get_num(&v->dev.xb, "vlan", NETVLAN_MAX, &n) || !n)
		return vif_bad(v, "vlan", "1 to 4094");
	v->vlan = (uint16_t)n;
	return 0;
}

/* The driver, if none is named, and what a switch's port is told besides. */
static int vif_choose_port(struct vif *v, struct netdrv_params *p)
{
	cleanup_free char *vlan = xenbus_get(&v->dev.xb, "vlan");
	cleanup_free char *isolated = xenbus_get(&v->dev.xb, "isolated");
	bool alone = isolated && strcmp(isolated, "0") != 0;
	char *options;

	if (!p->driver)
		p->driver = strdup(vif_bridge_is_switch(p->bridge) ? "switch" : "tap");
	if (!p->driver)
		return -ENOMEM;
	v->vlan = 0;
	if (strcmp(p->driver, "switch")) {
		if (alone)
			return vif_bad(v, "isolated",
				       "it with a switch of tandem-netback's only "
				       "(--switch)");
		return vlan ? vif_read_vlan(v) : 0;
	}
	if (!p->target && p->bridge)
		p->target = strdup(p->bridge);
	if (asprintf(&options, "%s%s%s%s%s%s%s", p->options ? p->options : "",
		     p->options && (vlan || isolated) ? "," : "", vlan ? "vlan=" : "",
		     vlan ? vlan : "", vlan && isolated ? "," : "",
		     isolated ? "isolated=" : "", isolated ? isolated : "") < 0)
		return -ENOMEM;
	free((char *)(uintptr_t)p->options);
	p->options = options;
	return 0;
}

static char *vif_ifname(struct vif *v)
{
	char *name = xenbus_get(&v->dev.xb, "vifname");

	if (!name && asprintf(&name, "vif%u.%u", v->dev.xb.frontend, v->dev.xb.devid) < 0)
		return NULL;
	return name;
}

int vif_read_params(struct vif *v, struct netdrv_params *p)
{
	struct xenbus_device *x = &v->dev.xb;
	uint64_t mtu = 0, queues = vif_config(v)->max_queues;
	int err;

	p->driver = xenbus_get(x, "port-driver");
	p->target = xenbus_get(x, "port-target");
	p->options = xenbus_get(x, "port-options");
	p->bridge = xenbus_get(x, "bridge");
	p->ifname = vif_ifname(v);
	if (!p->ifname)
		return -ENOMEM;
	if (xenbus_get_num(x, "mtu", VIF_MTU_MAX, &mtu) == -EINVAL || (mtu && mtu < 68))
		return vif_bad(v, "mtu", "68 to 65521");
	if (xenbus_get_num(x, "max-queues", NETBACK_MAX_QUEUES, &queues) == -EINVAL ||
	    !queues)
		return vif_bad(v, "max-queues", "1 to 16");
	p->mtu = (uint32_t)mtu;
	p->queues = (uint32_t)queues;
	err = vif_read_mac(v, p->mac);
	return err ? err : vif_choose_port(v, p);
}

void vif_free_params(struct netdrv_params *p)
{
	free((char *)(uintptr_t)p->driver);
	free((char *)(uintptr_t)p->target);
	free((char *)(uintptr_t)p->options);
	free((char *)(uintptr_t)p->bridge);
	free((char *)(uintptr_t)p->ifname);
}

/* "BYTES,USEC": so many bytes in so much time; also what may be sent at once. */
int vif_read_rate(struct vif *v)
{
	cleanup_free char *s = xenbus_get(&v->dev.xb, "rate");
	char *comma = s ? strchr(s, ',') : NULL;
	uint64_t bytes, usec, bps;

	if (!s)
		return 0;
	if (comma)
		*comma++ = '\0';
	if (!comma || num_parse_u64(s, UINT32_MAX, &bytes) ||
	    num_parse_u64(comma, UINT32_MAX, &usec))
		return vif_bad(v, "rate", "BYTES,MICROSECONDS");
	if (!bytes || !usec)
		return 0; /* as the reference backend: no limit */
	bps = (uint64_t)((unsigned __int128)bytes * 1000000 / usec);
	v->throttle = throttle_new(0, bps ? bps : 1, usec / 1000 ? usec / 1000 : 1);
	return v->throttle ? 0 : -ENOMEM;
}

int vif_read_policy(struct vif *v)
{
	cleanup_free char *ip = xenbus_get(&v->dev.xb, "ip");
	uint64_t on = 0;
	int err = vif_read_mac(v, v->guard.mac);

	if (err)
		return err;
	if (xenbus_get_num(&v->dev.xb, "antispoof", 1, &on) == -EINVAL)
		return vif_bad(v, "antispoof", "0 or 1");
	v->guard.antispoof = on;
	if (on && ip && netguard_parse_ips(&v->guard, ip))
		return vif_bad(v, "ip", "up to 16 addresses, with spaces between");
	return vif_read_rate(v);
}

/* ----------------------------------------------------------- what we publish */

static uint32_t vif_max_queues(const struct vif *v)
{
	uint32_t n = vif_config(v)->max_queues;

	return v->port->info.max_queues < n ? v->port->info.max_queues : n;
}

int vif_publish_features(struct vif *v)
{
	/* what the port does not carry is done for it (netseg.h) */
	const struct xenbus_key keys[] = {
		{ "feature-sg", 1 },
		{ "feature-gso-tcpv4", 1 },
		{ "feature-gso-tcpv6", 1 },
		{ "feature-ipv6-csum-offload", 1 },
		{ "feature-rx-copy", 1 },
		{ "feature-rx-flip", 0 },
		{ "feature-multicast-control", 1 },
		{ "feature-dynamic-multicast-control", 1 },
		{ "feature-split-event-channels", 1 },
		{ "feature-ctrl-ring", 1 },
		{ "multi-queue-max-queues", vif_max_queues(v) },
		{ "port-uso", v->port->info.uso }, /* for who lists vifs */
		{ "carrier", 1 },
	};
	int err = xenbus_publish(&v->dev.xb, keys, sizeof(keys) / sizeof(keys[0]));

	v->carrier = true;
	return err ? err : xenbus_printf(&v->dev.xb, "hotplug-status", "connected");
}

int vif_publish_carrier(struct vif *v, bool up)
{
	const struct xenbus_key key = { "carrier", up };

	v->carrier = up;
	return xenbus_publish(&v->dev.xb, &key, 1);
}

static uint64_t vif_counter(const void *q, unsigned c)
{
	return atomic_load_explicit(&((const struct netq *)q)->count[c],
				    memory_order_relaxed);
}

static void vif_put_vlan_drops(const struct vif *v, json_t *o)
{
	struct netvlan_drops n;

	if (!v->port || !v->vlan)
		return;
	n = netvlan_drops(v->port);
	json_object_set_new(o, "tx_dropped_vlan", json_integer((json_int_t)n.tx));
	json_object_set_new(o, "rx_dropped_vlan", json_integer((json_int_t)n.rx));
}

/* What the port counts; one that says too much says nothing. */
static void vif_put_port_stats(const struct vif *v, json_t *o)
{
	char text[VIF_PORT_STATS] = "{";

	if (!v->port || !v->port->ops->stats)
		return;
	v->port->ops->stats(v->port, text + 1, sizeof(text) - 2);
	memcpy(text + strlen(text), "}", 2);
	json_object_set_new(o, "port", json_loads(text, 0, NULL));
}

int vif_publish_stats(struct vif *v)
{
	json_t *o =
		device_stats(&v->dev, netq_counter_names, NETQ_NR_COUNTERS, vif_counter);

	vif_put_vlan_drops(v, o);
	vif_put_port_stats(v, o);
	return device_publish_stats(&v->dev, o);
}

/* ------------------------------------------------- what the frontend wrote */

/* A key that is 0 or 1, and 0 if it is missing. */
static int vif_fe_flag(struct vif *v, const char *key, bool *on)
{
	uint64_t n = 0;
	int err = xenbus_fe_num(&v->dev.xb, key, 1, &n);

	*on = n;
	return err == -EINVAL ? device_bad_key(&v->dev, key, "0 or 1") : 0;
}

static int vif_fe_u32(struct vif *v, const char *prefix, const char *name,
		      const char *want, uint32_t *value)
{
	char key[64];
	uint64_t n;

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	if (xenbus_fe_num(&v->dev.xb, key, UINT32_MAX, &n))
		return device_bad_key(&v->dev, key, want);
	*value = (uint32_t)n;
	return 0;
}

/* One queue's keys; prefix "" or "queue-N/". */
static int vif_read_queue(struct vif *v, const char *prefix, struct netq_config *cfg)
{
	char key[48];
	uint64_t n;
	int err = vif_fe_u32(v, prefix, "tx-ring-ref", "a grant reference", &cfg->tx_ref);

	if (!err)
		err = vif_fe_u32(v, prefix, "rx-ring-ref", "a grant reference",
				 &cfg->rx_ref);
	if (err)
		return err;
	/* two channels, or one for both rings */
	snprintf(key, sizeof(key), "%sevent-channel-tx", prefix);
	if (xenbus_fe_num(&v->dev.xb, key, UINT32_MAX, &n) == -ENOENT) {
		err = vif_fe_u32(v, prefix, "event-channel", "a port", &cfg->tx_port);
		cfg->rx_port = cfg->tx_port;
		return err;
	}
	err = vif_fe_u32(v, prefix, "event-channel-tx", "a port", &cfg->tx_port);
	return err ? err
		   : vif_fe_u32(v, prefix, "event-channel-rx", "a port", &cfg->rx_port);
}

int vif_read_multicast(struct vif *v)
{
	bool on;
	int err = vif_fe_flag(v, "request-multicast-control", &on);

	if (!err)
		atomic_store(&v->guard.filter, on);
	return err;
}

/* What the guest can receive. */
static int vif_read_guest(struct vif *v)
{
	bool rx_copy, no_csum;
	int err;

	if ((err = vif_fe_flag(v, "request-rx-copy", &rx_copy)) ||
	    (err = vif_fe_flag(v, "feature-sg", &v->sg)) ||
	    (err = vif_fe_flag(v, "feature-gso-tcpv4", &v->guest.tso4)) ||
	    (err = vif_fe_flag(v, "feature-gso-tcpv6", &v->guest.tso6)) ||
	    (err = vif_fe_flag(v, "feature-no-csum-offload", &no_csum)) ||
	    (err = vif_fe_flag(v, "feature-ipv6-csum-offload", &v->guest.csum6)) ||
	    (err = vif_read_multicast(v)))
		return err;
	if (!rx_copy)
		return device_bad_key(&v->dev, "request-rx-copy", "1");
	v->guest.csum = !no_csum;
	/* a large segment's checksum is blank, and it needs many slots */
	v->guest.tso4 = v->guest.tso4 && v->guest.csum && v->sg;
	v->guest.tso6 = v->guest.tso6 && v->guest.csum6 && v->sg;
	return 0;
}

static int vif_read_ctrl(struct vif *v)
{
	uint64_t ref;
	int err;

	err = xenbus_fe_num(&v->dev.xb, "ctrl-ring-ref", UINT32_MAX, &ref);
	v->ctrl = !err;
	if (err == -ENOENT)
		return 0;
	if (err)
		return device_bad_key(&v->dev, "ctrl-ring-ref", "a grant reference");
	v->ctrl_ref = (grant_ref_t)ref;
	return vif_fe_u32(v, "", "event-channel-ctrl", "a port", &v->ctrl_port);
}

int vif_read_frontend(struct vif *v, uint32_t *n)
{
	struct netq_config common = {
		.plat = xenbus_plat(v->dev.xb.bus),
		.frontend = v->dev.xb.frontend,
		.port = v->port,
		.guard = &v->guard,
		.throttle = v->throttle,
		.stall_ns = vif_config(v)->stall_ns,
	};
	uint64_t queues = 1;
	char prefix[16] = "";
	int err;

	if (xenbus_fe_num(&v->dev.xb, "multi-queue-num-queues", vif_max_queues(v),
			  &queues) == -EINVAL ||
	    !queues)
		return device_bad_key(&v->dev, "multi-queue-num-queues",
				      "multi-queue-max-queues at most");
	err = vif_read_guest(v);
	if (!err)
		err = vif_read_ctrl(v);
	common.guest = v->guest;
	common.sg = v->sg;
	common.nr_queues = (uint32_t)queues;
	for (uint32_t i = 0; !err && i < queues; i++) {
		v->queue[i] = common;
		v->queue[i].index = i;
		if (queues > 1)
			snprintf(prefix, sizeof(prefix), "queue-%u/", i);
		err = vif_read_queue(v, prefix, &v->queue[i]);
	}
	*n = (uint32_t)queues;
	return err;
}
