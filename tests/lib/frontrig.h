/* SPDX-License-Identifier: MIT */
/* libtandem on a backend by hand (rawbackend.h): what its tests share. */
#ifndef TANDEM_TESTS_LIB_FRONTRIG_H
#define TANDEM_TESTS_LIB_FRONTRIG_H

#include "frontends/blkfront.h"
#include "tests/lib/rawbackend.h"

#define FRIG_BYTES (8u << 20)

struct frig {
	struct rawbackend be;
	struct tandem_disk *disk;
	struct tandem_queue *q; /* queue 0 */
};

extern const struct rawbe_key frig_limits[]; /* everything, at its largest */
extern const struct rawbe_key frig_props[];  /* 8 MiB, every feature */

/* The backend: its keys (NULL: those above), and its thread. */
void frig_start(struct frig *f, const struct rawbe_key *limits,
		const struct rawbe_key *props);
/* Opens the disk; the caller's assertion if that fails. */
void frig_open(struct frig *f, const struct tandem_opts *opts);
/* What tandem_open() says; its line is checked to be one. */
int frig_try(struct frig *f, const struct tandem_opts *opts);
/* Checks that nothing was malformed and that no page is left mapped. */
void frig_stop(struct frig *f);

void frig_fill(void *buf, size_t len, uint32_t seed);
/* An I/O, submitted. */
void frig_submit(struct tandem_queue *q, struct tandem_io *io, enum tandem_op op,
		 uint64_t offset, void *buf, size_t len);
/* Waits for n completions, 20 s; false: they did not come. */
bool frig_wait(struct tandem_queue *q, unsigned n);
/* Write, read back, compare; memory shifted by `shift`, granted or not. */
void frig_check_io(struct tandem_disk *d, bool granted, size_t shift, size_t len,
		   uint64_t offset);
/* Waits until *reconnects* were counted, 10 s. */
bool frig_wait_reconnects(struct tandem_disk *d, unsigned n);

#endif
