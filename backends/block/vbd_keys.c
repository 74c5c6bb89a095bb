/* SPDX-License-Identifier: MIT */
/* A virtual disk's xenstore keys (blkif.h, "Backend/Frontend XenBus Nodes"). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/block/vbd.h"
#include "backends/throttle.h"
#include "hv/base/cleanup.h"

/* ------------------------------------------------- what the toolstack wrote */

/*
 * Fills *p. Its strings live in strings[0..3), which the caller frees.
 */
int vbd_read_params(struct vbd *vbd, struct blkdrv_params *p, char **strings)
{
	cleanup_free char *mode = xenbus_get(&vbd->dev.xb, "mode");
	uint64_t direct = 1, sector = 0;

	strings[0] = xenbus_get(&vbd->dev.xb, "driver");
	strings[1] = xenbus_get(&vbd->dev.xb, "params");
	strings[2] = xenbus_get(&vbd->dev.xb, "options");
	if (!strings[0])
		strings[0] = strdup("uring"); /* xl's own toolstack writes none */
	if (!strings[0])
		return -ENOMEM;
	if (!strings[1]) {
		xenbus_error(&vbd->dev.xb, "params: missing; want the image's path");
		return -EINVAL;
	}
	if (xenbus_get_num(&vbd->dev.xb, "sector-size-wanted", 4096, &sector) ==
		    -EINVAL ||
	    (sector && sector != 512 && sector != 4096)) {
		xenbus_error(&vbd->dev.xb, "sector-size-wanted: want 512 or 4096");
		return -EINVAL;
	}
	(void)xenbus_get_num(&vbd->dev.xb, "direct-io-safe", 1, &direct);
	*p = (struct blkdrv_params){
		.driver = strings[0],
		.target = strings[1],
		.options = strings[2],
		.readonly = mode && !strchr(mode, 'w'),
		.direct = direct == 1,
		.sector_size = (uint32_t)sector,
	};
	return 0;
}

static bool vbd_is_cdrom(struct vbd *vbd)
{
	cleanup_free char *type = xenbus_get(&vbd->dev.xb, "device-type");

	return type && !strcmp(type, "cdrom");
}

int vbd_read_throttle(struct vbd *vbd)
{
	static const char *const keys[] = { "throttle-iops", "throttle-bps",
					    "throttle-burst-ms" };
	uint64_t v[3] = { 0, 0, 1000 };

	for (int i = 0; i < 3; i++)
		if (xenbus_get_num(&vbd->dev.xb, keys[i], UINT64_MAX, &v[i]) == -EINVAL) {
			xenbus_error(&vbd->dev.xb, "%s: want a decimal number", keys[i]);
			return -EINVAL;
		}
	if (!v[0] && !v[1])
		return 0;
	vbd->throttle = throttle_new(v[0], v[1], v[2]);
	return vbd->throttle ? 0 : -ENOMEM;
}

/* ----------------------------------------------------------- what we publish */

static bool vbd_offers_discard(struct vbd *vbd)
{
	uint64_t enable = 1;

	(void)xenbus_get_num(&vbd->dev.xb, "discard-enable", 1, &enable);
	return enable && vbd->drv->info.discard && !vbd->drv->info.readonly;
}

int vbd_publish_limits(struct vbd *vbd)
{
	const struct blkback_config *c = vbd_config(vbd);
	const struct blkdrv_info *info = &vbd->drv->info;
	bool discard = vbd_offers_discard(vbd);
	const struct xenbus_key keys[] = {
		{ "max-ring-page-order", c->max_ring_order },
		{ "max-ring-pages", 1u << c->max_ring_order },
		{ "multi-queue-max-queues", c->max_queues },
		{ "feature-max-indirect-segments", c->max_indirect },
		{ "feature-persistent", c->max_persistent > 0 },
		{ "feature-flush-cache", info->flush },
		{ "feature-barrier", info->flush },
		{ "feature-discard", discard },
		{ "discard-granularity", info->discard_granularity },
		{ "discard-alignment", info->discard_alignment },
		{ "discard-secure", info->discard_secure },
	};
	uint32_t n = sizeof(keys) / sizeof(keys[0]);

	return xenbus_publish(&vbd->dev.xb, keys, discard ? n : n - 3);
}

static uint64_t vbd_sectors(const struct vbd *vbd)
{
	return vbd->drv->info.size / BLKIF_SECTOR_SIZE;
}

int vbd_publish_properties(struct vbd *vbd)
{
	const struct blkdrv_info *info = &vbd->drv->info;
	uint64_t flags = (info->readonly ? VDISK_READONLY : 0) |
			 (info->removable ? VDISK_REMOVABLE : 0) |
			 (info->cdrom || vbd_is_cdrom(vbd) ? VDISK_CDROM : 0);
	const struct xenbus_key keys[] = {
		{ "sectors", vbd_sectors(vbd) },
		{ "info", flags },
		{ "sector-size", info->sector_size },
		{ "physical-sector-size", info->physical_sector_size },
	};

	return xenbus_publish(&vbd->dev.xb, keys, sizeof(keys) / sizeof(keys[0]));
}

int vbd_publish_size(struct vbd *vbd)
{
	const struct xenbus_key key = { "sectors", vbd_sectors(vbd) };
	int err = xenbus_publish(&vbd->dev.xb, &key, 1);

	/* the state, unchanged, once more: that is how a frontend hears of it */
	return err ? err
		   : xenbus_printf(&vbd->dev.xb, "state", "%d", (int)vbd->dev.xb.state);
}

