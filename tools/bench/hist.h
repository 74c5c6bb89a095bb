/* SPDX-License-Identifier: MIT */
/*
 * A latency histogram: powers of two, each cut into 64 equal parts, so that a
 * quantile is off by less than 1.6 %. Nanoseconds.
 */
#ifndef TANDEM_TOOLS_BENCH_HIST_H
#define TANDEM_TOOLS_BENCH_HIST_H

#include <stdint.h>

#define HIST_SUB 64u /* parts of a power of two */
#define HIST_LOG 6u

struct hist {
	uint64_t n, sum, max;
	uint64_t bucket[(64 - HIST_LOG + 1) * HIST_SUB];
};

static inline unsigned hist_index(uint64_t ns)
{
	unsigned shift;

	if (ns < HIST_SUB)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - HIST_LOG;
	return (shift + 1) * HIST_SUB + (unsigned)(ns >> shift) - HIST_SUB;
}

/* The middle of bucket i. */
static inline double hist_value(unsigned i)
{
	const unsigned shift = i < HIST_SUB ? 0 : i / HIST_SUB - 1;

	if (i < HIST_SUB)
		return i;
	return ((double)(HIST_SUB + i % HIST_SUB) + 0.5) * (double)(1ull << shift);
}

static inline void hist_add(struct hist *h, uint64_t ns)
{
	h->n++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
	h->bucket[hist_index(ns)]++;
}

static inline double hist_mean(const struct hist *h)
{
	return h->n ? (double)h->sum / (double)h->n : 0;
}

static inline double hist_quantile(const struct hist *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->n), seen = 0;

	for (unsigned i = 0; i < sizeof(h->bucket) / sizeof(h->bucket[0]); i++) {
		seen += h->bucket[i];
		if (seen > want)
			return hist_value(i);
	}
	return (double)h->max;
}

#endif
