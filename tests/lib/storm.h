/* SPDX-License-Identifier: MIT */
/* A peer that does one thing as often as it can, and what that costs the other. */
#ifndef TANDEM_TESTS_LIB_STORM_H
#define TANDEM_TESTS_LIB_STORM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct storm {
	void (*hit)(void *arg);
	void *arg;
	atomic_bool stop;
	unsigned long count;
	pthread_t thread;
};

/* Calls hit(arg) on a thread, again and again. */
void storm_start(struct storm *s, void (*hit)(void *arg), void *arg);
/* Ends it; how often it was. */
unsigned long storm_stop(struct storm *s);

/* Seconds of CPU that the thread has taken. */
double storm_cpu(pthread_t thread);

#endif
