/* SPDX-License-Identifier: MIT */
/* Devices of one kind in this domain's backend directory. */
#include "backends/xenbus.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backends/xenbus_int.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"
#include "hv/base/num.h"

#define XENBUS_LOG_BUDGET 50 /* lines about one device */
#define XENBUS_ROUND	  64 /* events: then whatever else the loop has */

struct xenbus {
	struct plat *plat;
	struct evloop *loop;
	struct evsource *source;
	struct xenbus_driver drv;
	void (*lost)(void *arg);
	char dir[64]; /* backend/vbd */
	struct xenbus_device *devices;
	bool rescan; /* a device's place has become free */
};

struct plat *xenbus_plat(const struct xenbus *bus)
{
	return bus->plat;
}

struct xenbus_device *xenbus_first(const struct xenbus *bus)
{
	return bus->devices;
}

/* ---------------------------------------------------------------- devices */

static struct xenbus_device *xenbus_find(struct xenbus *bus, domid_t fe, uint32_t devid)
{
	struct xenbus_device *d;

	for (d = bus->devices; d; d = d->next)
		if (d->frontend == fe && d->devid == devid)
			return d; /* also one that is going: its successor waits */
	return NULL;
}

/* The frontend's state, and the other key that its kind wants to hear of. */
static int xenbus_watch_fe(struct xenbus_device *dev, bool on)
{
	const char *keys[2] = { "state", dev->bus->drv.fe_key };
	char token[64];
	int err = 0;

	snprintf(token, sizeof(token), "fe/%u/%u", dev->frontend, dev->devid);
	for (int i = 0; i < 2 && keys[i] && !err; i++) {
		cleanup_free char *path = xenbus_path(dev->fe_path, keys[i]);

		if (!path)
			return -ENOMEM;
		err = on ? xenstore_watch(dev->bus->plat, path, token)
			 : xenstore_unwatch(dev->bus->plat, path, token);
	}
	return err;
}

void xenbus_device_free(struct xenbus_device *dev)
{
	struct xenbus_device **p;

	for (p = &dev->bus->devices; *p && *p != dev; p = &(*p)->next)
		;
	if (*p) {
		*p = dev->next;
		dev->bus->rescan = true;
	}
	if (dev->fe_path)
		/* cannot fail in a way that matters: a stray event finds nothing */
		(void)xenbus_watch_fe(dev, false);
	free(dev->path);
	free(dev->fe_path);
}

static enum xenbus_state xenbus_state_of(struct xenbus *bus, const char *dir)
{
	cleanup_free char *s = xenbus_read(bus, dir, "state");
	uint64_t n;

	if (!s || num_parse_u64(s, XenbusStateReconfigured, &n))
		return XenbusStateUnknown;
	return (enum xenbus_state)n;
}

/* Reads what others may have written. */
static void xenbus_refresh(struct xenbus_device *dev)
{
	uint64_t online = 0;

	dev->state = xenbus_state_of(dev->bus, dev->path);
	dev->fe_state = xenbus_state_of(dev->bus, dev->fe_path);
	dev->online = !xenbus_get_num(dev, "online", 1, &online) && online == 1;
}

/* The frontend's directory must be the frontend's. */
static bool xenbus_fe_path_ok(const char *path, domid_t fe)
{
	char prefix[64];
	int n = snprintf(prefix, sizeof(prefix), "/local/domain/%u/", fe);

	return !strncmp(path, prefix, (size_t)n) && !strstr(path, "//");
}

static int xenbus_device_init(struct xenbus *bus, struct xenbus_device *dev, domid_t fe,
			      uint32_t devid)
{
	int err;

	dev->bus = bus;
	dev->frontend = fe;
	dev->devid = devid;
	dev->log_budget = XENBUS_LOG_BUDGET;
	if (asprintf(&dev->path, "%s/%u/%u", bus->dir, fe, devid) < 0) {
		dev->path = NULL;
		return -ENOMEM;
	}
	dev->fe_path = xenbus_get(dev, "frontend");
	if (!dev->fe_path)
		return -ENOENT; /* half made: its last key will tell */
	if (!xenbus_fe_path_ok(dev->fe_path, fe)) {
		log_warn("%s: frontend=%s is not below /local/domain/%u", dev->path,
			 dev->fe_path, fe);
		return -EINVAL;
	}
	err = xenbus_watch_fe(dev, true);
	if (!err)
		err = xenbus_printf(dev, XENBUS_MARK, "%d", (int)getpid());
	if (err && err != -ENOENT) /* removed meanwhile */
		log_warn("%s: cannot be taken: %s", dev->path, strerror(-err));
	return err;
}

static void xenbus_probe(struct xenbus *bus, domid_t fe, uint32_t devid)
{
	struct xenbus_device *dev = bus->drv.probe(bus->drv.arg);

	if (!dev)
		return;
	if (xenbus_device_init(bus, dev, fe, devid)) {
		/* not linked yet: free what init made */
		xenbus_device_free(dev);
		free(dev);
		return;
	}
	dev->next = bus->devices;
	bus->devices = dev;
	xenbus_refresh(dev);
	bus->drv.start(dev);
}

static bool xenbus_has(struct xenbus *bus, domid_t fe, uint32_t devid, const char *key)
{
	cleanup_free char *dir = NULL;
	cleanup_free char *value = NULL;

	if (asprintf(&dir, "%s/%u/%u", bus->dir, fe, devid) < 0) {
		dir = NULL;
		return true;
	}
	value = xenbus_read(bus, dir, key);
	return value != NULL;
}

