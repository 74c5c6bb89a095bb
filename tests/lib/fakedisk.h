/* SPDX-License-Identifier: MIT */
/* A disk for controllers' tests: bytes in memory, and I/Os that end when a test says. */
#ifndef TANDEM_TESTS_LIB_FAKEDISK_H
#define TANDEM_TESTS_LIB_FAKEDISK_H

#include "backends/pc/pcdisk.h"

#define FAKEDISK_BYTES (4u << 20)

struct fakedisk {
	struct pcdisk d; /* first */
	uint8_t *bytes;	 /* a larger disk's come again after FAKEDISK_BYTES */
	uint64_t last;	 /* where the last I/O was */
	struct pcdisk_ios queue;
	uint64_t
		bad; /* the sector of 512 bytes that cannot be read or written; 0: none */
	unsigned reads, writes, flushes, errors;
};

/* Each 4 bytes hold their number. The size is a multiple of 512, and larger ones of
 * FAKEDISK_BYTES. */
struct fakedisk *fakedisk_open(uint64_t size);
/* Drops what is queued. */
void fakedisk_close(struct fakedisk *f);
/* Does and completes all that is queued, and what comes of it. Returns how many. */
unsigned fakedisk_run(struct fakedisk *f);
/* The oldest alone. False: there is none. */
bool fakedisk_step(struct fakedisk *f);

#endif
