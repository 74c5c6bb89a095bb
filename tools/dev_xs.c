/* SPDX-License-Identifier: MIT */
/* Devices in xenstore: making, finding, waiting for and removing them. */
#include "tools/dev_xs.h"
#include "hv/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "ringproto/xenbus.h"
#include "tools/cli.h"

#define TRANSACTION_TRIES 1000

void dev_xs_init(struct dev_xs *d, struct plat *p, const char *type, domid_t frontend,
		 domid_t backend, uint32_t devid)
{
	*d = (struct dev_xs){ .plat = p,
			      .type = type,
			      .frontend = frontend,
			      .backend = backend,
			      .devid = devid };
	snprintf(d->fe_path, sizeof(d->fe_path), "/local/domain/%u/device/%s/%u",
		 frontend, type, devid);
	snprintf(d->be_path, sizeof(d->be_path), "/local/domain/%u/backend/%s/%u/%u",
		 backend, type, frontend, devid);
}

static bool node_exists(struct plat *p, xenstore_tx_t tx, const char *path)
{
	cleanup_free char *value = NULL;

	return !xenstore_read(p, tx, path, &value, NULL);
}

bool dev_xs_exists(const struct dev_xs *d, xenstore_tx_t tx)
{
	return node_exists(d->plat, tx, d->fe_path);
}

/* ------------------------------------------------------------------- finding */

/* The backend that the guest's own directory names, if it can be true. */
static int find_by_pointer(struct dev_xs *d)
{
	cleanup_free char *id = dev_xs_read(d, false, "backend-id");
	cleanup_free char *path = dev_xs_read(d, false, "backend");
	struct dev_xs named;
	uint64_t n;

	if (!id || !path || cli_parse_number(id, UINT16_MAX, &n))
		return -ENOENT;
	dev_xs_init(&named, d->plat, d->type, d->frontend, (domid_t)n, d->devid);
	if (strcmp(path, named.be_path) ||
	    !node_exists(d->plat, XENSTORE_NO_TX, named.be_path))
		return -ENOENT;
	*d = named;
	return 0;
}

/* Whoever has a backend directory for this device. */
static int find_by_search(struct dev_xs *d)
{
	cleanup_free char **ids = NULL;
	uint32_t n;
	int err = xenstore_directory(d->plat, XENSTORE_NO_TX, "/local/domain", &ids, &n);

	for (uint32_t i = 0; !err && i < n; i++) {
		struct dev_xs named;
		uint64_t id;

		if (cli_parse_number(ids[i], UINT16_MAX, &id))
			continue;
		dev_xs_init(&named, d->plat, d->type, d->frontend, (domid_t)id, d->devid);
		if (node_exists(d->plat, XENSTORE_NO_TX, named.be_path)) {
			*d = named;
			return 0;
		}
	}
	return err ? err : -ENOENT;
}

int dev_xs_find(struct dev_xs *d, struct plat *p, const char *type, domid_t frontend,
		uint32_t devid)
{
	dev_xs_init(d, p, type, frontend, 0, devid);
	if (!find_by_pointer(d))
		return 0;
	return find_by_search(d);
}

/* ------------------------------------------------------------------ writing */

int dev_xs_transaction(struct plat *p, int (*fn)(xenstore_tx_t tx, void *arg), void *arg)
{
	xenstore_tx_t tx;
	int err;

	for (int tries = 0; tries < TRANSACTION_TRIES; tries++) {
		err = xenstore_tx_start(p, &tx);
		if (err)
			return err;
		err = fn(tx, arg);
		if (err) {
			/* cannot fail in a way that matters: nothing was committed */
			(void)xenstore_tx_end(p, tx, false);
			return err;
		}
		err = xenstore_tx_end(p, tx, true);
		if (err != -EAGAIN)
			return err;
	}
	return -EAGAIN; /* some domain writes what fn reads without a pause */
}

void dev_xs_put(int *err, struct plat *p, xenstore_tx_t tx, const char *dir,
		const char *key, const char *fmt, ...)
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

/* A new directory: its owner writes it, the other end reads it. */
static int dev_xs_mkdir(struct plat *p, xenstore_tx_t tx, const char *path, domid_t owner,
			domid_t reader)
{
	char perms[32];
	int err = xenstore_mkdir(p, tx, path);

	snprintf(perms, sizeof(perms), "n%u r%u", owner, reader);
	return err ? err : xenstore_set_perms(p, tx, path, perms);
}

static void error_path(const struct dev_xs *d, const char *leaf, char *buf, size_t size)
{
	snprintf(buf, size, "/local/domain/%u/error/backend/%s/%u/%u%s", d->backend,
		 d->type, d->frontend, d->devid, leaf);
}

/* Removes a node that may be absent. */
static int remove_node(struct plat *p, xenstore_tx_t tx, const char *path)
{
	int err = xenstore_rm(p, tx, path);

	return err == -ENOENT ? 0 : err;
}

