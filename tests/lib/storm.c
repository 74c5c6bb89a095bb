/* SPDX-License-Identifier: MIT */
/* A peer that does one thing as often as it can. */
#include "tests/lib/storm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void *blow(void *arg)
{
	struct storm *s = arg;

	for (; !atomic_load(&s->stop); s->count++)
		s->hit(s->arg);
	return NULL;
}

void storm_start(struct storm *s, void (*hit)(void *arg), void *arg)
{
	*s = (struct storm){ .hit = hit, .arg = arg };
	assert_int_equal(pthread_create(&s->thread, NULL, blow, s), 0);
}

unsigned long storm_stop(struct storm *s)
{
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	return s->count;
}

double storm_cpu(pthread_t thread)
{
	struct timespec ts;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &ts), 0);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
