/* SPDX-License-Identifier: MIT */
/*
 * The front half of xenbus: one device's keys in xenstore, its state, and what
 * the other end says. Strict about what it reads: the backend wrote it.
 *
 * Threads: one at a time.
 */
#ifndef TANDEM_FRONTENDS_XENBUS_H
#define TANDEM_FRONTENDS_XENBUS_H

#include "hv/plat/plat.h"
#include "ringproto/xenbus.h"

#define XENBUS_PATH_MAX 256
#define XENBUS_WHY_MAX	512

struct xenbus_front {
	struct plat *plat;
	char path[XENBUS_PATH_MAX];    /* own directory, relative to the domain */
	char backend[XENBUS_PATH_MAX]; /* the backend's, absolute */
	domid_t backend_id;
	enum xenbus_state state;  /* our own, as last written */
	char why[XENBUS_WHY_MAX]; /* what went wrong last, for the person */
};

/*
 * Takes up the device "device/<type>/<devid>": finds its backend and watches
 * that end's state. -ENOENT no such device, -EPROTO keys make no sense.
 */
int xenbus_front_open(struct xenbus_front *x, struct plat *plat, const char *path);
void xenbus_front_close(struct xenbus_front *x);

/* Notes what went wrong and returns err. */
int xenbus_fail(struct xenbus_front *x, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The other end's state; XenbusStateUnknown if it has none or an invalid one. */
int xenbus_backend_state(struct xenbus_front *x, enum xenbus_state *state);
/* `online`: does the toolstack want the device to live on? */
int xenbus_backend_online(struct xenbus_front *x, bool *online);

/* A number of the backend's, or `def` if the key is missing. Anything but
 * decimal digits, or more than max: -EPROTO. */
int xenbus_read_u64(struct xenbus_front *x, const char *key, uint64_t def, uint64_t max,
		    uint64_t *val);
int xenbus_read_u32(struct xenbus_front *x, const char *key, uint32_t def, uint32_t max,
		    uint32_t *val);
/* A feature key: present and not 0. */
int xenbus_read_flag(struct xenbus_front *x, const char *key, bool *val);

/* What the backend says is wrong (its key `error`), or NULL. Freed by the caller. */
char *xenbus_backend_error(struct xenbus_front *x);

/* Keys of ours, within a transaction or without. */
int xenbus_write(struct xenbus_front *x, xenstore_tx_t tx, const char *key,
		 const char *value);
int xenbus_write_u32(struct xenbus_front *x, xenstore_tx_t tx, const char *key,
		     uint32_t value);
/* Removes a key of ours; a missing one is fine. */
int xenbus_remove(struct xenbus_front *x, xenstore_tx_t tx, const char *key);
int xenbus_switch_state(struct xenbus_front *x, enum xenbus_state state);
/* What write() writes, in one transaction; it may be called again. */
int xenbus_transact(struct xenbus_front *x,
		    int (*write)(struct xenbus_front *x, xenstore_tx_t tx, void *arg),
		    void *arg);
/* A key of ours as text, freed by the caller; NULL if there is none. */
char *xenbus_read_own(struct xenbus_front *x, const char *key);
/* Looks for changes of another key of the backend's, as long as the plat is open. */
int xenbus_watch(struct xenbus_front *x, const char *key);

/*
 * Takes all watch events that are there, at most a bounded number. Returns how
 * many, or -ENOTCONN.
 */
int xenbus_drain_events(struct xenbus_front *x);

#endif
