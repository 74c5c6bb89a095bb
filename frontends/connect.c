/* SPDX-License-Identifier: MIT */
/*
 * Negotiation (PROTOCOLS.md, blkif): the backend's limits, our rings and keys,
 * the backend's properties. Runs at each connect, with a different backend
 * perhaps.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/blkfront.h"

#define DEPTH_DEFAULT 128

/* What the backend offers before the rings exist. */
struct offer {
	uint32_t ring_order; /* largest */
	bool ring_pages_key; /* it speaks the older keys */
	uint32_t queues;
	uint32_t indirect; /* segments, 0: none */
};

static int read_offer(struct tandem_disk *d, struct offer *o)
{
	struct xenbus_front *x = &d->front.xb;
	uint32_t pages, order;
	int err;

	if ((err = xenbus_read_u32(x, "max-ring-page-order", UINT32_MAX, UINT32_MAX,
				   &order)) ||
	    (err = xenbus_read_u32(x, "max-ring-pages", 1, UINT32_MAX, &pages)) ||
	    (err = xenbus_read_u32(x, "multi-queue-max-queues", 1, UINT32_MAX,
				   &o->queues)) ||
	    (err = xenbus_read_u32(x, "feature-max-indirect-segments", 0, UINT32_MAX,
				   &o->indirect)))
		return err;
	o->ring_pages_key = order == UINT32_MAX;
	if (o->ring_pages_key)
		for (order = 0; order < BLKIF_MAX_RING_ORDER && pages >> (order + 1);)
			order++;
	o->ring_order = order < BLKIF_MAX_RING_ORDER ? order : BLKIF_MAX_RING_ORDER;
	if (!o->queues)
		o->queues = 1;
	return 0;
}

static uint32_t slots_of(const struct tandem_disk *d, uint32_t order)
{
	return ring_size((size_t)RING_PAGE_SIZE << order, blkif_slot_size(d->abi));
}

static void choose(struct tandem_disk *d, const struct offer *o)
{
	uint32_t depth = d->opts.depth ? d->opts.depth : DEPTH_DEFAULT;
	uint32_t max = o->indirect;

	d->ring_order = 0;
	while (d->ring_order < o->ring_order && slots_of(d, d->ring_order) < depth)
		d->ring_order++;
	d->nr_channels = d->max_channels < o->queues ? d->max_channels : o->queues;
	if (max > BLKIF_MAX_INDIRECT_SEGMENTS)
		max = BLKIF_MAX_INDIRECT_SEGMENTS;
	if (d->opts.max_segments && max > d->opts.max_segments)
		max = d->opts.max_segments;
	d->max_indirect =
		d->opts.no_indirect || max <= BLKIF_MAX_SEGMENTS_PER_REQUEST ? 0 : max;
}

/* The most segments of one request of this connection. */
static uint32_t max_segments(const struct tandem_disk *d)
{
	uint32_t max = BLKIF_MAX_SEGMENTS_PER_REQUEST;

	if (d->max_indirect)
		return d->max_indirect;
	return d->opts.max_segments && d->opts.max_segments < max ? d->opts.max_segments
								  : max;
}

/* -------------------------------------------------------------------- rings */

static void ring_drop(struct channel *ch)
{
	if (ch->evtchn)
		evtchn_close(ch->evtchn);
	ch->evtchn = NULL;
	gnttab_arena_free(ch->ring_pages);
	ch->ring_pages = NULL;
	free(ch->shadow);
	ch->shadow = NULL;
	free(ch->free_ids);
	ch->free_ids = NULL;
	ch->nr_free = ch->nr_slots = 0;
}

void disk_drop_rings(struct tandem_disk *d)
{
	for (unsigned i = 0; i < d->max_channels; i++) {
		struct channel *ch = &d->channels[i];

		qlock_lock(&ch->lock);
		for (unsigned j = 0; j < d->nr_all; j++)
			if (ch->evtchn && d->queues[j].ch == ch)
				queue_watch(&d->queues[j], ch->evtchn, NULL);
		ring_drop(ch);
		qlock_unlock(&ch->lock);
	}
}

/* A suspended channel gets a ring that nobody knows of yet. */
static int ring_new(struct channel *ch)
{
	struct tandem_disk *d = ch->disk;
	uint32_t slots = slots_of(d, d->ring_order);
	int err;

	ch->nr_ring_pages = 1u << d->ring_order;
	ch->indirect_per_id = (d->max_indirect + BLKIF_SEGS_PER_INDIRECT_FRAME - 1) /
			      BLKIF_SEGS_PER_INDIRECT_FRAME;
	ch->shadow = aligned_alloc(64, slots * sizeof(*ch->shadow));
	ch->free_ids = malloc(slots * sizeof(*ch->free_ids));
	if (!ch->shadow || !ch->free_ids)
		return -ENOMEM;
	err = gnttab_arena_new(d->front.plat, d->front.xb.backend_id,
			       ch->nr_ring_pages + slots * ch->indirect_per_id, false,
			       &ch->ring_pages);
	if (err)
		return err;
	err = evtchn_alloc_unbound(d->front.plat, d->front.xb.backend_id, &ch->evtchn);
	if (err)
		return err;
	ring_front_init(&ch->ring, ch->ring_pages->pages,
			(size_t)ch->nr_ring_pages * RING_PAGE_SIZE,
			blkif_slot_size(d->abi));
	memset(ch->shadow, 0, slots * sizeof(*ch->shadow));
	for (uint32_t i = 0; i < slots; i++)
		ch->free_ids[i] = (uint16_t)(slots - 1 - i);
	ch->nr_slots = ch->nr_free = slots;
	ch->order = 0;
	ch->evtchn_dead = false;
	ch->abi = d->abi;
	ch->handle = (blkif_vdev_t)d->front.devid;
	return 0;
}

