/* SPDX-License-Identifier: MIT */
/* A disk's keys in its two directories in xenstore. */
#ifndef TANDEM_TOOLS_DISK_XS_H
#define TANDEM_TOOLS_DISK_XS_H

#include "tools/dev_xs.h"
#include "tools/disk_spec.h"

/* Both directories in one transaction. -EEXIST: the guest has that device. */
int disk_xs_create(const struct dev_xs *d, const struct disk_spec *spec);

#endif