int dev_xs_create(const struct dev_xs *d, xenstore_tx_t tx)
{
	const char *fe = d->fe_path, *be = d->be_path;
	struct plat *p = d->plat;
	char path[128];
	int err;

	if (dev_xs_exists(d, tx))
		return -EEXIST;
	error_path(d, "", path, sizeof(path));
	err = remove_node(p, tx, path);
	if (!err)
		err = remove_node(p, tx, be);
	if (!err)
		err = dev_xs_mkdir(p, tx, fe, d->frontend, d->backend);
	dev_xs_put(&err, p, tx, fe, "backend", "%s", be);
	dev_xs_put(&err, p, tx, fe, "backend-id", "%u", d->backend);
	dev_xs_put(&err, p, tx, fe, "state", "%d", XenbusStateInitialising);
	if (!err)
		err = dev_xs_mkdir(p, tx, be, d->backend, d->frontend);
	dev_xs_put(&err, p, tx, be, "frontend", "%s", fe);
	dev_xs_put(&err, p, tx, be, "frontend-id", "%u", d->frontend);
	dev_xs_put(&err, p, tx, be, "online", "1");
	return err;
}

void dev_xs_ready(int *err, const struct dev_xs *d, xenstore_tx_t tx)
{
	dev_xs_put(err, d->plat, tx, d->be_path, "state", "%d", XenbusStateInitialising);
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

static int remove_both(xenstore_tx_t tx, void *arg)
{
	const struct dev_xs *d = arg;
	char path[128];
	int err;

	/* the backend's first: it lets go before it sees the frontend go */
	err = remove_pruned(d->plat, tx, d->be_path);
	if (!err)
		err = remove_pruned(d->plat, tx, d->fe_path);
	error_path(d, "", path, sizeof(path));
	return err ? err : remove_pruned(d->plat, tx, path);
}

int dev_xs_remove(const struct dev_xs *d)
{
	struct dev_xs copy = *d;

	return dev_xs_transaction(d->plat, remove_both, &copy);
}

static int ask_to_close(xenstore_tx_t tx, void *arg)
{
	const struct dev_xs *d = arg;
	int err = 0;

	if (!node_exists(d->plat, tx, d->be_path))
		return -ENOENT; /* a write would make it anew */
	dev_xs_put(&err, d->plat, tx, d->be_path, "online", "0");
	/* a backend that has closed it, as its frontend did, has nothing more to do:
	 * Linux' would not even look */
	if (dev_xs_state(d) == XenbusStateClosed)
		return err;
	dev_xs_put(&err, d->plat, tx, d->be_path, "state", "%d", XenbusStateClosing);
	return err;
}

int dev_xs_close(const struct dev_xs *d)
{
	struct dev_xs copy = *d;

	return dev_xs_transaction(d->plat, ask_to_close, &copy);
}

/* ------------------------------------------------------------------ reading */

char *dev_xs_read(const struct dev_xs *d, bool backend, const char *key)
{
	char path[160], *value;

	snprintf(path, sizeof(path), "%s/%s", backend ? d->be_path : d->fe_path, key);
	return xenstore_read(d->plat, XENSTORE_NO_TX, path, &value, NULL) ? NULL : value;
}

uint64_t dev_xs_number(const struct dev_xs *d, const char *key)
{
	cleanup_free char *s = dev_xs_read(d, true, key);
	uint64_t v;

	return s && !cli_parse_number(s, UINT64_MAX, &v) ? v : 0;
}

int dev_xs_state(const struct dev_xs *d)
{
	uint64_t v = dev_xs_number(d, "state");

	return v <= XenbusStateReconfigured ? (int)v : XenbusStateUnknown;
}

char *dev_xs_error(const struct dev_xs *d)
{
	char path[128], *value = dev_xs_read(d, true, "error");

	if (value)
		return value;
	error_path(d, "/error", path, sizeof(path));
	return xenstore_read(d->plat, XENSTORE_NO_TX, path, &value, NULL) ? NULL : value;
}

void dev_xs_forget_error(const struct dev_xs *d)
{
	char path[160];

	/* cannot fail in a way that matters: an old error would be told again */
	snprintf(path, sizeof(path), "%s/error", d->be_path);
	(void)remove_node(d->plat, XENSTORE_NO_TX, path);
	error_path(d, "", path, sizeof(path));
	(void)remove_node(d->plat, XENSTORE_NO_TX, path);
}

/* ------------------------------------------------------------------ waiting */

static int drain_events(struct plat *p)
{
	char *path, *token;
	int err;

	while (!(err = xenstore_next_event(p, &path, &token)))
		free(path);
	return err == -EAGAIN ? 0 : err;
}

static int wait_loop(const struct dev_xs *d, uint32_t timeout_ms,
		     bool (*done)(const struct dev_xs *d, void *arg), void *arg)
{
	int64_t end = clock_ms() + timeout_ms;

	for (;;) {
		struct pollfd pfd = { .fd = xenstore_fd(d->plat), .events = POLLIN };
		int64_t left = end - clock_ms();
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

int dev_xs_wait(const struct dev_xs *d, uint32_t timeout_ms,
		bool (*done)(const struct dev_xs *d, void *arg), void *arg)
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