static void xenbus_remove(struct xenbus_device *dev)
{
	if (dev->going)
		return;
	dev->going = true;
	dev->bus->drv.removed(dev);
}

/* Something below backend/TYPE/FE/DEVID changed; rest: what, or "". */
static void xenbus_device_event(struct xenbus *bus, domid_t fe, uint32_t devid,
				const char *rest)
{
	struct xenbus_device *dev = xenbus_find(bus, fe, devid);

	if (dev && dev->going)
		return;
	if (dev && !xenbus_has(bus, fe, devid, XENBUS_MARK)) {
		xenbus_remove(dev);
		return; /* its successor, if any, is found by the scan after it */
	}
	if (!dev) {
		if (xenbus_has(bus, fe, devid, "frontend"))
			xenbus_probe(bus, fe, devid);
	} else if (!*rest || !strcmp(rest, "state") || !strcmp(rest, "online")) {
		xenbus_refresh(dev);
		bus->drv.update(dev);
	} else {
		bus->drv.key(dev, rest);
	}
}

/* Everything there is, and everything that is no more. */
static void xenbus_scan(struct xenbus *bus)
{
	cleanup_free char **fes = NULL;
	struct xenbus_device *d, *next;
	char path[96];
	uint32_t nfe = 0;
	uint64_t fe, id;

	for (d = bus->devices; d; d = next) {
		next = d->next;
		if (!xenbus_has(bus, d->frontend, d->devid, XENBUS_MARK))
			xenbus_remove(d);
	}
	if (xenstore_directory(bus->plat, XENSTORE_NO_TX, bus->dir, &fes, &nfe))
		return;
	for (uint32_t i = 0; i < nfe; i++) {
		cleanup_free char **ids = NULL;
		uint32_t n = 0;

		if (num_parse_u64(fes[i], DOMID_FIRST_RESERVED - 1, &fe))
			continue;
		snprintf(path, sizeof(path), "%s/%" PRIu64, bus->dir, fe);
		if (xenstore_directory(bus->plat, XENSTORE_NO_TX, path, &ids, &n))
			continue;
		for (uint32_t j = 0; j < n; j++)
			if (!num_parse_u64(ids[j], UINT32_MAX, &id))
				xenbus_device_event(bus, (domid_t)fe, (uint32_t)id, "");
	}
}

/* ----------------------------------------------------------------- events */

static void xenbus_backend_event(struct xenbus *bus, const char *path)
{
	size_t len = strlen(bus->dir);
	unsigned fe, devid;
	int used = 0;

	if (strncmp(path, bus->dir, len))
		return;
	if (sscanf(path + len, "/%u/%u%n", &fe, &devid, &used) == 2 &&
	    fe < DOMID_FIRST_RESERVED) {
		const char *rest = path + len + used;

		xenbus_device_event(bus, (domid_t)fe, devid, *rest ? rest + 1 : rest);
	} else {
		xenbus_scan(bus);
	}
}

static void xenbus_frontend_event(struct xenbus *bus, const char *token)
{
	struct xenbus_device *dev;
	unsigned fe, devid;

	if (sscanf(token, "fe/%u/%u", &fe, &devid) != 2)
		return;
	dev = xenbus_find(bus, (domid_t)fe, devid);
	if (!dev || dev->going)
		return;
	xenbus_refresh(dev);
	bus->drv.update(dev);
}

void xenbus_poll(struct xenbus *bus)
{
	char *path, *token;
	int err, left = XENBUS_ROUND;

	if (!bus->source)
		return;
	do {
		if (bus->rescan) {
			bus->rescan = false;
			xenbus_scan(bus);
		}
		while (left && !(err = xenstore_next_event(bus->plat, &path, &token))) {
			if (!strcmp(token, "be"))
				xenbus_backend_event(bus, path);
			else
				xenbus_frontend_event(bus, token);
			free(path);
			left--;
		}
		/* a guest may write faster than we read: what is left keeps
		 * xenstore_fd() readable */
	} while (bus->rescan && (!left || err == -EAGAIN));
	if (left && err != -EAGAIN) {
		evloop_del(bus->source);
		bus->source = NULL;
		bus->lost(bus->drv.arg);
	}
}

static void xenbus_events(void *arg, uint32_t events)
{
	(void)events;
	xenbus_poll(arg);
}

int xenbus_new(struct plat *p, struct evloop *loop, const struct xenbus_driver *drv,
	       void (*lost)(void *arg), struct xenbus **out)
{
	struct xenbus *bus = calloc(1, sizeof(*bus));
	int err;

	if (!bus)
		return -ENOMEM;
	bus->plat = p;
	bus->loop = loop;
	bus->drv = *drv;
	bus->lost = lost;
	snprintf(bus->dir, sizeof(bus->dir), "backend/%s", drv->type);
	err = evloop_add(loop, xenstore_fd(p), EPOLLIN, xenbus_events, bus, &bus->source);
	if (err)
		goto free_bus;
	err = xenstore_watch(p, bus->dir, "be");
	if (err)
		goto del_source;
	*out = bus;
	return 0;
del_source:
	evloop_del(bus->source);
free_bus:
	free(bus);
	return err;
}

void xenbus_free(struct xenbus *bus)
{
	if (!bus)
		return;
	if (bus->source)
		evloop_del(bus->source);
	free(bus);
}
