/* SPDX-License-Identifier: MIT */
/* A device's keys: reading them, and writing ours. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backends/xenbus_int.h"
#include "hv/base/cleanup.h"
#include "hv/base/log.h"
#include "hv/base/num.h"

char *xenbus_path(const char *dir, const char *key)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, key) < 0 ? NULL : path;
}

char *xenbus_read(const struct xenbus *bus, const char *dir, const char *key)
{
	cleanup_free char *path = xenbus_path(dir, key);
	char *value = NULL;

	if (!path || xenstore_read(xenbus_plat(bus), XENSTORE_NO_TX, path, &value, NULL))
		return NULL;
	return value;
}

char *xenbus_get(struct xenbus_device *dev, const char *key)
{
	return xenbus_read(dev->bus, dev->path, key);
}

char *xenbus_fe_get(struct xenbus_device *dev, const char *key)
{
	return xenbus_read(dev->bus, dev->fe_path, key);
}

int xenbus_get_num(struct xenbus_device *dev, const char *key, uint64_t max,
		   uint64_t *value)
{
	cleanup_free char *s = xenbus_get(dev, key);

	return s ? num_parse_u64(s, max, value) : -ENOENT;
}

int xenbus_fe_num(struct xenbus_device *dev, const char *key, uint64_t max,
		  uint64_t *value)
{
	cleanup_free char *s = xenbus_fe_get(dev, key);

	return s ? num_parse_u64(s, max, value) : -ENOENT;
}

/*
 * Writes into a device that is still there. The toolstack may remove it at any
 * time, and a plain write would make its directory anew.
 */
static int xenbus_put(struct xenbus_device *dev, xenstore_tx_t tx, const char *key,
		      const char *value)
{
	bool mark = !strcmp(key, XENBUS_MARK);
	cleanup_free char *sign = xenbus_path(dev->path, mark ? "frontend" : XENBUS_MARK);
	cleanup_free char *path = xenbus_path(dev->path, key);
	cleanup_free char *there = NULL;
	int err;

	if (!sign || !path)
		return -ENOMEM;
	err = xenstore_read(xenbus_plat(dev->bus), tx, sign, &there, NULL);
	return err ? err : xenstore_write(xenbus_plat(dev->bus), tx, path, value);
}

/* The keys' values, or `text` instead. */
static int xenbus_put_tx(struct xenbus_device *dev, xenstore_tx_t tx,
			 const struct xenbus_key *keys, uint32_t n, const char *text)
{
	char value[24];
	int err = 0;

	for (uint32_t i = 0; i < n && !err; i++) {
		snprintf(value, sizeof(value), "%" PRIu64, keys[i].value);
		err = xenbus_put(dev, tx, keys[i].name, text ? text : value);
	}
	return err;
}

static int xenbus_put_all(struct xenbus_device *dev, const struct xenbus_key *keys,
			  uint32_t n, const char *text)
{
	struct plat *p = xenbus_plat(dev->bus);
	xenstore_tx_t tx;
	int err;

	do {
		err = xenstore_tx_start(p, &tx);
		if (err)
			return err;
		err = xenbus_put_tx(dev, tx, keys, n, text);
		if (err) {
			/* cannot fail in a way that matters: nothing was written */
			(void)xenstore_tx_end(p, tx, false);
			return err;
		}
		err = xenstore_tx_end(p, tx, true);
	} while (err == -EAGAIN);
	return err;
}

int xenbus_publish(struct xenbus_device *dev, const struct xenbus_key *keys, uint32_t n)
{
	return xenbus_put_all(dev, keys, n, NULL);
}

/* malloc'd, or NULL. */
static __attribute__((format(printf, 1, 0))) char *xenbus_text(const char *fmt,
							       va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

int xenbus_printf(struct xenbus_device *dev, const char *key, const char *fmt, ...)
{
	const struct xenbus_key k = { key, 0 };
	cleanup_free char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	value = xenbus_text(fmt, ap);
	va_end(ap);
	return value ? xenbus_put_all(dev, &k, 1, value) : -ENOMEM;
}

void xenbus_error(struct xenbus_device *dev, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xenbus_text(fmt, ap);
	va_end(ap);
	if (!text)
		return;
	/* the frontend may cause as many as it likes */
	log_limited(&dev->log_budget, LOG_WARN, "%s: %s%s", dev->path, text,
		    dev->log_budget == 1 ? " (no more of this device)" : "");
	/* cannot fail in a way that matters: it is told on stderr already */
	(void)xenbus_printf(dev, "error", "%s", text);
}

int xenbus_switch(struct xenbus_device *dev, enum xenbus_state state)
{
	int err;

	if (dev->state == state)
		return 0;
	if (!xenbus_move_ok(dev->state, state)) {
		log_err("%s: no way from %s to %s", dev->path,
			xenbus_state_name(dev->state), xenbus_state_name(state));
		return -EINVAL;
	}
	log_dbg("%s: %s", dev->path, xenbus_state_name(state));
	err = xenbus_printf(dev, "state", "%d", (int)state);
	if (!err)
		dev->state = state;
	return err;
}
