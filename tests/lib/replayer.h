/* SPDX-License-Identifier: MIT */
/*
 * The writing end of a vif's replay by hand (ringproto/capring.h): pages, a channel
 * and keys of the toolstack's, for tests that write what they like.
 */
#ifndef TANDEM_TESTS_LIB_REPLAYER_H
#define TANDEM_TESTS_LIB_REPLAYER_H

#include "ringproto/capring.h"
#include "tests/lib/rawback.h"

#define REPLAYER_PAGES	 17u
#define REPLAYER_SNAPLEN 65535u

struct replayer {
	struct rawback *rb;
	unsigned devid;
	struct gnttab_arena *arena;
	struct evtchn *ch;
	struct capring_writer w;
};

void replayer_open(struct replayer *r, struct rawback *rb, unsigned devid);
/* The backend is told nothing. */
void replayer_close(struct replayer *r);

/* Writes the keys, `state` last; waits for the backend's answer and returns it (-1:
 * none within 10 s). */
long replayer_ask(struct replayer *r);
/* Waits until the backend answers so (10 s). */
bool replayer_wait(struct replayer *r, long state);
/* Waits until none of the pages is mapped (10 s). */
bool replayer_released(struct replayer *r);
/* The backend has said why not. */
bool replayer_has_error(struct replayer *r);

/* A packet of `len` bytes that follow from the seed; false: no room. */
bool replayer_put(struct replayer *r, uint32_t len, uint32_t seed);
/* Is it that packet? */
bool replayer_is(const uint8_t *bytes, uint32_t len, uint32_t seed);
/* Bytes of the ring that were not read. */
uint64_t replayer_unread(const struct replayer *r);
/* A record's header as it is, at `prod`, which moves on by `by`. */
void replayer_raw(struct replayer *r, const struct capring_record *rec, uint64_t by);

#endif
