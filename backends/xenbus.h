/* SPDX-License-Identifier: MIT */
/*
 * The back half of xenbus: finds the devices that the toolstack made for this
 * domain, reads and writes their keys, watches the other end. The same for
 * every kind of device. One thread.
 *
 * Values come from other domains: numbers are parsed strictly and bounded.
 */
#ifndef TANDEM_BACKENDS_XENBUS_H
#define TANDEM_BACKENDS_XENBUS_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/base/evloop.h"
#include "hv/plat/plat.h"
#include "ringproto/xenbus.h"

struct xenbus;

/* First member of a device's own struct. */
struct xenbus_device {
	struct xenbus *bus;
	domid_t frontend;
	uint32_t devid;
	char *path;		    /* ours, relative: backend/vbd/1/51712 */
	char *fe_path;		    /* theirs, absolute */
	enum xenbus_state state;    /* as last written by us, or read */
	enum xenbus_state fe_state; /* as last read */
	bool online;
	bool going; /* removed() was called */
	int log_budget;
	struct xenbus_device *next;
};

struct xenbus_driver {
	const char *type; /* "vbd" */
	/* A key of the frontend's that is watched besides its state: update() follows,
	 * too. NULL: none. */
	const char *fe_key;
	/* A device appeared: allocate. NULL: out of memory, it is passed over. */
	struct xenbus_device *(*probe)(void *arg);
	/* Filled in; go. */
	void (*start)(struct xenbus_device *dev);
	/* fe_state, state (by the toolstack) or online may have changed. */
	void (*update)(struct xenbus_device *dev);
	/* Another key of ours was written; name without the path. */
	void (*key)(struct xenbus_device *dev, const char *name);
	/* Its directory is gone, or another device's by now. Called once. The driver
	 * frees with xenbus_device_free(), now or later. */
	void (*removed)(struct xenbus_device *dev);
	void *arg;
};

/* lost: called once when the hypervisor is gone. */
int xenbus_new(struct plat *p, struct evloop *loop, const struct xenbus_driver *drv,
	       void (*lost)(void *arg), struct xenbus **bus);
/* All devices have been freed. */
void xenbus_free(struct xenbus *bus);
/*
 * Handles events that came in while something else waited for a reply: after
 * every round of the loop.
 */
void xenbus_poll(struct xenbus *bus);
struct plat *xenbus_plat(const struct xenbus *bus);
struct xenbus_device *xenbus_first(const struct xenbus *bus);
/* Forgets the device; the caller frees its struct. */
void xenbus_device_free(struct xenbus_device *dev);

/* Writes our state. An illegal move is a bug of ours and -EINVAL. */
int xenbus_switch(struct xenbus_device *dev, enum xenbus_state state);
/*
 * Tells the person: a log line and the device's `error` key. The state is the
 * caller's to change.
 */
void xenbus_error(struct xenbus_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes a key of our directory. */
int xenbus_printf(struct xenbus_device *dev, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A decimal number of our directory. */
struct xenbus_key {
	const char *name;
	uint64_t value;
};
/* Writes n of them in one transaction. */
int xenbus_publish(struct xenbus_device *dev, const struct xenbus_key *keys, uint32_t n);
/* malloc'd string, or NULL. */
char *xenbus_get(struct xenbus_device *dev, const char *key);
/*
 * A decimal number of at most `max`, from our directory or the frontend's.
 * 0; -ENOENT no such key; -EINVAL not such a number.
 */
int xenbus_get_num(struct xenbus_device *dev, const char *key, uint64_t max,
		   uint64_t *value);
int xenbus_fe_num(struct xenbus_device *dev, const char *key, uint64_t max,
		  uint64_t *value);
char *xenbus_fe_get(struct xenbus_device *dev, const char *key);

#endif
