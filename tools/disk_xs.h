/* SPDX-License-Identifier: MIT */
/*
 * A disk's two directories in xenstore, written and read with dom0's rights as
 * libxl does. What stands in a guest's or a driver domain's directory is its
 * to change: a path found there is followed only if it is one that we write.
 */
#ifndef TANDEM_TOOLS_DISK_XS_H
#define TANDEM_TOOLS_DISK_XS_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/plat/plat.h"
#include "tools/disk_spec.h"

struct disk_xs {
	struct plat *plat;
	domid_t frontend, backend;
	uint32_t devid;
	char fe_path[80], be_path[80];
};

void disk_xs_init(struct disk_xs *d, struct plat *p, domid_t frontend, domid_t backend,
		  uint32_t devid);
/* Finds who serves the guest's device. -ENOENT: nobody; fe_path is valid then. */
int disk_xs_find(struct disk_xs *d, struct plat *p, domid_t frontend, uint32_t devid);
/* Is there a frontend directory? */
bool disk_xs_exists(const struct disk_xs *d);

/* Both directories in one transaction. -EEXIST: the guest has that device. */
int disk_xs_create(const struct disk_xs *d, const struct disk_spec *spec);
/* Removes both, and the backend's error. Absent ones are fine. */
int disk_xs_remove(const struct disk_xs *d);
/* Asks the backend to close for good: online=0, state=5. -ENOENT */
int disk_xs_close(const struct disk_xs *d);

/* The values below are freed by the caller; NULL: absent. */
char *disk_xs_read(const struct disk_xs *d, bool backend, const char *key);
/* A decimal key of the backend's directory, or 0. */
uint64_t disk_xs_number(const struct disk_xs *d, const char *key);
/* The backend's state; XenbusStateUnknown if absent or nonsense. */
int disk_xs_state(const struct disk_xs *d);
/* What the backend says is wrong. */
char *disk_xs_error(const struct disk_xs *d);
void disk_xs_forget_error(const struct disk_xs *d);

/*
 * Waits until done(d, arg) is true, looking each time something in the
 * backend's directory or its error changes. 0, -ETIMEDOUT, -errno.
 */
int disk_xs_wait(const struct disk_xs *d, uint32_t timeout_ms,
		 bool (*done)(const struct disk_xs *d, void *arg), void *arg);

#endif
