/* SPDX-License-Identifier: MIT */
/*
 * A file of which everything that an overlay does to it is recorded, and which is
 * rebuilt as a crash would have left it.
 */
#ifndef TANDEM_TESTS_LIB_CRASHFILE_H
#define TANDEM_TESTS_LIB_CRASHFILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/block/zimage/overlay.h"

#define CRASHFILE_UNIT 512u /* what a crash leaves whole or does not */
#define CRASHFILE_MAX  (256u << 10)

enum crashfile_kind {
	CRASHFILE_WRITE,
	CRASHFILE_PUNCH,
	CRASHFILE_SYNC,
	CRASHFILE_RESIZE
};

struct crashfile_op {
	enum crashfile_kind kind;
	uint64_t off, len;
	uint8_t *data;
};

struct crashfile_image {
	uint8_t bytes[CRASHFILE_MAX];
	size_t size;
};

struct crashfile {
	int fd;
	bool slow_sync; /* others write meanwhile */
	pthread_mutex_t lock;
	struct crashfile_op *op;
	size_t ops;
	struct crashfile_image start; /* before the first operation */
};

/* The file holds *start. It is closed by who is given its descriptor. */
void crashfile_init(struct crashfile *f, const struct crashfile_image *start);
void crashfile_exit(struct crashfile *f);
/* For overlay_open(): any thread. */
struct overlay_io crashfile_io(struct crashfile *f);
/* How many operations there have been. */
size_t crashfile_position(struct crashfile *f);
/* Forgets the operations: what they made is the start. */
void crashfile_restart(struct crashfile *f);

/*
 * The file after a crash at operation n. A kill loses nothing; without power, of
 * what was done since the last finished sync any subset of the units is missing.
 */
void crashfile_crash(const struct crashfile *f, size_t n, bool power,
		     struct crashfile_image *img, uint64_t *random);

/* The next number of a sequence that is the same for the same *state, not 0. */
uint64_t crashfile_random(uint64_t *state);

#endif