static uint64_t vbd_counter(const void *q, unsigned c)
{
	return atomic_load_explicit(&((const struct blkq *)q)->count[c],
				    memory_order_relaxed);
}

int vbd_publish_stats(struct vbd *vbd)
{
	return device_publish_stats(&vbd->dev,
				    device_stats(&vbd->dev, blkq_counter_names,
						 BLKQ_NR_COUNTERS, vbd_counter));
}

/* ------------------------------------------------- what the frontend wrote */

static int vbd_read_abi(struct vbd *vbd, enum blkif_abi *abi)
{
	cleanup_free char *proto = xenbus_fe_get(&vbd->dev.xb, "protocol");

	if (!proto)
		*abi = BLKIF_ABI_NATIVE;
	else if (!strcmp(proto, XEN_IO_PROTO_ABI_X86_64))
		*abi = BLKIF_ABI_X86_64;
	else if (!strcmp(proto, XEN_IO_PROTO_ABI_X86_32))
		*abi = BLKIF_ABI_X86_32;
	else
		return device_bad_key(&vbd->dev, "protocol",
				      XEN_IO_PROTO_ABI_X86_64
				      " or " XEN_IO_PROTO_ABI_X86_32);
	return 0;
}

/* Both ways to say it; *indexed: the references are ring-ref0 and on. */
static int vbd_read_ring_pages(struct vbd *vbd, uint32_t *pages, bool *indexed)
{
	uint32_t max = vbd_config(vbd)->max_ring_order;
	uint64_t order, n;
	int err = xenbus_fe_num(&vbd->dev.xb, "ring-page-order", max, &order);

	*indexed = true;
	if (!err) {
		*pages = 1u << order;
		return 0;
	}
	if (err != -ENOENT)
		return device_bad_key(&vbd->dev, "ring-page-order",
				      "max-ring-page-order at most");
	err = xenbus_fe_num(&vbd->dev.xb, "num-ring-pages", 1u << max, &n);
	if (err == -ENOENT) {
		*indexed = false;
		*pages = 1;
		return 0;
	}
	if (err || !n || (n & (n - 1)))
		return device_bad_key(&vbd->dev, "num-ring-pages",
				      "a power of two, max-ring-pages at most");
	*pages = (uint32_t)n;
	return 0;
}

/* One queue's keys; prefix "" or "queue-N/". */
static int vbd_read_queue(struct vbd *vbd, const char *prefix, bool indexed,
			  struct blkq_config *cfg)
{
	char key[48];
	uint64_t v;

	for (uint32_t i = 0; i < cfg->nr_ring_refs; i++) {
		if (indexed)
			snprintf(key, sizeof(key), "%sring-ref%u", prefix, i);
		else
			snprintf(key, sizeof(key), "%sring-ref", prefix);
		/* one page may be spelled either way */
		if (xenbus_fe_num(&vbd->dev.xb, key, UINT32_MAX, &v) == -ENOENT &&
		    cfg->nr_ring_refs == 1)
			snprintf(key, sizeof(key), "%sring-ref%s", prefix,
				 indexed ? "" : "0");
		if (xenbus_fe_num(&vbd->dev.xb, key, UINT32_MAX, &v))
			return device_bad_key(&vbd->dev, key, "a grant reference");
		cfg->ring_refs[i] = (grant_ref_t)v;
	}
	snprintf(key, sizeof(key), "%sevent-channel", prefix);
	if (xenbus_fe_num(&vbd->dev.xb, key, UINT32_MAX, &v))
		return device_bad_key(&vbd->dev, key, "a port");
	cfg->port = (evtchn_port_t)v;
	return 0;
}

int vbd_read_frontend(struct vbd *vbd, uint32_t *n)
{
	const struct blkback_config *c = vbd_config(vbd);
	struct blkq_config common = {
		.plat = xenbus_plat(vbd->dev.xb.bus),
		.frontend = vbd->dev.xb.frontend,
		.max_persistent = c->max_persistent,
		.max_indirect = c->max_indirect,
		.barrier = vbd->drv->info.flush,
		.discard = vbd_offers_discard(vbd),
		.dev = vbd->drv,
		.throttle = vbd->throttle,
	};
	uint64_t queues = 1, persistent = 0;
	char prefix[16] = "";
	bool indexed;
	int err;

	if (xenbus_fe_num(&vbd->dev.xb, "multi-queue-num-queues", c->max_queues,
			  &queues) == -EINVAL ||
	    !queues)
		return device_bad_key(&vbd->dev, "multi-queue-num-queues",
				      "multi-queue-max-queues at most");
	if (xenbus_fe_num(&vbd->dev.xb, "feature-persistent", 1, &persistent) == -EINVAL)
		return device_bad_key(&vbd->dev, "feature-persistent", "0 or 1");
	common.persistent = persistent && c->max_persistent;
	err = vbd_read_abi(vbd, &common.abi);
	if (!err)
		err = vbd_read_ring_pages(vbd, &common.nr_ring_refs, &indexed);
	for (uint32_t i = 0; !err && i < queues; i++) {
		vbd->queue[i] = common;
		if (queues > 1)
			snprintf(prefix, sizeof(prefix), "queue-%u/", i);
		err = vbd_read_queue(vbd, prefix, indexed, &vbd->queue[i]);
	}
	*n = (uint32_t)queues;
	return err;
}
