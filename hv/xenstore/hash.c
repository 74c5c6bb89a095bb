/* SPDX-License-Identifier: MIT */
/* The seeded hash of every table in xenstore. */
#include "hv/xenstore/hash.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

unsigned xs_hash(const void *key, size_t len)
{
	static uint64_t seed;
	static bool seeded;

	if (!seeded) {
		/* no entropy yet: the seed is then a known one, nothing worse */
		(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
		seeded = true;
	}
	return (unsigned)XXH3_64bits_withSeed(key, len, seed);
}
