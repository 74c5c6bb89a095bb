/* SPDX-License-Identifier: MIT */
/*
 * uthash for keys that guests choose: seeded once a process, so that nobody can
 * make names that fall into one bucket, and without an exit when memory is
 * short (an element that could not be added has hh.tbl == NULL).
 */
#ifndef TANDEM_HV_XENSTORE_HASH_H
#define TANDEM_HV_XENSTORE_HASH_H

#include <stddef.h>

unsigned xs_hash(const void *key, size_t len);

#define HASH_NONFATAL_OOM		     1
#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = xs_hash((keyptr), (keylen)))
#include <uthash.h>
#include <utlist.h>

#endif
