/* SPDX-License-Identifier: MIT */
/*
 * A frontend by hand, and a backend to talk to: for tests that want to see, or
 * break, single ring slots and keys. Over the platform in memory (memplat.h).
 */
#ifndef TANDEM_TESTS_LIB_RAWFRONT_H
#define TANDEM_TESTS_LIB_RAWFRONT_H

#include "backends/block/blkback.h"
#include "ringproto/blkif.h"
#include "tests/lib/rawback.h"

#define RF_DEVID      51712u
#define RF_DATA_PAGES 64u

/* blkback; cfg NULL: the default. */
void rawback_start(struct rawback *rb, const struct blkback_config *cfg);
/* The toolstack's part: both directories of a disk. mode "w" or "r". */
void rawback_attach(struct rawback *rb, unsigned devid, const char *driver,
		    const char *params, const char *mode, const char *options);

struct rawfront {
	struct rawback *rb;
	unsigned devid;
	enum blkif_abi abi;
	struct gnttab_arena *rings, *data; /* data: RF_DATA_PAGES pages */
	struct ring_front ring;
	struct evtchn *ch;
};

/* One queue of 2^order pages; waits for Connected. abi native: no key. */
bool rawfront_connect(struct rawfront *rf, struct rawback *rb, unsigned devid,
		      enum blkif_abi abi, unsigned order, bool persistent);
void rawfront_close(struct rawfront *rf);
/* Pushes one request. */
void rawfront_push(struct rawfront *rf, const struct blkif_req *req);
/* The next response; false after 5 s. */
bool rawfront_response(struct rawfront *rf, struct blkif_response *rsp);
/* Both; the status, or 99 for no answer. */
int rawfront_do(struct rawfront *rf, const struct blkif_req *req);
/* A direct read or write of whole pages of the data arena, from page `page`. */
struct blkif_req rawfront_rw(struct rawfront *rf, int op, uint64_t sector, unsigned page,
			     unsigned pages);

/* Bytes that follow from the seed. */
void rawfront_fill(uint8_t *p, size_t n, uint32_t seed);
/* Writes 8 pages, reads them to others, compares. */
void rawfront_check_rw(struct rawfront *rf);

#endif