static int rings_new(struct tandem_disk *d)
{
	int err = 0;

	for (unsigned i = 0; i < d->nr_channels && !err; i++) {
		struct channel *ch = &d->channels[i];

		qlock_lock(&ch->lock);
		err = ring_new(ch);
		if (err)
			ring_drop(ch);
		qlock_unlock(&ch->lock);
	}
	if (err) {
		disk_drop_rings(d);
		xenbus_fail(&d->front.xb, err,
			    "%s: no memory or event channel for %u rings: %s",
			    d->front.xb.path, d->nr_channels, strerror(-err));
	}
	return err;
}

/* --------------------------------------------------------------------- keys */

static int write_ring_keys(struct tandem_disk *d, xenstore_tx_t tx, unsigned i)
{
	const struct channel *ch = &d->channels[i];
	char dir[24] = "", key[64];
	int err = 0;

	if (d->nr_channels > 1)
		snprintf(dir, sizeof(dir), "queue-%u/", i);
	for (unsigned p = 0; p < ch->nr_ring_pages && !err; p++) {
		if (ch->nr_ring_pages == 1)
			snprintf(key, sizeof(key), "%sring-ref", dir);
		else
			snprintf(key, sizeof(key), "%sring-ref%u", dir, p);
		err = xenbus_write_u32(&d->front.xb, tx, key, ch->ring_pages->refs[p]);
	}
	if (err)
		return err;
	snprintf(key, sizeof(key), "%sevent-channel", dir);
	return xenbus_write_u32(&d->front.xb, tx, key, ch->evtchn->port);
}

/* Keys of an earlier connection must not be taken for this one's. */
static int remove_old_keys(struct tandem_disk *d, xenstore_tx_t tx)
{
	static const char *const keys[] = {
		"ring-ref",	      "event-channel",		"ring-page-order",
		"num-ring-pages",     "multi-queue-num-queues", "protocol",
		"feature-persistent",
	};
	char key[32];
	int err = 0;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]) && !err; i++)
		err = xenbus_remove(&d->front.xb, tx, keys[i]);
	for (unsigned i = 0; i < 1u << BLKIF_MAX_RING_ORDER && !err; i++) {
		snprintf(key, sizeof(key), "ring-ref%u", i);
		err = xenbus_remove(&d->front.xb, tx, key);
	}
	for (unsigned i = 0; i < d->max_channels && !err; i++) {
		snprintf(key, sizeof(key), "queue-%u", i);
		err = xenbus_remove(&d->front.xb, tx, key);
	}
	return err;
}

/* What write_keys() is called with. */
struct publishing {
	struct tandem_disk *d;
	const struct offer *o;
};

static int write_keys(struct xenbus_front *x, xenstore_tx_t tx, void *arg)
{
	const struct publishing *p = arg;
	struct tandem_disk *d = p->d;
	int err = remove_old_keys(d, tx);

	if (!err && d->ring_order && !p->o->ring_pages_key)
		err = xenbus_write_u32(x, tx, "ring-page-order", d->ring_order);
	if (!err && d->ring_order && p->o->ring_pages_key)
		err = xenbus_write_u32(x, tx, "num-ring-pages", 1u << d->ring_order);
	if (!err && d->nr_channels > 1)
		err = xenbus_write_u32(x, tx, "multi-queue-num-queues", d->nr_channels);
	if (!err && d->abi_key)
		err = xenbus_write(x, tx, "protocol",
				   d->abi == BLKIF_ABI_X86_32 ? XEN_IO_PROTO_ABI_X86_32
							      : XEN_IO_PROTO_ABI_X86_64);
	if (!err && !d->opts.no_persistent)
		err = xenbus_write(x, tx, "feature-persistent", "1");
	for (unsigned i = 0; i < d->nr_channels && !err; i++)
		err = write_ring_keys(d, tx, i);
	return err;
}

static int publish_keys(struct tandem_disk *d, const struct offer *o)
{
	struct publishing p = { d, o };
	int err = xenbus_transact(&d->front.xb, write_keys, &p);

	if (!err)
		err = xenbus_switch_state(&d->front.xb, XenbusStateInitialised);
	if (err)
		xenbus_fail(&d->front.xb, err, "%s: the rings cannot be published: %s",
			    d->front.xb.path, strerror(-err));
	return err;
}

