/* SPDX-License-Identifier: MIT */
/*
 * The xenbus life of a disk, one step at a time: from what the backend's state
 * is and where we are follows what we do. A backend may say anything at any
 * time; each step does a bounded amount of work.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "frontends/blkfront.h"
#include "frontends/vdev.h"
#include "hv/base/log.h"

static void enter(struct tandem_disk *d, enum disk_phase phase)
{
	d->phase = phase;
	d->phase_since = adapt_clock();
}

static int own_state(struct tandem_disk *d, enum xenbus_state state)
{
	return d->xb.state == state ? 0 : xenbus_switch_state(&d->xb, state);
}

void disk_die(struct tandem_disk *d, int err)
{
	int io_err = err == -EPROTO || err == -ENODEV ? err : -EIO;

	/* what there is no memory to keep has ended already */
	(void)disk_suspend(d);
	disk_drop_rings(d);
	disk_set_state(d, CH_DEAD, io_err);
	for (unsigned i = 0; i < d->max_channels; i++) {
		qlock_lock(&d->channels[i].lock);
		d->channels[i].dead_err = err;
		qlock_unlock(&d->channels[i].lock);
	}
	enter(d, DISK_DEAD);
	/* cannot fail in a way that matters: nothing is left to lose */
	(void)own_state(d, XenbusStateClosed);
	if (d->opened)
		log_warn("%s/%s: %s", plat_domain_name(d->plat), d->xb.path,
			 err == -ENODEV ? "detached" : d->xb.why);
}

/* ---------------------------------------------------------------- DISK_LOST */

static int step_lost(struct tandem_disk *d, enum xenbus_state be, bool online)
{
	int err;

	if (!online)
		return xenbus_fail(&d->xb, -ENODEV, "%s is detached", d->xb.path);
	switch (be) {
	case XenbusStateInitWait:
		d->attempts++;
		err = disk_publish(d);
		if (!err)
			d->phase = DISK_PUBLISHED;
		return err;
	case XenbusStateInitialising:
	case XenbusStateClosed:
		return own_state(d, XenbusStateInitialising);
	case XenbusStateClosing:
	case XenbusStateInitialised:
	case XenbusStateConnected:
		/* somebody's earlier connection: ends when it sees us closed */
		return own_state(d, XenbusStateClosed);
	case XenbusStateUnknown:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	}
	return 0;
}

/* The backend is gone or going; `online` says that another will come. */
static int disk_lose(struct tandem_disk *d)
{
	int err = disk_suspend(d);

	disk_drop_rings(d);
	enter(d, DISK_LOST);
	log_info("%s: the backend went away, waiting", d->xb.path);
	return err ? xenbus_fail(&d->xb, err, "%s: out of memory", d->xb.path) : 0;
}

/* ----------------------------------------------------------- DISK_PUBLISHED */

static void note_pause(struct tandem_disk *d, uint64_t us)
{
	pthread_mutex_lock(&d->lock);
	d->pauses[d->info.reconnects++ % BLKFRONT_PAUSES] = us;
	d->info.last_pause_us = us;
	pthread_mutex_unlock(&d->lock);
	log_info("%s: connected again after %llu us", d->xb.path, (unsigned long long)us);
}

static int disk_connect(struct tandem_disk *d)
{
	char name[VDEV_NAME_MAX];
	struct limits lim;
	int err = disk_read_properties(d, &lim);

	if (err)
		return err;
	if (!d->opened && d->info.readonly && !d->opts.readonly) {
		vdev_name(d->devid, name);
		return xenbus_fail(&d->xb, -EROFS, "%s/%s is read-only",
				   plat_domain_name(d->plat), name);
	}
	err = own_state(d, XenbusStateConnected);
	if (!err)
		err = disk_resume(d, &lim);
	if (err)
		return xenbus_fail(&d->xb, err, "%s: cannot connect: %s", d->xb.path,
				   strerror(-err));
	if (d->opened) {
		note_pause(d, (adapt_clock() - d->phase_since) / 1000);
	}
	d->opened = true;
	d->failing = false;
	enter(d, DISK_CONNECTED);
	return 0;
}

