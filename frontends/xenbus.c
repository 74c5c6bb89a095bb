/* SPDX-License-Identifier: MIT */
/* The front half of xenbus. */
#include "frontends/xenbus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "hv/base/num.h"

#define XENBUS_EVENTS_A_ROUND 4096
#define XENBUS_TX_TRIES	      64
#define XENBUS_TOKEN	      "tandem-front"

int xenbus_fail(struct xenbus_front *x, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->why, sizeof(x->why), fmt, ap);
	va_end(ap);
	return err;
}

static int join(char *buf, const char *dir, const char *key)
{
	int n = snprintf(buf, XENBUS_PATH_MAX, "%s/%s", dir, key);

	return n < 0 || n >= XENBUS_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Reads dir/key as a number; -ENOENT if it is missing. */
static int read_number(struct xenbus_front *x, const char *dir, const char *key,
		       uint64_t max, uint64_t *val)
{
	char path[XENBUS_PATH_MAX];
	cleanup_free char *text = NULL;
	int err = join(path, dir, key);

	if (!err)
		err = xenstore_read(x->plat, XENSTORE_NO_TX, path, &text, NULL);
	if (err == -ENOENT)
		return err;
	if (err)
		return xenbus_fail(x, err, "%s: cannot be read: %s", path,
				   strerror(-err));
	if (num_parse_u64(text, max, val))
		return xenbus_fail(x, -EPROTO,
				   "%s: \"%.40s\" is not a number from 0 to %llu", path,
				   text, (unsigned long long)max);
	return 0;
}

int xenbus_read_u64(struct xenbus_front *x, const char *key, uint64_t def, uint64_t max,
		    uint64_t *val)
{
	int err = read_number(x, x->backend, key, max, val);

	if (err != -ENOENT)
		return err;
	*val = def;
	return 0;
}

int xenbus_read_u32(struct xenbus_front *x, const char *key, uint32_t def, uint32_t max,
		    uint32_t *val)
{
	uint64_t v;
	int err = xenbus_read_u64(x, key, def, max, &v);

	if (!err)
		*val = (uint32_t)v;
	return err;
}

int xenbus_read_flag(struct xenbus_front *x, const char *key, bool *val)
{
	uint64_t v;
	int err = xenbus_read_u64(x, key, 0, UINT32_MAX, &v);

	if (!err)
		*val = v != 0;
	return err;
}

int xenbus_backend_state(struct xenbus_front *x, enum xenbus_state *state)
{
	uint64_t v;
	int err = read_number(x, x->backend, "state", XenbusStateReconfigured, &v);

	*state = XenbusStateUnknown;
	if (err == -ENOENT || err == -EPROTO)
		return 0; /* no state, or one that the protocol does not know */
	if (!err)
		*state = (enum xenbus_state)v;
	return err;
}

int xenbus_backend_online(struct xenbus_front *x, bool *online)
{
	uint64_t v;
	int err = read_number(x, x->backend, "online", UINT32_MAX, &v);

	*online = !err && v != 0;
	return err == -ENOENT || err == -EPROTO ? 0 : err;
}

char *xenbus_backend_error(struct xenbus_front *x)
{
	char path[XENBUS_PATH_MAX];
	char *text = NULL;

	if (join(path, x->backend, "error") ||
	    xenstore_read(x->plat, XENSTORE_NO_TX, path, &text, NULL))
		return NULL;
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return text;
}

int xenbus_write(struct xenbus_front *x, xenstore_tx_t tx, const char *key,
		 const char *value)
{
	char path[XENBUS_PATH_MAX];
	int err = join(path, x->path, key);

	return err ? err : xenstore_write(x->plat, tx, path, value);
}

int xenbus_write_u32(struct xenbus_front *x, xenstore_tx_t tx, const char *key,
		     uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return xenbus_write(x, tx, key, text);
}

int xenbus_remove(struct xenbus_front *x, xenstore_tx_t tx, const char *key)
{
	char path[XENBUS_PATH_MAX];
	int err = join(path, x->path, key);

	if (!err)
		err = xenstore_rm(x->plat, tx, path);
	return err == -ENOENT ? 0 : err;
}

int xenbus_switch_state(struct xenbus_front *x, enum xenbus_state state)
{
	int err = xenbus_write_u32(x, XENSTORE_NO_TX, "state", state);

	if (!err)
		x->state = state;
	return err;
}

int xenbus_transact(struct xenbus_front *x,
		    int (*write)(struct xenbus_front *x, xenstore_tx_t tx, void *arg),
		    void *arg)
{
	xenstore_tx_t tx;
	int err = -EAGAIN;

	for (unsigned i = 0; i < XENBUS_TX_TRIES && err == -EAGAIN; i++) {
		err = xenstore_tx_start(x->plat, &tx);
		if (err)
			break;
		err = write(x, tx, arg);
		if (err)
			/* cannot fail in a way that matters: it is given up */
			(void)xenstore_tx_end(x->plat, tx, false);
		else
			err = xenstore_tx_end(x->plat, tx, true);
	}
	return err;
}

char *xenbus_read_own(struct xenbus_front *x, const char *key)
{
	char path[XENBUS_PATH_MAX];
	char *text = NULL;

	if (join(path, x->path, key) ||
	    xenstore_read(x->plat, XENSTORE_NO_TX, path, &text, NULL))
		return NULL;
	return text;
}

int xenbus_drain_events(struct xenbus_front *x)
{
	int n = 0;

	while (n < XENBUS_EVENTS_A_ROUND) {
		cleanup_free char *path = NULL;
		char *token;
		int err = xenstore_next_event(x->plat, &path, &token);

		if (err == -EAGAIN)
			break;
		if (err)
			return err;
		n++;
	}
	return n;
}

static int watch_backend(struct xenbus_front *x, const char *key, bool on)
{
	char path[XENBUS_PATH_MAX];
	int err = join(path, x->backend, key);

	if (err)
		return err;
	return on ? xenstore_watch(x->plat, path, XENBUS_TOKEN)
		  : xenstore_unwatch(x->plat, path, XENBUS_TOKEN);
}

int xenbus_watch(struct xenbus_front *x, const char *key)
{
	return watch_backend(x, key, true);
}

static int find_backend(struct xenbus_front *x)
{
	char path[XENBUS_PATH_MAX];
	cleanup_free char *backend = NULL;
	uint64_t v;
	int err = join(path, x->path, "backend");

	if (!err)
		err = xenstore_read(x->plat, XENSTORE_NO_TX, path, &backend, NULL);
	if (err)
		return xenbus_fail(x, err, "%s: cannot be read: %s", path,
				   strerror(-err));
	if (backend[0] != '/' || strlen(backend) >= XENBUS_PATH_MAX - 64)
		return xenbus_fail(x, -EPROTO, "%s: \"%.40s\" is not a backend's path",
				   path, backend);
	strcpy(x->backend, backend);
	err = read_number(x, x->path, "backend-id", DOMID_FIRST_RESERVED - 1, &v);
	if (err == -ENOENT)
		return xenbus_fail(x, -EPROTO, "%s/backend-id is missing", x->path);
	if (err)
		return err;
	x->backend_id = (domid_t)v;
	err = read_number(x, x->path, "state", XenbusStateReconfigured, &v);
	x->state = err ? XenbusStateUnknown : (enum xenbus_state)v;
	return 0;
}

int xenbus_front_open(struct xenbus_front *x, struct plat *plat, const char *path)
{
	int err;

	memset(x, 0, sizeof(*x));
	x->plat = plat;
	if (strlen(path) >= sizeof(x->path) - 64)
		return -ENAMETOOLONG;
	strcpy(x->path, path);
	err = find_backend(x);
	if (err)
		goto out;
	err = watch_backend(x, "state", true);
	if (err)
		goto out_watch;
	err = watch_backend(x, "online", true);
	if (!err)
		return 0;
	/* cannot fail in a way that matters: the device is given up */
	(void)watch_backend(x, "state", false);
out_watch:
	xenbus_fail(x, err, "%s: cannot be watched: %s", x->backend, strerror(-err));
out:
	x->plat = NULL;
	return err;
}

void xenbus_front_close(struct xenbus_front *x)
{
	if (!x->plat)
		return;
	/* cannot fail in a way that matters: the connection may be gone already */
	(void)watch_backend(x, "online", false);
	(void)watch_backend(x, "state", false);
	x->plat = NULL;
}