int disk_publish(struct tandem_disk *d)
{
	struct offer o;
	int err = read_offer(d, &o);

	if (err)
		return err;
	choose(d, &o);
	err = rings_new(d);
	if (err)
		return err;
	err = publish_keys(d, &o);
	if (err)
		disk_drop_rings(d);
	return err;
}

/* --------------------------------------------------------------- properties */

int disk_read_size(struct tandem_disk *d, uint64_t *size)
{
	uint64_t sectors;
	int err = xenbus_read_u64(&d->front.xb, "sectors", UINT64_MAX,
				  INT64_MAX / BLKIF_SECTOR_SIZE, &sectors);

	if (!err && sectors == UINT64_MAX)
		err = xenbus_fail(&d->front.xb, -EPROTO, "%s/sectors is missing",
				  d->front.xb.backend);
	if (!err)
		*size = sectors * BLKIF_SECTOR_SIZE;
	return err;
}

static int read_sector_sizes(struct tandem_disk *d, struct tandem_info *info)
{
	struct xenbus_front *x = &d->front.xb;
	uint32_t size, phys;
	int err;

	if ((err = xenbus_read_u32(x, "sector-size", BLKIF_SECTOR_SIZE, UINT32_MAX,
				   &size)) ||
	    (err = xenbus_read_u32(x, "physical-sector-size", size, UINT32_MAX, &phys)))
		return err;
	if (size < BLKIF_SECTOR_SIZE || size > PLAT_PAGE_SIZE || size & (size - 1))
		return xenbus_fail(x, -EPROTO,
				   "%s/sector-size: %u is not 512, 1024, 2048 or 4096",
				   x->backend, size);
	info->sector_size = size;
	/* only a hint: an odd one is not worth an error */
	info->physical_sector_size = phys < size || phys & (phys - 1) ? size : phys;
	return 0;
}

static int read_discard(struct tandem_disk *d, struct tandem_info *info)
{
	struct xenbus_front *x = &d->front.xb;
	uint64_t granularity = info->sector_size, alignment = 0;
	int err;

	if ((err = xenbus_read_flag(x, "feature-discard", &info->discard)))
		return err;
	if (!info->discard)
		return 0;
	if ((err = xenbus_read_flag(x, "discard-secure", &info->discard_secure)) ||
	    (err = xenbus_read_u64(x, "discard-granularity", granularity, UINT32_MAX,
				   &granularity)) ||
	    (err = xenbus_read_u64(x, "discard-alignment", 0, UINT32_MAX, &alignment)))
		return err;
	info->discard_granularity = granularity;
	info->discard_alignment = alignment;
	return 0;
}

static int read_info(struct tandem_disk *d, struct tandem_info *info)
{
	struct xenbus_front *x = &d->front.xb;
	uint32_t bits;
	int err;

	if ((err = disk_read_size(d, &info->size)) ||
	    (err = read_sector_sizes(d, info)) ||
	    (err = xenbus_read_u32(x, "info", 0, UINT32_MAX, &bits)) ||
	    (err = xenbus_read_flag(x, "feature-flush-cache", &info->flush)) ||
	    (err = xenbus_read_flag(x, "feature-barrier", &info->barrier)) ||
	    (err = xenbus_read_flag(x, "feature-persistent", &info->persistent)) ||
	    (err = read_discard(d, info)))
		return err;
	info->persistent = info->persistent && !d->opts.no_persistent;
	info->readonly = bits & VDISK_READONLY;
	info->cdrom = bits & VDISK_CDROM;
	info->removable = bits & VDISK_REMOVABLE;
	return 0;
}

int disk_read_properties(struct tandem_disk *d, struct limits *lim)
{
	struct tandem_info info = { 0 };
	int err = read_info(d, &info);

	if (err)
		return err;
	info.queues = d->nr_queues;
	info.rings = d->nr_channels;
	info.ring_slots = d->channels[0].nr_slots;
	info.max_segments = max_segments(d);
	info.max_transfer = (uint64_t)info.max_segments * PLAT_PAGE_SIZE;
	*lim = (struct limits){
		.size = info.size,
		.sector_mask = info.sector_size - 1,
		.max_segments = info.max_segments,
		.flush_op = info.flush	   ? BLKIF_OP_FLUSH_DISKCACHE
			    : info.barrier ? BLKIF_OP_WRITE_BARRIER
					   : BLKFRONT_OP_NONE,
		.discard = info.discard,
		.discard_secure = info.discard_secure,
		.readonly = info.readonly || d->opts.readonly,
	};
	pthread_mutex_lock(&d->lock);
	info.reconnects = d->info.reconnects;
	info.last_pause_us = d->info.last_pause_us;
	d->info = info;
	pthread_mutex_unlock(&d->lock);
	return 0;
}
