/* SPDX-License-Identifier: MIT */
/* What the two halves of xenbus share: xenbus.c and xenbus_keys.c. */
#ifndef TANDEM_BACKENDS_XENBUS_INT_H
#define TANDEM_BACKENDS_XENBUS_INT_H

#include "backends/xenbus.h"

/*
 * A key that only we write, first of all: where it is missing, the toolstack
 * has removed the device and made another of the same number meanwhile.
 */
#define XENBUS_MARK "backend-instance"

/* "dir/key", malloc'd. NULL: out of memory. */
char *xenbus_path(const char *dir, const char *key);
/* The key's value, malloc'd, or NULL. */
char *xenbus_read(const struct xenbus *bus, const char *dir, const char *key);

#endif
