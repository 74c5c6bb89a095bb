/* SPDX-License-Identifier: MIT */
/*
 * A virtual device's two directories in xenstore, written and read with dom0's
 * rights as libxl does; the same for every kind of device. What stands in a
 * guest's or a driver domain's directory is its to change: a path found there is
 * followed only if it is one that we write.
 */
#ifndef TANDEM_TOOLS_DEV_XS_H
#define TANDEM_TOOLS_DEV_XS_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/plat/plat.h"

struct dev_xs {
	struct plat *plat;
	const char *type; /* "vbd", "vif"; static */
	domid_t frontend, backend;
	uint32_t devid;
	char fe_path[80], be_path[80];
};

void dev_xs_init(struct dev_xs *d, struct plat *p, const char *type, domid_t frontend,
		 domid_t backend, uint32_t devid);
/* Finds who serves the guest's device. -ENOENT: nobody; fe_path is valid then. */
int dev_xs_find(struct dev_xs *d, struct plat *p, const char *type, domid_t frontend,
		uint32_t devid);
/* Is there a frontend directory? */
bool dev_xs_exists(const struct dev_xs *d, xenstore_tx_t tx);

/* ------------------------------------------------------------------ writing */

/* Runs fn in a transaction, again if somebody else was faster. What it returned
 * (what failed is not committed); -EAGAIN: somebody always was. */
int dev_xs_transaction(struct plat *p, int (*fn)(xenstore_tx_t tx, void *arg), void *arg);

/* One key of a directory, while *err is 0. */
void dev_xs_put(int *err, struct plat *p, xenstore_tx_t tx, const char *dir,
		const char *key, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/*
 * Makes both directories with the keys that every device has, `state` of the
 * frontend included; the backend's comes last, dev_xs_ready(). -EEXIST: the guest
 * has that device.
 */
int dev_xs_create(const struct dev_xs *d, xenstore_tx_t tx);
/* Writes the backend's state, which starts it. */
void dev_xs_ready(int *err, const struct dev_xs *d, xenstore_tx_t tx);

/* Removes both, and the backend's error. Absent ones are fine. */
int dev_xs_remove(const struct dev_xs *d);
/* Asks the backend to close for good: online=0, state=5. -ENOENT */
int dev_xs_close(const struct dev_xs *d);

/* ------------------------------------------------------------------ reading */

/* The values below are freed by the caller; NULL: absent. */
char *dev_xs_read(const struct dev_xs *d, bool backend, const char *key);
/* A decimal key of the backend's directory, or 0. */
uint64_t dev_xs_number(const struct dev_xs *d, const char *key);
/* The backend's state; XenbusStateUnknown if absent or nonsense. */
int dev_xs_state(const struct dev_xs *d);
/* What the backend says is wrong. */
char *dev_xs_error(const struct dev_xs *d);
void dev_xs_forget_error(const struct dev_xs *d);

/*
 * Waits until done(d, arg) is true, looking each time something in the
 * backend's directory or its error changes. 0, -ETIMEDOUT, -errno.
 */
int dev_xs_wait(const struct dev_xs *d, uint32_t timeout_ms,
		bool (*done)(const struct dev_xs *d, void *arg), void *arg);

#endif
