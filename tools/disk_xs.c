/* SPDX-License-Identifier: MIT */
/* Disks in xenstore: making, finding, waiting for and removing them. */
#include "tools/disk_xs.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"
#include "tools/cli.h"

void disk_xs_init(struct disk_xs *d, struct plat *p, domid_t frontend, domid_t backend,
		  uint32_t devid)
{
	*d = (struct disk_xs){
		.plat = p, .frontend = frontend, .backend = backend, .devid = devid
	};
	snprintf(d->fe_path, sizeof(d->fe_path), "/local/domain/%u/device/vbd/%u",
		 frontend, devid);
	snprintf(d->be_path, sizeof(d->be_path), "/local/domain/%u/backend/vbd/%u/%u",
		 backend, frontend, devid);
}

static bool node_exists(struct plat *p, xenstore_tx_t tx, const char *path)
{
	cleanup_free char *value = NULL;

	return !xenstore_read(p, tx, path, &value, NULL);
}

bool disk_xs_exists(const struct disk_xs *d)
{
	return node_exists(d->plat, XENSTORE_NO_TX, d->fe_path);
}

/* ------------------------------------------------------------------- finding */

/* The backend that the guest's own directory names, if it can be true. */
static int find_by_pointer(struct disk_xs *d)
{
	cleanup_free char *id = disk_xs_read(d, false, "backend-id");
	cleanup_free char *path = disk_xs_read(d, false, "backend");
	struct disk_xs named;
	uint64_t n;

	if (!id || !path || cli_parse_number(id, UINT16_MAX, &n))
		return -ENOENT;
	disk_xs_init(&named, d->plat, d->frontend, (domid_t)n, d->devid);
	if (strcmp(path, named.be_path) ||
	    !node_exists(d->plat, XENSTORE_NO_TX, named.be_path))
		return -ENOENT;
	*d = named;
	return 0;
}

/* Whoever has a backend directory for this device. */
static int find_by_search(struct disk_xs *d)
{
	cleanup_free char **ids = NULL;
	uint32_t n;
	int err = xenstore_directory(d->plat, XENSTORE_NO_TX, "/local/domain", &ids, &n);

	for (uint32_t i = 0; !err && i < n; i++) {
		struct disk_xs named;
		uint64_t id;

		if (cli_parse_number(ids[i], UINT16_MAX, &id))
			continue;
		disk_xs_init(&named, d->plat, d->frontend, (domid_t)id, d->devid);
		if (node_exists(d->plat, XENSTORE_NO_TX, named.be_path)) {
			*d = named;
			return 0;
		}
	}
	return err ? err : -ENOENT;
}

int disk_xs_find(struct disk_xs *d, struct plat *p, domid_t frontend, uint32_t devid)
{
	disk_xs_init(d, p, frontend, 0, devid);
	if (!find_by_pointer(d))
		return 0;
	return find_by_search(d);
}

/* ------------------------------------------------------------------ writing */

/* One key of a directory, while *err is 0. */
__attribute__((format(printf, 6, 7))) static void put(int *err, struct plat *p,
						      xenstore_tx_t tx, const char *dir,
						      const char *key, const char *fmt,
						      ...)
{
	cleanup_free char *value = NULL;
	char path[160];
	va_list ap;
	int n;

	if (*err)
		return;
	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0) {
		value = NULL;
		*err = -ENOMEM;
		return;
	}
	snprintf(path, sizeof(path), "%s/%s", dir, key);
	*err = xenstore_write(p, tx, path, value);
}

static int make_dir(struct plat *p, xenstore_tx_t tx, const char *path, domid_t owner,
		    domid_t reader)
{
	char perms[32];
	int err = xenstore_mkdir(p, tx, path);

	snprintf(perms, sizeof(perms), "n%u r%u", owner, reader);
	return err ? err : xenstore_set_perms(p, tx, path, perms);
}

static int write_frontend(const struct disk_xs *d, xenstore_tx_t tx,
			  const struct disk_spec *s)
{
	struct plat *p = d->plat;
	const char *dir = d->fe_path;
	int err = make_dir(p, tx, dir, d->frontend, d->backend);

	put(&err, p, tx, dir, "backend", "%s", d->be_path);
	put(&err, p, tx, dir, "backend-id", "%u", d->backend);
	put(&err, p, tx, dir, "state", "%d", XenbusStateInitialising);
	put(&err, p, tx, dir, "virtual-device", "%u", d->devid);
	put(&err, p, tx, dir, "device-type", "%s", s->cdrom ? "cdrom" : "disk");
	put(&err, p, tx, dir, "trusted", "%d", s->trusted != DISK_NO);
	return err;
}

