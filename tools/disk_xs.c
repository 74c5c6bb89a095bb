/* SPDX-License-Identifier: MIT */
/* The keys of a disk, as libxl writes them, and tandem's own. */
#include "tools/disk_xs.h"

#include <inttypes.h>
#include <string.h>

struct creation {
	const struct dev_xs *d;
	const struct disk_spec *spec;
};

static void write_frontend(int *err, const struct dev_xs *d, xenstore_tx_t tx,
			   const struct disk_spec *s)
{
	struct plat *p = d->plat;
	const char *dir = d->fe_path;

	dev_xs_put(err, p, tx, dir, "virtual-device", "%u", d->devid);
	dev_xs_put(err, p, tx, dir, "device-type", "%s", s->cdrom ? "cdrom" : "disk");
	dev_xs_put(err, p, tx, dir, "trusted", "%d", s->trusted != DISK_NO);
}

/* What libxl would write as "type". */
static const char *type_name(const struct disk_spec *s)
{
	if (s->backendtype != DISK_BACKEND_UNKNOWN)
		return disk_backendtype_name(s->backendtype);
	return strcmp(s->driver, "uring") ? s->driver : "phy";
}

static void write_backend(int *err, const struct dev_xs *d, xenstore_tx_t tx,
			  const struct disk_spec *s)
{
	struct plat *p = d->plat;
	const char *dir = d->be_path;
	bool discard = s->discard == DISK_UNSET ? s->readwrite : s->discard == DISK_YES;

	dev_xs_put(err, p, tx, dir, "removable", "%d", s->removable);
	dev_xs_put(err, p, tx, dir, "bootable", "1");
	dev_xs_put(err, p, tx, dir, "dev", "%s", s->vdev);
	dev_xs_put(err, p, tx, dir, "type", "%s", type_name(s));
	dev_xs_put(err, p, tx, dir, "mode", "%s", s->readwrite ? "w" : "r");
	dev_xs_put(err, p, tx, dir, "device-type", "%s", s->cdrom ? "cdrom" : "disk");
	dev_xs_put(err, p, tx, dir, "params", "%s", s->target);
	dev_xs_put(err, p, tx, dir, "driver", "%s", s->driver);
	dev_xs_put(err, p, tx, dir, "discard-enable", "%d", discard);
	if (s->direct_io_safe || s->direct != DISK_UNSET)
		dev_xs_put(err, p, tx, dir, "direct-io-safe", "%d", s->direct != DISK_NO);
	if (s->options)
		dev_xs_put(err, p, tx, dir, "options", "%s", s->options);
	if (s->sector_size)
		dev_xs_put(err, p, tx, dir, "sector-size-wanted", "%u", s->sector_size);
	if (s->iops)
		dev_xs_put(err, p, tx, dir, "throttle-iops", "%" PRIu64, s->iops);
	if (s->bps)
		dev_xs_put(err, p, tx, dir, "throttle-bps", "%" PRIu64, s->bps);
	if (s->burst_ms)
		dev_xs_put(err, p, tx, dir, "throttle-burst-ms", "%u", s->burst_ms);
}

static int create(xenstore_tx_t tx, void *arg)
{
	const struct creation *c = arg;
	int err = dev_xs_create(c->d, tx);

	write_frontend(&err, c->d, tx, c->spec);
	write_backend(&err, c->d, tx, c->spec);
	dev_xs_ready(&err, c->d, tx);
	return err;
}

int disk_xs_create(const struct dev_xs *d, const struct disk_spec *spec)
{
	struct creation c = { d, spec };

	return dev_xs_transaction(d->plat, create, &c);
}
