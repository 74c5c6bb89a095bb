/* SPDX-License-Identifier: MIT */
/*
 * A platform in one process's memory, for tests and fuzzing: domains are
 * structs, grants are pointers, xenstore is a list. It keeps plat.h's contract
 * as far as one process can (no isolation, no permissions, transactions commit
 * at once), counts what is mapped, and lets a test write any key or grant entry.
 */
#ifndef TANDEM_TESTS_LIB_MEMPLAT_H
#define TANDEM_TESTS_LIB_MEMPLAT_H

#include "hv/plat/plat_ops.h"

struct memhv;

struct memhv *memhv_new(void);
/* All plats have been closed. */
void memhv_free(struct memhv *hv);
int memplat_open(struct memhv *hv, domid_t domid, struct plat **p);

/* Pages of all domains that are mapped now. */
unsigned memhv_mapped(struct memhv *hv);
/* Makes the n-th next map_refs, map_ring or evtchn_bind fail; 0: none. */
void memhv_fail_map(struct memhv *hv, unsigned n);
/* Every n-th map_refs fails; 0: none. */
void memhv_fail_every(struct memhv *hv, unsigned n);
/* How often the bytes stand in pages that the domain has granted. */
unsigned memhv_search(struct memhv *hv, domid_t owner, const void *what, size_t len);
/* The domain's connections are lost: -ENOTCONN from xenstore from now on. */
void memhv_lose(struct memhv *hv, domid_t domid);

#endif