/* What libxl would write as "type". */
static const char *type_name(const struct disk_spec *s)
{
	if (s->backendtype != DISK_BACKEND_UNKNOWN)
		return disk_backendtype_name(s->backendtype);
	return strcmp(s->driver, "uring") ? s->driver : "phy";
}

static int write_backend(const struct disk_xs *d, xenstore_tx_t tx,
			 const struct disk_spec *s)
{
	struct plat *p = d->plat;
	const char *dir = d->be_path;
	bool discard = s->discard == DISK_UNSET ? s->readwrite : s->discard == DISK_YES;
	int err = make_dir(p, tx, dir, d->backend, d->frontend);

	put(&err, p, tx, dir, "frontend", "%s", d->fe_path);
	put(&err, p, tx, dir, "frontend-id", "%u", d->frontend);
	put(&err, p, tx, dir, "online", "1");
	put(&err, p, tx, dir, "removable", "%d", s->removable);
	put(&err, p, tx, dir, "bootable", "1");
	put(&err, p, tx, dir, "dev", "%s", s->vdev);
	put(&err, p, tx, dir, "type", "%s", type_name(s));
	put(&err, p, tx, dir, "mode", "%s", s->readwrite ? "w" : "r");
	put(&err, p, tx, dir, "device-type", "%s", s->cdrom ? "cdrom" : "disk");
	put(&err, p, tx, dir, "params", "%s", s->target);
	put(&err, p, tx, dir, "driver", "%s", s->driver);
	put(&err, p, tx, dir, "discard-enable", "%d", discard);
	if (s->direct_io_safe || s->direct != DISK_UNSET)
		put(&err, p, tx, dir, "direct-io-safe", "%d", s->direct != DISK_NO);
	if (s->options)
		put(&err, p, tx, dir, "options", "%s", s->options);
	if (s->sector_size)
		put(&err, p, tx, dir, "sector-size-wanted", "%u", s->sector_size);
	if (s->iops)
		put(&err, p, tx, dir, "throttle-iops", "%" PRIu64, s->iops);
	if (s->bps)
		put(&err, p, tx, dir, "throttle-bps", "%" PRIu64, s->bps);
	if (s->burst_ms)
		put(&err, p, tx, dir, "throttle-burst-ms", "%u", s->burst_ms);
	put(&err, p, tx, dir, "state", "%d", XenbusStateInitialising);
	return err;
}

static void error_path(const struct disk_xs *d, const char *leaf, char *buf, size_t size)
{
	snprintf(buf, size, "/local/domain/%u/error/backend/vbd/%u/%u%s", d->backend,
		 d->frontend, d->devid, leaf);
}

/* Removes a node that may be absent. */
static int remove_node(struct plat *p, xenstore_tx_t tx, const char *path)
{
	int err = xenstore_rm(p, tx, path);

	return err == -ENOENT ? 0 : err;
}

static int try_create(const struct disk_xs *d, xenstore_tx_t tx,
		      const struct disk_spec *spec)
{
	char path[128];
	int err;

	if (node_exists(d->plat, tx, d->fe_path))
		return -EEXIST;
	error_path(d, "", path, sizeof(path));
	err = remove_node(d->plat, tx, path);
	if (!err)
		err = remove_node(d->plat, tx, d->be_path);
	if (!err)
		err = write_frontend(d, tx, spec);
	return err ? err : write_backend(d, tx, spec);
}

int disk_xs_create(const struct disk_xs *d, const struct disk_spec *spec)
{
	xenstore_tx_t tx;
	int err;

	do {
		err = xenstore_tx_start(d->plat, &tx);
		if (err)
			return err;
		err = try_create(d, tx, spec);
		if (err) {
			/* cannot fail in a way that matters: nothing was committed */
			(void)xenstore_tx_end(d->plat, tx, false);
			return err;
		}
		err = xenstore_tx_end(d->plat, tx, true);
	} while (err == -EAGAIN);
	return err;
}

/*
 * Removes `path`, and above it the directories that are empty now, up to the
 * domain's own (/local/domain/N).
 */
static int remove_pruned(struct plat *p, xenstore_tx_t tx, const char *path)
{
	char parent[128];
	int err = remove_node(p, tx, path);

	snprintf(parent, sizeof(parent), "%s", path);
	while (!err) {
		cleanup_free char **names = NULL;
		char *slash = strrchr(parent, '/');
		const char *rest = parent;
		uint32_t n;

		*slash = '\0';
		for (int i = 0; rest && i < 3; i++) /* leave /local/domain/N */
			rest = strchr(rest + 1, '/');
		if (!rest)
			break;
		err = xenstore_directory(p, tx, parent, &names, &n);
		if (err || n)
			return err == -ENOENT ? 0 : err;
		err = remove_node(p, tx, parent);
	}
	return err;
}

