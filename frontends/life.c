/* SPDX-License-Identifier: MIT */
/* A disk between its xenbus states (front.h) and its channels. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frontends/blkfront.h"
#include "frontends/vdev.h"

static struct tandem_disk *disk_of(struct front *f)
{
	return (struct tandem_disk *)f;
}

static void disk_name(uint32_t devid, char *buf, size_t len)
{
	char name[VDEV_NAME_MAX];

	vdev_name(devid, name);
	snprintf(buf, len, "%s", name);
}

static int life_publish(struct front *f)
{
	return disk_publish(disk_of(f));
}

static void life_drop(struct front *f)
{
	disk_drop_rings(disk_of(f));
}

static void note_pause(struct tandem_disk *d, uint64_t us)
{
	pthread_mutex_lock(&d->lock);
	d->pauses[d->info.reconnects++ % BLKFRONT_PAUSES] = us;
	d->info.last_pause_us = us;
	pthread_mutex_unlock(&d->lock);
}

static int life_connect(struct front *f)
{
	struct tandem_disk *d = disk_of(f);
	char name[VDEV_NAME_MAX];
	struct limits lim;
	int err = disk_read_properties(d, &lim);

	if (err)
		return err;
	if (!f->opened && d->info.readonly && !d->opts.readonly) {
		vdev_name(f->devid, name);
		return xenbus_fail(&f->xb, -EROFS, "%s/%s is read-only",
				   plat_domain_name(f->plat), name);
	}
	err = front_state(f, XenbusStateConnected);
	if (!err)
		err = disk_resume(d, &lim);
	if (err)
		return xenbus_fail(&f->xb, err, "%s: cannot connect: %s", f->xb.path,
				   strerror(-err));
	if (f->opened)
		note_pause(d, (clock_ns() - f->phase_since) / 1000);
	return 0;
}

static int life_lose(struct front *f)
{
	struct tandem_disk *d = disk_of(f);
	int err = disk_suspend(d);

	disk_drop_rings(d);
	return err ? xenbus_fail(&f->xb, err, "%s: out of memory", f->xb.path) : 0;
}

static void life_die(struct front *f, int err)
{
	struct tandem_disk *d = disk_of(f);
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
}

static void life_overdue(struct front *f)
{
	disk_set_state(disk_of(f), CH_FAILING, -EIO);
}

/* ---------------------------------------------------------------- connected */

static int life_changed(struct front *f)
{
	struct tandem_disk *d = disk_of(f);
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

static bool life_cut(struct front *f)
{
	struct tandem_disk *d = disk_of(f);

	for (unsigned i = 0; i < d->nr_channels; i++)
		if (atomic_load(&d->channels[i].evtchn_dead))
			return true;
	return false;
}

static void life_detach(struct front *f)
{
	disk_set_state(disk_of(f), CH_DRAIN, 0);
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

static bool life_drained(struct front *f)
{
	struct tandem_disk *d = disk_of(f);
	bool busy = false;

	for (unsigned i = 0; i < d->nr_channels; i++)
		busy = channel_busy(&d->channels[i]) || busy;
	return !busy;
}

/* A backend that dies is seen at its event channels. */
static unsigned life_fds(struct front *f, struct pollfd *fds)
{
	struct tandem_disk *d = disk_of(f);

	for (unsigned i = 0; i < d->nr_channels; i++) {
		struct channel *ch = &d->channels[i];

		fds[i] = (struct pollfd){ .fd = atomic_load(&ch->evtchn_dead)
							? -1
							: ch->evtchn->fd };
	}
	return d->nr_channels;
}

static void life_woken(struct front *f, const struct pollfd *fds, unsigned n)
{
	struct tandem_disk *d = disk_of(f);

	for (unsigned i = 0; i < n; i++) {
		struct channel *ch = &d->channels[i];

		if (!fds[i].revents)
			continue;
		qlock_lock(&ch->lock);
		channel_ack(ch);
		channel_wake(ch);
		qlock_unlock(&ch->lock);
	}
}

const struct front_ops disk_front_ops = {
	.type = "vbd",
	.what = "disk",
	.server = "tandem-blkback",
	.name = disk_name,
	.publish = life_publish,
	.drop = life_drop,
	.connect = life_connect,
	.changed = life_changed,
	.lose = life_lose,
	.cut = life_cut,
	.detach = life_detach,
	.drained = life_drained,
	.overdue = life_overdue,
	.die = life_die,
	.fds = life_fds,
	.woken = life_woken,
};
