/* SPDX-License-Identifier: MIT */
/*
 * What the two benchmark clients share, so that they differ in the path alone:
 * the load, the choice of blocks, the clock, and the JSON they print.
 */
#ifndef TANDEM_TOOLS_BENCH_CLIENT_H
#define TANDEM_TOOLS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tools/bench/hist.h"

#define CLIENT_MAX_QD 256u
#define CLIENT_MAX_BS (4u << 20)

struct load {
	unsigned qd;
	size_t bs; /* bytes */
	double seconds;
	bool write, random;
	bool once;	 /* over the device once, sequentially, not for a time */
	uint64_t blocks; /* of the device, or of its part that is used */
	uint64_t next, rnd;
	uint64_t ios, errors;
	struct hist lat;
};

#define LOAD_DEFAULT                                                \
	{                                                           \
		.qd = 32, .bs = 4096, .seconds = 1, .random = true, \
		.rnd = 88172645463325252                            \
	}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	/* cannot fail: the clock exists */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline void load_set_rw(struct load *l, const char *rw)
{
	l->random = !strncmp(rw, "rand", 4);
	l->write = strstr(rw, "write") != NULL;
}

static inline bool load_ok(const struct load *l)
{
	return l->qd && l->qd <= CLIENT_MAX_QD && l->bs >= 512 && l->bs % 512 == 0 &&
	       l->bs <= CLIENT_MAX_BS && l->seconds > 0;
}

/* The next block to use. */
static inline uint64_t load_pick(struct load *l)
{
	if (!l->random)
		return l->next++ % l->blocks;
	l->rnd ^= l->rnd << 13;
	l->rnd ^= l->rnd >> 7;
	l->rnd ^= l->rnd << 17;
	return (uint64_t)((unsigned __int128)l->rnd * l->blocks >> 64);
}

static inline double cpu_seconds(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static inline void load_print(const struct load *l, uint64_t ns, double cpu,
			      uint64_t kicks)
{
	const double s = (double)ns / 1e9;

	printf("{\"rw\": \"%s%s\", \"bs\": %zu, \"qd\": %u, \"seconds\": %.6f, "
	       "\"ios\": %llu, \"iops\": %.1f, \"bytes_per_s\": %.0f, \"cpu_s\": %.6f, "
	       "\"kicks\": %llu, \"errors\": %llu, \"lat_ns\": {\"mean\": %.0f, "
	       "\"p50\": %.0f, \"p99\": %.0f, \"p99.9\": %.0f, \"max\": %llu}}\n",
	       l->random ? "rand" : "", l->write ? "write" : "read", l->bs, l->qd, s,
	       (unsigned long long)l->ios, (double)l->ios / s,
	       (double)l->ios * (double)l->bs / s, cpu, (unsigned long long)kicks,
	       (unsigned long long)l->errors, hist_mean(&l->lat),
	       hist_quantile(&l->lat, 0.5), hist_quantile(&l->lat, 0.99),
	       hist_quantile(&l->lat, 0.999), (unsigned long long)l->lat.max);
}

#endif
