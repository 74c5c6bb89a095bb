/* SPDX-License-Identifier: MIT */
/* The time since some start, which never goes back: for how long something takes. */
#ifndef TANDEM_HV_BASE_CLOCK_H
#define TANDEM_HV_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	/* cannot fail: every Linux has that clock */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Signed, for differences that may be. */
static inline int64_t clock_ms(void)
{
	return (int64_t)(clock_ns() / 1000000u);
}

#endif
