/* SPDX-License-Identifier: MIT */
/* The drivers and kinds of files that the driver contract is tested on. */
#ifndef TANDEM_TESTS_LIB_BLKCASE_H
#define TANDEM_TESTS_LIB_BLKCASE_H

#include <limits.h>

#include "backends/block/blkdrv.h"

/* LOOP: a loop device over a file on disk, with blocks of sector_size. */
enum blkcase_place { PLACE_NONE, PLACE_DISK, PLACE_MEMORY, PLACE_LOOP };

struct blkcase {
	const char *name, *driver, *options;
	enum blkcase_place place; /* of the file; NONE: target is a size */
	bool direct;
	uint32_t sector_size;
};

struct blkcase_dev {
	struct blkdrv *dev;
	char dir[PATH_MAX / 2], path[PATH_MAX]; /* "": none */
	int loop;				/* >= 0: keeps the device */
};

#define BLKCASE_SIZE (16u << 20)

const struct blkcase *blkcase_nth(unsigned i); /* NULL at the end */

/* NULL, or why this case cannot run here. */
const char *blkcase_impossible(const struct blkcase *c);

/* A device of that kind, all zeroes. Fails the test if that cannot be. */
struct blkcase_dev *blkcase_open(const struct blkcase *c);
void blkcase_close(struct blkcase_dev *d);

/* A new directory under $TMPDIR or /tmp (disk), or under /dev/shm. */
void blkcase_mkdir(enum blkcase_place place, char *dir, size_t size);

#endif