static int step_published(struct tandem_disk *d, enum xenbus_state be, bool online)
{
	switch (be) {
	case XenbusStateConnected:
		return disk_connect(d);
	case XenbusStateClosing:
	case XenbusStateClosed:
	case XenbusStateUnknown:
		disk_drop_rings(d);
		d->phase = DISK_LOST; /* since when, stays */
		return step_lost(d, be, online);
	case XenbusStateInitialising:
	case XenbusStateInitWait:
	case XenbusStateInitialised:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		break;
	}
	return 0;
}

/* ----------------------------------------------- DISK_CONNECTED, DISK_DRAIN */

static int disk_resize(struct tandem_disk *d)
{
	uint64_t size;
	int err = disk_read_size(d, &size);

	if (err || size == d->info.size)
		return err;
	for (unsigned i = 0; i < d->max_channels; i++) {
		qlock_lock(&d->channels[i].lock);
		d->channels[i].lim.size = size;
		qlock_unlock(&d->channels[i].lock);
	}
	pthread_mutex_lock(&d->lock);
	d->info.size = size;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static bool event_channel_lost(struct tandem_disk *d)
{
	for (unsigned i = 0; i < d->nr_channels; i++)
		if (atomic_load(&d->channels[i].evtchn_dead))
			return true;
	return false;
}

static int step_connected(struct tandem_disk *d, enum xenbus_state be, bool online)
{
	int err;

	switch (be) {
	case XenbusStateConnected:
		err = disk_resize(d);
		if (err || !event_channel_lost(d))
			return err;
		break;
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		return 0;
	case XenbusStateClosing:
		if (online)
			break;
		disk_set_state(d, CH_DRAIN, 0);
		enter(d, DISK_DRAIN);
		return 0;
	case XenbusStateUnknown:
	case XenbusStateInitialising:
	case XenbusStateInitWait:
	case XenbusStateInitialised:
	case XenbusStateClosed:
		break;
	}
	err = disk_lose(d);
	return err ? err : step_lost(d, be, online);
}

/* Is anything of the channel's not answered? Takes answers that are there. */
static bool channel_busy(struct channel *ch)
{
	bool busy;

	qlock_lock(&ch->lock);
	channel_reap(ch, NULL, NULL, UINT32_MAX);
	channel_pump(ch);
	channel_wake(ch);
	busy = ch->state == CH_DRAIN &&
	       (ch->nr_free != ch->nr_slots || channel_has_waiting(ch));
	qlock_unlock(&ch->lock);
	return busy;
}

static int step_drain(struct tandem_disk *d, enum xenbus_state be)
{
	uint64_t limit = d->opts.reconnect_ms * UINT64_C(1000000);
	bool busy = false;

	for (unsigned i = 0; i < d->nr_channels; i++)
		busy = channel_busy(&d->channels[i]) || busy;
	if (busy && be == XenbusStateClosing && !event_channel_lost(d) &&
	    adapt_clock() - d->phase_since < limit)
		return 0;
	return xenbus_fail(&d->xb, -ENODEV, "%s is detached", d->xb.path);
}

int disk_step(struct tandem_disk *d)
{
	enum xenbus_state be;
	bool online;
	int err;

	if ((err = xenbus_backend_state(&d->xb, &be)) ||
	    (err = xenbus_backend_online(&d->xb, &online)))
		return err;
	switch (d->phase) {
	case DISK_LOST:
		return step_lost(d, be, online);
	case DISK_PUBLISHED:
		return step_published(d, be, online);
	case DISK_CONNECTED:
		return step_connected(d, be, online);
	case DISK_DRAIN:
		return step_drain(d, be);
	case DISK_DEAD:
		break;
	}
	return 0;
}
