/* SPDX-License-Identifier: MIT */
/*
 * Which values may a sector have? Sectors are filled with what says where and
 * when they were written; for each of them stands here every value that a read
 * may return: the last acknowledged ones and those in flight, as of a regular
 * register with several writers. Where two writes overlap in time, either may
 * win; once a read has seen which, with nothing in flight, it stays.
 *
 * Times are ticks: sectors_tick(). The caller locks.
 */
#ifndef TANDEM_TESTS_LIB_SECTORS_H
#define TANDEM_TESTS_LIB_SECTORS_H

#include <stdbool.h>
#include <stdint.h>

#define SECTOR 512u

struct sector_value {
	uint64_t gen; /* 0: zeros */
	uint64_t id;  /* of the I/O */
	uint64_t begin, end, dead;
};

struct sector_set {
	struct sector_value *v;
	uint32_t n, max;
};

struct sectors {
	struct sector_set *set;
	uint64_t nr, now;
	uint64_t horizon; /* no read that began before this is still under way */
};

/* All sectors are zeros. -ENOMEM */
int sectors_init(struct sectors *s, uint64_t nr);
void sectors_free(struct sectors *s);
static inline uint64_t sectors_tick(struct sectors *s)
{
	return ++s->now;
}

/* Write (or, gen 0, discard) number id is in flight; is acknowledged. */
void sectors_begin(struct sectors *s, uint64_t first, uint64_t n, uint64_t gen,
		   uint64_t id);
void sectors_end(struct sectors *s, uint64_t first, uint64_t n, uint64_t id);

/*
 * May a read that began at `since` return gen now? settle: remember that it did.
 * For crashes: `since` is when the last acknowledged flush began.
 */
bool sectors_legal(struct sectors *s, uint64_t sector, uint64_t gen, uint64_t since);
void sectors_settle(struct sectors *s, uint64_t sector, uint64_t gen, uint64_t since);
/* For a message: the values that would have been right. */
void sectors_explain(const struct sectors *s, uint64_t sector, uint64_t since, char *buf,
		     uint32_t len);

/* Contents. run tells one run's from another's; gen is not 0. */
void sector_fill(void *buf, uint64_t run, uint64_t sector, uint64_t gen);
/* NULL and *gen (0: zeros), or what is wrong with it. */
const char *sector_parse(const void *buf, uint64_t run, uint64_t sector, uint64_t *gen);

/* splitmix64 */
uint64_t sectors_random(uint64_t *state);

#endif