int disk_xs_remove(const struct disk_xs *d)
{
	char path[128];
	xenstore_tx_t tx;
	int err;

	error_path(d, "", path, sizeof(path));
	do {
		err = xenstore_tx_start(d->plat, &tx);
		if (err)
			return err;
		/* the backend's first: it lets go before it sees the frontend go */
		err = remove_pruned(d->plat, tx, d->be_path);
		if (!err)
			err = remove_pruned(d->plat, tx, d->fe_path);
		if (!err)
			err = remove_pruned(d->plat, tx, path);
		if (err) {
			(void)xenstore_tx_end(d->plat, tx, false);
			return err;
		}
		err = xenstore_tx_end(d->plat, tx, true);
	} while (err == -EAGAIN);
	return err;
}

int disk_xs_close(const struct disk_xs *d)
{
	xenstore_tx_t tx;
	int err;

	do {
		err = xenstore_tx_start(d->plat, &tx);
		if (err)
			return err;
		if (!node_exists(d->plat, tx, d->be_path))
			err = -ENOENT; /* a write would make it anew */
		put(&err, d->plat, tx, d->be_path, "online", "0");
		put(&err, d->plat, tx, d->be_path, "state", "%d", XenbusStateClosing);
		if (err) {
			(void)xenstore_tx_end(d->plat, tx, false);
			return err;
		}
		err = xenstore_tx_end(d->plat, tx, true);
	} while (err == -EAGAIN);
	return err;
}

/* ------------------------------------------------------------------ reading */

char *disk_xs_read(const struct disk_xs *d, bool backend, const char *key)
{
	char path[160], *value;

	snprintf(path, sizeof(path), "%s/%s", backend ? d->be_path : d->fe_path, key);
	return xenstore_read(d->plat, XENSTORE_NO_TX, path, &value, NULL) ? NULL : value;
}

uint64_t disk_xs_number(const struct disk_xs *d, const char *key)
{
	cleanup_free char *s = disk_xs_read(d, true, key);
	uint64_t v;

	return s && !cli_parse_number(s, UINT64_MAX, &v) ? v : 0;
}

int disk_xs_state(const struct disk_xs *d)
{
	uint64_t v = disk_xs_number(d, "state");

	return v <= XenbusStateReconfigured ? (int)v : XenbusStateUnknown;
}

char *disk_xs_error(const struct disk_xs *d)
{
	char path[128], *value = disk_xs_read(d, true, "error");

	if (value)
		return value;
	error_path(d, "/error", path, sizeof(path));
	return xenstore_read(d->plat, XENSTORE_NO_TX, path, &value, NULL) ? NULL : value;
}

void disk_xs_forget_error(const struct disk_xs *d)
{
	char path[160];

	/* cannot fail in a way that matters: an old error would be told again */
	snprintf(path, sizeof(path), "%s/error", d->be_path);
	(void)remove_node(d->plat, XENSTORE_NO_TX, path);
	error_path(d, "", path, sizeof(path));
	(void)remove_node(d->plat, XENSTORE_NO_TX, path);
}

/* ------------------------------------------------------------------ waiting */

static int64_t now_ms(void)
{
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int drain_events(struct plat *p)
{
	char *path, *token;
	int err;

	while (!(err = xenstore_next_event(p, &path, &token)))
		free(path);
	return err == -EAGAIN ? 0 : err;
}

static int wait_loop(const struct disk_xs *d, uint32_t timeout_ms,
		     bool (*done)(const struct disk_xs *d, void *arg), void *arg)
{
	int64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd pfd = { .fd = xenstore_fd(d->plat), .events = POLLIN };
		int64_t left = end - now_ms();
		int err;

		/* events first: what changes after the look wakes the poll */
		err = drain_events(d->plat);
		if (err)
			return err;
		if (done(d, arg))
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, left > 1000 ? 1000 : (int)left) < 0 && errno != EINTR)
			return -errno;
	}
}

int disk_xs_wait(const struct disk_xs *d, uint32_t timeout_ms,
		 bool (*done)(const struct disk_xs *d, void *arg), void *arg)
{
	char path[128];
	int err;

	error_path(d, "", path, sizeof(path));
	err = xenstore_watch(d->plat, d->be_path, "be");
	if (err)
		return err;
	err = xenstore_watch(d->plat, path, "error");
	if (!err)
		err = wait_loop(d, timeout_ms, done, arg);
	/* cannot fail in a way that matters: the connection ends soon */
	(void)xenstore_unwatch(d->plat, path, "error");
	(void)xenstore_unwatch(d->plat, d->be_path, "be");
	return err;
}
